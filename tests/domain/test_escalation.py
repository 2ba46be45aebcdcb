"""When tiers fall due, which comes first, and what a person's later change forbids them."""

import itertools

import pytest

from servicedesk.domain import sla
from servicedesk.domain.escalation import (
    Cause,
    Do,
    Fired,
    Policy,
    Standing,
    Target,
    Tier,
    When,
    WhenKind,
    Whom,
    answer_by,
    manual_tier,
    next_tier,
    superseded,
    tiers_errors,
)
from servicedesk.domain.sla import Entry, Promise
from servicedesk.domain.tickets import Priority, Status
from servicedesk.domain.times import HOUR, MINUTE, Instant

NINE: Instant = 1_800_000_000_000
LEAD = Whom(kind=Target.LEAD)
MANUAL = When(kind=WhenKind.MANUAL)


def share(percent: int, clock: Promise = Promise.RESOLUTION) -> When:
    return When(kind=WhenKind.SHARE, clock=clock, percent=percent)


def offset(minutes: int) -> When:
    return When(kind=WhenKind.OFFSET, clock=Promise.RESOLUTION, minutes=minutes)


def policy(*moments: When, within: int | None = None) -> Policy:
    """Return a policy whose tiers have the ids 1, 2, 3…; each is to be acknowledged within so many minutes."""
    tiers = (
        Tier(id=n, when=when, whom=LEAD, do=(Do.NOTIFY,), acknowledge_minutes=within)
        for n, when in enumerate(moments, 1)
    )
    return Policy(name="Watch", tiers=tuple(tiers))


def standing(*log: Entry, fired: tuple[Fired, ...] = ()) -> Standing:
    """Return how a ticket of medium priority, of 24 hours, stands; it was opened at nine."""
    entries = [Entry(NINE, Status.NEW, Priority.MEDIUM), *log]
    statuses = [entry for entry in entries if entry.status is not None]
    reopened = sum(
        1
        for before, after in itertools.pairwise(statuses)
        if before.status is Status.RESOLVED and after.status is not Status.RESOLVED
    )
    return Standing(
        clocks=sla.clocks(entries),
        status=statuses[-1].status or Status.NEW,
        status_since=statuses[-1].at,
        cycle=1 + reopened,
        fired=fired,
    )


def due(watch: Policy, stands: Standing) -> tuple[int, int, Cause] | None:
    """Return the next tier: its id, its moment in minutes after nine, and why."""
    coming = next_tier(watch, stands)
    return coming and (coming.tier.id, (coming.due_at - NINE) // MINUTE, coming.cause)


def test_a_share_an_offset_and_a_time_in_a_status_each_have_their_moment() -> None:
    in_status = When(kind=WhenKind.STATUS, status=Status.NEW, minutes=90)

    assert due(policy(share(50)), standing()) == (1, 12 * 60, Cause.TIME)
    assert due(policy(share(150)), standing()) == (1, 36 * 60, Cause.TIME)
    assert due(policy(offset(-30)), standing()) == (1, 23 * 60 + 30, Cause.TIME)
    assert due(policy(offset(15)), standing()) == (1, 24 * 60 + 15, Cause.TIME)
    assert due(policy(in_status), standing()) == (1, 90, Cause.TIME)
    assert due(policy(in_status), standing(Entry(NINE + HOUR, Status.OPEN))) is None


def test_what_falls_due_first_comes_first_and_at_one_moment_what_stands_first() -> None:
    assert due(policy(share(75), share(50)), standing()) == (2, 12 * 60, Cause.TIME)
    assert due(policy(offset(0), share(100)), standing()) == (1, 24 * 60, Cause.TIME)


def test_a_tier_that_fired_does_not_fire_again_in_its_cycle() -> None:
    fired = (Fired(1, 1, None),)
    reopened = (
        Entry(NINE + HOUR, Status.RESOLVED),
        Entry(NINE + 2 * HOUR, Status.OPEN),
    )

    assert due(policy(share(50)), standing(fired=fired)) is None
    # 23 of the 24 hours are left for the second cycle.
    assert due(policy(share(50)), standing(*reopened, fired=fired)) == (1, 2 * 60 + 23 * 30, Cause.TIME)


def test_a_clock_of_questions_has_cycles_of_its_own() -> None:
    asks = sla.Policy(
        "Answers",
        {Priority.MEDIUM: sla.Targets(1 * HOUR, 24 * HOUR, next_response=2 * HOUR)},
        sla.pausing(),
    )
    log = [
        Entry(NINE, Status.NEW, Priority.MEDIUM),
        Entry(NINE + 10 * MINUTE, replied=True),
        Entry(NINE + 20 * MINUTE, asked=True),
        Entry(NINE + 30 * MINUTE, replied=True),
        Entry(NINE + 60 * MINUTE, asked=True),
    ]
    stands = Standing(
        clocks=sla.clocks(log, asks),
        status=Status.OPEN,
        status_since=NINE,
        cycle=1,
        fired=(Fired(1, 1, None),),
    )

    coming = next_tier(policy(share(50, Promise.NEXT_RESPONSE)), stands)

    assert coming is not None
    assert (coming.cycle, coming.due_at) == (2, NINE + 2 * HOUR)


@pytest.mark.parametrize("status", [Status.PENDING, Status.ON_HOLD, Status.RESOLVED, Status.CLOSED])
def test_clocks_that_stand_still_escalate_nothing(status: Status) -> None:
    assert due(policy(share(50), offset(5)), standing(Entry(NINE + HOUR, status))) is None


def test_silence_brings_the_next_tier_whatever_its_own_moment() -> None:
    fired = (Fired(1, 1, NINE + 2 * HOUR),)

    assert due(policy(share(5), share(50)), standing(fired=fired)) == (2, 120, Cause.SILENCE)
    assert due(policy(share(5), MANUAL), standing(fired=fired)) == (2, 120, Cause.SILENCE)
    assert due(policy(share(5), share(6)), standing(fired=fired)) == (2, 86, Cause.TIME)
    assert due(policy(share(5)), standing(fired=fired)) is None
    assert due(policy(share(5), MANUAL), standing(fired=(*fired, Fired(2, 1, None)))) is None


def test_a_tier_that_is_no_longer_in_the_policy_brings_nothing() -> None:
    assert due(policy(MANUAL), standing(fired=(Fired(7, 1, NINE),))) is None


def test_a_person_starts_the_first_tier_for_people_that_has_not_fired() -> None:
    watch = policy(share(50), MANUAL, MANUAL)

    first = manual_tier(watch, standing())
    second = manual_tier(watch, standing(fired=(Fired(2, 1, None),)))

    assert first is not None
    assert first[0].id == 2
    assert second is not None
    assert second[0].id == 3
    assert manual_tier(watch, standing(fired=(Fired(2, 1, None), Fired(3, 1, None)))) is None


def test_a_later_change_forbids_what_would_undo_it() -> None:
    tier = Tier(id=1, when=MANUAL, whom=LEAD, do=(Do.REASSIGN, Do.RAISE_PRIORITY, Do.NOTIFY))

    assert superseded(tier, Cause.TIME, {"title", "status"}) == set()
    assert superseded(tier, Cause.TIME, {"assigned_to"}) == {Do.REASSIGN}
    assert superseded(tier, Cause.TIME, {"priority"}) == {Do.RAISE_PRIORITY}
    assert superseded(tier, Cause.SILENCE, {"title"}) == set()
    assert superseded(tier, Cause.SILENCE, {"status"}) == set(tier.do)


def test_an_answer_is_awaited_only_where_somebody_must_acknowledge() -> None:
    (tier,) = policy(MANUAL, within=15).tiers
    assert answer_by(tier, NINE) == NINE + 15 * MINUTE
    assert answer_by(policy(MANUAL).tiers[0], NINE) is None


def test_two_tiers_cannot_have_one_id() -> None:
    tiers = [Tier(id=n, when=MANUAL, whom=LEAD, do=(Do.NOTIFY,)) for n in (3, 0, 0, 3)]
    assert [error.pointer for error in tiers_errors(tiers, "/tiers")] == ["/tiers/3/id"]

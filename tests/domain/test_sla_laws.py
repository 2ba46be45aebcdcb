"""What holds of every ticket's clocks, whatever its life, its policy and its calendar."""

from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from servicedesk.domain.calendars import ALWAYS, Calendar, Holiday
from servicedesk.domain.sla import (
    PAUSABLE,
    Clock,
    Course,
    Entry,
    Kind,
    Phase,
    Policy,
    Promise,
    State,
    Targets,
    clocks,
    pausing,
    state,
)
from servicedesk.domain.tickets import Priority, Status
from servicedesk.domain.times import HOUR, MINUTE, Instant, parse

START = parse("2026-10-23T07:00:00Z")
"""A Friday morning; clocks are turned on Sunday."""
OFFICE = Calendar(
    "Office",
    "Europe/Berlin",
    (*(((9 * 3600, 12 * 3600), (13 * 3600, 17 * 3600)),) * 5, (), ()),
    (Holiday("2026-10-27", "Closed"), Holiday("2026-10-28", "Half a day", ((0, 12 * 3600),))),
)
NIGHTS = Calendar("Nights", "America/New_York", (((0, 6 * 3600), (22 * 3600, 24 * 3600)),) * 7)

promises = st.one_of(st.none(), st.integers(1, 60 * 60).map(lambda minutes: minutes * MINUTE))
pauses = st.frozensets(st.sampled_from(sorted(PAUSABLE)), max_size=3)
policies = st.builds(
    Policy,
    name=st.just("Drawn"),
    targets=st.dictionaries(st.sampled_from(Priority), st.builds(Targets, promises, promises, promises)),
    pauses=st.dictionaries(st.sampled_from(Promise), pauses),
    calendar=st.sampled_from([ALWAYS, OFFICE, NIGHTS]),
)
steps = st.tuples(
    st.one_of(st.integers(0, 3 * HOUR), st.integers(0, 60).map(lambda hours: hours * HOUR)),
    st.one_of(st.sampled_from(Status), st.sampled_from(Priority), st.sampled_from(["reply", "ask"])),
)


@st.composite
def lives(draw: st.DrawFn) -> list[Entry]:
    log = [Entry(START, Status.NEW, draw(st.sampled_from(Priority)))]
    for later, what in draw(st.lists(steps, max_size=14)):
        log.append(entry(log[-1].at + later, what))
    return log


def entry(at: Instant, what: Any) -> Entry:
    return Entry(
        at,
        what if isinstance(what, Status) else None,
        what if isinstance(what, Priority) else None,
        what == "reply",
        what == "ask",
    )


moments_after = st.integers(0, 200 * HOUR)


@given(lives(), policies, moments_after)
def test_every_receipt_adds_up(log: list[Entry], policy: Policy, later: int) -> None:
    now = log[-1].at + later
    for clock in clocks(log, policy).cycles:
        intervals = clock.intervals(now)

        assert all(before.end == after.start for before, after in pairwise(intervals))
        whole = (clock.met_at or now) - clock.started_at
        assert sum(i.end - i.start for i in intervals) == whole
        assert all(i.start < i.end for i in intervals)
        assert sum(i.end - i.start for i in intervals if i.kind is Kind.COUNTED) == clock.used(now)


@given(lives(), policies, moments_after)
def test_a_promise_is_broken_exactly_if_its_time_was_used_up_before_it_was_met(
    log: list[Entry], policy: Policy, later: int
) -> None:
    now = log[-1].at + later
    for clock in clocks(log, policy).cycles:
        if clock.met_at is not None:
            assert (clock.breach_at is not None) == (clock.met_at > clock.due_at)
            assert clock.used(now) >= clock.target if clock.breach_at else clock.used(now) <= clock.target
        elif clock.is_running:
            assert clock.breach_at == clock.due_at
            if now <= clock.due_at:
                assert clock.used(now) <= clock.target
            else:
                assert clock.used(now) >= clock.target
        if clock.breach_at is not None:
            assert clock.breach_at == clock.due_at


@given(lives(), policies)
def test_a_life_that_is_read_in_two_parts_comes_to_the_same(log: list[Entry], policy: Policy) -> None:
    for cut in range(len(log) + 1):
        course = Course(policy)
        for line in log[:cut]:
            course.follow(line)
        before = course.clocks()
        assert before == clocks(log[:cut], policy)
        for line in log[cut:]:
            course.follow(line)
        assert course.clocks() == clocks(log, policy)


@given(lives(), policies)
def test_a_verdict_stays_whatever_follows(log: list[Entry], policy: Policy) -> None:
    kept: list[Clock] = []
    for cut in range(1, len(log) + 1):
        found = clocks(log[:cut], policy).cycles
        assert all(clock in found for clock in kept)
        kept = [clock for clock in found if clock.met_at is not None]


@given(lives(), policies, st.integers(1, 30 * HOUR))
def test_more_time_is_never_due_earlier(log: list[Entry], policy: Policy, more: int) -> None:
    generous = msgspec.structs.replace(
        policy, targets={priority: longer(targets, more) for priority, targets in policy.targets.items()}
    )

    found, eased = clocks(log, policy).cycles, clocks(log, generous).cycles

    for before, after in zip(found, eased, strict=True):
        assert (before.name, before.cycle) == (after.name, after.cycle)
        assert before.target <= after.target
        assert before.due_at <= after.due_at
        assert before.breach_at is not None or after.breach_at is None


def longer(targets: Targets, more: int) -> Targets:
    given = (targets.first_response, targets.resolution, targets.next_response)
    return Targets(*(None if time is None else time + more for time in given))


@settings(max_examples=300)
@given(lives(), policies, st.integers(0, 100 * HOUR), st.integers(0, 20 * HOUR))
def test_a_pause_moves_what_is_due_by_its_business_time(
    log: list[Entry], policy: Policy, length: int, later: int
) -> None:
    policy = msgspec.structs.replace(policy, pauses=pausing(Status.PENDING))
    now = log[-1].at + later
    before = clocks([*log, entry(now, Status.OPEN)], policy)
    running = [c for c in before.unmet if c.is_running and c.due_at > now]
    # Where nothing runs there is nothing to move; enough of the examples have something.

    paused = [*log, entry(now, Status.OPEN), entry(now, Status.PENDING)]
    after = clocks([*paused, entry(now + length, Status.OPEN)], policy)

    business = policy.calendar.between(now, now + length)
    for clock in running:
        (standing,) = (c for c in clocks(paused, policy).cycles if same(c, clock))
        (moved,) = (c for c in after.cycles if same(c, clock))
        assert (standing.due_at, standing.breach_at) == (clock.due_at, None)
        used = policy.calendar.between
        assert used(clock.due_at, moved.due_at) == business
        assert business == 0 or moved.due_at == policy.calendar.add(clock.due_at, business)


def same(one: Clock, other: Clock) -> bool:
    return (one.name, one.cycle) == (other.name, other.cycle)


@given(lives(), policies)
def test_around_the_clock_it_is_plain_arithmetic(log: list[Entry], policy: Policy) -> None:
    policy = msgspec.structs.replace(policy, calendar=ALWAYS)
    for clock in clocks(log, policy).cycles:
        ran = sum(end - start for start, end in clock.stretches)
        if clock.runs_since is not None:
            assert clock.due_at == clock.runs_since + clock.target - ran or ran > clock.target
        elif clock.met_at is not None and clock.breach_at is None:
            assert clock.due_at == clock.met_at + clock.target - ran


@given(lives(), policies)
def test_a_reopened_ticket_has_what_was_left_but_at_least_a_quarter(log: list[Entry], policy: Policy) -> None:
    now = log[-1].at
    priority = [line.priority for line in log if line.priority][-1]
    found = [c for c in clocks(log, policy).cycles if c.name is Promise.RESOLUTION]
    target = policy.target(Promise.RESOLUTION, priority)
    if target is None or not found or found[-1].met_at is not None:
        return

    # Earlier cycles that a priority without a promise has left no clock of have used time as well.
    everything = msgspec.structs.replace(policy, targets=dict.fromkeys(Priority, Targets(HOUR, HOUR, HOUR)))
    cycles = [c for c in clocks(log, everything).cycles if c.name is Promise.RESOLUTION]
    used = sum(c.used(now) for c in cycles if c.cycle < found[-1].cycle)
    assert found[-1].target == max(target - used, target // 4)


@given(lives(), policies, moments_after)
def test_the_state_follows_from_the_clocks(log: list[Entry], policy: Policy, later: int) -> None:
    found, now = clocks(log, policy), log[-1].at + later
    assume(found.cycles)

    seen = state(found.phase, found.due_at, found.risk_at, found.breach_at, now)

    if any(c.breach_at is not None and c.breach_at < now for c in found.cycles):
        assert seen is State.BREACHED
    elif not found.unmet:
        assert seen is State.MET
    elif not any(c.is_running for c in found.unmet):
        assert seen is State.PAUSED
    else:
        risky = any(c.used(now) * 4 >= c.target * 3 for c in found.unmet if c.is_running)
        assert seen is (State.AT_RISK if risky else State.OK)
    assert (found.phase is Phase.DONE) == found.is_resolved
    assert not (found.unmet and found.is_resolved)
    if found.phase is Phase.RUNNING and found.due_at is not None and seen is not State.BREACHED:
        assert found.due_at >= now


@given(lives(), policies)
def test_a_line_that_is_read_twice_counts_once(log: list[Entry], policy: Policy) -> None:
    doubled = [line for line in log for _ in (1, 2)]

    assert clocks(doubled, policy) == clocks(log, policy)


@given(lives(), policies, st.sampled_from([0, 10, 50, 75, 100, 130]))
def test_at_a_share_so_much_is_used(log: list[Entry], policy: Policy, percent: int) -> None:
    for clock in clocks(log, policy).cycles:
        at = clock.at_share(percent)

        assert (at is None) == (not clock.is_running)
        if at is not None and at >= (clock.runs_since or 0) and percent:
            assert clock.used(at) == max(-(-clock.target * percent // 100), clock.used(clock.runs_since or 0))

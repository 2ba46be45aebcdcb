"""Hand-computed courses of a ticket created at 09:00 on a Monday; hours past 23 are on the days after."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicedesk.domain.sla import STANDARD, Clocks, Entry, Phase, Promise, State, clocks, state
from servicedesk.domain.tickets import Priority, Status
from servicedesk.domain.times import HOUR, MINUTE, Instant, iso, parse

MONDAY = "2026-11-23"


def at(time: str) -> Instant:
    """Return the moment of ``HH:MM`` on Monday; hours past 23 are on the days after."""
    hours, minutes = map(int, time.split(":"))
    return parse(f"{MONDAY}T00:00:00Z") + hours * HOUR + minutes * MINUTE


def course(text: str) -> Iterator[Entry]:
    """Read a log such as ``09:00 new high, 10:00 reply, 10:30 pending``."""
    for line in text.split(","):
        time, *words = line.split()
        yield Entry(
            at(time),
            next((Status(word) for word in words if word in list(Status)), None),
            next((Priority(word) for word in words if word in list(Priority)), None),
            "reply" in words,
        )


def short(moment: Instant | None) -> str:
    """Write a moment as the tables below do."""
    if moment is None:
        return "-"
    minutes = (moment - at("00:00")) // MINUTE
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


CASES = [
    # the course                                                    first  resolve  due    risk   breach phase
    # A fresh ticket of each priority: first answer and solution by the table of targets.
    ("09:00 new critical", "10:00 13:00 10:00 09:45 10:00 running"),
    ("09:00 new high", "11:00 17:00 11:00 10:30 11:00 running"),
    ("09:00 new medium", "17:00 33:00 17:00 15:00 17:00 running"),
    ("09:00 new low", "33:00 81:00 33:00 27:00 33:00 running"),
    # An answer in time leaves the solution as what is due next.
    ("09:00 new critical, 09:30 reply", "10:00 13:00 13:00 12:00 13:00 running"),
    ("09:00 new critical, 10:00 reply", "10:00 13:00 13:00 12:00 13:00 running"),
    # An answer that came late is a breach for good.
    ("09:00 new critical, 10:01 reply", "10:00 13:00 13:00 12:00 10:00 running"),
    # Waiting for the requester: both clocks stand, the due time is that of the pause's beginning.
    ("09:00 new critical, 09:20 pending", "10:00 13:00 10:00 - - paused"),
    ("09:00 new critical, 09:20 pending, 11:20 open", "12:00 15:00 12:00 11:45 12:00 running"),
    ("09:00 new critical, 09:20 on_hold, 11:20 open", "12:00 15:00 12:00 11:45 12:00 running"),
    ("09:00 new critical, 09:20 reply, 10:00 pending, 12:00 open", "10:00 15:00 15:00 14:00 15:00 running"),
    # From one pause into the other is one pause.
    ("09:00 new critical, 09:20 pending, 10:20 on_hold, 11:20 open", "12:00 15:00 12:00 11:45 12:00 running"),
    # Two pauses add up.
    (
        "09:00 new high, 09:10 reply, 10:00 pending, 11:00 open, 12:00 on_hold, 15:00 in_progress",
        "11:00 21:00 21:00 19:00 21:00 running",
    ),
    # A pause that begins at the very minute of the target comes in time; a minute later it does not.
    ("09:00 new critical, 10:00 pending", "10:00 13:00 10:00 - - paused"),
    ("09:00 new critical, 10:01 pending", "10:00 13:00 10:00 - 10:00 paused"),
    ("09:00 new critical, 10:00 pending, 12:00 open", "12:00 15:00 12:00 09:45 12:00 running"),
    # The answer itself may come in a pause.
    ("09:00 new critical, 09:20 pending, 15:00 reply", "15:40 13:00 13:00 - - paused"),
    # A ticket that was born waiting has used nothing.
    ("09:00 pending critical", "10:00 13:00 10:00 - - paused"),
    ("09:00 pending critical, 12:00 open", "13:00 16:00 13:00 12:45 13:00 running"),
    # A raised priority counts from the beginning: it can be too late at once.
    ("09:00 new low, 14:00 critical", "10:00 13:00 10:00 09:45 10:00 running"),
    ("09:00 new low, 09:30 critical", "10:00 13:00 10:00 09:45 10:00 running"),
    # A lowered one gives time back while nothing has been judged yet.
    ("09:00 new critical, 12:00 low", "33:00 81:00 33:00 27:00 33:00 running"),
    # An answer is judged by the priority of its moment, the open promise by the new one.
    ("09:00 new critical, 09:30 reply, 10:00 low", "10:00 81:00 81:00 63:00 81:00 running"),
    ("09:00 new critical, 10:30 reply, 11:00 low", "10:00 81:00 81:00 63:00 10:00 running"),
    ("09:00 new critical, 09:20 pending, 10:00 high", "11:00 17:00 11:00 - - paused"),
    # Resolving ends both clocks, with or without an answer.
    ("09:00 new critical, 09:30 reply, 12:59 resolved", "10:00 13:00 - - - done"),
    ("09:00 new critical, 09:30 resolved", "10:00 13:00 - - - done"),
    ("09:00 new critical, 09:30 closed", "10:00 13:00 - - - done"),
    ("09:00 new critical, 10:30 resolved", "10:00 13:00 - - 10:00 done"),
    ("09:00 new critical, 09:30 reply, 13:30 resolved", "10:00 13:00 - - 13:00 done"),
    ("09:00 new critical, 09:30 reply, 10:00 pending, 20:00 resolved", "10:00 23:00 - - - done"),
    ("09:00 new critical, 09:30 reply, 12:00 resolved, 20:00 closed", "10:00 13:00 - - - done"),
    # A priority that changes after the fact changes no verdict.
    ("09:00 new low, 10:00 reply, 20:00 resolved, 21:00 critical", "33:00 81:00 - - - done"),
    # Reopened after one of four hours: three are left.
    (
        "09:00 new critical, 09:30 reply, 10:00 resolved, 15:00 open",
        "10:00 18:00 18:00 17:15 18:00 running",
    ),
    # Reopened when all was used up: a quarter of the target, and the old breach stays.
    (
        "09:00 new critical, 09:30 reply, 14:00 resolved, 15:00 open",
        "10:00 16:00 16:00 15:45 13:00 running",
    ),
    # Twice reopened: what was left of what was left.
    (
        "09:00 new critical, 09:30 reply, 10:00 resolved, 11:00 open, 12:00 resolved, 20:00 open",
        "10:00 22:00 22:00 21:30 22:00 running",
    ),
    # A reopened ticket pauses like any other, and keeps to the new priority's target from the original start.
    (
        "09:00 new critical, 09:30 reply, 10:00 resolved, 15:00 open, 15:30 pending, 16:30 open",
        "10:00 19:00 19:00 18:15 19:00 running",
    ),
    (
        "09:00 new critical, 09:30 reply, 10:00 resolved, 15:00 open, 15:30 high",
        "10:00 22:00 22:00 20:15 22:00 running",
    ),
    # Closed and reopened never revives the first answer's clock.
    (
        "09:00 new critical, 09:45 closed, 10:00 open",
        "10:00 13:15 13:15 12:26 13:15 running",
    ),
    # Moves between working statuses are no pauses.
    (
        "09:00 new high, 09:30 in_progress, 10:00 reply, 10:10 open, 10:20 in_progress",
        "11:00 17:00 17:00 15:00 17:00 running",
    ),
]


@pytest.mark.parametrize(("log", "outcome"), CASES)
def test_a_hand_computed_course(log: str, outcome: str) -> None:
    found = clocks(course(log))

    moments = (
        found.first_response.due_at,
        found.resolution.due_at,
        found.due_at,
        found.risk_at,
        found.breach_at,
    )
    assert [*map(short, moments), found.phase] == outcome.split()


def test_the_table_is_worth_its_name() -> None:
    assert len(CASES) >= 25


STATES = [
    # seen at, of a ticket that is at risk from 09:45 and late after 10:00
    ("09:00 new critical", "09:44", "ok"),
    ("09:00 new critical", "09:45", "at_risk"),
    ("09:00 new critical", "10:00", "at_risk"),
    ("09:00 new critical", "10:01", "breached"),
    ("09:00 new critical, 09:20 pending", "20:00", "paused"),
    ("09:00 new critical, 10:30 pending", "20:00", "breached"),
    ("09:00 new critical, 09:30 resolved", "20:00", "met"),
    ("09:00 new critical, 10:30 resolved", "20:00", "breached"),
]


@pytest.mark.parametrize(("log", "now", "expected"), STATES)
def test_the_state_is_what_is_worst(log: str, now: str, expected: str) -> None:
    found = clocks(course(log))

    assert state(found.phase, found.due_at, found.risk_at, found.breach_at, at(now)) is State(expected)


def test_without_a_policy_there_is_no_state() -> None:
    assert state("running", None, None, None, at("09:00"), has_policy=False) is State.NONE


steps = st.tuples(
    st.integers(1, 40 * 60),
    st.one_of(st.sampled_from(Status), st.sampled_from(Priority), st.just("reply")),
)
lives = st.lists(steps, max_size=14)


def a_life(steps: list[tuple[int, Status | Priority | str]]) -> list[Entry]:
    log = [Entry(at("09:00"), Status.NEW, Priority.MEDIUM)]
    for minutes, what in steps:
        log.append(
            Entry(
                log[-1].at + minutes * MINUTE,
                what if isinstance(what, Status) else None,
                what if isinstance(what, Priority) else None,
                what == "reply",
            )
        )
    return log


def minute_by_minute(log: list[Entry]) -> tuple[Instant | None, int]:
    """Count the first answer the slow way: when it came, and after how many running minutes."""
    used, status, end = 0, Status.NEW, log[-1].at
    moment = log[0].at
    while moment <= end:
        for entry in (entry for entry in log if entry.at == moment):
            status = entry.status or status
            if entry.replied or not status.is_unresolved:
                return moment, used
        used += MINUTE * (not STANDARD.stands(Promise.FIRST_RESPONSE, status))
        moment += MINUTE
    return None, used - MINUTE * (not STANDARD.stands(Promise.FIRST_RESPONSE, status))


@given(lives)
def test_the_first_answer_is_late_exactly_if_it_took_more_running_minutes_than_promised(
    life: list[tuple[int, Status | Priority | str]],
) -> None:
    log = a_life([(min(minutes, 90), what) for minutes, what in life])
    answered, used = minute_by_minute(log)
    found = clocks(log)

    first = found.first_response
    assert first.met_at == answered
    if answered is not None:
        assert (first.breach_at is not None) == (used > first.target) == (answered > first.due_at)
    elif found.phase is Phase.RUNNING:
        assert first.due_at - log[-1].at == first.target - used or first.due_at < log[-1].at


@given(lives)
def test_what_is_due_is_what_is_not_met_and_risk_comes_before_it(
    life: list[tuple[int, Status | Priority | str]],
) -> None:
    found = clocks(a_life(life))

    assert (found.due_at is None) == (found.phase is Phase.DONE)
    assert (found.risk_at is not None) == (found.phase is Phase.RUNNING)
    for clock in (found.first_response, found.resolution):
        assert (clock.risk_at is None) == (clock.met_at is not None or not clock.is_running)
        assert clock.risk_at is None or clock.risk_at <= clock.due_at
        if clock.met_at is not None:
            assert (clock.breach_at is not None) == (clock.met_at > clock.due_at)


@given(lives)
def test_once_resolved_the_verdict_stays_whatever_follows(
    life: list[tuple[int, Status | Priority | str]],
) -> None:
    log = a_life(life)
    resolved = [*log, Entry(log[-1].at + MINUTE, Status.RESOLVED)]
    verdict = clocks(resolved).breach_at

    later = clocks([*resolved, Entry(resolved[-1].at + HOUR, Status.OPEN, Priority.LOW)])

    if verdict is not None:
        assert later.breach_at is not None
        assert later.breach_at <= verdict
    else:
        assert later.breach_at == later.resolution.due_at
    assert later.resolution.target >= STANDARD.targets[Priority.LOW].resolution // 4


@given(lives, st.integers(1, 5000))
def test_a_pause_moves_what_is_due_by_its_length(
    life: list[tuple[int, Status | Priority | str]], minutes: int
) -> None:
    log = a_life(life)
    before = clocks(log)
    if before.phase is not Phase.RUNNING or (before.breach_at or 0) < log[-1].at:
        return

    paused = [*log, Entry(log[-1].at, Status.PENDING)]
    after = clocks([*paused, Entry(log[-1].at + minutes * MINUTE, Status.OPEN)])

    assert clocks(paused).due_at == before.due_at
    assert after.resolution.due_at == before.resolution.due_at + minutes * MINUTE


@given(lives)
def test_an_entry_that_is_read_twice_counts_once(
    life: list[tuple[int, Status | Priority | str]],
) -> None:
    def plain(found: Clocks) -> tuple[object, ...]:
        return found.first_response, found.resolution, found.phase, found.breach_at

    log = a_life(life)
    doubled = [entry for entry in log for _ in (1, 2)]

    assert plain(clocks(doubled)) == plain(clocks(log)), [iso(entry.at) for entry in log]

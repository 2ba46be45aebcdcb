"""The agenda: what is due next, of several kinds that are made, moved, kept and failed."""

from servicedesk.domain.agenda import LONGEST_PAUSE, Agenda, Kind
from servicedesk.domain.times import DAY, SECOND


def test_what_is_due_first_comes_first_whatever_its_kind() -> None:
    agenda = Agenda()
    agenda.put(Kind.CLOSE, 30)
    agenda.put(Kind.SLA, 20)

    assert agenda.first() == (20, Kind.SLA)
    agenda.put(Kind.SLA, None)
    assert agenda.first() == (30, Kind.CLOSE)
    agenda.put(Kind.CLOSE, None)
    assert agenda.first() is None


def test_an_appointment_that_was_moved_away_does_not_surface() -> None:
    agenda = Agenda()
    agenda.put(Kind.SLA, 20)
    agenda.put(Kind.SLA, 40)
    agenda.put(Kind.CLOSE, 30)

    assert agenda.first() == (30, Kind.CLOSE)


def test_only_a_new_appointment_before_all_others_is_news() -> None:
    agenda = Agenda()
    agenda.put(Kind.SLA, 20)

    assert not agenda.hear(Kind.SLA, 25)
    assert not agenda.hear(Kind.CLOSE, 30)
    assert agenda.hear(Kind.CLOSE, 10)
    assert agenda.first() == (10, Kind.CLOSE)


def test_the_heap_stays_small_though_the_nearest_moves_for_ever() -> None:
    agenda = Agenda()
    agenda.put(Kind.CLOSE, 7)
    for due in range(100_000, 10, -1):
        agenda.hear(Kind.SLA, due)

    assert len(agenda._heap) <= 2 * len(Kind)
    assert agenda.first() == (7, Kind.CLOSE)


def test_what_fails_is_tried_again_after_longer_and_longer_pauses() -> None:
    agenda, now, pauses = Agenda(), 0, []
    for _ in range(9):
        agenda.postpone(Kind.SLA, 5, now)
        assert agenda.postponed(now) == {Kind.SLA: {5}}
        retry_at = agenda.retry_at(now) or 0
        pauses.append(retry_at - now)
        now = retry_at
        assert agenda.postponed(now) == {}

    assert pauses[:4] == [5 * SECOND, 10 * SECOND, 20 * SECOND, 40 * SECOND]
    assert pauses[-1] == LONGEST_PAUSE


def test_what_worked_in_the_end_has_no_past() -> None:
    agenda = Agenda()
    agenda.postpone(Kind.SLA, 5, 0)
    agenda.settle(Kind.SLA, 5)
    agenda.postpone(Kind.SLA, 5, 0)

    assert agenda.retry_at(0) == 5 * SECOND


def test_a_clock_that_was_set_back_makes_nobody_wait_for_ever() -> None:
    agenda = Agenda()
    agenda.postpone(Kind.SLA, 5, 10 * DAY)

    assert agenda.postponed(9 * DAY) == {}

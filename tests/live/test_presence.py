"""Who is here, by a clock that the test turns."""

from servicedesk.domain.times import MINUTE, SECOND
from servicedesk.live.presence import Presence, Viewing

START = 1_000_000
LATER = START + MINUTE  # long after the amnesty


def test_the_first_socket_brings_a_person_online_and_the_second_says_nothing() -> None:
    presence = Presence(START)

    assert presence.arrived(7, "a", LATER) == (7, "online")
    assert presence.arrived(7, "b", LATER) is None


def test_closing_two_of_three_tabs_says_nothing_and_the_third_says_offline_once_after_ten_seconds() -> None:
    presence = Presence(START)
    for socket in "abc":
        presence.arrived(7, socket, LATER)

    for socket in "abc":
        presence.left(7, socket, LATER)

    assert list(presence.due(LATER + 10 * SECOND - 1)) == []
    assert list(presence.due(LATER + 10 * SECOND)) == [(7, "offline")]
    assert list(presence.due(LATER + 20 * SECOND)) == []
    assert list(presence.everybody()) == []


def test_who_comes_back_within_the_grace_was_never_gone() -> None:
    presence = Presence(START)
    presence.arrived(7, "a", LATER)
    said = []

    for flap in range(20):
        now = LATER + flap * SECOND // 4
        presence.left(7, f"{flap}" if flap else "a", now)
        said.append(presence.arrived(7, f"{flap + 1}", now + 100))
        said += presence.due(now + 100)

    assert set(said) == {None}
    assert list(presence.due(LATER + MINUTE)) == []


def test_nobody_is_announced_offline_in_the_first_fifteen_seconds_after_a_start() -> None:
    presence = Presence(START)
    presence.arrived(7, "a", START)
    presence.left(7, "a", START + SECOND)

    assert list(presence.due(START + 15 * SECOND - 1)) == []
    assert list(presence.due(START + 15 * SECOND)) == [(7, "offline")]


def test_a_person_is_away_when_all_tabs_have_been_idle_for_five_minutes() -> None:
    presence = Presence(START)
    presence.arrived(7, "a", LATER)
    presence.arrived(7, "b", LATER)
    presence.touched(7, "a", idle=True, now=LATER)
    presence.touched(7, "b", idle=True, now=LATER + MINUTE)

    assert list(presence.due(LATER + 6 * MINUTE - 1)) == []
    assert list(presence.due(LATER + 6 * MINUTE)) == [(7, "away")]
    assert presence.touched(7, "b", idle=False, now=LATER + 7 * MINUTE) == (7, "online")


def test_one_busy_tab_keeps_a_person_online() -> None:
    presence = Presence(START)
    presence.arrived(7, "a", LATER)
    presence.arrived(7, "b", LATER)
    presence.touched(7, "a", idle=True, now=LATER)

    assert list(presence.due(LATER + 60 * MINUTE)) == []


def test_a_tab_that_says_idle_again_has_been_idle_since_the_first_time() -> None:
    presence = Presence(START)
    presence.arrived(7, "a", LATER)

    for minute in range(5):
        assert presence.touched(7, "a", idle=True, now=LATER + minute * MINUTE) is None

    assert presence.touched(7, "a", idle=True, now=LATER + 5 * MINUTE) == (7, "away")


def test_several_tabs_are_one_viewer() -> None:
    viewing = Viewing()
    viewing.opened(42, 7, "a")
    viewing.opened(42, 7, "b")
    assert viewing.changed(LATER) == {42}

    viewing.closed(42, 7, "a")

    assert viewing.changed(LATER) == set()
    assert viewing.of(42) == [7]


def test_a_viewer_who_leaves_is_gone_at_once() -> None:
    viewing = Viewing()
    viewing.opened(42, 7, "a")
    viewing.changed(LATER)

    viewing.closed(42, 7, "a")

    assert viewing.changed(LATER) == {42}
    assert viewing.of(42) == []


def test_a_viewer_whose_line_is_lost_is_gone_within_ten_seconds_unless_they_come_back() -> None:
    viewing = Viewing()
    for user_id in (7, 8):
        viewing.opened(42, user_id, f"{user_id}")
        viewing.closed(42, user_id, f"{user_id}", lost_at=LATER)
    viewing.opened(42, 8, "new")
    viewing.changed(LATER)
    assert viewing.of(42) == [7, 8]

    assert viewing.changed(LATER + 9 * SECOND) == {42}

    assert viewing.of(42) == [8]

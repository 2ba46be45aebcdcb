"""How often a socket may ask, by a clock that the test turns."""

from servicedesk.domain.times import SECOND
from servicedesk.live.rate import Rate

NOW = 1_000_000


def test_a_burst_of_sixty_passes_and_the_next_one_waits() -> None:
    rate = Rate()

    waits = [rate.wait(NOW) for _ in range(62)]

    assert waits[:60] == [0] * 60
    assert 0 < waits[60] <= 51
    assert waits[61] == waits[60], "a refused command costs nothing"


def test_whoever_waits_as_long_as_they_were_told_gets_through() -> None:
    rate = Rate()
    for _ in range(60):
        rate.wait(NOW)
    told = rate.wait(NOW)

    assert rate.wait(NOW + told) == 0


def test_twenty_a_second_pass_for_ever() -> None:
    rate = Rate()

    assert not any(rate.wait(NOW + n * SECOND // 20) for n in range(2000))


def test_two_hundred_refusals_in_ten_seconds_are_enough() -> None:
    rate = Rate()

    quick = [rate.refused(NOW + n) for n in range(200)]

    assert quick == [False] * 199 + [True]


def test_two_hundred_refusals_in_an_hour_are_not() -> None:
    rate = Rate()

    assert not any(rate.refused(NOW + n * 18 * SECOND) for n in range(300))

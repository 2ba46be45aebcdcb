"""Memory after a burst."""

from servicedesk.web import memory


def test_what_a_burst_took_goes_back_to_the_system() -> None:
    trim = memory.trimmer()
    assert trim is not None
    trim()
    before = memory.held()
    burst = [bytes(50_000) for _ in range(2_000)]
    rest = burst[::40]  # what lives on keeps the allocator from giving anything back by itself
    assert memory.held() - before > 90_000_000

    burst.clear()
    trim()

    assert memory.held() - before < 15_000_000
    assert len(rest) == 50

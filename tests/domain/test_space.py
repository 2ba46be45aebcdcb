"""When the disk counts as full."""

from servicedesk.domain.space import MB, has_room, has_room_for_upload

BIG = 1_000_000 * MB
SMALL = 100 * MB


def test_the_reserve_is_sixty_four_megabytes() -> None:
    assert has_room(64 * MB + 1, BIG)
    assert not has_room(64 * MB, BIG)


def test_on_a_small_disk_the_reserve_is_a_tenth() -> None:
    assert has_room(10 * MB + 1, SMALL)
    assert not has_room(10 * MB, SMALL)
    assert has_room_for_upload(10 * MB + 1, SMALL)
    assert not has_room_for_upload(10 * MB, SMALL)


def test_uploads_leave_half_a_gigabyte_and_their_announced_size_counts() -> None:
    assert has_room_for_upload(512 * MB + 1, BIG)
    assert not has_room_for_upload(512 * MB, BIG)
    assert has_room_for_upload(537 * MB + 1, BIG, 25 * MB)
    assert not has_room_for_upload(537 * MB, BIG, 25 * MB)

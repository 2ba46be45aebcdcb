"""What the desk does on a full disk."""

from pathlib import Path

import pytest

from servicedesk.domain.errors import StorageFull, UploadStorageFull
from servicedesk.domain.space import MB
from servicedesk.web import space
from servicedesk.web.space import GAUGE, Gauge, Space, disk_space
from tests.served import Desk
from tests.web.guests import Guest


class Disk:
    """A disk that fills and empties as the test says, and the time at which it is looked at."""

    def __init__(self) -> None:
        self.free = 900 * MB
        self.now = 0.0
        self.looks = 0

    def measure(self) -> Space:
        self.looks += 1
        return Space(self.free, 100_000 * MB)

    def gauge(self) -> Gauge:
        return Gauge(self.measure, lambda: self.now)

    def put_under(self, desk: Desk) -> None:
        vars(desk.app[GAUGE]).update(vars(self.gauge()))


def test_the_disk_is_looked_at_once_a_second() -> None:
    disk = Disk()
    gauge = disk.gauge()

    for _ in range(100):
        assert gauge.has_room
    assert disk.looks == 1
    disk.free, disk.now = MB, 1.0
    assert not gauge.has_room
    assert disk.looks == 2


def test_the_real_disk_is_known(tmp_path: Path) -> None:
    found = disk_space(tmp_path)

    assert 0 < found.free <= found.total


async def test_on_a_full_disk_writing_stops_reading_goes_on_and_writing_comes_back(desk: Desk) -> None:
    disk = Disk()
    disk.put_under(desk)
    admin, nobody = await desk.admin(), Guest(desk)
    ticket = await admin.ticket()

    disk.free, disk.now = 60 * MB, 10.0
    refused = await admin.post("/api/tickets/", {"title": "Printer"})
    ready = await nobody.get("/readyz")

    assert [(a.status, a.code) for a in (refused, ready)] == [(503, "storage_full")] * 2
    assert refused.headers["Retry-After"] == "10"
    assert (await admin.get(f"/api/tickets/{ticket['id']}")).status == 200
    assert (await admin.post("/api/auth/ws-ticket")).status == 201
    assert (await nobody.get("/healthz")).status == 200

    disk.free, disk.now = 70 * MB, 11.0
    assert (await admin.post("/api/tickets/", {"title": "Printer"})).status == 201
    assert (await nobody.get("/readyz")).status == 200


async def test_uploads_stop_first_and_their_size_counts(desk: Desk) -> None:
    disk = Disk()
    disk.put_under(desk)

    disk.free, disk.now = 520 * MB, 10.0

    space.require_room(desk.app)
    space.require_room_for_upload(desk.app, MB)
    with pytest.raises(UploadStorageFull) as refusal:
        space.require_room_for_upload(desk.app, 25 * MB)
    assert isinstance(refusal.value, StorageFull)
    assert refusal.value.code == "storage_full"

"""The desk backs itself up, tries its backups, and says how that went."""

import asyncio
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from servicedesk.desk import backups, keeping
from servicedesk.web import backups as web
from servicedesk.web.backups import KEEPER
from tests.served import Client, Desk
from tests.web.forms import upload

DAY = 86_400_000


def kept_safe(folder: Path) -> Desk:
    """A desk with a place for its backups, which other processes make: its clock shows the time of the day."""
    desk = Desk(folder / "desk", backup_dir=folder / "backups")
    desk.clock.now = time.time_ns() // 1_000_000
    return desk


async def metrics(person: Client) -> dict[str, float]:
    text = (await person.get("/metrics")).body.decode()
    found = re.findall(r"^servicedesk_(backup\w+) (\S+)$", text, re.M)
    return {name: float(value) for name, value in found}


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not is_so():
            await asyncio.sleep(0.05)


async def test_the_desk_backs_itself_up_every_day_at_its_time_and_tries_the_backup_once_a_month(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "LOOK_EVERY", 0.02)
    monkeypatch.setattr(web, "AFTER_START", 0.0)
    place = tmp_path / "backups"
    async with kept_safe(tmp_path) as desk:
        ada = await desk.admin()
        await ada.ticket()
        await until(lambda: desk.app[KEEPER].last_drill() is not None)
        (earlier,) = backups.all_in(place)
        first = keeping.last_drill(tmp_path / "desk")
        made = desk.app[KEEPER].last_backup()
        desk.clock.advance(DAY)
        await until(lambda: backups.newest(place) != earlier and not earlier.exists())
        await until(lambda: desk.app[KEEPER].last_backup() != made)

        shown = await metrics(ada)

    assert (shown["backup_ok"], shown["backup_drill_ok"]) == (1, 1)
    assert shown["backup_timestamp_seconds"] >= shown["backup_drill_timestamp_seconds"] > 1_700_000_000
    assert keeping.last_drill(tmp_path / "desk") == first
    # Both were made on one day by the clock of the other processes: of a day the newest is kept.
    assert {path.name for path in place.iterdir()} == {
        ".lock",
        *(path.name for path in backups.all_in(place)),
    }


async def test_without_a_place_for_backups_there_are_none_and_the_numbers_say_so(desk: Desk) -> None:
    ada = await desk.admin()

    assert await metrics(ada) == {
        "backup_timestamp_seconds": 0,
        "backup_ok": 0,
        "backup_drill_timestamp_seconds": 0,
        "backup_drill_ok": 0,
    }


async def test_a_drill_that_finds_damage_says_so_until_one_goes_well(tmp_path: Path) -> None:
    place = tmp_path / "backups"
    async with kept_safe(tmp_path) as desk:
        ada = await desk.admin()
        ticket = await ada.ticket()
        await upload(ada, ticket["id"], "a.txt", b"hello")
        keeper = desk.app[KEEPER]
        assert await keeper.back_up()
        assert await keeper.drill()
        good = keeper.last_drill()
        (blob,) = [path for path in place.rglob("*") if len(path.name) == 64]
        content = blob.read_bytes()
        blob.write_bytes(b"HELLO")

        assert not await keeper.drill()
        bad = keeper.last_drill()
        shown = await metrics(ada)
        blob.write_bytes(content)
        assert await keeper.drill()

    assert good is not None
    assert bad is not None
    assert bad.error is not None
    assert blob.name in bad.error
    assert bad.good_at == good.at
    assert (shown["backup_drill_ok"], shown["backup_ok"]) == (0, 1)
    assert not list(place.glob(".drill-*"))


async def test_a_drill_clears_up_what_a_killed_one_left(tmp_path: Path) -> None:
    place = tmp_path / "backups"
    async with kept_safe(tmp_path) as desk:
        assert await desk.app[KEEPER].back_up()
        shutil.copytree(backups.all_in(place)[0], place / ".drill-left")

        assert await desk.app[KEEPER].drill()

    assert not list(place.glob(".drill-*"))


async def test_a_desk_that_stops_leaves_no_backup_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "AFTER_START", 0.0)
    async with kept_safe(tmp_path):
        await until(lambda: bool(children()))
        (child,) = children()

    assert not Path(f"/proc/{child}").exists()


def children() -> list[int]:
    """The backups that this process has started."""
    found = [
        int(pid)
        for task in Path("/proc/self/task").iterdir()
        for pid in (task / "children").read_text().split()
    ]
    return [pid for pid in found if b"\0backup\0" in Path(f"/proc/{pid}/cmdline").read_bytes()]

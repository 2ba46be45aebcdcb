"""Backups hold everything that was answered, and a restore believes none of it unseen."""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from servicedesk.desk import backups, keeping, restoring
from servicedesk.store import snapshot
from tests.files_made_up import png
from tests.programs import run
from tests.served import Desk
from tests.web.forms import upload

FILES = {"a.txt": b"hello", "shot.png": png(40), "long.txt": b"a line\n" * 60_000, "same.txt": b"hello"}
NOW = 1_800_000_000_000
DAY = 86_400_000


class Kept(NamedTuple):
    """A desk that was closed, and what it had answered."""

    data_dir: Path
    files: dict[str, bytes]
    tickets: dict[int, str]


async def filled(folder: Path) -> Kept:
    async with Desk(folder) as desk:
        ada = await desk.admin()
        tickets, files = {}, {}
        for number in range(5):
            ticket = await ada.ticket(f"Ticket {number}")
            tickets[ticket["id"]] = ticket["title"]
            await ada.post(f"/api/tickets/{ticket['id']}/messages", {"body": f"about {number}"})
        for name, content in FILES.items():
            files[(await upload(ada, ticket["id"], name, content)).body["id"]] = content
    (folder / "secret.key").write_text("k" * 43 + "\n")
    (folder / "servicedesk.toml").write_text('log_level = "warning"\n')
    return Kept(folder, files, tickets)


@pytest.fixture
async def kept(tmp_path: Path) -> Kept:
    return await filled(tmp_path / "desk")


def an_empty_desk(folder: Path) -> None:
    add = ("user", "add", "--email", "ada@example.org", "--name", "Ada", "--password-stdin")
    assert run(*add, "--data-dir", folder, given="printer on fire").returncode == 0


def backed_up(kept: Kept, place: Path, at: int = NOW, **more: object) -> backups.Made:
    options = {"version": "1.2.3", "keep": None, "pause": lambda took: None, **more}
    return backups.make(kept.data_dir, place, at=at, **options)  # type: ignore[arg-type]


def tree(folder: Path) -> dict[str, object]:
    """Everything in a folder: bytes by name, and how many names they have."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
        if path.name != "servicedesk.lock"
    }


def inodes(backup: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in backup.rglob("*") if len(path.name) == 64}


def rows(database: Path, sql: str) -> list[tuple[object, ...]]:
    with snapshot.at_rest(database) as conn:
        return conn.execute(sql).fetchall()


async def served_from(folder: Path, kept: Kept) -> None:
    """Ask a restored desk for everything that was answered."""
    async with Desk(folder) as desk:
        ada = await desk.admin(email="grace@desk.example")
        found = {ticket["id"]: ticket["title"] for ticket in await ada.all("/api/tickets/")}
        assert found == kept.tickets
        for file_id, content in kept.files.items():
            answer = await ada.get(f"/api/files/{file_id}/download")
            assert (answer.status, answer.body) == (200, content)


# What a backup is ---------------------------------------------------------------------------------------------------


async def test_what_was_answered_before_a_backup_is_in_the_restored_desk(kept: Kept, tmp_path: Path) -> None:
    made = backed_up(kept, tmp_path / "backups")
    restoring.restore(Path(made.path), tmp_path / "new", lambda took: None)

    await served_from(tmp_path / "new", kept)
    assert (tmp_path / "new" / "secret.key").read_text() == "k" * 43 + "\n"
    assert (tmp_path / "new" / "servicedesk.toml").read_text() == 'log_level = "warning"\n'


async def test_a_restored_log_has_another_name(kept: Kept, tmp_path: Path) -> None:
    made = backed_up(kept, tmp_path / "backups")
    restoring.restore(Path(made.path), tmp_path / "new", lambda took: None)
    before = rows(kept.data_dir / "servicedesk.db", "SELECT value FROM meta WHERE name = 'epoch'")
    # A start may not see that it is another file: numbers of files are given again.
    assert rows(tmp_path / "new" / "servicedesk.db", "SELECT value FROM meta WHERE name LIKE 'epoch%'") == []

    async with Desk(tmp_path / "new") as desk:
        after = desk.db.peek(
            lambda conn: conn.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchall()
        )

    assert before
    assert before[0][0] != after[0][0]


async def test_the_manifest_can_be_checked_with_the_tools_of_any_system(kept: Kept, tmp_path: Path) -> None:
    backup = Path(backed_up(kept, tmp_path / "backups").path)
    listed = {item["path"]: item for item in json.loads((backup / "manifest.json").read_text())["items"]}

    assert (
        subprocess.run(
            ["sha256sum", "--check", "--quiet", "manifest.sha256"], cwd=backup, check=False
        ).returncode
        == 0
    )
    there = {name: content for name, content in tree(backup).items() if isinstance(content, bytes)}
    assert there.keys() - {"manifest.json", "manifest.sha256"} == listed.keys()
    for path, item in listed.items():
        assert hashlib.sha256(there[path]).hexdigest() == item["sha256"]
        assert len(there[path]) == item["size"]


async def test_the_next_backup_shares_the_bytes_of_the_one_before(kept: Kept, tmp_path: Path) -> None:
    first = Path(backed_up(kept, tmp_path / "backups").path)
    made = backed_up(kept, tmp_path / "backups", NOW + DAY)

    assert inodes(first) == inodes(Path(made.path))
    assert len(inodes(first)) == 3
    assert made.new_bytes < made.bytes - len(FILES["long.txt"])


async def test_bytes_that_got_damaged_in_the_backup_before_are_copied_anew(
    kept: Kept, tmp_path: Path
) -> None:
    first = Path(backed_up(kept, tmp_path / "backups").path)
    (damaged,) = [
        path for path in first.rglob("*") if path.is_file() and path.stat().st_size == len(FILES["long.txt"])
    ]
    damaged.write_bytes(b"A line\n" * 60_000)

    made = backed_up(kept, tmp_path / "backups", NOW + DAY)

    assert inodes(first)[damaged.name] != inodes(Path(made.path))[damaged.name]
    backups.verify(Path(made.path), lambda took: None)


async def test_bytes_that_the_desk_lost_come_from_the_backup_before(kept: Kept, tmp_path: Path) -> None:
    first = Path(backed_up(kept, tmp_path / "backups").path)
    shutil.rmtree(kept.data_dir / "blobs")
    (kept.data_dir / "blobs").mkdir()

    made = backed_up(kept, tmp_path / "backups", NOW + DAY)

    assert made.manifest.lost == []
    assert inodes(Path(made.path)) == inodes(first)


async def test_a_backup_says_what_the_desk_had_lost_before_and_holds_all_the_rest(
    kept: Kept, tmp_path: Path
) -> None:
    gone = hashlib.sha256(FILES["long.txt"]).hexdigest()
    (kept.data_dir / "blobs" / gone[:2] / gone[2:4] / gone).unlink()

    done = run("backup", tmp_path / "backups", "--data-dir", kept.data_dir)

    assert done.returncode == 1
    assert gone in done.stdout
    left = {file_id: content for file_id, content in kept.files.items() if content != FILES["long.txt"]}
    assert run("restore", tmp_path / "backups", "--data-dir", tmp_path / "new").returncode == 0
    await served_from(tmp_path / "new", kept._replace(files=left))


async def test_bytes_that_no_file_has_stay_out(kept: Kept, tmp_path: Path) -> None:
    stray = kept.data_dir / "blobs" / "aa" / "aa"
    stray.mkdir(parents=True)
    (stray / ("a" * 64)).write_bytes(b"stray")
    content = b"an orphan"
    name = hashlib.sha256(content).hexdigest()
    home = kept.data_dir / "blobs" / name[:2] / name[2:4]
    home.mkdir(parents=True)
    (home / name).write_bytes(content)

    made = backed_up(kept, tmp_path / "backups")

    assert len(inodes(Path(made.path))) == 3
    assert made.manifest.lost == []


async def test_a_file_that_is_deleted_while_the_database_is_copied_is_no_loss(
    kept: Kept, tmp_path: Path
) -> None:
    """Its row is in the first copy, its bytes never were in the backup: the desk is looked at again."""
    (kept.data_dir / "blobs").rename(tmp_path / "later")
    (kept.data_dir / "blobs").mkdir()
    calls = 0

    def meanwhile(took: float) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:  # in the middle of the first copy
            with sqlite3.connect(kept.data_dir / "servicedesk.db") as conn:
                conn.execute("DELETE FROM files")
            conn.close()

    with sqlite3.connect(kept.data_dir / "servicedesk.db") as conn:
        conn.execute("CREATE TABLE padding AS SELECT randomblob(3000000)")
    conn.close()
    made = backed_up(kept, tmp_path / "backups", pause=meanwhile)

    assert calls > 1
    assert (made.manifest.lost, made.manifest.counts.files) == ([], 0)


# Where and when ---------------------------------------------------------------------------------------------------


async def test_a_backup_of_a_running_desk_holds_what_it_answered(tmp_path: Path) -> None:
    async with Desk(tmp_path / "desk") as desk:
        ada = await desk.admin()
        ticket = await ada.ticket("Still in the log of changes")
        done = run("backup", tmp_path / "backups", "--data-dir", tmp_path / "desk", "--json")

    report = json.loads(done.stdout)
    assert (done.returncode, report["tickets"]) == (0, 1)
    assert rows(Path(report["path"]) / "servicedesk.db", "SELECT title FROM tickets") == [(ticket["title"],)]
    outcome = keeping.last_backup(tmp_path / "desk")
    assert outcome is not None
    assert (outcome.error, outcome.path) == (None, report["path"])


@pytest.mark.parametrize("place", [".", "blobs", "tmp/deep"])
async def test_the_folders_of_the_desk_are_no_place_for_a_backup(kept: Kept, place: str) -> None:
    before = tree(kept.data_dir)

    with pytest.raises(backups.CannotBackUp, match="folder"):
        backed_up(kept, kept.data_dir / place)

    assert tree(kept.data_dir) == before


async def test_a_backup_that_fails_is_remembered_beside_the_last_that_did_not(
    kept: Kept, tmp_path: Path
) -> None:
    assert run("backup", tmp_path / "backups", "--data-dir", kept.data_dir).returncode == 0
    good = keeping.last_backup(kept.data_dir)
    (tmp_path / "file").write_text("no folder")

    assert run("backup", tmp_path / "file", "--data-dir", kept.data_dir).returncode == 3
    bad = keeping.last_backup(kept.data_dir)

    assert good is not None
    assert bad is not None
    assert (good.is_good, bad.is_good, bad.good_at) == (True, False, good.at)
    assert bad.at > good.at


def test_without_a_desk_nothing_is_backed_up(tmp_path: Path) -> None:
    done = run("backup", tmp_path / "backups", "--data-dir", tmp_path / "none")

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"servicedesk: There is no desk in the folder {tmp_path / 'none'}.\n"
    assert not list(tmp_path.iterdir())


async def test_of_two_backups_at_once_the_second_is_refused(kept: Kept, tmp_path: Path) -> None:
    def meanwhile(took: float) -> None:
        with pytest.raises(backups.CannotBackUp, match="under way"):
            backed_up(kept, tmp_path / "backups", NOW + DAY)

    backed_up(kept, tmp_path / "backups", pause=meanwhile)

    assert len(backups.all_in(tmp_path / "backups")) == 1


async def test_what_a_killed_backup_left_is_cleared_up_by_the_next(kept: Kept, tmp_path: Path) -> None:
    place = tmp_path / "backups"
    for left in (".unfinished-2026-01-01T000000Z", ".leaving-2026-01-02T000000Z"):
        (place / left / "blobs").mkdir(parents=True)
        (place / left / "blobs" / "half").write_text("half")
    (place / "2026-01-03T000000Z").mkdir()  # somebody's own folder is no backup
    (place / "notes.txt").write_text("mine")

    made = backed_up(kept, place)

    assert {path.name for path in place.iterdir()} == {
        ".lock",
        "2026-01-03T000000Z",
        "notes.txt",
        Path(made.path).name,
    }


async def test_only_what_the_rule_asks_for_is_kept(kept: Kept, tmp_path: Path) -> None:
    place = tmp_path / "backups"
    for day in range(4):
        made = backed_up(kept, place, NOW + day * DAY, keep=backups.Keep(daily=2, weekly=0, monthly=0))

    names = [path.name for path in backups.all_in(place)]
    assert len(names) == 2
    assert names[-1] == Path(made.path).name
    assert len(made.removed) == 1
    for path in backups.all_in(place):
        backups.verify(path, lambda took: None)


def test_a_full_disk_leaves_no_half_backup(tmp_path: Path) -> None:
    an_empty_desk(tmp_path / "desk")
    (tmp_path / "backups").mkdir()

    # Files of at most 64 KB: what the shell calls blocks of 1024 bytes.
    limited = 'ulimit -f 64; exec "$@"'
    done = subprocess.run(
        ["bash", "-c", limited, "-", *backup_command(tmp_path)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert [path.name for path in (tmp_path / "backups").iterdir()] == [".lock"]


def backup_command(folder: Path) -> list[str]:
    from tests.programs import PROGRAM

    return [*PROGRAM, "backup", str(folder / "backups"), "--data-dir", str(folder / "desk")]


# What a restore refuses ---------------------------------------------------------------------------------------------

Harm = Callable[[Path, Path], object]


def the(backup: Path, kind: str) -> Path:
    """Return one file of a kind: the database, the largest, the smallest or the middle one of the bytes, …"""
    blobs = sorted(
        (path for path in backup.rglob("*") if len(path.name) == 64), key=lambda path: path.stat().st_size
    )
    found = {"first": blobs[0], "middle": blobs[1], "last": blobs[-1]}
    return found.get(kind, backup / kind)


def removed(kind: str) -> Harm:
    return lambda backup, other: the(backup, kind).unlink()


def cut(kind: str, length: int) -> Harm:
    """Leave so many bytes of the file, or with a negative number all but so many."""

    def harm(backup: Path, other: Path) -> None:
        path = the(backup, kind)
        os.truncate(path, length if length >= 0 else path.stat().st_size + length)

    return harm


def swapped(kind: str, with_kind: str) -> Harm:
    def harm(backup: Path, other: Path) -> None:
        one, two = the(backup, kind), the(backup, with_kind)
        content = one.read_bytes()
        one.write_bytes(two.read_bytes())
        two.write_bytes(content)

    return harm


def taken_from_another(*kinds: str) -> Harm:
    """Put files of another sound backup in the place of these."""

    def harm(backup: Path, other: Path) -> None:
        for kind in kinds:
            path = the(backup, kind)
            path.unlink()
            shutil.copyfile(other / path.relative_to(backup), path)

    return harm


def one_bit(kind: str) -> Harm:
    def harm(backup: Path, other: Path) -> None:
        path = the(backup, kind)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)

    return harm


def replaced(kind: str, how: str) -> Harm:
    def harm(backup: Path, other: Path) -> None:
        path = the(backup, kind)
        content = path.read_bytes()
        path.unlink()
        if how == "link":
            (backup.parent / "elsewhere").write_bytes(content)
            path.symlink_to(backup.parent / "elsewhere")
        elif how == "folder":
            path.mkdir()
        elif how == "pipe":
            os.mkfifo(path)

    return harm


def rewritten(change: Callable[[dict[str, object]], object]) -> Harm:
    """Change what the manifest says, and give it the right seal."""

    def harm(backup: Path, other: Path) -> None:
        manifest = json.loads((backup / "manifest.json").read_text())
        change(manifest)
        text = json.dumps(manifest).encode()
        (backup / "manifest.json").write_bytes(text)
        (backup / "manifest.sha256").write_text(f"{hashlib.sha256(text).hexdigest()}  manifest.json\n")

    return harm


def without_a_blob(manifest: dict[str, object]) -> None:
    manifest["items"] = manifest["items"][:-1]  # type: ignore[index]


def out_of_the_folder(manifest: dict[str, object]) -> None:
    manifest["items"][-1]["path"] = "../../etc/passwd"  # type: ignore[index]


def newer_format(manifest: dict[str, object]) -> None:
    manifest["format"] = 2


HARMS: dict[str, Harm] = {
    **{f"{kind} removed": removed(kind) for kind in ("servicedesk.db", "manifest.json", "manifest.sha256")},
    **{
        f"{kind} removed": removed(kind)
        for kind in ("first", "middle", "last", "secret.key", "servicedesk.toml")
    },
    **{
        f"{kind} emptied": cut(kind, 0)
        for kind in ("servicedesk.db", "manifest.json", "manifest.sha256", "last")
    },
    **{
        f"{kind} cut short": cut(kind, -1)
        for kind in ("servicedesk.db", "manifest.json", "first", "last", "secret.key")
    },
    "database cut to a page": cut("servicedesk.db", 1024),
    "manifest cut in the middle": cut("manifest.json", 300),
    "two contents swapped": swapped("first", "last"),
    "database and content swapped": swapped("servicedesk.db", "middle"),
    "manifest and seal swapped": swapped("manifest.json", "manifest.sha256"),
    "key and settings swapped": swapped("secret.key", "servicedesk.toml"),
    "database of another backup": taken_from_another("servicedesk.db"),
    "manifest of another backup": taken_from_another("manifest.json"),
    "seal of another backup": taken_from_another("manifest.sha256"),
    "manifest and seal of another backup": taken_from_another("manifest.json", "manifest.sha256"),
    "all but the database of another backup": taken_from_another(
        "manifest.json", "manifest.sha256", "secret.key"
    ),
    **{
        f"one bit of {kind}": one_bit(kind)
        for kind in ("servicedesk.db", "first", "last", "manifest.json", "secret.key")
    },
    **{
        f"{how} for {kind}": replaced(kind, how)
        for kind in ("servicedesk.db", "last")
        for how in ("link", "folder", "pipe")
    },
    "a manifest that forgets a content": rewritten(without_a_blob),
    "a manifest that leads elsewhere": rewritten(out_of_the_folder),
    "a manifest of a later kind": rewritten(newer_format),
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two sound backups of one desk, a ticket apart."""
    import asyncio

    folder = tmp_path_factory.mktemp("pair")
    kept = asyncio.run(filled(folder / "desk"))
    first = backed_up(kept, folder / "backups")

    async def one_more() -> None:
        async with Desk(kept.data_dir) as desk:
            await (await desk.admin(email="eve@desk.example")).ticket("One more")

    asyncio.run(one_more())
    second = backed_up(kept, folder / "backups", NOW + DAY)
    return Path(second.path), Path(first.path)


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS.keys())
@pytest.mark.parametrize("target", ["missing", "empty"])
def test_a_backup_that_is_not_whole_is_refused_and_the_target_left_alone(
    pair: tuple[Path, Path], tmp_path: Path, harm: Harm, target: str
) -> None:
    backup = tmp_path / "backups" / pair[0].name
    shutil.copytree(pair[0], backup)
    if target == "empty":
        (tmp_path / "new").mkdir()
    assert backups.verify(backup, lambda took: None).counts.tickets == 6
    harm(backup, pair[1])
    before = tree(tmp_path)

    with pytest.raises(backups.Unsound) as refusal:
        restoring.restore(backup, tmp_path / "new", lambda took: None)

    with pytest.raises(backups.Unsound):  # already before anything is copied
        backups.verify(backup, lambda took: None)
    assert "\n" not in str(refusal.value)
    assert (tmp_path / "new").exists() == (target == "empty")
    if target == "empty":
        assert list((tmp_path / "new").iterdir()) == []
    assert tree(tmp_path) == before


def test_there_are_thirty_ways_to_harm_a_backup() -> None:
    assert len(HARMS) >= 30


def test_a_refusal_is_said_in_one_line(pair: tuple[Path, Path], tmp_path: Path) -> None:
    backup = tmp_path / "backups" / pair[0].name
    shutil.copytree(pair[0], backup)
    the(backup, "last").unlink()

    done = run("restore", backup, "--data-dir", tmp_path / "new")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("servicedesk: Nothing was restored. ")
    assert the(pair[0], "last").name in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_is_no_backup_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()

    done = run("restore", tmp_path / "photos", "--data-dir", tmp_path / "new")

    assert done.returncode == 1
    assert "no whole backup" in done.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("there", ["servicedesk.db", "notes.txt", ".hidden"])
def test_nothing_is_ever_restored_over_anything(pair: tuple[Path, Path], tmp_path: Path, there: str) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / there).write_text("mine")

    done = run("restore", pair[0], "--data-dir", tmp_path / "new")

    assert done.returncode == 2
    assert "not empty" in done.stderr
    assert tree(tmp_path / "new") == {there: b"mine"}


def test_a_backup_of_a_newer_version_is_refused(pair: tuple[Path, Path], tmp_path: Path) -> None:
    backup = tmp_path / "backups" / pair[0].name
    shutil.copytree(pair[0], backup)
    with sqlite3.connect(backup / "servicedesk.db") as conn:
        conn.execute("PRAGMA journal_mode = DELETE")
        conn.execute("PRAGMA user_version = 999")
    conn.close()
    content = (backup / "servicedesk.db").read_bytes()

    def as_if_newer(manifest: dict[str, object]) -> None:
        item = next(item for item in manifest["items"] if item["path"] == "servicedesk.db")  # type: ignore[attr-defined]
        item |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        manifest["schema"] = 999

    rewritten(as_if_newer)(backup, backup)
    done = run("restore", backup, "--data-dir", tmp_path / "new")

    assert done.returncode == 3
    assert "newer version" in done.stderr
    assert not (tmp_path / "new").exists()


def test_a_folder_in_which_a_restore_was_broken_off_is_no_desk(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "new" / ".restoring" / "blobs").mkdir(parents=True)
    (tmp_path / "new" / ".restoring" / "servicedesk.db").write_text("half")

    served = run("serve", "--port", "0", "--data-dir", tmp_path / "new")

    assert served.returncode == 3
    assert "restore again" in served.stderr
    assert run("restore", pair[0], "--data-dir", tmp_path / "new").returncode == 0
    assert rows(tmp_path / "new" / "servicedesk.db", "SELECT count(*) FROM tickets") == [(6,)]
    assert not (tmp_path / "new" / ".restoring").exists()


@pytest.mark.parametrize("moved", [0, 1, 2, 3])
def test_a_restore_that_was_killed_while_it_put_things_in_place_is_ended_by_the_next_start(
    pair: tuple[Path, Path], tmp_path: Path, moved: int
) -> None:
    restoring.restore(pair[0], tmp_path / "new", lambda took: None)
    whole = tree(tmp_path / "new")
    work = tmp_path / "new" / ".restoring"
    work.mkdir()
    (work / "ready").write_bytes(b"")
    for name in ["blobs", "secret.key", "servicedesk.toml", "servicedesk.db"][moved:]:
        (tmp_path / "new" / name).rename(work / name)

    restoring.finish(tmp_path / "new")

    assert tree(tmp_path / "new") == whole

"""The checks that say whether a desk is well: small functions in one table, for the command and for the page."""

import os
import shutil
import sqlite3
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from servicedesk.desk import keeping, scrub
from servicedesk.desk.keeping import Outcome
from servicedesk.domain import space
from servicedesk.domain.times import DAY, MINUTE, Instant, iso
from servicedesk.domain.words import Text, count, say
from servicedesk.media.blobs import Blobs
from servicedesk.settings import Settings
from servicedesk.store import audit, checks, files
from servicedesk.store.db import Connection, Tx

SQLITE_WANTED: Final = (3, 51, 3)
"""Before it, committed rows could be lost when two connections wrote or folded in the log at one instant."""
OPEN_FILES_WANTED: Final = 4096
SET_BACK: Final = 5 * MINUTE
"""By how much the clock may be behind what was written last."""
LONG_AGO: Final = 1_767_225_600_000
"""The beginning of 2026: a clock before it was never set."""
BACKUP_LATE: Final = 2 * DAY
DRILL_LATE: Final = 40 * DAY
"""How old the last good one may be before somebody should look."""
LEFT_BEHIND: Final = 24 * 3600.0
"""Seconds after which no upload can still be under way."""
ROOM_TO_SPARE: Final = 2
_OTHERS: Final = 0o077
_AT_ONCE: Final = 1_000


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"


class Finding(NamedTuple):
    """What a check found, and what to do about it."""

    state: State
    said: str
    advice: str = ""


class Line(msgspec.Struct, frozen=True):
    """A line of the report."""

    name: str
    title: str
    state: State
    said: str
    advice: str
    can_fix: bool


class Report(msgspec.Struct, frozen=True):
    lines: list[Line]
    seconds: float

    @property
    def worst(self) -> State:
        states = {line.state for line in self.lines}
        return next((s for s in (State.BROKEN, State.WARNING) if s in states), State.OK)


@dataclass
class Patient:
    """The desk as the checks see it. Nothing of it is written to."""

    settings: Settings
    conn: Connection
    now: Instant
    open_files: tuple[int, int | None]
    """How many files the server may have open, and how many it has; None where that is not known."""
    tls_until: Instant | None = None
    """When its certificate ends; None is that it has none."""
    came_through: str | None = None
    """A peer that forwarded for somebody else, and is not trusted to."""
    pause: Callable[[float], None] = field(default=lambda took: None)
    """Called after each piece of a long look, with the seconds that it took; may raise to end it."""

    @property
    def data_dir(self) -> Path:
        return self.settings.data_dir


@dataclass(frozen=True)
class Check:
    name: str
    title: str
    look: Callable[[Patient], Finding]
    needs_data: bool = False
    """Whether it asks the database."""
    is_long: bool = False
    """Whether it reads all of something, and takes longer the more there is."""
    mend: Callable[[Tx], object] | None = None
    """Puts the database right, while nobody else works on it."""
    tidy: Callable[[Path], object] | None = None
    """Puts the data folder right, likewise."""


def _ok(said: str) -> Finding:
    return Finding(State.OK, said)


def _moment(at: Instant) -> str:
    return f"{iso(at)[:10]} {iso(at)[11:16]} UTC"


# What is asked of the machine -------------------------------------------------------------------------------------


def _sqlite(patient: Patient) -> Finding:
    found = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info >= SQLITE_WANTED:
        return _ok(say("version {version}", version=found))
    wanted = ".".join(map(str, SQLITE_WANTED))
    return Finding(
        State.WARNING,
        say("version {version} is older than {wanted}", version=found, wanted=wanted),
        say("Use the one-file program, which brings its own SQLite, or a newer system."),
    )


def _permissions(patient: Patient) -> Finding:
    open_to_others = _open_to_others(patient.data_dir)
    if os.statvfs(patient.data_dir).f_flag & os.ST_RDONLY:
        said = say("the disk under the data folder can only be read")
        advice = say("Look into the system's log for why; repair the disk and mount it for writing.")
        return Finding(State.BROKEN, said, advice)
    if not os.access(patient.data_dir, os.W_OK | os.X_OK):
        said = say("the data folder cannot be written to by this user")
        return Finding(State.BROKEN, said, say("Give the folder to the user that runs the desk."))
    if not open_to_others:
        return _ok(say("only the desk's own user can read its data"))
    said = say("others on this machine can read {names}", names=", ".join(p.name for p in open_to_others[:3]))
    return Finding(State.WARNING, said, say("Stop the desk and run servicedesk doctor --fix."))


def _open_to_others(data_dir: Path) -> list[Path]:
    """Return what others may read: the folder, or what lies in it while the folder itself lets them in."""
    if not data_dir.stat().st_mode & _OTHERS:
        key = data_dir / "secret.key"
        return [key] if key.exists() and key.stat().st_mode & _OTHERS else []
    return [data_dir, *(path for path in data_dir.iterdir() if _is_open(path))]


def _is_open(path: Path) -> bool:
    mode = path.lstat().st_mode
    return not stat.S_ISLNK(mode) and bool(mode & _OTHERS)


def close_to_others(data_dir: Path) -> None:
    """Take from everybody else what they could do with the data."""
    for path in (data_dir, *data_dir.iterdir()):
        if _is_open(path):
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~_OTHERS)


def _clock(patient: Patient) -> Finding:
    if patient.now < LONG_AGO:
        said = say("it says {moment}, which is long past", moment=_moment(patient.now))
        return Finding(State.BROKEN, said, say("Set the clock, and have it kept by NTP."))
    latest = checks.latest_moment(patient.conn)
    if latest is not None and latest - patient.now > SET_BACK:
        said = say(
            "it says {moment}, but something was written at {latest}",
            moment=_moment(patient.now),
            latest=_moment(latest),
        )
        return Finding(State.WARNING, said, say("Set the clock, and have it kept by NTP."))
    return _ok(say("it says {moment}, later than all that was written", moment=_moment(patient.now)))


def _disk(patient: Patient) -> Finding:
    found = shutil.disk_usage(patient.data_dir)
    free = say("{free} MB of {total} MB are free", free=found.free // space.MB, total=found.total // space.MB)
    advice = say("Make room on the disk, or move the data folder to a larger one.")
    if not space.has_room(found.free, found.total):
        return Finding(State.BROKEN, free, advice)
    if not space.has_room_for_upload(found.free // ROOM_TO_SPARE, found.total):
        return Finding(State.WARNING, free, advice)
    return _ok(free)


def _open_files(patient: Patient) -> Finding:
    most, used = patient.open_files
    said = (
        say("the desk may have {most} files and connections open", most=most)
        if used is None
        else say("the desk has {used} of {most} files and connections open", used=used, most=most)
    )
    if used is not None and used > most * 0.8:
        return Finding(State.BROKEN, said, say("Raise LimitNOFILE of the service, and start it again."))
    if most < OPEN_FILES_WANTED:
        return Finding(State.WARNING, said, say("Raise LimitNOFILE of the service, and start it again."))
    return _ok(said)


def _way_in(patient: Patient) -> Finding:
    """Look at whether passwords and addresses come in as they should: proxies, TLS and the address that people type."""
    settings = patient.settings
    for is_so, said, advice in (
        (
            patient.came_through is not None,
            say("requests are forwarded by {peer}, which is not trusted", peer=patient.came_through or ""),
            say("Set trusted_proxies to the address of your proxy."),
        ),
        (
            settings.insecure and not settings.tls_certificate and not settings.trusted_proxies,
            say("the desk is told to speak without TLS"),
            say("Set tls_certificate, or trusted_proxies to a proxy that speaks TLS."),
        ),
        (
            bool(settings.trusted_proxies) and settings.public_url is None,
            say("there is a proxy, but cookies do not know whether it speaks HTTPS"),
            say("Set public_url to what people type."),
        ),
        (
            settings.public_url is not None
            and settings.is_https
            and not settings.tls_certificate
            and not settings.trusted_proxies,
            say("people come by HTTPS, so through a proxy, but none is trusted: all have its address"),
            say("Set trusted_proxies to the address of your proxy."),
        ),
    ):
        if is_so:
            return Finding(State.WARNING, said, advice)
    if settings.is_https:
        return _ok(say("people come by HTTPS"))
    return _ok(say("only this machine reaches the desk"))


def _certificate(patient: Patient) -> Finding:
    if patient.settings.tls_certificate is None:
        return _ok(say("none here: plain HTTP, or a proxy has it"))
    until = patient.tls_until
    advice = say("Put a new certificate in its place; the desk takes it by itself.")
    if until is None:
        return Finding(State.BROKEN, say("its files cannot be used"), advice)
    said = say("it is good until {moment}", moment=_moment(until))
    if until < patient.now:
        return Finding(State.BROKEN, said, advice)
    return Finding(State.WARNING, said, advice) if until < patient.now + 14 * DAY else _ok(said)


def _backups(patient: Patient) -> Finding:
    last = keeping.last_backup(patient.data_dir)
    if last is None and patient.settings.backup_dir is None:
        advice = say("Set backup_dir, or run servicedesk backup from a timer of the system.")
        return Finding(State.WARNING, say("none was made yet"), advice)
    return _kept(last, patient.now - BACKUP_LATE, say("See the log; try servicedesk backup by hand."))


def _drill(patient: Patient) -> Finding:
    last = keeping.last_drill(patient.data_dir)
    if last is None and patient.settings.backup_dir is None:
        return _ok(say("there are no backups of the desk's own to try"))
    if last is None:
        return _ok(say("none was tried yet; that comes after the first backup"))
    return _kept(last, patient.now - DRILL_LATE, say("Try servicedesk restore with the newest backup."))


def _kept(last: Outcome | None, since: Instant, advice: Text) -> Finding:
    """Judge something that happens again and again by when it last went well."""
    if last is None or last.good_at is None:
        return Finding(State.BROKEN, say("none has gone well yet"), advice)
    said = say("the last one that went well ended {moment}", moment=_moment(last.good_at))
    if last.error is not None:
        failed = say("the last one failed: {error}", error=last.error)
        return Finding(State.BROKEN, failed, advice)
    return Finding(State.WARNING, said, advice) if last.good_at < since else _ok(said)


# What is asked of the database ------------------------------------------------------------------------------------


def _schema(patient: Patient) -> Finding:
    found, known = checks.schema_number(patient.conn), checks.known_schema()
    if found > known:
        said = say("the database has schema {found}, this program knows {known}", found=found, known=known)
        return Finding(State.BROKEN, said, say("Use a newer version."))
    if found < known:
        said = say("the database has schema {found}, this program makes {known}", found=found, known=known)
        return Finding(State.WARNING, said, say("The next start brings it up to date."))
    changed = checks.unlike_migrations(patient.conn) or checks.odd_things(patient.conn)
    if changed:
        said = say("{what} is not as it was made", what=", ".join(changed[:3]))
        advice = say("Restore a backup, or undo what was changed by hand.")
        return Finding(State.BROKEN, said, advice)
    return _ok(say("schema {known}, as it was made", known=known))


def _structure(patient: Patient) -> Finding:
    fault = checks.broken_pages(patient.conn)
    if fault is None:
        return _ok(say("every page and index is sound"))
    said = say("SQLite says: {fault}", fault=fault)
    return Finding(State.BROKEN, said, say("Stop the desk and restore a backup; look at the disk."))


def _references(patient: Patient) -> Finding:
    found = checks.dangling(patient.conn)
    if not found:
        return _ok(say("every row that is named is there"))
    said = count(
        "{n} row of {tables} names what is not there",
        "{n} rows of {tables} name what is not there",
        sum(found.values()),
        tables=", ".join(sorted(found)),
    )
    return Finding(State.BROKEN, said, say("Restore a backup, or ask for help with the support bundle."))


def _search(patient: Patient) -> Finding:
    advice = say("Stop the desk and run servicedesk doctor --fix.")
    missing = checks.tickets_not_in_search(patient.conn)
    if missing:
        said = count("{n} ticket cannot be found", "{n} tickets cannot be found", missing)
        return Finding(State.BROKEN, said, advice)
    if shutil.disk_usage(tempfile.gettempdir()).free < checks.search_size(patient.conn):
        said = say("not looked at: {folder} has no room for a copy", folder=tempfile.gettempdir())
        return Finding(State.WARNING, said, say("Set TMPDIR to a folder with more room."))
    fault = checks.search_fault(patient.conn)
    if fault is not None:
        return Finding(State.BROKEN, say("SQLite says: {fault}", fault=fault), advice)
    return _ok(say("every ticket is in it, and it fits its texts"))


def _events(patient: Patient) -> Finding:
    holes = checks.rooms_with_holes(patient.conn)
    if not holes:
        return _ok(say("their numbers have no holes"))
    said = count("{n} room lacks events", "{n} rooms lack events", holes)
    return Finding(
        State.BROKEN, said, say("Restore a backup; until then pages load anew where events are missing.")
    )


def _counters(patient: Patient) -> Finding:
    wrong = checks.wrong_counters(patient.conn)
    if not wrong:
        return _ok(say("all are what is counted"))
    said = say("not what is counted: {what}", what=", ".join(wrong))
    return Finding(State.BROKEN, said, say("Stop the desk and run servicedesk doctor --fix."))


def _audit(patient: Patient) -> Finding:
    broken = audit.first_break(patient.conn)
    if broken is None:
        return _ok(say("unbroken from the first row on"))
    said = say("row {number} is not what was written there, or is missing", number=broken)
    advice = say("Somebody changed the database by hand: compare with a backup, and find out who.")
    return Finding(State.BROKEN, said, advice)


# What is asked of the files ---------------------------------------------------------------------------------------


def _contents(patient: Patient) -> Finding:
    lost = [sha256 for sha256 in _named(patient) if not _is_there(patient, sha256)]
    if not lost:
        return _ok(say("the bytes of every file are there"))
    said = count(
        "the bytes of {n} content are lost or cut, first {first}",
        "the bytes of {n} contents are lost or cut, first {first}",
        len(lost),
        first=lost[0],
    )
    return Finding(
        State.BROKEN, said, say("Copy the blobs from a backup; servicedesk scrub names the files.")
    )


def _named(patient: Patient) -> Iterator[str]:
    last = ""
    while some := files.contents(patient.conn, after=last, limit=_AT_ONCE):
        began = time.monotonic()
        yield from some
        last = some[-1]
        patient.pause(time.monotonic() - began)


def _is_there(patient: Patient, sha256: str) -> bool:
    path = patient.data_dir / "blobs" / sha256[:2] / sha256[2:4] / sha256
    for _ in range(2):  # a file may be deleted between the question and the look
        sizes = {file.size for file in files.of_content(patient.conn, sha256)}
        try:
            if not sizes or sizes == {path.stat().st_size}:
                return True
        except FileNotFoundError:
            continue
    return False


def _hashes(patient: Patient) -> Finding:
    blobs = Blobs(patient.data_dir)
    try:
        # nosemgrep: packaging.semgrep.the-clock-is-an-argument -- The ages of files are by the machine's clock.
        report = scrub.scrub(patient.conn, blobs, now=time.time(), pause=patient.pause)
    finally:
        blobs.close()
    if report.is_sound:
        return _ok(count("{n} content read, all sound", "{n} contents read, all sound", report.contents))
    said = count("{n} file is damaged or lost", "{n} files are damaged or lost", report.damaged_files)
    return Finding(
        State.BROKEN, said, say("Copy the blobs from a backup; servicedesk scrub names the files.")
    )


def _leftovers(patient: Patient) -> Finding:
    left = list(_left_behind(patient.data_dir))
    if not left:
        return _ok(say("nothing is left of broken uploads"))
    said = count("{n} file is left of broken uploads", "{n} files are left of broken uploads", len(left))
    return Finding(
        State.WARNING, said, say("The next start removes them, and so does servicedesk doctor --fix.")
    )


def _left_behind(data_dir: Path) -> Iterator[Path]:
    # nosemgrep: packaging.semgrep.the-clock-is-an-argument -- As above.
    folder, long_ago = data_dir / "tmp", time.time() - LEFT_BEHIND
    found = folder.iterdir() if folder.is_dir() else iter(())
    for path in islice(found, _AT_ONCE):
        if path.is_file() and path.lstat().st_mtime < long_ago:
            yield path


def remove_left_behind(data_dir: Path) -> None:
    """Remove what no upload can need any more."""
    for path in list(_left_behind(data_dir)):
        path.unlink(missing_ok=True)


CHECKS: Final = (
    Check("sqlite", say("SQLite"), _sqlite),
    Check("schema", say("Schema"), _schema, needs_data=True),
    Check("permissions", say("Permissions"), _permissions, tidy=close_to_others),
    Check("clock", say("Clock"), _clock, needs_data=True),
    Check("disk", say("Free disk"), _disk),
    Check("open_files", say("Open files"), _open_files),
    Check("way_in", say("Way in"), _way_in),
    Check("certificate", say("TLS certificate"), _certificate),
    Check("backups", say("Backups"), _backups),
    Check("drill", say("Trial of a backup"), _drill),
    Check("leftovers", say("Leftovers"), _leftovers, tidy=remove_left_behind),
    Check("structure", say("Database"), _structure, needs_data=True, is_long=True),
    Check("references", say("Foreign keys"), _references, needs_data=True, is_long=True),
    Check(
        "search", say("Full-text index"), _search, needs_data=True, is_long=True, mend=checks.rebuild_search
    ),
    Check("events", say("Events"), _events, needs_data=True, is_long=True),
    Check("counters", say("Counters"), _counters, needs_data=True, is_long=True, mend=checks.recount),
    Check("audit", say("Audit chain"), _audit, needs_data=True, is_long=True),
    Check("files", say("Files"), _contents, needs_data=True, is_long=True),
)
"""In the order of the report: first what is known at once."""
HASHES: Final = Check("hashes", say("Hashes of files"), _hashes, needs_data=True, is_long=True)
SHORT: Final = tuple(check for check in CHECKS if not check.is_long)


def examine(patient: Patient, table: tuple[Check, ...] = CHECKS) -> Report:
    """Make the checks one after the other; one that cannot be made is broken itself."""
    began = time.monotonic()
    lines = [_line(check, _found(check, patient)) for check in table]
    return Report(lines, round(time.monotonic() - began, 3))


class NoDatabase:
    """Stands where a database cannot be opened."""

    def __init__(self, why: sqlite3.Error) -> None:
        self._why = why

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Say why."""
        raise self._why


def without_database(table: tuple[Check, ...]) -> tuple[Check, ...]:
    """Return the checks that say something even then, and the one that says why."""
    return tuple(check for check in table if not check.needs_data or check.name == "structure")


def _found(check: Check, patient: Patient) -> Finding:
    try:
        return check.look(patient)
    except (sqlite3.Error, OSError) as error:
        advice = say("Restore a backup into a new folder; look at the disk.")
        return Finding(State.BROKEN, say("it cannot be read: {reason}", reason=str(error)), advice)


def _line(check: Check, finding: Finding) -> Line:
    can_fix = finding.state is not State.OK and bool(check.mend or check.tidy)
    return Line(check.name, check.title, finding.state, finding.said, finding.advice, can_fix)


def plain(report: Report) -> dict[str, Any]:
    """Return the report for programs, in English."""
    lines = [
        {**{name: str(getattr(line, name)) for name in _TEXTS}, "can_fix": line.can_fix}
        for line in report.lines
    ]
    return {"worst": str(report.worst), "lines": lines, "seconds": report.seconds}


_TEXTS: Final = ("name", "title", "state", "said", "advice")


def open_files_of(pid: int | None) -> tuple[int, int | None]:
    """Return how many files a process may have open and has, of this one when it is not known."""
    import resource

    own = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    most = sys.maxsize if own < 0 else own
    if pid is None:
        return most, None
    try:
        limits = Path(f"/proc/{pid}/limits").read_text("ascii")
        said = next(line for line in limits.splitlines() if line.startswith("Max open files")).split()[3]
        return sys.maxsize if said == "unlimited" else int(said), len(os.listdir(f"/proc/{pid}/fd"))
    except (OSError, StopIteration, ValueError):
        return most, None

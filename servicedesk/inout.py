"""Commands for what goes out of the desk and comes into it, and for people who want to be gone from it."""

import argparse
import asyncio
import contextlib
import os
import secrets
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from servicedesk import settings
from servicedesk.settings import BadSetting, Settings
from servicedesk.store import lock
from servicedesk.store.lock import Locked
from servicedesk.store.migrate import Unusable
from servicedesk.version import VERSION

if TYPE_CHECKING:
    from servicedesk.store.exports import Wanted

OK: Final = 0
INCOMPLETE: Final = 1
"""Done, but not for everything: each exception was named."""

Register = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]


def commands(register: Register) -> None:
    """Add the commands to those of the program."""
    out = register(
        "export", export, "write the desk, or a part of it, as lines of JSON and files; also beside a server"
    )
    out.add_argument("destination", type=Path, metavar="DEST", help="a folder to be made, or a zip file")
    out.add_argument("--zip", action="store_true", help="one zip file instead of a folder")
    which = out.add_mutually_exclusive_group()
    which.add_argument("--team", metavar="NAME", help="only the tickets of this team")
    which.add_argument("--requester", metavar="EMAIL", help="only the tickets of this person")
    which.add_argument(
        "--ticket", type=_ticket_number, metavar="ID", help="only this ticket, 42 or TKT-000042"
    )
    into = register(
        "import", take_in, "take an export in while no server runs; begun anew it goes on where it was"
    )
    into.add_argument("source", type=Path, metavar="SRC", help="the folder or zip file of an export")
    into.add_argument("--dry-run", action="store_true", help="look at everything and write nothing")
    table = register(
        "import-csv", take_in_table, "take people or tickets in from a table while no server runs"
    )
    table.add_argument("kind", choices=("people", "tickets"))
    table.add_argument("file", type=Path, metavar="FILE")
    table.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="COLUMN=FIELD,…",
        help="what the columns are, may be repeated; default: columns that are called like a field",
    )
    table.add_argument("--dry-run", action="store_true", help="try every row and undo them all")
    table.add_argument("--all-or-nothing", action="store_true", help="take nothing in if a row is wrong")
    table.add_argument("--encoding", metavar="NAME", help="default: found by its bytes")
    table.add_argument("--delimiter", metavar="CHARACTER", help="default: found in the header")
    table.add_argument(
        "--empty", action="append", default=[], metavar="TEXT", help="cells that say nothing, such as ?"
    )
    table.add_argument("--dates", metavar="FORMAT", help="such as %%d.%%m.%%Y %%H:%%M; default: ISO 8601")
    table.add_argument("--zone", help="of moments that name none; default: the desk's")
    table.add_argument("--domain", help="who has a name and no address gets one here")
    table.add_argument("--new-teams", action="store_true", help="make the teams that are not there yet")
    table.add_argument(
        "--as", dest="actor", metavar="EMAIL", help="who opens the tickets; default: the first admin"
    )
    gone = register("erase", erase, "forget a person while no server runs, and print a receipt")
    gone.add_argument("email", metavar="EMAIL", help="their address")
    gone.add_argument(
        "--keep-messages",
        action="store_true",
        help="keep what they wrote and attached, without their name and address",
    )


# Out --------------------------------------------------------------------------------------------------------------


def export(arguments: argparse.Namespace) -> int:
    """Write an export, whether a server runs beside it or not."""
    from servicedesk.desk import exports
    from servicedesk.domain import parcels
    from servicedesk.media import parcels as media
    from servicedesk.media.blobs import Blobs
    from servicedesk.store.db import reading

    chosen = _settings(arguments)
    _require_desk(chosen)
    os.umask(0o077)  # what it holds is nobody else's on this machine
    selection = parcels.Selection(arguments.team, arguments.requester, arguments.ticket)
    at = time.time_ns() // 1_000_000
    try:
        with (
            reading(chosen.database) as conn,
            media.writing(arguments.destination, zipped=arguments.zip) as writer,
        ):
            _require_schema(conn, chosen)
            of = exports.wanted(conn, selection)
            _write(conn, of, writer, Blobs(chosen.data_dir), at)
            manifest = _manifest(conn, selection, at)
            is_noted = _note_export(chosen, of, manifest, at)
            writer.finish(manifest)
    except (media.Unfit, exports.NothingThere) as error:
        raise BadSetting(str(error)) from None
    except sqlite3.Error as error:
        raise Unusable(f"The database {chosen.database} cannot be read: {error}.") from None
    for part in writer.parts:
        print(f"{part.lines} {part.name.replace('_', ' ')}")
    print(f"{writer.count} contents of files, {writer.size} bytes")
    print(f"exported to {arguments.destination}")
    if not is_noted:
        _warn("the server runs, and nothing can be left for it: the export is not in its audit list")
    for sha256 in writer.lost:
        _warn(f"the bytes {sha256} are gone or damaged; servicedesk scrub names their files")
    return INCOMPLETE if writer.lost else OK


def _write(conn: Any, of: "Wanted", writer: Any, blobs: Any, at: int) -> None:
    from servicedesk.desk import exports
    from servicedesk.domain import parcels
    from servicedesk.store import exports as stored

    encode = msgspec.json.Encoder().encode
    for part in parcels.ORDER:
        writer.write_part(part, map(encode, exports.lines(conn, part, of, at)))
    for sha256 in stored.contents_of(conn, of):
        writer.write_content(sha256, blobs.path(sha256))


def _manifest(conn: Any, selection: Any, at: int) -> Any:
    from servicedesk.desk import setup
    from servicedesk.domain import parcels
    from servicedesk.domain.times import iso

    return parcels.Manifest(
        format=parcels.FORMAT,
        version=parcels.VERSION,
        id=secrets.token_hex(16),
        made_at=iso(at),
        desk=setup.desk_name(conn),
        program=VERSION,
        selection=selection,
        parts=(),
        contents=parcels.Contents(0, 0),
    )


def _note_export(chosen: Settings, of: "Wanted", manifest: Any, at: int) -> bool:
    """Write the export into the audit list, or leave it for a server that runs; return False where neither can be."""
    from servicedesk.desk import exports
    from servicedesk.store import left

    note = left.ExportNote(manifest.id, of.said, at)
    try:
        with lock.hold(chosen.data_dir):
            asyncio.run(_in_desk(chosen, lambda tx: exports.note_all(tx, [note])))
    except Locked:
        try:
            left.leave(chosen.data_dir, note)
        except OSError:
            return False
    return True


# In ---------------------------------------------------------------------------------------------------------------


def take_in(arguments: argparse.Namespace) -> int:
    """Take an export in."""
    from servicedesk.domain.errors import Refused
    from servicedesk.media import parcels as media
    from servicedesk.web import imports

    chosen = _settings(arguments)
    try:
        with media.reading(arguments.source) as reader:
            counts = imports.check(reader)
            if arguments.dry_run:
                _print_counts(counts)
                print("The export is whole and every line of it can be taken in; nothing was written.")
                return OK
            with _only_process(chosen):
                taken = asyncio.run(_take_in(chosen, reader))
    except media.Unfit as error:
        raise Unusable(str(error)) from None
    except Refused as refusal:  # a full disk: what is in stays in, and the next run goes on behind it
        raise Unusable(str(refusal.detail)) from None
    except imports.BadLines as error:
        for problem in error.problems:
            _warn(problem)
        raise Unusable("Nothing was taken in.") from None
    for part in counts:
        if taken.new.get(part) or taken.known.get(part):
            known = f", {taken.known[part]} known already" if taken.known.get(part) else ""
            print(f"{taken.new.get(part, 0)} {part.replace('_', ' ')}{known}")
    print(f"imported from {arguments.source}")
    if taken.lost:
        _warn(f"{taken.lost} files are left out: the export does not have their bytes")
    return INCOMPLETE if taken.lost else OK


async def _take_in(chosen: Settings, reader: Any) -> Any:
    from servicedesk.media.blobs import Blobs
    from servicedesk.store.db import Database
    from servicedesk.web import imports

    blobs = Blobs(chosen.data_dir)
    blobs.prepare()
    try:
        async with await Database.open(chosen.database) as db:
            return await imports.take_in(db, blobs, reader, at=time.time_ns() // 1_000_000)
    finally:
        blobs.close()


def take_in_table(arguments: argparse.Namespace) -> int:
    """Take rows in; name each that had to stay outside."""
    from servicedesk.domain.errors import Refused
    from servicedesk.media.spreadsheets import Sheet, Unreadable

    chosen = _settings(arguments)
    _require_desk(chosen)
    try:
        sheet = Sheet(arguments.file, arguments.encoding, _separator(arguments.delimiter))
        columns = _columns(arguments, sheet.header)
        with _only_process(chosen):
            outcome = asyncio.run(_take_in_table(chosen, arguments, sheet, columns))
    except Unreadable as error:
        raise BadSetting(str(error)) from None
    except Refused as refusal:
        raise Unusable(str(refusal.detail)) from None
    known = f", {outcome.known} were known already" if outcome.known else ""
    verb = "could be taken in" if arguments.dry_run else "taken in"
    print(f"{outcome.taken} {arguments.kind} {verb}{known}, {outcome.problems} rows are wrong")
    return INCOMPLETE if outcome.problems else OK


async def _take_in_table(chosen: Settings, arguments: argparse.Namespace, sheet: Any, columns: Any) -> Any:
    from servicedesk.desk import setup
    from servicedesk.domain.calendars import zone_errors
    from servicedesk.store.db import Database
    from servicedesk.web import csv_imports

    async with await Database.open(chosen.database) as db:
        zone = arguments.zone or (await db.read(setup.time_zone)).key
        if any(zone_errors(zone, "")):
            raise BadSetting(f"{zone} is no time zone.")
        return await csv_imports.take_in(
            db,
            arguments.kind,
            sheet,
            csv_imports.Way(
                columns=columns,
                empty=frozenset({"", *arguments.empty}),
                dates=arguments.dates,
                zone=zone,
                domain=arguments.domain,
                new_teams=arguments.new_teams,
            ),
            by=await db.read(_actor, arguments.actor) if arguments.kind == "tickets" else None,
            at=time.time_ns() // 1_000_000,
            name=arguments.file.name,
            whole=arguments.all_or_nothing,
            dry_run=arguments.dry_run,
            tell=lambda problem: _warn(str(problem)),
        )


def _actor(conn: Any, email: str | None) -> Any:
    """Return in whose name tickets are opened."""
    from servicedesk.domain.people import Role
    from servicedesk.store import people

    if email is not None:
        found = people.by_email(conn, email)
        if found is None or not found.is_staff or not found.is_active:
            raise BadSetting(f"Nobody of the active staff has the address {email}.")
        return found
    admins = people.page(conn, limit=1, roles=[Role.ADMIN], is_active=True)
    if not admins:
        raise BadSetting("There is no admin on this desk yet; servicedesk user add makes one.")
    return admins[0]


def _separator(said: str | None) -> str | None:
    if said is not None and len(said.replace("\\t", "\t")) != 1:
        raise BadSetting(f"The delimiter {said!r} is not one character.")
    return None if said is None else said.replace("\\t", "\t")


def _columns(arguments: argparse.Namespace, header: list[str]) -> tuple[tuple[str, str], ...]:
    """Return which column is which field."""
    from servicedesk.web.csv_imports import FIELDS

    fields = FIELDS[arguments.kind]
    pairs = [pair for each in arguments.map for pair in each.split(",") if pair.strip()]
    columns = [(name.strip(), field.strip()) for name, _, field in (pair.rpartition("=") for pair in pairs)]
    columns = columns or [(name, name) for name in header if name in fields]
    if not columns:
        raise BadSetting(f"Say with --map what the columns are: {', '.join(filter(None, header))}.")
    for name, field in columns:
        if name not in header:
            raise BadSetting(f"There is no column {name!r}; there are {', '.join(filter(None, header))}.")
        if field not in fields:
            raise BadSetting(f"{arguments.kind} have no field {field!r}; they have {', '.join(fields)}.")
    given = [field for _, field in columns]
    if twice := sorted({field for field in given if given.count(field) > 1}):
        raise BadSetting(f"The field {twice[0]!r} is mapped twice.")
    return tuple(columns)


# Gone -------------------------------------------------------------------------------------------------------------


def erase(arguments: argparse.Namespace) -> int:
    """Forget a person; what a run left undone that was killed is done first."""
    from servicedesk.domain.errors import Refused

    chosen = _settings(arguments)
    _require_desk(chosen)
    with _only_process(chosen):
        try:
            receipt = asyncio.run(_erase(chosen, arguments.email, keep_messages=arguments.keep_messages))
        except Refused as refusal:
            raise BadSetting(str(refusal.detail)) from None
        if receipt is None:
            raise BadSetting(f"Nobody has the address {arguments.email}.")
        _wipe(chosen)
    print(msgspec.json.format(msgspec.json.encode(receipt), indent=2).decode())
    for copy in sorted(chosen.data_dir.glob("*-before-*.db")):
        _warn(
            f"{copy} is a copy from before an upgrade and still has them: delete it when you need it no more"
        )
    return OK


async def _erase(chosen: Settings, email: str, *, keep_messages: bool) -> Any:
    """Do what the rows need and return the receipt; None when nobody has the address."""
    from servicedesk.desk import erasure
    from servicedesk.domain.audit import COMMAND_LINE, Occasion
    from servicedesk.media.blobs import Blobs
    from servicedesk.store import erasure as stored
    from servicedesk.store import files, search
    from servicedesk.store.db import Database

    at = time.time_ns() // 1_000_000

    def begin(tx: Any) -> Any:
        user = erasure.find(tx, email)
        if user is None:
            return None
        tx.occasion = Occasion(at=at, name=COMMAND_LINE)
        return erasure.erase(tx, user, keep_messages=keep_messages, at=at)

    blobs = Blobs(chosen.data_dir)
    try:
        async with await Database.open(chosen.database) as db:
            left = await db.read(erasure.pending)
            if left is None:
                left = await db.write(begin)
            elif left.receipt.email_sha256 != erasure.hash_of(email):
                raise Unusable(
                    f"The erasure of person {left.receipt.person} was cut off: erase them again first."
                )
            if left is None:
                return None
            for sha256 in left.contents:
                await blobs.remove(sha256, lambda each: db.peek(files.is_named, each))
            for upload in left.uploads:
                (chosen.data_dir / "partial" / upload).unlink(missing_ok=True)
            while await db.write(search.catch_up, 1000):
                pass
            await db.write(stored.optimize_search)
            return left.receipt
    finally:
        blobs.close()


def _wipe(chosen: Settings) -> None:
    """Take what was deleted out of the file itself, and only then call the erasure finished."""
    from servicedesk.desk import erasure
    from servicedesk.store.erasure import vacuum

    try:
        vacuum(chosen.database)
    except sqlite3.Error as error:
        raise Unusable(
            f"The rows are gone, but the database could not be written anew: {error}. Make room and erase them again."
        ) from None
    asyncio.run(_in_desk(chosen, erasure.finished))


# Helpers ----------------------------------------------------------------------------------------------------------


async def _in_desk(chosen: Settings, job: Callable[[Any], Any]) -> Any:
    from servicedesk.store.db import Database

    async with await Database.open(chosen.database) as db:
        return await db.write(job)


def _settings(arguments: argparse.Namespace) -> Settings:
    flags = {"data_dir": arguments.data_dir} if "data_dir" in arguments else {}
    return settings.load(flags).settings


def _require_desk(chosen: Settings) -> None:
    if not chosen.database.is_file():
        raise Unusable(f"There is no desk in the folder {chosen.data_dir}.")


def _require_schema(conn: Any, chosen: Settings) -> None:
    from servicedesk.store.migrate import steps

    present, known = conn.execute("PRAGMA user_version").fetchone()[0], len(steps())
    if present != known:
        raise Unusable(
            f"The database in {chosen.data_dir} has schema {present}, this program knows {known}:"
            " use the version that serves the desk."
        )


@contextlib.contextmanager
def _only_process(chosen: Settings) -> Iterator[None]:
    os.umask(0o077)
    try:
        with lock.hold(chosen.data_dir):
            yield
    except Locked as error:
        raise Locked(f"{error}: stop it first.") from None


def _ticket_number(text: str) -> int:
    digits = text.upper().removeprefix("TKT-")
    if not digits.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no ticket")
    return int(digits)


def _print_counts(counts: dict[str, int]) -> None:
    for name, number in counts.items():
        print(f"{number} {name.replace('_', ' ')}")


def _warn(line: str) -> None:
    print(f"servicedesk: {line}", file=sys.stderr)

"""The commands that look after a desk: ``doctor`` and ``support-bundle``."""

import argparse
import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from servicedesk.desk import bundle
from servicedesk.desk import doctor as desk
from servicedesk.desk.doctor import CHECKS, HASHES, Check, Patient, Report, State
from servicedesk.settings import Loaded, Settings
from servicedesk.store import lock
from servicedesk.store.db import Connection, reading
from servicedesk.store.lock import Locked
from servicedesk.store.migrate import Unusable

OK: Final = 0
BROKEN: Final = 1

Say = Callable[[str], None]


def doctor(arguments: argparse.Namespace, loaded: Loaded, say: Say) -> int:
    """Report, and with ``--fix`` mend and report again. Raises Unusable."""
    settings, table = loaded.settings, CHECKS + ((HASHES,) if arguments.hashes else ())
    _require_desk(settings)
    report = examine(settings, table)
    fixed = _fix(settings, report, table) if arguments.fix else []
    if fixed:
        report = examine(settings, table)
    if arguments.json:
        say(msgspec.json.encode({**desk.plain(report), "fixed": fixed}).decode())
    else:
        for line in lines(report, fixed):
            say(line)
    return BROKEN if report.worst is State.BROKEN else OK


def examine(settings: Settings, table: tuple[Check, ...]) -> Report:
    """Look at a desk from outside, whether a server runs beside or not."""
    try:
        with reading(settings.database, as_it_stands=False) as conn:
            return desk.examine(_patient(settings, conn), table)
    except sqlite3.Error as error:
        return desk.examine(_patient(settings, desk.NoDatabase(error)), desk.without_database(table))


def support_bundle(arguments: argparse.Namespace, loaded: Loaded, say: Say) -> int:
    """Write the support bundle into a new file. Raises Unusable, CannotWrite."""
    settings = loaded.settings
    _require_desk(settings)
    report = examine(settings, CHECKS)
    try:
        with reading(settings.database) as conn:
            now = time.time_ns() // 1_000_000
            content = bundle.made(conn, settings=loaded.rows(), report=report, log=(), at=now)
    except sqlite3.Error as error:
        raise Unusable(f"The database {settings.database} cannot be read: {error}.") from None
    target = Path(arguments.file)
    try:
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    except OSError as error:
        raise CannotWrite(f"{target} cannot be written: {error.strerror}.") from None
    say(f"The support bundle is in {target}. It is plain text in a ZIP archive: look before you send it.")
    return OK


class CannotWrite(Exception):
    """The file is there already, or has no place; the text is one line."""


def lines(report: Report, fixed: list[str]) -> Iterator[str]:
    """Yield the report as people read it."""
    width = max(len(line.title) for line in report.lines)
    for line in report.lines:
        yield f"{line.state:<8} {line.title:<{width}}  {line.said}"
        if line.advice and line.state is not State.OK:
            yield f"{'':<8} {'':<{width}}  → {line.advice}"
    if fixed:
        yield f"Mended: {', '.join(fixed)}."
    wrong = sum(line.state is not State.OK for line in report.lines)
    yield f"{len(report.lines)} checks in {report.seconds:.1f} s: " + (
        f"{wrong} need a look." if wrong else "all is well."
    )


def _patient(settings: Settings, conn: Connection) -> Patient:
    from servicedesk.web import tls

    return Patient(
        settings=settings,
        conn=conn,
        now=time.time_ns() // 1_000_000,
        open_files=desk.open_files_of(lock.holder(settings.data_dir)),
        tls_until=tls.until(settings.tls_certificate, settings.tls_key),
    )


def _require_desk(settings: Settings) -> None:
    if not settings.database.is_file():
        raise Unusable(f"There is no desk in the folder {settings.data_dir}.")


def _fix(settings: Settings, report: Report, table: tuple[Check, ...]) -> list[str]:
    """Mend what can be mended, and return what that was. Raises Unusable while a server runs."""
    wrong = {line.name for line in report.lines if line.can_fix}
    ailing = [check for check in table if check.name in wrong]
    if not ailing:
        return []
    _require_present_schema(report)
    try:
        with lock.hold(settings.data_dir):
            for check in ailing:
                if check.tidy is not None:
                    check.tidy(settings.data_dir)
            asyncio.run(_mend(settings.database, [check.mend for check in ailing if check.mend]))
    except Locked as error:
        raise Locked(f"{error}: stop the desk first, --fix needs the data folder for itself.") from None
    return [str(check.title) for check in ailing]


def _require_present_schema(report: Report) -> None:
    schema = next((line for line in report.lines if line.name == "schema"), None)
    if schema is None or schema.state is not State.OK:
        raise Unusable("Nothing was mended: the schema comes first. Run servicedesk doctor without --fix.")


async def _mend(database: Path, menders: list[Callable[[Any], object]]) -> None:
    from servicedesk.store.db import Database

    if not menders:
        return
    async with await Database.open(database) as db:
        for mend in menders:
            await db.write(mend)

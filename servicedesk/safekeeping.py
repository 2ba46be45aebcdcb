"""The commands that keep a desk safe: back up, restore, and try whether a backup would do."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from servicedesk import settings
from servicedesk.settings import Settings
from servicedesk.store import lock
from servicedesk.version import VERSION

if TYPE_CHECKING:
    from servicedesk.desk.backups import Made
    from servicedesk.media.s3 import Bucket

OK: Final = 0
DAMAGED: Final = 1
BAD_USAGE: Final = 2
FAILED: Final = 3

_Command = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]


def register(command: _Command, data_dir_flag: Callable[[argparse.ArgumentParser], None]) -> None:
    """Add the commands to the command line."""
    backed_up = command("backup", backup, "copy the desk to a folder, also while a server runs on it")
    backed_up.add_argument("place", metavar="DEST", help="the folder in which backups are kept")
    backed_up.add_argument(
        "--keep",
        metavar="D,W,M",
        help="then keep one of so many days, weeks and months, and remove the others",
    )
    _json_flag(backed_up)
    data_dir_flag(backed_up)
    restored = command("restore", restore, "verify a backup and put it into a new data folder")
    restored.add_argument(
        "source", metavar="SRC", help="a backup, or the folder of backups to take the newest"
    )
    restored.add_argument("--data-dir", metavar="FOLDER", required=True, help="empty, or not there yet")
    drilled = command(
        "drill", drill, "restore the newest backup to a temporary folder, to see that it would do"
    )
    drilled.add_argument("place", metavar="DEST", help="the folder in which backups are kept")
    data_dir_flag(drilled)
    fetched = command("fetch", fetch, "fetch a backup from the bucket that is set as backup_s3")
    fetched.add_argument("place", metavar="DEST", help="the folder in which it is put")
    fetched.add_argument("--name", help="which one; default: the newest")
    data_dir_flag(fetched)
    rolled_back = command("rollback", rollback, "return to the state before the last upgrade")
    rolled_back.add_argument("--lose-newer", action="store_true", help="even if something came since")
    data_dir_flag(rolled_back)


def _json_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one document instead of lines")


def backup(arguments: argparse.Namespace) -> int:
    """Make a backup."""
    from servicedesk.desk import backups, keeping

    chosen = _settings(arguments)
    _give_way()
    try:
        keep = settings.keep(arguments.keep) if arguments.keep else None
    except ValueError as error:
        return _complain(f"--keep {error}.", BAD_USAGE)
    began = _now()
    try:
        made = backups.make(
            chosen.data_dir,
            _path(arguments.place),
            version=VERSION,
            at=began,
            keep=keep,
            pause=_pause_beside(chosen),
        )
    except (backups.CannotBackUp, backups.Unsound) as error:
        keeping.note_backup(chosen.data_dir, at=began, ended=_now(), error=str(error))
        return _complain(str(error), FAILED if isinstance(error, backups.CannotBackUp) else DAMAGED)
    if unsent := _unsent(chosen, Path(made.path)):
        keeping.note_backup(chosen.data_dir, at=began, ended=_now(), error=unsent)
        return _complain(unsent, FAILED)
    keeping.note_backup(chosen.data_dir, at=began, ended=_now(), made=made)
    _say(msgspec.json.encode(_summary(made)).decode() if arguments.json else "\n".join(made.lines))
    return DAMAGED if made.manifest.lost else OK


def _unsent(chosen: Settings, backup: Path) -> str | None:
    """Send the backup to the bucket, if there is one; return what went wrong."""
    from servicedesk.desk import remote
    from servicedesk.media.s3 import StoreRefused

    if chosen.backup_s3 is None:
        return None
    try:
        remote.send(backup, _bucket(chosen, chosen.backup_s3), _pause_beside(chosen))
    except StoreRefused as error:
        return f"The backup {backup} was made, but not sent to the bucket: {error}."
    return None


def _bucket(chosen: Settings, url: str) -> "Bucket":
    from servicedesk.media.s3 import Bucket

    return Bucket(
        url, key_id=chosen.backup_s3_key_id, secret=chosen.backup_s3_secret, region=chosen.backup_s3_region
    )


def fetch(arguments: argparse.Namespace) -> int:
    """Fetch a backup from the bucket."""
    from servicedesk.desk import remote

    chosen = _settings(arguments)
    if chosen.backup_s3 is None:
        return _complain("No bucket is set: give it as SERVICEDESK_BACKUP_S3.", BAD_USAGE)
    os.umask(0o077)
    try:
        found = remote.fetch(
            _bucket(chosen, chosen.backup_s3), _path(arguments.place), arguments.name, _no_pause
        )
    except remote.CannotFetch as error:
        return _complain(str(error), FAILED)
    _say(f"Fetched {found}.")
    return OK


def restore(arguments: argparse.Namespace) -> int:
    """Restore a backup."""
    from servicedesk.desk import restoring
    from servicedesk.desk.backups import Unsound

    os.umask(0o077)
    try:
        restored = restoring.restore(
            restoring.chosen(_path(arguments.source)), _path(arguments.data_dir), pause=_no_pause
        )
    except restoring.CannotRestore as error:
        return _complain(str(error), BAD_USAGE)
    except Unsound as error:
        return _complain(f"Nothing was restored. {error}", DAMAGED)
    _say("\n".join(restored.lines))
    return OK


def drill(arguments: argparse.Namespace) -> int:
    """Try whether the newest backup would do."""
    from servicedesk.desk import drills, keeping

    chosen = _settings(arguments)
    _give_way()
    began = _now()
    try:
        drilled = drills.drill(_path(arguments.place), _pause_beside(chosen))
    except drills.Failed as error:
        keeping.note_drill(chosen.data_dir, at=began, ended=_now(), path=None, error=str(error))
        return _complain(str(error), DAMAGED)
    keeping.note_drill(chosen.data_dir, at=began, ended=_now(), path=drilled.backup, error=None)
    _say(drilled.line)
    return OK


def rollback(arguments: argparse.Namespace) -> int:
    """Take the last upgrade back."""
    from servicedesk.store import upgrade

    chosen = _settings(arguments)
    if not chosen.database.is_file():
        return _complain(f"There is no desk in the folder {chosen.data_dir}.", FAILED)
    os.umask(0o077)
    try:
        with lock.hold(chosen.data_dir):
            back = upgrade.rollback(chosen.database, lose_newer=arguments.lose_newer)
    except lock.Locked as error:
        return _complain(f"{error}: stop it first.", FAILED)
    except upgrade.CannotRollBack as error:
        return _complain(str(error), BAD_USAGE)
    _say(
        f"The desk has schema {back.before} again, as before the upgrade to {back.after}: start the version from"
        f" before, since this one would upgrade it again. What it had become is kept as"
        f" {upgrade.aside(chosen.database)}."
    )
    return OK


def _summary(made: "Made") -> dict[str, object]:
    return {
        "path": made.path,
        "bytes": made.bytes,
        "new_bytes": made.new_bytes,
        "seconds": made.seconds,
        "lost": made.manifest.lost,
        "removed": made.removed,
        **msgspec.to_builtins(made.manifest.counts),
    }


def _settings(arguments: argparse.Namespace) -> Settings:
    flags = {"data_dir": arguments.data_dir} if hasattr(arguments, "data_dir") else {}
    return settings.load(flags).settings


def _give_way() -> None:
    """Let everybody else on this machine go first."""
    os.umask(0o077)
    os.nice(19)


def _pause_beside(chosen: Settings) -> Callable[[float], None]:
    """Return what leaves the disk to a desk that works meanwhile for twice as long as it was used."""
    return _leave_it if lock.holder(chosen.data_dir) is not None else _no_pause


def _leave_it(took: float) -> None:
    time.sleep(2 * took)


def _no_pause(took: float) -> None:
    pass


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _now() -> int:
    return time.time_ns() // 1_000_000


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _complain(text: str, code: int) -> int:
    sys.stderr.write(f"servicedesk: {' '.join(text.split())}\n")
    return code

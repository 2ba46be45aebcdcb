"""Backups in a bucket elsewhere: sent there once they are whole, and fetched back to a folder."""

import shutil
from pathlib import Path
from typing import Final

from servicedesk.desk import backups
from servicedesk.desk.backups import UNFINISHED, Pause, Unsound
from servicedesk.domain import backups as rules
from servicedesk.domain.backups import MANIFEST, SEAL, Item
from servicedesk.media import vault
from servicedesk.media.blobs import sync_folder
from servicedesk.media.s3 import Bucket, StoreRefused


class CannotFetch(Exception):
    """Nothing was fetched; the text is one line that says why."""


_LAST: Final = (MANIFEST, SEAL)
"""Sent when all else is there: without them what is there is no backup."""


def send(backup: Path, bucket: Bucket, pause: Pause) -> int:
    """Send a backup, but the bytes that are there already; return how many bytes went. Raises StoreRefused."""
    sent = 0
    for item in backups.read_manifest(backup).items:
        name = _name(backup.name, item)
        if item.is_blob and bucket.size(name) == item.size:
            continue
        bucket.put(name, backup / item.path, item.sha256)
        sent += item.size
    for last in _LAST:
        bucket.put(f"{backup.name}/{last}", backup / last, vault.look(backup / last, pause).sha256)
    return sent


def _name(backup: str, item: Item) -> str:
    return item.path if item.is_blob else f"{backup}/{item.path}"


def fetch(bucket: Bucket, place: Path, name: str | None, pause: Pause) -> Path:
    """Fetch a backup, the newest unless it is named, and verify it before it gets its name. Raises CannotFetch."""
    try:
        name = name or _newest(bucket)
        if (place / name).exists():
            raise CannotFetch(f"{place / name} is there already.")
        work = place / f"{UNFINISHED}{name}"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(mode=0o700, parents=True)
        try:
            _fetch(bucket, name, work)
            backups.verify(work, pause)
            vault.sync_tree(work)
            work.rename(place / name)
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            raise
    except (StoreRefused, Unsound) as error:
        raise CannotFetch(f"Nothing was fetched: {error}") from error
    except OSError as error:
        raise CannotFetch(f"Nothing was fetched: {error.strerror or error}.") from error
    sync_folder(place)
    return place / name


def _newest(bucket: Bucket) -> str:
    found = [name for name in bucket.folders() if rules.begun(name)]
    if not found:
        raise CannotFetch("There is no backup in the bucket.")
    return max(found)


def _fetch(bucket: Bucket, name: str, work: Path) -> None:
    for first in _LAST:
        _get(bucket, f"{name}/{first}", work / first)
    for item in backups.read_manifest(work).items:
        (work / item.path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _get(bucket, _name(name, item), work / item.path)


def _get(bucket: Bucket, name: str, target: Path) -> None:
    with target.open("xb") as file:
        bucket.get(name, file)

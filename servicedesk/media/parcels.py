"""An export on disk: a folder or a zip file that has its name only once it is whole, and is read with suspicion."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final, Protocol

import msgspec

from servicedesk.domain import parcels
from servicedesk.domain.parcels import Contents, Manifest, Part
from servicedesk.media.blobs import PIECE, sync_folder

MANIFEST: Final = "manifest.json"
LINE_MAX: Final = 4 << 20
"""Bytes of a line: no message, and no ticket, comes near it."""
MANIFEST_MAX: Final = 8 << 20


class Unfit(Exception):
    """It cannot be written there, or what is there is no whole export; the text is one line that says why."""


# Writing ----------------------------------------------------------------------------------------------------------


class Writer:
    """Takes parts and contents; :meth:`finish` gives the whole its name, anything else leaves nothing."""

    def __init__(self, target: "_Target") -> None:
        self._target = target
        self.parts: list[Part] = []
        self.lost: list[str] = []
        self.count = 0
        self.size = 0

    def write_part(self, name: str, lines: Iterable[bytes]) -> None:
        number, size, hashed = 0, 0, hashlib.sha256()
        with self._target.open(parcels.part_path(name), packed=True) as file:
            for line in lines:
                whole = line + b"\n"
                file.write(whole)
                hashed.update(whole)
                number += 1
                size += len(whole)
        self.parts.append(Part(name, number, size, hashed.hexdigest()))

    def write_content(self, sha256: str, source: Path) -> None:
        """Take the bytes along; what is gone or damaged is noted as lost."""
        if not _is_sound(source, sha256):
            self.lost.append(sha256)
            return
        with (
            source.open("rb") as found,
            self._target.open(parcels.content_path(sha256), packed=False) as file,
        ):
            shutil.copyfileobj(found, file, PIECE)
            self.size += found.tell()
        self.count += 1

    def finish(self, manifest: Manifest) -> None:
        whole = msgspec.structs.replace(
            manifest,
            parts=tuple(self.parts),
            contents=Contents(self.count, self.size),
            lost=tuple(sorted(self.lost)),
        )
        with self._target.open(MANIFEST, packed=True) as file:
            file.write(msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n")
        self._target.publish()


@contextlib.contextmanager
def writing(destination: Path, *, zipped: bool) -> Iterator[Writer]:
    """Write beside the place, under a name that says that it is not finished. Raises Unfit."""
    if os.path.lexists(destination):
        raise Unfit(f"{destination} is there already; choose another name.")
    kind = _ZipTarget if zipped else _FolderTarget
    try:
        with kind(destination).open_for_writing() as target:
            yield Writer(target)
    except OSError as error:
        raise Unfit(f"{destination} cannot be written: {error.strerror or error}.") from error


class _Target(Protocol):
    def open(self, path: str, *, packed: bool) -> contextlib.AbstractContextManager[IO[bytes]]: ...

    def publish(self) -> None: ...


class _FolderTarget:
    def __init__(self, destination: Path) -> None:
        self._destination = destination
        self._draft = _draft_of(destination)

    @contextlib.contextmanager
    def open_for_writing(self) -> Iterator["_FolderTarget"]:
        self._draft.mkdir(mode=0o700, exist_ok=True)
        number = os.open(self._draft, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _take(number, self._destination)
            for left in self._draft.iterdir():
                shutil.rmtree(left) if left.is_dir() else left.unlink()
            yield self
        finally:
            os.close(number)
            if not self._destination.exists():
                shutil.rmtree(self._draft, ignore_errors=True)

    @contextlib.contextmanager
    def open(self, path: str, *, packed: bool) -> Iterator[IO[bytes]]:
        target = self._draft / path
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with target.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())

    def publish(self) -> None:
        for folder, _, _ in os.walk(self._draft):
            sync_folder(Path(folder))
        os.rename(self._draft, self._destination)
        sync_folder(self._destination.parent)


class _ZipTarget:
    def __init__(self, destination: Path) -> None:
        self._destination = destination
        self._draft = _draft_of(destination)
        self._file: IO[bytes]
        self._zip: zipfile.ZipFile

    @contextlib.contextmanager
    def open_for_writing(self) -> Iterator["_ZipTarget"]:
        number = os.open(self._draft, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(number, "r+b") as self._file:
            try:
                _take(number, self._destination)
                self._file.truncate(0)
                with zipfile.ZipFile(self._file, "w", allowZip64=True) as self._zip:
                    yield self
            finally:
                self._draft.unlink(missing_ok=True)

    @contextlib.contextmanager
    def open(self, path: str, *, packed: bool) -> Iterator[IO[bytes]]:
        entry = zipfile.ZipInfo(path)
        entry.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        entry.external_attr = 0o600 << 16
        with self._zip.open(entry, "w", force_zip64=True) as file:
            yield file

    def publish(self) -> None:
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        os.link(
            self._draft, self._destination
        )  # refuses what has come there meanwhile, which a rename would not
        sync_folder(self._destination.parent)


def _draft_of(destination: Path) -> Path:
    return destination.absolute().with_name(f".{destination.name}.unfinished")


def _take(number: int, destination: Path) -> None:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Unfit(f"Another export is being written to {destination}.") from None


def _is_sound(path: Path, sha256: str) -> bool:
    try:
        with path.open("rb") as file:
            return _hash_of(file) == sha256
    except OSError:
        return False


# Reading ----------------------------------------------------------------------------------------------------------


class Reader:
    """An export that lies somewhere: its manifest, its lines, its contents."""

    def __init__(self, source: "_Source") -> None:
        self._source = source
        self.manifest = _manifest(source)

    def verify(self) -> None:
        """Read all of it, and compare it with what the manifest says. Raises Unfit."""
        for part in self.manifest.parts:
            self._verify_part(part)
        self._verify_contents()

    def lines(self, name: str) -> Iterator[bytes]:
        with self._source.open(parcels.part_path(name)) as file:
            while line := file.readline(LINE_MAX):
                if not line.endswith(b"\n"):
                    raise Unfit(f"{name}.jsonl has a line that has no end.")
                yield line[:-1]

    def open(self, sha256: str) -> IO[bytes]:
        """Open a content. Raises Unfit."""
        return self._source.open(parcels.content_path(sha256))

    def size(self, sha256: str) -> int | None:
        """Return how many bytes a content has, None when it is not there."""
        return self._source.size(parcels.content_path(sha256))

    def _verify_part(self, part: Part) -> None:
        path, hashed, number, size = parcels.part_path(part.name), hashlib.sha256(), 0, 0
        with self._source.open(path) as file:
            while piece := file.read(PIECE):
                hashed.update(piece)
                number += piece.count(b"\n")
                size += len(piece)
                if size > part.size:
                    break
        if (number, size, hashed.hexdigest()) != (part.lines, part.size, part.sha256):
            raise Unfit(f"{path} is not what the manifest says.")

    def _verify_contents(self) -> None:
        count = size = 0
        for path in self._source.contents():
            sha256 = path.rpartition("/")[2]
            found = self._source.size(path)
            if path != parcels.content_path(sha256) or found is None:
                raise Unfit(f"{path} does not belong to an export.")
            with self._source.open(path) as file:
                if _hash_of(file) != sha256:
                    raise Unfit(f"{path} is not what its name says.")
            count, size = count + 1, size + found
        if Contents(count, size) != self.manifest.contents:
            raise Unfit(
                f"There are {count} contents, and not the {self.manifest.contents.count} of the manifest."
            )


def _hash_of(file: IO[bytes]) -> str:
    hashed = hashlib.sha256()
    while piece := file.read(PIECE):
        hashed.update(piece)
    return hashed.hexdigest()


@contextlib.contextmanager
def reading(source: Path) -> Iterator[Reader]:
    """Open an export, a folder or a zip file. Raises Unfit."""
    try:
        if source.is_dir():
            yield Reader(_FolderSource(source))
        elif source.is_file():
            with zipfile.ZipFile(source) as archive:
                yield Reader(_ZipSource(archive))
        else:
            raise Unfit(f"There is nothing at {source}.")
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError, zlib.error) as error:
        raise Unfit(f"{source} is no zip file that can be read: {error}.") from None
    except OSError as error:
        raise Unfit(f"{source} cannot be read: {error.strerror or error}.") from None


class _Source(Protocol):
    def open(self, path: str) -> IO[bytes]: ...

    def size(self, path: str) -> int | None: ...

    def contents(self) -> Iterator[str]: ...


class _FolderSource:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, path: str) -> IO[bytes]:
        try:
            return (self._folder / path).open("rb")
        except FileNotFoundError:
            raise Unfit(f"{path} is missing.") from None

    def size(self, path: str) -> int | None:
        target = self._folder / path
        return target.stat().st_size if target.is_file() else None

    def contents(self) -> Iterator[str]:
        for folder, _, names in os.walk(self._folder / "files"):
            for name in names:
                yield (Path(folder) / name).relative_to(self._folder).as_posix()


class _ZipSource:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def open(self, path: str) -> IO[bytes]:
        try:
            return self._archive.open(path)
        except KeyError:
            raise Unfit(f"{path} is missing.") from None
        except RuntimeError as error:  # it has a password
            raise Unfit(f"{path} cannot be read: {error}.") from None

    def size(self, path: str) -> int | None:
        try:
            return self._archive.getinfo(path).file_size
        except KeyError:
            return None

    def contents(self) -> Iterator[str]:
        return (
            name for name in self._archive.namelist() if name.startswith("files/") and not name.endswith("/")
        )


def _manifest(source: _Source) -> Manifest:
    with source.open(MANIFEST) as file:
        raw = file.read(MANIFEST_MAX)
    try:
        found = msgspec.json.decode(raw, type=Manifest)
    except msgspec.DecodeError as error:
        raise Unfit(f"{MANIFEST} is not that of an export: {error}.") from None
    if found.format != parcels.FORMAT:
        raise Unfit(f"{MANIFEST} is not that of an export.")
    if found.version > parcels.VERSION:
        raise Unfit(
            f"The export has format {found.version}, this program knows {parcels.VERSION}: use a newer version."
        )
    if [part.name for part in found.parts] != list(parcels.ORDER):
        raise Unfit(f"{MANIFEST} does not name the parts of an export.")
    return found

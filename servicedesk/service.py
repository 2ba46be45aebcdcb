"""Put the desk on a machine as a service of systemd, and take it away again; people's data stays where it is.

/opt/servicedesk/1.2.3/     a version, whole; the one before stays beside it
/opt/servicedesk/current    which one runs
/usr/local/bin/servicedesk  the command
/etc/systemd/system/        the unit
/etc/servicedesk.env        settings; written once, then yours
/var/lib/servicedesk        the data; never touched from here
"""

import contextlib
import ctypes
import hashlib
import os
import shlex
import shutil
import subprocess  # nosec B404
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from servicedesk import resources
from servicedesk.version import VERSION

HOME: Final = Path("/opt/servicedesk")
CURRENT: Final = HOME / "current"
COMMAND: Final = Path("/usr/local/bin/servicedesk")
UNIT: Final = Path("/etc/systemd/system/servicedesk.service")
USERS: Final = Path("/etc/sysusers.d/servicedesk.conf")
SETTINGS: Final = Path("/etc/servicedesk.env")
DATA: Final = Path("/var/lib/servicedesk")

_MARK: Final = "# Written by `servicedesk install-service`."
_SIGN: Final = "installed-from"
"""The file in each version's folder by which we know it for ours; it says what was unpacked."""
_USERS_TEXT: Final = f"""{_MARK}
u servicedesk - "Service desk" {DATA}
"""
_SETTINGS_TEXT: Final = """# Settings of the desk, read at its start; `servicedesk config` prints all of them.
#SERVICEDESK_PUBLIC_URL=https://desk.example.org
#SERVICEDESK_TRUSTED_PROXIES=127.0.0.1
#SERVICEDESK_PORT=8080
"""
_HIDDEN: Final = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 # nosec B108
"""What the unit's own rules keep the service from seeing."""


class CannotInstall(Exception):
    """Nothing was changed; the text is one line that says why."""


def unit() -> str:
    """Return the text of the unit."""
    return Path(__file__).with_name("servicedesk.service").read_text("utf-8")


def install(root: Path = Path("/")) -> list[str]:
    """Install this version, and return what to tell; doing it again changes nothing.

    Another root is a system that does not run, such as an image to be: there nobody is told of the new unit.
    Raises CannotInstall, and everything is as it was.
    """
    is_here = root == Path("/")
    _check(root, is_here=is_here)
    with ExitStack() as sweep, _in_one_line(), ExitStack() as undo:
        version = _placed(root, undo, sweep)
        _write(root, USERS, _USERS_TEXT, undo)
        _run("systemd-sysusers", *([] if is_here else ["--root", str(root)]), str(_under(root, USERS)))
        _write(root, UNIT, unit(), undo)
        if not _under(root, SETTINGS).exists():
            _write(root, SETTINGS, _SETTINGS_TEXT, undo, mode=0o640)
        _point(root, COMMAND, str(CURRENT / "servicedesk"), undo)
        _point(root, CURRENT, version, undo)
        if is_here:
            _run("systemctl", "daemon-reload")
        undo.pop_all()
    return [
        f"Version {VERSION} is in {_under(root, HOME / version)}; the data will be in {_under(root, DATA)}.",
        "Now:",
        "  systemctl enable servicedesk",
        "  systemctl restart servicedesk",
        "  journalctl --unit servicedesk --output cat --lines 20",
        "The last one shows the link under which the first person sets the desk up.",
    ]


def uninstall(root: Path = Path("/")) -> list[str]:
    """Take away what ``install`` put there, and return what to tell. The data and the settings stay."""
    if not _is_ours(_under(root, UNIT)) and not _under(root, HOME).exists():
        raise CannotInstall(f"There is no service desk installed in {root}.")
    _may_write(root)
    with _in_one_line():
        if root == Path("/") and _is_ours(UNIT):
            _run("systemctl", "disable", "--now", "servicedesk")
        for path in (UNIT, USERS):
            if _is_ours(_under(root, path)):
                _under(root, path).unlink()
        if _points_to(root, COMMAND) == str(CURRENT / "servicedesk"):
            _under(root, COMMAND).unlink()
        if _under(root, CURRENT).is_symlink():
            _under(root, CURRENT).unlink()
        for folder in _versions(root):
            shutil.rmtree(folder)
        _leave(_under(root, HOME))
        if root == Path("/"):
            _run("systemctl", "daemon-reload")
    return [
        f"The service is gone. The data stays in {_under(root, DATA)}, the settings in {_under(root, SETTINGS)}."
    ]


# What must be so before anything is touched ---------------------------------------------------------------------


def _check(root: Path, *, is_here: bool) -> None:
    if not root.is_dir():
        raise CannotInstall(f"There is no folder {root}.")
    _may_write(root)
    for path in (UNIT, USERS):
        if _under(root, path).exists() and not _is_ours(_under(root, path)):
            raise CannotInstall(f"{_under(root, path)} was not written by this program: move it away first.")
    for path, ours in ((COMMAND, str(CURRENT / "servicedesk")), (CURRENT, "")):
        here = _under(root, path)
        if (here.exists() or here.is_symlink()) and (
            not here.is_symlink() or (ours and _points_to(root, path) != ours)
        ):
            raise CannotInstall(f"{here} is something else than this program's link: move it away first.")
    if is_here and not Path("/run/systemd/system").is_dir():
        raise CannotInstall(
            "Systemd does not run here; --root DIR prepares the files for a machine where it does."
        )
    if shutil.which("systemd-sysusers") is None:
        raise CannotInstall(
            "The command systemd-sysusers is missing: it makes the user that the service runs as."
        )
    if not resources.IS_FROZEN and is_here:
        for needed in (Path(sys.prefix), Path(sys.base_prefix), Path(__file__)):
            if str(needed.resolve()).startswith(tuple(f"{place}/" for place in _HIDDEN)):
                raise CannotInstall(
                    f"The service could not read {needed}: install the package elsewhere, as in /opt."
                )


def _may_write(root: Path) -> None:
    for path in (HOME, UNIT, COMMAND, SETTINGS):
        folder = _under(root, path).parent
        while not folder.exists():
            folder = folder.parent
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            raise CannotInstall(f"{folder} cannot be written to: run this as root.")


# A version ------------------------------------------------------------------------------------------------------


def _placed(root: Path, undo: ExitStack, sweep: ExitStack) -> str:
    """Put this version into its folder, unless it is there, and return the folder's name."""
    home, target = _under(root, HOME), _under(root, HOME / VERSION)
    source = _source()
    if target.is_dir() and (target / _SIGN).is_file() and (target / _SIGN).read_text("utf-8") == source:
        return VERSION
    if target.exists() and not (target / _SIGN).is_file():
        raise CannotInstall(f"{target} was not put there by this program: move it away first.")
    _folder(root, home, undo)
    new = Path(tempfile.mkdtemp(prefix=".new-", dir=home))
    for stack in (sweep, undo):
        stack.callback(shutil.rmtree, new, ignore_errors=True)
    new.chmod(0o755)
    _fill(new)
    (new / _SIGN).write_text(source, "utf-8")
    (new / _SIGN).chmod(0o644)
    _sync(new)
    if target.exists():
        _exchange(
            new, target
        )  # the same version, made anew; what was there is swept away when nothing can fail
        undo.callback(_exchange, new, target)
    else:
        new.rename(target)
        undo.callback(target.rename, new)
    return VERSION


def _source() -> str:
    """Say what is unpacked: the program's hash, or where the package is."""
    beside = Path(sys.executable).resolve().parent / _SIGN
    if resources.IS_FROZEN and not resources.is_one_file() and beside.is_file():
        return beside.read_text("utf-8")
    if resources.IS_FROZEN:
        with Path(sys.executable).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() + "\n"
    return f"{_launcher()}\n"


def _fill(folder: Path) -> None:
    program = folder / "servicedesk"
    if not resources.IS_FROZEN:
        program.write_text(_launcher(), "utf-8")
        program.chmod(0o755)
        return
    libraries = folder / "lib"
    shutil.copytree(resources.UNPACKED, libraries, symlinks=True)
    if resources.is_one_file():
        resources.unpack_rest(libraries)
        (libraries / "program").rename(program)
    else:
        shutil.copyfile(sys.executable, program)
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path == program else 0o644)


def _launcher() -> str:
    return f'#!/bin/sh\nexec {shlex.join([sys.executable, "-P", "-m", "servicedesk"])} "$@"\n'


def _versions(root: Path) -> Iterator[Path]:
    home = _under(root, HOME)
    return (path for path in (home.iterdir() if home.is_dir() else ()) if (path / _SIGN).is_file())


# Small steps, each of which can be undone -----------------------------------------------------------------------


def _write(root: Path, path: Path, text: str, undo: ExitStack, mode: int = 0o644) -> None:
    here = _under(root, path)
    _folder(root, here.parent, undo)
    before = here.read_bytes() if here.exists() else None
    if before == text.encode():
        return
    _replace(here, text.encode(), mode)
    undo.callback(here.unlink if before is None else lambda: _replace(here, before, mode))


def _replace(path: Path, content: bytes, mode: int) -> None:
    new = path.with_name(f".{path.name}.new")
    with open(new, "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    new.replace(path)


def _point(root: Path, link: Path, to: str, undo: ExitStack) -> None:
    """Let the link point there, in one step: at no moment there is none."""
    here, before = _under(root, link), _points_to(root, link)
    if before == to:
        return
    _folder(root, here.parent, undo)
    _switch(here, to)
    undo.callback(here.unlink if before is None else lambda: _switch(here, before))


def _switch(link: Path, to: str) -> None:
    new = link.with_name(f".{link.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(to)
    new.replace(link)


def _points_to(root: Path, link: Path) -> str | None:
    here = _under(root, link)
    return str(here.readlink()) if here.is_symlink() else None


def _folder(root: Path, folder: Path, undo: ExitStack) -> None:
    missing = [path for path in (folder, *folder.parents) if path.is_relative_to(root) and not path.exists()]
    for path in reversed(missing):
        path.mkdir()
        path.chmod(0o755)
        undo.callback(_leave, path)


def _leave(folder: Path) -> None:
    with contextlib.suppress(OSError):  # somebody else uses it by now
        folder.rmdir()


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=120, env=_plain())  # noqa: S603 # nosec B603
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        raise CannotInstall(f"{shlex.join(command)}: {' '.join(said.split())[:300]}") from None


def _plain() -> dict[str, str]:
    """Return our environment without the libraries of the one-file program: other programs have their own."""
    found = dict(os.environ)
    found.pop("LD_LIBRARY_PATH", None)
    if "LD_LIBRARY_PATH_ORIG" in found:
        found["LD_LIBRARY_PATH"] = found.pop("LD_LIBRARY_PATH_ORIG")
    return found


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _exchange(one: Path, other: Path) -> None:
    """Let two folders change places in one step."""
    here, both = -100, 2
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(here, os.fsencode(one), here, os.fsencode(other), both):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(other))


@contextlib.contextmanager
def _in_one_line() -> Iterator[None]:
    try:
        yield
    except (OSError, shutil.Error) as error:
        where = getattr(error, "filename", None)
        raise CannotInstall(
            f"{f'{where}: ' if where else ''}{getattr(error, 'strerror', None) or error}."
        ) from None


def _under(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")


def _is_ours(path: Path) -> bool:
    return path.is_file() and path.read_text("utf-8", "replace").startswith(_MARK)

"""The command line: serve the desk, add its first user, show its settings, print what happens on it."""

import argparse
import asyncio
import contextlib
import gc
import getpass
import logging
import os
import platform
import secrets
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import msgspec

from servicedesk import inout, masking, safekeeping, settings
from servicedesk.domain.errors import Invalid
from servicedesk.domain.passwords import password_errors
from servicedesk.domain.people import User
from servicedesk.settings import BadSetting, Loaded, Settings
from servicedesk.store import lock
from servicedesk.store.lock import Locked
from servicedesk.store.migrate import Unusable
from servicedesk.version import VERSION

if TYPE_CHECKING:
    from servicedesk.demo.filling import Filled

OK: Final = 0
DAMAGED: Final = 1
BAD_USAGE: Final = 2
UNUSABLE: Final = 3
"""The exit codes."""


CERTIFICATES: Final = "SSL_CERT_FILE"
"""Where OpenSSL looks for the authorities that it trusts."""


class BadUsage(Exception):
    """What was asked for cannot be done; the text is one line."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    arguments = _parser().parse_args(argv)
    try:
        run: Callable[[argparse.Namespace], int] = arguments.run
        return run(arguments)
    except (BadUsage, BadSetting) as error:
        return _complain(error, BAD_USAGE)
    except Unusable as error:
        return _complain(error, UNUSABLE)
    except KeyboardInterrupt:
        return 130


def serve(arguments: argparse.Namespace) -> int:
    """Serve until a signal says stop."""
    loaded = settings.load(_flags(arguments))
    _log(loaded.settings.log_level)
    with _data_dir(loaded) as chosen, _only_process(chosen.data_dir, "stop it, or use another --data-dir"):
        with _quick_imports():
            from servicedesk.serving import CannotListen
            from servicedesk.serving import serve as run
            from servicedesk.web import turns

        try:
            with asyncio.Runner(loop_factory=turns.loop) as runner:
                runner.run(run(_with_key(chosen), _say, loaded.sources))
        except CannotListen as error:
            raise BadUsage(str(error)) from None
    return OK


@contextlib.contextmanager
def _quick_imports() -> Iterator[None]:
    """Leave out what a fifth of the imports' time goes into and nobody has anything of.

    There is no garbage yet to collect. And aiohttp reads all certificates of the system for calls by TLS; who makes
    such a call here brings a context of its own, and without one the call is refused.
    """
    before = os.environ.get(CERTIFICATES)
    os.environ[CERTIFICATES] = os.devnull
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        del os.environ[CERTIFICATES]
        if before is not None:
            os.environ[CERTIFICATES] = before


def add_user(arguments: argparse.Namespace) -> int:
    """Add a user while no server runs."""
    chosen = settings.load(_flags(arguments)).settings
    password = _password(from_stdin=arguments.password_stdin)
    advice = "add users on its People page or with POST /api/users/, or stop it first"
    with _only_process(chosen.data_dir, advice):
        try:
            added = asyncio.run(_add(chosen, arguments.email, arguments.name, arguments.role, password))
        except Invalid as refusal:
            raise BadUsage(f"Not added: {refusal.detail}.") from None
    print(f"added user {added.id}: {added.email} ({added.role})")
    return OK


async def _add(chosen: Settings, email: str, name: str, role: str, password: str) -> User:
    """Add the user by the rules that the API has."""
    from servicedesk.desk import people
    from servicedesk.domain.audit import COMMAND_LINE, Occasion
    from servicedesk.store.db import Database, Tx
    from servicedesk.web import decode
    from servicedesk.web.passwords import Hasher
    from servicedesk.web.people import NewPerson

    fields = {"email": email, "name": name, "role": role, "password": password}
    body = decode.body(msgspec.json.encode(fields), NewPerson)
    hashed = Hasher(cheap=chosen.is_testing).hash_now(body.password)
    new = people.NewPerson(email=body.email, name=body.name, role=body.role, password_hash=hashed)
    at = time.time_ns() // 1_000_000

    def add(tx: Tx) -> User:
        tx.occasion = Occasion(at=at, name=COMMAND_LINE)
        return people.create(tx, new, at=at)

    async with await Database.open(chosen.database) as db:
        return await db.write(add)


def reset_second_step(arguments: argparse.Namespace) -> int:
    """Turn somebody's second step off while no server runs: for the last admin, whom nobody else can help."""
    chosen = settings.load(_flags(arguments)).settings
    from servicedesk import rescue
    from servicedesk.domain.errors import Refused

    with _only_process(chosen.data_dir, "an admin turns it off on the People page; or stop it first"):
        try:
            name = rescue.take_second_step_away(chosen.database, arguments.email)
        except Refused as refusal:
            raise BadUsage(refusal.detail) from None
    print(f"{name} logs in with the password alone.")
    return OK


def demo(arguments: argparse.Namespace) -> int:
    """Fill an empty desk with a small company."""
    chosen = settings.load(_flags(arguments)).settings
    password = _password(from_stdin=True) if arguments.password_stdin else secrets.token_urlsafe(9)
    for error in password_errors(password):
        raise BadUsage(f"Not filled: the password {error.message}.")
    from servicedesk.demo.filling import NotEmpty

    with _only_process(chosen.data_dir, "stop it first; a new desk can be filled on its set-up page as well"):
        try:
            filled = asyncio.run(_fill(chosen, password))
        except NotEmpty as error:
            raise Unusable(str(error)) from None
    print(f"The desk has {filled.people} more people, {filled.tickets} tickets and {filled.files} files.")
    print(f"Everybody's password is {password} — log in for example as:")
    for address, role in filled.doors:
        print(f"  {address}  ({role})")
    return OK


async def _fill(chosen: Settings, password: str) -> "Filled":
    from servicedesk.demo import filling
    from servicedesk.domain.files import Limits
    from servicedesk.media.files import Media
    from servicedesk.store.db import Database
    from servicedesk.web.passwords import Hasher

    media = Media(chosen.data_dir, Limits())
    media.blobs.prepare()
    try:
        async with await Database.open(chosen.database) as db:
            return await filling.fill(
                db,
                media,
                password_hash=Hasher(cheap=chosen.is_testing).hash_now(password),
                ids=iter(lambda: secrets.token_urlsafe(18), ""),
                now=time.time_ns() // 1_000_000,
            )
    finally:
        await media.close()


def config(arguments: argparse.Namespace) -> int:
    """Print every setting and where it came from."""
    print("\n".join(settings.load(_flags(arguments)).lines()))
    return OK


def install_service(arguments: argparse.Namespace) -> int:
    """Put this version on the machine as a service."""
    return _about_the_service(arguments, "install")


def uninstall_service(arguments: argparse.Namespace) -> int:
    """Take the service away, and leave the data."""
    return _about_the_service(arguments, "uninstall")


def _about_the_service(arguments: argparse.Namespace, what: str) -> int:
    from servicedesk import service

    do = {"install": service.install, "uninstall": service.uninstall}[what]
    try:
        print("\n".join(do(Path(arguments.root).resolve())))
    except service.CannotInstall as error:
        raise Unusable(str(error)) from None
    return OK


def healthy(arguments: argparse.Namespace) -> int:
    """Ask a desk whether it can work."""
    import urllib.request

    url = arguments.url or os.environ.get("SERVICEDESK_URL") or "http://127.0.0.1:8080"
    if not url.startswith(("http://", "https://")):
        raise BadUsage(f"{url!r} is no address of a desk.")
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/readyz", timeout=10) as answer:  # noqa: S310 # nosec B310
            print(answer.read().decode())
    except (OSError, ValueError) as error:
        return _complain(Exception(f"The desk at {url} cannot work: {error}"), DAMAGED)
    return OK


def version(arguments: argparse.Namespace) -> int:
    """Print which program this is, and what it stands on."""
    from servicedesk.store.engine import engine

    sqlite = engine()
    about = {"version": VERSION, "python": platform.python_version(), "sqlite": sqlite}
    if arguments.json:
        print(msgspec.json.encode(about).decode())
        return OK
    print(f"servicedesk {VERSION} on Python {about['python']}")
    print(f"SQLite {sqlite.version} ({sqlite.threading}), {sqlite.source_id}")
    if sqlite.warning:
        print(sqlite.warning)
    return OK


def scrub(arguments: argparse.Namespace) -> int:
    """Read all bytes again, whether a server runs beside it or not."""
    chosen = settings.load(_flags(arguments)).settings
    if not chosen.database.is_file():
        raise Unusable(f"There is no desk in the folder {chosen.data_dir}.")
    from servicedesk.desk import scrub as desk
    from servicedesk.media.blobs import Blobs
    from servicedesk.store.db import reading

    try:
        with reading(chosen.database, as_it_stands=False) as conn:
            report = desk.scrub(conn, Blobs(chosen.data_dir), now=time.time(), pause=time.sleep)
    except sqlite3.Error as error:
        raise Unusable(f"The database {chosen.database} cannot be read: {error}.") from None
    print(msgspec.json.encode(report).decode() if arguments.json else "\n".join(report.lines))
    return OK if report.is_sound else DAMAGED


def verify_audit(arguments: argparse.Namespace) -> int:
    """Say whether the audit list is whole, whether a server runs beside it or not."""
    chosen = settings.load(_flags(arguments)).settings
    from servicedesk import auditing

    try:
        report = auditing.verify(chosen.database, arguments.expect)
    except auditing.BadHead as error:
        raise BadUsage(str(error)) from None
    print(msgspec.json.encode(report).decode() if arguments.json else "\n".join(report.lines))
    return OK if report.is_whole else DAMAGED


def doctor(arguments: argparse.Namespace) -> int:
    """Say whether the desk is well, whether a server runs beside it or not."""
    from servicedesk import doctor

    return doctor.doctor(arguments, settings.load(_flags(arguments)), _say)


def support_bundle(arguments: argparse.Namespace) -> int:
    """Write what may be shown to somebody who helps."""
    from servicedesk import doctor

    try:
        return doctor.support_bundle(arguments, settings.load(_flags(arguments)), _say)
    except doctor.CannotWrite as error:
        raise BadUsage(str(error)) from None


def tail(arguments: argparse.Namespace) -> int:
    """Print events as they happen."""
    from servicedesk import tail

    _log("warning")
    url = arguments.url or os.environ.get("SERVICEDESK_URL") or "http://127.0.0.1:8080"
    try:
        tail.tail(url, tail.token_from(arguments.token_file), arguments.room, arguments.state)
    except tail.CannotTail as error:
        raise BadUsage(str(error)) from None
    return OK


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line."""
        self.exit(BAD_USAGE, f"servicedesk: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="servicedesk", description="A help desk for small teams.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"servicedesk {VERSION}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    served = _command(commands, "serve", serve, "serve the desk until SIGTERM or SIGINT")
    _settings(served)
    shown = _command(commands, "config", config, "print every setting and where it came from")
    _settings(shown)
    filled = _command(commands, "demo", demo, "fill an empty desk with a small company to look around in")
    filled.add_argument(
        "--password-stdin", action="store_true", help="read everybody's password from standard input"
    )
    _data_dir_flag(filled)
    scrubbed = _command(
        commands, "scrub", scrub, "read all files again and name what the disk damaged, also beside a server"
    )
    scrubbed.add_argument("--json", action="store_true", help="one document instead of lines")
    _data_dir_flag(scrubbed)
    looked_at = _command(
        commands, "doctor", doctor, "say whether the desk is well, and what to do; also beside a server"
    )
    _settings(looked_at)
    looked_at.add_argument("--hashes", action="store_true", help="read and hash all files as well")
    looked_at.add_argument(
        "--fix", action="store_true", help="mend what can be worked out again; the desk must be stopped"
    )
    looked_at.add_argument("--json", action="store_true", help="one document instead of lines")
    bundled = _command(
        commands,
        "support-bundle",
        support_bundle,
        "write versions, checks and counts into a ZIP file, without any data of the desk",
    )
    bundled.add_argument("file", metavar="FILE", help="a new file")
    _settings(bundled)
    for name, run, words in (
        ("install-service", install_service, "install this version as a service of systemd"),
        ("uninstall-service", uninstall_service, "take the service away; the data stays"),
    ):
        serviced = _command(commands, name, run, words)
        serviced.add_argument(
            "--root",
            default="/",
            metavar="FOLDER",
            help="another system's root, such as an image's; default: /",
        )
    asked = _command(commands, "healthy", healthy, "ask a running desk whether it can work")
    asked.add_argument("--url", help="the desk's address; default: SERVICEDESK_URL or http://127.0.0.1:8080")
    told = _command(commands, "version", version, "print the version, and which SQLite runs")
    told.add_argument("--json", action="store_true", help="one document instead of lines")
    tailed = _command(commands, "tail", tail, "print events as lines of JSON, for ever and without a gap")
    tailed.add_argument("--url", help="the desk's address; default: SERVICEDESK_URL or http://127.0.0.1:8080")
    tailed.add_argument(
        "--token-file", metavar="FILE", help="default: SERVICEDESK_TOKEN, or the file SERVICEDESK_TOKEN_FILE"
    )
    tailed.add_argument(
        "--room",
        action="append",
        default=[],
        metavar="ROOM",
        help="for example ticket:42, may be repeated; default: desk, and what concerns yourself",
    )
    tailed.add_argument(
        "--state", metavar="FILE", help="remember the place here, and go on from it next time"
    )
    audit = commands.add_parser("audit", help="the audit list", allow_abbrev=False)
    audits = audit.add_subparsers(title="commands", required=True, metavar="COMMAND")
    verified = _command(
        audits, "verify", verify_audit, "read the audit list and name where it was tampered with first"
    )
    verified.add_argument("--expect", metavar="HEAD", help="a head that an earlier run printed")
    verified.add_argument("--json", action="store_true", help="one document instead of lines")
    _data_dir_flag(verified)
    safekeeping.register(partial(_command, commands), _data_dir_flag)
    inout.commands(partial(_of_desk, commands))
    user = commands.add_parser("user", help="people", allow_abbrev=False)
    users = user.add_subparsers(title="commands", required=True, metavar="COMMAND")
    reset = _command(
        users, "reset-second-step", reset_second_step, "turn somebody's second step off while no server runs"
    )
    reset.add_argument("--email", required=True)
    _data_dir_flag(reset)
    added = _command(users, "add", add_user, "add a user while no server runs on the data folder")
    added.add_argument("--email", required=True)
    added.add_argument("--name", required=True)
    added.add_argument("--role", default="admin", choices=("admin", "supervisor", "agent", "customer"))
    added.add_argument(
        "--password-stdin",
        action="store_true",
        help="read the password from the first line of standard input",
    )
    _data_dir_flag(added)
    return parser


def _command(
    commands: "argparse._SubParsersAction[_Parser]",
    name: str,
    run: Callable[[argparse.Namespace], int],
    words: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=words, description=f"{words.capitalize()}.", allow_abbrev=False)
    parser.set_defaults(run=run)
    return parser


def _of_desk(
    commands: "argparse._SubParsersAction[_Parser]",
    name: str,
    run: Callable[[argparse.Namespace], int],
    words: str,
) -> argparse.ArgumentParser:
    parser = _command(commands, name, run, words)
    _data_dir_flag(parser)
    return parser


def _data_dir_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", default=argparse.SUPPRESS, metavar="FOLDER", help="default: data")


def _settings(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the settings; each has a variable SERVICEDESK_NAME as well."""
    _data_dir_flag(parser)
    for name, (metavar, words) in _FLAGS.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", default=argparse.SUPPRESS, metavar=metavar, help=words
        )
    parser.add_argument(
        "--insecure",
        default=argparse.SUPPRESS,
        nargs="?",
        const="yes",
        metavar="yes",
        help="listen where others can read along, without TLS or a trusted proxy",
    )


_FLAGS: Final = {
    "host": ("HOST", "address to listen on; default: 127.0.0.1"),
    "port": ("PORT", "0 takes a free one; default: 8080"),
    "env": ("NAME", "development, production or testing; default: production"),
    "public_url": ("URL", "what people type, for example https://desk.example.org"),
    "trusted_proxies": ("NETWORKS", "whose word about client addresses is taken"),
    "tls_certificate": (
        "FILE",
        "PEM file of a certificate: speak HTTPS, and take a new one when it is there",
    ),
    "tls_key": ("FILE", "its key, if that is not in the same file"),
    "session_days": ("DAYS", "how long a log-in lasts; default: 14"),
    "log_level": ("LEVEL", "debug, info, warning or error; default: info"),
    "clamd": ("ADDRESS", "the virus scanner, unix:/path or host:port; default: none"),
    "unscanned": ("POLICY", "open or closed: may files be read before they are checked; default: open"),
    "backup_dir": ("FOLDER", "where the desk makes a backup of itself every day; default: nowhere"),
    "backup_at": ("HH:MM", "when it does so; default: 02:30"),
    "backup_keep": ("D,W,M", "days, weeks and months of which one is kept; default: 7,4,12"),
}


def _flags(arguments: argparse.Namespace) -> dict[str, str]:
    names = {"data_dir", "insecure", *_FLAGS}
    return {name: value for name, value in vars(arguments).items() if name in names}


@contextlib.contextmanager
def _data_dir(loaded: Loaded) -> Iterator[Settings]:
    """Yield the settings; a desk for testing that names no data folder gets one that is thrown away."""
    chosen = loaded.settings
    if not (chosen.is_testing and loaded.sources["data_dir"] == "default"):
        yield chosen
        return
    memory = Path("/dev/shm")  # noqa: S108 -- a folder in it with a name by chance  # nosec B108
    place = tempfile.mkdtemp(prefix="servicedesk-", dir=memory if memory.is_dir() else None)
    try:
        yield msgspec.structs.replace(chosen, data_dir=Path(place))
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def _only_process(data_dir: Path, advice: str) -> Iterator[None]:
    from servicedesk.desk import restoring

    os.umask(0o077)  # tickets and files are nobody else's on this machine
    try:
        with lock.hold(data_dir):
            restoring.finish(data_dir)
            yield
    except Locked as error:
        raise Locked(f"{error}: {advice}.") from None


def _with_key(chosen: Settings) -> Settings:
    try:
        return settings.with_key(chosen)
    except OSError as error:
        raise Unusable(f"The data folder {chosen.data_dir} is not writable: {error.strerror}.") from None


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        try:
            return sys.stdin.readline().rstrip("\r\n")
        except UnicodeDecodeError:
            raise BadUsage("The password is not UTF-8.") from None
    if not sys.stdin.isatty():
        raise BadUsage("Give the password with --password-stdin.")
    password = getpass.getpass("Password: ")
    if password != getpass.getpass("Once more: "):
        raise BadUsage("The two passwords differ.")
    return password


def _log(level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(masking.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    logging.getLogger("aiosqlite").setLevel(logging.INFO)  # else two lines a commit that tell nothing


def _say(line: str) -> None:
    print(line, flush=True)


def _complain(error: Exception, code: int) -> int:
    print(f"servicedesk: {' '.join(str(error).split())}", file=sys.stderr)
    return code

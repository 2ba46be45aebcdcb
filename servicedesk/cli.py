"""The command line: serve the desk, add its first user, show its settings, print what happens on it."""

import argparse
import asyncio
import contextlib
import gc
import getpass
import logging
import os
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

from servicedesk import inout, settings
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
    from servicedesk.domain.audit import Occasion
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
        tx.occasion = Occasion(at=at, name="the command line")
        return people.create(tx, new, at=at)

    async with await Database.open(chosen.database) as db:
        return await db.write(add)


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
    inout.commands(partial(_of_desk, commands))
    user = commands.add_parser("user", help="people", allow_abbrev=False)
    users = user.add_subparsers(title="commands", required=True, metavar="COMMAND")
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


_FLAGS: Final = {
    "host": ("HOST", "address to listen on; default: 127.0.0.1"),
    "port": ("PORT", "0 takes a free one; default: 8080"),
    "env": ("NAME", "development, production or testing; default: production"),
    "public_url": ("URL", "what people type, for example https://desk.example.org"),
    "trusted_proxies": ("NETWORKS", "whose word about client addresses is taken"),
    "session_days": ("DAYS", "how long a log-in lasts; default: 14"),
    "log_level": ("LEVEL", "debug, info, warning or error; default: info"),
    "clamd": ("ADDRESS", "the virus scanner, unix:/path or host:port; default: none"),
    "unscanned": ("POLICY", "open or closed: may files be read before they are checked; default: open"),
}


def _flags(arguments: argparse.Namespace) -> dict[str, str]:
    names = {"data_dir", *_FLAGS}
    return {name: value for name, value in vars(arguments).items() if name in names}


@contextlib.contextmanager
def _data_dir(loaded: Loaded) -> Iterator[Settings]:
    """Yield the settings; a desk for testing that names no data folder gets one that is thrown away."""
    chosen = loaded.settings
    if not (chosen.is_testing and loaded.sources["data_dir"] == "default"):
        yield chosen
        return
    memory = Path("/dev/shm")  # noqa: S108
    place = tempfile.mkdtemp(prefix="servicedesk-", dir=memory if memory.is_dir() else None)
    try:
        yield msgspec.structs.replace(chosen, data_dir=Path(place))
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def _only_process(data_dir: Path, advice: str) -> Iterator[None]:
    os.umask(0o077)  # tickets and files are nobody else's on this machine
    try:
        with lock.hold(data_dir):
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
    logging.basicConfig(
        level=level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("aiosqlite").setLevel(logging.INFO)  # else two lines a commit that tell nothing


def _say(line: str) -> None:
    print(line, flush=True)


def _complain(error: Exception, code: int) -> int:
    print(f"servicedesk: {' '.join(str(error).split())}", file=sys.stderr)
    return code

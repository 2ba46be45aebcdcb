"""Print what happens on a desk as lines of JSON, until a signal says stop."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from servicedesk.client import Client, Positions, Refusal


class CannotTail(Exception):
    """The text is one line that says why."""


def tail(url: str, token: str, rooms: Sequence[str], state: str | None) -> None:
    """Print the events until SIGTERM, SIGINT or the end of whoever reads them. Raises CannotTail."""
    try:
        positions = Positions() if state is None else Positions.load(state)
    except (OSError, msgspec.MsgspecError) as error:
        raise CannotTail(f"The state file {state} cannot be used: {error}.") from None
    try:
        asyncio.run(_print(Client(url, token=token), rooms, positions))
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # nobody reads what is still to be flushed
    except Refusal as refusal:
        if refusal.status == 401:
            raise CannotTail(f"The desk at {url} does not know this token.") from None
        raise CannotTail(f"{refusal.detail[:1].upper()}{refusal.detail[1:]}.") from None
    except OSError as error:
        raise CannotTail(f"The state file {state} cannot be written: {error.strerror}.") from None
    except ValueError as error:
        raise CannotTail(f"{url!r} is no address of a desk: {error}.") from None


def token_from(file: str | None, environ: Mapping[str, str] = os.environ) -> str:
    """Return the token: from the file, else from the environment, where a variable may name a file as well."""
    if file is None and environ.get("SERVICEDESK_TOKEN"):
        token = environ["SERVICEDESK_TOKEN"].strip()
    elif place := file or environ.get("SERVICEDESK_TOKEN_FILE"):
        try:
            token = Path(place).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise CannotTail(f"The token file {place} cannot be read: {reason}.") from None
    else:
        raise CannotTail("Give a token with --token-file, SERVICEDESK_TOKEN or SERVICEDESK_TOKEN_FILE.")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise CannotTail("The token is none: it is one word.")
    return token


async def _print(client: Client, rooms: Sequence[str], positions: Positions) -> None:
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel if task is not None else loop.stop)
    with contextlib.suppress(asyncio.CancelledError):
        async with client as desk, desk.listen(*rooms, positions=positions) as line:
            async for event in line:
                sys.stdout.buffer.write(msgspec.json.encode(event) + b"\n")
                sys.stdout.buffer.flush()

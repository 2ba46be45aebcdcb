"""What somebody who helps may see of a desk: how it is built, set up and doing, and nothing of what is in it."""

import io
import platform
import re
import sqlite3
import sys
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from typing import Any, Final

import msgspec

from servicedesk.desk.doctor import Report
from servicedesk.domain.times import Instant, iso
from servicedesk.domain.words import Text
from servicedesk.store import checks
from servicedesk.store.db import Connection
from servicedesk.version import VERSION

HIDDEN: Final = "…"
_SHOWN_SETTINGS: Final = frozenset({"env", "port", "session_days", "log_level", "unscanned", "insecure"})
"""Of all others only that they are set: a setting that is added later is hidden until somebody has thought of it."""
_SHOWN_VALUES: Final = frozenset(
    {"fault", "tables", "version", "wanted", "what", "moment", "latest", "first"}
)
"""Values in the doctor's words that tell of the program and its tables, not of people and their files."""
_HARMLESS: Final = re.compile(r"[\d.:TZ-]*")
_PARTS: Final = (
    "aiohttp", "aiosqlite", "argon2-cffi", "jinja2", "msgspec", "nh3", "pillow", "pypdfium2", "uvloop",
)  # fmt: skip
_README: Final = """\
This is for whoever helps you with your desk. It holds versions, which settings are set, what the doctor says, how many
rows there are, how the database is built, and the kinds of the last lines of the log. It holds no text, name, address,
file, file name, password or token. Each part is plain text: look before you send it.
"""


def made(
    conn: Connection,
    *,
    settings: Iterable[tuple[str, str, str]],
    report: Report,
    log: Sequence[str],
    at: Instant,
) -> bytes:
    """Return the bundle, a ZIP archive. ``settings`` are name, value and where it came from."""
    parts: Mapping[str, str] = {
        "README.txt": _README,
        "about.json": _json(_about(at)),
        "settings.txt": "".join(_setting(*row) for row in settings),
        "doctor.json": _json(_doctor(report)),
        "counts.json": _json(_counts(conn)),
        "schema.sql": checks.schema_text(conn),
        "log.txt": "".join(f"{line}\n" for line in log)
        or "Nothing was kept: the desk was asked from outside.\n",
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(zipfile.ZipInfo(f"servicedesk-support/{name}"), text)
    return content.getvalue()


def _about(at: Instant) -> dict[str, Any]:
    return {
        "made_at": iso(at),
        "servicedesk": VERSION,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "libc": " ".join(platform.libc_ver()),
        "is_one_file": bool(getattr(sys, "frozen", False)),
        "parts": {name: version for name in _PARTS if (version := _version(name))},
    }


def _version(part: str) -> str | None:
    try:
        return metadata.version(part)
    except metadata.PackageNotFoundError:
        return None


def _setting(name: str, value: str, source: str) -> str:
    if name in _SHOWN_SETTINGS:
        return f"{name} = {value}  ({source})\n"
    return f"{name} = {'(default)' if source == 'default' else HIDDEN}  ({source})\n"


def _doctor(report: Report) -> list[dict[str, str]]:
    return [
        {
            "name": line.name,
            "state": str(line.state),
            "said": _harmless(line.said),
            "advice": _harmless(line.advice),
        }
        for line in report.lines
    ]


def _harmless(said: str) -> str:
    if not isinstance(said, Text):
        return said if said == "" else HIDDEN
    values = {
        name: value if name in _SHOWN_VALUES or _HARMLESS.fullmatch(str(value)) else HIDDEN
        for name, value in said.values.items()
    }
    return str(Text(said.template, said.many, said.number, values))


def _counts(conn: Connection) -> dict[str, int]:
    return checks.counts(conn) | {"bytes of the database": checks.search_size(conn)}


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"

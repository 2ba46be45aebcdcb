"""What can be set: flag, else environment, else servicedesk.toml in the data folder, else default."""

import os
import re
import secrets
from collections.abc import Callable, Mapping
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import msgspec

from servicedesk.domain.backups import Keep

PREFIX: Final = "SERVICEDESK_"
FILE: Final = "servicedesk.toml"
KEY_FILE: Final = "secret.key"
KEY_LENGTH: Final = 32
MASK: Final = "********"

Network = IPv4Network | IPv6Network


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"
    TESTING = "testing"


class BadSetting(Exception):
    """A value cannot be used; the text is one line that says which, from where, and what would do."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    env: Environment = Environment.PRODUCTION
    host: str = "127.0.0.1"
    port: int = 8080
    data_dir: Path
    secret_key: str
    public_url: str | None = None
    """The origin that people type, for example ``https://desk.example.org``; None is whatever they asked."""
    trusted_proxies: tuple[Network, ...] = ()
    """Peers whose word about the client's address, and about how it asked, is taken."""
    tls_certificate: Path | None = None
    """A PEM file with the certificate and what it hangs on; None is plain HTTP."""
    tls_key: Path | None = None
    """Its key; None is that it stands in the same file."""
    insecure: bool = False
    """Whether to listen where others can read along."""
    session_days: int = 14
    log_level: str = "info"
    clamd: str | None = None
    """Where the virus scanner listens, ``unix:/path`` or ``host:port``; None is no scanner."""
    unscanned: str = "open"
    """Whether what was not found clean can be read: ``open`` or ``closed``."""
    backup_dir: Path | None = None
    """Where the desk makes a backup of itself every day; None is nowhere."""
    backup_at: tuple[int, int] = (2, 30)
    """The hour and minute of that, by the machine's own clock."""
    backup_keep: Keep = Keep()
    backup_s3: str | None = None
    """The bucket that backups are sent to as well, like ``https://s3.example.org/bucket/prefix``; None is none."""
    backup_s3_region: str = "us-east-1"
    backup_s3_key_id: str = ""
    backup_s3_secret: str = ""

    @property
    def only_clean(self) -> bool:
        """Whether nobody gets a file that the scanner has not found clean."""
        return self.clamd is not None and self.unscanned == "closed"

    @property
    def database(self) -> Path:
        return self.data_dir / "servicedesk.db"

    @property
    def is_https(self) -> bool:
        """Whether browsers come by HTTPS, to the desk itself or to a proxy before it."""
        if self.public_url is None:
            return self.tls_certificate is not None
        return self.public_url.startswith("https:")

    @property
    def is_testing(self) -> bool:
        return self.env is Environment.TESTING

    @property
    def is_development(self) -> bool:
        return self.env is Environment.DEVELOPMENT


class Loaded(msgspec.Struct, frozen=True):
    """The settings and, by name, where each value came from."""

    settings: Settings
    sources: Mapping[str, str]

    def rows(self) -> list[tuple[str, str, str]]:
        """Return each setting's name, its value as it is shown, secrets masked, and where it came from."""
        return [
            (name, _shown(name, getattr(self.settings, name)), self.sources[name]) for name in self.sources
        ]

    def lines(self) -> list[str]:
        """Return a line for each setting, secrets masked."""
        return [f"{name} = {value}  ({source})" for name, value, source in self.rows()]


def load(flags: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> Loaded:
    """Find every setting's value. Writes nothing; without a key anywhere ``secret_key`` is empty.

    Raises BadSetting for the first value that cannot be used.
    """
    data_dir, source = _data_dir(flags, environ)
    written = _written(data_dir)
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name, parse in _PARSERS.items():
        if name == "data_dir":
            values[name], sources[name] = data_dir, source
            continue
        found = _found(name, flags, environ, written)
        if found is None:
            sources[name] = "default"
            continue
        raw, sources[name] = found
        values[name] = _parsed(name, parse, raw, sources[name])
    if values.get("env") is Environment.DEVELOPMENT and "log_level" not in values:
        values["log_level"], sources["log_level"] = "debug", "development"
    if "secret_key" not in values:
        values["secret_key"] = _stored_key(data_dir / KEY_FILE)
        sources["secret_key"] = KEY_FILE if values["secret_key"] else "made at the first start"
    _require_sense(values)
    return Loaded(Settings(**values), sources)


def with_key(settings: Settings) -> Settings:
    """Return the settings with a secret key, made and kept in the data folder when there was none."""
    if settings.secret_key:
        return settings
    path = settings.data_dir / KEY_FILE
    unfinished = path.with_suffix(".new")
    key = secrets.token_urlsafe(KEY_LENGTH)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(key + "\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    return msgspec.structs.replace(settings, secret_key=key)


def _require_sense(values: Mapping[str, Any]) -> None:
    """Refuse what each for itself could be."""
    if values.get("tls_key") and not values.get("tls_certificate"):
        raise BadSetting("tls_key is set without tls_certificate; set both, or neither.")
    if values.get("tls_certificate") and str(values.get("public_url") or "https:").startswith("http:"):
        raise BadSetting(
            "public_url begins with http:, but with tls_certificate the desk speaks HTTPS alone."
        )


def _data_dir(flags: Mapping[str, str], environ: Mapping[str, str]) -> tuple[Path, str]:
    raw, source = _found("data_dir", flags, environ, {}) or ("data", "default")
    return _parsed("data_dir", _path, raw, source), source


def _found(
    name: str, flags: Mapping[str, str], environ: Mapping[str, str], written: Mapping[str, Any]
) -> tuple[Any, str] | None:
    """Return the setting's raw value and where it stands, or None. An empty variable counts as none."""
    if name in flags:
        return flags[name], f"flag --{name.replace('_', '-')}"
    variable = PREFIX + name.upper()
    if environ.get(variable):
        return environ[variable], f"environment {variable}"
    if name in _SECRETS and environ.get(f"{variable}_FILE"):
        return _content(Path(environ[f"{variable}_FILE"]), f"{variable}_FILE"), f"environment {variable}_FILE"
    if name in written:
        return written[name], FILE
    return None


def _written(data_dir: Path) -> dict[str, Any]:
    path = data_dir / FILE
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise BadSetting(f"{path} cannot be read: {error.strerror}.") from None
    import tomllib

    try:
        values = tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSetting(f"{path} is not TOML: {error}.") from None
    for name in values:
        if name not in _PARSERS or name == "data_dir":
            known = ", ".join(sorted(_PARSERS.keys() - {"data_dir"}))
            raise BadSetting(f"{path} has {name!r}, which is no setting there; known are {known}.")
    return values


def _parsed(name: str, parse: Callable[[Any], Any], raw: Any, source: str) -> Any:
    try:
        return parse(raw)
    except ValueError as error:
        shown = "" if name in _SECRETS else f" (it is {str(raw)[:80]!r})"
        raise BadSetting(f"{name} from {source} {error}{shown}.") from None


def _content(path: Path, variable: str) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise BadSetting(f"{variable} names {path}, which cannot be read: {reason}.") from None


def _stored_key(path: Path) -> str:
    try:
        found = path.read_text("utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, UnicodeDecodeError):
        raise BadSetting(f"{path} cannot be read; it holds the key that sessions hang on.") from None
    return str(_parsed("secret_key", _key, found, str(path))) if found else ""


def _shown(name: str, value: Any) -> str:
    if name in _SECRETS:
        return MASK if value else "(none yet)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "backup_at":
        return _clock_words(value)
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "(none)"
    return _NOTHING[name] if value is None else str(value)


def _clock_words(value: tuple[int, int]) -> str:
    return "{:02}:{:02}".format(*value)


def _text(raw: Any) -> str:
    if not isinstance(raw, str) or not raw.strip() or not raw.isprintable():
        raise ValueError("must be a text that is not empty")
    return raw.strip()


def _path(raw: Any) -> Path:
    return Path(_text(raw)).expanduser().absolute()


def _file(raw: Any) -> Path | None:
    return None if raw == "" else _path(raw)


def _yes_or_no(raw: Any) -> bool:
    known = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    found = raw if isinstance(raw, bool) else known.get(raw.strip().lower()) if isinstance(raw, str) else None
    if found is None:
        raise ValueError("must be yes or no")
    return found


def _one_of(*names: str) -> Callable[[Any], str]:
    def parse(raw: Any) -> str:
        if raw not in names:
            raise ValueError(f"must be one of {', '.join(names)}")
        return str(raw)

    return parse


def _environment(raw: Any) -> Environment:
    return Environment(_one_of(*Environment)(raw))


def _number(least: int, most: int) -> Callable[[Any], int]:
    def parse(raw: Any) -> int:
        is_number = type(raw) is int or (isinstance(raw, str) and re.fullmatch(r"[0-9]{1,9}", raw.strip()))
        if not is_number or not least <= int(raw) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(raw)

    return parse


def _key(raw: Any) -> str:
    if not isinstance(raw, str) or len(raw) < KEY_LENGTH or not raw.isprintable():
        raise ValueError(f"must be a text of at least {KEY_LENGTH} characters")
    return raw


def _web_address(raw: Any, wrong: ValueError) -> SplitResult:
    """Return the parts of an address with a host and a path at most; anything else is wrong."""
    try:
        parts = urlsplit(_text(raw))
        _ = parts.port  # raises for one that is none
    except ValueError:
        raise wrong from None
    has_more = parts.username is not None or parts.query or parts.fragment
    if parts.scheme not in ("http", "https") or not parts.hostname or has_more:
        raise wrong
    return parts


def _origin(raw: Any) -> str | None:
    if raw == "":
        return None
    wrong = ValueError("must be like https://desk.example.org, without a path")
    parts = _web_address(raw, wrong)
    if parts.path not in ("", "/"):
        raise wrong
    assert parts.hostname
    port = parts.port
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + ("" if port in (None, usual) else f":{port}")


def _networks(raw: Any) -> tuple[Network, ...]:
    texts = raw.replace(",", " ").split() if isinstance(raw, str) else raw
    try:
        return tuple(ip_network(_text(text)) for text in texts)
    except (ValueError, TypeError):
        raise ValueError("must be addresses or networks like 10.0.0.0/8, with commas between") from None


def _clamd(raw: Any) -> str | None:
    if raw == "":
        return None
    text, wrong = _text(raw), ValueError("must be like unix:/run/clamav/clamd.ctl or 127.0.0.1:3310")
    if text.startswith("unix:"):
        if not text.removeprefix("unix:").startswith("/"):
            raise wrong
        return text
    host, _, port = text.rpartition(":")
    if not host.strip("[]") or not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65_535:
        raise wrong
    return text


def _folder(raw: Any) -> Path | None:
    return None if raw == "" else _path(raw)


def _time_of_day(raw: Any) -> tuple[int, int]:
    found = re.fullmatch(r"([01][0-9]|2[0-3]):([0-5][0-9])", raw) if isinstance(raw, str) else None
    if found is None:
        raise ValueError("must be a time of the day like 02:30")
    return int(found[1]), int(found[2])


def _bucket(raw: Any) -> str | None:
    if raw == "":
        return None
    wrong = ValueError("must be like https://s3.example.org/bucket or https://s3.example.org/bucket/prefix")
    if not re.fullmatch(r"(/[\w.-]+)+/?", _web_address(raw, wrong).path, re.ASCII):
        raise wrong
    return str(raw).strip()


def keep(raw: Any) -> Keep:
    """Return what is kept. Raises ValueError in words that go on from the name of the setting."""
    found = (
        re.fullmatch(r"([0-9]{1,4}),\s*([0-9]{1,4}),\s*([0-9]{1,4})", raw) if isinstance(raw, str) else None
    )
    if found is None:
        raise ValueError("must be the numbers of days, weeks and months like 7,4,12")
    return Keep(*map(int, found.groups()))


_NOTHING: Final = {
    "public_url": "(as asked)",
    "clamd": "(no scanner)",
    "tls_certificate": "(plain HTTP)",
    "tls_key": "(none)",
    "backup_dir": "(no backups)",
    "backup_s3": "(no bucket)",
}
"""How it reads when nothing is set."""
_SECRETS: Final = frozenset({"secret_key", "backup_s3_secret"})
_PARSERS: Final[dict[str, Callable[[Any], Any]]] = {
    "env": _environment,
    "host": _text,
    "port": _number(0, 65_535),
    "data_dir": _path,
    "secret_key": _key,
    "public_url": _origin,
    "trusted_proxies": _networks,
    "tls_certificate": _file,
    "tls_key": _file,
    "insecure": _yes_or_no,
    "session_days": _number(1, 365),
    "log_level": _one_of("debug", "info", "warning", "error"),
    "clamd": _clamd,
    "unscanned": _one_of("open", "closed"),
    "backup_dir": _folder,
    "backup_at": _time_of_day,
    "backup_keep": keep,
    "backup_s3": _bucket,
    "backup_s3_region": _text,
    "backup_s3_key_id": _text,
    "backup_s3_secret": _text,
}

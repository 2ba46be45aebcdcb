"""Where settings come from, and what is said of bad ones."""

import stat
from pathlib import Path

import pytest

from servicedesk import settings
from servicedesk.domain.backups import Keep
from servicedesk.settings import BadSetting, Environment, Loaded

KEY = "k" * 40


def loaded(data_dir: Path, *, flags: dict[str, str] | None = None, **environ: str) -> Loaded:
    variables = {f"SERVICEDESK_{name}": text for name, text in environ.items()}
    return settings.load({"data_dir": str(data_dir), **(flags or {})}, variables)


def test_a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default(tmp_path: Path) -> None:
    assert loaded(tmp_path).settings.port == 8080
    (tmp_path / "servicedesk.toml").write_text("port = 1")
    assert loaded(tmp_path).settings.port == 1
    assert loaded(tmp_path, PORT="2").settings.port == 2
    assert loaded(tmp_path, PORT="2", flags={"port": "3"}).settings.port == 3


def test_every_value_tells_where_it_came_from(tmp_path: Path) -> None:
    (tmp_path / "servicedesk.toml").write_text('log_level = "debug"')

    lines = loaded(tmp_path, SESSION_DAYS="7", SECRET_KEY=KEY, flags={"port": "0"}).lines()

    assert "port = 0  (flag --port)" in lines
    assert "session_days = 7  (environment SERVICEDESK_SESSION_DAYS)" in lines
    assert "log_level = debug  (servicedesk.toml)" in lines
    assert "env = production  (default)" in lines
    assert "secret_key = ********  (environment SERVICEDESK_SECRET_KEY)" in lines
    assert KEY not in "".join(lines)


def test_an_empty_variable_is_as_good_as_none(tmp_path: Path) -> None:
    assert loaded(tmp_path, PORT="").sources["port"] == "default"


def test_a_secret_may_lie_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY + "\n")

    found = loaded(tmp_path, SECRET_KEY_FILE=str(tmp_path / "key"))

    assert found.settings.secret_key == KEY
    assert found.sources["secret_key"] == "environment SERVICEDESK_SECRET_KEY_FILE"


def test_a_key_is_made_once_and_is_for_our_eyes_only(tmp_path: Path) -> None:
    first = settings.with_key(loaded(tmp_path).settings)
    second = loaded(tmp_path)

    assert len(first.secret_key) >= 32
    assert second.settings.secret_key == first.secret_key
    assert second.sources["secret_key"] == "secret.key"
    assert settings.with_key(second.settings) == second.settings
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600


def test_a_key_that_was_never_finished_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "secret.key").touch(0o600)

    made = settings.with_key(loaded(tmp_path).settings)

    assert len(made.secret_key) >= 32
    assert loaded(tmp_path).settings.secret_key == made.secret_key
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


def test_looking_at_settings_writes_nothing(tmp_path: Path) -> None:
    loaded(tmp_path / "not there").lines()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ENV", "staging"),
        ("PORT", "eighty"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("HOST", " "),
        ("SECRET_KEY", "short"),
        ("PUBLIC_URL", "desk.example.org"),
        ("PUBLIC_URL", "https://desk.example.org/path"),
        ("PUBLIC_URL", "https://:443"),
        ("PUBLIC_URL", "https://desk:x"),
        ("TRUSTED_PROXIES", "10.0.0.0/99"),
        ("SESSION_DAYS", "0"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_bad_value_is_refused_in_one_line_that_names_it(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(BadSetting) as refusal:
        loaded(tmp_path, **{name: text})

    line = str(refusal.value)
    assert name.lower() in line
    assert f"SERVICEDESK_{name}" in line
    assert "\n" not in line


def test_a_bad_secret_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(BadSetting) as refusal:
        loaded(tmp_path, SECRET_KEY="too-short")

    assert "too-short" not in str(refusal.value)


@pytest.mark.parametrize(
    "text", ["port = ", "colour = 1", 'data_dir = "x"', "port = true", "trusted_proxies = 7"]
)
def test_a_bad_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "servicedesk.toml").write_text(text)

    with pytest.raises(BadSetting, match=r"servicedesk\.toml"):
        loaded(tmp_path)


def test_a_secret_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="SECRET_KEY_FILE"):
        loaded(tmp_path, SECRET_KEY_FILE=str(tmp_path / "none"))


def test_development_talks_more(tmp_path: Path) -> None:
    assert loaded(tmp_path, ENV="development").settings.log_level == "debug"
    assert loaded(tmp_path, ENV="development", LOG_LEVEL="error").settings.log_level == "error"


def test_an_origin_is_kept_in_its_shortest_form(tmp_path: Path) -> None:
    assert loaded(tmp_path, PUBLIC_URL="https://Desk.Example.org:443/").settings.public_url == (
        "https://desk.example.org"
    )
    found = loaded(tmp_path, PUBLIC_URL="http://[::1]:8080", ENV="testing", TRUSTED_PROXIES="10.0.0.0/8, ::1")
    assert found.settings.public_url == "http://[::1]:8080"
    assert not found.settings.is_https
    assert found.settings.env is Environment.TESTING
    assert [str(network) for network in found.settings.trusted_proxies] == ["10.0.0.0/8", "::1/128"]


@pytest.mark.parametrize(
    "address", ["unix:/run/clamav/clamd.ctl", "127.0.0.1:3310", "scanner:3310", "[::1]:3310"]
)
def test_the_scanner_is_named_by_a_socket_or_a_port(tmp_path: Path, address: str) -> None:
    found = loaded(tmp_path, CLAMD=address)

    assert found.settings.clamd == address
    assert not found.settings.only_clean
    assert loaded(tmp_path, CLAMD=address, UNSCANNED="closed").settings.only_clean


@pytest.mark.parametrize(
    "address",
    ["unix:clamd.ctl", "unix:", "clamd", ":3310", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "a:b"],
)
def test_an_address_that_is_none_of_a_scanner_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(BadSetting, match="must be like unix:/run"):
        loaded(tmp_path, CLAMD=address)


def test_without_a_scanner_nothing_has_to_be_clean(tmp_path: Path) -> None:
    found = loaded(tmp_path, UNSCANNED="closed")

    assert not found.settings.only_clean
    assert "clamd = (no scanner)  (default)" in found.lines()
    with pytest.raises(BadSetting, match="must be one of open, closed"):
        loaded(tmp_path, UNSCANNED="ajar")


def test_where_when_and_how_long_backups_are_kept_can_be_set(tmp_path: Path) -> None:
    found = loaded(tmp_path, BACKUP_DIR="/srv/backups", BACKUP_AT="23:05", BACKUP_KEEP="14, 8,24")

    assert found.settings.backup_dir == Path("/srv/backups")
    assert found.settings.backup_at == (23, 5)
    assert found.settings.backup_keep == Keep(14, 8, 24)
    assert "backup_at = 23:05  (environment SERVICEDESK_BACKUP_AT)" in found.lines()
    assert "backup_keep = 14,8,24  (environment SERVICEDESK_BACKUP_KEEP)" in found.lines()
    assert (
        "backup_dir = (no backups)  (flag --backup-dir)" in loaded(tmp_path, flags={"backup_dir": ""}).lines()
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BACKUP_AT", "24:00"),
        ("BACKUP_AT", "2:30"),
        ("BACKUP_AT", "noon"),
        ("BACKUP_KEEP", "7"),
        ("BACKUP_KEEP", "7,4,-1"),
        ("BACKUP_KEEP", "7,4,12,1"),
    ],
)
def test_a_bad_time_or_rule_for_backups_is_named(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=f"SERVICEDESK_{name} must be"):
        loaded(tmp_path, **{name: value})

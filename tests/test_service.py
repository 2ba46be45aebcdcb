"""The service: put into a root of its own, run from there, and taken away again."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from servicedesk import service
from servicedesk.service import CannotInstall, install, uninstall
from servicedesk.version import VERSION
from tests.programs import run

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None or shutil.which("systemd-sysusers") is None,
    reason="there is no systemd; `make systemd` installs it",
)
pytestmark = needs_systemd


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root of a system that does not run."""
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    return root


def everything(root: Path) -> dict[str, object]:
    """Return what is there: by name, the bytes, or where a link points."""
    return {
        str(path.relative_to(root)): path.readlink() if path.is_symlink() else path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() or path.is_symlink()
    }


def test_an_installed_desk_is_whole_and_its_links_lead_to_it(root: Path) -> None:
    told = install(root)

    home = root / "opt/servicedesk"
    assert os.readlink(home / "current") == VERSION
    assert os.readlink(root / "usr/local/bin/servicedesk") == "/opt/servicedesk/current/servicedesk"
    assert (root / "etc/systemd/system/servicedesk.service").read_text() == service.unit()
    assert "servicedesk:" in (root / "etc/passwd").read_text()
    assert len([line for line in told if line.startswith("  ")]) == 3
    version = subprocess.run(
        [home / "current" / "servicedesk", "--version"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert version.stdout == f"servicedesk {VERSION}\n"
    assert not [path for path in home.iterdir() if path.name.startswith(".")]


def test_only_root_may_change_what_is_installed_and_settings_are_not_for_everybody(root: Path) -> None:
    before = os.umask(0o077)
    try:
        install(root)
    finally:
        os.umask(before)

    for path in (root / "opt").rglob("*"):
        if not path.is_symlink():
            assert stat.S_IMODE(path.stat().st_mode) in (0o755, 0o644), path
    assert stat.S_IMODE((root / "etc/servicedesk.env").stat().st_mode) == 0o640


def test_installing_again_changes_nothing(root: Path) -> None:
    install(root)
    (root / "etc/servicedesk.env").write_text("SERVICEDESK_PORT=9090\n")
    before, inode = everything(root), (root / "opt/servicedesk" / VERSION).stat().st_ino

    install(root)

    assert everything(root) == before
    assert (root / "opt/servicedesk" / VERSION).stat().st_ino == inode


def test_the_same_version_made_anew_takes_the_place_of_the_old_one(root: Path) -> None:
    install(root)
    folder = root / "opt/servicedesk" / VERSION
    (folder / "installed-from").write_text("an older build\n")
    (folder / "old").touch()

    install(root)

    assert not (folder / "old").exists()
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".")] == []


def test_the_version_before_stays_beside_the_new_one(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(root)
    monkeypatch.setattr(service, "VERSION", "99.0.0")

    install(root)

    home = root / "opt/servicedesk"
    assert os.readlink(home / "current") == "99.0.0"
    assert (home / VERSION / "servicedesk").is_file()


def test_taking_the_service_away_leaves_the_data_the_settings_and_what_others_put_there(root: Path) -> None:
    install(root)
    data, foreign = root / "var/lib/servicedesk/servicedesk.db", root / "opt/servicedesk/notes.txt"
    data.parent.mkdir(parents=True)
    data.write_text("tickets")
    foreign.write_text("mine")

    told = uninstall(root)

    kept = everything(root)
    assert {name for name in kept if "servicedesk" in name} == {
        "var/lib/servicedesk/servicedesk.db",
        "etc/servicedesk.env",
        "opt/servicedesk/notes.txt",
    }
    assert str(data.parent) in told[0]
    foreign.unlink()
    foreign.parent.rmdir()
    with pytest.raises(CannotInstall, match="no service desk installed"):
        uninstall(root)


@pytest.mark.parametrize(
    "path",
    [
        "etc/systemd/system/servicedesk.service",
        "etc/sysusers.d/servicedesk.conf",
        "usr/local/bin/servicedesk",
        f"opt/servicedesk/{VERSION}/servicedesk",
        "opt/servicedesk/current",
        "opt/servicedesk",
    ],
)
def test_what_somebody_else_put_there_is_refused_and_nothing_changes(root: Path, path: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text("somebody else's")
    before = everything(root)

    done = run("install-service", "--root", root)

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("servicedesk: ")
    assert done.stderr.count("\n") == 1
    assert everything(root) == before


STEPS = ("_fill", "_sync", "_write", "_point", "_run", "_exchange")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("is_there", [False, True], ids=["first", "again"])
def test_whatever_fails_everything_is_as_it_was(
    root: Path, step: str, is_there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_there:
        install(root)
        (root / "opt/servicedesk" / VERSION / "installed-from").write_text("an older build\n")
        (root / "etc/systemd/system/servicedesk.service").write_text(service._MARK + " Long ago.\n")
    before, real = everything(root), getattr(service, step)
    calls = 0

    def failing(*arguments: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        if calls == fails_at:
            raise OSError(28, "No space left on device", "/somewhere")
        return real(*arguments, **named)

    monkeypatch.setattr(service, step, failing)
    for fails_at in range(1, 9):
        calls = 0
        refusal = refused(root)
        if refusal is None:
            assert calls < fails_at
            break
        assert refusal == "/somewhere: No space left on device."
        after = everything(root)
        assert {name: one for name, one in after.items() if name in before} == before
        assert {name for name in after if name not in before} <= USERS
        assert not (root / "opt").exists() or is_there


USERS = {f"etc/{name}{end}" for name in ("passwd", "group", "shadow", "gshadow") for end in ("", "-")} | {
    "etc/.pwd.lock"
}
"""What systemd-sysusers writes; a user who is there already does no harm."""


def refused(root: Path) -> str | None:
    """Install; return why it could not be, None when it could."""
    try:
        install(root)
    except CannotInstall as refusal:
        return str(refusal)
    return None


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    done = run("install-service", "--root", tmp_path / "none")

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"servicedesk: There is no folder {tmp_path / 'none'}.\n"


# The unit -------------------------------------------------------------------------------------------------------


def test_systemd_takes_the_unit_as_it_is_written(root: Path) -> None:
    install(root)
    shutil.copytree("/lib/systemd/system", root / "lib/systemd/system", symlinks=True)

    done = subprocess.run(
        ["systemd-analyze", "verify", "--root", root, "/etc/systemd/system/servicedesk.service"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert [line for line in done.stderr.splitlines() if "servicedesk" in line] == []


def test_the_unit_gives_the_desk_few_rights(root: Path) -> None:
    install(root)

    done = subprocess.run(
        [
            "systemd-analyze",
            "security",
            "--offline=true",
            "--threshold=20",
            root / "etc/systemd/system/servicedesk.service",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"SYSTEMD_PAGER": "", "TERM": "dumb"},
    )

    assert done.returncode == 0, done.stdout[-300:] + done.stderr

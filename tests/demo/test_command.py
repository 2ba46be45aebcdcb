"""``servicedesk demo``, as a process of its own."""

import json
import subprocess
import urllib.request
from pathlib import Path

from tests.programs import run, serving

PASSWORD = "a tin of biscuits"


def demo(data_dir: Path, given: str = PASSWORD) -> subprocess.CompletedProcess[str]:
    return run("demo", "--password-stdin", "--data-dir", data_dir, given=given + "\n", ENV="testing")


def test_everybody_who_is_named_can_log_in_afterwards(tmp_path: Path) -> None:
    done = demo(tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert PASSWORD in done.stdout
    doors = dict(line.split() for line in done.stdout.splitlines() if "@" in line)
    assert set(doors.values()) == {"(admin)", "(supervisor)", "(agent)", "(customer)"}
    with serving("--data-dir", tmp_path, ENV="testing") as server:
        for address, role in doors.items():
            body = json.dumps({"email": address, "password": PASSWORD}).encode()
            headers = {"Content-Type": "application/json"}
            with urllib.request.urlopen(
                urllib.request.Request(f"{server.url}/api/auth/login", body, headers)
            ) as answer:
                assert f"({json.load(answer)['user']['role']})" == role


def test_a_desk_is_filled_only_once(tmp_path: Path) -> None:
    demo(tmp_path)

    again = demo(tmp_path)

    assert again.returncode == 3
    assert "has tickets already" in again.stderr


def test_a_desk_that_is_served_is_not_filled_behind_its_back(tmp_path: Path) -> None:
    with serving("--data-dir", tmp_path, ENV="testing") as server:
        done = demo(tmp_path)

        assert done.returncode == 3
        assert str(server.process.pid) in done.stderr


def test_a_password_that_everybody_guesses_is_refused(tmp_path: Path) -> None:
    done = demo(tmp_path, given="password123")

    assert done.returncode == 2
    assert "password" in done.stderr
    assert not (tmp_path / "servicedesk.db").exists()

"""The other ways to get the desk: a wheel, and the recipe of a container."""

import fnmatch
import json
import os
import re
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.programs import environment, serving

PROJECT = Path(__file__).parents[1]
Step = tuple[str, str]


@pytest.fixture(scope="module")
def steps() -> list[Step]:
    """Return the instructions of the Dockerfile: each word and what follows it."""
    text = re.sub(r"^#.*\n", "", (PROJECT / "Dockerfile").read_text(), flags=re.MULTILINE).replace(
        "\\\n", " "
    )
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if line.strip()]


def last_stage(steps: list[Step]) -> list[Step]:
    begins = max(number for number, (word, _) in enumerate(steps) if word == "FROM")
    return steps[begins:]


def test_the_container_runs_as_nobody_and_keeps_its_data_in_a_volume(steps: list[Step]) -> None:
    stage = last_stage(steps)

    assert [rest for word, rest in stage if word == "USER"] == ["10001:10001"]
    assert [rest for word, rest in stage if word == "VOLUME"] == ["/data"]
    assert not [rest for word, rest in stage if word in ("RUN", "ADD")]
    variables = dict(pair.split("=") for word, rest in stage if word == "ENV" for pair in rest.split())
    assert variables["SERVICEDESK_DATA_DIR"] == variables["TMPDIR"] == "/data"
    # After USER, so that nothing is run as root, and what belongs to that user is the data alone.
    words = [word for word, _ in stage]
    assert words.index("USER") < words.index("ENTRYPOINT")
    owned = [rest for word, rest in stage if word == "COPY" and "--chown" in rest]
    assert [rest.split()[-1] for rest in owned] == ["/data"]


def test_the_container_asks_the_program_itself_whether_it_works(steps: list[Step]) -> None:
    check = next(rest for word, rest in last_stage(steps) if word == "HEALTHCHECK")
    entry = json.loads(next(rest for word, rest in last_stage(steps) if word == "ENTRYPOINT"))

    assert json.loads(check.partition("CMD ")[2]) == [*entry, "healthy"]


def test_what_the_container_is_made_of_is_there_and_not_ignored(steps: list[Step]) -> None:
    rules = [
        line for line in (PROJECT / ".dockerignore").read_text().splitlines() if line[:1] not in ("", "#")
    ]
    copied = [
        name for word, rest in steps if word == "COPY" and "--from" not in rest for name in rest.split()[:-1]
    ]
    assert copied
    for name in copied:
        assert (PROJECT / name).exists(), name
        fate = [rule for rule in rules if fnmatch.fnmatch(name, rule.lstrip("!"))]
        assert fate[-1].startswith("!"), name


def test_a_desk_that_works_is_healthy_and_one_that_is_not_there_is_not(tmp_path: Path) -> None:
    healthy = [sys.executable, "-m", "servicedesk", "healthy"]
    with serving("--data-dir", tmp_path) as server:
        url = server.url
        fine = subprocess.run(
            healthy, capture_output=True, text=True, timeout=30, check=False, env=environment(URL=url)
        )
    gone = subprocess.run([*healthy, "--url", url], capture_output=True, text=True, timeout=30, check=False)
    none = subprocess.run(
        [*healthy, "--url", "desk"], capture_output=True, text=True, timeout=30, check=False
    )

    assert (fine.returncode, fine.stdout) == (0, '{"status":"ready"}\n')
    assert (gone.returncode, gone.stdout) == (1, "")
    assert gone.stderr.startswith(f"servicedesk: The desk at {url} cannot work: ")
    assert (none.returncode, none.stderr.count("\n")) == (2, 1)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("wheel")
    # A copy, so that what an earlier build left behind cannot be in it.
    source = into / "source"
    names = ("servicedesk", "templates", "static", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")
    subprocess.run(["mkdir", source], check=True)
    subprocess.run(["cp", "-r", *(PROJECT / name for name in names), source], check=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", into, source],
        check=True,
        timeout=300,
    )
    return next(into.glob("servicedesk-*.whl"))


@pytest.mark.slow
def test_the_wheel_carries_all_that_is_no_python(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as found:
        names = set(found.namelist())

    for folder, inside in (("templates", "servicedesk/templates"), ("static", "servicedesk/static")):
        for path in (PROJECT / folder).rglob("*"):
            if path.is_file() and not path.name.endswith((".d.ts", ".pyc")):
                assert f"{inside}/{path.relative_to(PROJECT / folder)}" in names
    for path in (PROJECT / "servicedesk").rglob("*"):
        if path.suffix in (".sql", ".mo", ".service"):
            assert f"servicedesk/{path.relative_to(PROJECT / 'servicedesk')}" in names
    assert not [name for name in names if name.startswith(("tests/", "bench/")) or name.endswith(".d.ts")]


@pytest.mark.slow
def test_a_fresh_environment_serves_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", place], check=True, timeout=120)
    subprocess.run([place / "bin" / "pip", "install", "--quiet", wheel], check=True, timeout=400)

    program = ["env", "-C", tmp_path, "-u", "PYTHONPATH", place / "bin" / "servicedesk"]
    with serving("--data-dir", tmp_path / "desk", program=program) as server:
        link = server.line().split()[-1]
        with urllib.request.urlopen(link, timeout=20) as page:
            assert b"<form" in page.read()
        with urllib.request.urlopen(f"{server.url}/healthz", timeout=20) as answer:
            assert json.load(answer)["status"] == "ok"
    root = tmp_path / "root"
    root.mkdir()
    subprocess.run([place / "bin" / "servicedesk", "install-service", "--root", root], check=True, timeout=60)
    assert os.access(root / "opt/servicedesk/current/servicedesk", os.X_OK)

"""The rules of our own that `make check` asks: each finds what it is there for, and nothing else."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
RULES: Final = ROOT / "packaging" / "semgrep" / "rules.yml"
BROKEN: Final = RULES.with_name("broken")
NAMES: Final = re.findall(r"^  - id: (\S+)$", RULES.read_text("utf-8"), re.MULTILINE)

Finding = tuple[str, int, str]


def expected() -> set[Finding]:
    """Return what lines say of themselves that a rule finds there."""
    files = [path for path in BROKEN.rglob("*") if path.is_file()]
    return {
        (path.relative_to(ROOT).as_posix(), number, name)
        for path in files
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        for name in re.findall(r"finds: ([a-z-]+)", line)
    }


def found(targets: Iterable[str]) -> set[Finding]:
    program = Path(sys.executable).with_name("semgrep")
    done = subprocess.run(
        [
            program,
            "scan",
            "--json",
            "--metrics",
            "off",
            "--disable-version-check",
            "--config",
            RULES,
            *targets,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env=os.environ | {"SEMGREP_SEND_METRICS": "off", "SEMGREP_ENABLE_VERSION_CHECK": "0"},
    )
    report = json.loads(done.stdout)
    assert not report["errors"], report["errors"]
    return {
        (each["path"], each["start"]["line"], each["check_id"].split(".")[-1]) for each in report["results"]
    }


@pytest.mark.slow
def test_each_rule_finds_its_lines_and_the_desk_has_none() -> None:
    shown = expected()

    assert found(["servicedesk", "static", "templates", "packaging/semgrep/broken"]) == shown
    assert {name for _, _, name in shown} == set(NAMES)

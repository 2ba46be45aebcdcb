"""What docs/security.md says where something is done and tested is there."""

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
TEXT: Final = (ROOT / "docs" / "security.md").read_text("utf-8")
# ``web/auth.py`` stands for the module of the program.
FILES: Final = sorted(set(re.findall(r"`((?:[\w-]+/)+[\w.-]+\.(?:py|html|yml))(?:::\w+)?`", TEXT)))
TESTS: Final = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)))
RULES: Final = sorted(set(re.findall(r"rules? ((?:`[a-z-]+`(?:, )?)+)", TEXT)))
ITEM: Final = re.compile(r"^\| ((?:\d+\.\d+\.\d+[–, ]*)+)", re.MULTILINE)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_named_is_there(name: str) -> None:
    assert (ROOT / name).is_file() or (ROOT / "servicedesk" / name).is_file()


@pytest.mark.parametrize(("path", "name"), TESTS)
def test_a_test_that_is_named_is_there(path: str, name: str) -> None:
    assert re.search(rf"^(async )?def {name}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE)


def test_a_rule_that_is_named_is_asked_in_every_check() -> None:
    known = (ROOT / "packaging" / "semgrep" / "rules.yml").read_text("utf-8")
    named = re.findall(r"`([a-z-]+)`", " ".join(RULES))

    assert named
    assert [name for name in named if f"- id: {name}\n" not in known] == []


def test_each_flaw_has_its_test() -> None:
    flaws = TEXT.partition("## Flaws that were")[2].partition("\n## ")[0]
    rows = [line for line in flaws.splitlines() if line.startswith("| ") and not line.startswith("| Flaw")]

    assert len(rows) > 10
    assert [row for row in rows if not re.search(r"`tests/[\w/]+\.py::\w+` \|$", row)] == []


def test_no_item_of_the_list_stands_there_twice() -> None:
    items = [item for row in ITEM.findall(TEXT) for item in re.findall(r"\d+\.\d+\.\d+", row)]

    assert len(items) > 130
    assert sorted(item for item in set(items) if items.count(item) > 1) == []

"""The catalogues are as the code is, and every text of it is found."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from servicedesk import resources

_PATH = Path(__file__).resolve().parent.parent / "packaging" / "words.py"
_spec = spec_from_file_location("catalogues", _PATH)
assert _spec is not None
assert _spec.loader is not None
words = module_from_spec(_spec)
_spec.loader.exec_module(words)

PAGE = """
<h1>{{ _("Log in") }}</h1>{{ ngettext("%(num)s ticket", "%(num)s tickets", n) }}
{% trans who=name %}Write to {{ who }}{% endtrans %}
"""
MODULE = """
from servicedesk.domain.words import count, say
LABEL = say("Open")
raise NotFound(say("There is no {what} {id}.", what=say("ticket"), id=f"{number:06}"))
shown = count("{n} file", "{n} files", len(files))
elsewhere = raw.count("a", "b")
"""
SCRIPT = 'import { t, tn } from "./words.js"; toast(t("Assigned to {name}", { name })); tn("{n} left", "{n} more", n);'


@pytest.fixture
def code(tmp_path: Path) -> Path:
    for name, content in (
        ("templates/page.html", PAGE),
        ("servicedesk/module.py", MODULE),
        ("static/script.js", SCRIPT),
    ):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(content)
    return tmp_path


def test_every_text_is_found_where_people_write_it(code: Path) -> None:
    found = {message.id: message.locations[0][0] for message in words.found(code) if message.id}

    assert found == {
        "Log in": "templates/page.html",
        ("%(num)s ticket", "%(num)s tickets"): "templates/page.html",
        "Write to %(who)s": "templates/page.html",
        "Open": "servicedesk/module.py",
        "There is no {what} {id}.": "servicedesk/module.py",
        "ticket": "servicedesk/module.py",
        ("{n} file", "{n} files"): "servicedesk/module.py",
        "Assigned to {name}": "static/script.js",
        ("{n} left", "{n} more"): "static/script.js",
    }


@pytest.mark.parametrize("call", ["say(text)", 'say(f"Open {n}")', 'count("{n} file", text, n)'])
def test_a_text_that_no_catalogue_could_have_is_an_error(code: Path, call: str) -> None:
    (code / "servicedesk/module.py").write_text(f"from servicedesk.domain.words import count, say\n{call}\n")

    with pytest.raises(words.NoText):
        words.found(code)


@pytest.mark.parametrize(
    ("text", "said", "is_whole"),
    [
        ("{n} of {most}", "von {most} {n}", True),
        ("{n} of {most}", "{n} von {meist}", False),
        ("Write to %(name)s", "An %(name)s", True),
        ("Write to %(name)s", "Schreiben", False),
        (("%(num)s ticket", "%(num)s tickets"), ("%(num)s Ticket", "%(num)s Tickets"), True),
        (
            ("one file of %(of)s", "%(num)s files of %(of)s"),
            ("eine Datei von %(of)s", "%(num)s Dateien"),
            False,
        ),
    ],
)
def test_a_translation_that_lost_a_value_is_noticed(
    text: str | tuple[str, str], said: str | tuple[str, str], is_whole: bool
) -> None:
    assert words.is_whole(words.Message(text, said)) is is_whole


def test_the_catalogues_are_up_to_date_and_lack_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    result = words.main(["--check"])

    assert capsys.readouterr().err == ""
    assert result == 0
    assert (resources.words() / "de.mo").exists()

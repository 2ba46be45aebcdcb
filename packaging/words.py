"""Bring the catalogues up to date with the texts of the code: ``make words``.

Texts are found in templates (``_``, ``ngettext``), in Python (``say``, ``count``) and in the browser's modules
(``t``, ``tn``). New ones are added to each language's ``.po`` file without a translation, old ones leave it; then the
``.mo`` file for the server and the JSON file for the browser are made of it. With ``--check`` nothing is written.
What is not translated, or has lost a value on the way, is named; with ``--check`` also what is not up to date, and
the exit status is 1 if there is anything.
"""

import ast
import io
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages import catalog
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("de",)
HEADER = "# {language} texts of the service desk."
WIDTH = 110
WORDS = "servicedesk.domain.words"
PLACES = re.compile(r"%\(\w+\)[a-z]|\{\w+[^{}]*\}")
"""Where values stand in a text."""


# A new Babel is no new text.
catalog.VERSION = ""


class NoText(Exception):
    """A text that is put together while the program runs, so that no catalogue can have it."""


def of_python(file, keywords, comment_tags, options):  # type: ignore[no-untyped-def] # as Babel calls it
    """Yield the texts of a module; functions of others that happen to be called ``count`` are not looked at."""
    tree = ast.parse(file.read())
    ours = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == WORDS
        for alias in node.names
        if alias.name in keywords
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ours:
            given = node.args[: 2 if node.func.id == "count" else 1]
            texts = tuple(arg.value for arg in given if isinstance(arg, ast.Constant))
            if len(texts) < len(given) or not all(isinstance(text, str) for text in texts):
                raise NoText(f"line {node.lineno}: {ast.unparse(node)}")
            yield node.lineno, node.func.id, texts if len(texts) > 1 else texts[0], []


SOURCES = (
    ("templates", [("**.html", "jinja2")], {"_": None, "gettext": None, "ngettext": (1, 2)}),
    ("servicedesk", [("**.py", of_python)], {"say": None, "count": (1, 2)}),
    ("static", [("**.js", "javascript")], {"t": None, "tn": (1, 2)}),
)


def found(root: Path = ROOT) -> Catalog:
    """Return every text of the code with the files that it is in."""
    catalogue = Catalog(project="servicedesk", charset="utf-8")
    for folder, methods, keywords in SOURCES:
        options = {"**.html": {"trimmed": "true", "silent": "false"}}
        for name, _, message, _, context in extract_from_dir(
            root / folder, methods, options, keywords=keywords, strip_comment_tags=True
        ):
            catalogue.add(message, locations=[(f"{folder}/{name}", 0)], context=context)
    return catalogue


def brought_up_to_date(language: str, template: Catalog) -> Catalog:
    path = ROOT / "servicedesk" / "words" / f"{language}.po"
    old = (
        read_po(io.BytesIO(path.read_bytes()), locale=language) if path.exists() else Catalog(locale=language)
    )
    old.update(template, no_fuzzy_matching=True, update_header_comment=False)
    old.obsolete.clear()
    old.project, old.header_comment, old.fuzzy = "servicedesk", HEADER.format(language=language), False
    old.version = old.msgid_bugs_address = old.last_translator = old.language_team = ""
    # A date of its own would change the file although no text did.
    old.creation_date = old.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
    for message in old:
        message.locations = sorted({(name, 0) for name, _ in message.locations})
    return old


def as_po(catalogue: Catalog) -> bytes:
    written = io.BytesIO()
    write_po(written, catalogue, width=WIDTH, sort_output=True, include_lineno=False, ignore_obsolete=True)
    return written.getvalue()


def as_mo(catalogue: Catalog) -> bytes:
    written = io.BytesIO()
    write_mo(written, catalogue)
    return written.getvalue()


def as_json(catalogue: Catalog) -> bytes:
    """Return what the browser's modules say: id to text, or to the list of plural forms."""
    said = {
        message.id if isinstance(message.id, str) else message.id[0]: message.string
        for message in texts(catalogue)
        if any(name.startswith("static/") for name, _ in message.locations) and is_said(message)
    }
    return json.dumps(said, ensure_ascii=False, indent=0, sort_keys=True).encode() + b"\n"


def texts(catalogue: Catalog) -> Iterator[Message]:
    return (message for message in catalogue if message.id)


def is_said(message: Message) -> bool:
    return all(message.string) if isinstance(message.string, (tuple, list)) else bool(message.string)


def is_whole(message: Message) -> bool:
    """Return whether the translation has the values of the text, no fewer and no others."""
    ids = message.id if isinstance(message.id, (tuple, list)) else (message.id,)
    strings = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
    wanted = [set(PLACES.findall(each)) for each in ids]
    return all(
        set(PLACES.findall(said)) in wanted or set(PLACES.findall(said)) == set.union(*wanted)
        for said in strings
    )


def main(arguments: list[str]) -> int:
    is_check = "--check" in arguments
    troubles: list[str] = []
    template = found()
    for language in LANGUAGES:
        catalogue = brought_up_to_date(language, template)
        made = {
            ROOT / "servicedesk" / "words" / f"{language}.po": as_po(catalogue),
            ROOT / "servicedesk" / "words" / f"{language}.mo": as_mo(catalogue),
            ROOT / "static" / "words" / f"{language}.json": as_json(catalogue),
        }
        troubles += [
            f"{language} lacks: {message.id!r}" for message in texts(catalogue) if not is_said(message)
        ]
        troubles += [
            f"{language} has other values: {message.id!r}"
            for message in texts(catalogue)
            if is_said(message) and not is_whole(message)
        ]
        for path, content in made.items():
            if is_check:
                if not path.exists() or path.read_bytes() != content:
                    troubles.append(f"{path.relative_to(ROOT)} is not up to date: make words")
            else:
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)
    for trouble in troubles:
        sys.stderr.write(f"{trouble}\n")
    return 1 if troubles and is_check else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""Bring the catalogues up to date with the texts of the code: ``make words``.

Texts are found in templates (``_``, ``ngettext``), in Python (``say``, ``count``) and in the browser's modules
(``t``, ``tn``). New ones are added to each language's ``.po`` file without a translation, old ones leave it; then the
``.mo`` file for the server and the JSON file for the browser are made of it. With ``--check`` nothing is written:
what is not up to date or not translated is named, and the exit status is 1.
"""

import io
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("de",)
SOURCES = (
    ("templates", [("**.html", "jinja2")], {"_": None, "gettext": None, "ngettext": (1, 2)}),
    ("servicedesk", [("**.py", "python")], {"say": None, "count": (1, 2)}),
    ("static", [("**.js", "javascript")], {"t": None, "tn": (1, 2)}),
)
HEADER = "# {language} texts of the service desk."
WIDTH = 110


def found() -> Catalog:
    """Return every text of the code with the files that it is in."""
    catalogue = Catalog(project="servicedesk", charset="utf-8")
    for folder, methods, keywords in SOURCES:
        options = {"**.html": {"trimmed": "true", "silent": "false"}}
        for name, _, message, _, context in extract_from_dir(
            ROOT / folder, methods, options, keywords=keywords, strip_comment_tags=True
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


def main() -> int:
    is_check = "--check" in sys.argv[1:]
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
            f"{language}: {error}" for message, errors in catalogue.check() for error in errors if message
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
    raise SystemExit(main())

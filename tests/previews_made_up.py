"""Documents, e-mails and sheets for previews, honest ones and others."""

import io
import zipfile
from collections.abc import Mapping

from tests.files_made_up import zip_of

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_X = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_A = "http://schemas.openxmlformats.org/drawingml/2006/main"
_TYPES = {"[Content_Types].xml": b"<Types/>"}
_ODF = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
    ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    ' xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
)


def word(body: str, before: str = "") -> bytes:
    """Return a docx with this in its body; ``before`` goes before the root."""
    return zip_of(
        _TYPES
        | {
            "word/document.xml": _xml(
                f'<w:document xmlns:w="{_W}"><w:body>{body}</w:body></w:document>', before
            )
        }
    )


def paragraphs(*texts: str) -> str:
    return "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in texts)


def excel(rows: str, shared: str = "", more: Mapping[str, bytes] | None = None, before: str = "") -> bytes:
    """Return an xlsx of two sheets with these rows in the first."""
    book = (
        f'<workbook xmlns="{_X}" xmlns:r="{_R}"><sheets><sheet name="Printers" sheetId="1" r:id="rId7"/>'
        '<sheet name="Other" sheetId="2" r:id="rId8"/></sheets></workbook>'
    )
    relations = (
        '<Relationships><Relationship Id="rId8" Target="worksheets/b.xml"/>'
        '<Relationship Id="rId7" Target="worksheets/a.xml"/></Relationships>'
    )
    entries = {
        "xl/workbook.xml": _xml(book),
        "xl/_rels/workbook.xml.rels": _xml(relations),
        "xl/worksheets/a.xml": _xml(
            f'<worksheet xmlns="{_X}"><sheetData>{rows}</sheetData></worksheet>', before
        ),
        "xl/sharedStrings.xml": _xml(f'<sst xmlns="{_X}">{shared}</sst>'),
    }
    return zip_of(_TYPES | entries | dict(more or {}))


def slides(*texts: str) -> bytes:
    """Return a pptx with a slide for each text, the last one first in the archive."""
    entries = {
        f"ppt/slides/slide{number}.xml": _xml(
            f'<p:sld xmlns:p="p" xmlns:a="{_A}"><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:sld>'
        )
        for number, text in enumerate(texts, 1)
    }
    return zip_of(_TYPES | dict(reversed(entries.items())))


def open_document(what: str, body: str) -> bytes:
    """Return an odt (``text``), ods (``spreadsheet``) or odp (``presentation``) with this in its body."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", f"application/vnd.oasis.opendocument.{what}")
        archive.writestr(
            "content.xml",
            _xml(
                f"<office:document-content {_ODF}><office:body>{body}</office:body></office:document-content>"
            ),
            zipfile.ZIP_DEFLATED,
        )
    return out.getvalue()


def mail(*parts: str, head: str = "", kind: str = "multipart/mixed") -> bytes:
    """Return an e-mail of these parts, each with its own head."""
    head = head or (
        "From: =?utf-8?q?J=C3=B6rg_M=C3=BCller?= <joerg@example.org>\n"
        "To: help@desk.example\nCc: ada@example.org\nSubject: =?iso-8859-1?Q?Der_Drucker_br=E4nnt?=\n"
        "Date: Mon, 23 Nov 2026 09:30:00 +0100\n"
    )
    whole = f"{head}MIME-Version: 1.0\nContent-Type: {kind}; boundary=cut\n\n"
    return (whole + "".join(f"--cut\n{part}\n" for part in parts) + "--cut--\n").encode()


def _xml(body: str, before: str = "") -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>{before}{body}'.encode()


ENTITY_BOMB = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>'

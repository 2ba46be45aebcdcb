"""The text of Office and OpenDocument files, and what hostile ones come to."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from servicedesk.domain.files import Content
from servicedesk.media.documents import COLUMNS_MAX, read_document
from servicedesk.media.jobs import DocumentRead, Opened, ReadDocument, SheetRead, TooMuch
from servicedesk.media.text import ROWS_MAX, TEXT_MAX
from servicedesk.media.workers import CannotRender, Workers
from tests import previews_made_up as made_up
from tests.files_made_up import zip_of

Read = Callable[[bytes, Content], Opened]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def run(content: bytes, kind: Content) -> Opened:
        path = tmp_path / "file"
        path.write_bytes(content)
        return read_document(ReadDocument(str(path), content=kind))

    return run


def rows_of(opened: Opened) -> list[list[str]]:
    assert isinstance(opened, SheetRead)
    return opened.rows


def test_a_letter_is_read_paragraph_by_paragraph(read: Read) -> None:
    body = (
        made_up.paragraphs("Dear all,", "it &lt;burns&gt; &amp; smokes")
        + "<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t></w:r></w:p>"
    )

    assert read(made_up.word(body), Content.DOCX) == DocumentRead(
        "Dear all,\nit <burns> & smokes\na\tb", False
    )


def test_a_table_in_a_letter_has_a_line_for_each_row(read: Read) -> None:
    cell = "<w:tc>{}</w:tc>".format
    table = f"<w:tbl><w:tr>{cell(made_up.paragraphs('a'))}{cell(made_up.paragraphs('b', 'c'))}</w:tr></w:tbl>"

    assert read(made_up.word(table), Content.DOCX) == DocumentRead("a \tb c", False)


def test_what_was_struck_out_or_is_said_twice_is_left_out(read: Read) -> None:
    body = (
        "<w:p><w:del><w:r><w:delText>old</w:delText></w:r></w:del><w:r><w:t>new</w:t></w:r></w:p>"
        f"<mc:Alternate xmlns:mc='m'><mc:Choice>{made_up.paragraphs('box')}</mc:Choice>"
        f"<mc:Fallback>{made_up.paragraphs('box')}</mc:Fallback></mc:Alternate>"
    )

    assert read(made_up.word(body), Content.DOCX) == DocumentRead("new\nbox", False)


def test_of_a_long_letter_the_beginning_is_read(read: Read) -> None:
    found = read(made_up.word(made_up.paragraphs(*["ü" * 1000] * 200)), Content.DOCX)

    assert isinstance(found, DocumentRead)
    assert found.truncated
    assert TEXT_MAX - 2 <= len(found.text.encode()) <= TEXT_MAX


def test_slides_are_read_in_their_order(read: Read) -> None:
    content = made_up.slides(*[f"slide {number}" for number in range(1, 12)])

    found = read(content, Content.PPTX)

    assert isinstance(found, DocumentRead)
    assert [line for line in found.text.split("\n") if line] == [f"slide {number}" for number in range(1, 12)]


@pytest.mark.parametrize(("what", "kind"), [("text", Content.ODT), ("presentation", Content.ODP)])
def test_an_open_document_is_read(read: Read, what: str, kind: Content) -> None:
    words = "two<text:s text:c='3'/>words<text:line-break/><text:span>more</text:span>"
    body = f"<text:h>Title</text:h><text:p>{words}</text:p>"

    assert read(made_up.open_document(what, body), kind) == DocumentRead("Title\ntwo   words\nmore", False)


def test_a_sheet_is_read_with_everything_that_a_cell_may_hold(read: Read) -> None:
    rows = (
        '<row r="1"><c r="A1" t="s"><v>1</v></c><c r="C1" t="inlineStr"><is><t>in</t><t>line</t></is></c></row>'
        '<row r="2"><c r="A2"><v>0.30000000000000004</v></c><c r="B2" t="b"><v>1</v></c>'
        '<c r="C2" t="e"><v>#REF!</v></c><c r="D2" t="str"><f>A1</f><v>worked out</v></c></row>'
        '<row r="3"><c r="B3" t="s"><v>0</v></c><c r="C3" t="s"><v>99</v></c></row>'
    )
    shared = "<si><r><t>two </t></r><r><t>pieces</t></r><rPh><t>sound</t></rPh></si><si><t>name</t></si>"

    found = read(made_up.excel(rows, shared), Content.XLSX)

    assert found == SheetRead(
        [["name", "", "inline", ""], ["0.3", "TRUE", "#REF!", "worked out"], ["", "two pieces", "", ""]],
        truncated=False,
        name="Printers",
        sheets=2,
    )


@pytest.mark.parametrize(
    ("style", "number", "shown"),
    [
        (0, "46000.5", "46000.5"),
        (1, "46349", "2026-11-23"),
        (2, "46349.395833333336", "2026-11-23 09:30:00"),
        (1, "0.25", "06:00:00"),
        (3, "46349", "46349"),
        (1, "99999999", "99999999"),
        (1, "-5", "-5"),
    ],
)
def test_a_date_is_shown_as_one(read: Read, style: int, number: str, shown: str) -> None:
    styles = (
        b'<styleSheet><numFmts><numFmt numFmtId="170" formatCode="dd\\.mm\\.yyyy hh:mm"/>'
        b'<numFmt numFmtId="171" formatCode="0.00 &quot;days&quot; [$-d]"/></numFmts>'
        b'<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs>'
        b'<xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="170"/><xf numFmtId="171"/></cellXfs></styleSheet>'
    )
    row = f'<row><c r="A1" s="{style}"><v>{number}</v></c></row>'

    assert rows_of(read(made_up.excel(row, more={"xl/styles.xml": styles}), Content.XLSX)) == [[shown]]


def test_of_a_large_sheet_the_corner_is_shown(read: Read) -> None:
    rows = "".join(f'<row><c r="A{n}"><v>{n}</v></c><c r="XFD{n}"><v>1</v></c></row>' for n in range(1, 400))

    found = read(made_up.excel(rows), Content.XLSX)

    assert isinstance(found, SheetRead)
    assert found.truncated
    assert (len(found.rows), found.rows[-1]) == (ROWS_MAX, [str(ROWS_MAX)])


def test_an_open_sheet_is_read_and_its_repetitions_are_bounded(read: Read) -> None:
    cell = "<table:table-cell{}><text:p>{}</text:p></table:table-cell>".format
    many = ' table:number-columns-repeated="1000000"'
    table = (
        '<table:table table:name="First"><table:table-row>'
        + cell("", "a")
        + cell("", "b")
        + "</table:table-row>"
        "<table:table-row>"
        + cell(many, "x")
        + '</table:table-row><table:table-row table:number-rows-repeated="900000">'
        + cell("", "y")
        + "</table:table-row></table:table><table:table table:name='Second'/>"
    )

    found = read(made_up.open_document("spreadsheet", table), Content.ODS)

    assert isinstance(found, SheetRead)
    assert (found.name, found.sheets, found.truncated) == ("First", 2, True)
    assert found.rows[0][:3] == ["a", "b", ""]
    assert found.rows[1] == ["x"] * COLUMNS_MAX
    assert found.rows[2][0] == "y"
    assert len(found.rows) == ROWS_MAX


UNREADABLE = [
    (made_up.word("<w:p><w:r><w:t>&c;</w:t></w:r></w:p>", made_up.ENTITY_BOMB), Content.DOCX),
    (made_up.excel("<row><c><v>&c;</v></c></row>", before=made_up.ENTITY_BOMB), Content.XLSX),
    (made_up.word(made_up.paragraphs("x"), '<!DOCTYPE x SYSTEM "file:///etc/passwd">'), Content.DOCX),
    (made_up.word("<w:p>" * 3), Content.DOCX),
    (made_up.word("<w:p>" * 500_000), Content.DOCX),
    (zip_of({"word/document.xml": b"\0\1\2"}), Content.DOCX),
    (zip_of({"[Content_Types].xml": b"<Types/>"}), Content.DOCX),
    (zip_of({"xl/workbook.xml": b"<workbook/>"}), Content.XLSX),
    (zip_of({"xl/workbook.xml": b"<workbook><sheets><sheet/></sheets></workbook>"}), Content.XLSX),
    (zip_of({}), Content.PPTX),
    (b"no archive at all", Content.ODS),
]


async def test_of_what_cannot_be_read_in_good_faith_the_worker_says_so_and_goes_on(tmp_path: Path) -> None:
    workers, path = Workers(most=1), tmp_path / "file"

    try:
        for content, kind in UNREADABLE:
            path.write_bytes(content)
            with pytest.raises(CannotRender) as refusal:
                await workers.ask(ReadDocument(str(path), content=kind), Opened)
            assert "died" not in str(refusal.value)
    finally:
        await workers.close()


def test_the_entities_of_a_document_are_never_made_up(read: Read) -> None:
    with pytest.raises(ValueError, match="no document type"):
        read(made_up.word("<w:p><w:r><w:t>&c;</w:t></w:r></w:p>", made_up.ENTITY_BOMB), Content.DOCX)


def test_a_document_that_would_unpack_to_far_too_much_is_not_opened(read: Read) -> None:
    spaces = " " * (64 << 20)

    assert isinstance(read(made_up.word(spaces), Content.DOCX), TooMuch)
    found = read(made_up.excel(spaces), Content.XLSX)
    assert isinstance(found, TooMuch)
    assert found.unpacked > 64 << 20


@pytest.mark.parametrize("part", range(1, 12))
def test_of_a_cut_document_nothing_is_made_up(read: Read, part: int) -> None:
    content = made_up.word(made_up.paragraphs(*map(str, range(500))))

    with pytest.raises(zipfile.BadZipFile):
        read(content[: len(content) * part // 12], Content.DOCX)

"""What bytes are, whatever their name says."""

import io
import struct
import zipfile

import pytest

from servicedesk.domain.files import Content, Seen, TypeMismatch, kind_of, served_as
from servicedesk.media.sniff import HEAD, sniff, sniff_head
from tests import files_made_up as made_up


def look(content: bytes) -> Seen:
    return sniff(io.BytesIO(content))


@pytest.mark.parametrize("name", made_up.HONEST)
def test_an_honest_file_is_what_its_name_says(name: str) -> None:
    content = made_up.HONEST[name]

    assert served_as(name, look(content)).split(";")[0] == kind_of(name).content_type
    head = sniff_head(content[:HEAD], len(content))
    assert head is None or served_as(name, head)


@pytest.mark.parametrize("name", made_up.HONEST)
def test_no_file_passes_for_another_type(name: str) -> None:
    seen = look(made_up.HONEST[name])

    for other in made_up.HONEST:
        if seen.content not in kind_of(other).contents:
            with pytest.raises(TypeMismatch):
                served_as(other, seen)


def test_a_renamed_docx_is_still_an_archive_but_no_other_document() -> None:
    seen = look(made_up.office("word"))

    assert served_as("a.zip", seen) == "application/zip"
    with pytest.raises(TypeMismatch):
        served_as("a.xlsx", seen)


def test_a_document_with_macros_is_no_docx() -> None:
    seen = look(made_up.office("word", **{"word/vbaProject.bin": b"\xd0\xcf"}))

    with pytest.raises(TypeMismatch, match="macros"):
        served_as("a.docx", seen)


def test_a_document_under_a_password_is_taken() -> None:
    assert look(made_up.compound("EncryptedPackage")).content is Content.LOCKED_OFFICE


@pytest.mark.parametrize("cut", [4, 600, 1100])
def test_an_installer_or_a_cut_compound_file_is_no_document(cut: int) -> None:
    assert look(made_up.compound("Icon.setup")).content is Content.OTHER
    assert look(made_up.compound("WordDocument")[:cut]).content is Content.OTHER


def test_a_chain_of_sectors_that_bites_its_tail_ends() -> None:
    ring = bytearray(made_up.compound("Nothing"))
    struct.pack_into("<L", ring, 512 + 4, 1)

    assert look(bytes(ring)).content is Content.OTHER


@pytest.mark.parametrize(
    ("content", "charset"),
    [
        ("Grüße".encode(), "utf-8"),
        (b"\xef\xbb\xbfwith a mark", "utf-8"),
        ("Grüße".encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + "Grüße".encode("utf-16-be"), "utf-16"),
        ("Grüße – 5 €".encode("cp1252"), "windows-1252"),
        (b"BMW sells cars", "utf-8"),
        (b"MZ is two letters", "utf-8"),
        (b"x" * 300_000 + "ü".encode(), "utf-8"),
    ],
)
def test_text_is_told_by_decoding_all_of_it(content: bytes, charset: str) -> None:
    assert look(content) == Seen(Content.TEXT, charset)


@pytest.mark.parametrize(
    "content",
    [
        b"text with a \0 in it",
        b"\xff\xfe\0\0" + "x".encode("utf-32-le"),
        b"\xff\xfea",
        "x".encode("utf-16-le"),
        bytes(range(1, 256)),
        b"x" * 300_000 + b"\0",
        made_up.EXE,
        b"\x7fELF\x02\x01\x01" + bytes(60),
        b"\xca\xfe\xba\xbe\0\0\0\x34" + bytes(60),
    ],
)
def test_what_does_not_decode_is_no_text(content: bytes) -> None:
    assert look(content).content is Content.OTHER


def test_foreign_bytes_are_named_where_they_are_known() -> None:
    assert "a .exe file" in look(made_up.EXE).remark


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "AVIF"])
@pytest.mark.parametrize(
    "tail", [made_up.HTML, made_up.SVG, b"<?php system($_GET[0]);", b"<SCRIPT>alert(1)</SCRIPT>"]
)
def test_a_picture_that_is_a_page_as_well_is_no_picture(form: str, tail: bytes) -> None:
    assert look(made_up.picture(form) + tail).content is Content.OTHER


def test_markup_between_two_pieces_of_a_long_picture_is_found() -> None:
    start = made_up.png()
    content = start + b"\xaa" * ((1 << 18) - len(start) - 3) + b"<script>" + b"\xaa" * 1000

    assert look(content).content is Content.OTHER


def test_a_script_that_begins_like_a_gif_is_no_picture() -> None:
    assert look(b"GIF89a/*" + made_up.SVG + b"*/=1;").content is Content.OTHER


@pytest.mark.parametrize("start", [made_up.png(), made_up.pdf(), made_up.picture("GIF")])
def test_an_archive_behind_a_picture_or_document_is_found(start: bytes) -> None:
    out = io.BytesIO(start)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("Evil.class", b"\xca\xfe\xba\xbe")

    seen = look(out.getvalue())

    assert seen.content is Content.OTHER
    assert "ZIP" in seen.remark


def test_an_archive_behind_a_program_is_no_archive() -> None:
    assert look(made_up.EXE + made_up.zip_of({"a": b"a"})).content is Content.OTHER


@pytest.mark.parametrize("damage", [slice(0, -4), slice(0, 40), slice(0, 4)])
def test_an_archive_without_a_sound_directory_is_refused(damage: slice) -> None:
    assert look(made_up.zip_of({"a": b"a" * 100})[damage]).content is Content.OTHER


def test_an_archive_with_nothing_in_it_is_an_archive() -> None:
    assert look(made_up.zip_of({})).content is Content.ZIP


def test_an_archive_of_many_thousand_entries_is_looked_at_in_bounds() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(70_000):
            archive.writestr(zipfile.ZipInfo(f"{number:05}"), b"")

    assert look(out.getvalue()).content is Content.ZIP


def test_an_old_tar_without_a_magic_is_told_by_its_checksum() -> None:
    content = bytearray(made_up.tar_of({"a.txt": b"a"}))
    content[257:265] = bytes(8)
    content[148:156] = b"%06o\0 " % (sum(content[:148]) + sum(content[156:512]) + 8 * 32)

    assert look(bytes(content)).content is Content.TAR


def test_of_a_part_of_a_container_nothing_is_said() -> None:
    assert sniff_head(made_up.office("word")[:100], 50_000) is None


def test_a_head_may_end_in_the_middle_of_a_letter() -> None:
    head = ("x" * (HEAD - 1) + "ü").encode()[:HEAD]

    assert sniff_head(head, 50_000) == Seen(Content.TEXT, "utf-8")

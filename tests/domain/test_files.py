"""The rules of files: names, types, limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicedesk.domain import files
from servicedesk.domain.files import (
    KINDS,
    BadName,
    Category,
    Content,
    EmptyFile,
    FileTooLarge,
    Limits,
    Seen,
    TypeMismatch,
    TypeNotAllowed,
    clean_filename,
    kind_of,
)

LIMITS = Limits()
PNG = Seen(Content.PNG)
UTF8 = Seen(Content.TEXT, "utf-8")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("report.pdf", "report.pdf"),
        ("/etc/passwd.txt", "passwd.txt"),
        ("..\\..\\windows\\system.log", "system.log"),
        ("C:\\fakepath\\photo.png", "photo.png"),
        ("../../.bashrc.sh", "bashrc.sh"),
        ("e\u0301te\u0301.txt", "été.txt"),
        ("evil\u202egnp.exe.png", "evilgnp.exe.png"),
        ("zero\u200bwidth\ufeff.txt", "zerowidth.txt"),
        ("zero\0.png", "zero.png"),
        ("two\r\nlines.txt", "twolines.txt"),
        ("  spaced .txt  ", "spaced .txt"),
        ("...dots.md", "dots.md"),
        (". .hidden.txt", "hidden.txt"),
        ("日本語 🎫.txt", "日本語 🎫.txt"),
        ('quo"ted;=.txt', 'quo"ted;=.txt'),
    ],
)
def test_a_name_keeps_its_last_visible_segment(sent: str, kept: str) -> None:
    assert clean_filename(sent) == kept


@pytest.mark.parametrize("sent", ["", "   ", "...", "dir/", "a\\b\\", "\u200b\u202e", "\0", ". . ", "\u3164"])
def test_a_name_of_which_nothing_is_left_is_refused(sent: str) -> None:
    with pytest.raises(BadName):
        clean_filename(sent)


def test_a_name_that_was_not_utf_8_is_refused() -> None:
    with pytest.raises(BadName, match="cannot be read"):
        clean_filename(b"caf\xe9.txt".decode(errors="surrogateescape"))


def test_a_long_name_is_cut_in_the_middle_and_keeps_its_extension() -> None:
    name = clean_filename("a" * 300 + ".tar.gz")

    assert len(name) == 150
    assert name.endswith("aaa.gz")


def test_a_long_name_without_a_real_extension_is_just_cut() -> None:
    assert clean_filename("a" * 300) == "a" * 150
    assert len(clean_filename("a." + "b" * 300)) == 150


def test_a_name_is_measured_in_bytes_and_no_letter_is_cut_in_two() -> None:
    assert clean_filename("日" * 100 + ".txt") == "日" * 48 + ".txt"
    assert clean_filename("a" + "🎫" * 100 + ".txt") == "a" + "🎫" * 36 + ".txt"


@pytest.mark.parametrize("sent", ["con.txt", "NUL.png", "Com1.tar.gz", "lpt¹.md", "aux", "prn .txt"])
def test_a_name_is_none_that_windows_takes_for_a_device(sent: str) -> None:
    assert clean_filename(sent) == f"_{sent}"


@pytest.mark.parametrize("name", ["console.txt", "com.txt", "nullable.md", "auxiliary.png"])
def test_a_name_that_only_begins_like_a_device_stays(name: str) -> None:
    assert clean_filename(name) == name


@pytest.mark.parametrize("sent", ["run.exe.", "run.exe ", "run.exe. . "])
def test_closing_dots_and_spaces_hide_no_extension(sent: str) -> None:
    assert clean_filename(sent) == "run.exe"


@given(st.text(max_size=400))
def test_whatever_is_sent_the_name_is_one_harmless_segment(sent: str) -> None:
    try:
        name = clean_filename(sent)
    except BadName:
        return

    assert 1 <= len(name.encode()) <= 150
    assert not set(name) & set("/\\\0\r\n\u200b\u202a\u202e\u2066\ufeff")
    assert not name.startswith(".")
    assert clean_filename(name) == name


@pytest.mark.parametrize(
    "name", ["a.exe", "a.docm", "a.PHP", "noextension", "png", "a.", "a.png.exe", "a.tar.xz"]
)
def test_only_the_types_on_the_list_are_taken(name: str) -> None:
    with pytest.raises(TypeNotAllowed):
        kind_of(name)


def test_the_extension_is_read_without_regard_to_case() -> None:
    assert kind_of("PHOTO.JPG").category is Category.IMAGE


def test_the_list_of_types_is_the_contracts() -> None:
    by_category: dict[str, set[str]] = {}
    for extension, kind in KINDS.items():
        by_category.setdefault(kind.category, set()).add(extension)

    assert by_category == {
        "image": {"png", "jpg", "jpeg", "gif", "webp", "bmp", "avif"},
        "document": {
            "pdf",
            "txt",
            "rtf",
            "doc",
            "docx",
            "xls",
            "xlsx",
            "ppt",
            "pptx",
            "odt",
            "ods",
            "odp",
            "md",
            "eml",
        },
        "archive": {"zip", "tar", "gz", "tgz", "7z", "rar"},
        "log": {"log", "csv", "tsv"},
        "code": {"py", "js", "ts", "css", "html", "json", "xml", "sql", "yaml", "yml", "toml", "sh", "svg"},
    }


def test_images_have_a_limit_of_their_own() -> None:
    files.require_size(kind_of("a.png"), 10 << 20, LIMITS)
    with pytest.raises(FileTooLarge, match="10 MiB"):
        files.require_size(kind_of("a.png"), (10 << 20) + 1, LIMITS)

    files.require_size(kind_of("a.pdf"), 25 << 20, LIMITS)
    with pytest.raises(FileTooLarge, match="25 MiB"):
        files.require_size(kind_of("a.pdf"), (25 << 20) + 1, LIMITS)


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(EmptyFile):
        files.require_size(kind_of("a.txt"), 0, LIMITS)


def test_bytes_must_be_what_the_name_promises() -> None:
    assert files.served_as("a.png", PNG) == "image/png"
    with pytest.raises(TypeMismatch, match=r"\.jpg"):
        files.served_as("a.jpg", PNG)
    with pytest.raises(TypeMismatch):
        files.served_as("a.png", UTF8)


@pytest.mark.parametrize("name", ["a.html", "a.svg", "a.js", "a.xml", "a.py"])
def test_pages_and_code_are_served_as_plain_text(name: str) -> None:
    assert files.served_as(name, UTF8) == "text/plain; charset=utf-8"


def test_everything_that_stands_against_a_file_is_named() -> None:
    found = list(files.objections("a.exe", 99 << 20, None, LIMITS))
    assert [refusal.code for refusal in found] == ["type_not_allowed", "too_large"]

    found = list(files.objections("a.png", 99 << 20, UTF8, LIMITS))
    assert [refusal.code for refusal in found] == ["too_large", "type_mismatch"]

    assert [refusal.code for refusal in files.objections("a.txt", 0, None, LIMITS)] == ["empty_file"]
    assert list(files.objections("a.txt", 5, UTF8, LIMITS)) == []


@pytest.mark.parametrize(
    ("packed", "unpacked", "absurd"),
    [
        (64 << 10, 64 << 20, True),
        (1 << 20, 50 << 20, False),
        (100, 1 << 20, False),
        (1 << 30, 11 << 30, True),
        (0, 33 << 20, True),
    ],
)
def test_nobody_packs_a_hundredfold_who_means_well(packed: int, unpacked: int, absurd: bool) -> None:
    assert files.is_absurd(packed, unpacked) is absurd

"""E-mails: their head, their text, what hangs on them, and how badly they may be made."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from servicedesk.media.jobs import Header, MailRead, ReadMail
from servicedesk.media.mail import HEADER_MAX, read_mail
from servicedesk.media.text import TEXT_MAX
from servicedesk.media.workers import CannotRender, Workers
from tests import previews_made_up as made_up

Read = Callable[..., MailRead]
PLAIN = "Content-Type: text/plain; charset=utf-8\n\nIt burns.\n"


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def run(content: bytes | str, charset: str = "utf-8") -> MailRead:
        path = tmp_path / "file"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_mail(ReadMail(str(path), charset=charset))

    return run


def test_a_mail_is_shown_by_its_head_and_text(read: Read) -> None:
    found = read(made_up.mail(PLAIN))

    assert found.headers == [
        Header("From", "Jörg Müller <joerg@example.org>"),
        Header("To", "help@desk.example"),
        Header("Cc", "ada@example.org"),
        Header("Subject", "Der Drucker brännt"),
        Header("Date", "Mon, 23 Nov 2026 09:30:00 +0100"),
    ]
    assert (found.text.strip(), found.truncated, found.attachments) == ("It burns.", False, [])


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (
            "Content-Type: text/plain; charset=iso-8859-15\nContent-Transfer-Encoding: quoted-printable",
            "Gr=FC=DFe f=FCr 5 =A4",
        ),
        (
            "Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: base64",
            base64.b64encode("Grüße für 5 €".encode()).decode(),
        ),
        ("Content-Type: text/plain; charset=nonsense", "Grüße für 5 €"),
        ("Content-Type: text/plain", "Grüße für 5 €"),
        ("X-Other: nothing", "Grüße für 5 €"),
    ],
)
def test_a_text_is_decoded_as_it_says_or_as_it_is(read: Read, head: str, body: str) -> None:
    found = read(f"Subject: x\n{head}\n\n{body}\n")

    assert found.text.strip() == "Grüße für 5 €"


def test_letters_without_a_charset_are_read_in_that_of_the_file(read: Read) -> None:
    found = read("Subject: Grüße\nFrom: Jörg <j@example.org>\n\nGrüße\n".encode("cp1252"), "windows-1252")

    assert [header.value for header in found.headers] == ["Jörg <j@example.org>", "Grüße"]
    assert found.text == "Grüße\n"


def test_of_two_versions_the_plain_one_is_shown(read: Read) -> None:
    page = "Content-Type: text/html\n\n<p>It <b>blazes</b>.</p>\n"

    assert read(made_up.mail(page, PLAIN, kind="multipart/alternative")).text.strip() == "It burns."


def test_a_page_is_reduced_to_its_words(read: Read) -> None:
    page = (
        "<html><head><title>no</title><style>p { color: red }</style></head><body onload='x()'>"
        "<h1>Hello</h1><p>It&nbsp;burns &amp; <a href='javascript:x()'>smokes</a>.<br>Come!</p>"
        "<script>alert(1)</script><img src='https://evil.example/x.png'><table><tr><td>a<td>b</tr></table></body>"
    )

    found = read(made_up.mail(f"Content-Type: text/html\n\n{page}\n"))

    assert found.text == "Hello\n\nIt burns & smokes.\nCome!\n\na b"


def test_what_hangs_on_it_is_named_and_never_taken_out(read: Read) -> None:
    parts = [
        PLAIN,
        "Content-Type: application/pdf\nContent-Disposition: attachment; filename*=utf-8''r%C3%A9sum%C3%A9.pdf\n\nx",
        'Content-Type: image/png; name="=?utf-8?q?bild_=C3=BC.png?="\n\nx',
        'Content-Type: text/plain\nContent-Disposition: attachment; filename="../../etc/pass\u202ewd"\n\nsecret',
        "Content-Type: message/rfc822\n\nSubject: inner\n\ninner text",
        "Content-Type: application/octet-stream\n\nx",
    ]

    found = read(made_up.mail(*parts))

    assert found.text.strip() == "It burns."
    assert found.attachments[:2] == ["résumé.pdf", "bild ü.png"]
    assert found.attachments[2].startswith("../../etc/pass")
    assert "\u202e" not in found.attachments[2]
    assert found.attachments[3:] == ["an e-mail", "without a name"]


def test_a_mail_within_parts_within_parts_is_found(read: Read) -> None:
    inner = "Content-Type: multipart/alternative; boundary=in\n\n--in\n" + PLAIN + "\n--in--\n"

    assert read(made_up.mail(inner)).text.strip() == "It burns."


def test_a_head_cannot_fake_another_line(read: Read) -> None:
    found = read("Subject: =?utf-8?q?one=0D=0AFrom:_boss?= \u202etwo\nFrom: a@b\n\nx")

    subject = next(header.value for header in found.headers if header.name == "Subject")
    assert "\n" not in subject
    assert "\r" not in subject
    assert "\u202e" not in subject


@pytest.mark.parametrize(
    "subject",
    [
        "=?nonsense?q?x?=",
        "=?utf-8?b?!!!!?=",
        "=?utf-8?q?" + "=" * 500 + "?=",
        "=?unicode_escape?q?=5Cud800?=",
        "=?" * 2000,
        "x" * 100_000,
        "",
    ],
)
def test_a_malformed_head_is_shown_as_far_as_it_goes(read: Read, subject: str) -> None:
    found = read(f"Subject: {subject}\nFrom: a@b\n\nIt burns.\n")

    assert found.text == "It burns.\n"
    assert all(len(header.value) <= HEADER_MAX for header in found.headers)


def test_a_long_text_is_cut(read: Read) -> None:
    found = read("Subject: x\n\n" + "ü" * TEXT_MAX)

    assert found.truncated
    assert len(found.text.encode()) == TEXT_MAX


def test_what_has_no_head_is_no_mail(read: Read) -> None:
    with pytest.raises(ValueError, match="no head"):
        read("just some text\n")


@pytest.mark.parametrize("depth", [50, 5_000])
async def test_however_deep_the_parts_lie_the_worker_answers(tmp_path: Path, depth: int) -> None:
    lines = ["Subject: deep"]
    for level in range(depth):
        lines += [f"Content-Type: multipart/mixed; boundary=b{level}", "", f"--b{level}"]
    path = tmp_path / "file"
    path.write_text("\n".join([*lines, "Content-Type: text/plain", "", "It burns."]))
    workers = Workers()

    try:
        found = await workers.ask(ReadMail(str(path), charset="utf-8"), MailRead)
        assert found.headers == [Header("Subject", "deep")]
    except CannotRender:
        assert depth > 100
    finally:
        await workers.close()

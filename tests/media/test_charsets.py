"""In which charset a text is that is not UTF-8."""

import io
import random
from pathlib import Path

import pytest

from servicedesk.domain.files import Content, Seen
from servicedesk.media.sniff import HEAD, sniff, sniff_head
from servicedesk.media.text import read_text

JAPANESE = "お世話になっております。プリンターが故障しましたので、交換をお願いいたします。\n"
SIMPLIFIED = "您好，打印机坏了，请尽快派人来修理。谢谢您的帮助。\n"
TRADITIONAL = "您好，印表機壞了，請盡快派人來修理。謝謝您的幫助。\n"
KOREAN = "안녕하세요. 프린터가 고장났습니다. 빨리 수리해 주시기 바랍니다.\n"
RUSSIAN = "Здравствуйте, принтер сломался, пожалуйста, пришлите мастера как можно скорее.\n"
GREEK = "Καλημέρα, ο εκτυπωτής χάλασε, παρακαλώ στείλτε τεχνικό το συντομότερο.\n"
HEBREW = "שלום, המדפסת התקלקלה, אנא שלחו טכנאי בהקדם.\n"
ARABIC = "مرحبا، الطابعة معطلة، يرجى إرسال فني في أقرب وقت.\n"

OLD = {
    "shift_jis": JAPANESE,
    "euc-jp": JAPANESE,
    "gb18030": SIMPLIFIED,
    "big5": TRADITIONAL,
    "euc-kr": KOREAN,
    "koi8-r": RUSSIAN,
    "windows-1251": RUSSIAN,
    "windows-1253": GREEK,
    "windows-1255": HEBREW,
    "windows-1256": ARABIC,
    "utf-16-le": "Grüße an alle\n",
    "utf-16-be": RUSSIAN,
    "utf-32-le": "Grüße an alle\n",
    "utf-32-be": JAPANESE,
    "utf-32": "Grüße an alle\n",
}
WESTERN = [
    "Sehr geehrte Damen und Herren, für Müller & Söhne: die Größe der Tür ist übermäßig. Straße, Köln, schön.\n",
    "Où est la clé? Déjà cassée, l'été dernier, ça coûtait très cher à Noël; hélas, élève français.\n",
    "¿Dónde está la impresora? El año pasado, mañana señor, corazón, camión, pingüino.\n",
    "Não há impressão, ação, coração, atenção, você é irmã; informações à disposição.\n",
    "Printeren er i stykker, gør det færdigt på mandag. Æblegrød, rødgrød med fløde på øen.\n",
    "Það er bilað, vinsamlegast sendið viðgerðarmann. Þökk fyrir, góðan daginn, æðislegt.\n",
    "MÜLLER;STRASSE;KÖLN;GRÖSSE;ÄÖÜ;ÉÈÊ\n",
    "20 °C ± 5 µm § 3 « quoted » ©®\n",
    "5 €\n",
    "äußerst",
    "ATENÇÃO",
    "ÄÖÜ åäö é año",
    "être être ÅÄÖ ÄÖÜ",
    "CORAÇÃO CORAÇÃO ÄÖÜ ÇA",
]


@pytest.mark.parametrize("charset", OLD)
@pytest.mark.parametrize("around", ["", "2026-11-23 09:30:00 ERROR something failed\n" * 40])
def test_text_in_an_older_charset_is_taken_and_read(charset: str, around: str, tmp_path: Path) -> None:
    text = around + OLD[charset]
    file = tmp_path / "file"
    file.write_bytes(text.encode(charset))

    with file.open("rb") as opened:
        assert sniff(opened) == Seen(Content.TEXT, charset)

    assert read_text(file, charset).text == text


@pytest.mark.parametrize("text", WESTERN)
@pytest.mark.parametrize("times", [1, 50])
def test_western_text_is_never_taken_for_something_rarer(text: str, times: int) -> None:
    assert sniff(io.BytesIO((text * times).encode("cp1252"))) == Seen(Content.TEXT, "windows-1252")


@pytest.mark.parametrize("charset", ["shift_jis", "gb18030", "utf-16-le", "utf-32-be"])
def test_the_beginning_of_such_a_text_is_no_reason_to_refuse_it(charset: str) -> None:
    content = (OLD[charset] * 400).encode(charset)

    for length in (HEAD, HEAD - 1, HEAD - 3):
        head = sniff_head(content[:length], len(content))
        assert head is None or head.content is Content.TEXT


def test_one_character_that_does_not_fit_ends_all_guesses() -> None:
    content = (JAPANESE * 3000).encode("shift_jis")

    assert sniff(io.BytesIO(content + b"\x81\x20")).content is Content.OTHER


@pytest.mark.parametrize("mark", [b"\0", b"\1", b"\x1f"])
def test_control_characters_are_in_no_text_of_any_charset(mark: bytes) -> None:
    assert sniff(io.BytesIO((SIMPLIFIED * 50).encode("gb18030") + mark)).content is Content.OTHER


def test_numbers_in_two_or_four_bytes_are_no_text() -> None:
    chance = random.Random(7)
    for width in (2, 4):
        for _ in range(300):
            numbers = [chance.randrange(60_000) for _ in range(200)]
            content = b"".join(number.to_bytes(width, "little") for number in numbers)
            assert sniff(io.BytesIO(content)).content is Content.OTHER

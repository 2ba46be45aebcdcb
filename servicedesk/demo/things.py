"""The files of the demo company, made on the spot: pictures, logs, tables, an archive and a PDF."""

import io
import random
import zipfile
from typing import Final

_WORDS: Final = [
    "connect",
    "handshake",
    "rekey",
    "timeout",
    "retry",
    "accepted",
    "closed",
    "queue",
    "spool",
    "ready",
]


def content_of(filename: str) -> bytes:
    """Return bytes that fit the name; the same name always gives the same bytes."""
    chance = random.Random(filename)  # noqa: S311 -- a picture  # nosec B311
    kind = filename.rpartition(".")[2]
    if kind == "png":
        return _picture(filename, chance)
    if kind == "pdf":
        return pdf(
            [filename.removesuffix(".pdf").replace("-", " ").capitalize(), "Larkfield Service", "Page 1 of 1"]
        )
    if kind == "csv":
        return _table(chance)
    if kind == "zip":
        return _archive(chance)
    if kind == "eml":
        return _mail()
    return _log(chance)


def _picture(filename: str, chance: random.Random) -> bytes:
    """Draw what a photo of a machine or a plan could look like from afar."""
    from PIL import Image, ImageDraw, ImageFilter

    width, height = 1280, 800
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    tint = Image.new("RGB", (width, height), tuple(chance.randrange(60, 200) for _ in range(3)))
    image = Image.blend(image, tint, 0.6)
    draw = ImageDraw.Draw(image)
    for _ in range(26):
        x, y = chance.randrange(width), chance.randrange(height)
        shade = chance.randrange(30, 230)
        draw.rounded_rectangle(
            (x, y, x + chance.randrange(60, 320), y + chance.randrange(40, 200)),
            radius=12,
            fill=(shade, shade, min(255, shade + 18)),
            outline=(30, 34, 40),
            width=3,
        )
    image = image.filter(ImageFilter.GaussianBlur(1.2))
    ImageDraw.Draw(image).text((32, height - 44), filename, fill="white")
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def _log(chance: random.Random) -> bytes:
    lines, second = [], 0
    for _ in range(220):
        second += chance.randrange(1, 40)
        level = "WARN" if chance.random() < 0.08 else "INFO"
        at = f"{8 + second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
        lines.append(f"{at} {level} session={chance.randrange(1000, 9999)} {chance.choice(_WORDS)}")
    return "\n".join(lines).encode() + b"\n"


def _table(chance: random.Random) -> bytes:
    rows = ["number,date,branch,amount,remark"]
    for number in range(1, 41):
        amount = f"{chance.randrange(1500, 90000) / 100:.2f}"
        rows.append(f"{20_700 + number},2026-03-{1 + number % 28:02d},{chance.choice('ABC')},{amount},")
    return "\r\n".join(rows).encode() + b"\r\n"


def _archive(chance: random.Random) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("spooler.log", "drivers.txt", "events/application.log", "events/system.log"):
            archive.writestr(zipfile.ZipInfo(name, (2026, 3, 2, 9, 30, 0)), _log(chance))
    return out.getvalue()


def _mail() -> bytes:
    return (
        b"From: registry@court.example\r\nTo: emil.roth@vance-legal.example\r\n"
        b"Subject: Hearing on Thursday\r\nDate: Mon, 02 Mar 2026 09:12:44 +0100\r\n"
        b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        b"The hearing begins at 10:00 in room 204.\r\n"
    )


def pdf(lines: list[str]) -> bytes:
    """Return a PDF of one page with these lines on it."""
    shown = "".join(f"({line}) Tj 0 -28 Td " for line in lines)
    page = f"BT /F1 20 Tf 72 740 Td {shown}ET".encode("latin-1")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(page), page),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, text in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, text)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)

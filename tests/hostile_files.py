"""Files that want to do harm: bombs, broken ones, and files that are two things at once. All made on the spot."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from random import Random
from typing import Final

from PIL import Image

from tests import files_made_up as made_up
from tests.files_made_up import EXE, HONEST, HTML, SVG, gz, office, pdf, picture, png, tar_of, zip_of

Named = Iterator[tuple[str, bytes]]

SIDES: Final = (
    *((0, 0), (0, 1), (1, 0), (1, 2**31 - 1), (2**31 - 1, 1), (2**31 - 1, 2**31 - 1)),
    *((65_535, 65_535), (40_000_001, 1), (1, 40_000_001), (6_325, 6_325), (2**32 - 1, 2**32 - 1)),
)
TRUNCATED: Final = (
    *("a.png", "a.jpg", "a.gif", "a.webp", "a.bmp", "a.avif", "a.pdf", "a.docx", "a.xlsx"),
    *("a.zip", "a.tar", "a.gz", "a.tgz", "a.doc", "a.odt", "a.eml"),
)
CUTS: Final = (1, 2, 3, 5, 8, 11, 12, 16, 24, 30, 31, 33, 40, 57, 100, -1, -2, -8, -13, -22)
DAMAGED: Final = ("a.png", "a.jpg", "a.gif", "a.webp", "a.bmp", "a.avif", "a.pdf", "a.tgz", "a.docx")


def everything() -> Named:
    yield from bombs()
    yield from truncated()
    yield from damaged()
    yield from disguised()
    yield from two_at_once()


# Small files that become large ---------------------------------------------------------------------------------------


def bombs() -> Named:
    for width, height in SIDES:
        yield "claims.png", made_up.png_that_claims(width, height)
        yield "claims.bmp", _bmp(width, height)
    for width, height in ((0, 0), (1, 65_535), (65_535, 1), (65_535, 65_535)):
        yield "claims.gif", _patched(picture("GIF"), 6, struct.pack("<2H", width, height))
        yield "claims.jpg", _jpeg(width, height)
        yield "claims.webp", _canvas(width, height)
        yield "claims.avif", _avif(width, height)
    yield "wide-frame.gif", _patched(made_up.gif_of_frames(3), -60, struct.pack("<2H", 65_535, 65_535))
    yield "white.png", made_up.png_bomb(6_300)
    yield "more-than-white.png", made_up.png_bomb(7_000)
    yield "white.webp", _saved(Image.new("RGB", (6_000, 6_000), "white"), "WEBP", lossless=True, method=0)
    yield "white.gif", _saved(Image.new("P", (6_300, 6_300)), "GIF")
    yield "white.jpg", _saved(Image.new("L", (6_300, 6_300), 255), "JPEG")
    yield "overflowing.png", _png_with(_chunk(b"IDAT", zlib.compress(bytes(64 << 20))))
    yield "text.png", _png_with(_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(64 << 20))))
    yield "profile.png", _png_with(_chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(64 << 20))))
    yield "chunks.png", _png_with(_chunk(b"tEXt", b"k\0v") * 50_000)
    yield "huge-chunk.png", _png_with(struct.pack(">L", 2**31 - 1) + b"IDAT")
    yield "frames.gif", made_up.gif_of_frames(250)
    yield "scans.jpg", _many_scans(100)
    yield "zeros.zip", made_up.zip_bomb(256)
    yield "nested.zip", _nested(12)
    yield "names.zip", zip_of({f"{number:05}": b"" for number in range(20_000)})
    yield "counts.zip", _patched(zip_of({"a": b"a"}), -14, b"\xff\xff\xff\xff")
    yield "directory.zip", _patched(zip_of({"a": b"a"}), -10, b"\xff\xff\xff\x7f")
    yield "zeros.gz", gz(bytes(256 << 20))
    yield "zeros.tgz", gz(tar_of({"zeros": bytes(64 << 20)}))
    yield "headers.tgz", gz(tar_of({f"{number}": b"" for number in range(30_000)}))
    yield "size.tar", _patched(tar_of({"a": b"a"}), 124, b"77777777777\0")
    yield "loop.pdf", b"%PDF-1.4\n" + _pdf_objects(b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2147483647>>")
    yield "sides.pdf", pdf(1, 10**9, 10**9)
    yield "flat.pdf", pdf(1, 14_400, 1)
    yield "pages.pdf", pdf(3_000)
    yield "deep.pdf", b"%PDF-1.4\n1 0 obj\n" + b"[" * 200_000 + b"]" * 200_000 + b"\nendobj\n%%EOF"
    yield "deep.json", b"[" * 100_000
    yield "laughs.xml", _laughs()
    yield "row.csv", b'"' + b"a," * 1_000_000
    yield "columns.csv", b"," * 1_000_000
    yield "line.log", b"\xff" * 1_000_000
    yield "deep.md", b"> " * 50_000 + b"*a" * 50_000
    yield "deep.svg", b"<svg>" + b"<g>" * 100_000
    yield "parts.eml", b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + b"--a\r\n\r\n" * 50_000
    yield "nested.eml", b"Content-Type: message/rfc822\r\n\r\n" * 5_000


def _bmp(width: int, height: int) -> bytes:
    return _patched(picture("BMP"), 18, struct.pack("<2L", width, height))


def _jpeg(width: int, height: int) -> bytes:
    content = picture("JPEG")
    return _patched(content, content.index(b"\xff\xc0") + 5, struct.pack(">2H", height, width))


def _canvas(width: int, height: int) -> bytes:
    sides = struct.pack("<L", max(0, width - 1))[:3] + struct.pack("<L", max(0, height - 1))[:3]
    body = b"WEBPVP8X" + struct.pack("<L", 10) + bytes(4) + sides + picture("WEBP")[12:]
    return b"RIFF" + struct.pack("<L", len(body)) + body


def _avif(width: int, height: int) -> bytes:
    content = picture("AVIF")
    return _patched(content, content.index(b"ispe") + 8, struct.pack(">2L", width, height))


def _patched(content: bytes, at: int, other: bytes) -> bytes:
    at %= len(content)
    return content[:at] + other + content[at + len(other) :]


def _saved(image: Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def _chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def _png_with(chunks: bytes) -> bytes:
    """Return a picture with something behind its first chunk."""
    content = png()
    return content[:33] + chunks + content[33:]


def _many_scans(times: int) -> bytes:
    content = picture("JPEG", 800, 600, progressive=True)
    scan = content.rindex(b"\xff\xda")
    return content[:scan] + content[scan:-2] * times + content[-2:]


def _nested(deep: int) -> bytes:
    content = bytes(1 << 20)
    for _ in range(deep):
        content = zip_of({f"{number}.zip": content for number in range(8)})
    return content


def _pdf_objects(*bodies: bytes) -> bytes:
    objects = (b"<</Type/Catalog/Pages 2 0 R>>", *bodies)
    made = b"".join(b"%d 0 obj\n%b\nendobj\n" % (number, body) for number, body in enumerate(objects, 1))
    return made + b"trailer\n<</Root 1 0 R>>\n%%EOF"


def _laughs() -> bytes:
    lines = [f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12)]
    return f'<!DOCTYPE l [<!ENTITY l0 "ha">{"".join(lines)}]><l>&l11;</l>'.encode()


# Broken ones ---------------------------------------------------------------------------------------------------------


def truncated() -> Named:
    for name in TRUNCATED:
        content = HONEST[name]
        for cut in CUTS:
            if abs(cut) < len(content):
                yield f"cut{name[1:]}", content[:cut]


def damaged() -> Named:
    """Files with a few other bytes, wherever chance puts them."""
    for seed, name in enumerate(DAMAGED * 12):
        chance, content = Random(seed), bytearray(HONEST[name])
        for _ in range(chance.choice((1, 3, 20))):
            content[chance.randrange(len(content))] = chance.randrange(256)
        yield f"damaged{name[1:]}", bytes(content)


# What is something else, or two things at once -----------------------------------------------------------------------


def disguised() -> Named:
    ends = sorted(name[1:] for name in HONEST)
    for number, (name, content) in enumerate(HONEST.items()):
        for step in (5, 11, 17):
            yield f"disguised{ends[(number + step) % len(ends)]}", content
        yield f"disguised{name[1:]}.exe", content
    for end in (".png", ".jpg", ".pdf", ".docx", ".zip", ".txt", ".svg"):
        yield f"program{end}", EXE
        yield f"page{end}", HTML
        yield f"drawing{end}", SVG


SCRIPT: Final = b"*/=1;alert(1)/*"


def two_at_once() -> Named:
    archive = zip_of({"a.html": HTML})
    yield "script.gif", b"GIF89a" + SCRIPT + picture("GIF")[6:]
    yield "comment.gif", picture("GIF", comment=b"<script>alert(1)</script>")
    yield "comment.jpg", picture("JPEG", comment=HTML)
    yield "behind.jpg", picture("JPEG") + HTML
    yield "text.png", _png_with(_chunk(b"tEXt", b"Comment\0" + HTML))
    yield "palette.png", _png_with(_chunk(b"IDAT", HTML))
    yield "php.png", png() + b"<?php system($_GET[0]); ?>"
    yield "long.bmp", picture("BMP") + SVG
    for end, front in ((".png", png()), (".gif", picture("GIF")), (".jpg", picture("JPEG")), (".pdf", pdf())):
        yield f"archive{end}", front + archive
        yield f"archive{end}.zip", front + archive
        yield f"program{end}", front + EXE
    yield "late.pdf", HTML + pdf()
    yield (
        "action.pdf",
        b"%PDF-1.4\n"
        + _pdf_objects(b"<</Type/Pages/Kids[]/Count 0>>", b"<</S/JavaScript/JS(app.alert(1))>>"),
    )
    yield "program.zip", EXE + archive
    yield "renamed.docx", archive
    yield "renamed.odt", archive
    yield "macros.docx", office("word", **{"word/vbaProject.bin": b"macros"})
    yield "macros.xlsx", office("xl", **{"XL/VBAPROJECT.BIN": b"macros"})
    yield "macros.pptx", office("ppt", **{"ppt\\vbaProject.bin": b"macros"})
    yield "macros.zip", office("word", **{"word/vbaProject.bin": b"macros"})
    yield (
        "slip.zip",
        zip_of({"../../../etc/passwd": b"x", "C:\\a.exe": EXE, "a\0b": b"x", "a\u202egpj.exe": EXE}),
    )
    yield "slip.tar", tar_of({"../../etc/passwd": b"x", "/etc/shadow": b"x"})
    yield "twice.zip", _twice()
    yield "page.txt", "<html><script>alert(1)</script>".encode("utf-7")
    yield "page.log", HTML.decode().encode("utf-16")
    yield "bom.csv", b"\xef\xbb\xbf=cmd|' /C calc'!A0,@SUM(1)\n"


def _twice() -> bytes:
    """Return an archive with two entries of one name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", b"one")
        archive.writestr("b.txt", b"two")
    return out.getvalue().replace(b"b.txt", b"a.txt")

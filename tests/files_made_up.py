"""Files of every sort, made on the spot, honest ones and others."""

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence

from PIL import Image

ORIENTATION = 0x0112


def picture(
    form: str, width: int = 64, height: int = 48, *, turned: int | None = None, **options: object
) -> bytes:
    """Return an image in one of Pillow's formats; ``turned`` is the EXIF orientation."""
    image = Image.effect_noise((width, height), 40).convert("RGB")
    image.paste((200, 30, 30), (0, 0, width // 2, height // 2))
    if turned is not None:
        exif = Image.Exif()
        exif[ORIENTATION] = turned
        exif[0x010F] = "A camera that tells its owner's name"
        options["exif"] = exif
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def png(width: int = 64, height: int = 48) -> bytes:
    return picture("PNG", width, height)


def png_that_claims(width: int, height: int) -> bytes:
    """Return a few bytes that say they are an enormous picture."""
    header = struct.pack(">2L5B", width, height, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(b"\0" * 99))
        + _chunk(b"IEND")
    )


def png_bomb(side: int) -> bytes:
    """Return a small file that holds a large, empty picture."""
    out = io.BytesIO()
    Image.new("1", (side, side)).save(out, "PNG", optimize=True)
    return out.getvalue()


def gif_of_frames(count: int) -> bytes:
    frames = [Image.new("P", (40, 30), color) for color in range(count)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    return out.getvalue()


def pdf(pages: int = 1, width: int = 300, height: int = 200) -> bytes:
    kids = " ".join(f"{3 + number} 0 R" for number in range(pages))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>",
        *[f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width} {height}] >>"] * pages,
    ]
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode()
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(out)


def zip_of(entries: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return out.getvalue()


def zip_bomb(megabytes: int = 64) -> bytes:
    return zip_of({"zeros.bin": bytes(megabytes << 20)})


def office(folder: str, **more: bytes) -> bytes:
    """Return a docx (``word``), xlsx (``xl``) or pptx (``ppt``)."""
    return zip_of({"[Content_Types].xml": b"<Types/>", f"{folder}/document.xml": b"<doc/>", **more})


def open_document(what: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", f"application/vnd.oasis.opendocument.{what}")
        archive.writestr("content.xml", "<office:document-content/>")
    return out.getvalue()


def compound(stream: str) -> bytes:
    """Return an older Office file with one named stream."""
    header = bytearray(512)
    header[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<5H", header, 24, 0x3E, 3, 0xFFFE, 9, 6)
    struct.pack_into("<L", header, 44, 1)
    struct.pack_into("<L", header, 48, 1)
    struct.pack_into("<109L", header, 76, 0, *[0xFFFFFFFF] * 108)
    table = struct.pack("<128L", 0xFFFFFFFD, 0xFFFFFFFE, *[0xFFFFFFFF] * 126)
    directory = b"".join(_compound_entry(name) for name in ("Root Entry", stream)).ljust(512, b"\0")
    return bytes(header) + table + directory


def tar_of(entries: Mapping[str, bytes], mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content in entries.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def gz(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def csv_of(rows: Sequence[Sequence[str]], delimiter: str = ",") -> bytes:
    return "".join(delimiter.join(row) + "\r\n" for row in rows).encode()


def _chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def _compound_entry(name: str) -> bytes:
    encoded = name.encode("utf-16-le") + b"\0\0"
    return encoded.ljust(64, b"\0") + struct.pack("<H", len(encoded)) + bytes(62)


EXE = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0" + bytes(48) + b"PE\0\0" + bytes(200)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(2)</script></svg>'
HTML = b"<!doctype html><html><body><script>alert(document.domain)</script></body></html>"

HONEST: dict[str, bytes] = {
    "a.png": png(),
    "a.jpg": picture("JPEG"),
    "a.jpeg": picture("JPEG"),
    "a.gif": picture("GIF"),
    "a.webp": picture("WEBP"),
    "a.bmp": picture("BMP"),
    "a.avif": picture("AVIF"),
    "a.pdf": pdf(),
    "a.txt": "Grüße aus Köln, 東京 und 🎫\n".encode(),
    "a.rtf": rb"{\rtf1\ansi Hello}",
    "a.doc": compound("WordDocument"),
    "a.xls": compound("Workbook"),
    "a.ppt": compound("PowerPoint Document"),
    "a.docx": office("word"),
    "a.xlsx": office("xl"),
    "a.pptx": office("ppt"),
    "a.odt": open_document("text"),
    "a.ods": open_document("spreadsheet"),
    "a.odp": open_document("presentation"),
    "a.md": b"# Title\n",
    "a.eml": b"From: ada@example.org\r\nSubject: Printer\r\n\r\nIt burns.\r\n",
    "a.zip": zip_of({"a.txt": b"a", "b/c.txt": b"c"}),
    "a.tar": tar_of({"a.txt": b"a"}),
    "a.gz": gz(b"a line\n" * 10),
    "a.tgz": tar_of({"a.txt": b"a"}, "w:gz"),
    "a.7z": b"7z\xbc\xaf\x27\x1c\0\4" + bytes(60),
    "a.rar": b"Rar!\x1a\x07\x01\0" + bytes(60),
    "a.log": b"2026-11-23 09:30:00 \x1b[31mERROR\x1b[0m it burns\n",
    "a.csv": b"name,size\nada,1\n",
    "a.tsv": b"name\tsize\nada\t1\n",
    "a.py": b"print('hello')\n",
    "a.js": b"alert(1)\n",
    "a.ts": b"const a: number = 1\n",
    "a.css": b"a { color: red }\n",
    "a.html": HTML,
    "a.json": b'{"a": 1}\n',
    "a.xml": b"<?xml version='1.0'?><a/>\n",
    "a.sql": b"SELECT 1;\n",
    "a.yaml": b"a: 1\n",
    "a.yml": b"a: 1\n",
    "a.toml": b"a = 1\n",
    "a.sh": b"#!/bin/sh\necho hello\n",
    "a.svg": SVG,
}
"""One honest file of every type that the desk takes."""

"""Pictures of images and of pages. Only a worker imports this, and a decoder only when a file asks for it."""

import contextlib
import io
import warnings
from typing import TYPE_CHECKING, Final

from servicedesk.domain.files import Content
from servicedesk.media.jobs import Draw, Drawn, Inspect, Inspected, PdfRead, ReadPdf

if TYPE_CHECKING:
    from PIL import Image

THUMBNAIL_SIDE: Final = 320
PICTURE_SIDE: Final = 1600
_FORMATS: Final = {
    Content.PNG: "PNG",
    Content.JPEG: "JPEG",
    Content.GIF: "GIF",
    Content.WEBP: "WEBP",
    Content.BMP: "BMP",
    Content.AVIF: "AVIF",
}
_TURNED: Final = frozenset({5, 6, 7, 8})
"""The EXIF orientations of a picture that lies on its side."""
_ORIENTATION: Final = 0x0112


def inspect(job: Inspect) -> Inspected:
    try:
        with _opened(job.path, job.content, job.max_pixels) as image:
            width, height = image.size
            try:
                thumbnail = _rendered(image, THUMBNAIL_SIDE)
                turned = image.getexif().get(_ORIENTATION) in _TURNED
            except Exception:
                return Inspected(width, height)
    except _TooManyPixels:
        return Inspected()
    return Inspected(height, width, thumbnail) if turned else Inspected(width, height, thumbnail)


def draw(job: Draw) -> Drawn:
    with _opened(job.path, job.content, job.max_pixels) as image:
        return Drawn(_rendered(image, PICTURE_SIDE))


def read_pdf(job: ReadPdf) -> PdfRead:
    import pypdfium2

    with contextlib.closing(pypdfium2.PdfDocument(job.path)) as document:
        picture = None
        with contextlib.suppress(Exception):  # a damaged page is still a page
            page = document[0]
            scale = min(2.0, PICTURE_SIDE / max(*page.get_size(), 1))
            picture = _webp(page.render(scale=scale).to_pil())
        return PdfRead(len(document), picture)


class _TooManyPixels(Exception):
    pass


def _opened(path: str, content: Content, max_pixels: int) -> "Image.Image":
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = max_pixels
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        image = Image.open(path, formats=[_FORMATS[content]])
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise _TooManyPixels from None
    if image.width * image.height > max_pixels:
        image.close()
        raise _TooManyPixels
    return image


def _rendered(image: "Image.Image", side: int) -> bytes:
    """Return the first frame, upright and no larger than the side, as a WebP that carries nothing over."""
    from PIL import ImageOps

    image.draft("RGB", (2 * side, 2 * side))
    small = _in_colour(image)
    small.thumbnail((side, side), reducing_gap=2.0)
    return _webp(ImageOps.exif_transpose(small))


def _in_colour(image: "Image.Image") -> "Image.Image":
    """Return the image in a mode that can be scaled smoothly and saved, with its transparency."""
    if image.mode.startswith("I;16"):
        return image.point(lambda value: value / 256).convert("L")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        return image.convert("RGBA")
    return image.convert("RGB")


def _webp(image: "Image.Image") -> bytes:
    from PIL import Image

    bare = Image.new(image.mode, image.size)
    bare.paste(image)
    out = io.BytesIO()
    bare.save(out, "WEBP", quality=80, method=4)
    return out.getvalue()

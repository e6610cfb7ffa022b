"""Take the pictures out of a document."""

import io
import re
import zipfile
from collections.abc import Iterator

from ..card import Card
from ..contract import tool
from ..errors import Cancelled, NotDecodable
from ..media.document import Document
from ..media.image import Image
from ..media.limits import Limits
from ..roles import StepContext

CARD = Card(
    bad_at="drawings, charts and formulas, which are no pictures; formats such as EMF, WMF and SVG are left out",
    cost="cpu",
    keeps="part",
    examples=(
        "get the pictures of the document", "extract the images from the PDF", "take the photos out of the slides",
        "the pictures in the Word file", "save all images of the document", "which pictures are in the PDF",
        "提取文档中的图片", "把PDF里的图片取出来", "文档里的照片",
    ),
    answer={"en": "The pictures were taken out of the document.", "zh": "已取出文档中的图片。"},
)  # fmt: skip

_MEDIA = re.compile(r"(?:word|ppt|xl)/media/[^/]+")
_NUMBER = re.compile(r"(\d+)")


@tool(card=CARD)
def document_pictures(document: Document, *, step: StepContext) -> list[Image]:
    """Take the pictures that are embedded in a document, each once: of a PDF page by page, else as they are numbered.

    A scanned PDF gives its pages. None gives an empty list. Pictures in formats that are not opened here are left out;
    where that is all of them it is a ``NotDecodable``. Raises ``TooLarge``.

    Args:
        document: the file to look through
    """
    found: dict[str, Image] = {}
    met = 0
    for share, picture in _of_pdf(document) if document.format == "pdf" else _of_office(document):
        if step.stop.is_set():
            raise Cancelled("stopped between two pictures")
        met += 1
        if picture is not None:
            found.setdefault(picture.id, picture)
        Limits().check_frames(met, "the pictures of the document")
        step.progress(share, f"picture {met}")
    if met and not found:
        raise NotDecodable(
            f"the document's {met} picture(s) are in formats that are not opened here",
            hint="render the pages of a PDF instead; EMF, WMF and SVG are drawings, not pictures",
        )
    return list(found.values())


def _of_office(document: Document) -> Iterator[tuple[float, Image | None]]:
    """Each picture, None for one that cannot be opened, and the share of them that it is the last of."""
    with zipfile.ZipFile(io.BytesIO(document.content)) as archive:
        names = sorted((name for name in archive.namelist() if _MEDIA.fullmatch(name)), key=_place)
        for number, name in enumerate(names, 1):
            try:
                yield number / len(names), Image.open(archive.read(name), name=name)
            except NotDecodable:
                yield number / len(names), None


def _place(name: str) -> list[tuple[int, str]]:
    """Names in the order of their numbers: image2 before image10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in _NUMBER.split(name)]


def _of_pdf(document: Document) -> Iterator[tuple[float, Image | None]]:
    """Each picture, None for one that cannot be opened, and the share of pages up to its own."""
    import pypdfium2

    limits = Limits()
    with document.opened() as pdf:
        for number, page in enumerate(pdf, 1):
            for picture in page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE]):
                width, height = picture.get_px_size()
                limits.check_pixels(width, height, "a picture of the document")
                try:
                    yield number / len(pdf), Image.from_pil(picture.get_bitmap().to_pil())
                except pypdfium2.PdfiumError:
                    yield number / len(pdf), None
            page.close()

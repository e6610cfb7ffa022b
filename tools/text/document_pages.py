"""Show the pages of a document as pictures."""

from typing import Annotated

from pydantic import Field

from ..card import Card
from ..contract import tool
from ..errors import Cancelled, WrongArgument
from ..media.document import Document
from ..media.image import Image
from ..media.limits import Limits
from ..roles import StepContext

CARD = Card(
    bad_at="Office files, whose pages only their programs can lay out: save them as PDF",
    cost="cpu",
    keeps="form",
    examples=(
        "show the pages of the PDF", "render the pages", "turn the PDF into pictures", "convert the PDF to images",
        "page {first} of the PDF as a picture", "show me pages {first} to {last}", "pictures of the pages",
        "把PDF转成图片", "显示PDF的每一页", "把第{first}页变成图片",
    ),
    answer={"en": "The pages are shown as pictures.", "zh": "已把页面转成图片。"},
)  # fmt: skip

_POINTS = 72  # PDF's unit: so many make an inch


@tool(card=CARD)
def document_pages(
    document: Document,
    first: Annotated[int, Field(ge=1)] | None = None,
    last: Annotated[int, Field(ge=1)] | None = None,
    dpi: Annotated[int, Field(ge=18, le=600)] = 144,
    *,
    step: StepContext,
) -> list[Image]:
    """Render pages of a PDF as they print, on white: all of them, the ``first`` alone, or ``first`` to ``last``.

    Raises ``WrongArgument`` for other documents and for pages that there are not, ``TooLarge`` for more than fit into
    memory.

    Args:
        document: the PDF
        first: the first page, counted from 1; the document's where it is not said
        last: the last page; where it is not said ``first`` again, or the document's
        dpi: pixels an inch; 144 is twice the size on a screen
    """
    if document.format != "pdf":
        raise WrongArgument(
            f"a {document.format} file has no pages that could be drawn here",
            hint="save it as PDF; its text, tables and pictures can be read as it is",
            field="document",
        )
    with document.opened() as pdf:
        start, end = first or 1, last or first or len(pdf)
        if not start <= end <= len(pdf):
            raise WrongArgument(
                f"there are no pages {start} to {end}", hint=f"the document has {len(pdf)}", field="first"
            )
        _check_sizes([pdf.get_page_size(number) for number in range(start - 1, end)], dpi)
        found: list[Image] = []
        for number in range(start - 1, end):
            if step.stop.is_set():
                raise Cancelled("the rendering was stopped between two pages")
            page = pdf[number]
            found.append(Image.from_pil(page.render(scale=dpi / _POINTS, rev_byteorder=True).to_pil()))
            page.close()
            step.progress(len(found) / (end - start + 1), f"page {number + 1}")
        return found


def _check_sizes(sizes: list[tuple[float, float]], dpi: int) -> None:
    """Refuse what does not fit, before a pixel is drawn; ``sizes`` are in points."""
    limits, total = Limits(), 0
    limits.check_frames(len(sizes), "the document")
    for width, height in ((round(side * dpi / _POINTS) for side in size) for size in sizes):
        limits.check_pixels(width, height, "a page")
        total += 3 * width * height
    limits.check_bytes(total, "what is drawn of the document")

"""Draw what was found onto its picture."""

from ..card import Card
from ..contract import tool
from ..errors import WrongArgument
from ..frames import same_frame, some
from ..media.boxes import Boxes
from ..media.image import Image
from ..media.masks import Masks
from .overlay import draw_overlay

CARD = Card(
    bad_at="crowds: many labels cover each other and the picture",
    cost="cpu",
    keeps="form",
    examples=(
        "mark the {labels}", "draw boxes around the {labels}", "frame the {labels}", "show me the {labels}",
        "outline the {masks}",
        "highlight the {masks}", "draw the outline of the {masks}", "show the masks of the {masks}",
        "annotate the {labels}", "put a box around the {labels}", "标出{labels}", "框出{labels}",
    ),
    answer={"en": "The {labels} {is|are} marked in the picture.", "zh": "已在图中标出{labels}。"},
)  # fmt: skip


@tool(card=CARD)
def annotate(image: Image, boxes: Boxes | None = None, masks: Masks | None = None) -> Image:
    """Draw boxes with label and score, tint masks, or both, onto a copy of the picture.

    Raises ``WrongArgument`` when neither is given, and ``EmptyInput`` where there is nothing in what is given.

    Args:
        image: the picture in which they were found
        boxes: rectangles to draw
        masks: areas to tint and outline
    """
    if boxes is None and masks is None:
        raise WrongArgument("nothing to annotate with", hint="give boxes, masks, or both", field="boxes")
    given = [found for found in (boxes, masks) if found is not None]
    for found in given:
        same_frame(image, found)
    if not any(len(found) if isinstance(found, Boxes) else found.bitmaps.any() for found in given):
        some(given[0], "mark")
    return Image.from_array(draw_overlay(image, boxes, masks).pixels, image.alpha)

"""Cut the thing in each box out of its background."""

import numpy as np

from ..card import Card
from ..contract import tool
from ..frames import same_frame
from ..media.boxes import Boxes
from ..media.image import Image
from ..media.masks import Masks
from ..roles import Segmenter

CARD = Card(
    bad_at="thin or see-through things; it takes what fills the box, whatever its label says",
    cost="model",
    batch=True,
    examples=(
        "segment the {labels}",
        "mask the {labels}",
        "get the masks of the {labels}",
        "make a mask of the {labels}",
        "分割{labels}",
    ),
    answer={"en": "{value} {labels} {was|were} segmented.", "zh": "分割出{value}个{labels}。"},
)


@tool(card=CARD)
def segment(image: Image, boxes: Boxes, *, segmenter: Segmenter) -> Masks:
    """Return the exact pixels of the thing in each box, one mask per box in the same order.

    Empty boxes give empty masks without asking the model.

    Args:
        image: the picture in which the boxes were found
        boxes: one box around each thing
    """
    same_frame(image, boxes)
    if len(boxes) == 0:
        return Masks.of(np.zeros((0, image.height, image.width), np.bool_), image)
    return segmenter.segment([image], [boxes])[0]

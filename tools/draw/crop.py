"""Crop a picture to what was found."""

import numpy as np

from ..card import Card
from ..contract import tool
from ..errors import EmptyInput
from ..frames import same_frame, some
from ..media.boxes import Boxes
from ..media.image import Image

CARD = Card(
    bad_at="keeping neighbours out: what lies in the rectangle stays in the picture",
    cost="cpu",
    keeps="part",
    examples=(
        "crop to the {labels}",
        "crop the {labels}",
        "crop the picture around the {labels}",
        "zoom in on the {labels}",
        "trim the picture to the {labels}",
        "裁剪{labels}",
        "裁剪出{labels}",
        "裁剪到{labels}",
    ),
    answer={"en": "The picture is cropped to the {labels}.", "zh": "已将图片裁剪到{labels}。"},
)


@tool(card=CARD)
def crop(image: Image, boxes: Boxes) -> Image:
    """Crop to the smallest rectangle that holds every box, in whole pixels, inside the picture.

    Raises ``EmptyInput`` when there is no box, or none inside the picture.

    Args:
        image: the picture in which the boxes were found
        boxes: what must stay
    """
    same_frame(image, boxes)
    some(boxes, "crop to")
    size = np.array([image.width, image.height])
    low = np.clip(np.floor(boxes.xyxy[:, :2].min(axis=0)), 0, size).astype(int)
    high = np.clip(np.ceil(boxes.xyxy[:, 2:].max(axis=0)), 0, size).astype(int)
    if (high <= low).any():
        raise EmptyInput("nothing to crop to: no box has a pixel inside the picture", kind=boxes.kind)
    (left, top), (right, bottom) = low.tolist(), high.tolist()
    alpha = None if image.alpha is None else image.alpha[top:bottom, left:right]
    return Image.from_array(image.pixels[top:bottom, left:right], alpha)

"""Take things out of a picture."""

import numpy as np
from numpy.typing import NDArray

from ..card import Card
from ..contract import tool
from ..errors import WrongArgument
from ..frames import same_frame, some
from ..media.image import Image
from ..media.masks import Masks
from .margins import extent, grown

CARD = Card(
    bad_at="large things before a pattern: what was behind is not known, a smooth patch takes its place",
    cost="cpu",
    keeps="form",
    examples=(
        "remove the {labels}", "erase the {labels}", "delete the {labels} from the picture",
        "take the {labels} out of the picture", "get rid of the {labels}", "retouch the {labels} away",
        "make the {labels} disappear", "the picture without the {labels}",
        "去掉{labels}", "把{labels}去掉", "移除{labels}", "擦除{labels}",
    ),
    answer={"en": "The {labels} {is|are} removed.", "zh": "已移除{labels}。"},
)  # fmt: skip

_RADIUS = 5  # pixels around one to be filled that decide on it
_MOST = 100_000  # pixels that are filled one by one; that takes seconds


@tool(card=CARD)
def remove(image: Image, masks: Masks) -> Image:
    """Take the masked things out of a picture and fill the holes from what is around them.

    The method is Telea's fast marching (A. Telea, "An image inpainting technique based on the fast marching method",
    2004) of OpenCV: no model, and always the same result. With a thing goes a margin of a seventh of its longer side,
    for soft edges and shadows. Large holes are filled in a smaller copy and enlarged. An alpha plane is filled alike.
    Raises ``EmptyInput`` for empty masks, and ``WrongArgument`` where nothing would be left.

    Args:
        image: the picture to change
        masks: what is to go
    """
    same_frame(image, masks)
    some(masks, "remove")
    hole = grown(masks)
    if hole.all():
        raise WrongArgument(
            "nothing can be removed: with their margin the masks cover the whole picture",
            hint="give masks that leave something to fill the picture from", field="masks",
        )  # fmt: skip
    return Image.from_array(_filled(image.pixels, hole), None if image.alpha is None else _filled(image.alpha, hole))


def _filled(plane: NDArray[np.uint8], hole: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """A picture (H, W, 3) or plane (H, W) with what is in the hole (H, W) made of what is around it."""
    import cv2

    left, top, right, bottom = extent(hole)
    scale = min(1.0, float(np.sqrt(_MOST / hole.sum())))
    room = int(np.ceil(2 * _RADIUS / scale))
    part = slice(max(0, top - room), bottom + room), slice(max(0, left - room), right + room)
    near, inner = np.ascontiguousarray(plane[part]), hole[part].astype(np.uint8)
    if scale == 1.0:
        made = cv2.inpaint(near, inner, _RADIUS, cv2.INPAINT_TELEA)
    else:
        height, width = inner.shape
        size = max(1, round(width * scale)), max(1, round(height * scale))
        # A pixel of the copy that has anything of the hole in it is filled, so that nothing of the thing is left.
        touched = (cv2.resize(inner * 255, size, interpolation=cv2.INTER_AREA) > 0).astype(np.uint8)
        copy = cv2.inpaint(cv2.resize(near, size, interpolation=cv2.INTER_AREA), touched, _RADIUS, cv2.INPAINT_TELEA)
        made = cv2.resize(copy, (width, height), interpolation=cv2.INTER_CUBIC)
    filled = plane.copy()
    filled[part][hole[part]] = made[hole[part]]
    return filled

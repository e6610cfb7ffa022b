"""Blur a picture or things in it."""

import math

import numpy as np
from numpy.typing import NDArray

from ..card import Card
from ..contract import tool
from ..media.image import Image
from ..media.masks import Masks
from .blend import around, inside

CARD = Card(
    bad_at="hiding things for good: large print may stay readable",
    cost="cpu",
    keeps="form",
    examples=(
        "blur the picture",
        "blur the {labels}",
        "make the {labels} blurry",
        "make the {labels} unrecognisable",
        "pixelate the {labels}",
        "hide the {labels}",
        "put a blur on the {labels}",
        "模糊{labels}",
        "把{labels}模糊",
        "把{labels}打上马赛克",
        "把图片变模糊",
    ),
    answer={"en": "The {labels} {is|are} blurred.", "zh": "已模糊{labels}。"},
)

_STRENGTH = 0.02  # standard deviation of the blur, as a share of the picture's longer side
_FINE = 20.0  # the deviation in pixels up to which a picture is blurred as it is; above, a copy made smaller


@tool(card=CARD)
def blur(image: Image, masks: Masks | None = None) -> Image:
    """Blur the masked things, or the whole picture when no masks are given.

    Pixels outside the masks do not change. Raises ``EmptyInput`` for empty masks.

    Args:
        image: the picture to change
        masks: what to blur
    """
    sigma = max(1.5, _STRENGTH * max(image.width, image.height))
    changed = image.pixels.copy()
    part = around(masks, math.ceil(3 * sigma) + 1)  # OpenCV's window ends there
    if changed[part].size:
        changed[part] = _blurred(changed[part], sigma)
    return inside(image, masks, changed, "blur")


def _blurred(pixels: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    import cv2  # loads native libraries: not on the light path

    if sigma <= _FINE:
        return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.uint8)
    # What so wide a window leaves is smooth: a copy with half of ``_FINE`` as its deviation shows it as well.
    height, width = pixels.shape[:2]
    factor = 2 * sigma / _FINE
    size = max(1, round(width / factor)), max(1, round(height / factor))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / factor, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)

"""Blur a picture or things in it."""

import numpy as np
from numpy.typing import NDArray

from ..card import Card
from ..contract import tool
from ..media.image import Image
from ..media.masks import Masks
from .blend import inside

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


@tool(card=CARD)
def blur(image: Image, masks: Masks | None = None) -> Image:
    """Blur the masked things, or the whole picture when no masks are given.

    Pixels outside the masks do not change. Raises ``EmptyInput`` for empty masks.

    Args:
        image: the picture to change
        masks: what to blur
    """
    return inside(image, masks, _blurred(image.pixels), "blur")


def _blurred(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2  # loads native libraries: not on the light path

    sigma = max(1.5, _STRENGTH * max(pixels.shape[:2]))
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.uint8)

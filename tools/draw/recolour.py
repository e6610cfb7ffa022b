"""Give things another colour."""

import numpy as np
from numpy.typing import NDArray

from ..card import Card
from ..contract import tool
from ..frames import same_frame, some
from ..media.image import Image
from ..media.masks import Masks
from ..see.colours import TONES, Colour
from .blend import inside

CARD = Card(
    bad_at="things of many colours: all of them get the one colour, only light and shade stay",
    cost="cpu",
    keeps="form",
    examples=(
        "make the {labels} {colour}", "paint the {labels} {colour}", "recolour the {labels} {colour}",
        "turn the {labels} {colour}", "dye the {labels} {colour}", "colour the {labels} {colour}",
        "change the {labels} to {colour}",
        "change the colour of the {labels} to {colour}",
        "把{labels}变成{colour}", "把{labels}涂成{colour}", "把{labels}改成{colour}",
    ),
    answer={"en": "The {labels} {is|are} {colour} now.", "zh": "{labels}现在是{colour}的。"},
)  # fmt: skip

_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
_SHADE = (0.7, 1.25)  # how much darker or lighter than the clear tone a pixel may get and keep its name
_DARKEST = 24.0  # luma; below it the ratio to the middle is noise


@tool(card=CARD)
def recolour(image: Image, masks: Masks, colour: Colour) -> Image:
    """Paint the masked things in a colour and keep their light and shade.

    Each pixel becomes the colour's clear tone, scaled by how bright the pixel is against the middle
    brightness of its thing. Pixels outside the masks do not change. Raises ``EmptyInput`` for empty masks.

    Args:
        image: the picture to change
        masks: what to paint
        colour: the new colour
    """
    same_frame(image, masks)
    some(masks, "recolour")
    painted = image.pixels.copy()
    for bitmap in masks.bitmaps:
        if bitmap.any():
            painted[bitmap] = _painted(image.pixels[bitmap], np.array(TONES[colour][0], np.float64))
    return inside(image, masks, painted, "recolour")


def _painted(pixels: NDArray[np.uint8], tone: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Pixels (N, 3) of one thing in a tone (3,), shaded as they were."""
    luma = np.maximum(pixels @ _LUMA, _DARKEST)
    shade = np.clip(luma / np.median(luma), *_SHADE)
    return np.asarray(np.clip(np.rint(shade[:, None] * tone), 0, 255), np.uint8)

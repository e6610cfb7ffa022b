"""Take the colour out of a picture or of things in it."""

import numpy as np
from numpy.typing import NDArray

from ..card import Card
from ..contract import tool
from ..media.image import Image
from ..media.masks import Masks
from .blend import inside

CARD = Card(
    bad_at="telling apart colours of equal brightness: they become one grey",
    cost="cpu",
    keeps="form",
    examples=(
        "make it black and white", "turn the picture grey", "greyscale the {labels}",
        "make the {labels} black and white", "turn the {labels} black and white", "turn the {labels} grey",
        "make the {labels} grey", "make the {labels} monochrome", "turn the {labels} into greyscale",
        "convert the {labels} to black and white", "desaturate the {labels}", "remove the colour from the {labels}",
        "把图片变成黑白", "把{labels}变成黑白", "把{labels}变成灰色",
    ),
    answer={"en": "The {labels} {is|are} greyscale now.", "zh": "已将{labels}变为灰度。"},
)  # fmt: skip

_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


@tool(card=CARD)
def greyscale(image: Image, masks: Masks | None = None) -> Image:
    """Turn the masked things grey, or the whole picture when no masks are given.

    Every grey is the pixel's BT.601 luma. Pixels outside the masks do not change. Raises ``EmptyInput`` for
    empty masks.

    Args:
        image: the picture to change
        masks: what to turn grey
    """
    return inside(image, masks, _grey(image.pixels), "turn grey")


def _grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    luma = np.rint(pixels @ _LUMA).astype(np.uint8)
    return np.repeat(luma[..., None], 3, axis=2)

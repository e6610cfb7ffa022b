"""Name the colours of things."""

import numpy as np
from numpy.typing import NDArray

from ..card import Card
from ..contract import tool
from ..errors import EmptyInput
from ..frames import same_frame
from ..media.image import Image
from ..media.masks import Masks
from .colours import COLOURS, standing_out, with_strip

CARD = Card(
    bad_at="things of many colours: it names the one with most pixels; coloured light",
    cost="cpu",
    examples=(
        "what colour is the {labels}",
        "which color do the {labels} have",
        "tell me the colour of the {labels}",
        "{labels}是什么颜色",
        "{labels}的颜色",
    ),
    answer={"en": "The {labels} {is|are} {value}.", "zh": "{labels}是{value}的。"},
)

# A mask may reach over the edge of its thing. On 293 things of 80 rendered scenes with the masks of a half-trained
# segmenter (mean IoU 0.75) the right colour was named for 95 % with 0, 97 % with 0.25; with true masks for all of them.
_BACKGROUND_SHARE = 0.25


@tool(card=CARD)
def colour(image: Image, masks: Masks) -> list[str]:
    """Name the colour of each masked thing, in the order of the masks.

    One of red, orange, yellow, green, blue, purple, pink, brown, black, white: the one that most of its
    pixels have, and its surroundings have less of. Raises ``EmptyInput`` for a mask without pixels, which has no
    colour.

    Args:
        image: the picture in which the masks were found
        masks: one mask for each thing
    """
    same_frame(image, masks)
    for number, bitmap in enumerate(masks.bitmaps, start=1):
        if not bitmap.any():
            raise EmptyInput(f"mask {number} of {len(masks)} has no pixels, so it has no colour", mask=number - 1)
    return [_colour_in(image.pixels, bitmap) for bitmap in masks.bitmaps]


def _colour_in(pixels: NDArray[np.uint8], bitmap: NDArray[np.bool_]) -> str:
    rows, columns = np.nonzero(bitmap)
    window = with_strip(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    inside = bitmap[window]
    return COLOURS[standing_out(pixels[window], inside, _core(inside), _BACKGROUND_SHARE)]


def _core(bitmap: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask without its edge, whose pixels mix with the background; all of it where it is too thin for that."""
    padded = np.pad(bitmap, 1)
    eroded = bitmap.copy()
    for dy, dx in ((0, 1), (2, 1), (1, 0), (1, 2)):
        eroded &= padded[dy : dy + bitmap.shape[0], dx : dx + bitmap.shape[1]]
    return eroded if eroded.any() else bitmap

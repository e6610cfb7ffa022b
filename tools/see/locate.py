"""Say in words where found things are."""

import numpy as np

from ..card import Card
from ..contract import tool
from ..media.boxes import Boxes

PLACES = (
    "top left", "top", "top right",
    "left", "centre", "right",
    "bottom left", "bottom", "bottom right",
)  # fmt: skip
"""Names of the nine thirds of a picture, row by row."""

CARD = Card(
    bad_at="places relative to other things, and depth",
    cost="instant",
    examples=(
        "where is the {labels}",
        "where are the {labels}",
        "in which part is the {labels}",
        "locate the {labels}",
        "{labels}在哪里",
    ),
    answer={"en": "The {labels} {is|are} at the {value}.", "zh": "{labels}在{value}。"},
)


@tool(card=CARD)
def locate(boxes: Boxes) -> list[str]:
    """Name the place of each box in the picture, in the order of the boxes.

    The picture is divided into three by three equal parts; the part that holds the middle of the box counts:
    "top left", "top", "top right", "left", "centre", "right", "bottom left", "bottom", "bottom right".

    Args:
        boxes: the things whose places are asked
    """
    middles = (boxes.xyxy[:, :2] + boxes.xyxy[:, 2:]) / 2
    thirds = np.clip(middles * 3 // (boxes.width, boxes.height), 0, 2).astype(int)
    return [PLACES[3 * row + column] for column, row in thirds.tolist()]

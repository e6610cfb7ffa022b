"""Choose one of several found things by size, place or certainty."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..card import Card
from ..contract import tool
from ..media.boxes import Boxes

By = Literal["largest", "smallest", "leftmost", "rightmost", "topmost", "bottommost", "surest"]

CARD = Card(
    bad_at="depth: large means many pixels, not a large thing far away",
    cost="instant",
    examples=(
        "the {by} {labels}", "the {by} of the {labels}", "the biggest {labels}",
        "the {labels} on the far left", "最大的{labels}", "最左边的{labels}",
    ),
    answer={"en": "The {labels} was chosen.", "zh": "选出了{labels}。"},
)  # fmt: skip

# What to make as small as possible, from left, top, right, bottom (N,) and scores (N,).
_Keys = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
_KEYS: Mapping[str, _Keys] = MappingProxyType(
    {
        "largest": lambda xyxy, scores: -_area(xyxy),
        "smallest": lambda xyxy, scores: _area(xyxy),
        "leftmost": lambda xyxy, scores: xyxy[:, 0] + xyxy[:, 2],
        "rightmost": lambda xyxy, scores: -(xyxy[:, 0] + xyxy[:, 2]),
        "topmost": lambda xyxy, scores: xyxy[:, 1] + xyxy[:, 3],
        "bottommost": lambda xyxy, scores: -(xyxy[:, 1] + xyxy[:, 3]),
        "surest": lambda xyxy, scores: -scores,
    }
)


@tool(card=CARD)
def select(boxes: Boxes, by: By = "largest") -> Boxes:
    """Choose the one box that is largest, smallest, surest, or farthest to one side.

    Size is the area of the box, place is the middle of the box. Ties go to the surer box, then to the left
    and to the top one. Empty boxes stay empty.

    Args:
        boxes: what to choose from
        by: what counts
    """
    if len(boxes) == 0:
        return boxes
    xyxy, scores = boxes.xyxy.astype(np.float64), np.array(boxes.scores)
    order = np.lexsort((xyxy[:, 1], xyxy[:, 0], -scores, _KEYS[by](xyxy, scores)))
    return boxes.take([int(order[0])])


def _area(xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    return (xyxy[:, 2] - xyxy[:, 0]) * (xyxy[:, 3] - xyxy[:, 1])

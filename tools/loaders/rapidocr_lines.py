"""Lines of text as four corners each: which way they run, and the order in which a page of them is read.

Corners (N, 4, 2) are in pixels, from the upper left one clockwise as the picture lies.
"""

import numpy as np
from numpy.typing import NDArray

Corners = NDArray[np.float64]

LONG = 1.5
"""How many times longer than wide a line is of which one can say that it lies, or stands. RapidOCR turns those."""
_SHARED = 0.3  # of a line's height: what neighbours in a row may overlap in their boxes, which are a little too large


def sizes(corners: Corners) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Widths and heights (N,) of the lines, as the picture lies."""
    sides = np.linalg.norm(corners - np.roll(corners, -1, axis=1), axis=2)
    return np.maximum(sides[:, 0], sides[:, 2]), np.maximum(sides[:, 1], sides[:, 3])


def turned(corners: Corners, size: tuple[int, int], quarters: int) -> Corners:
    """The same lines once their picture of ``size`` (width, height) is turned anticlockwise by quarter turns."""
    width, height = size
    for _ in range(quarters % 4):
        x, y = corners[..., 0], corners[..., 1]
        corners = np.roll(np.stack([y, width - x], axis=-1), -1, axis=1)  # what was upper right is upper left
        width, height = height, width
    return corners


def reading_order(corners: Corners) -> list[int]:
    """The lines of an upright page as they are read: column by column, each from top to bottom.

    Two rules put one line before another (Breuel 2003): it stands above it and both share some width; or it lies wholly
    to the left, and no line between their heights shares width with both, as a headline over two columns does.
    """
    boxes = _straight(corners)
    boxes = boxes[(rows := np.lexsort((boxes[:, 0], boxes[:, 1])))]
    before = _before(boxes)
    waiting = before.sum(axis=0)
    order: list[int] = []
    for _ in rows:
        line = int(waiting.argmin())  # one that waits for none, unless they lie so crooked that the rules clash
        order.append(int(rows[line]))
        waiting -= before[line]
        waiting[line] = len(rows) ** 2
    return order


def _straight(corners: Corners) -> NDArray[np.float64]:
    """Boxes (N, 4) around the lines once the page is turned by the slant that most of its text has."""
    tops = corners[:, 1] - corners[:, 0]
    slants, lengths = np.arctan2(tops[:, 1], tops[:, 0]), np.linalg.norm(tops, axis=1)
    order = np.argsort(slants)
    slant = slants[order][np.searchsorted(lengths[order].cumsum(), lengths.sum() / 2)] if len(order) else 0.0
    turn = np.array([[np.cos(slant), -np.sin(slant)], [np.sin(slant), np.cos(slant)]])
    points = corners @ turn
    return np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)


def _before(boxes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N, N): whether a line comes before another."""
    x0, y0, x1, y1 = boxes.T
    middle = (y0 + y1) / 2
    spare = _SHARED * np.minimum.outer(y1 - y0, y1 - y0)
    shared = np.minimum.outer(x1, x1) - np.maximum.outer(x0, x0) > spare
    above = middle[:, None] < middle[None, :]
    beside = ~shared & (x0[:, None] < x0[None, :])
    found = shared & above
    for line in range(len(boxes)):
        over = np.flatnonzero(shared[line])
        low, high = np.minimum(middle[line], middle), np.maximum(middle[line], middle)
        between = (middle[over, None] > low) & (middle[over, None] < high)
        found[line] |= beside[line] & ~(between & shared[over]).any(axis=0)
    return np.asarray(found)

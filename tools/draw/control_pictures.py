"""Pictures that ControlNets are given: what a picture shows, or was found or measured in it, in white on black."""

import numpy as np
from numpy.typing import NDArray

from ..errors import EmptyInput
from ..frames import some, union
from ..media.boxes import Boxes
from ..media.depth import Depth
from ..media.image import Image
from ..media.masks import Masks

_WEAK, _STRONG = 100, 200  # gradients from which edges go on and begin: those that such models were trained with
_LINE = 0.01  # width of an outline, as a share of the longer side
_NEAREST = 1e-3  # metres


def edges(image: Image) -> Image:
    """The edges of a picture (Canny 1986)."""
    import cv2  # loads native libraries: not on the light path

    grey = cv2.cvtColor(np.ascontiguousarray(image.pixels), cv2.COLOR_RGB2GRAY)
    return _grey(np.asarray(cv2.Canny(grey, _WEAK, _STRONG), np.uint8))


def outlines(boxes: Boxes) -> Image:
    """The outlines of boxes. Raises ``EmptyInput`` without one."""
    import cv2

    some(boxes, "draw by")
    board = np.zeros((boxes.height, boxes.width), np.uint8)
    line = max(1, round(_LINE * max(board.shape)))
    inside = np.clip(np.rint(boxes.xyxy), 0, [boxes.width, boxes.height] * 2).astype(int)
    for left, top, right, bottom in inside.tolist():
        cv2.rectangle(board, (left, top), (right - 1, bottom - 1), 255, line)
    return _grey(board)


def areas(masks: Masks) -> Image:
    """The areas of masks. Raises ``EmptyInput`` without a pixel."""
    some(masks, "draw by")
    return _grey(np.uint8(255) * union(masks))


def nearness(depth: Depth) -> Image:
    """The nearest white, the farthest and what is not known black; of metres the inverse counts, as in such models.

    Raises ``EmptyInput`` where nothing is known.
    """
    values = depth.values.astype(np.float64)
    near = 1 / np.maximum(values, _NEAREST) if depth.unit == "metres" else -values
    known = np.isfinite(near)
    if not known.any():
        raise EmptyInput("nothing to draw by: the depth is known nowhere", kind=depth.kind)
    low, high = near[known].min(), near[known].max()
    share = (near - low) / (high - low) if high > low else np.zeros_like(near)  # nothing stands out
    return _grey(np.rint(255 * np.where(known, share, 0)).astype(np.uint8))


def _grey(plane: NDArray[np.uint8]) -> Image:
    return Image.from_array(np.repeat(plane[..., None], 3, axis=2))

"""Room around masked things, for what masks leave out: soft edges and shadows."""

import math

import numpy as np
from numpy.typing import NDArray

from ..frames import union
from ..media.image import Image
from ..media.masks import Masks

MARGIN = 0.15
"""How far the room around a thing reaches, as a share of the thing's longer side."""
_LEAST = 2.0  # pixels, around small things

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels, right and bottom open."""


def grown(masks: Masks) -> NDArray[np.bool_]:
    """The pixels (H, W) under any of the masks, and all that are nearer to one than its margin."""
    import cv2  # loads native libraries: not on the light path

    covered = union(masks).copy()
    for bitmap in masks.bitmaps:
        if not bitmap.any():
            continue
        left, top, right, bottom = extent(bitmap)
        reach = max(_LEAST, MARGIN * max(right - left, bottom - top))
        room = math.ceil(reach)
        near = np.s_[max(0, top - room) : bottom + room, max(0, left - room) : right + room]
        far = cv2.distanceTransform((~bitmap[near]).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        covered[near] |= far <= reach
    return covered


def extent(covered: NDArray[np.bool_]) -> Box:
    """Left, top, right and bottom of the pixels that are set, of which there must be one; right and bottom open."""
    columns, rows = np.flatnonzero(covered.any(axis=0)), np.flatnonzero(covered.any(axis=1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def square(box: Box, times: float, image: Image) -> Box:
    """A square of so many times a box around its middle, moved into the picture, and cut where that is smaller."""
    left, top, right, bottom = box
    side = round(times * max(right - left, bottom - top))
    width, height = min(side, image.width), min(side, image.height)
    x = int(np.clip((left + right - width) // 2, 0, image.width - width))
    y = int(np.clip((top + bottom - height) // 2, 0, image.height - height))
    return x, y, x + width, y + height

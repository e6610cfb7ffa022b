"""Room around masked things, for what masks leave out: soft edges and shadows."""

import math

import numpy as np
from numpy.typing import NDArray

from ..frames import union
from ..media.masks import Masks

MARGIN = 0.15
"""How far the room around a thing reaches, as a share of the thing's longer side."""
_LEAST = 2.0  # pixels, around small things


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


def extent(covered: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the pixels that are set, of which there must be one; right and bottom open."""
    columns, rows = np.flatnonzero(covered.any(axis=0)), np.flatnonzero(covered.any(axis=1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1

"""Room around masked things, for what masks leave out: soft edges and shadows."""

import numpy as np
from numpy.typing import NDArray

from ..frames import union
from ..media.masks import Masks

MARGIN = 0.02
"""How far the room reaches around a thing, as a share of the picture's longer side."""
_LEAST = 2.0  # pixels, of small pictures


def grown(masks: Masks) -> NDArray[np.bool_]:
    """The pixels (H, W) under any of the masks, and all that are nearer to one than the margin."""
    import cv2  # loads native libraries: not on the light path

    covered = union(masks)
    if not covered.any():
        return covered
    reach = max(_LEAST, MARGIN * max(masks.width, masks.height))
    far = cv2.distanceTransform((~covered).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(far <= reach, np.bool_)


def extent(covered: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the pixels that are set, of which there must be one; right and bottom open."""
    columns, rows = np.flatnonzero(covered.any(axis=0)), np.flatnonzero(covered.any(axis=1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1

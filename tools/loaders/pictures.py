"""How loaders prepare pictures where their library would do it badly."""

import cv2
import numpy as np
from numpy.typing import NDArray


def shrunk(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The picture (H x W x 3) with its longer side at most ``side``, averaged over areas.

    The libraries' own resizing samples points: of a large picture it would drop most pixels and all fine things.
    """
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)

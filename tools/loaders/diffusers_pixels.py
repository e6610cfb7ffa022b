"""Pictures and masks on their way into a pipeline of diffusers and out of it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from ..media.image import Image

Pixels = NDArray[np.uint8]


def resized(pixels: Pixels, width: int, height: int) -> Pixels:
    """A picture (H x W x 3) or a plane (H x W) in another size: averaged where it shrinks, smooth where it grows."""
    if pixels.shape[:2] == (height, width):
        return pixels
    shrinks = width * height < pixels.shape[0] * pixels.shape[1]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=way), np.uint8)


def in_cells(mask: NDArray[np.bool_], width: int, height: int, cell: int) -> Pixels:
    """The mask (H x W) in another size, 255 in every cell of the latents of which it covers anything, else 0."""
    touched = _touched(_touched(mask, height // cell).T, width // cell).T
    return np.uint8(255) * touched.repeat(cell, 0).repeat(cell, 1)


def _touched(mask: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """The mask (H x W) as ``count`` rows, each set where any row is that lies in it, wholly or in part."""
    edges = np.arange(count + 1) * len(mask)  # in parts of a row, of which there are `count`
    before = np.pad(mask.cumsum(0), ((1, 0), (0, 0)))  # set rows above each row
    return np.asarray(before[-(-edges[1:] // count)] > before[edges[:-1] // count])


def pasted(image: Image, covered: NDArray[np.bool_], made: Pixels) -> Image:
    """The image with the covered pixels (H x W) from what was made of it."""
    pixels = np.where(covered[..., None], resized(made, image.width, image.height), image.pixels)
    alpha = None if image.alpha is None else np.where(covered, np.uint8(255), image.alpha)
    return Image.from_array(pixels, alpha)

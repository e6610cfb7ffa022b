"""How fast a thing turns, from what its boxes show in one picture after the other."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..media.image import Image

_ANGLES = 128  # directions in which a thing is looked at
_RINGS = 20  # distances from its middle
_CLEAR = 0.01  # share of all likeness by which a turn must explain more than none does: round things look alike
_REACH = 60.0  # degrees: the most that it may turn from one picture to the next


def turns(pictures: Sequence[Image], boxes: NDArray[np.float32]) -> NDArray[np.float64]:
    """Degrees (T - 1,), clockwise, by which a thing turns from each picture to the next; NaN where either lacks it.

    ``boxes`` (T, 4) are in pixels, NaN where it is not seen. The pixels around the middle are read ring by ring, where
    turning is shifting, and the shift at which two pictures correlate best is found for all rings and colours at once.
    """
    import cv2  # loads native libraries: not on the light path

    found = np.full(max(0, len(boxes) - 1), np.nan)
    before = None
    for frame, (picture, box) in enumerate(zip(pictures, boxes, strict=True)):
        if not np.isfinite(box[0]):
            before = None
            continue
        # A turning thing's box gets larger and smaller, its diagonal stays about the same.
        radius = float(np.hypot(box[2] - box[0], box[3] - box[1])) / 2 * 0.85
        middle = (float(box[0] + box[2]) / 2 - 0.5, float(box[1] + box[3]) / 2 - 0.5)
        pixels = np.ascontiguousarray(picture.pixels)
        rings = cv2.warpPolar(pixels, (_RINGS, _ANGLES), middle, radius, cv2.INTER_LINEAR).astype(np.float64)
        rings -= rings.mean(axis=0)
        now = np.fft.rfft(rings * np.arange(1, _RINGS + 1)[:, None] ** 0.5, axis=0)
        if before is not None:
            likeness = np.fft.irfft((now * before.conj()).sum(axis=(1, 2)), _ANGLES)
            most = float(np.linalg.norm(now) * np.linalg.norm(before)) * 2 / _ANGLES
            found[frame - 1] = _shift(likeness) if likeness.max() - likeness[0] > _CLEAR * most else 0.0
        before = now
    return found


def _shift(likeness: NDArray[np.float64]) -> float:
    """Where a circular correlation peaks, in degrees within the reach, to parts of a step by a parabola."""
    reach = int(_REACH / 360 * _ANGLES)
    near = np.roll(likeness, reach + 1)[: 2 * reach + 3]
    peak = int(near[1:-1].argmax()) + 1
    left, top, right = near[peak - 1 : peak + 2]
    bend = left - 2 * top + right
    part = (left - right) / (2 * bend) if bend < 0 else 0.0
    return float((peak - reach - 1 + np.clip(part, -0.5, 0.5)) * 360 / _ANGLES)

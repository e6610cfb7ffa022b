"""What every segmenter needs around its model: checked points, empty answers, and how everything is cut out at once."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import Cancelled, ProfileError, WrongArgument
from ..media.image import Image
from ..media.masks import Masks
from ..media.points import Points
from ..roles import StopFlag
from .base import ModelSpec
from .pictures import shrunk

Found = tuple[NDArray[np.bool_], NDArray[np.float32]]
"""Masks N x H x W, and their estimated IoUs N (0-1)."""
POINTS_AT_ONCE = 16
_LONGEST = 1024  # pixels, what SAM sees of a picture at most
_MOST_POINTS = 128  # to a side


class Everything(NamedTuple):
    """How everything is cut out: points of a grid are asked for masks, of which the sure and stable ones are kept.

    ``points_per_side``: of the square grid. ``pred_iou_thresh``: the least IoU that the model estimates a mask to have.
    ``stability_score_thresh``: the least IoU of a mask with itself, cut at a higher and at a lower level.
    """

    points_per_side: int = 32
    pred_iou_thresh: float = 0.88
    stability_score_thresh: float = 0.95


def stated(spec: ModelSpec, usual: Everything) -> Everything:
    """``usual`` with the spec's options of the same names. Raises ``ProfileError`` for values that cannot be."""
    found = Everything(*(spec.options.get(name, value) for name, value in usual._asdict().items()))
    for name, value in found._asdict().items():
        whole = name == "points_per_side"
        right = type(value) is int if whole else type(value) in (int, float)
        if not right or not (1 <= value <= _MOST_POINTS if whole else 0 <= value <= 1):
            field = f"{spec.role}.options.{name}"
            bounds = f"a whole number from 1 to {_MOST_POINTS}" if whole else "from 0 to 1"
            raise ProfileError(f"{field} is {value!r}, not {bounds}", hint=f"--set {field}={usual[found.index(value)]}",
                               field=field)  # fmt: skip
    return found


def nothing(image: Image) -> Found:
    """No masks."""
    return np.zeros((0, image.height, image.width), np.bool_), np.zeros(0, np.float32)


def marked(points: Points) -> NDArray[np.bool_]:
    """Which of the points lie on the thing that is meant (N). Raises ``WrongArgument`` where none does."""
    if not any(points.positive):
        raise WrongArgument(
            "no point lies on the thing that is meant",
            hint="mark at least one point of it as positive",
            field="points",
        )
    return np.array(points.positive, np.bool_)


def all_masks(
    image: Image, found_in: Callable[[NDArray[np.uint8]], Sequence[tuple[NDArray[np.bool_], float]]]
) -> Masks:
    """The masks and scores that are ``found_in`` the picture's pixels, the surest first, at its full resolution.

    A larger picture is looked through at ``1024`` pixels, which is what the models see of it anyway.
    """
    found = sorted(found_in(shrunk(image.pixels, _LONGEST)), key=lambda each: -each[1])
    bitmaps = np.zeros((len(found), image.height, image.width), np.bool_)
    for bitmap, (mask, _) in zip(bitmaps, found, strict=True):
        size = (image.width, image.height)
        bitmap[:] = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    return Masks.of(bitmaps, image, (), np.clip([score for _, score in found], 0, 1))


def check_stop(stop: StopFlag) -> None:
    """Raise ``Cancelled`` once the caller no longer wants the masks."""
    if stop.is_set():
        raise Cancelled("cutting out everything was stopped")

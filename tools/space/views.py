"""A point cloud as small pictures from several sides, for models that look (MVCNN; Su et al. 2015).

A view is parallel, and made of points: each fills its pixel and those around it, the nearest one hides the others.
Colours play no part.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import EmptyInput, WrongArgument
from ..media.arrays import rows_of

CHANNELS = 3
"""Of a view: near, far, density."""
LEAST = 4
"""Different points that a cloud needs: fewer are a corner at most, and no thing."""

_WIDE = 0.98  # share of the points that must lie within the frame; what strays is cut off
_FRAME = 0.9  # how much of the half side they take
_GOLDEN = np.pi * (3 - np.sqrt(5))

Floats = NDArray[np.float32]


def directions(count: int) -> NDArray[np.float64]:
    """Unit vectors (count, 3) towards the eyes: a spiral over the upper half of a sphere, z up, none at the top.

    The lower half needs no eyes of its own: a view tells how far away both its near and its far side are. Raises
    WrongArgument for less than one.
    """
    if count < 1:
        raise WrongArgument(f"a cloud cannot be seen from {count} sides", hint="take 1 or more", field="count")
    place = np.arange(count)
    z = (place + 0.5) / count
    level = np.sqrt(1 - z**2)
    return np.stack([level * np.cos(place * _GOLDEN), level * np.sin(place * _GOLDEN), z], axis=1)


def render_views(points: NDArray[np.floating[Any]], count: int = 6, side: int = 40) -> Floats:
    """Views of ``points`` (N, 3) from ``directions(count)``: (count, CHANNELS, side, side), float32 in [0, 1].

    ``near`` is how near the nearest point of a pixel is to the eye, 0.2 to 1; ``far`` how near the farthest one is to
    an eye on the other side; ``density`` grows with the points of a pixel, whatever their number in the whole cloud.
    All three are 0 where there is no point. Place and size of the cloud play no part. Raises EmptyInput without
    points, WrongArgument for fewer than ``LEAST`` different ones, for numbers that are not finite, and for no side.
    """
    rows: NDArray[np.float64] = rows_of(points, 3, np.float64, "points")
    if len(rows) == 0:
        raise EmptyInput("a cloud without points cannot be seen", kind="point_cloud")
    if few(rows):
        raise WrongArgument(f"a cloud of fewer than {LEAST} different points cannot be seen", field="points")
    if side < 1:
        raise WrongArgument(f"a view of {side} pixels shows nothing", hint="take 1 or more", field="side")
    right, up, depth = projected(rows, count)
    inside = (np.abs(right) < 1) & (np.abs(up) < 1)
    column, row = ((side * (1 + place) / 2).astype(np.intp) for place in (right, -up))
    pixel = ((np.arange(count)[:, None] * side + row) * side + column)[inside]
    level = (0.6 + 0.4 * np.clip(depth[inside], -1, 1)).astype(np.float32)
    near, far = np.zeros((2, count * side * side), np.float32)
    np.maximum.at(near, pixel, level)
    np.maximum.at(far, pixel, 1.2 - level)
    hits = np.bincount(pixel, minlength=near.size).astype(np.float32)
    near, far, hits = (picture.reshape(count, side, side) for picture in (near, far, hits))
    hits = _spread(hits, np.add)
    usual = float(hits.sum() / max(1, np.count_nonzero(hits)))
    density = 1 - np.exp(-hits / max(1.0, usual))
    return np.stack([_spread(near, np.maximum), _spread(far, np.maximum), density], axis=1)


def projected(points: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """``points`` (N, 3) as ``count`` eyes see them: (3, count, N), to the right, upwards and towards the eye.

    Each is in [-1, 1] within the frame, which all but a few strays are in. Raises WrongArgument for no eye.
    """
    return np.moveaxis(_axes(count) @ _framed(points).T, 1, 0)


def few(points: NDArray[np.floating[Any]]) -> bool:
    """Whether there are fewer than ``LEAST`` different points among ``points`` (N, 3)."""
    for _ in range(LEAST - 1):
        if len(points) == 0:
            break
        points = points[(points != points[0]).any(axis=1)]
    return len(points) == 0


def _axes(count: int) -> NDArray[np.float64]:
    """(count, 3, 3): rows to the right, upwards and towards the eye, for every direction."""
    eye = directions(count)
    right = np.cross((0, 0, 1), eye)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    return np.stack([right, np.cross(eye, right), eye], axis=1)


def _framed(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 3) about the origin; all but a few strays no further from it than ``_FRAME``."""
    low, high = np.quantile(points, (1 - _WIDE, _WIDE), axis=0)
    centred = points - (low + high) / 2
    far = np.linalg.norm(centred, axis=1)
    # Where nearly all points are one, those that stray are all there is to see; where all are, it is in the middle.
    radius = float(np.quantile(far, _WIDE)) or float(far.max()) or 1.0
    return np.asarray(centred * (_FRAME / radius))


def _spread(pictures: Floats, joined: Callable[[Floats, Floats], Floats]) -> Floats:
    """(count, side, side): every pixel joined with the eight around it, so that points close up to surfaces."""
    padded = np.pad(pictures, ((0, 0), (1, 1), (1, 1)))
    rows = joined(joined(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
    return joined(joined(rows[..., :-2], rows[..., 1:-1]), rows[..., 2:])

"""Names of colours: ten words, decided by arithmetic on pixels.

Every pixel gets the name of the nearest reference tone in CIELAB, where distances are close to seen
differences; lightness counts half, because shade changes it and hue hardly. A thing's colour is the name that
most pixels have.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Colour = Literal["red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white"]
COLOURS: tuple[Colour, ...] = get_args(Colour)
CHINESE: Mapping[str, Colour] = MappingProxyType(
    {
        "红": "red", "橙": "orange", "黄": "yellow", "绿": "green", "蓝": "blue",
        "紫": "purple", "粉": "pink", "棕": "brown", "黑": "black", "白": "white",
    }
)  # fmt: skip
"""Each colour by its one sign in Chinese."""

# sRGB 0-255: for each name its clear tone first (what `recolour` paints), then lighter, darker and paler
# ones.
TONES: Mapping[Colour, tuple[tuple[int, int, int], ...]] = MappingProxyType(
    {
        "red": ((214, 38, 40), (255, 0, 0), (160, 22, 26), (232, 82, 84), (128, 0, 0)),
        "orange": ((246, 132, 30), (255, 165, 0), (214, 106, 20), (250, 160, 86)),
        "yellow": ((250, 214, 48), (255, 255, 0), (214, 180, 40), (252, 226, 110), (255, 240, 150)),
        "green": ((46, 158, 72), (0, 255, 0), (0, 110, 20), (110, 190, 120), (90, 130, 40), (150, 210, 90)),
        "blue": ((38, 92, 208), (0, 0, 255), (20, 40, 120), (90, 140, 230), (90, 190, 240), (120, 160, 200)),
        "purple": ((128, 58, 172), (160, 32, 240), (90, 36, 124), (160, 110, 200), (190, 150, 220)),
        "pink": ((246, 142, 190), (255, 105, 180), (255, 192, 203), (210, 110, 156), (250, 170, 208)),
        "brown": ((122, 76, 42), (92, 56, 30), (150, 100, 62), (160, 82, 45), (70, 44, 26)),
        "black": ((30, 30, 34), (0, 0, 0), (60, 60, 64), (84, 84, 88)),
        "white": ((244, 244, 242), (255, 255, 255), (222, 222, 220), (196, 196, 196)),
    }
)
_LIGHTNESS_WEIGHT = 0.5
# sRGB to XYZ (IEC 61966-2-1), each row divided by the D65 white point.
_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
) / np.array([[0.95047], [1.0], [1.08883]])
_MOST_PIXELS = 2048  # enough for a vote; keeps large things cheap


def to_lab(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """CIELAB (CIE 1976, D65) of sRGB 0-255: (..., 3) to (..., 3), L in 0-100."""
    scaled = rgb.astype(np.float64) / 255
    linear = np.where(scaled <= 0.04045, scaled / 12.92, ((scaled + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _XYZ.T
    root = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


_OWNERS = np.array([COLOURS.index(name) for name, tones in TONES.items() for _ in tones])
_AXES = np.array([_LIGHTNESS_WEIGHT, 1.0, 1.0])
_REFERENCE = to_lab(np.array([tone for tones in TONES.values() for tone in tones], np.uint8)) * _AXES


def name_pixels(rgb: NDArray[np.uint8]) -> NDArray[np.intp]:
    """The index into ``COLOURS`` of every pixel: (N, 3) uint8 to (N,)."""
    lab = to_lab(rgb) * _AXES
    # Squared distances but for the pixel's own square, which is the same for every reference tone.
    distances = (_REFERENCE**2).sum(axis=1) - 2 * lab @ _REFERENCE.T
    return np.asarray(_OWNERS[distances.argmin(axis=1)], np.intp)


def shares(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The share of pixels that have each colour of ``COLOURS``: (N, 3) uint8 to (10,), all 0 without pixels."""
    pixels = rgb.reshape(-1, 3)
    if len(pixels) == 0:
        return np.zeros(len(COLOURS))
    if len(pixels) > _MOST_PIXELS:
        pixels = pixels[np.linspace(0, len(pixels) - 1, _MOST_PIXELS).astype(int)]
    return np.bincount(name_pixels(pixels), minlength=len(COLOURS)) / len(pixels)


def with_strip(left: int, top: int, right: int, bottom: int) -> tuple[slice, slice]:
    """Rows and columns of a rectangle and a strip around it, whose width is an eighth of its longer side."""
    margin = max(2, max(right - left, bottom - top) // 8)
    return slice(max(0, top - margin), bottom + margin), slice(max(0, left - margin), right + margin)


def standing_out(
    pixels: NDArray[np.uint8], inside: NDArray[np.bool_], voters: NDArray[np.bool_], background: float
) -> int:
    """The index into ``COLOURS`` of what a thing has more of than its surroundings.

    ``pixels`` (H, W, 3) is a window around the thing, ``inside`` (H, W) its area and ``voters`` (H, W) the pixels of
    it that count; ``background`` is how much of the area is taken to be surroundings after all (0-1).
    """
    return int((shares(pixels[voters]) - background * shares(pixels[~inside])).argmax())

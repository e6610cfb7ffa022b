"""Draw the spectrogram of a recording."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..card import Card
from ..contract import tool
from ..media.audio import Audio
from ..media.image import Image
from .axes import INK, LEFT, TOP, Pixels, Tick, framed, letters, steps
from .samples import some

if TYPE_CHECKING:
    from PIL import Image as Pillow

CARD = Card(
    bad_at="telling what is heard: it shows which frequencies are loud when",
    cost="cpu",
    keeps="form",
    examples=(
        "draw the spectrogram", "show the spectrogram of the recording", "plot the frequencies over time",
        "show the spectrum of the audio", "make a picture of the frequencies", "show which pitches are in the sound",
        "画出频谱图", "显示录音的频谱", "把声音画成声谱图",
    ),
    answer={"en": "The spectrogram is drawn.", "zh": "已画出声谱图。"},
)  # fmt: skip

_WIDTH, _HEIGHT = 1000, 360  # pixels of the drawing area
_WINDOW = 0.04  # seconds of a window, rounded to a power of two in samples
_RANGE = 80.0  # decibels under the loudest that are told apart
_BLOCK = 4096  # windows that are transformed at once
_LEGEND, _BAR = 96, 16  # pixels: the margin for the legend, and the width of its bar


@tool(card=CARD)
def spectrogram(audio: Audio) -> Image:
    """Draw how loud each frequency is over time, from 0 to half the sample rate, in decibels under the loudest.

    Windows of about 40 ms (Hann); of several channels the mean is drawn. Silence is all dark. Raises ``EmptyInput`` for
    a recording without samples, ``NotDecodable`` for damaged ones.

    Args:
        audio: the recording to draw
    """
    import cv2  # loads native libraries: not on the light path

    power = _power(some(audio, "draw").mean(axis=1), audio.rate)
    loudest = float(power.max())
    level = 10 * np.log10(np.maximum(power / loudest if loudest else power, 10 ** (-_RANGE / 10)))
    grey = np.rint((level / _RANGE + 1) * 255).astype(np.uint8)[::-1]
    area = cv2.resize(grey, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_LINEAR)
    ticks = [Tick(2000 * each / audio.rate, f"{each:g}") for each in steps(audio.rate / 2000, 5)]
    picture = framed(_coloured(area), audio.seconds, ticks, "frequency in kHz", _LEGEND)
    _add_legend(picture)
    return Image.from_pil(picture)


def _power(samples: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """The mean power of each frequency (rows, from 0 up) at each time (columns, at most as many as are drawn)."""
    size = max(16, 2 ** round(np.log2(rate * _WINDOW)))
    padded = np.pad(samples, (size // 2, size - size // 2))
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)[:: min(max(len(samples) // _WIDTH, 1), size // 2)]
    columns = min(len(windows), _WIDTH)
    places = np.arange(len(windows)) * columns // len(windows)
    found = np.zeros((columns, size // 2 + 1))
    for first in range(0, len(windows), _BLOCK):
        spectrum = np.fft.rfft(windows[first : first + _BLOCK] * np.hanning(size))
        np.add.at(found, places[first : first + _BLOCK], spectrum.real**2 + spectrum.imag**2)
    return (found / np.bincount(places)[:, None]).T


def _coloured(grey: NDArray[np.uint8]) -> Pixels:
    import cv2

    return np.asarray(cv2.cvtColor(cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB), np.uint8)


def _add_legend(picture: Pillow.Image) -> None:
    """A bar with the colours of the levels, at the right of the drawing area."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    draw, left = ImageDraw.Draw(picture), LEFT + _WIDTH + 16
    bar = np.repeat(np.linspace(255, 0, _HEIGHT).astype(np.uint8)[:, None], _BAR, axis=1)
    picture.paste(Pillow.fromarray(_coloured(bar)), (left, TOP))
    for level in np.linspace(0, _RANGE, 5):
        y = TOP + round(level / _RANGE * (_HEIGHT - 1))
        draw.text((left + _BAR + 6, y), f"{-level:.0f}" if level else "0 dB", fill=INK, font=letters(), anchor="lm")

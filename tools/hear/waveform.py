"""Draw the waveform of a recording."""

import numpy as np

from ..card import Card
from ..contract import tool
from ..media.audio import Audio
from ..media.image import Image
from .axes import FAINT, WHITE, Colour, Pixels, Tick, framed, steps
from .samples import Samples, some

CARD = Card(
    bad_at="telling what is heard: it shows how loud it is over time",
    cost="cpu",
    keeps="form",
    examples=(
        "draw the waveform", "show the waveform of the recording", "plot the audio", "show the amplitude over time",
        "make a picture of the sound wave", "how loud is it over time, as a picture", "visualise the recording",
        "画出波形图", "显示录音的波形", "把声音画成波形",
    ),
    answer={"en": "The waveform is drawn.", "zh": "已画出波形图。"},
)  # fmt: skip

_WIDTH, _HEIGHT = 1000, 280  # pixels of the drawing area; of two channels each has half the height
_RANGE: Colour = (100, 160, 215)  # from the lowest to the highest sample of a column
_MEAN: Colour = (0, 90, 160)  # its root mean square, on both sides of 0


@tool(card=CARD)
def waveform(audio: Audio) -> Image:
    """Draw how the samples of a recording go over time: their range light, their root mean square dark.

    The axis ends at the round value above the highest peak; full scale is 1. Two channels lie one over the other, the
    left one on top; of more their mean is drawn. Raises ``EmptyInput`` for a recording without samples,
    ``NotDecodable`` for damaged ones.

    Args:
        audio: the recording to draw
    """
    samples = some(audio, "draw")
    if samples.shape[1] > 2:
        samples = samples.mean(axis=1, keepdims=True)
    lanes = samples.shape[1]
    peak = float(np.abs(samples).max()) or 1.0
    marks = steps(peak, 4)
    highest = marks[-1] if marks[-1] >= peak else marks[-1] + marks[1]
    area = np.concatenate([_lane(lane, highest, _HEIGHT // lanes) for lane in samples.T])
    values = [
        Tick((lanes - 1 - lane + 0.5 + sign * each / highest / 2) / lanes, f"{sign * each:g}")
        for lane in range(lanes)
        for each in (0, highest / 2)
        for sign in ((1, -1) if each else (1,))
    ]
    return Image.from_pil(framed(area, audio.seconds, values, "amplitude"))


def _lane(channel: Samples, highest: float, height: int) -> Pixels:
    """The curve of one channel (N,) in a field of its own."""
    columns = np.minimum(np.arange(_WIDTH) * len(channel) // _WIDTH, len(channel) - 1)
    low, high = np.minimum.reduceat(channel, columns), np.maximum.reduceat(channel, columns)
    # A column begins where the one before ends, so that a steep curve has no gaps.
    before = channel[np.maximum(columns[1:] - 1, columns[:-1])]
    low[1:], high[1:] = np.minimum(low[1:], before), np.maximum(high[1:], before)
    counts = np.maximum(np.diff(columns, append=len(channel)), 1)
    mean = np.sqrt(np.add.reduceat(np.square(channel, dtype=np.float64), columns) / counts)
    area = np.full((height, _WIDTH, 3), WHITE, np.uint8)
    middle = (height - 1) / 2
    area[round(middle)] = FAINT
    rows = np.arange(height)[:, None]
    for bottom, top, colour in ((low, high, _RANGE), (-mean, mean, _MEAN)):
        upper, lower = (np.rint(middle - each / highest * middle) for each in (top, bottom))
        inside = (rows >= upper) & (rows <= lower)
        # The mean of a curve all on one side of 0 reaches beyond it.
        inside &= (rows >= np.rint(middle - high / highest * middle)) & (
            rows <= np.rint(middle - low / highest * middle)
        )
        area[inside] = colour
    return area

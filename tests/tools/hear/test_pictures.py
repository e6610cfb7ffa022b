"""Pictures of recordings show what is in them, at the place where it is."""

import numpy as np
import pytest

from panmodal.tools.errors import EmptyInput
from panmodal.tools.hear.axes import BOTTOM, LEFT, TOP, steps, times
from panmodal.tools.hear.spectrogram import spectrogram
from panmodal.tools.hear.waveform import waveform
from panmodal.tools.media.image import Image

from .conftest import recording

RATE = 8_000
BLUE = (0, 90, 160)


def tone(hertz: float, seconds: float, level: float = 0.5) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE) * level


def area(picture: Image, right: int) -> np.ndarray:
    """The inside of the axes."""
    return picture.pixels[TOP : picture.height - BOTTOM, LEFT : picture.width - right].astype(int)


def test_a_waveform_is_high_where_it_is_loud() -> None:
    found = waveform(recording(np.concatenate([tone(700, 1.0), np.zeros(RATE), tone(700, 2.0, 0.25)]), RATE))
    inside = area(found, 24)
    height = (inside != 255).any(axis=2).sum(axis=0) / inside.shape[0]  # of the curve in each column
    columns = inside.shape[1]
    assert height[: columns // 4 - 2] == pytest.approx(0.5 / 0.6, abs=0.02)  # the axis ends at 0.6
    assert height[columns // 4 + 2 : columns // 2 - 2].max() * inside.shape[0] <= 2
    assert height[columns // 2 + 2 :] == pytest.approx(0.25 / 0.6, abs=0.02)
    dark = (inside == BLUE).all(axis=2).sum(axis=0) / inside.shape[0]
    assert dark[: columns // 4 - 2] == pytest.approx(2**-0.5 * 0.5 / 0.6, abs=0.03)  # the root mean square of a sine


def test_two_channels_have_a_lane_each() -> None:
    inside = area(waveform(recording(np.stack([np.zeros(RATE), tone(1500, 1.0)], axis=1), RATE)), 24)
    upper, lower = np.split((inside != 255).any(axis=2), 2)
    assert upper.sum(axis=0).max() <= 2 and lower.sum(axis=0).min() > 80
    six = waveform(recording(np.tile(tone(200, 1.0)[:, None], (1, 6)), RATE))
    assert six == waveform(recording(tone(200, 1.0).astype(np.float32), RATE))


def test_few_samples_make_a_curve() -> None:
    inside = area(waveform(recording([-1.0, 1.0, -1.0, 1.0], RATE)), 24)
    drawn = (inside == BLUE).all(axis=2) | (inside == (100, 160, 215)).all(axis=2)
    assert drawn[:, : inside.shape[1] // 4].argmax(axis=0).max() == inside.shape[0] - 1  # the first sample, at the foot
    assert drawn[0, inside.shape[1] // 4 + 1 : inside.shape[1] // 2].all()  # the second, at the top


def test_a_spectrogram_is_bright_where_the_tone_is() -> None:
    found = spectrogram(recording(np.concatenate([tone(1_000, 1.0), np.zeros(RATE), tone(3_000, 1.0)]), RATE))
    inside = area(found, 96).sum(axis=2)
    rows, columns = inside.shape
    for start, hertz in ((0.1, 1_000), (0.7, 3_000)):
        part = inside[:, round(start * columns) : round((start + 0.2) * columns)].mean(axis=1)
        assert 1 - np.argmax(part) / rows == pytest.approx(hertz / (RATE / 2), abs=0.02)
    assert inside[:, round(0.4 * columns) : round(0.6 * columns)].max() < 60  # INFERNO's dark end
    legend = found.pixels[TOP : found.height - BOTTOM, found.width - 70].astype(int).sum(axis=1)
    assert legend[0] > 600 and legend[-1] < 60


@pytest.mark.parametrize("draw", [waveform, spectrogram])
def test_short_silent_and_long_recordings_are_drawn(draw: object) -> None:
    sizes = set()
    for samples, rate in (([0.3], RATE), (np.zeros(RATE), RATE), (np.zeros((10, 3)), 192_000), (tone(5, 400.0), 1_000)):
        found = draw(recording(samples, rate))  # type: ignore[operator]
        sizes.add((found.width, found.height))
        ink = (found.pixels[found.height - BOTTOM + 4 :, :] < 100).all(axis=2)
        assert ink.sum() > 100  # times are written below
    assert len(sizes) == 1
    with pytest.raises(EmptyInput, match="nothing to draw"):
        draw(recording(np.zeros(0), RATE))  # type: ignore[operator]


def test_axes_have_round_values() -> None:
    assert steps(10, 5) == [0, 2, 4, 6, 8, 10]
    assert steps(0.7, 4) == pytest.approx([0, 0.2, 0.4, 0.6])
    assert [each.text for each in times(4.0)] == ["0", "0.5", "1", "1.5", "2", "2.5", "3", "3.5", "4"]
    assert [each.text for each in times(400.0)] == ["0:00", "1:00", "2:00", "3:00", "4:00", "5:00", "6:00"]
    assert [each.share for each in times(4 * 3600.0)] == pytest.approx([k / 8 for k in range(8)])

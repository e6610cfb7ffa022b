"""How outputs are looked at, listened to and compared: numbers that a judge holds against the truth.

The models are those of `mini`, asked apart from any run; what can be computed from pixels and samples is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import jiwer
import numpy as np
from numpy.typing import NDArray

from ....tools.hear.speech import listen
from ....tools.media.audio import Audio
from ....tools.media.boxes import Boxes
from ....tools.media.image import Image
from ....tools.roles import StepContext
from ....tools.see.filter import filter_colour
from ..matrix.judging import Judge
from ..mini.shipped import Shipped, shipped
from ..world.acoustics import RATE

Box = tuple[float, float, float, float]
Pixels = NDArray[np.uint8]
Samples = NDArray[np.float32]
ROLES = ("detector", "asr", "sound_classifier", "ocr", "translator", "tts")
WORD_ERRORS = 0.2
"""Share of a sentence's words that may be wrong."""
_SHOWN = 384  # pixels that the detector is shown
_SAME = 2.0  # grey levels by which pictures that are the same may differ in the mean: codecs lose a little


@dataclass
class Senses:
    """The models of the judges, loaded when first asked."""

    models: dict[str, Shipped]

    @staticmethod
    def of(cache: Path | None = None) -> Senses:
        """Those of `mini`, whatever profile is measured."""
        return Senses(shipped(ROLES, (), cache))

    @cached_property
    def detector(self) -> Any:
        """Finds things."""
        return self.models["detector"].adapter()

    @cached_property
    def recogniser(self) -> Any:
        """Writes down speech."""
        return self.models["asr"].adapter()

    @cached_property
    def sounds(self) -> Any:
        """Names sounds."""
        return self.models["sound_classifier"].adapter()

    @cached_property
    def reader(self) -> Any:
        """Reads what is written."""
        return self.models["ocr"].adapter()

    @cached_property
    def translator(self) -> Any:
        """The phrase table."""
        return self.models["translator"].adapter()

    @cached_property
    def world(self) -> Judge:
        """Judges one thing of the world in pictures, speech and clips, as the matrix does."""
        return Judge(self.detector, self.recogniser)

    def heard(self, audio: Audio) -> str:
        """What is said in a recording."""
        return listen(audio, self.recogniser, StepContext()).text

    def says(self, audio: Audio, text: str) -> bool:
        """Whether a recording says a text: by its words, or because the speaker of `mini` says it just so."""
        return word_errors(text, self.heard(audio)) <= WORD_ERRORS or self.pronounces(audio, text)

    def utters(self, audio: Audio, words: str) -> bool:
        """Whether words are heard somewhere in a recording, all of them or nearly."""
        wanted, heard = plain(words).split(), plain(self.heard(audio)).split()
        parts = [" ".join(heard[start : start + len(wanted)]) for start in range(max(1, len(heard)))]
        return any(word_errors(words, part) <= WORD_ERRORS for part in parts)

    def pronounces(self, audio: Audio, words: str) -> bool:
        """Whether a recording is what the speaker of `mini` says for some words, which no recogniser has to know."""
        return alike(mono(self.models["tts"].adapter().speak([words])[0]), mono(audio)) >= 0.9

    def sound(self, audio: Audio) -> str:
        """The sound that is heard longest in a recording, "" where there is none."""
        found = self.sounds.classify([audio])[0]
        lasting: dict[str, float] = {}
        for label, (start, end) in zip(found.labels, found.seconds.tolist(), strict=True):
            lasting[label] = lasting.get(label, 0.0) + end - start
        return max(lasting, key=lambda label: lasting[label], default="")

    def found(self, image: Image, label: str, colour: str = "") -> list[Box]:
        """Where the detector finds a thing, in its colour where one is told, in pixels of the picture."""
        scale = max(1.0, _SHOWN / max(image.width, image.height))
        shown = image if scale == 1 else resized(image, round(image.width * scale), round(image.height * scale))
        boxes: Boxes = self.detector.detect([shown], [[label]])[0]
        if colour:
            boxes = filter_colour(shown, boxes, colour)  # type: ignore[arg-type]
        return [tuple(each) for each in (boxes.xyxy / scale).tolist()]

    def read(self, image: Image) -> str:
        """What is written in a picture, in small letters."""
        return " ".join(self.reader.read([image])[0].labels).lower()


def plain(text: str) -> str:
    """A text's words in small letters, without marks."""
    return " ".join(re.findall(r"[\w']+", text.lower()))


def word_errors(truth: str, said: str) -> float:
    """The word error rate of what was said, 1 where it is more, or nothing."""
    told = plain(said)
    return min(1.0, float(jiwer.wer(plain(truth), told))) if told else 1.0


def says_words(text: str, *words: str) -> bool:
    """Whether a text has all these words, in this order one beside the other within each."""
    told = f" {plain(text)} "
    return all(f" {plain(each)} " in told for each in words)


def iou(one: Box, other: Box) -> float:
    """Intersection over union of two boxes."""
    width, height = (max(0.0, min(one[k + 2], other[k + 2]) - max(one[k], other[k])) for k in (0, 1))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return width * height / max(1e-9, sum(areas) - width * height)


def inside(one: Box, other: Box) -> bool:
    """Whether the middle of a box lies in another one: what is drawn in the place of a thing is seldom as large."""
    return all(other[k] <= (one[k] + one[k + 2]) / 2 <= other[k + 2] for k in (0, 1))


def span_iou(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Intersection over union of two stretches of time."""
    both = max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
    return both / max(1e-9, one[1] - one[0] + other[1] - other[0] - both)


def near(value: float, truth: float, share: float = 0.1) -> bool:
    """Whether a number is within a share of the true one."""
    return abs(value - truth) <= share * abs(truth)


def resized(image: Image, width: int, height: int) -> Image:
    """A picture at another size."""
    smaller = width < image.width
    how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return Image.from_array(np.asarray(cv2.resize(image.pixels, (width, height), interpolation=how), np.uint8))


def difference(one: Pixels, other: Pixels, where: NDArray[np.bool_] | None = None) -> float:
    """The mean difference of two pictures in grey levels, over all pixels or some; 255 where sizes differ."""
    if one.shape != other.shape:
        return 255.0
    apart = np.abs(one.astype(np.int16) - other.astype(np.int16)).mean(axis=2)
    return float((apart if where is None else apart[where]).mean()) if where is None or where.any() else 0.0


def same(one: Image, other: Image) -> bool:
    """Whether two pictures are the same but for what a codec loses."""
    return difference(one.pixels, other.pixels) <= _SAME


def around(box: Box, share: float, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The pixels (H, W) of a box and of a margin around it, a share of its longer side."""
    room = share * max(box[2] - box[0], box[3] - box[1])
    rows, columns = np.indices(shape[:2])
    inside: NDArray[np.bool_] = (
        (columns >= box[0] - room) & (columns < box[2] + room) & (rows >= box[1] - room) & (rows < box[3] + room)
    )
    return inside


def place_in(whole: Pixels, part: Pixels, most: float = _SAME) -> tuple[int, int] | None:
    """Where a picture stands in a larger one, left and top; None where it differs by more grey levels everywhere."""
    if any(a < b for a, b in zip(whole.shape, part.shape, strict=True)):
        return None
    board, piece = (np.ascontiguousarray(each.mean(axis=2), np.float32) for each in (whole, part))
    score = cv2.matchTemplate(board, piece, cv2.TM_SQDIFF)
    _, _, (x, y), _ = cv2.minMaxLoc(score)
    window = np.asarray(whole[y : y + part.shape[0], x : x + part.shape[1]])
    return (int(x), int(y)) if difference(window, part) <= most else None


def alike(one: Samples, other: Samples) -> float:
    """The correlation of two recordings over the samples that both have, best of shifts up to 50 ms."""
    length = min(len(one), len(other))
    if length < 2:
        return 0.0
    size = 1 << (2 * length - 1).bit_length()
    a, b = one[:length], other[:length]
    crossed = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    reach = RATE // 20
    best = max(float(crossed[: reach + 1].max()), float(crossed[-reach:].max()))
    return best / max(1e-9, float(np.linalg.norm(a) * np.linalg.norm(b)))


def cut_from(part: Samples, whole: Samples) -> tuple[float, float] | None:
    """From when to when in a recording another one is heard, in seconds at the world's rate; None where it is not."""
    if not 0 < len(part) <= len(whole):
        return None
    size = 1 << (len(whole) + len(part) - 1).bit_length()
    crossed = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size)), size)
    start = int(np.argmax(crossed[: len(whole) - len(part) + 1]))
    there = whole[start : start + len(part)]
    fit = float(np.dot(part, there)) / max(1e-9, float(np.linalg.norm(part) * np.linalg.norm(there)))
    return (start / RATE, (start + len(part)) / RATE) if fit > 0.9 else None


def envelope(samples: Samples, count: int) -> NDArray[np.float64]:
    """The loudness of a recording in so many equal parts of its time."""
    borders = np.linspace(0, len(samples), count + 1).astype(int)
    squared = samples.astype(np.float64) ** 2
    return np.sqrt([squared[a : max(a + 1, b)].mean() for a, b in zip(borders, borders[1:], strict=False)])


def spectrum(samples: Samples, count: int = 64) -> NDArray[np.float64]:
    """The level of so many bands of frequency, in decibels, over the whole of a recording at the world's rate."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    bands = [part.mean() for part in np.array_split(power, count)]
    return 10 * np.log10(np.array(bands) + 1e-12)


def correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Pearson's, 0 where one of them is constant."""
    a, b = one.ravel().astype(np.float64), other.ravel().astype(np.float64)
    spread = float(a.std() * b.std())
    return float(((a - a.mean()) * (b - b.mean())).mean()) / spread if spread > 1e-12 else 0.0


def level(samples: Samples) -> float:
    """The root mean square in decibels under full scale."""
    return float(20 * np.log10(np.sqrt(np.mean(samples.astype(np.float64) ** 2)) + 1e-9))


def mono(audio: Audio) -> Samples:
    """A recording's samples at the world's rate."""
    return np.asarray(audio.mono(RATE), np.float32)

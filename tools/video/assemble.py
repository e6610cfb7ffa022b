"""Put pictures, and speech with them, together into a clip."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..card import Card
from ..contract import tool
from ..errors import Cancelled, EmptyInput, WrongArgument
from ..hear.samples import checked, within
from ..media.audio import Audio
from ..media.image import Image
from ..media.limits import Limits
from ..media.video import Video
from ..roles import StepContext
from .encoding import SOUND_RATE, encoded

METHOD = "still pictures, one after the other"
_RATE = 12  # frames a second: nothing moves
_LARGEST, _SMALLEST = 1920, 16  # pixels of a side of the frame
_SECONDS = (0.1, 3600.0)  # for which a picture may be shown

CARD = Card(
    bad_at="motion: every picture stands still, and the next one follows at once",
    cost="cpu",
    keeps="form",
    examples=(
        "make a slideshow of the pictures", "put the pictures together into a video",
        "make a video of these pictures with the recordings", "show each picture for {seconds} seconds",
        "join the pictures and the speech into a video", "put the recording under the picture as a video",
        "把这些图片做成幻灯片", "把图片和录音合成视频", "每张图片放{seconds}秒",
    ),
    answer={
        "en": "The clip shows still pictures, one after the other.",
        "zh": "视频依次展示静止的图片。",
    },
)  # fmt: skip


@tool(card=CARD)
def assemble(
    images: Sequence[Image], audio: Sequence[Audio] | None = None, seconds: float = 3.0, *, step: StepContext
) -> Video:
    """Show pictures one after the other in a clip, each for as long as its recording is heard, or so many seconds.

    As many recordings as pictures are heard with their pictures; one recording is heard under all of them, which share
    its time. An empty recording is silence for ``seconds``; one beyond full scale is made softer as a whole. The frame
    is as wide as the widest picture and as high as the highest, 1920 pixels at most; every picture is as large as fits,
    between black bars, what is clear in it white. Raises ``EmptyInput`` without pictures, ``WrongArgument`` for another
    number of recordings or a time that cannot be, ``TooLarge`` for a clip longer than a video may be, ``NotDecodable``
    for damaged samples.

    Args:
        images: the pictures, in the order in which they are shown
        audio: what is heard: a recording for each picture, or one for all
        seconds: for how long a picture without recording is shown
    """
    if not images:
        raise EmptyInput("nothing to show: there is no picture", kind="image")
    low, high = _SECONDS
    if not low <= seconds <= high:
        raise WrongArgument(
            f"a picture cannot be shown for {seconds:g} s", hint=f"give {low:g} to {high:g} seconds", field="seconds"
        )
    sounds = list(audio or ())
    if len(sounds) not in (0, 1, len(images)):
        raise WrongArgument(
            f"{len(sounds)} recordings for {len(images)} pictures",
            hint="give one for each, or one for all",
            field="audio",
        )
    lengths = _lengths(len(images), [each.seconds or seconds for each in sounds], seconds)
    Limits().check_seconds(sum(lengths) / _RATE, "the clip that would be made")
    shared = [sum(lengths)] if len(sounds) == 1 else lengths
    sound = _sound(sounds, shared) if any(not each.empty for each in sounds) else None
    return encoded(_frames(images, lengths, step), _RATE, METHOD, sound)


def _lengths(pictures: int, lasting: Sequence[float], seconds: float) -> list[int]:
    """For how many frames each picture is shown; ``lasting`` are the seconds of the recordings."""
    if len(lasting) == 1:
        borders = np.linspace(0, max(pictures, _frames_in(lasting[0])), pictures + 1).round().astype(int)
        return [int(frames) for frames in np.diff(borders)]
    return [_frames_in(each) for each in (lasting or [seconds] * pictures)]


def _frames_in(seconds: float) -> int:
    return max(1, math.ceil(seconds * _RATE - 1e-6))


def _sound(sounds: Sequence[Audio], lengths: Sequence[int]) -> Audio:
    """The recordings one after the other, each filled up with silence to its number of frames."""
    channels = max(min(each.channels, 2) for each in sounds)
    samples = np.zeros((sum(lengths) * SOUND_RATE // _RATE, channels), np.float32)
    start = 0
    for each, length in zip(sounds, lengths, strict=True):
        heard = _heard(each, channels)[: length * SOUND_RATE // _RATE]
        samples[start : start + len(heard)] = heard
        start += length * SOUND_RATE // _RATE
    return Audio.from_samples(samples, SOUND_RATE)


def _heard(audio: Audio, channels: int) -> NDArray[np.float32]:
    """A recording (N, channels) at the rate of videos; of more than two channels the mean is heard on both."""
    if channels == 2 and audio.channels == 2:
        sides = [Audio.from_samples(np.ascontiguousarray(side), audio.rate) for side in checked(audio).samples.T]
    else:
        sides = [checked(audio)] * channels
    return within(np.stack([side.mono(SOUND_RATE) for side in sides], axis=1))


def _frames(images: Sequence[Image], lengths: Sequence[int], step: StepContext) -> Iterator[NDArray[np.uint8]]:
    width, height = max(each.width for each in images), max(each.height for each in images)
    shrunk = min(1.0, _LARGEST / max(width, height))
    size = tuple(max(_SMALLEST, math.ceil(side * shrunk / 2) * 2) for side in (width, height))
    for number, (image, length) in enumerate(zip(images, lengths, strict=True), start=1):
        frame = _fitted(image, *size)
        for _ in range(length):
            if step.stop.is_set():
                raise Cancelled("the clip is no longer made")
            yield frame
        step.progress(number / len(images), f"showed picture {number} of {len(images)}")


def _fitted(image: Image, width: int, height: int) -> NDArray[np.uint8]:
    """The frame (height, width, 3) with the picture in its middle, as large as fits."""
    from ..loaders.diffusers_pixels import resized  # loads native libraries: not on the light path

    pixels = image.pixels
    if image.alpha is not None:
        cover = image.alpha[..., None] / np.float32(255)
        pixels = np.round(pixels * cover + 255 * (1 - cover)).astype(np.uint8)
    scale = min(width / image.width, height / image.height)
    wide, high = (
        max(1, min(full, round(side * scale))) for side, full in ((image.width, width), (image.height, height))
    )
    left, top = (width - wide) // 2, (height - high) // 2
    frame = np.zeros((height, width, 3), np.uint8)
    frame[top : top + high, left : left + wide] = resized(pixels, wide, high)
    return frame

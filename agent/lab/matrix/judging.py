"""Whether an output has the content of its sample: the right words, or the right thing in pictures, speech and clips.

The detector and the recogniser are the profile's own, asked here apart from any run; they had no part in the training
of what draws and speaks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from ....tools.media.artifact import Artifact
from ....tools.media.audio import Audio
from ....tools.media.image import Image
from ....tools.media.video import Video
from ....tools.roles import Detector, Recogniser
from ....tools.see.filter import filter_colour
from ....tools.see.nouns import NOUNS
from ....tools.video.motion import main, motions
from ....tools.video.motions import VERBS
from ....tools.video.track import follow, sampled
from ..train.planner.words import COLOURS as SAID
from .samples import Sample

_SHOWN = 384  # pixels that the detector is shown: those of the world's usual pictures
_RATE = 6.0  # pictures a second of a clip that are looked at
_FRAMES = 0.5  # share of a clip's pictures in which the thing must be found


class Judge:
    """Looks at, listens to and reads outputs."""

    def __init__(self, detector: Detector, recogniser: Recogniser) -> None:
        self._detector, self._recogniser = detector, recogniser

    def right(self, sample: Sample, kind: str, text: str, made: Mapping[str, Artifact], *, chinese: bool) -> bool:
        """Whether the answer ``text`` or an artifact of ``kind`` has what the sample shows.

        A text must name the thing, its colour where it has one, and what it does; pictures, speech and clips the thing
        and its colour, and a clip that was asked for in words the motion too.
        """
        if kind == "text":
            return self._told(sample, text, chinese=chinese)
        found = [each for each in made.values() if each.kind == kind]
        return any(self._has(sample, each) for each in found)

    def _told(self, sample: Sample, text: str, *, chinese: bool) -> bool:
        if chinese:
            colours = [said for said, colour in SAID["zh"].items() if colour == sample.colour]
            return _any(text, NOUNS[sample.label]["zh"]) and _any(text, colours)
        words = re.sub(r"[^a-z]+", " ", text.lower()).split()
        verb = VERBS.get(sample.motion, "")
        return {*sample.label.split(), *sample.colour.split()} <= {*words} and (not verb or verb in " ".join(words))

    def _has(self, sample: Sample, made: Artifact) -> bool:
        if isinstance(made, Image):
            return bool(self._shown(sample, [made])[0])
        if isinstance(made, Audio):
            heard = self._recogniser.transcribe([made])[0]
            return self._told(_still(sample), " ".join(part.text for part in heard.segments), chinese=False)
        return isinstance(made, Video) and self._filmed(sample, made)

    def _filmed(self, sample: Sample, clip: Video) -> bool:
        pictures = sampled(clip, _RATE)
        if np.mean(self._shown(sample, pictures)) < _FRAMES:
            return False
        if not sample.motion:
            return True
        tracks = follow(pictures, detector=self._detector)
        doing = [spans for spans in motions(tracks, pictures, _RATE) if spans]
        return sample.motion in {main(spans).motion for spans in doing}

    def _shown(self, sample: Sample, pictures: list[Image]) -> list[bool]:
        """For each picture whether the detector finds the thing in it, in its colour."""
        large = [_enlarged(each) for each in pictures]
        found = self._detector.detect(large, [[sample.label]] * len(large))
        return [
            len(filter_colour(each, boxes, sample.colour)) > 0 if sample.colour else not boxes.empty  # type: ignore[arg-type]
            for each, boxes in zip(large, found, strict=True)
        ]


def _still(sample: Sample) -> Sample:
    return Sample(sample.label, sample.colour)


def _any(text: str, words: Any) -> bool:
    return any(word in text for word in words)


def _enlarged(image: Image) -> Image:
    """The picture as large as the detector's own are, where it is smaller."""
    side = max(image.width, image.height)
    if side >= _SHOWN:
        return image
    size = (round(image.width * _SHOWN / side), round(image.height * _SHOWN / side))
    return Image.from_array(np.asarray(cv2.resize(image.pixels, size, interpolation=cv2.INTER_CUBIC), np.uint8))

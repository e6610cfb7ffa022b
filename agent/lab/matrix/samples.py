"""What the requests of the cells are about: one thing, told, drawn, said, filmed or scanned, and the truth of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, islice

import numpy as np

from ....tools.english import with_article
from ....tools.media.artifact import Artifact
from ....tools.media.audio import Audio
from ....tools.media.image import Image
from ....tools.media.point_cloud import PointCloud
from ....tools.video.encoding import encoded
from ....tools.video.motions import VERBS
from ..mini.video import true_span
from ..world.acoustics import RATE
from ..world.clips import ClipConfig, render_clip
from ..world.clouds import CloudConfig, render_cloud
from ..world.scenes import SceneConfig, render_scene, stream
from ..world.sentences import Sentence
from ..world.speech import SpeechConfig, render_speech

SPLIT = "test"
_SCENE = SceneConfig(count=(1, 1), size=(0.28, 0.42), backgrounds=("plain", "gradient"))
_CLIP = ClipConfig(count=(1, 1), seconds=(3.0, 5.0), backgrounds=("plain", "gradient"))
_SPEECH = SpeechConfig(noisy=0.0, reverberant=0.0)
_CLOUD = CloudConfig(count=(1, 1))
_MOVES = ("left", "right", "up", "down", "grow", "shrink")
"""Motions that can be asked for and are seen of any thing."""


@dataclass(frozen=True)
class Sample:
    """One thing and the medium that shows it. ``motion`` is empty where nothing moves, ``colour`` where it has none."""

    label: str
    colour: str
    motion: str = ""
    attachment: Artifact | None = None

    @property
    def slots(self) -> Mapping[str, str]:
        """What a request's slots are filled with."""
        return {"a_thing": with_article(f"{self.colour} {self.label}".strip()), "moves": VERBS.get(self.motion, "")}


def samples(kind: str, n: int, seed: int) -> list[Sample]:
    """``n`` samples attached as ``kind``, of the split test; the same for the same seed."""
    return list(islice(_DRAWN[kind](seed * 100_003), n))


def _texts(first: int) -> Iterator[Sample]:
    for number in count(first):
        thing = render_scene(number, _SCENE, split=SPLIT).objects[0]
        motion = str(stream(SPLIT, number, "matrix").choice(_MOVES))
        yield Sample(thing.label, thing.colour, motion)


def _images(first: int) -> Iterator[Sample]:
    for number in count(first):
        scene = render_scene(number, _SCENE, split=SPLIT)
        thing = scene.objects[0]
        yield Sample(thing.label, thing.colour, attachment=Image.from_array(scene.image))


def _recordings(first: int) -> Iterator[Sample]:
    for number, told in zip(count(first), _texts(first), strict=False):
        sentence = Sentence(f"there is one {told.colour} {told.label} at the top", "sentence")
        said = render_speech(number, _SPEECH, split=SPLIT, sentence=sentence)
        attached = Audio.from_samples(said.samples[:, None].astype(np.float32), RATE)
        yield Sample(told.label, told.colour, attachment=attached)


def _clips(first: int) -> Iterator[Sample]:
    for number in count(first):
        clip = render_clip(number, _CLIP, split=SPLIT)
        if not clip.things:
            continue
        thing = clip.things[0]
        motion = true_span(thing, len(clip.frames)).motion
        if motion in _MOVES:
            yield Sample(thing.label, thing.colour, motion, encoded(clip.frames, clip.rate))


def _clouds(first: int) -> Iterator[Sample]:
    for number in count(first):
        cloud = render_cloud(number, _CLOUD, split=SPLIT)
        yield Sample(cloud.things[0].label, "", attachment=PointCloud.from_points(cloud.points, cloud.colours))


_DRAWN: Mapping[str, Callable[[int], Iterator[Sample]]] = {
    "text": _texts, "image": _images, "audio": _recordings, "video": _clips, "point_cloud": _clouds,
}  # fmt: skip

"""Media for the requests about experts: unseen scenes, clips, recordings, clouds and texts, each with its truth.

No recipe draws from the split `test`, and the numbers are none that the other measures use.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ....tools.english import with_article
from ....tools.media.artifact import Artifact
from ....tools.media.audio import Audio
from ....tools.media.image import Image
from ....tools.media.point_cloud import PointCloud
from ....tools.media.video import Video
from ....tools.see.nouns import NOUNS
from ....tools.video.encoding import SOUND_RATE, encoded
from ..train.planner import media as spoken
from ..train.planner.phrasings import Phrasing
from ..train.planner.words import COLOURS as SAID
from ..world.acoustics import RATE
from ..world.captions import NUMBERS, at_place
from ..world.clips import Clip, ClipConfig, render_clip
from ..world.clouds import Cloud, CloudConfig, render_cloud
from ..world.scenes import CLASSES, COLOURS, Scene, SceneConfig, SceneObject, render_scene
from ..world.sentences import Sentence, sample_sentence
from ..world.sounds import SoundConfig, render_sounds
from ..world.speech import SpeechConfig, render_speech

SPLIT = "test"
ZH_COLOURS = {name: said for said, name in reversed(SAID["zh"].items())}
THINGS = tuple(label for label in CLASSES if label != "sign")
"""What requests speak of; signs have words on them, which tools that read are asked about."""
LARGE = SceneConfig(count=(1, 1), size=(0.26, 0.36), classes=THINGS, backgrounds=("plain", "gradient"))
"""One thing that fills much of a calm picture."""
SEVERAL = SceneConfig(count=(2, 3), size=(0.16, 0.30), max_occlusion=0.0, repeat=0.3, classes=THINGS)
CALM = SceneConfig(count=(2, 3), size=(0.18, 0.28), max_occlusion=0.0, repeat=0.3, classes=THINGS,
                   backgrounds=("plain", "gradient"))  # fmt: skip
_CLIP = ClipConfig(count=(1, 1), seconds=(3.0, 5.0), backgrounds=("plain", "gradient"))
_SPEECH = SpeechConfig(noisy=0.0, reverberant=0.0)
_CLOUD = CloudConfig(count=(1, 1))


@dataclass
class Draw:
    """The random choices of one request: its phrasing, its language, and media that no other request has."""

    rng: random.Random
    line: Phrasing
    numbers: Iterator[int]
    home: Path
    """A folder for the files that a request speaks of."""
    _told: set[str] = field(default_factory=set)

    @property
    def language(self) -> str:
        """Of the request, `en` or `zh`."""
        return self.line.language

    def asks(self, slot: str) -> bool:
        """Whether the phrasing has a slot, in whichever of its wishes."""
        return slot in {name.rstrip("0123456789") for name in self.line.slots}

    def said(self, kind: str, where: str = "one", index: int = 0, of: int = 1) -> str:
        """How a medium is spoken of."""
        return spoken.spoken(self.rng, self.language, kind, where, index, of)

    def scene(self, config: SceneConfig) -> Scene:
        """A picture with as many things as asked for at least."""
        for number in self.numbers:
            scene = render_scene(number, config, split=SPLIT)
            if len(scene.objects) >= max(1, config.count[0]):
                return scene
        raise AssertionError("numbers never end")

    def thing(self, config: SceneConfig) -> tuple[Scene, int, str]:
        """A scene, a thing of it, and a phrase that means just that thing: by its colour where there are two."""
        while True:
            scene = self.scene(config)
            index = self.rng.randrange(len(scene.objects))
            if said := self.phrase(scene, index):
                return scene, index, said

    def phrase(self, scene: Scene, index: int) -> str:
        """A phrase that means just one thing of a scene, or nothing where it takes more than its colour."""
        thing = scene.objects[index]
        alike = [each for each in scene.objects if each.label == thing.label]
        if len(alike) == 1:
            return self.called(thing.label)
        if sum(each.colour == thing.colour for each in alike) == 1:
            return self.called(thing.label, thing.colour)
        return ""

    def called(self, label: str, colour: str = "", *, article: str = "the ") -> str:
        """A thing in the request's language: "the red star", 红色的星星; ``article`` is for English."""
        if self.language == "zh":
            return (f"{ZH_COLOURS[colour]}的" if colour else "") + NOUNS[label]["zh"][0]
        named = f"{colour} {label}".strip()
        return with_article(named) if article == "a " else f"{article}{named}"

    def other(self, *avoid: SceneObject) -> tuple[str, str]:
        """Another label and colour than those of some things."""
        label = self.rng.choice([each for each in THINGS if each not in {thing.label for thing in avoid}])
        plain = [each for each in COLOURS if each not in ("black", "white", *(thing.colour for thing in avoid))]
        return label, self.rng.choice(plain)

    def sentence(self) -> str:
        """A sentence of the world that no recipe has heard: "there are two red stars"."""
        for number in self.numbers:
            found = sample_sentence(np.random.default_rng([number, 17]), SPLIT)
            if found.kind == "sentence" and found.text not in self._told:
                self._told.add(found.text)
                return found.text
        raise AssertionError("numbers never end")

    def speech(self, text: str | None = None) -> tuple[Audio, str]:
        """A recording of a sentence, clean, and its words."""
        sentence = Sentence(text or self.sentence(), "sentence")
        said = render_speech(next(self.numbers), _SPEECH, split=SPLIT, sentence=sentence)
        return recording(said.samples), sentence.text

    def sound(self, seconds: float = 3.0, classes: tuple[str, ...] = ()) -> tuple[Audio, str]:
        """A recording of one sound with little noise, and its name."""
        config = SoundConfig(seconds=(seconds, seconds), count=(1, 1), snr_db=(25.0, 35.0), gain_db=(-8.0, -4.0))
        config = SoundConfig(**{**vars(config), "classes": classes}) if classes else config
        found = render_sounds(next(self.numbers), config, split=SPLIT)
        return recording(found.samples), found.events[0].label

    def clip(self, motions: tuple[str, ...], config: ClipConfig = _CLIP) -> Clip:
        """A clip of one thing that is there from first to last and mainly does one of these motions."""
        from ..mini.video import true_span

        for number in self.numbers:
            clip = render_clip(number, config, split=SPLIT)
            if not clip.things or clip.things[0].label == "sign":
                continue
            thing, frames = clip.things[0], len(clip.frames)
            whole = thing.spans[0].start == 0 and thing.spans[-1].end == frames
            if whole and true_span(thing, frames).motion in motions:
                return clip
        raise AssertionError("numbers never end")

    def cloud(self) -> Cloud:
        """A cloud of one solid."""
        return render_cloud(next(self.numbers), _CLOUD, split=SPLIT)

    def story(self, count: int, language: str = "") -> list[str]:
        """Different sentences that describe a picture, as one writes them: "There is a red star at the top."."""
        made: list[str] = []
        while len(made) < count:
            label, colour = self.other()
            number = self.rng.randrange(2, 5)
            if (language or self.language) == "zh":
                place, amount = self.rng.choice(tuple(_ZH_PLACES)), "零一两三四"[number]
                made.append(f"{place}有{amount}个{ZH_COLOURS[colour]}的{NOUNS[label]['zh'][0]}。")
            else:
                many = {"fish": "fish"}.get(label, f"{label}es" if label == "cross" else f"{label}s")
                place = at_place(self.rng.choice(("top", "bottom", "left", "right")))
                made.append(f"There are {NUMBERS[number]} {colour} {many} {place}.")
            made = list(dict.fromkeys(made))
        return made


_ZH_PLACES = ("上面", "下面", "左边", "右边")


def numbers(seed: int, request: int) -> Iterator[int]:
    """The numbers of a request's media."""
    return count(9_000_011 + 1_000_003 * seed + 2_003 * request)


def recording(samples: NDArray[np.floating]) -> Audio:
    """A recording of the world at its rate."""
    return Audio.from_samples(np.asarray(samples, np.float32)[:, None], RATE)


def filmed(clip: Clip, sound: Audio | None = None) -> Video:
    """A clip as a file, with sound where there is some."""
    heard = None
    if sound is not None:
        samples = sound.mono(SOUND_RATE)[: round(clip.seconds * SOUND_RATE)]
        samples = np.pad(samples, (0, round(clip.seconds * SOUND_RATE) - len(samples)))
        heard = Audio.from_samples(np.ascontiguousarray(samples[:, None], np.float32), SOUND_RATE)
    return encoded(clip.frames, clip.rate, sound=heard)


def scanned(cloud: Cloud) -> PointCloud:
    """A cloud as a file."""
    return PointCloud.from_points(cloud.points, cloud.colours)


def picture(scene: Scene) -> Image:
    """A scene as a file."""
    return Image.from_array(scene.image)


def kinds(files: tuple[Artifact, ...]) -> dict[str, int]:
    """How many media there are of each kind."""
    return {kind: sum(each.kind == kind for each in files) for kind in dict.fromkeys(each.kind for each in files)}

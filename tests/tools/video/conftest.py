"""The shipped detector and segmenter, clips of the world with what is found in them, and an honest painter."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from panmodal.agent.lab.world import draw, shapes
from panmodal.agent.lab.world.clips import Clip, render_clip
from panmodal.agent.lab.world.scenes import CLASSES
from panmodal.agent.profiles.loading import load_profile
from panmodal.tools.loaders.registry import get_loader
from panmodal.tools.media.image import Image
from panmodal.tools.roles import Drawing
from panmodal.tools.video.track import Track, follow


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    specs = load_profile("mini", ()).specs(tmp_path_factory.mktemp("cache"))

    def model(role: str) -> Any:
        spec = specs[role][0]
        return get_loader(spec.loader).load(spec).adapter(role)

    return model


@pytest.fixture(scope="session")
def detector(models: Callable[[str], Any]) -> Any:
    return models("detector")


@pytest.fixture(scope="session")
def segmenter(models: Callable[[str], Any]) -> Any:
    return models("segmenter")


@dataclass(frozen=True)
class Watched:
    """A clip, its pictures and what was followed in them."""

    clip: Clip
    pictures: list[Image]
    tracks: list[Track]


@pytest.fixture(scope="session")
def watched(detector: Any) -> Callable[[int], Watched]:
    """The clip of a seed of the split val."""
    known: dict[int, Watched] = {}

    def watch(seed: int) -> Watched:
        if seed not in known:
            clip = render_clip(seed, split="val")
            pictures = [Image.from_array(frame) for frame in clip.frames]
            known[seed] = Watched(clip, pictures, follow(pictures, detector=detector))
        return known[seed]

    return watch


class WorldPainter:
    """An ``ImageGenerator`` that paints "a COLOUR THING ..." as the world does, small, on plain grey.

    Of everything else it makes a picture with nothing in it.
    """

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def generate(self, drawings: Sequence[Drawing], *, progress: Any = None, stop: Any = None) -> list[Image]:
        self.prompts += [drawing.prompt for drawing in drawings]
        return [Image.from_array(self._painted(drawing)) for drawing in drawings]

    def edit(self, *_: Any, **__: Any) -> list[Image]:
        raise NotImplementedError

    def inpaint(self, *_: Any, **__: Any) -> list[Image]:
        raise NotImplementedError

    def _painted(self, drawing: Drawing) -> np.ndarray:
        rng = np.random.default_rng(drawing.seed)
        canvas = np.full((96, 96, 3), 150, np.uint8)
        said = re.match(r"an? (\w+) (\w+) on a plain background", drawing.prompt)
        if said is None or said[1] not in draw.COLOUR_VALUES or said[2] not in CLASSES:
            return canvas
        parts = shapes.parts_of(said[2], rng, angle=0, mirror=False, word="GO")
        sprite = draw.paint(parts, 40, draw.palette(said[1], draw.COLOUR_VALUES[said[1]]), "flat", rng)
        x, y = (int(rng.integers(4, 92 - size)) for size in sprite.alpha.shape[::-1])
        window = canvas[y : y + sprite.alpha.shape[0], x : x + sprite.alpha.shape[1]]
        cover = sprite.alpha[..., None]
        window[:] = np.round(window * (1 - cover) + sprite.rgb * cover)
        return canvas


@pytest.fixture
def painter() -> WorldPainter:
    return WorldPainter()

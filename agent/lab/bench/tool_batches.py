"""What a model of `mini` gains from several items in one call: items a second over those of one at a time.

Every size answers the same items, so that long answers weigh alike; sizes take turns, and the clock counts, because
several cores and a GPU are what batching is for. The answers must be those of single calls; texts may differ where two
words are as likely as each other to the last bits, so that such differences are counted and shown.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from ....tools.media.audio import Audio
from ....tools.media.point_cloud import PointCloud
from ....tools.registry import default_registry
from ....tools.roles import Drawing
from ..world.clouds import CloudConfig, render_cloud
from ..world.sounds import SoundConfig, render_sounds
from .tool_bare_more import HEARD, plain_more
from .tool_media import page, scene_of, speech_of, things_of
from .tool_models import Models
from .tool_pairs import alike, spread

SIZES = (1, 2, 4, 8, 16)
_LOOSE = 1e-3  # of numbers: sums of a batch are added up in another order
_SECONDS = 40.0  # of a curve's rounds, of which there are two at least
_TEXTS = (
    "Two red stars stand left of the house. The boat is blue. A fish swims below it. Nobody sees the moon.",
    "The harbour office is open from nine to five. Tickets are sold at the second door. Berta sails on Sunday.",
)

Ask = Callable[[Any, Sequence[Any]], Any]
"""Asks a model for some items at once."""


def _asks() -> Mapping[str, Ask]:
    """How each role's model is asked for several items; the method's name stands behind a dot where it has two."""
    return MappingProxyType(
        {
            "detector": lambda model, items: model.detect(items, [[]] * len(items)),
            "segmenter": lambda model, items: model.segment(*zip(*items, strict=True)),
            "mllm": lambda model, items: model.answer([[each] for each in items], ["what is it"] * len(items)),
            "captioner": lambda model, items: model.caption(items),
            "embedder.images": lambda model, items: list(model.embed_images(items).vectors),
            "embedder.texts": lambda model, items: list(model.embed_texts(items).vectors),
            "ocr": lambda model, items: model.read(items),
            "asr": lambda model, items: model.transcribe(items),
            "sound_classifier": lambda model, items: model.classify(items),
            "cloud_classifier": lambda model, items: model.classify(items),
            "image_generator": lambda model, items: model.generate(items),
            "summariser": lambda model, items: model.summarise(items, [2] * len(items)),
            "translator": lambda model, items: model.translate(items, ["zh"] * len(items)),
        }
    )


ASKS = _asks()
CPU_ONLY = frozenset({"ocr", "summariser", "translator"})
"""Roles whose models in `mini` compute on the CPU whatever device there is."""


@dataclass
class Curve:
    """Items a second of each size over those of size 1, as medians of the rounds."""

    name: str
    declared: bool
    """Whether a tool's card says that its calls may be put together."""
    gains: dict[int, float]
    spreads: dict[int, tuple[float, float]]
    rate: float
    """Items a second, one at a time."""
    different: dict[int, int] = field(default_factory=dict)
    """So many answers of a size are not those of single calls."""

    def __str__(self) -> str:
        told = "  ".join(f"{size:>2}: {gain:5.2f}x" for size, gain in self.gains.items())
        low, high = self.spreads[max(self.gains)]
        other = sum(self.different.values())
        marks = f"   {other} answers differ" if other else ""
        return f"  {self.name:<17} {self.rate:8.1f}/s  {told}  ({low:.2f} to {high:.2f}){marks}"


def declared() -> frozenset[str]:
    """The roles of tools whose cards say that their calls may be put to the model together."""
    return frozenset(role for tool in default_registry().tools() if tool.card.batch for role in tool.roles)


def items_of(name: str, count: int, seed: int) -> list[Any]:
    """So many different items for a role; pages are the same one, which is read anew each time."""
    numbers = range(count)
    match name:
        case "asr":
            heard = speech_of(seed)
            return [Audio.from_samples(heard.samples[: len(heard.samples) - 160 * n], heard.rate) for n in numbers]
        case "sound_classifier":
            clips = [render_sounds(seed + n, SoundConfig(seconds=(3.9, 4.0)), split="demo") for n in numbers]
            return [Audio.from_samples(clip.samples, HEARD) for clip in clips]
        case "cloud_classifier":
            clouds = [render_cloud(seed + n, CloudConfig(count=(1, 1)), split="demo") for n in numbers]
            return [PointCloud.from_points(cloud.points, cloud.colours) for cloud in clouds]
        case "ocr":
            return [page()] * count
        case "summariser":
            return [_TEXTS[n % len(_TEXTS)] for n in numbers]
    scenes = [scene_of(seed * 1000 + n) for n in numbers]
    texts = [f"a {scene.objects[0].colour} {scene.objects[0].label}" for scene in scenes]
    match name:
        case "embedder.texts":
            return texts
        case "translator":
            return [f"{text} and a boat" for text in texts]
        case "image_generator":
            return [Drawing(text, seed=n) for n, text in enumerate(texts)]
    things = [things_of(scene) for scene in scenes]
    if name == "segmenter":
        return [(image, boxes.take([0])) for image, boxes, _ in things]
    return [image for image, _, _ in things]


def curve(name: str, model: Any, items: Sequence[Any], sizes: Sequence[int], rounds: int, role_declared: bool) -> Curve:
    """The curve of a role's model over the items, of which there are at least as many as the largest size."""
    ask = ASKS[name]
    times: dict[int, list[float]] = {size: [] for size in sizes}
    answers = {size: _answered(ask, model, items, size) for size in sizes}  # which warms every size up
    start = time.perf_counter()
    for number in range(rounds):
        if number > 1 and time.perf_counter() - start > _SECONDS:
            break
        for size in sizes if number % 2 else reversed(sizes):
            began = time.perf_counter()
            _answered(ask, model, items, size)
            times[size].append(time.perf_counter() - began)
    ratios = {size: _ratios(times[1], times[size]) for size in sizes}
    return Curve(
        name,
        role_declared,
        {size: statistics.median(each) for size, each in ratios.items()},
        {size: spread(each) for size, each in ratios.items()},
        len(items) / statistics.median(times[1]),
        {size: _different(answers[1], answers[size]) for size in sizes},
    )


def _answered(ask: Ask, model: Any, items: Sequence[Any], size: int) -> list[Any]:
    found: list[Any] = []
    for start in range(0, len(items), size):
        found += ask(model, items[start : start + size])
    return found


def _ratios(alone: Iterable[float], together: Iterable[float]) -> list[float]:
    return [one / other for one, other in zip(alone, together, strict=True)]


def _different(alone: Sequence[Any], together: Sequence[Any]) -> int:
    """How many answers differ; raises RuntimeError where there are not as many."""
    if len(alone) != len(together):
        raise RuntimeError(f"{len(together)} answers together, {len(alone)} alone")
    pairs = zip(map(_levels, alone), map(_levels, together), strict=True)
    return sum(not alike(one, other, _LOOSE) for one, other in pairs)


def _levels(answer: Any) -> Any:
    """An answer as plain values; a picture as shares of 255, whose rounding is the last bit of what was computed."""
    plain = plain_more(answer)
    return plain / (255 / _LOOSE) if isinstance(plain, np.ndarray) and plain.dtype == np.uint8 else plain


def measure_batches(models: Models, device: str, *, sizes: Sequence[int], rounds: int, seed: int) -> list[Curve]:
    """The curves of the roles whose models are on the device."""
    batched, found = declared(), []
    for name in ASKS:
        role = name.partition(".")[0]
        if device == "cpu" or role not in CPU_ONLY:
            items = items_of(name, max(sizes), seed)
            found.append(curve(name, models.ours(role), items, sizes, rounds, role in batched))
    return found

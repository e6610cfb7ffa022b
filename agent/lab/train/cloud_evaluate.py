"""What a cloud classifier says of held-out clouds of one thing: as the world draws them, thin, noisy, turned, cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForImageClassification

from ....tools.space.views import render_views
from ..timing import seconds_of
from ..world.clouds import CLOUD_CLASSES, CloudConfig, render_cloud
from ..world.scenes import stream

VIEWS, SIDE = 6, 40
"""From how many sides the classifier looks at a cloud, and the side of a view in pixels."""
FEW, NOISY = 256, 0.024
"""Points of the thinned clouds, and the largest noise of the noisy ones, twice the world's."""
_TOGETHER = 32  # clouds that go through the model at once
_TIMED = 15  # clouds that are looked at one by one for the time they take

Points = NDArray[np.float32]
Scores = NDArray[np.float32]


@dataclass(frozen=True)
class CloudFigures:
    """Shares of clouds of one thing whose highest score is the right one's, of 1."""

    right: float
    """As the world draws them: standing, 1,024 points, some noise, half of them seen from one side only."""
    right_of: dict[str, float]
    """The same for each class."""
    right_256_points: float
    """The same things by fewer points."""
    right_noisy: float
    """The same things with up to twice the noise."""
    right_turned: float
    """The same clouds, turned in space any way."""
    right_in_scenes: float
    """Things of clouds of one to four, each cut out with exactly the points that are its own."""
    milliseconds: float
    """Median time from a cloud to its scores."""

    def brief(self) -> dict[str, float]:
        """All but the shares of single classes, rounded."""
        return {name: round(value, 4) for name, value in asdict(self).items() if isinstance(value, float)}


def evaluate(folder: Path, *, seed: int, n: int, split: str = "test") -> dict[str, Any]:
    """The figures (see :class:`CloudFigures`) of the model in ``folder``; see :func:`measure`."""
    found = measure(partial(scores, opened(folder)), seed=seed, n=n, split=split)
    return found.brief() | {"right_of": {name: round(share, 4) for name, share in found.right_of.items()}}


def opened(folder: Path) -> Any:
    """The model, in float32, that a run left in ``folder``."""
    return AutoModelForImageClassification.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval()


def measure(tell: Callable[[Sequence[Points]], Scores], *, seed: int, n: int, split: str) -> CloudFigures:
    """Figures on ``n`` clouds of each kind; ``tell`` gives the scores of clouds, (N, classes).

    Clouds take the classes in turn, but for those that are cut out. ``seed`` picks all of them.
    """
    numbers = seeds(seed, n)
    labels = np.array([number % len(CLOUD_CLASSES) for number in numbers])
    alone = [_one(number, split) for number in numbers]
    right = tell(alone).argmax(1) == labels
    thin = [_one(number, split, points=FEW) for number in numbers]
    noisy = [_one(number, split, noise=NOISY) for number in numbers]
    turned = [_anyhow(stream(split, number, "turns"), cloud) for number, cloud in zip(numbers, alone, strict=True)]
    cut, of = zip(*islice(_things(numbers.start, split), n), strict=True)
    return CloudFigures(
        right=float(right.mean()),
        right_of={name: float(right[labels == i].mean()) for i, name in enumerate(CLOUD_CLASSES) if i in labels},
        right_256_points=float((tell(thin).argmax(1) == labels).mean()),
        right_noisy=float((tell(noisy).argmax(1) == labels).mean()),
        right_turned=float((tell(turned).argmax(1) == labels).mean()),
        right_in_scenes=float((tell(cut).argmax(1) == np.array(of)).mean()),
        milliseconds=1000 * float(np.median(seconds_of(tell, [[cloud] for cloud in alone[:_TIMED]]))),
    )


def seeds(seed: int, n: int) -> range:
    """Of the clouds that ``n`` of each kind are taken from."""
    return range(seed * 100_003, seed * 100_003 + n)


def scores(model: Any, clouds: Sequence[Points]) -> Scores:
    """(N, classes) of clouds (points, 3): the mean over the views of a model's logits."""
    model.eval()
    found = []
    with torch.inference_mode():
        for start in range(0, len(clouds), _TOGETHER):
            seen = [render_views(points, VIEWS, SIDE) for points in clouds[start : start + _TOGETHER]]
            logits = model(torch.from_numpy(np.concatenate(seen)).to(model.device)).logits
            found.append(logits.unflatten(0, (len(seen), VIEWS)).mean(1).cpu().numpy())
    return np.concatenate(found)


def turn(rng: np.random.Generator, lean: float) -> NDArray[np.float64]:
    """(3, 3): a turn about the vertical and then a lean to any side, in radians."""
    return _turned(float(rng.uniform(0, 2 * np.pi)), lean, float(rng.uniform(0, 2 * np.pi)))


def any_turn(rng: np.random.Generator) -> NDArray[np.float64]:
    """(3, 3): any rotation, all equally likely."""
    return turn(rng, float(np.arccos(rng.uniform(-1, 1))))


def _turned(spin: float, lean: float, toward: float) -> NDArray[np.float64]:
    """(3, 3) of Euler's angles about z, y and z, the first of them first."""
    (cs, cl, ct), (ss, sl, st) = np.cos((spin, lean, toward)), np.sin((spin, lean, toward))
    first = np.array([[cs, -ss, 0], [ss, cs, 0], [0, 0, 1]])
    second = np.array([[cl, 0, sl], [0, 1, 0], [-sl, 0, cl]])
    return np.asarray(np.array([[ct, -st, 0], [st, ct, 0], [0, 0, 1]]) @ second @ first)


def _one(number: int, split: str, **config: Any) -> Points:
    """A cloud of one thing, of the class whose turn it is."""
    label = CLOUD_CLASSES[number % len(CLOUD_CLASSES)]
    return render_cloud(number, CloudConfig(count=(1, 1), classes=(label,), **config), split=split).points


def _anyhow(rng: np.random.Generator, points: Points) -> Points:
    return np.asarray(points @ any_turn(rng).T, np.float32)


def _things(first: int, split: str) -> Iterator[tuple[Points, int]]:
    """The points and the class of every thing of clouds of one to four, without end."""
    for number in count(first):
        cloud = render_cloud(number, split=split)
        for thing in cloud.things:
            yield cloud.points[slice(*thing.rows)], CLOUD_CLASSES.index(thing.label)

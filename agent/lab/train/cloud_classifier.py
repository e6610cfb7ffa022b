"""Trains the cloud classifier of `mini`: a small ResNet that sees a cloud from several sides (MVCNN; Su et al. 2015).

    python -m panmodal.agent.lab.train.cloud_classifier --minutes 12 --out runs/cloud_classifier

Surfaces of solids are sampled while it trains and kept; an example puts one on the floor or turns it any way, takes
away what is not seen, and adds noise, as the world does to its clouds, so that no cloud is ever met twice. The model
sees its views, and the mean of their logits is taught the class. The learning rate follows the clock.
"""

from __future__ import annotations

import itertools
import json
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import IterableDataset, get_worker_info
from transformers import ResNetConfig, ResNetForImageClassification

from ....tools.space.views import CHANNELS, render_views
from ..world.clouds import CLOUD_CLASSES
from ..world.scenes import stream
from ..world.solids import SOLIDS, sample_surface
from .clocked import descend, loaded, run
from .cloud_evaluate import SIDE, VIEWS, any_turn, evaluate, measure, opened, scores, turn
from .command import ordered
from .weights import save_model, whole

BATCH, BATCH_CUDA = 32, 256
PEAK_RATE = 2e-3
HELD_OUT = 96
"""Clouds of the split val that are measured with every checkpoint, of each kind."""
FACTS = "training.json"
"""File of an exported folder that tells how often and on how many examples it was trained."""

POINTS = 2048
"""Of a surface that is kept."""
_USUAL, _FEWEST = 1024, 48  # points of half of the examples; of the others there are as few as that
_LEAN, _NOISE = np.radians(10), 0.018  # largest ones; noise over the longest side
_DROPPED, _EDGE = (0.1, 0.45), 0.02  # share that is not seen, and how blurred its edge is over the longest side
_ELEVATION = np.radians((0, 60))  # of the eye
_FIRST, _FRESH = 6, 1 / 4  # surfaces of a class before the first batch; surfaces sampled for an example after it
_KEPT = 200  # of each class, the newest
_SEEDS, _STARTS = 10_000_000, 1_000_000  # how far apart the surfaces of two training seeds, or starts, begin

Log = Callable[[str], None]
Points = NDArray[np.float32]


class Batch(NamedTuple):
    """N examples: ``views`` (N x VIEWS, CHANNELS, SIDE, SIDE), those of a cloud together, and ``labels`` (N)."""

    views: Tensor
    labels: Tensor


class Clouds(IterableDataset[Batch]):
    """Batches without end, made in the process that iterates; workers sample different surfaces.

    Args:
        batch: examples of a batch.
        seed: of everything.
        start: how often this training was started before: each start samples surfaces of its own.
    """

    def __init__(self, batch: int, seed: int, start: int = 0) -> None:
        self.batch, self.seed, self.start = batch, seed, start
        self.surfaces: list[deque[Points]] = [deque(maxlen=_KEPT) for _ in CLOUD_CLASSES]
        self._turns = itertools.cycle(range(len(CLOUD_CLASSES)))

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        number, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        rng = np.random.default_rng([self.seed, self.start, number])
        numbers = itertools.count(self.seed * _SEEDS + self.start * _STARTS + number, workers)
        self._sample(numbers, _FIRST * len(CLOUD_CLASSES))
        while True:
            self._sample(numbers, round(self.batch * _FRESH))
            labels = rng.integers(len(CLOUD_CLASSES), size=self.batch)
            kept = [self.surfaces[label] for label in labels]
            clouds = [seen(rng, each[int(rng.integers(len(each)))]) for each in kept]
            views = np.concatenate([render_views(cloud, VIEWS, SIDE) for cloud in clouds])
            yield Batch(torch.from_numpy(views), torch.from_numpy(labels))

    def _sample(self, numbers: Iterator[int], count: int) -> None:
        """Remember ``count`` more surfaces."""
        for label, number in zip(itertools.islice(self._turns, count), numbers, strict=False):
            own = stream("train", number, "surfaces")
            parts = SOLIDS[CLOUD_CLASSES[label]](own)
            self.surfaces[label].append(sample_surface(parts, own, POINTS).points.astype(np.float32))


def seen(rng: np.random.Generator, surface: Points) -> Points:
    """A cloud (N, 3) of a whole surface, as a sensor might give it: fewer points, from one side, noisy, and turned."""
    dropped = float(rng.uniform(*_DROPPED)) if rng.random() < 0.5 else 0.0
    most = int(POINTS * (1 - dropped))
    n = _USUAL if rng.random() < 0.5 else round(float(np.exp(rng.uniform(np.log(_FEWEST), np.log(most)))))
    longest = float(np.ptp(surface, axis=0).max())
    some = surface[rng.permutation(len(surface))[: round(n / (1 - dropped))]]
    points = some @ turn(rng, float(rng.uniform(0, _LEAN))).T
    azimuth, elevation = float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(*_ELEVATION))
    eye = np.array([np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)])
    near = points @ eye + rng.normal(0, _EDGE * longest, len(points))
    points = points[np.argsort(-near)[:n]]
    points = points + rng.normal(0, float(rng.uniform(0, _NOISE)) * longest, points.shape)
    if rng.random() < 0.5:
        points = points @ any_turn(rng).T
    return np.asarray(points, np.float32)


def fresh_model() -> ResNetForImageClassification:
    """The model before training."""
    config = ResNetConfig(
        num_channels=CHANNELS, embedding_size=16, hidden_sizes=[16, 32, 64], depths=[1, 1, 1], layer_type="basic",
        id2label=dict(enumerate(CLOUD_CLASSES)), label2id={label: i for i, label in enumerate(CLOUD_CLASSES)},
    )  # fmt: skip
    return ResNetForImageClassification(config)


def train(
    out: Path, *, minutes: float, seed: int, device: str = "cpu", resume_from: Path | None = None, log: Log = print
) -> None:
    """Train for ``minutes``; exports to ``out`` a folder that transformers' auto classes open.

    ``resume_from`` is such a folder of an earlier run, whose weights are the start of a fresh schedule on surfaces of
    its own. A checkpoint is written, and held-out figures are logged, every three minutes.
    """
    torch.manual_seed(seed)
    model, facts = fresh_model(), {"starts": 0, "examples": 0}
    if resume_from is not None:
        model = opened(resume_from)
        facts = json.loads((resume_from / FACTS).read_text(encoding="utf-8"))
    model.to(device, memory_format=torch.channels_last)  # on a CPU a quarter faster
    on_cpu = torch.device(device).type == "cpu"
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=0.02)
    clouds = Clouds(BATCH if on_cpu else BATCH_CUDA, seed, facts["starts"])
    facts["starts"] += 1
    run(
        loaded(clouds, device),
        optimizer,
        lambda batch: _step(model, optimizer, Batch(*(part.to(device) for part in batch))),
        lambda: _save(model, out, facts, log),
        minutes=minutes,
        batch=clouds.batch,
        facts=facts,
        log=log,
    )


def _step(model: ResNetForImageClassification, optimizer: torch.optim.Optimizer, batch: Batch) -> float:
    """One step of the optimizer; returns the loss."""
    model.train()
    with torch.autocast(batch.labels.device.type, torch.bfloat16, enabled=batch.labels.is_cuda):
        logits = model(batch.views.contiguous(memory_format=torch.channels_last)).logits.float()
    loss = cross_entropy(logits.unflatten(0, (len(batch.labels), VIEWS)).mean(1), batch.labels)
    descend(model, optimizer, loss)
    return float(loss.detach())


def _save(model: ResNetForImageClassification, folder: Path, facts: dict[str, int], log: Log) -> None:
    """Write the checkpoint, and log what it does on a few held-out clouds."""
    with whole(folder) as part:
        save_model(model, part)
        views = {"views": {"count": VIEWS, "side": SIDE}}
        for name, content in (("panmodal.json", views), (FACTS, facts)):
            (part / name).write_text(json.dumps(content) + "\n", encoding="utf-8")
    log(f"held out: {json.dumps(measure(partial(scores, model), seed=0, n=HELD_OUT, split='val').brief())}")


def main() -> None:
    """Command line of the recipe."""
    given = ordered("cloud classifier", minutes=12)
    train(**given)
    print(json.dumps(evaluate(given["out"], seed=0, n=240), indent=2))


if __name__ == "__main__":
    main()

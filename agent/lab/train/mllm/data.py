"""Scenes as arrays, and the endless stream of batches that training draws from: pictures, cell labels, questions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from ...world.captions import PATTERN_WORDS
from ...world.scenes import BACKGROUNDS, CLASSES, COLOURS, Scene, SceneConfig, render_scene
from ...world.shapes import WORDS
from .cells import PATTERNS, Array, Cells, cells_of, distinct
from .model import CELL, CELLS, GRID, SIDE
from .packing import Packed, Packer
from .tensors import Tensors

MOST = 8  # objects of a scene that the arrays have room for
_OWNED = 0.12  # share of a cell's pixels from which an object owns the cell
_SIGN = CLASSES.index("sign")

# The pools that are measured: scenes of few things, to which the gate holds the model, and full ones.
POOLS = {"few": SceneConfig(count=(1, 4), size=(0.12, 0.40)), "many": SceneConfig(count=(5, 8))}
# (share, scenes) of training: mostly scenes of the gate's kind, some with smaller things, full ones, and empty ones.
MIXTURE: tuple[tuple[float, SceneConfig], ...] = (
    (0.60, POOLS["few"]),
    (0.25, SceneConfig(count=(1, 6))),
    (0.13, POOLS["many"]),
    (0.02, SceneConfig(count=(0, 0))),
)
# Scenes whose things are of one, two or three classes: in the mixture four of a class are seldom and then small.
ALIKE = SceneConfig(count=(3, 5), size=(0.12, 0.40))
_ALIKE = 0.2  # their share of training scenes
_FRESH = 0.25  # share of a batch that is rendered for it
_REMEMBERED = 60_000  # scenes that are drawn from again (3.8 GB), shared out between the workers
_SEEDS, _STARTS = 10_000_000, 1_000_000  # how far apart the scenes of two training seeds, or starts, begin


def scene_arrays(scene: Scene) -> dict[str, Array]:
    """One scene as arrays: the picture at SIDE pixels (resized as the processor does it), owners of cells, objects."""
    side = scene.image.shape[0]
    picture = np.asarray(Image.fromarray(scene.image).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    labels, colours, patterns, signs = (np.full(MOST, -1, np.int8) for _ in range(4))
    sizes, centres = np.full(MOST, -1, np.float32), np.full((MOST, 2), -1, np.float32)
    for index, thing in enumerate(scene.objects[:MOST]):
        x0, y0, x1, y1 = thing.box
        labels[index], colours[index] = CLASSES.index(thing.label), COLOURS.index(thing.colour)
        patterns[index], sizes[index] = PATTERNS.index(PATTERN_WORDS[thing.texture]), thing.size
        centres[index] = (x0 + x1) / 2 / side, (y0 + y1) / 2 / side
        if thing.word is not None:
            signs[index] = WORDS.index(thing.word)
    small = cv2.resize(scene.instances, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    blocks = small.reshape(GRID, CELL, GRID, CELL).transpose(0, 2, 1, 3).reshape(CELLS, CELL * CELL)
    pixels = (blocks[:, :, None] == np.arange(MOST)).sum(1)
    owners = np.where(pixels.max(1) >= _OWNED * CELL * CELL, pixels.argmax(1), -1).astype(np.int8)
    return {
        "pictures": picture, "owners": owners, "labels": labels, "colours": colours, "patterns": patterns,
        "sizes": sizes, "signs": signs, "centres": centres,
        "background": np.array(BACKGROUNDS.index(scene.background), np.int8),
    }  # fmt: skip


def alike(seed: int) -> SceneConfig:
    """ALIKE with the classes of this seed's scene."""
    rng = np.random.default_rng([8, seed])
    return replace(ALIKE, classes=tuple(map(str, rng.choice(CLASSES, int(rng.integers(1, 4)), replace=False))))


def mixed(seed: int) -> SceneConfig:
    """The part of MIXTURE that this seed's scene is drawn from."""
    roll, shares = np.random.default_rng([7, seed]).random(), np.cumsum([share for share, _ in MIXTURE])
    return MIXTURE[min(int(np.searchsorted(shares, roll)), len(MIXTURE) - 1)][1]


def held_out(count: int) -> list[dict[str, Array]]:
    """The first `count` scenes of the split "val", of few things each."""
    return [scene_arrays(render_scene(seed, POOLS["few"], split="val")) for seed in range(count)]


@dataclass
class Batch(Tensors):
    """N scenes: pictures (uint8 N x SIDE x SIDE x 3), cell labels, questions; and whose cells tell all of the scene."""

    pictures: Tensor
    cells: Cells
    packed: Packed
    distinct: Tensor


class Scenes(IterableDataset[Batch]):
    """Batches of training scenes without end, made in the process that iterates (a DataLoader's worker, as a rule).

    A quarter of each batch is rendered for it; the rest is drawn from what was rendered before, half of it mirrored
    (not scenes with a sign: its word would be mirrored too), with brightness and contrast varied a little. A fifth
    of the scenes are of few classes. Workers render different scenes.

    Args:
        packer: asks about them.
        batch: scenes of a batch.
        seed: of everything.
        start: how often this training was started before: each start renders scenes of its own.
    """

    def __init__(self, packer: Packer, batch: int, seed: int, start: int = 0) -> None:
        self.packer, self.batch, self.seed, self.start = packer, batch, seed, start

    def __iter__(self) -> Iterator[Batch]:
        cv2.setNumThreads(1)
        worker = get_worker_info()
        number, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        rng = np.random.default_rng([self.seed, 1, self.start, number])
        seeds = itertools.count(self.seed * _SEEDS + self.start * _STARTS + number, workers)
        memory: list[dict[str, Array]] = []
        while True:
            fresh = self.batch if len(memory) < self.batch else math.ceil(self.batch * _FRESH)
            new = [_rendered(seed) for seed in itertools.islice(seeds, fresh)]
            old = [memory[int(i)] for i in rng.integers(max(1, len(memory)), size=self.batch - fresh)]
            rows = [_maybe_mirrored(row, rng) for row in (*new, *old)]
            memory += new
            del memory[: max(0, len(memory) - _REMEMBERED // workers)]
            yield Batch(
                pictures_of(rows, rng), cells_of(rows), self.packer.pack(rows, rng),
                torch.tensor([distinct(row) for row in rows]),
            )  # fmt: skip


def _rendered(number: int) -> dict[str, Array]:
    """The training scene of this number."""
    few_classes = np.random.default_rng([9, number]).random() < _ALIKE
    config = alike(number) if few_classes else mixed(number)
    return scene_arrays(render_scene(number, config, split="train"))


def _maybe_mirrored(row: dict[str, Array], rng: np.random.Generator) -> dict[str, Array]:
    return mirrored(row) if rng.random() < 0.5 and not (row["labels"] == _SIGN).any() else row


def mirrored(row: dict[str, Array]) -> dict[str, Array]:
    """The scene seen in a mirror: left becomes right."""
    centres = row["centres"].copy()
    known = row["labels"] >= 0
    centres[known, 0] = 1 - centres[known, 0]
    owners = row["owners"].reshape(GRID, GRID)[:, ::-1].reshape(-1)
    return {**row, "pictures": row["pictures"][:, ::-1], "owners": owners, "centres": centres}


def pictures_of(rows: list[dict[str, Array]], rng: np.random.Generator | None = None) -> Tensor:
    """uint8 N x SIDE x SIDE x 3; with a generator, brightness and contrast vary a little."""
    stack = np.stack([row["pictures"] for row in rows])
    if rng is None:
        return torch.from_numpy(np.ascontiguousarray(stack))
    gain = rng.uniform(0.9, 1.1, (len(rows), 1, 1, 1)).astype(np.float32)
    lift = rng.uniform(-10, 10, (len(rows), 1, 1, 1)).astype(np.float32)
    return torch.from_numpy(np.clip(stack * gain + lift, 0, 255).astype(np.uint8))

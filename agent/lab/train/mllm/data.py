"""Scenes as arrays on disk, and batches of pictures from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...world.captions import PATTERN_WORDS
from ...world.scenes import BACKGROUNDS, CLASSES, COLOURS, Scene, SceneConfig, render_scene
from ...world.shapes import WORDS
from .cells import PATTERNS, Array
from .model import CELL, CELLS, GRID, SIDE

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
ALIKE_SEED = 1_000_000  # the first of their seeds


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


def write_shard(
    path: Path, split: str, first: int, count: int, config_of: Callable[[int], SceneConfig] = mixed
) -> None:
    """Render `count` scenes from seed `first`, each from the config of its seed, and save them as one .npz."""
    seeds = range(first, first + count)
    rows = [scene_arrays(render_scene(seed, config_of(seed), split=split)) for seed in seeds]
    part = path.with_suffix(".part.npz")
    part.parent.mkdir(parents=True, exist_ok=True)
    np.savez(part, **{name: np.stack([row[name] for row in rows]) for name in rows[0]})  # type: ignore[arg-type]
    part.rename(path)


class Pool:
    """All shards of a folder; `refresh` takes in those that a generator beside us has finished meanwhile."""

    def __init__(self, folder: Path, pattern: str) -> None:
        self.folder, self.pattern = folder, pattern
        self.read: list[Path] = []
        self.shards: list[dict[str, Array]] = []
        self.refresh()

    def refresh(self) -> int:
        """Read new shards; returns the number of scenes at hand."""
        for path in sorted(self.folder.glob(self.pattern)):
            if path not in self.read and ".part" not in path.name:
                with np.load(path) as file:
                    self.shards.append({name: file[name] for name in file.files})
                self.read.append(path)
        return sum(len(shard["labels"]) for shard in self.shards)

    def rows(self, indices: Iterator[int] | range | list[int]) -> list[dict[str, Array]]:
        """The scenes with these numbers, counted through the shards in order."""
        size = len(self.shards[0]["labels"])
        return [{k: v[i % size] for k, v in self.shards[i // size].items()} for i in indices]

    def sample(self, rng: np.random.Generator, count: int) -> list[dict[str, Array]]:
        """`count` random scenes, half of them mirrored (not those with a sign: its word would be mirrored too)."""
        total = sum(len(shard["labels"]) for shard in self.shards)
        rows = self.rows([int(i) for i in rng.integers(total, size=count)])
        return [mirrored(row) if rng.random() < 0.5 and not (row["labels"] == _SIGN).any() else row for row in rows]


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

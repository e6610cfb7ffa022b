"""What the generator learns from: scenes of one or two things at 64 pixels, their truth as rows, and prompts of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info
from transformers import PreTrainedTokenizerFast

from ...world.scenes import BACKGROUNDS, CLASSES, COLOURS, Scene, SceneConfig, render_scene
from .prompts import EMPTY, LENGTH, UNSAID, Book, facts_of, packed, truth_of, unpacked

SIDE = 64
"""Pixels of the square pictures."""
PAINTED = 128  # painted larger and reduced by area, as pictures are reduced in use
CHUNK = 256  # scenes that a worker hands over at once
SEEDS = 10_000_000
"""How far apart the scenes of two training seeds begin."""

# Even grounds are half of all: what no prompt asks for should be quiet, and noise teaches little.
_GROUNDS = (
    *["plain"] * 5,
    *["gradient"] * 2,
    *(ground for ground in BACKGROUNDS if ground not in ("plain", "gradient")),
)
_LARGE, _SMALLER, _TWO = (0.28, 0.42), (0.13, 0.28), (0.20, 0.36)
# Shares of scenes of one large thing, one smaller thing, two alike, two others; the rest is the world's usual scenes,
# which the autoencoder must be able to show.
_SHARES = (0.38, 0.08, 0.12, 0.36, 0.06)
_UNTOLD = 0.1  # of prompts that are left empty, for guidance without a classifier (Ho and Salimans 2022)

Picture = NDArray[np.uint8]


def config_of(number: int, *, kind: int | None = None) -> SceneConfig:
    """What the scene of a number is drawn from: one of the five kinds of _SHARES, drawn if it is not given."""
    rng = np.random.default_rng([12, number])
    drawn = int(rng.choice(len(_SHARES), p=_SHARES))
    kind = drawn if kind is None else kind
    if kind == 4:
        return SceneConfig(side=PAINTED)
    label, colour = str(rng.choice(CLASSES)), str(rng.choice(COLOURS))
    return SceneConfig(
        side=PAINTED,
        count=(1, 1) if kind < 2 else (2, 2),
        size=(_LARGE, _SMALLER, _TWO, _TWO)[kind],
        max_occlusion=0.05,
        repeat=0.1,
        classes=(label,) if kind == 2 else CLASSES,
        colours=(colour,) if kind == 2 else COLOURS,
        backgrounds=_GROUNDS,
    )


def reduced(scene: Scene) -> Picture:
    """The scene's picture at SIDE pixels."""
    return np.asarray(cv2.resize(scene.image, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


class Pool(NamedTuple):
    """Scenes that were rendered: pictures (uint8, N x SIDE x SIDE x 3) and packed truths (int8, N x 15)."""

    pictures: Tensor
    rows: Tensor

    def tellable(self) -> Pool:
        """Those that prompts can tell of."""
        told = self.rows[:, 0] != UNSAID
        return Pool(self.pictures[told], self.rows[told])


class _Chunks(Dataset[Pool]):
    """The scenes of the numbers from ``first`` on, CHUNK a piece."""

    def __init__(self, first: int, count: int, split: str) -> None:
        self.numbers, self.split = range(first, first + count), split

    def __len__(self) -> int:
        return -(-len(self.numbers) // CHUNK)

    def __getitem__(self, index: int) -> Pool:
        cv2.setNumThreads(1)
        scenes = [
            render_scene(number, config_of(number), split=self.split)
            for number in self.numbers[index * CHUNK : (index + 1) * CHUNK]
        ]
        pictures = np.stack([reduced(scene) for scene in scenes])
        rows = np.stack([packed(truth_of(scene)) for scene in scenes])
        return Pool(torch.from_numpy(pictures), torch.from_numpy(rows))


def render_pool(first: int, count: int, *, split: str = "train", workers: int = 0) -> Pool:
    """``count`` scenes of the numbers from ``first`` on, made by ``workers`` processes or in this one."""
    chunks = DataLoader(_Chunks(first, count, split), batch_size=None, num_workers=workers)
    pictures, rows = torch.empty(count, SIDE, SIDE, 3, dtype=torch.uint8), torch.empty(count, 15, dtype=torch.int8)
    at = 0
    for chunk in chunks:
        pictures[at : at + len(chunk.rows)], rows[at : at + len(chunk.rows)] = chunk
        at += len(chunk.rows)
    return Pool(pictures, rows)


class Told(NamedTuple):
    """Which scenes are told of (int64, N), their prompts' tokens (int64, N x LENGTH) and facts (int64, N x 12)."""

    scenes: Tensor
    tokens: Tensor
    facts: Tensor


class Telling(IterableDataset[Told]):
    """Batches of prompts for the scenes of a pool, without end; every pass over the scenes tells them anew.

    Args:
        rows: the packed truths, none of them of none.
        tokenizer: reads the prompts.
        batch: prompts of a batch.
        seed: of everything; workers of one loader tell different prompts.
    """

    def __init__(
        self, rows: NDArray[np.int8], tokenizer: PreTrainedTokenizerFast, batch: int, seed: Sequence[int]
    ) -> None:
        self.rows, self.tokenizer, self.batch, self.seed = rows, tokenizer, batch, seed

    def __iter__(self) -> Iterator[Told]:
        worker = get_worker_info()
        rng = np.random.default_rng([*self.seed, 2, worker.id if worker else 0])
        book = Book()
        while True:
            scenes = rng.integers(len(self.rows), size=self.batch)
            yield told(scenes, self.rows, self.tokenizer, book, rng, untold=_UNTOLD)


def told(
    scenes: NDArray[np.int64],
    rows: NDArray[np.int8],
    tokenizer: PreTrainedTokenizerFast,
    book: Book,
    rng: np.random.Generator,
    *,
    untold: float = 0.0,
    held_out: bool = False,
) -> Told:
    """One batch of prompts for these scenes, a share of them empty."""
    prompts = [EMPTY if rng.random() < untold else book.say(unpacked(rows[k]), rng, held_out=held_out) for k in scenes]
    tokens = read(tokenizer, [prompt.text for prompt in prompts])
    return Told(torch.from_numpy(scenes), tokens, torch.tensor([facts_of(prompt) for prompt in prompts]))


def read(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> Tensor:
    """The tokens of texts as diffusers' pipelines read them: N x LENGTH int64."""
    found: Tensor = tokenizer(
        texts, padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt"
    ).input_ids
    return found

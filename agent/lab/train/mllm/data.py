"""Scenes as arrays on disk, and batches of pictures, cell labels and packed questions from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from ...world.scenes import CLASSES, COLOURS, Scene, SceneConfig, render_scene
from .model import CELL, CELLS, GRID, SIDE
from .questions import KINDS, Asker, Question, Thing, place_of
from .words import ANSWER, END

MOST = 8  # objects of a scene that the arrays have room for
TEXT = 104  # tokens of packed questions a picture
IGNORED = -100
_OWNED = 0.12  # share of a cell's pixels from which an object owns the cell
_SIGN = CLASSES.index("sign")

# (share, scenes): the gate's scenes, easier ones to begin with, fuller ones, and empty ones.
MIXTURE: tuple[tuple[float, SceneConfig], ...] = (
    (0.62, SceneConfig(count=(1, 6))),
    (0.26, SceneConfig(count=(1, 4), size=(0.12, 0.40))),
    (0.10, SceneConfig(count=(5, 8))),
    (0.02, SceneConfig(count=(0, 0))),
)
GATE = SceneConfig(count=(1, 6), size=(0.06, 0.40), max_occlusion=0.35)
SHARES = {"colour": 0.4, "yes_no": 0.2, "count": 0.18, "what": 0.1, "where": 0.06, "count_all": 0.04, "caption": 0.02}
LISTED = {"colour": 0.8, "where": 0.4, "what": 0.4, "count": 0.4}  # probability of each list in a picture's questions
Array = NDArray[Any]


def things_of(labels: Array, colours: Array, centres: Array) -> list[Thing]:
    """The objects of one scene as the questions see them; the arrays are padded with -1."""
    found = []
    for label, colour, (x, y) in zip(labels, colours, centres, strict=True):
        if label < 0:
            continue
        row, column = place_of(float(x), float(y))
        cell = min(int(y * GRID), GRID - 1) * GRID + min(int(x * GRID), GRID - 1)
        found.append(Thing(CLASSES[int(label)], COLOURS[int(colour)], row, column, cell))
    return found


def scene_arrays(scene: Scene) -> dict[str, Array]:
    """One scene as arrays: the picture at SIDE pixels (resized as the processor does it), owners of cells, objects."""
    side = scene.image.shape[0]
    picture = np.asarray(Image.fromarray(scene.image).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    labels, colours = np.full(MOST, -1, np.int8), np.full(MOST, -1, np.int8)
    centres = np.full((MOST, 2), -1, np.float32)
    for index, thing in enumerate(scene.objects[:MOST]):
        x0, y0, x1, y1 = thing.box
        labels[index], colours[index] = CLASSES.index(thing.label), COLOURS.index(thing.colour)
        centres[index] = (x0 + x1) / 2 / side, (y0 + y1) / 2 / side
    small = cv2.resize(scene.instances, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    blocks = small.reshape(GRID, CELL, GRID, CELL).transpose(0, 2, 1, 3).reshape(CELLS, CELL * CELL)
    pixels = (blocks[:, :, None] == np.arange(MOST)).sum(1)
    owners = np.where(pixels.max(1) >= _OWNED * CELL * CELL, pixels.argmax(1), -1).astype(np.int8)
    return {"pictures": picture, "owners": owners, "labels": labels, "colours": colours, "centres": centres}


def write_shard(path: Path, split: str, first: int, count: int, config: SceneConfig | None = None) -> None:
    """Render `count` scenes from seed `first` and save them as one .npz (from MIXTURE unless a config is given)."""
    rows = []
    for seed in range(first, first + count):
        chosen = config
        if chosen is None:
            roll, shares = np.random.default_rng([7, seed]).random(), np.cumsum([share for share, _ in MIXTURE])
            chosen = MIXTURE[min(int(np.searchsorted(shares, roll)), len(MIXTURE) - 1)][1]
        rows.append(scene_arrays(render_scene(seed, chosen, split=split)))
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


@dataclass
class Cells:
    """Labels per cell, each N x CELLS: the owner's class (16: none) and colour (10: none), and centres (0 or 1)."""

    label: Tensor
    colour: Tensor
    centre: Tensor

    @property
    def weight(self) -> Tensor:
        """How much a cell counts: centre 3, object 1, background 0.25."""
        owned = torch.where(self.label < len(CLASSES), 1.0, 0.25)
        return torch.where(self.centre > 0, 3.0, owned)


def pictures_of(rows: list[dict[str, Array]], rng: np.random.Generator | None = None) -> Tensor:
    """uint8 N x SIDE x SIDE x 3; with a generator, brightness and contrast vary a little."""
    stack = np.stack([row["pictures"] for row in rows])
    if rng is None:
        return torch.from_numpy(np.ascontiguousarray(stack))
    gain = rng.uniform(0.9, 1.1, (len(rows), 1, 1, 1)).astype(np.float32)
    lift = rng.uniform(-10, 10, (len(rows), 1, 1, 1)).astype(np.float32)
    return torch.from_numpy(np.clip(stack * gain + lift, 0, 255).astype(np.uint8))


def cells_of(rows: list[dict[str, Array]]) -> Cells:
    """The cell labels of these scenes; the cell of an object's centre belongs to it, the front one where two meet."""
    label = np.full((len(rows), CELLS), len(CLASSES), np.int64)
    colour = np.full((len(rows), CELLS), len(COLOURS), np.int64)
    centre = np.zeros((len(rows), CELLS), np.float32)
    for i, row in enumerate(rows):
        owned = row["owners"] >= 0
        label[i, owned] = row["labels"][row["owners"][owned]]
        colour[i, owned] = row["colours"][row["owners"][owned]]
        for k in np.flatnonzero(row["labels"] >= 0):
            cell = cell_of(row["centres"][k])
            label[i, cell], colour[i, cell], centre[i, cell] = row["labels"][k], row["colours"][k], 1
    return Cells(torch.from_numpy(label), torch.from_numpy(colour), torch.from_numpy(centre))


def cell_of(centre: Array) -> int:
    """The cell that holds a point (x, y) in 0..1."""
    column, row = (min(int(float(value) * GRID), GRID - 1) for value in centre)
    return row * GRID + column


def distinct(row: dict[str, Array]) -> bool:
    """Whether no two objects share the cell of their centres, i.e. the cell labels tell the whole scene."""
    cells = [cell_of(row["centres"][k]) for k in np.flatnonzero(row["labels"] >= 0)]
    return len(set(cells)) == len(cells)


@dataclass
class Packed:
    """Questions of N pictures, each N x TEXT: tokens, segment (0: padding), position, next token or IGNORED, weight."""

    ids: Tensor
    segment: Tensor
    position: Tensor
    target: Tensor
    weight: Tensor
    kinds: list[list[str]]  # the kind of each segment, in order (segment 1 first)

    def mask(self, pictures: int = CELLS) -> Tensor:
        """bool N x 1 x T x T over `pictures` picture tokens and the text: a question sees the picture and itself."""
        count = len(self.ids)
        segment = torch.cat([torch.zeros(count, pictures, dtype=torch.long), self.segment], 1)
        seen = segment[:, :, None] == segment[:, None, :]
        seen[:, :, :pictures] = True
        return (seen & torch.ones(seen.shape[1:], dtype=torch.bool).tril())[:, None]


class Packer:
    """Turns the truth of scenes into packed questions with the tokenizer's ids."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self.ids: dict[str, int] = tokenizer.get_vocab()

    def encode(self, question: Question) -> tuple[list[int], list[bool]]:
        """Token ids of question, answer mark, answer and end; and which of them the loss counts."""
        prompt = [self.ids[word] for word in question.prompt.split()] + [self.ids[ANSWER]]
        answer = [self.ids[word] for word in question.answer.split()]
        if question.scored is not None:
            return prompt + answer, [False] * len(prompt) + list(question.scored)
        return [*prompt, *answer, self.ids[END]], [False] * len(prompt) + [True] * (len(answer) + 1)

    def pack(self, rows: list[dict[str, Array]], rng: np.random.Generator, *, training: bool = True) -> Packed:
        """Questions for every scene until TEXT is full; in training with lists and with cues asked for."""
        shape = (len(rows), TEXT)
        arrays = {name: np.zeros(shape, np.int64) for name in ("ids", "segment", "position")}
        target, weight = np.full(shape, IGNORED, np.int64), np.zeros(shape, np.float32)
        kinds: list[list[str]] = []
        for i, row in enumerate(rows):
            asker, used = Asker(things_of(row["labels"], row["colours"], row["centres"]), rng), 0
            kinds.append([])
            for question in self._questions(asker, rng, training):
                ids, scored = self.encode(question)
                if used + len(ids) > TEXT:
                    continue
                span = slice(used, used + len(ids))
                kinds[i].append(question.kind)
                arrays["ids"][i, span], arrays["position"][i, span] = ids, np.arange(len(ids))
                arrays["segment"][i, span] = len(kinds[i])
                for at in range(1, len(ids)):
                    if scored[at]:
                        target[i, used + at - 1] = ids[at]
                        weight[i, used + at - 1] = 0.4 if question.kind == "caption" else 1.0
                prompt = question.prompt.split()
                if training and question.cue in prompt:
                    cue = used + len(prompt) - 1 - prompt[::-1].index(question.cue)
                    target[i, cue], weight[i, cue] = self.ids[question.answer.split()[0]], 0.5
                used += len(ids)
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        return Packed(**tensors, target=torch.from_numpy(target), weight=torch.from_numpy(weight), kinds=kinds)

    def _questions(self, asker: Asker, rng: np.random.Generator, training: bool) -> Iterator[Question]:
        """In training lists first, each with its probability; then questions by SHARES, caption and total once."""
        asked: set[str] = set()
        for kind, share in LISTED.items():
            question = asker.list_of(kind) if training and rng.random() < share else None
            if question is not None:
                yield question
        shares = np.array([SHARES[kind] for kind in KINDS])
        once = {"count_all", "caption"}
        for pick in rng.choice(len(KINDS), size=14, p=shares / shares.sum()):
            kind = KINDS[int(pick)]
            question = asker.ask(kind)
            if question is not None and (kind not in once or kind not in asked):
                asked.add(kind)
                yield question

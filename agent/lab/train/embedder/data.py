"""What the embedder learns from: batches of twins with what each patch shows, captions, and what they are true of."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info
from transformers import PreTrainedTokenizerFast

from ...world.captions import PLACES
from ...world.scenes import BACKGROUNDS, CLASSES, COLOURS, Scene
from ..mllm.tensors import Tensors
from .model import GRID, PATCH, SIDE
from .twins import ATTRIBUTES, Fact, facts_of, render_pair
from .wordings import QUERIES, SIZE_WORDS, TRAINED, describe

VALUES: dict[str, tuple[str, ...]] = {
    "label": CLASSES, "colour": COLOURS, "size": tuple(SIZE_WORDS), "place": PLACES,
}  # fmt: skip
JOINED = (("label", "colour"), ("label", "size"), ("label", "place"), ("colour", "size"), ("colour", "place"))
"""Pairs of attributes of one thing: the smallest parts of a scene that tell which belongs to which."""
MARKS = tuple(len(VALUES[a]) * len(VALUES[b]) for a, b in JOINED)
"""How many pairs of values each has."""

_OWNED = 0.12  # share of a patch's pixels from which a thing owns the patch
_FRESH = 0.125  # share of a batch that is rendered for it
_FIRST = 100  # pairs rendered before the first batch
_REMEMBERED = 20_000  # pairs that are drawn from again (1.4 GB), shared out between the workers
_SEEDS, _STARTS = 10_000_000, 1_000_000  # how far apart the pairs of two training seeds, or starts, begin
_QUERIES = 0.4  # share of pictures with a query for some of their things; the others have an edited caption
_SWAPS = 0.3  # share of edited captions in which two things exchange an attribute
_LOST = 0.02  # share of words that are made unknown
_MIRRORED = str.maketrans({"<": ">", ">": "<"})
Array = NDArray[Any]


class Row(NamedTuple):
    """One scene: ``picture`` (SIDE x SIDE x 3 uint8), and for each of GRID x GRID patches the index into ``facts`` of
    the thing that it shows (-1: none) and whether a thing's middle lies in it.
    """

    picture: NDArray[np.uint8]
    owners: NDArray[np.int8]
    centre: NDArray[np.bool_]
    facts: tuple[Fact, ...]
    background: str


class Text(NamedTuple):
    """A text, the things that it tells of, and which of their attributes it says."""

    text: str
    facts: tuple[Fact, ...]
    says: tuple[str, ...]


@dataclass
class Batch(Tensors):
    """N pictures, a caption of each, and as many other texts: edited captions that are false, and queries.

    ``pictures`` uint8 N x SIDE x SIDE x 3; ``cells`` (4 x N x patches) the index into VALUES of each attribute of what
    a patch shows, one past the last where that is nothing; ``centre`` (N x patches) 0 or 1; ``background`` (N);
    ``shown`` (N x sum of MARKS) 1 for each pair of attributes that a thing of the picture has; ``tokens`` (2N x L);
    ``told`` (2N x sum of MARKS) like ``shown`` for the texts, -1 for what a text does not speak of; ``true`` (bool
    2N x N) whether a text is true of a picture.
    """

    pictures: Tensor
    cells: Tensor
    centre: Tensor
    background: Tensor
    shown: Tensor
    tokens: Tensor
    told: Tensor
    true: Tensor


def reduced(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture at SIDE pixels, resized as the processor does it."""
    return np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def row_of(scene: Scene) -> Row:
    """One scene as training reads it."""
    side, facts = scene.image.shape[0], facts_of(scene)
    small = cv2.resize(scene.instances, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    blocks = small.reshape(GRID, PATCH, GRID, PATCH).transpose(0, 2, 1, 3).reshape(GRID, GRID, PATCH * PATCH)
    pixels = (blocks[..., None] == np.arange(max(1, len(facts)))).sum(2)
    owners = np.where(pixels.max(2) >= _OWNED * PATCH * PATCH, pixels.argmax(2), -1).astype(np.int8)
    centre = np.zeros((GRID, GRID), np.bool_)
    for i, thing in enumerate(scene.objects):
        x0, y0, x1, y1 = thing.box
        column, row = (min(GRID - 1, int((low + high) / 2 * GRID / side)) for low, high in ((x0, x1), (y0, y1)))
        owners[row, column], centre[row, column] = i, True
    return Row(reduced(scene.image), owners, centre, facts, scene.background)


def mirrored(row: Row) -> Row:
    """The scene seen in a mirror: left becomes right."""
    facts = tuple(fact._replace(place=_other_side(fact.place)) for fact in row.facts)
    return Row(row.picture[:, ::-1], row.owners[:, ::-1], row.centre[:, ::-1], facts, row.background)


def _other_side(place: str) -> str:
    marked = place.replace("left", "<").replace("right", ">").translate(_MIRRORED)
    return marked.replace("<", "left").replace(">", "right")


class Pictures(IterableDataset[Batch]):
    """Batches of training pictures without end, made in the process that iterates (a DataLoader's worker, perhaps).

    An eighth of each batch is rendered for it; the rest is drawn from what was rendered before. Half of the pairs are
    mirrored (none with a sign: its word would be mirrored too), brightness and contrast vary a little.

    Args:
        tokenizer: of the texts.
        pairs: twins of a batch, half as many as its pictures.
        seed: of everything.
        start: how often this training was started before: each start renders pairs of its own.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, pairs: int, seed: int, start: int = 0) -> None:
        self.tokenizer, self.pairs, self.seed, self.start = tokenizer, pairs, seed, start

    def __iter__(self) -> Iterator[Batch]:
        cv2.setNumThreads(1)
        worker = get_worker_info()
        number, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        rng = np.random.default_rng([self.seed, 1, self.start, number])
        seeds = itertools.count(self.seed * _SEEDS + self.start * _STARTS + number, workers)
        memory = [_rendered(seed) for seed in itertools.islice(seeds, max(_FIRST, self.pairs))]
        fresh = math.ceil(self.pairs * _FRESH)
        while True:
            new = [_rendered(seed) for seed in itertools.islice(seeds, fresh)]
            old = [memory[int(i)] for i in rng.choice(len(memory), self.pairs - fresh, replace=False)]
            memory += new
            del memory[: max(0, len(memory) - _REMEMBERED // workers)]
            yield batch_of([*new, *old], self.tokenizer, rng)


def _rendered(seed: int) -> tuple[Row, Row, str]:
    pair = render_pair(seed)
    return row_of(pair.first), row_of(pair.second), pair.changed


def batch_of(
    pairs: Sequence[tuple[Row, Row, str]], tokenizer: PreTrainedTokenizerFast, rng: np.random.Generator
) -> Batch:
    """These twins (and what they differ by) with texts: each caption says what sets its picture apart from its twin."""
    rows: list[Row] = []
    captions: list[Text] = []
    others: list[Text] = []
    for first, second, changed in pairs:
        signs = any(fact.word for row in (first, second) for fact in row.facts)
        flipped = not signs and rng.random() < 0.5
        wordings = [wording for wording in TRAINED if changed in wording.says]
        for row in (mirrored(first), mirrored(second)) if flipped else (first, second):
            wording = wordings[int(rng.integers(len(wordings)))]
            rows.append(row)
            captions.append(Text(describe(row.facts, row.background, wording, rng), row.facts, wording.says))
            if rng.random() < _QUERIES:
                others.append(_query(row, rng))
            else:
                facts = _edited(row.facts, wording.says, rng)
                others.append(Text(describe(facts, row.background, wording, rng), facts, wording.says))
    texts = [*captions, *others]
    return Batch(
        pictures=_varied(np.stack([row.picture for row in rows]), rng),
        cells=torch.from_numpy(np.stack([_cells(row) for row in rows], axis=1)),
        centre=torch.from_numpy(np.stack([row.centre.reshape(-1) for row in rows]).astype(np.float32)),
        background=torch.tensor([BACKGROUNDS.index(row.background) for row in rows]),
        shown=torch.from_numpy(np.stack([_marks(row.facts, ATTRIBUTES) for row in rows])),
        tokens=_tokens([text.text for text in texts], tokenizer, rng),
        told=torch.from_numpy(np.stack([_marks(text.facts, text.says) for text in texts])),
        true=torch.from_numpy(truths(texts, [row.facts for row in rows])),
    )


def _query(row: Row, rng: np.random.Generator) -> Text:
    """What one would ask for to find a picture by one or two of its things."""
    wording = QUERIES[int(rng.integers(len(QUERIES)))]
    count = int(rng.integers(1, min(2, len(row.facts)) + 1))
    facts = tuple(row.facts[int(i)] for i in rng.permutation(len(row.facts))[:count])
    return Text(describe(facts, row.background, wording, rng), facts, wording.says)


def _edited(facts: tuple[Fact, ...], says: tuple[str, ...], rng: np.random.Generator) -> tuple[Fact, ...]:
    """Facts with another value of an attribute that is said, or with two of its values exchanged.

    What no picture was drawn for can be told all the same: such captions teach at little cost (Yuksekgonul et al. 2023,
    "When and why vision-language models behave like bags-of-words"). Seldom the value stays the same; the batch knows
    by the facts that the caption is true then.
    """
    name, made = str(rng.choice(says)), list(facts)
    i, j = (int(k) for k in rng.integers(len(facts), size=2))
    if i != j and rng.random() < _SWAPS:
        first, second = getattr(facts[i], name), getattr(facts[j], name)
        made[i], made[j] = facts[i]._replace(**{name: second}), facts[j]._replace(**{name: first})
    else:
        made[i] = facts[i]._replace(**{name: str(rng.choice(VALUES[name]))})
    return tuple(fact if fact.label == "sign" else fact._replace(word=None) for fact in made)


def truths(texts: Sequence[Text], scenes: Sequence[tuple[Fact, ...]]) -> NDArray[np.bool_]:
    """Whether each text is true of each scene (texts x scenes): all that it tells of is there, each thing once."""

    @cache
    def parts(scene: int, says: tuple[str, ...]) -> Counter[tuple[str, ...]]:
        return _said(scenes[scene], says)

    told = [_said(text.facts, text.says) for text in texts]
    return np.array(
        [[said <= parts(k, text.says) for k in range(len(scenes))] for text, said in zip(texts, told, strict=True)]
    )


def _said(facts: Sequence[Fact], says: tuple[str, ...]) -> Counter[tuple[str, ...]]:
    return Counter(tuple(getattr(fact, name) for name in says) for fact in facts)


def _marks(facts: Sequence[Fact], says: tuple[str, ...]) -> NDArray[np.float32]:
    """For each two attributes of JOINED and each two values 1 where a thing has both, -1 where that is not said."""
    groups = []
    for first, second in JOINED:
        marks = np.zeros((len(VALUES[first]), len(VALUES[second])), np.float32)
        if first in says and second in says:
            for fact in facts:
                marks[VALUES[first].index(getattr(fact, first)), VALUES[second].index(getattr(fact, second))] = 1
        else:
            marks -= 1
        groups.append(marks.reshape(-1))
    return np.concatenate(groups)


def _cells(row: Row) -> NDArray[np.int64]:
    """(4 x patches): the index into VALUES of each attribute of what a patch shows, one past the last for nothing."""
    table = [[*(VALUES[name].index(getattr(fact, name)) for fact in row.facts), len(VALUES[name])]
             for name in ATTRIBUTES]  # fmt: skip
    return np.array(table, np.int64)[:, row.owners.reshape(-1).astype(np.int64)]


def _varied(pictures: NDArray[np.uint8], rng: np.random.Generator) -> Tensor:
    """Brightness and contrast vary a little."""
    shape = (len(pictures), 1, 1, 1)
    gain, lift = rng.uniform(0.9, 1.1, shape).astype(np.float32), rng.uniform(-10, 10, shape).astype(np.float32)
    return torch.from_numpy(np.clip(pictures * gain + lift, 0, 255).astype(np.uint8))


def _tokens(texts: list[str], tokenizer: PreTrainedTokenizerFast, rng: np.random.Generator) -> Tensor:
    """Token ids (len(texts) x L), padded behind their ends; a few words are lost, so that unknown ones do no harm."""
    ids: Array = tokenizer(texts, padding=True, truncation=True, return_tensors="np")["input_ids"].astype(np.int64)
    special = np.isin(ids, tokenizer.all_special_ids)
    return torch.from_numpy(np.where(~special & (rng.random(ids.shape) < _LOST), tokenizer.unk_token_id, ids))

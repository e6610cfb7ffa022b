"""The four stages of the small MLLM's training, each with its own measure.

vision     the tower learns class, colour, pattern, size and centre of every cell, and the background
language   the language model learns to answer from the true cell labels, given as sums of its own word embeddings
connector  the projector alone learns to turn the tower's features into those sums; tower and language model are frozen
joint      everything is tuned on questions and answers from pixels, with the loss on the replies only

The first two make what others take from the shelf, a pretrained encoder and a pretrained language model; the last two
are the two stages of LLaVA's recipe (Liu et al. 2023, section 4.2: alignment of the features with everything else
frozen, then instruction tuning). A model of this size trained end to end from nothing learns almost nothing in the same
time: the stages part seeing from answering, so that each has a dense signal. A stage's length is minutes of the clock,
and its learning rate falls to nothing at their end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerFast

from ...world.scenes import CLASSES, COLOURS
from ...world.shapes import WORDS
from .cells import IGNORED, PATTERNS, SIZES, Array, Cells, Heads, cells_of, distinct
from .data import Pool, pictures_of
from .model import CELLS, GRID, WIDTH, build_model, encode_pictures, normalise
from .packing import Packed, Packer
from .questions import GROUNDS, KINDS, vocabulary
from .words import COLUMNS, ROWS, build_tokenizer

_FEW = 28  # cells of a picture in most batches of the language stage: all centres and some background
CPU = torch.device("cpu")
Measures = dict[str, float]


@dataclass
class Learner:
    """Everything that the stages share: model, heads, tokenizer, scenes and random numbers."""

    train: Pool
    held_out: list[dict[str, Array]]
    seed: int
    bfloat16: bool = False  # compute the tower in halves: faster where the processor has instructions for them
    device: torch.device = CPU  # of model, heads and batches; scenes stay in the memory of the CPU
    tokenizer: PreTrainedTokenizerFast = field(init=False)
    model: Any = field(init=False)

    def __post_init__(self) -> None:
        torch.manual_seed(self.seed)
        self.rng = np.random.default_rng([self.seed, 1])
        self.tokenizer = build_tokenizer(vocabulary())
        self.model = build_model(self.tokenizer).to(self.device)
        self.model.model.vision_tower.to(memory_format=torch.channels_last)
        self.heads = Heads().to(self.device)
        self.packer = Packer(self.tokenizer)
        ids = self.tokenizer.get_vocab()
        self.thing_id = self._numbers([ids["thing"]])
        # The words for each label of a cell, with their weights in what a perfect tower would tell.
        self.told = {
            name: (self._numbers(ids[word.lower().split()[0]] for word in words), weight)
            for name, words, weight in (
                ("label", CLASSES, 1.0), ("colour", COLOURS, 1.0), ("pattern", PATTERNS, 1.2), ("size", SIZES, 1.2),
                ("sign", WORDS, 0.7), ("background", GROUNDS, 0.5),
            )
        }  # fmt: skip
        third = GRID // 3
        self.row_ids = self._numbers(ids[ROWS[cell // GRID // third]] for cell in range(CELLS))
        self.column_ids = self._numbers(ids[COLUMNS[cell % GRID // third]] for cell in range(CELLS))

    def _numbers(self, values: Iterable[int]) -> Tensor:
        return torch.tensor(list(values), device=self.device)

    @property
    def projector(self) -> nn.Module:
        """The two-layer connector."""
        found: nn.Module = self.model.model.multi_modal_projector
        return found

    def embed(self, ids: Tensor) -> Tensor:
        """Word embeddings."""
        found: Tensor = self.model.model.language_model.embed_tokens(ids)
        return found

    def oracle(self, cells: Cells) -> Tensor:
        """What a perfect tower would tell: N x CELLS x WIDTH, a sum of word embeddings per cell.

        Every cell says its place, and the background where nothing covers it; the cell of an object's centre also says
        class, colour, pattern, size, ``thing``, and the word of a large sign.
        """
        found = 0.5 * (self.embed(self.row_ids) + self.embed(self.column_ids))
        found = found + cells.centre[..., None] * self.embed(self.thing_id)
        for name, (words, weight) in self.told.items():
            labels = getattr(cells, name)
            told = labels.clamp(0, len(words) - 1)
            at = (labels == told) if name == "background" else (labels == told) & (cells.centre > 0)
            found = found + weight * at[..., None] * self.embed(words[told])
        return found

    def cells(self, rows: list[dict[str, Array]]) -> Cells:
        """The labels of these scenes' cells, on the learner's device."""
        return cells_of(rows).to(self.device)

    def packed(self, rows: list[dict[str, Array]]) -> Packed:
        """Training questions about these scenes, on the learner's device."""
        return self.packer.pack(rows, self.rng).to(self.device)

    def features(self, rows: list[dict[str, Array]], *, vary: bool) -> Tensor:
        """The tower's features of these scenes' pictures, N x CELLS x WIDTH."""
        pictures = pictures_of(rows, self.rng if vary else None).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            return encode_pictures(self.model, normalise(pictures)).float()

    def warm_start(self, folder: Path) -> None:
        """Take over the weights of an exported model; rows of word embeddings go to the words of their names."""
        given = LlavaForConditionalGeneration.from_pretrained(folder, local_files_only=True).state_dict()
        before = PreTrainedTokenizerFast.from_pretrained(folder).get_vocab()
        state = self.model.state_dict()
        for name, value in state.items():
            found = given[name].to(value)
            if name.endswith(("embed_tokens.weight", "lm_head.weight")):
                for word, row in self.tokenizer.get_vocab().items():
                    if word in before:
                        value[row] = found[before[word]]
            else:
                value.copy_(found)

    def logits(self, pictures: Tensor, packed: Packed, places: Tensor) -> tuple[Tensor, Tensor]:
        """Logits at the counted tokens, and where they are.

        `pictures` are embeddings N x P x WIDTH of the cells `places` (N x P); every question starts right behind the
        whole picture, however many of its cells are given.
        """
        inputs = torch.cat([pictures, self.embed(packed.ids)], 1)
        hidden = self.model.model.language_model(
            inputs_embeds=inputs,
            attention_mask=packed.mask(pictures.shape[1]),
            position_ids=torch.cat([places, packed.position + CELLS], 1),
            use_cache=False,
        ).last_hidden_state[:, pictures.shape[1] :]
        at = packed.target != IGNORED
        found: Tensor = self.model.lm_head(hidden[at])
        return found, at

    def answer_loss(self, pictures: Tensor, packed: Packed, places: Tensor | None = None) -> Tensor:
        """The mean weighted cross-entropy of the answers' tokens; `places` as in `logits` (all cells)."""
        logits, at = self.logits(pictures, packed, _everywhere(pictures) if places is None else places)
        weight = packed.weight[at]
        return (F.cross_entropy(logits, packed.target[at], reduction="none") * weight).sum() / weight.sum()


def _everywhere(pictures: Tensor) -> Tensor:
    return torch.arange(CELLS, device=pictures.device).expand(len(pictures), CELLS)


class Stage(Protocol):
    """One stage: which parameters learn at which rate, one step's loss, and the held-out measure."""

    batch: int
    rate: float

    def groups(self) -> list[dict[str, Any]]:
        """Parameter groups, each with its share of the learning rate."""

    def loss(self) -> Tensor:
        """The loss of one fresh batch."""

    def measure(self) -> Measures:
        """Figures on held-out scenes."""


@dataclass
class Vision:
    """Dense supervision of the tower."""

    learner: Learner
    batch: int = 16
    rate: float = 2e-3

    def groups(self) -> list[dict[str, Any]]:
        """Tower and heads."""
        tower = self.learner.model.model.vision_tower
        return [{"params": [*tower.parameters(), *self.learner.heads.parameters()], "share": 1.0}]

    def loss(self) -> Tensor:
        """One batch of pictures against their cell labels."""
        rows = self.learner.train.sample(self.learner.rng, self.batch)
        return self.learner.heads.loss(self.learner.features(rows, vary=True), self.learner.cells(rows))

    def measure(self) -> Measures:
        """Share of right labels at object centres (class and colour: background not offered), and of backgrounds.

        Every value of a label counts the same, however often it occurs.
        """
        found: Measures = {}
        names = ("label", "colour", "pattern", "size", "sign", "background")
        pairs: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in names}
        for rows in _chunks(self.learner.held_out[:400], 50):
            cells, features = self.learner.cells(rows), self.learner.features(rows, vary=False)
            for name in names:
                truth: Tensor = getattr(cells, name)
                at = truth != IGNORED if name == "background" else (cells.centre > 0) & (truth != IGNORED)
                made = getattr(self.learner.heads, name)(features[at])
                pairs[name].append(((made[:, :-1] if name in ("label", "colour") else made).argmax(-1), truth[at]))
        for name, chunks in pairs.items():
            made, truth = (torch.cat(side) for side in zip(*chunks, strict=True))
            shares = [(made[truth == value] == value).float().mean() for value in set(truth.tolist())]
            found[name] = float(torch.stack(shares).mean()) if shares else 0.0
        return found


@dataclass
class Language:
    """Answers from the true cell labels."""

    learner: Learner
    batch: int = 6
    rate: float = 1.5e-3

    def groups(self) -> list[dict[str, Any]]:
        """The language model (its head is tied to the word embeddings)."""
        return [{"params": list(self.learner.model.model.language_model.parameters()), "share": 1.0}]

    def loss(self) -> Tensor:
        """One batch of scenes whose objects do not share a cell; most batches leave out most of the background."""
        learner = self.learner
        rows: list[dict[str, Array]] = []
        while len(rows) < self.batch:
            rows += [row for row in learner.train.sample(learner.rng, self.batch) if distinct(row)]
        rows = rows[: self.batch]
        cells = learner.cells(rows)
        kept = CELLS if learner.rng.random() < 0.2 else _FEW
        places = (cells.centre + 0.9 * torch.rand_like(cells.centre)).topk(kept, dim=1).indices.sort(dim=1).values
        pictures = learner.oracle(cells).gather(1, places[..., None].expand(-1, -1, WIDTH))
        return learner.answer_loss(pictures, learner.packed(rows), places)

    def measure(self) -> Measures:
        """Share of right answers by kind, from true labels."""
        rows = [row for row in self.learner.held_out[:240] if distinct(row)]
        return answered(self.learner, rows, lambda chunk: self.learner.oracle(self.learner.cells(chunk)))


@dataclass
class Connector:
    """The projector towards the sums of word embeddings; tower and language model stand still."""

    learner: Learner
    batch: int = 16
    rate: float = 2e-3

    def groups(self) -> list[dict[str, Any]]:
        """The projector."""
        return [{"params": list(self.learner.projector.parameters()), "share": 1.0}]

    def loss(self) -> Tensor:
        """Squared distance in units of the targets' variance; centres count 4, objects 1, background 0.3."""
        rows = self.learner.train.sample(self.learner.rng, self.batch)
        cells = self.learner.cells(rows)
        self.learner.model.model.vision_tower.eval()
        with torch.no_grad():
            features, target = self.learner.features(rows, vary=True), self.learner.oracle(cells)
            owned = torch.where(cells.label < len(CLASSES), 1.0, 0.3)
            weight = torch.where(cells.centre > 0, 4.0, owned)
        made: Tensor = self.learner.projector(features)
        distance = (made - target).square().mean(-1) / target.var()
        return (distance * weight).sum() / weight.sum()

    def measure(self) -> Measures:
        """Share of right answers by kind, from pixels."""
        return _from_pixels(self.learner)


@dataclass
class Joint:
    """Everything from pixels; the tower learns slowly and its normalisation stands still."""

    learner: Learner
    batch: int = 6
    rate: float = 8e-4

    def groups(self) -> list[dict[str, Any]]:
        """Language model and projector at the full rate, tower and heads at a third."""
        parts = self.learner.model.model
        return [
            {"params": [*parts.language_model.parameters(), *self.learner.projector.parameters()], "share": 1.0},
            {"params": [*parts.vision_tower.parameters(), *self.learner.heads.parameters()], "share": 0.3},
        ]

    def loss(self) -> Tensor:
        """The replies' tokens, and the cell labels at 0.3 so that the tower does not forget."""
        learner = self.learner
        rows = learner.train.sample(learner.rng, self.batch)
        for module in learner.model.model.vision_tower.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.eval()
        features = learner.features(rows, vary=True)
        answers = learner.answer_loss(learner.projector(features), learner.packed(rows))
        return answers + 0.3 * learner.heads.loss(features, learner.cells(rows))

    def measure(self) -> Measures:
        """Share of right answers by kind, from pixels."""
        return _from_pixels(self.learner)


STAGES: dict[str, Callable[[Learner], Stage]] = {
    "vision": Vision, "language": Language, "connector": Connector, "joint": Joint,
}  # fmt: skip


def answered(
    learner: Learner, rows: list[dict[str, Array]], pictures: Callable[[list[dict[str, Array]]], Tensor]
) -> Measures:
    """Share of questions by kind whose every answer token is the likeliest one (equal to greedy decoding)."""
    rng = np.random.default_rng(5)
    right, asked = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
    for chunk in _chunks(rows, 40):
        packed = learner.packer.pack(chunk, rng, training=False).to(learner.device)
        told = pictures(chunk)
        logits, at = learner.logits(told, packed, _everywhere(told))
        wrong = torch.zeros_like(packed.ids)
        wrong[at] = (logits.argmax(-1) != packed.target[at]).long()
        for i, kinds in enumerate(packed.kinds):
            for number, kind in enumerate(kinds, start=1):
                asked[kind] += 1
                right[kind] += int(wrong[i][packed.segment[i] == number].sum() == 0)
    return {kind: right[kind] / max(asked[kind], 1) for kind in KINDS}


def _from_pixels(learner: Learner) -> Measures:
    return answered(learner, learner.held_out[:240], lambda rows: learner.projector(learner.features(rows, vary=False)))


def _chunks(rows: list[dict[str, Array]], size: int) -> Iterator[list[dict[str, Array]]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]

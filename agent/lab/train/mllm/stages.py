"""The four stages of the backbone's training, each with its own measure.

vision     the tower learns class, colour, pattern, size and centre of every cell, and the background
language   the language model learns to answer from the true cell labels, given as sums of its own word embeddings
connector  the projector alone learns to turn the tower's features into those sums; tower and language model are frozen
joint      everything is tuned on questions and answers from pixels, with the loss on the replies only

Wherever the language model learns, it learns plans from requests at the same step: it serves the planner too.

The first two make what others take from the shelf, a pretrained encoder and a pretrained language model; the last two
are the two stages of LLaVA's recipe (Liu et al. 2023, section 4.2: alignment of the features with everything else
frozen, then instruction tuning). A model of this size trained end to end from nothing learns almost nothing in the same
time: the stages part seeing from answering, so that each has a dense signal. A stage's length is minutes of the clock,
and its learning rate falls to nothing at their end.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from transformers import AutoConfig, LlavaConfig, LlavaForConditionalGeneration, PreTrainedTokenizerFast

from ...world.scenes import CLASSES, COLOURS
from ...world.shapes import WORDS
from ..planner.requests import Generator
from ..planner.train import Plans, Recipe, new_model, plan_loss, take_over, tokenizer_of
from .cells import IGNORED, PATTERNS, SIZES, Array, Cells, Heads, cells_of
from .cells import distinct as distinct_cells
from .data import Batch, Scenes, pictures_of
from .model import CELLS, GRID, WIDTH, build_model, encode_pictures, normalise
from .packing import Packed, Packer
from .questions import GROUNDS, KINDS
from .words import COLUMNS, ROWS

_FEW = 28  # cells of a picture in most batches of the language stage: all centres and some background
_PICTURE = 1.5  # what a picture with its questions costs to make, in requests
_PLANS = 2.0  # weight of the plans' loss beside the answers'
CPU = torch.device("cpu")
Measures = dict[str, float]


@dataclass(frozen=True)
class Setting:
    """How a learner learns.

    `pictures` and `plans` are the examples of a step, `workers` the processes that make them (0: the training process
    itself). `bfloat16` computes in halves where torch's autocast does.
    """

    seed: int = 0
    pictures: int = 6
    plans: int = 12
    workers: int = 0
    bfloat16: bool = False
    device: torch.device = CPU

    @classmethod
    def fitting(cls, device: str, seed: int) -> Setting:
        """What suits a device: small steps in one process on a CPU; on others large ones, with every core at work."""
        if torch.device(device).type == "cpu":
            return cls(seed)
        return cls(seed, 160, 640, max(2, len(os.sched_getaffinity(0)) - 1), True, torch.device(device))


class Learner:
    """Everything that the stages share: model, heads, tokenizer, scenes and requests.

    Args:
        generator: of the requests.
        setting: how it learns.
        warm: folders of exported models to start from. A planner LM gives its words and layers, an MLLM its tower, a
            backbone all of its weights; of two with the same part the later one counts.
        held_out: scenes to measure with.
        recipe: sizes of the planner LM.
        tokenizer: to use; else that of a warm model that has all tokens needed, or a new one.
        start: how often this training was started before: each start draws examples of its own.
    """

    def __init__(
        self,
        generator: Generator,
        setting: Setting,
        warm: Sequence[Path] = (),
        held_out: list[dict[str, Array]] | None = None,
        recipe: Recipe | None = None,
        tokenizer: PreTrainedTokenizerFast | None = None,
        start: int = 0,
    ) -> None:
        torch.manual_seed(setting.seed)
        self.setting, self.device, self.held_out = setting, setting.device, held_out or []
        self.recipe = replace(recipe or Recipe(), seed=setting.seed, batch=setting.plans)
        self.rng = np.random.default_rng([setting.seed, 2])
        self.tokenizer = tokenizer or tokenizer_of(generator, self.recipe, warm)
        self.planner = new_model(self.recipe, self.tokenizer)
        self.model: Any = build_model(self.planner, self.tokenizer)
        for folder in warm:
            self._start_from(folder)
        self.model.to(self.device)
        if setting.bfloat16 and self.device.type == "cpu":  # the fused kernel's backward pass is slow in bf16 there
            self.planner.model.set_attn_implementation("eager")
        self.model.model.vision_tower.to(memory_format=torch.channels_last)
        self.heads = Heads().to(self.device)
        self.packer = Packer(self.tokenizer)
        painting = _PICTURE * setting.pictures
        makers = math.ceil(setting.workers * painting / (painting + setting.plans))
        self.scenes = _stream(Scenes(self.packer, setting.pictures, setting.seed, start), makers)
        plans = Plans(generator, self.tokenizer, self.recipe, f"{setting.seed}/{start}")
        self.requests = _stream(plans, setting.workers - makers)
        self.seen = {"pictures": 0, "requests": 0}
        token = self.packer.token
        self.thing_id = self._numbers([token("thing")])
        # The words for each label of a cell, with their weights in what a perfect tower would tell.
        self.told = {
            name: (self._numbers(token(word.lower().split()[0]) for word in words), weight)
            for name, words, weight in (
                ("label", CLASSES, 1.0), ("colour", COLOURS, 1.0), ("pattern", PATTERNS, 1.2), ("size", SIZES, 1.2),
                ("sign", WORDS, 0.7), ("background", GROUNDS, 0.5),
            )
        }  # fmt: skip
        third = GRID // 3
        self.row_ids = self._numbers(token(ROWS[cell // GRID // third]) for cell in range(CELLS))
        self.column_ids = self._numbers(token(COLUMNS[cell % GRID // third]) for cell in range(CELLS))

    def _start_from(self, folder: Path) -> None:
        """Take over what an exported model has."""
        sees = isinstance(AutoConfig.from_pretrained(folder, local_files_only=True), LlavaConfig)
        plans = take_over(self.planner, self.tokenizer, folder)
        if not (sees or plans):
            raise ValueError(f"{folder} is neither a planner LM of this form nor an MLLM")
        if sees:
            given = LlavaForConditionalGeneration.from_pretrained(folder, local_files_only=True).model
            parts = [(self.model.model.vision_tower, given.vision_tower)]
            if plans:  # a projector speaks in the words of its own language model
                parts.append((self.projector, given.multi_modal_projector))
            for own, source in parts:
                own.load_state_dict(source.state_dict())

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

    def batch(self) -> Batch:
        """Fresh scenes with their questions, on the learner's device."""
        made: Batch = next(self.scenes).to(self.device)
        self.seen["pictures"] += len(made.pictures)
        return made

    def plan_loss(self) -> Tensor:
        """The loss of a fresh batch of requests with plans."""
        ids, labels = (torch.from_numpy(part).to(self.device) for part in next(self.requests))
        self.seen["requests"] += len(ids)
        return _PLANS * plan_loss(self.planner, ids, labels)

    def features(self, pictures: Tensor) -> Tensor:
        """The tower's features of pictures (uint8 N x SIDE x SIDE x 3), N x CELLS x WIDTH."""
        return encode_pictures(self.model, normalise(pictures))

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

    def answer_loss(
        self, pictures: Tensor, packed: Packed, places: Tensor | None = None, counted: Tensor | None = None
    ) -> Tensor:
        """The mean weighted cross-entropy of the answers' tokens; `places` as in `logits` (all cells).

        `counted` (bool N) leaves out the questions about the other pictures.
        """
        logits, at = self.logits(pictures, packed, _everywhere(pictures) if places is None else places)
        weights = packed.weight if counted is None else packed.weight * counted[:, None]
        weight = weights[at]
        loss = F.cross_entropy(logits.float(), packed.target[at], reduction="none")
        return (loss * weight).sum() / weight.sum().clamp(min=1e-6)


def _stream(dataset: Any, workers: int) -> Iterator[Any]:
    """The dataset's batches, made beside the training by `workers` processes where there are any."""
    return iter(
        DataLoader(
            dataset, batch_size=None, num_workers=workers, prefetch_factor=4 if workers else None,
            collate_fn=_as_made, in_order=False,
        )
    )  # fmt: skip


def _as_made(batch: Any) -> Any:
    return batch


def _everywhere(pictures: Tensor) -> Tensor:
    return torch.arange(CELLS, device=pictures.device).expand(len(pictures), CELLS)


class Stage(Protocol):
    """One stage: which parameters learn at which rate, one step's loss, and the held-out measure."""

    rate: float

    def groups(self) -> list[dict[str, Any]]:
        """Parameter groups, each with its share of the learning rate."""

    def losses(self) -> dict[str, Tensor]:
        """The losses of one fresh batch, by what is learnt; their sum is to fall."""

    def measure(self) -> Measures:
        """Figures on held-out scenes."""


@dataclass
class Vision:
    """Dense supervision of the tower."""

    learner: Learner
    rate: float = 2e-3

    def groups(self) -> list[dict[str, Any]]:
        """Tower and heads."""
        tower = self.learner.model.model.vision_tower
        return [{"params": [*tower.parameters(), *self.learner.heads.parameters()], "share": 1.0}]

    def losses(self) -> dict[str, Tensor]:
        """One batch of pictures against their cell labels."""
        batch = self.learner.batch()
        return {"cells": self.learner.heads.loss(self.learner.features(batch.pictures), batch.cells)}

    def measure(self) -> Measures:
        """Share of right labels at object centres (class and colour: background not offered), and of backgrounds.

        Every value of a label counts the same, however often it occurs.
        """
        found: Measures = {}
        names = ("label", "colour", "pattern", "size", "sign", "background")
        pairs: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in names}
        for rows in _chunks(self.learner.held_out[:400], 50):
            cells = cells_of(rows).to(self.learner.device)
            features = self.learner.features(pictures_of(rows).to(self.learner.device))
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
    rate: float = 1.5e-3

    def groups(self) -> list[dict[str, Any]]:
        """The language model (its head is tied to the word embeddings)."""
        return [{"params": list(self.learner.model.model.language_model.parameters()), "share": 1.0}]

    def losses(self) -> dict[str, Tensor]:
        """Scenes whose objects do not share a cell; most batches leave out most of the background. And plans."""
        learner, batch = self.learner, self.learner.batch()
        cells = batch.cells
        kept = CELLS if learner.rng.random() < 0.2 else _FEW
        places = (cells.centre + 0.9 * torch.rand_like(cells.centre)).topk(kept, dim=1).indices.sort(dim=1).values
        pictures = learner.oracle(cells).gather(1, places[..., None].expand(-1, -1, WIDTH))
        answers = learner.answer_loss(pictures, batch.packed, places, batch.distinct)
        return {"answers": answers, "plans": learner.plan_loss()}

    def measure(self) -> Measures:
        """Share of right answers by kind, from true labels."""
        rows = [row for row in self.learner.held_out[:240] if distinct_cells(row)]
        return answered(self.learner, rows, lambda chunk: self.learner.oracle(cells_of(chunk).to(self.learner.device)))


@dataclass
class Connector:
    """The projector towards the sums of word embeddings; tower and language model stand still."""

    learner: Learner
    rate: float = 2e-3

    def groups(self) -> list[dict[str, Any]]:
        """The projector."""
        return [{"params": list(self.learner.projector.parameters()), "share": 1.0}]

    def losses(self) -> dict[str, Tensor]:
        """Squared distance in units of the targets' variance; centres count 4, objects 1, background 0.3."""
        batch = self.learner.batch()
        cells = batch.cells
        self.learner.model.model.vision_tower.eval()
        with torch.no_grad():
            features, target = self.learner.features(batch.pictures), self.learner.oracle(cells)
            owned = torch.where(cells.label < len(CLASSES), 1.0, 0.3)
            weight = torch.where(cells.centre > 0, 4.0, owned)
        made: Tensor = self.learner.projector(features)
        distance = (made - target).square().mean(-1) / target.var()
        return {"distance": (distance * weight).sum() / weight.sum()}

    def measure(self) -> Measures:
        """Share of right answers by kind, from pixels."""
        return _from_pixels(self.learner)


@dataclass
class Joint:
    """Everything from pixels; the tower learns slowly and its normalisation stands still."""

    learner: Learner
    rate: float = 8e-4

    def groups(self) -> list[dict[str, Any]]:
        """Language model and projector at the full rate, tower and heads at a third."""
        parts = self.learner.model.model
        return [
            {"params": [*parts.language_model.parameters(), *self.learner.projector.parameters()], "share": 1.0},
            {"params": [*parts.vision_tower.parameters(), *self.learner.heads.parameters()], "share": 0.3},
        ]

    def losses(self) -> dict[str, Tensor]:
        """The replies' tokens; the cell labels at 0.3, so that the tower does not forget; and plans."""
        learner, batch = self.learner, self.learner.batch()
        for module in learner.model.model.vision_tower.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.eval()
        features = learner.features(batch.pictures)
        answers = learner.answer_loss(learner.projector(features), batch.packed)
        cells = 0.3 * learner.heads.loss(features, batch.cells)
        return {"answers": answers, "cells": cells, "plans": learner.plan_loss()}

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
    def told(rows: list[dict[str, Array]]) -> Tensor:
        made: Tensor = learner.projector(learner.features(pictures_of(rows).to(learner.device)))
        return made

    return answered(learner, learner.held_out[:240], told)


def _chunks(rows: list[dict[str, Array]], size: int) -> Iterator[list[dict[str, Array]]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]

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

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ...world.scenes import CLASSES
from .cells import IGNORED, Array, cells_of, distinct
from .data import pictures_of
from .learner import Learner
from .model import CELLS, WIDTH
from .questions import KINDS

_FEW = 28  # cells of a picture in most batches of the language stage: all centres and some background
Measures = dict[str, float]


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
        rows = [row for row in self.learner.held_out[:240] if distinct(row)]
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
        logits, at = learner.logits(told, packed)
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

"""What learns, and how: the backbone with heads over its tower, its examples, and the losses that the stages use."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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
from .cells import IGNORED, PATTERNS, SIZES, Array, Cells, Heads
from .data import Batch, Scenes
from .model import CELLS, GRID, build_model, encode_pictures, normalise
from .packing import Packed, Packer
from .questions import GROUNDS
from .words import COLUMNS, ROWS

_PICTURE = 8.0  # what a picture with its questions costs to make, in requests
_PLANS = 2.0  # weight of the plans' loss beside the answers'
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Setting:
    """How a learner learns.

    `pictures` and `plans` are the examples of a step, `workers` the processes that make them (0: the training process
    itself). `bfloat16` computes in halves where torch's autocast does. `again` is how many earlier batches of requests
    come after each new one.
    """

    seed: int = 0
    pictures: int = 6
    plans: int = 12
    workers: int = 0
    bfloat16: bool = False
    again: int = 0
    device: torch.device = CPU

    @classmethod
    def fitting(cls, device: str, seed: int) -> Setting:
        """What suits a device: small steps in one process on a CPU; on others large ones, with every core at work."""
        if torch.device(device).type == "cpu":
            return cls(seed)
        return cls(seed, 48, 768, max(2, len(os.sched_getaffinity(0)) - 1), True, 1, torch.device(device))


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
        plans = Plans(generator, self.tokenizer, self.recipe, f"{setting.seed}/{start}", setting.again)
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

    def logits(self, pictures: Tensor, packed: Packed, places: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logits at the counted tokens, and where they are.

        `pictures` are embeddings N x P x WIDTH of the cells `places` (N x P; None: all cells); every question starts
        right behind the whole picture, however many of its cells are given.
        """
        if places is None:
            places = torch.arange(CELLS, device=pictures.device).expand(len(pictures), CELLS)
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
        """The mean weighted cross-entropy of the answers' tokens; `places` as in `logits`.

        `counted` (bool N) leaves out the questions about the other pictures.
        """
        logits, at = self.logits(pictures, packed, places)
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

"""Trains the embedder of `mini`: CLIP (Radford et al. 2021) at a small size, from nothing, on scenes and their twins.

    python -m panmodal.agent.lab.train.embedder.train --minutes 50 --out runs/embedder

A batch is made of twins, so a picture is told apart from one that differs in a single attribute of one thing. The
contrast alone teaches a transformer little in such a time. Three aids, all used in training only: the patches are
taught what they show before the class token collects it; both vectors of a scene, that of the picture and that of the
text, are read by one and the same linear head, which says which attributes go together; and the first layers begin by
looking around (see ``model``). The learning rate follows the clock.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from transformers import CLIPModel, CLIPProcessor

from ...world.scenes import BACKGROUNDS
from ..command import ordered
from ..schedule import learning_rate
from ..weights import load_full, save_half
from .data import MARKS, VALUES, Batch, Pictures
from .evaluate import gallery, recalls
from .model import WIDTH, build_model, build_processor, export, normalise, opened
from .twins import ATTRIBUTES
from .wordings import build_tokenizer

RATE = 1.5e-3
PAIRS = {"cpu": 8, "cuda": 128}
"""Twins of a step."""
SAVE_EVERY = 240.0
"""Seconds between checkpoints."""
HELD_OUT = 100
"""Scenes of the split val that are measured with every checkpoint."""
WEIGHTS = {"contrast": 1.0, "patches": 1.0, "shown": 1.0, "told": 0.5, "background": 0.1}

_SEEN = 3  # the layer whose patches are taught; the one behind it collects
_SHARES = {"label": 1.0, "colour": 1.0, "size": 0.5, "place": 0.5}
_LARGEST = 100.0  # of the factor before cosines, as in CLIP
Log = Callable[[str], None]


class Heads(nn.Module):
    """What reads patches and vectors in training, and the losses."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.patches = nn.ModuleDict({name: nn.Linear(WIDTH, len(VALUES[name]) + 1) for name in ATTRIBUTES})
        self.centre = nn.Linear(WIDTH, 1)
        self.marks = nn.Linear(WIDTH, sum(MARKS))
        self.background = nn.Linear(WIDTH, len(BACKGROUNDS))
        nn.init.constant_(self.marks.bias, -3.5)  # about one mark in thirty is set

    def patch_loss(self, patches: Tensor, batch: Batch) -> Tensor:
        """What each patch (N x patches x WIDTH) shows: a thing's middle counts 3, a thing 1, background 0.25."""
        features = self.norm(patches)
        owned = batch.cells[0] < len(VALUES["label"])
        weight = torch.where(batch.centre > 0, 3.0, torch.where(owned, 1.0, 0.25))
        loss = F.binary_cross_entropy_with_logits(
            self.centre(features)[..., 0], batch.centre, pos_weight=features.new_tensor(4.0)
        )
        for name, labels in zip(ATTRIBUTES, batch.cells, strict=True):
            entropy = F.cross_entropy(self.patches[name](features).transpose(1, 2), labels, reduction="none")
            loss = loss + _SHARES[name] * (entropy * weight).sum() / weight.sum()
        return loss

    def mark_loss(self, vectors: Tensor, marks: Tensor) -> Tensor:
        """Which attributes go together (see ``data.Batch``), from unit vectors (N x WIDTH); per mark that is set."""
        logits = self.marks(vectors * WIDTH**0.5)
        loss = F.binary_cross_entropy_with_logits(logits, marks.clamp(min=0), reduction="none")
        return (loss * (marks >= 0)).sum() / (marks > 0).sum().clamp(min=1)


def contrast_loss(texts: Tensor, pictures: Tensor, true: Tensor, scale: Tensor) -> Tensor:
    """The contrastive loss of 2N texts, the first N of them captions of the N pictures, as unit vectors.

    A text that is true of several pictures is to find any of them, one that is true of none finds nothing; a picture
    is to find its caption among texts that are false of it. ``true`` (bool 2N x N) says which are.
    """
    logits = scale * texts @ pictures.T
    found = torch.logsumexp(logits.masked_fill(~true, -torch.inf)[true.any(1)], 1)
    to_picture = (torch.logsumexp(logits[true.any(1)], 1) - found).mean()
    own = torch.eye(*logits.shape, dtype=torch.bool, device=logits.device)
    to_text = F.cross_entropy(
        logits.masked_fill(true & ~own, -torch.inf).T, torch.arange(len(pictures), device=logits.device)
    )
    return (to_picture + to_text) / 2


def losses_of(model: CLIPModel, heads: Heads, batch: Batch) -> dict[str, Tensor]:
    """The losses of one batch by name; the towers compute in bfloat16 on a GPU, the losses in float32."""
    device = batch.pictures.device.type
    with torch.autocast(device, torch.bfloat16, enabled=device != "cpu"):
        seen = model.get_image_features(normalise(batch.pictures), output_hidden_states=True)
        read = model.get_text_features(batch.tokens)
    pictures, texts = (F.normalize(made.pooler_output.float(), dim=-1) for made in (seen, read))
    scale = model.logit_scale.exp().clamp(max=_LARGEST)
    return {
        "contrast": contrast_loss(texts, pictures, batch.true, scale),
        "patches": heads.patch_loss(seen.hidden_states[_SEEN][:, 1:].float(), batch),
        "shown": heads.mark_loss(pictures, batch.shown),
        "told": heads.mark_loss(texts, batch.told),
        "background": F.cross_entropy(heads.background(pictures * WIDTH**0.5), batch.background),
    }


class _Run:
    """Model, heads and what is known of the training so far."""

    def __init__(self, seed: int, device: str, resume_from: Path | None) -> None:
        torch.manual_seed(seed)
        self.device = torch.device(device)
        self.heads = Heads()
        self.facts = {"starts": 0, "seconds": 0, "pictures": 0}
        self.model: CLIPModel
        self.processor: CLIPProcessor
        if resume_from is None:
            tokenizer = build_tokenizer()
            self.model, self.processor = build_model(tokenizer), build_processor(tokenizer)
        else:
            self.model, self.processor = opened(resume_from)
            self.heads.load_state_dict(load_full(resume_from / "heads.safetensors"))
            self.facts = json.loads((resume_from / "facts.json").read_text(encoding="utf-8"))
        self.model.to(self.device)
        self.heads.to(self.device)

    def batches(self, seed: int) -> Iterator[Batch]:
        """Training batches without end; beside a GPU every other core makes them."""
        beside = self.device.type != "cpu"
        workers = max(1, len(os.sched_getaffinity(0)) - 1) if beside else 0
        pictures = Pictures(self.processor.tokenizer, PAIRS["cuda" if beside else "cpu"], seed, self.facts["starts"])
        return iter(DataLoader(pictures, batch_size=None, num_workers=workers, collate_fn=_as_made,
                               prefetch_factor=4 if workers else None, in_order=False))  # fmt: skip

    def groups(self) -> list[dict[str, Any]]:
        """Parameter groups: matrices decay, all else does not."""
        every = [*self.model.parameters(), *self.heads.parameters()]
        return [
            {"params": [p for p in every if p.ndim > 1], "weight_decay": 0.05},
            {"params": [p for p in every if p.ndim <= 1], "weight_decay": 0.0},
        ]

    def save(self, out: Path) -> None:
        """Write the model for its users, and beside it what a later start goes on from."""
        export(self.model, self.processor, out)
        save_half(self.heads.state_dict(), out / "heads.safetensors")
        (out / "facts.json").write_text(json.dumps(self.facts) + "\n", encoding="utf-8")


def train(out: Path, *, minutes: float, seed: int, device: str, resume_from: Path | None, log: Log = print) -> None:
    """Train for ``minutes`` of the clock; writes a folder that the Auto classes open to ``out``.

    ``resume_from`` is such a folder, whose weights are the start of a fresh schedule with pairs that no start saw
    before. A checkpoint is written, and held-out recalls are logged, every four minutes.
    """
    run = _Run(seed, device, resume_from)
    model, heads = run.model, run.heads
    optimiser = torch.optim.AdamW(run.groups(), lr=RATE, betas=(0.9, 0.98), foreach=True)
    shown = [gallery(0, HELD_OUT, "val")]
    batches, step, before = run.batches(seed), 0, dict(run.facts)
    run.facts["starts"] += 1
    means: dict[str, Tensor] = {}
    began = told = saved = time.monotonic()
    while (used := time.monotonic() - began) < 60 * minutes:
        for group in optimiser.param_groups:
            group["lr"] = RATE * learning_rate(used, 60 * minutes)
        batch = next(batches).to(run.device)
        model.train()
        losses = losses_of(model, heads, batch)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(torch.stack([WEIGHTS[name] * loss for name, loss in losses.items()]).sum())
        nn.utils.clip_grad_norm_([*model.parameters(), *heads.parameters()], 1.0)
        optimiser.step()
        step += 1
        run.facts["pictures"] += len(batch.pictures)
        run.facts["seconds"] = before["seconds"] + round(used)
        for name, loss in losses.items():
            means[name] = means.get(name, loss.detach()) * 0.98 + 0.02 * loss.detach()
        now = time.monotonic()
        if now - told > 60:
            told = now
            figures = " ".join(f"{name} {float(mean):.3f}" for name, mean in means.items())
            seen = run.facts["pictures"] - before["pictures"]
            log(f"{used / 60:.1f} min, step {step}, {seen} pictures, {seen / used:.1f} a second, {figures}")
        if now - saved > SAVE_EVERY:
            saved = now
            run.save(out)
            log(f"held out: {recalls(model.eval(), run.processor, shown, seed)}")
    run.save(out)
    log(f"{step} steps; held out: {recalls(model.eval(), run.processor, shown, seed)}")


def _as_made(batch: Any) -> Any:
    return batch


def main() -> None:
    """Command line of the recipe."""
    given = ordered("embedder", minutes=50)
    train(**given)


if __name__ == "__main__":
    main()

"""Runs the stages against the clock, with checkpoints from which a killed run goes on."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .learner import Learner
from .stages import STAGES, Measures, Stage

# Each stage with the stages whose weights it starts from; vision and language may be trained side by side.
NEEDS: dict[str, tuple[str, ...]] = {
    "vision": (), "language": (), "connector": ("vision", "language"), "joint": ("connector",)
}  # fmt: skip
_PART = {"vision": "vision_tower", "language": "language_model"}  # what these two stages train of the model
_WARM = 200  # steps in which the learning rate rises


@dataclass
class Runner:
    """Runs stages against the clock and keeps a checkpoint from which a killed run goes on."""

    learner: Learner
    folder: Path
    log: Callable[[str], None] = print
    keep_every: float = 120.0  # seconds between checkpoints
    counts: dict[str, Counter[str]] = field(default_factory=dict)  # by stage: pictures, requests, seconds
    rate: float = 1.0  # share of a stage's peak learning rate, e.g. less of it for weights that are trained already

    def run(self, name: str, minutes: float) -> Measures:
        """Train one stage for `minutes` (what an earlier, killed run spent on it counts) and return its measure."""
        stage = STAGES[name](self.learner)
        groups = stage.groups()
        parameters = [p for group in groups for p in group["params"]]
        peak = stage.rate * self.rate
        optimiser = torch.optim.AdamW(groups, lr=peak, betas=(0.9, 0.98), weight_decay=0.01, foreach=True)
        spent, step = self._resume(name, optimiser)
        before = Counter(self.learner.seen) - self.counts.get(name, Counter())
        start = time.monotonic() - spent
        means: dict[str, Tensor] = {}
        kept = told = time.monotonic()
        pause = 60.0
        while (spent := time.monotonic() - start) < minutes * 60:
            rate = peak * min(1, (step + 1) / _WARM) * 0.5 * (1 + math.cos(math.pi * spent / (minutes * 60)))
            for group in optimiser.param_groups:
                group["lr"] = rate * group["share"]
            self._train_mode()
            with self._halves():
                losses = stage.losses()
            optimiser.zero_grad(set_to_none=True)
            torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            step += 1
            for part, loss in losses.items():
                means[part] = 0.99 * means[part] + 0.01 * loss.detach() if part in means else loss.detach()
            now = time.monotonic()
            if now - kept > self.keep_every:
                kept = now
                self._count(name, before, spent)
                self._keep(name, optimiser, spent, step)
            if now - told > pause:
                self._tell(name, spent, step, means, self._measure(stage))
                told = time.monotonic()
                pause = max(60.0, 20 * (told - now))  # measuring takes a twentieth of the time at most
        measures = self._measure(stage)
        self._tell(name, spent, step, means, measures)
        self._count(name, before, minutes * 60)
        self._keep(name, None, minutes * 60, step)
        return measures

    def _count(self, name: str, before: Counter[str], spent: float) -> None:
        self.counts[name] = Counter(self.learner.seen) - before
        self.counts[name]["seconds"] = round(spent)

    def _halves(self) -> torch.autocast:
        setting = self.learner.setting
        return torch.autocast(setting.device.type, torch.bfloat16, enabled=setting.bfloat16)

    def load(self, name: str) -> bool:
        """Take over what a stage has trained from its checkpoint; False where there is none."""
        path = self._path(name)
        if not path.exists():
            return False
        state, part = self._saved(name), _PART.get(name, "")
        taken = {key: value for key, value in state["model"].items() if part in key}
        self.learner.model.load_state_dict(taken, strict=False)
        self.counts[name] = Counter(state["counts"])
        if name != "language":
            self.learner.heads.load_state_dict(state["heads"])
        return True

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.pt"

    def _saved(self, name: str) -> dict[str, Any]:
        state: dict[str, Any] = torch.load(self._path(name), map_location=self.learner.device, weights_only=True)
        return state

    def _resume(self, name: str, optimiser: torch.optim.Optimizer) -> tuple[float, int]:
        if not self.load(name):
            return 0.0, 0
        state = self._saved(name)
        if state["optimiser"] is not None:
            optimiser.load_state_dict(state["optimiser"])
        for what in self.learner.seen:
            self.learner.seen[what] += self.counts[name][what]
        self.learner.rng = np.random.default_rng([self.learner.setting.seed, int(state["step"])])
        return float(state["spent"]), int(state["step"])

    def _keep(self, name: str, optimiser: torch.optim.Optimizer | None, spent: float, step: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self._path(name).with_suffix(".part")
        torch.save(
            {
                "model": self.learner.model.state_dict(), "heads": self.learner.heads.state_dict(), "spent": spent,
                "step": step, "counts": dict(self.counts[name]),
                "optimiser": None if optimiser is None else optimiser.state_dict(),
            },
            part,
        )  # fmt: skip
        part.rename(self._path(name))

    def _train_mode(self) -> None:
        self.learner.model.train()
        self.learner.heads.train()

    @torch.no_grad()
    def _measure(self, stage: Stage) -> Measures:
        self.learner.model.eval()
        self.learner.heads.eval()
        return stage.measure()

    def _tell(self, name: str, spent: float, step: int, means: dict[str, Tensor], measures: Measures) -> None:
        losses = " ".join(f"{part} {float(mean):.4f}" for part, mean in means.items())
        figures = " ".join(f"{key} {value:.3g}" for key, value in measures.items())
        seen = " ".join(f"{number} {what}" for what, number in self.learner.seen.items())
        self.log(f"{name} {spent / 60:.1f} min step {step} so far {seen} loss {losses} right {figures}")

"""Trains the denoiser against the clock, with checkpoints from which a killed run goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ..schedule import learning_rate
from .denoising import Denoising

KEEP_EVERY = 240.0
"""Seconds between checkpoints, each of which measures and exports."""
TELLINGS = 60
"""Lines of progress in all."""

Log = Callable[[str], None]


@dataclass
class Runner:
    """Trains on ``device`` and keeps checkpoints in ``folder``."""

    folder: Path
    device: torch.device
    bfloat16: bool
    log: Log

    def run(self, denoising: Denoising, minutes: float) -> int:
        """Train for ``minutes``, with those of a killed run, unless it is done; returns the examples seen in all."""
        parameters = list(denoising.module.parameters())
        optimiser = torch.optim.AdamW(
            parameters, lr=denoising.rate, betas=(0.9, 0.99), weight_decay=0.01, fused=self.device.type == "cuda"
        )
        spent, step, done = self._resume(denoising, optimiser)
        total = 60 * minutes
        if done:
            return step * denoising.batch
        denoising.begin(step)
        denoising.module.train()
        start = time.monotonic() - spent
        told = kept = time.monotonic()
        means: dict[str, Tensor] = {}
        while (spent := time.monotonic() - start) < total:
            for group in optimiser.param_groups:
                group["lr"] = denoising.rate * learning_rate(spent, total)
            for name, loss in self._step(denoising, parameters, optimiser).items():
                means[name] = torch.lerp(means.get(name, loss), loss, 0.02)
            step += 1
            now = time.monotonic()
            if now - told > total / TELLINGS:
                told = now
                self._tell(denoising, spent, step, means)
            if now - kept > KEEP_EVERY:
                self._keep(denoising, optimiser, spent, step, done=False)
                kept = time.monotonic()
        self._tell(denoising, spent, step, means)
        self._keep(denoising, optimiser, spent, step, done=True)
        return step * denoising.batch

    def _step(
        self, denoising: Denoising, parameters: list[nn.Parameter], optimiser: torch.optim.Optimizer
    ) -> dict[str, Tensor]:
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            losses = denoising.losses()
        torch.autograd.backward(torch.stack(list(losses.values())).sum())
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        denoising.averages.step(parameters)
        return {name: loss.detach() for name, loss in losses.items()}

    def _tell(self, denoising: Denoising, spent: float, step: int, means: dict[str, Tensor]) -> None:
        losses = ", ".join(f"{name} {float(mean):.4f}" for name, mean in means.items())
        self.log(f"{spent / 60:.1f} min, step {step}, {step * denoising.batch} examples, loss: {losses}")

    @property
    def _path(self) -> Path:
        return self.folder / "denoiser.pt"

    def _resume(self, denoising: Denoising, optimiser: torch.optim.Optimizer) -> tuple[float, int, bool]:
        """Take over the state of an earlier run; its seconds and steps, and whether it was done."""
        if not self._path.exists():
            return 0.0, 0, False
        state = torch.load(self._path, map_location=self.device, weights_only=True)
        denoising.module.load_state_dict(state["module"])
        optimiser.load_state_dict(state["optimiser"])
        denoising.averages.load_state_dict(state["averages"])
        return float(state["spent"]), int(state["step"]), bool(state["done"])

    def _keep(
        self, denoising: Denoising, optimiser: torch.optim.Optimizer, spent: float, step: int, *, done: bool
    ) -> None:
        """Write a checkpoint and an export, and log the held-out figures."""
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {"module": denoising.module.state_dict(), "optimiser": optimiser.state_dict(),
                 "averages": denoising.averages.state_dict(), "spent": spent, "step": step, "done": done}  # fmt: skip
        part = self._path.with_suffix(".part")
        torch.save(state, part)
        part.rename(self._path)
        denoising.module.eval()
        with torch.no_grad():
            figures = denoising.measure()
        denoising.export()
        denoising.module.train()
        self.log("held out: " + ", ".join(f"{name} {value:.4f}" for name, value in figures.items()))

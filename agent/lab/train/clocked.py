"""The loop of recipes whose model learns by one loss: until the clock says so, with checkpoints and a line a minute."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from .schedule import learning_rate

SAVE_EVERY = 180.0
"""Seconds between checkpoints."""


def loaded(examples: IterableDataset[Any], device: str) -> DataLoader[Any]:
    """The batches of a stream: made in this process for a CPU, beside a GPU by every other core."""
    workers = 0 if torch.device(device).type == "cpu" else max(2, len(os.sched_getaffinity(0)) - 1)
    return DataLoader(examples, batch_size=None, num_workers=workers)


def run(
    batches: Iterable[Any],
    optimizer: torch.optim.Optimizer,
    step: Callable[[Any], float],
    save: Callable[[], None],
    *,
    minutes: float,
    batch: int,
    facts: dict[str, int],
    log: Callable[[str], None],
) -> None:
    """Train for ``minutes`` and at least one step; the rate that the optimizer was made with is the peak.

    Args:
        batches: without end.
        optimizer: of the model.
        step: takes a batch and returns its loss.
        save: writes a checkpoint, every three minutes and at the end.
        minutes: of the clock.
        batch: examples of a batch.
        facts: whose ``examples`` counts those that were learned from.
        log: takes a line of progress.
    """
    peaks = [group["lr"] for group in optimizer.param_groups]
    began = told = saved = time.monotonic()
    done, mean, total = 0, 0.0, 60 * minutes
    for each in batches:
        now = time.monotonic()
        if done and now - began >= total:
            break
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * learning_rate(now - began, total)
        loss = step(each)
        done, facts["examples"] = done + 1, facts["examples"] + batch
        mean = loss if done == 1 else 0.98 * mean + 0.02 * loss
        if now - told >= 60:
            told = now
            speed = f"{done * batch / (now - began):.0f} examples/s"
            log(f"{(now - began) / 60:.1f} min, step {done}, {facts['examples']} examples, {speed}, loss {mean:.4f}")
        if now - saved >= SAVE_EVERY:
            saved = now
            save()
    save()


def descend(model: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step of the optimizer down the loss, with the gradient's norm clipped to 1."""
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()

"""Role to training recipe. Every recipe is called in one way, so that the command line needs to know none of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ....tools.errors import InputError

Log = Callable[[str], None]


class Train(Protocol):
    """Train for about ``minutes`` and export the model to ``out``.

    ``resume_from`` is the folder of an earlier run to go on from; ``arch`` names another architecture than the usual
    one. Raises InputError for a device or an architecture that the recipe does not have.
    """

    def __call__(
        self,
        out: Path,
        *,
        minutes: float,
        seed: int,
        device: str,
        resume_from: Path | None,
        arch: str | None = None,
        log: Log = print,
    ) -> None:
        """See the class."""


def detector(
    out: Path,
    *,
    minutes: float,
    seed: int,
    device: str,
    resume_from: Path | None,
    arch: str | None = None,
    log: Log = print,
) -> None:
    """ultralytics' YOLO, or with ``arch="torchvision"`` the permissive FCOS."""
    from .detector import train

    _known(arch, "yolo", "torchvision")
    train(out, minutes=minutes, seed=seed, device=device, resume_from=resume_from, arch=arch or "yolo", log=log)


def segmenter(
    out: Path,
    *,
    minutes: float,
    seed: int,
    device: str,
    resume_from: Path | None,
    arch: str | None = None,
    log: Log = print,
) -> None:
    """A small Sam of segment-anything's classes."""
    from .segmenter import train

    _known(arch)
    train(out, minutes=minutes, seed=seed, device=device, resume_from=resume_from, log=log)


def planner(
    out: Path,
    *,
    minutes: float,
    seed: int,
    device: str,
    resume_from: Path | None,
    arch: str | None = None,
    log: Log = print,
) -> None:
    """A small causal language model that writes plans; ``minutes`` are of CPU time, the model lies in OUT/model."""
    from .planner.train import Recipe, train

    _known(arch)
    _on_cpu(device)
    _bring(resume_from, out)
    train(Recipe(minutes=minutes, wall=2 * minutes, seed=seed), out, resume=resume_from is not None, log=log)


def mllm(
    out: Path,
    *,
    minutes: float,
    seed: int,
    device: str,
    resume_from: Path | None,
    arch: str | None = None,
    log: Log = print,
) -> None:
    """A small LLaVA in four stages; scenes and checkpoints lie in OUT/work, from where a killed run goes on."""
    from .mllm.__main__ import train

    _known(arch)
    _on_cpu(device)
    _bring(resume_from, out)
    train(out, minutes=minutes, seed=seed, work=out / "work", log=log)


RECIPES: dict[str, Train] = {"planner": planner, "mllm": mllm, "detector": detector, "segmenter": segmenter}


def _known(arch: str | None, *names: str) -> None:
    if arch is not None and arch not in names:
        raise InputError(
            f"this recipe has no architecture {arch!r}",
            hint=f"use {' or '.join(names)}" if names else "leave --arch out",
            field="arch",
        )


def _on_cpu(device: str) -> None:
    if device != "cpu":
        raise InputError(f"this recipe does not train on {device!r} yet", hint="use --device cpu", field="device")


def _bring(resume_from: Path | None, out: Path) -> None:
    """Continue in ``out`` what lies in another folder."""
    if resume_from is not None and resume_from.resolve() != out.resolve():
        shutil.copytree(resume_from, out, dirs_exist_ok=True)

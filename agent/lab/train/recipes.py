"""Role to training recipe. Every recipe has one signature, so that the command line needs to know none of them."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

_HOMES = {
    "planner": ".planner.train",
    "mllm": ".mllm.stages",
    "detector": ".detector",
    "segmenter": ".segmenter",
}


class Train(Protocol):
    """Train for about ``minutes`` of wall time and export the model to ``out``; ``resume_from`` continues a folder."""

    def __call__(
        self,
        out: Path,
        *,
        minutes: float,
        seed: int,
        device: str,
        resume_from: Path | None,
        log: Callable[[str], None] = print,
    ) -> None:
        """See the class."""


def recipe(role: str) -> Train:
    """Return the recipe of a role; its libraries are imported now and not before."""
    return cast(Train, import_module(_HOMES[role], __package__).train)

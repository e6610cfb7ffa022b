"""Figures that a command prints, beside their targets.

Targets live in ``targets.toml``, one table a command, so that they can be read and raised in one place.
"""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...planners.router import wilson_lower

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TARGETS = Path(__file__).with_name("targets.toml")


@dataclass(frozen=True)
class Target:
    """A bound that a figure has to keep."""

    at_most: float | None = None
    at_least: float | None = None

    def met(self, value: float) -> bool:
        """Say whether a value keeps the bound; not-a-number keeps none."""
        return not math.isnan(value) and (
            (self.at_most is None or value <= self.at_most) and (self.at_least is None or value >= self.at_least)
        )

    def __str__(self) -> str:
        return f"at most {self.at_most:g}" if self.at_most is not None else f"at least {self.at_least:g}"


@dataclass
class Figures:
    """What one measuring command found."""

    name: str
    """The command's table in the targets file."""
    seed: int
    values: dict[str, float] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    """What stands beside the figures: sample sizes, contenders, raw numbers."""
    lines: list[str] = field(default_factory=list)
    """Tables and remarks for people, printed above the figures."""

    def __post_init__(self) -> None:
        self.details.setdefault("load_average", round(os.getloadavg()[0], 2))

    @property
    def targets(self) -> dict[str, Target]:
        """The stated targets of this command."""
        return targets(self.name)

    @property
    def ok(self) -> bool:
        """Whether every stated target was measured and met."""
        return all(name in self.values and target.met(self.values[name]) for name, target in self.targets.items())

    def to_dict(self) -> dict[str, Any]:
        """Return one versioned JSON document."""
        return {
            "version": "panmodal.figures/1",
            "name": self.name,
            "seed": self.seed,
            "ok": self.ok,
            "figures": {
                name: {"value": value, "target": str(self.targets[name]) if name in self.targets else None}
                for name, value in self.values.items()
            },
            "details": self.details,
        }

    def render(self) -> str:
        """Return tables, then one line a figure with its target, as text."""
        rows = [*self.lines, ""] if self.lines else []
        rows.append(f"{self.name}, seed {self.seed}, load average {self.details['load_average']}")
        width = max(map(len, self.values), default=0)
        for name, value in self.values.items():
            target = self.targets.get(name)
            verdict = "" if target is None else f"  {'met ' if target.met(value) else 'MISSED'} ({target})"
            rows.append(f"  {name:<{width}}  {value:8.3f}{verdict}")
        rows += [f"  {name}: not measured" for name in self.targets if name not in self.values]
        return "\n".join(rows)


def targets(name: str) -> dict[str, Target]:
    """Read the targets of one command; none are stated for an unknown one."""
    table: Mapping[str, Mapping[str, float]] = tomllib.loads(_TARGETS.read_text(encoding="utf-8")).get(name, {})
    return {figure: Target(**bounds) for figure, bounds in table.items()}


def wilson(right: int, count: int) -> tuple[float, float]:
    """95 % score interval of a share, in 0 to 1; its upper end mirrors the lower one of the wrong answers."""
    return (wilson_lower(right, count), 1 - wilson_lower(count - right, count)) if count else (0.0, 1.0)


def mask_iou(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Intersection over union of two masks of one shape; 0 where both are empty."""
    return float((mask & truth).sum() / max(1, (mask | truth).sum()))

"""The rows of `panmodal eval mini`: a figure with its interval, what guessing would get, and its target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..figures import Figures, Target, targets, wilson

MARGIN = 0.10
"""How far a figure must lie above the better one of its baselines in order to count."""
ROUNDS = 300  # resamples of a bootstrap
_PROFILE = "profile"  # the rows that belong to no role


@dataclass(frozen=True)
class Row:
    """One figure of a role, a share or a mean of 0 to 1 (sizes: MiB)."""

    role: str
    name: str
    value: float
    n: int = 0
    """How many answers, plans, things or scenes it rests on; 0 where nothing was sampled."""
    interval: tuple[float, float] | None = None
    """Of 95 %."""
    frequent: float | None = None
    """What the most frequent answer alone gets; None where there is no such thing."""
    blind: float | None = None
    """What the model gets without the picture."""

    @property
    def key(self) -> str:
        """Role and name, as targets and documents have it."""
        return f"{self.role}.{self.name}"

    @property
    def counts(self) -> bool:
        """Whether the figure lies clearly above what guessing gets."""
        guessed = [guess for guess in (self.frequent, self.blind) if guess is not None]
        return not guessed or self.value >= max(guessed) + MARGIN - 1e-9

    def to_dict(self) -> dict[str, Any]:
        """What stands beside the value in the document."""
        return {
            "n": self.n,
            "interval": None if self.interval is None else [round(end, 4) for end in self.interval],
            "most_frequent_answer": self.frequent,
            "without_the_picture": self.blind,
            "counts": self.counts,
        }

    def __str__(self) -> str:
        if not self.n:
            return f"  {self.name:28} {self.value:6.2f}"
        between = "      -     " if self.interval is None else f"[{self.interval[0]:.3f} {self.interval[1]:.3f}]"
        guessed = " ".join("    -" if guess is None else f"{guess:5.2f}" for guess in (self.frequent, self.blind))
        return f"  {self.name:28} {self.value:6.3f}  {between:13} {self.n:5}  {guessed}{'' if self.counts else '  *'}"


def share(role: str, name: str, right: int, n: int, frequent: float | None = None, blind: float | None = None) -> Row:
    """The row of ``right`` of ``n``, with its score interval."""
    low, high = wilson(right, n)
    return Row(role, name, right / n, n, (max(low, 0.0), min(high, 1.0)), frequent, blind)


HEAD = f"  {'':28} {'value':>6}  {'95 % interval':13} {'n':>5}  {'freq':>5} {'blind':>5}"
LEGEND = (
    "freq: the most frequent answer alone. blind: without the picture. "
    f"* does not count: less than {100 * MARGIN:.0f} points above the better one of the two, so its target is missed."
)


@dataclass
class MiniFigures(Figures):
    """The figures of the asked roles; a target is met only by a figure that counts."""

    roles: tuple[str, ...] = ()
    rows: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Take in one row."""
        self.rows.append(row)
        self.values[row.key] = row.value

    @property
    def targets(self) -> dict[str, Target]:
        """The stated targets of the asked roles and of the profile: the tables ``mini-ROLE``."""
        return {
            f"{role}.{figure}": target
            for role in (*self.roles, _PROFILE)
            for figure, target in targets(f"{self.name}-{role}").items()
        }

    def met(self, row: Row) -> bool:
        """Whether a row counts and keeps its target; one without a target has nothing to keep."""
        target = self.targets.get(row.key)
        return target is None or (row.counts and target.met(row.value))

    @property
    def ok(self) -> bool:
        """Whether every stated target was measured, counts and is met."""
        return self.targets.keys() <= self.values.keys() and all(self.met(row) for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Return one versioned JSON document, every figure with its interval and its baselines."""
        document = super().to_dict()
        for row in self.rows:
            document["figures"][row.key] |= {"met": self.met(row), **row.to_dict()}
        return document

    def render(self) -> str:
        """Return the remarks and a table a role; the last lines are the figures that have a target."""
        stated, shown = self.targets, list(self.lines)
        for role in dict.fromkeys(row.role for row in self.rows):
            shown += ["", role, HEAD, *(str(row) for row in self.rows if row.role == role)]
        shown += ["", LEGEND, "", f"{self.name}, seed {self.seed}, load average {self.details['load_average']}"]
        for row in self.rows:
            if row.key in stated:
                why = "" if row.counts else ", no better than guessing"
                shown.append(
                    f"  {row.key:24} {row.value:7.3f}  {'met ' if self.met(row) else 'MISSED'} ({stated[row.key]}{why})"
                )
        shown += [f"  {key}: not measured" for key in stated if key not in self.values]
        return "\n".join(shown)


def bootstrap(count: int, statistic: Callable[[NDArray[np.int64]], Sequence[float]]) -> list[tuple[float, float]]:
    """The 95 % intervals of statistics of ``count`` scenes, by percentiles over resamples of them.

    ``statistic`` is given the indices of a resample, (count,). The same input gives the same intervals.
    """
    rng = np.random.default_rng(0)
    found = np.array([statistic(rng.integers(count, size=count)) for _ in range(ROUNDS)])
    return [(float(low), float(high)) for low, high in np.percentile(found, (2.5, 97.5), axis=0).T]

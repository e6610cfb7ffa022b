"""Two ways to the same result, measured in turns: what the first costs beside the second.

Machines are shared, and faster at one moment than at the next. So the ways take turns (A/B, then B/A), each round
compares what was measured within a moment, and the medians of the rounds count, in CPU time of the process, which other
processes disturb least; the clock's medians stand beside it. The results are compared before any time is taken.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

SHARE, MILLISECONDS = 0.05, 1.0
"""What a tool may cost beyond its library's call: this share of it or so many milliseconds, whichever is more."""
CLOSE = 1e-6
"""How far numbers of two results may lie apart: artifacts keep scores to six decimals. All else must be equal."""


@dataclass(frozen=True)
class Pair:
    """A tool's call and the direct call of what it stands on, with the same inputs.

    ``plain`` brings what the tool gives into the form of what ``direct`` gives; its time does not count. ``composed``:
    the direct side makes the library's calls that the tool makes, without the tool's own work between them.
    """

    tool: str
    library: str
    ours: Callable[[], Any]
    direct: Callable[[], Any]
    plain: Callable[[Any], Any] = lambda value: value
    composed: bool = False


@dataclass(frozen=True)
class Cost:
    """What was measured of a pair: milliseconds of each round, CPU and clock."""

    pair: Pair
    ours: list[float]
    direct: list[float]
    ours_clock: list[float]
    direct_clock: list[float]

    @property
    def over(self) -> float:
        """Milliseconds of CPU that the tool takes beyond the direct call: the median of the rounds' differences."""
        return statistics.median(self._differences)

    @property
    def allowed(self) -> float:
        """Milliseconds that it may take beyond it."""
        return max(SHARE * statistics.median(self.direct), MILLISECONDS)

    @property
    def met(self) -> bool:
        """Whether it takes no more."""
        return self.over <= self.allowed

    def __str__(self) -> str:
        direct, clock = statistics.median(self.direct), statistics.median(self.direct_clock)
        low, high = spread(self._differences)
        told = (
            f"  {self.pair.tool:<19} {direct:9.2f} {self.over:+8.3f} ({low:+.3f} to {high:+.3f})  "
            f"{self.over / direct:+7.1%}  clock {clock:9.2f} {statistics.median(self.ours_clock) / clock:6.3f}x"
        )
        return f"{told}  {'     ' if self.met else 'OVER '} {self.pair.library}"

    def to_dict(self) -> dict[str, Any]:
        """Medians and spread in milliseconds."""
        return {
            "library": self.pair.library,
            "composed": self.pair.composed,
            "rounds": len(self.ours),
            "direct_ms": statistics.median(self.direct),
            "over_ms": self.over,
            "over_ms_quartiles": spread(self._differences),
            "over_share": self.over / statistics.median(self.direct),
            "direct_clock_ms": statistics.median(self.direct_clock),
            "tool_clock_ms": statistics.median(self.ours_clock),
            "met": self.met,
        }

    @property
    def _differences(self) -> list[float]:
        return [ours - direct for ours, direct in zip(self.ours, self.direct, strict=True)]


def compare(pair: Pair, rounds: int, seconds: float) -> Cost:
    """Measure a pair in so many rounds, fewer (but three) where these would take longer than ``seconds``.

    Raises RuntimeError where the two sides differ in what they give.
    """
    for _ in range(2):  # the first call may be one that imports and compiles
        given, wanted = pair.plain(pair.ours()), pair.direct()
        if not alike(given, wanted):
            raise RuntimeError(f"{pair.tool} and {pair.library} do not give the same: {brief(given)}, {brief(wanted)}")
    found: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    gc.collect()
    gc.disable()  # else what one side leaves is swept up in the time of the other
    try:
        began = time.perf_counter()
        for number in range(rounds):
            if number >= min(3, rounds) and time.perf_counter() - began > seconds:
                break
            for ours in (True, False) if number % 2 else (False, True):
                found[ours].append(_spent(pair.ours if ours else pair.direct))
            gc.collect(1)
    finally:
        gc.enable()
    (ours_cpu, ours_clock), (cpu, clock) = (zip(*found[side], strict=True) for side in (True, False))
    return Cost(pair, list(ours_cpu), list(cpu), list(ours_clock), list(clock))


def _spent(work: Callable[[], Any]) -> tuple[float, float]:
    """Milliseconds of CPU and of the clock."""
    clock, cpu = time.perf_counter(), time.process_time()
    work()
    return (time.process_time() - cpu) * 1000, (time.perf_counter() - clock) * 1000


def spread(values: Iterable[float]) -> tuple[float, float]:
    """The quartiles, between which the middle half of the values lies."""
    low, high = np.percentile(list(values), [25, 75])
    return float(low), float(high)


def alike(one: Any, other: Any, close: float = CLOSE) -> bool:
    """Whether two plain results are equal; numbers that are no whole ones may differ by ``close``."""
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        one, other = np.asarray(one), np.asarray(other)
        if one.shape != other.shape or one.dtype.kind != other.dtype.kind:
            return False
        return bool(np.allclose(one, other, rtol=close, atol=close) if one.dtype.kind == "f" else (one == other).all())
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(alike(one[key], other[key], close) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(alike(*pair, close) for pair in zip(one, other, strict=True))
    if isinstance(one, float) or isinstance(other, float):
        return one is not None and other is not None and abs(one - other) <= close * max(1.0, abs(one))
    return bool(one == other)


def brief(value: Any) -> str:
    """What a result is, in an error's few words."""
    if isinstance(value, np.ndarray):
        return f"{value.shape} {value.dtype}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(brief, value[:4]))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {brief(each)}' for key, each in value.items())}}}"
    return repr(value)[:80]

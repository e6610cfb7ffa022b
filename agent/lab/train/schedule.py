"""The learning-rate schedule that all recipes of small vision models share: by the clock, not by steps."""

from __future__ import annotations

import math

_WARM_UP = 0.02


def learning_rate(elapsed: float, total: float) -> float:
    """Share of the peak rate after ``elapsed`` of ``total`` seconds: 2 % warm-up, then a cosine to a hundredth.

    By the clock, so that the schedule ends with the minutes that were given however busy the machine is.
    """
    done = min(1.0, elapsed / total)
    if done < _WARM_UP:
        return 0.05 + 0.95 * done / _WARM_UP
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (done - _WARM_UP) / (1 - _WARM_UP)))

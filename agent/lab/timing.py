"""How long a piece of work takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


def seconds_of(work: Callable[[T], object], inputs: Iterable[T]) -> list[float]:
    """Seconds of the clock that the work takes for each of the inputs, one after the other."""
    spent = []
    for each in inputs:
        start = time.perf_counter()
        work(each)
        spent.append(time.perf_counter() - start)
    return spent

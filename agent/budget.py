"""What a run may spend, and what it has spent."""

import math
import time
from dataclasses import dataclass, fields
from threading import Lock

from ..tools.errors import BudgetExceeded, InputError


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of one run; None is no limit.

    `seconds` of wall time from the start of the run, `tokens` in and out of language models together,
    `gpu_seconds` of device time, and `money` in the currency of the endpoint's price list.
    """

    seconds: float | None = None
    tokens: int | None = None
    gpu_seconds: float | None = None
    money: float | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            limit = getattr(self, each.name)
            if limit is not None and not limit > 0:
                raise InputError(
                    f"budget.{each.name} is {limit}", hint="give a number above 0, or leave it out", field=each.name
                )

    def start(self) -> "Spending":
        """Begin to count; the clock of `seconds` runs from here."""
        return Spending(self)


class Spending:
    """The running count against a `Budget`. Safe to share between threads."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self._start = time.monotonic()
        self._lock = Lock()
        self._spent: dict[str, float] = {"tokens": 0, "gpu_seconds": 0.0, "money": 0.0}

    def add(self, *, tokens: int = 0, gpu_seconds: float = 0.0, money: float = 0.0) -> None:
        """Count what a call has used."""
        with self._lock:
            self._spent["tokens"] += tokens
            self._spent["gpu_seconds"] += gpu_seconds
            self._spent["money"] += money

    @property
    def spent(self) -> dict[str, float]:
        """What is used so far: seconds, tokens, gpu_seconds, money."""
        with self._lock:
            return {"seconds": time.monotonic() - self._start, **self._spent}

    @property
    def seconds_left(self) -> float:
        """Wall seconds until the limit; infinite without one, never below 0."""
        if self.budget.seconds is None:
            return math.inf
        return max(0.0, self._start + self.budget.seconds - time.monotonic())

    @property
    def exceeded(self) -> str | None:
        """The name of the first limit that is reached, or None."""
        if self.seconds_left <= 0:
            return "seconds"
        for name in ("tokens", "gpu_seconds", "money"):
            limit = getattr(self.budget, name)
            if limit is not None and self._spent[name] >= limit:
                return name
        return None

    def check(self) -> None:
        """Raise `BudgetExceeded` naming the limit where one is reached."""
        name = self.exceeded
        if name is not None:
            limit = getattr(self.budget, name)
            raise BudgetExceeded(
                f"the budget of {limit} {name} is used up",
                hint=f"raise the limit on {name}, or ask for less",
                limit=limit,
                field=name,
            )

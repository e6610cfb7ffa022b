"""What the adapters of diffusers share: numbers as they must be, what goes through together, and who watches."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from numbers import Integral
from typing import Any, TypeVar

from ..errors import Cancelled, WrongArgument
from ..roles import StopFlag

SEEDS = 1 << 63
"""So many torch tells apart without a sign."""
GUIDANCE = 100.0
"""Pictures are burnt out long before."""

Progress = Callable[[float], None]
Job = TypeVar("Job", bound=Hashable)


class Watch:
    """Called after every step of sampling of some of all pictures or videos."""

    def __init__(
        self, before: int, pictures: int, of: int, steps: int, progress: Progress | None, stop: StopFlag | None
    ) -> None:
        self._before, self._pictures, self._of, self._steps = before, pictures, of, steps
        self._progress, self._stop, self._done = progress, stop, 0

    def __call__(self, *told: Any) -> dict[str, Any]:
        """``told`` are the pipeline, the step and more; or the step and more, of older pipelines."""
        self.check()
        self._done += 1
        steps = getattr(told[0], "num_timesteps", None) or self._steps
        self.tell(min(1.0, self._done / (steps + 1)))  # decoding is the last step
        return {}

    def check(self) -> None:
        """Raise ``Cancelled`` where nobody wants the pictures any more."""
        if self._stop is not None and self._stop.is_set():
            raise Cancelled("the drawing was cancelled")

    def tell(self, share: float) -> None:
        """Report the share of these pictures' work that is done."""
        if self._progress is not None:
            self._progress((self._before + self._pictures * share) / self._of)


def whole(field: str, value: object) -> int:
    """The value as a whole number. Raises ``WrongArgument``."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise WrongArgument(f"a {field} of {value!r}", hint="give a whole number", field=field)
    return int(value)


def within(field: str, value: float, low: float, high: float) -> None:
    """Raise ``WrongArgument`` for a value outside of bounds."""
    if not low <= value <= high:
        limit = low if value < low else high
        raise WrongArgument(f"a {field} of {value}", hint=f"give {low:g} to {high:g}", field=field, limit=limit)


def side_within(field: str, value: int, multiple: int, most: int) -> None:
    """Raise ``WrongArgument`` for a side that is no multiple of so many pixels, or over the most."""
    if value < 1 or value % multiple:
        raise WrongArgument(
            f"a {field} of {value} pixels is no multiple of {multiple}",
            hint=f"give a multiple of {multiple}", field=field, limit=multiple,
        )  # fmt: skip
    within(field, value, multiple, most)


def together(jobs: Sequence[Job], at_once: int) -> Iterator[tuple[Job, list[int]]]:
    """Each job with the places of those that go through at once."""
    for job in dict.fromkeys(jobs):
        places = [k for k, each in enumerate(jobs) if each == job]
        for start in range(0, len(places), at_once):
            yield job, places[start : start + at_once]

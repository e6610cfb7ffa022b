"""Which items of a call go through a model together."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


def together(keys: Sequence[Hashable], most: int, answer: Callable[[list[int]], Iterable[T]]) -> list[T]:
    """One answer a key, in their order; equal keys are asked for as one batch, ``most`` at a time.

    ``answer`` is given their indices. Pictures of one size need no padding, which would change what is found in them.
    """
    groups: dict[Hashable, list[int]] = {}
    for index, key in enumerate(keys):
        groups.setdefault(key, []).append(index)
    found: dict[int, T] = {}
    for indices in groups.values():
        for start in range(0, len(indices), most):
            some = indices[start : start + most]
            found.update(zip(some, answer(some), strict=True))
    return [found[index] for index in range(len(keys))]

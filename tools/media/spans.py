"""Spans: stretches of time found in a recording or video."""

import json
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import WrongArgument
from .arrays import rows_of
from .artifact import Artifact, identity, to_json
from .boxes import rounded


class Spans(Artifact):
    """N spans in seconds from the start of their medium; labels and scores (0-1) one a span, or none at all."""

    kind: ClassVar[str] = "spans"
    count: int
    labels: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()

    @classmethod
    def of(cls, spans: ArrayLike, labels: Sequence[str] = (), scores: Sequence[float] | NDArray[Any] = ()) -> Self:
        """Spans from N pairs (start, end) in seconds, 0 <= start <= end. Raises WrongArgument."""
        array = _checked(spans)
        facts: dict[str, Any] = {"count": len(array), "labels": tuple(labels), "scores": rounded(scores)}
        for name in ("labels", "scores"):
            if len(facts[name]) not in (0, len(array)):
                raise WrongArgument(f"{len(array)} spans with {len(facts[name])} {name}", field=name)
        return cls._made(array, id=identity(cls.kind, facts, array), mime="application/json", **facts)

    @property
    def seconds(self) -> NDArray[np.float64]:
        """N x 2 float64, (start, end) in seconds, read-only."""
        array: NDArray[np.float64] = self._loaded()
        return array

    @property
    def empty(self) -> bool:
        """Whether there is no span."""
        return self.count == 0

    def __len__(self) -> int:
        return self.count

    def _decode(self, content: bytes) -> NDArray[np.float64]:
        return _checked(json.loads(content)["seconds"])

    def _encode(self, payload: Any) -> bytes:
        return to_json({**self.model_dump(mode="json", exclude={"id", "mime"}), "seconds": payload.tolist()})


def _checked(spans: ArrayLike) -> NDArray[np.float64]:
    array: NDArray[np.float64] = rows_of(spans, 2, np.float64, "spans")
    if (array[:, 0] < 0).any() or (array[:, 1] < array[:, 0]).any():
        raise WrongArgument("a span starts before 0 or ends before it starts", field="spans")
    return array

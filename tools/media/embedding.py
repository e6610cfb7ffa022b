"""Vectors that stand for media, comparable where the same model made them."""

from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import WrongArgument
from .arrays import from_npy, frozen, to_npy
from .artifact import Artifact, identity


class Embedding(Artifact):
    """``count`` vectors of ``size`` numbers; ``model`` is the pool key of the model whose space they lie in."""

    kind: ClassVar[str] = "embedding"
    model: str
    count: int
    size: int

    @classmethod
    def of(cls, vectors: NDArray[np.float32], model: str) -> Self:
        """Vectors as float32 N x D, or one of D. Copies. Raises WrongArgument for others or numbers not finite."""
        array = np.atleast_2d(np.asarray(vectors))
        if array.dtype != np.float32 or array.ndim != 2 or not np.isfinite(array).all():
            raise WrongArgument(
                f"an embedding needs N x D finite float32, got {array.shape} {array.dtype}", field="vectors"
            )
        facts: dict[str, Any] = {"model": model, "count": array.shape[0], "size": array.shape[1]}
        array = frozen(array)
        return cls._made(array, id=partial(identity, cls.kind, facts, array), mime="application/x-npy", **facts)

    @property
    def vectors(self) -> NDArray[np.float32]:
        """N x D float32, read-only."""
        array: NDArray[np.float32] = self._loaded()
        return array

    @property
    def empty(self) -> bool:
        """Whether there is no vector."""
        return self.count == 0

    def __len__(self) -> int:
        return self.count

    def _decode(self, content: bytes) -> NDArray[np.float32]:
        return from_npy(content, (self.count, self.size), np.float32)

    def _encode(self, payload: Any) -> bytes:
        return to_npy(payload)

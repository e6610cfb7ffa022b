"""Masks: which pixels of a picture belong to each thing."""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import WrongArgument
from . import rle
from .arrays import frozen
from .artifact import Artifact, identity, to_json
from .boxes import rounded
from .image import Image


class Masks(Artifact):
    """``count`` masks over a picture of ``width`` x ``height``; labels and scores (0-1) one a mask, or none at all.

    Stored as JSON whose ``rle`` holds one COCO compressed string a mask.
    """

    kind: ClassVar[str] = "masks"
    image_id: str
    width: int
    height: int
    count: int
    labels: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()

    @classmethod
    def of(
        cls,
        bitmaps: NDArray[np.bool_],
        image: Image,
        labels: Sequence[str] = (),
        scores: Sequence[float] | NDArray[Any] = (),
    ) -> Self:
        """Masks of ``image``: ``bitmaps`` bool N x H x W in its size. Copies.

        Raises WrongArgument for another dtype or size, or labels or scores that are neither none nor N.
        """
        return cls._of(bitmaps, labels, scores, image.id, image.width, image.height)

    @classmethod
    def _of(cls, bitmaps: Any, labels: Sequence[str], scores: Any, image_id: str, width: int, height: int) -> Self:
        array = np.asarray(bitmaps)
        if array.dtype != np.bool_ or array.ndim != 3 or array.shape[1:] != (height, width):
            raise WrongArgument(
                f"masks need N x {height} x {width} bool, got {array.shape} {array.dtype}", field="bitmaps"
            )
        facts: dict[str, Any] = {
            "image_id": image_id,
            "width": width,
            "height": height,
            "count": len(array),
            "labels": tuple(labels),
            "scores": rounded(scores),
        }
        for name in ("labels", "scores"):
            if len(facts[name]) not in (0, len(array)):
                raise WrongArgument(f"{len(array)} masks with {len(facts[name])} {name}", field=name)
        array = frozen(array)
        return cls._made(array, id=partial(identity, cls.kind, facts, array), mime="application/json", **facts)

    @property
    def bitmaps(self) -> NDArray[np.bool_]:
        """N x H x W bool, read-only."""
        array: NDArray[np.bool_] = self._loaded()
        return array

    @property
    def empty(self) -> bool:
        """Whether there is no mask."""
        return self.count == 0

    def __len__(self) -> int:
        return self.count

    def take(self, indices: Sequence[int] | NDArray[Any]) -> Self:
        """The masks at ``indices``, in that order."""
        chosen = [int(index) for index in indices]
        return self._of(
            self.bitmaps[chosen],
            [self.labels[index] for index in chosen] if self.labels else (),
            [self.scores[index] for index in chosen] if self.scores else (),
            self.image_id,
            self.width,
            self.height,
        )

    def _decode(self, content: bytes) -> NDArray[np.bool_]:
        runs = json.loads(content)["rle"]
        if len(runs) != self.count:
            raise ValueError(f"{len(runs)} masks where the handle says {self.count}")
        array = np.zeros((self.count, self.height, self.width), dtype=np.bool_)
        for index, text in enumerate(runs):
            array[index] = rle.decode(text, self.height, self.width)
        return frozen(array)

    def _encode(self, payload: Any) -> bytes:
        facts = self.model_dump(mode="json", exclude={"id", "mime"})
        return to_json({**facts, "rle": [rle.encode(bitmap) for bitmap in payload]})

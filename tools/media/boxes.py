"""Boxes: rectangles found in a picture, with what is in them and how sure that is."""

import json
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import WrongArgument
from .arrays import rows_of
from .artifact import Artifact, identity, to_json
from .image import Image

SCORE_DIGITS = 6
"""Scores are kept to this many decimals: finer than any promise about them, and short in JSON."""


class Boxes(Artifact):
    """N boxes in a picture of ``width`` x ``height`` pixels; one label and one score (0-1) a box."""

    kind: ClassVar[str] = "boxes"
    image_id: str
    width: int
    height: int
    labels: tuple[str, ...]
    scores: tuple[float, ...]

    @classmethod
    def of(cls, xyxy: ArrayLike, labels: Sequence[str], scores: Sequence[float] | NDArray[Any], image: Image) -> Self:
        """Boxes in ``image``: ``xyxy`` float N x 4 (left, top, right, bottom) in its pixels, right and bottom open.

        Raises WrongArgument when the lengths differ, a number is not finite, or a box is turned inside out.
        """
        return cls._of(xyxy, labels, scores, image.id, image.width, image.height)

    @classmethod
    def _of(cls, xyxy: ArrayLike, labels: Sequence[str], scores: Any, image_id: str, width: int, height: int) -> Self:
        array = _checked(xyxy)
        facts: dict[str, Any] = {
            "image_id": image_id,
            "width": width,
            "height": height,
            "labels": tuple(labels),
            "scores": rounded(scores),
        }
        if not len(array) == len(facts["labels"]) == len(facts["scores"]):
            raise WrongArgument(
                f"{len(array)} boxes with {len(facts['labels'])} labels and {len(facts['scores'])} scores",
                hint="give one label and one score for each box",
                field="labels",
            )
        return cls._made(array, id=identity(cls.kind, facts, array), mime="application/json", **facts)

    @property
    def xyxy(self) -> NDArray[np.float32]:
        """N x 4 float32, (left, top, right, bottom) in pixels of the picture, read-only."""
        array: NDArray[np.float32] = self._loaded()
        return array

    @property
    def empty(self) -> bool:
        """Whether nothing was found."""
        return not self.labels

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Sequence[int] | NDArray[Any]) -> Self:
        """The boxes at ``indices``, in that order."""
        chosen = [int(index) for index in indices]
        return self._of(
            self.xyxy[chosen],
            [self.labels[index] for index in chosen],
            [self.scores[index] for index in chosen],
            self.image_id,
            self.width,
            self.height,
        )

    def _decode(self, content: bytes) -> NDArray[np.float32]:
        return _checked(json.loads(content)["xyxy"])

    def _encode(self, payload: Any) -> bytes:
        return to_json({**self.model_dump(mode="json", exclude={"id", "mime"}), "xyxy": payload.tolist()})


def rounded(scores: Any) -> tuple[float, ...]:
    """Scores as plain floats of ``SCORE_DIGITS`` decimals."""
    values = tuple(round(float(score), SCORE_DIGITS) for score in scores)
    if not np.isfinite(values).all():
        raise WrongArgument(f"a score is not a finite number: {values}", field="scores")
    return values


def _checked(xyxy: ArrayLike) -> NDArray[np.float32]:
    array: NDArray[np.float32] = rows_of(xyxy, 4, np.float32, "boxes")
    if (array[:, 2:] < array[:, :2]).any():
        raise WrongArgument("a box has its right left of its left, or its bottom above its top", field="xyxy")
    return array

"""Points in a picture, each saying that it belongs to the thing meant or that it does not."""

import json
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import WrongArgument
from .arrays import rows_of
from .artifact import Artifact, identity, to_json
from .image import Image


class Points(Artifact):
    """N points in a picture of ``width`` x ``height`` pixels; ``positive`` is True on the thing, False off it."""

    kind: ClassVar[str] = "points"
    image_id: str
    width: int
    height: int
    positive: tuple[bool, ...]

    @classmethod
    def of(cls, xy: ArrayLike, positive: ArrayLike, image: Image) -> Self:
        """Points of ``image``: ``xy`` float N x 2 in its pixels, ``positive`` N booleans.

        Raises WrongArgument when the lengths differ or a number is not finite.
        """
        array = rows_of(xy, 2, np.float32, "points")
        facts: dict[str, Any] = {
            "image_id": image.id,
            "width": image.width,
            "height": image.height,
            "positive": tuple(bool(each) for each in np.asarray(positive).reshape(-1)),
        }
        if len(array) != len(facts["positive"]):
            raise WrongArgument(f"{len(array)} points with {len(facts['positive'])} marks", field="positive")
        return cls._made(array, id=identity(cls.kind, facts, array), mime="application/json", **facts)

    @property
    def xy(self) -> NDArray[np.float32]:
        """N x 2 float32, (x, y) in pixels of the picture, read-only."""
        array: NDArray[np.float32] = self._loaded()
        return array

    @property
    def empty(self) -> bool:
        """Whether there is no point."""
        return not self.positive

    def __len__(self) -> int:
        return len(self.positive)

    def _decode(self, content: bytes) -> NDArray[np.float32]:
        return rows_of(json.loads(content)["xy"], 2, np.float32, "points")

    def _encode(self, payload: Any) -> bytes:
        return to_json({**self.model_dump(mode="json", exclude={"id", "mime"}), "xy": payload.tolist()})

"""How far away each pixel of a picture is."""

from functools import partial
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import WrongArgument
from .arrays import from_npy, frozen, to_npy
from .artifact import Artifact, identity
from .image import Image


class Depth(Artifact):
    """Distance from the camera over a picture of ``width`` x ``height`` pixels.

    In metres, or ``relative``: larger is farther, with neither scale nor origin known.
    """

    kind: ClassVar[str] = "depth"
    image_id: str
    width: int
    height: int
    unit: Literal["metres", "relative"]

    @classmethod
    def of(cls, values: NDArray[np.float32], image: Image, unit: Literal["metres", "relative"]) -> Self:
        """Depth of ``image``: float32 H x W in its size; NaN where nothing is known, inf for the sky. Copies.

        Raises WrongArgument for another dtype or size.
        """
        array = np.asarray(values)
        if array.dtype != np.float32 or array.shape != (image.height, image.width):
            raise WrongArgument(
                f"depth needs {image.height} x {image.width} float32, got {array.shape} {array.dtype}",
                field="values",
            )
        facts: dict[str, Any] = {
            "image_id": image.id,
            "width": image.width,
            "height": image.height,
            "unit": unit,
        }
        array = frozen(array)
        return cls._made(array, id=partial(identity, cls.kind, facts, array), mime="application/x-npy", **facts)

    @property
    def values(self) -> NDArray[np.float32]:
        """H x W float32, in ``unit``, read-only."""
        array: NDArray[np.float32] = self._loaded()
        return array

    def _decode(self, content: bytes) -> NDArray[np.float32]:
        return from_npy(content, (self.height, self.width), np.float32)

    def _encode(self, payload: Any) -> bytes:
        return to_npy(payload)

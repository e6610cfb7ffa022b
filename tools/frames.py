"""What a picture shows, that what was found belongs to the picture it is applied to, and is something at all."""

import numpy as np
from numpy.typing import NDArray

from .errors import EmptyInput, WrongArgument
from .media.boxes import Boxes
from .media.image import Image
from .media.masks import Masks


def same_frame(image: Image, found: Boxes | Masks) -> None:
    """Raise ``WrongArgument`` when boxes or masks were made on a picture of another size.

    The size decides, not the identity: what was found in a picture also fits its blurred or recoloured copy.
    """
    if (found.width, found.height) != (image.width, image.height):
        raise WrongArgument(
            f"these {found.kind} belong to a picture of {found.width}x{found.height} pixels, "
            f"not to this one of {image.width}x{image.height}",
            hint="give the picture in which they were found",
            field=found.kind,
        )


def shown(image: Image) -> Image:
    """The picture as models look at it: one that is clear all over is white, whatever colours its file hides."""
    if not image.has_alpha or image.alpha is None or image.alpha.any():
        return image
    return Image.from_array(np.full_like(image.pixels, 255), image.alpha)


def some(found: Boxes | Masks, doing: str) -> None:
    """Raise ``EmptyInput`` when there is nothing to work on; ``doing`` completes "nothing to ..."."""
    if isinstance(found, Masks) and len(found) and not found.bitmaps.any():
        raise EmptyInput(f"nothing to {doing}: no mask has a pixel", kind=found.kind)
    if len(found) == 0:
        raise EmptyInput(f"nothing to {doing}: nothing was found before", kind=found.kind)


def union(masks: Masks) -> NDArray[np.bool_]:
    """The pixels (H, W) that any of the masks covers."""
    return np.asarray(masks.bitmaps.any(axis=0), np.bool_)

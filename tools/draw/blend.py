"""What the picture-changing tools share: the change applies to masked pixels only, or to all of them."""

import numpy as np
from numpy.typing import NDArray

from ..frames import same_frame, some, union
from ..media.image import Image
from ..media.masks import Masks


def around(masks: Masks | None, reach: int) -> tuple[slice, slice]:
    """Rows and columns of what any mask covers and ``reach`` pixels around it; all of them without ``masks``."""
    if masks is None:
        return slice(None), slice(None)
    covered = union(masks)
    return _stretch(covered, 0, reach), _stretch(covered, 1, reach)


def _stretch(covered: NDArray[np.bool_], axis: int, reach: int) -> slice:
    places = np.flatnonzero(covered.any(axis=1 - axis))
    return slice(max(0, int(places[0]) - reach), int(places[-1]) + 1 + reach) if len(places) else slice(0)


def inside(image: Image, masks: Masks | None, changed: NDArray[np.uint8], doing: str) -> Image:
    """``changed`` (H, W, 3) where any mask is set, the picture elsewhere; all of it without ``masks``.

    Alpha stays. Raises ``EmptyInput`` for masks with nothing in them ("nothing to ``doing``"): that nothing
    was found must not turn into a change of the whole picture.
    """
    if masks is not None:
        same_frame(image, masks)
        some(masks, doing)
        changed = np.where(union(masks)[..., None], changed, image.pixels)
    return Image.from_array(changed, image.alpha)

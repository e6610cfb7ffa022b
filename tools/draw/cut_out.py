"""Cut things out of a picture."""

import numpy as np

from ..card import Card
from ..contract import tool
from ..frames import same_frame, some, union
from ..media.image import Image
from ..media.masks import Masks

CARD = Card(
    bad_at="hair, glass and shadows: its edge is as sharp as the mask",
    cost="cpu",
    keeps="part",
    examples=(
        "cut out the {labels}", "cut the {labels} out", "remove the background of the {labels}",
        "extract the {labels}", "isolate the {labels}", "clip the {labels} out",
        "make a cutout of the {labels}", "give me a cut-out of the {labels}",
        "把{labels}抠出来", "抠出{labels}", "把{labels}剪出来",
    ),
    answer={"en": "The {labels} {is|are} cut out.", "zh": "已抠出{labels}。"},
)  # fmt: skip


@tool(card=CARD)
def cut_out(image: Image, masks: Masks) -> Image:
    """Keep only the masked pixels: the rest becomes clear (alpha 0) and the picture shrinks to what is left.

    Several masks stay together in one picture. Raises ``EmptyInput`` when there is no mask or none has a
    pixel.

    Args:
        image: the picture in which the masks were found
        masks: what to keep
    """
    same_frame(image, masks)
    some(masks, "cut out")
    kept = union(masks)
    rows, columns = np.nonzero(kept)
    top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
    opaque = image.alpha if image.alpha is not None else np.uint8(255)
    alpha = np.where(kept, opaque, np.uint8(0))
    return Image.from_array(image.pixels[top:bottom, left:right], alpha[top:bottom, left:right])

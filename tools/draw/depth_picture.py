"""Show a depth as a picture."""

import numpy as np

from ..card import Card
from ..contract import tool
from ..media.depth import Depth
from ..media.image import Image
from .control_pictures import nearness

CARD = Card(
    bad_at="telling distances: grey levels are only nearer or farther",
    cost="cpu",
    keeps="form",
    examples=(
        "show the depth map",
        "draw the depth as a picture",
        "picture the depth in grey",
        "show me what is near and what is far",
        "把深度画成图片",
        "显示深度图",
    ),
    answer={"en": "The depth is shown: the nearer, the brighter.", "zh": "已显示深度:越近越亮。"},
)


@tool(card=CARD)
def depth_picture(depth: Depth) -> Image:
    """Return a grey picture of a depth: the nearer, the brighter, from black to white.

    Where nothing is known the picture is clear. A depth that is the same everywhere is black. Raises ``EmptyInput``
    where nothing is known at all.

    Args:
        depth: what to show

    Example:
        depth_picture(depth(image, depth_estimator=depth_estimator))
    """
    picture = nearness(depth)
    unknown = np.isnan(depth.values)
    return Image.from_array(picture.pixels, np.where(unknown, 0, 255).astype(np.uint8)) if unknown.any() else picture

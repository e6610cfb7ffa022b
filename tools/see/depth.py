"""Say how far away everything in a picture is."""

from ..card import Card
from ..contract import tool
from ..media.depth import Depth
from ..media.image import Image
from ..roles import DepthEstimator

CARD = Card(
    bad_at="mirrors, glass, drawings and pictures of pictures; most models tell nearer from farther but no metres",
    cost="model",
    batch=True,
    examples=(
        "estimate the depth",
        "make a depth map",
        "how far away is everything in the picture",
        "how deep is the scene",
        "work out the distances in the photo",
        "get the depth of every pixel",
        "估计图片的深度",
        "生成深度图",
        "图中各处离镜头有多远",
    ),
    answer={"en": "The depth of the picture was estimated.", "zh": "已估计图片的深度。"},
)


@tool(card=CARD)
def depth(image: Image, *, depth_estimator: DepthEstimator) -> Depth:
    """Return the distance from the camera at every pixel of a picture: larger is farther.

    The depth's ``unit`` says what its numbers are: "metres" where the model was made for them, else "relative", of
    which only the order means something.

    Args:
        image: the picture to look at

    Example:
        depth(image, depth_estimator=depth_estimator).values.argmin()
    """
    return depth_estimator.estimate([image])[0]

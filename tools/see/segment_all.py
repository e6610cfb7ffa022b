"""Cut everything in a picture out of its background."""

from ..card import Card
from ..contract import tool
from ..frames import shown
from ..media.image import Image
from ..media.masks import Masks
from ..roles import Segmenter, StepContext

CARD = Card(
    bad_at="saying what the masks show; very small things; parts of a thing may come as masks of their own",
    cost="model",
    batch=True,
    examples=(
        "segment everything",
        "segment the whole picture",
        "cut the picture into all its segments",
        "make a mask of everything that is there",
        "give me masks of all regions",
        "split the picture into its regions",
        "分割图中的一切",
        "把整张图片分割成区域",
        "给出所有区域的掩码",
    ),
    answer={
        "en": "{value} {region|regions} {was|were} cut out.",
        "zh": "分割出{value}个区域。",
    },
)


@tool(card=CARD)
def segment_all(image: Image, *, segmenter: Segmenter, step: StepContext) -> Masks:
    """Return the exact pixels of everything that stands out in a picture, the surest first, without labels.

    Things, their parts and whole backgrounds may come as masks that lie within each other. A picture in which nothing
    stands out gives empty masks. Raises ``Cancelled`` when the step was stopped, and ``ModelError`` for a segmenter
    that must be shown where things are.

    Args:
        image: the picture to cut up

    Example:
        segment_all(image, segmenter=segmenter, step=StepContext()).take([0])
    """
    return segmenter.segment_all([shown(image)], stop=step.stop)[0]

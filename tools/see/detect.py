"""Find things in a picture."""

from collections.abc import Sequence

from ..card import Card
from ..contract import tool
from ..frames import shown
from ..media.boxes import Boxes
from ..media.image import Image
from ..roles import Detector
from .nouns import NOUNS, resolve

CARD = Card(
    bad_at="colours, materials and relations: it knows nouns only; very small or mostly hidden things",
    cost="model",
    batch=True,
    examples=(
        "find the {labels}", "detect all {labels}", "show me where the {labels} are",
        "look for the {labels}", "search for the {labels}",
        "get the boxes of the {labels}", "give me boxes for the {labels}",
        "找出{labels}", "检测图中的{labels}",
    ),
    nouns=NOUNS,
    answer={"en": "{value} {labels} {was|were} found.", "zh": "找到了{value}个{labels}。"},
)  # fmt: skip


@tool(card=CARD)
def detect(image: Image, labels: Sequence[str] = (), *, detector: Detector) -> Boxes:
    """Find things in a picture and return their boxes, the surest first.

    Labels are nouns in any number ("circle", "circles", "圆形"); no label, or a generic one ("objects"), finds
    everything that the detector knows. Nothing found gives empty boxes. A noun that a closed-vocabulary
    detector does not know is an ``UnknownLabel`` error with near misses.

    Args:
        image: the picture to look at
        labels: what to look for, nouns as they stand in the request
    """
    names = resolve(labels, detector.vocabulary)
    found = detector.detect([shown(image)], [names])[0]
    left = found.xyxy[:, 0]
    # Equal scores happen (they are kept to six decimals); the order must not depend on the model's.
    order = sorted(range(len(found)), key=lambda index: (-found.scores[index], float(left[index])))
    return found.take(order)

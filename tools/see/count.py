"""Count what was found."""

from ..card import Card
from ..contract import tool
from ..media.boxes import Boxes

CARD = Card(
    bad_at="things that the detector missed or that hide each other",
    cost="instant",
    examples=(
        "how many {labels} are there", "count the {labels}", "what is the number of {labels}",
        "how many {labels}", "is there a {labels}", "are there any {labels}",
        "does the picture contain {labels}", "do you see a {labels}", "can you see a {labels}",
        "有多少个{labels}", "有几个{labels}", "数一数{labels}", "有没有{labels}",
    ),
    answer={"en": "There {is|are} {value} {labels}.", "zh": "有{value}个{labels}。"},
)  # fmt: skip


@tool(card=CARD)
def count(boxes: Boxes) -> int:
    """Count boxes.

    Args:
        boxes: what to count
    """
    return len(boxes)

"""Say in a sentence what a picture shows."""

from ..card import Card
from ..contract import tool
from ..frames import shown
from ..media.image import Image
from ..media.text import Text
from ..roles import Captioner, StepContext

CARD = Card(
    bad_at="counts, small print and where things are; one sentence leaves much out",
    cost="model",
    batch=True,
    keeps="meaning",
    examples=(
        "caption the picture", "write a caption for the picture", "give the picture a caption",
        "put the picture into words", "say in one sentence what the picture shows", "sum the picture up in a sentence",
        "write alt text for the picture",
        "给图片写一句说明", "给图片配一句话", "用一句话概括图片",
    ),
    answer={"en": "{value}", "zh": "{value}"},
)  # fmt: skip


@tool(card=CARD)
def caption(image: Image, *, captioner: Captioner, step: StepContext) -> Text:
    """Say in a sentence or two what a picture shows.

    Args:
        image: the picture to put into words

    Example:
        caption(image, captioner=captioner, step=StepContext()).text
    """
    return Text.of(captioner.caption([shown(image)], stop=step.stop)[0].text.strip())

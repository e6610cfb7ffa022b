"""Put everything in a picture into words, thing by thing."""

from pydantic import BaseModel

from ..card import Card
from ..contract import tool
from ..media.boxes import Boxes
from ..media.image import Image
from ..roles import Captioner, Detector, StepContext
from .describe_region import describe_region
from .detect import detect
from .locate import PLACES, locate

CARD = Card(
    bad_at="things that its detector does not know; how things stand to each other",
    cost="model",
    batch=True,
    examples=(
        "describe everything in the picture", "describe all objects one by one", "caption every object in the picture",
        "give a dense caption of the picture", "describe each thing and where it is", "describe the picture in detail",
        "详细描述图片", "逐个描述图中的物体", "描述图中的每样东西和位置",
    ),
    answer={"en": "{value}", "zh": "{value}"},
)  # fmt: skip


class Described(BaseModel):
    """The things of a picture in reading order: ``boxes`` are labelled with the captions, ``text`` is all in words."""

    text: str
    boxes: Boxes


@tool(card=CARD)
def caption_densely(image: Image, *, detector: Detector, captioner: Captioner, step: StepContext) -> Described:
    """Say in a sentence what each found thing is, and in which part of the picture.

    Things are looked for without regard to their class, and come as one reads: row by row of the picture's nine parts.
    Nothing found gives empty boxes.

    Args:
        image: the picture to describe
    """
    found = detect(image, detector=detector)
    places = locate(found)
    order = sorted(range(len(found)), key=lambda index: (PLACES.index(places[index]), float(found.xyxy[index, 0])))
    found = found.take(order)
    captions = describe_region(image, found, captioner=captioner, step=step)
    lines = [f"{places[index]}: {caption}" for index, caption in zip(order, captions, strict=True)]
    text = "; ".join(lines) or "nothing was found"
    return Described(text=text, boxes=Boxes.of(found.xyxy, captions, found.scores, image))

"""Put the things in boxes into words, one by one."""

import numpy as np
from numpy.typing import NDArray

from ..card import Card
from ..contract import tool
from ..errors import Cancelled, EmptyInput
from ..frames import same_frame
from ..media.boxes import Boxes
from ..media.image import Image
from ..roles import Captioner, StepContext

CARD = Card(
    bad_at="things that hide each other: what reaches into the box is described with it",
    cost="model",
    batch=True,
    examples=(
        "describe the {labels}", "describe each {labels}", "what does the {labels} look like",
        "tell me about the {labels}", "caption the {labels}", "put the {labels} into words",
        "描述一下{labels}", "描述每个{labels}", "{labels}长什么样",
    ),
    answer={"en": "The {labels}: {value}.", "zh": "{labels}：{value}。"},
)  # fmt: skip

_AT_ONCE = 16  # crops
_MARGIN = 0.1  # of the box's longer side that is left around it
# Captioners learn from whole pictures, in which a thing has ground around it. With mini's captioner 51 things of test
# scenes were named by colour and class in 10 captions of bare crops, and in all 51 of crops on three times their side.
_GROUND = 3.0
_LARGEST = 384  # pixels of a crop's longer side, so that its ground stays small


@tool(card=CARD)
def describe_region(image: Image, boxes: Boxes, *, captioner: Captioner, step: StepContext) -> list[str]:
    """Say in a sentence what each box holds, in the order of the boxes.

    Each thing is looked at by itself, with a little of what is around it. Empty boxes give no sentence without asking
    the model. Raises ``EmptyInput`` for a box that has no pixel in the picture.

    Args:
        image: the picture in which the boxes were found
        boxes: what to describe
    """
    same_frame(image, boxes)
    crops = [_on_ground(image, box, f"box {number} of {len(boxes)}") for number, box in enumerate(boxes.xyxy, start=1)]
    captions: list[str] = []
    for start in range(0, len(crops), _AT_ONCE):
        if step.stop.is_set():
            raise Cancelled("describing was stopped")
        replies = captioner.caption(crops[start : start + _AT_ONCE], stop=step.stop)
        captions += [reply.text.strip().rstrip(".。") for reply in replies]
        step.progress(len(captions) / len(crops), f"{len(captions)} of {len(crops)} described")
    return captions


def _on_ground(image: Image, box: NDArray[np.float32], name: str) -> Image:
    """The part of a picture in a box, in the middle of ground of the tone around it.

    No larger than the picture is beside the thing, so that the whole picture stays as it is.
    """
    import cv2  # loads native libraries: not on the light path

    part = image.pixels[_window(image, box, name)]
    longer = max(part.shape[:2])
    scale = min(1.0, _LARGEST / longer)
    if scale < 1:
        size = [max(1, round(side * scale)) for side in part.shape[1::-1]]
        part = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
    side = round(min(_GROUND * longer, max(image.width, image.height)) * scale)
    rim = np.concatenate([part[0], part[-1], part[:, 0], part[:, -1]])
    height, width = part.shape[:2]
    ground = np.empty((max(side, height), max(side, width), 3), np.uint8)
    ground[:] = np.median(rim, axis=0)
    top, left = (ground.shape[0] - height) // 2, (ground.shape[1] - width) // 2
    ground[top : top + height, left : left + width] = part
    return Image.from_array(ground)


def _window(image: Image, box: NDArray[np.float32], name: str) -> tuple[slice, slice]:
    """Rows and columns of a box with its margin, in whole pixels inside the picture."""
    size = np.array([image.width, image.height])
    inside = np.clip(box.reshape(2, 2), 0, size)
    if (box[:2] >= size).any() or (box[2:] <= 0).any():
        raise EmptyInput(f"{name} has no pixel inside the picture", kind="boxes")
    margin = _MARGIN * float((inside[1] - inside[0]).max())
    left, top = np.maximum(0, np.floor(inside[0] - margin)).astype(int).tolist()
    right, bottom = np.minimum(size, np.ceil(inside[1] + margin)).astype(int).tolist()
    return slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))

"""Whether an answer is right: words and numbers are read from the text, things made from the artifacts and evidence."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ....planners.phrases import phrasebook
from ....tools.draw.blur import blur
from ....tools.media.artifact import Artifact
from ....tools.media.boxes import Boxes
from ....tools.media.image import Image
from ....tools.media.masks import Masks
from ....tools.see.colours import COLOURS, name_pixels
from ....tools.see.locate import PLACES
from ..figures import mask_iou
from ..train.planner.words import COLOURS as SAID
from ..world.captions import BACKGROUND_WORDS, PATTERN_WORDS
from .tasks import Task

if TYPE_CHECKING:
    from ...result import Result

TOOL = {"cut_out": "cut_out", "crop": "crop", "blur": "blur", "greyscale": "greyscale", "recolour": "recolour",
        "annotate": "annotate", "outline": "annotate", "segment": "segment", "detect": "detect", "blur_all": "blur",
        "greyscale_all": "greyscale"}  # fmt: skip
MASK_IOU, BOX_IOU = 0.7, 0.5


def right(task: Task, result: Result) -> bool:
    """Whether the result is what the task's truth asks for; a failed or partial run never is."""
    if result.status != "answered":
        return False
    if task.kind in TOOL:
        return _made(task, result)
    text = result.text.lower()
    if task.kind == "count":
        return _number(text) == task.truth
    if task.kind == "exist":
        return _yes(text) == (task.truth == "yes")
    if task.kind == "colour":
        return _named(text, [*COLOURS, *SAID["zh"]], SAID["zh"]) == {task.truth}
    if task.kind == "where":
        return place_said(text) == task.truth
    if task.kind == "background":
        return _named(text, BACKGROUND_WORDS.values()) == {task.truth}
    if task.kind == "pattern":
        return _named(text, dict.fromkeys(PATTERN_WORDS.values())) == {task.truth}
    if task.kind == "size":
        return _named(text, ("small", "medium", "large")) == {task.truth}
    from ..world.scenes import CLASSES

    return _named(text, CLASSES) == {task.truth}


def _number(text: str) -> int | None:
    """The number that an answer states first; "No circle was found" and "没有" state 0."""
    found = re.search(r"\d+", text)
    if found:
        return int(found[0])
    return 0 if re.match(r"no\b|没有", text) else None


def _yes(text: str) -> bool | None:
    """Whether an answer affirms: "yes", or a number above 0."""
    if re.match(r"yes\b|有|是", text):
        return True
    if re.match(r"no\b|没有|不", text):
        return False
    number = _number(text)
    return None if number is None else number > 0


def _named(text: str, options: Iterable[str], same: dict[str, str] | None = None) -> set[str]:
    """Which of the options the text names; `same` maps other words to options."""
    found = set()
    for option in sorted(options, key=len, reverse=True):  # 粉红色 is not 红色 as well
        text, times = re.subn(rf"(?<![a-z]){re.escape(option)}(?:s|es)?(?![a-z])", " ", text)
        if times:
            found.add((same or {}).get(option, option))
    return found


def place_said(text: str) -> str | None:
    """The ninth of the picture that an answer names, the longest name that fits."""
    words: dict[str, str] = phrasebook("zh").entries["words"]
    chinese = {said: place for place, said in words.items() if place in PLACES}
    for said in sorted(chinese, key=len, reverse=True):
        if said in text:
            return chinese[said]
    text = text.replace("-", " ").replace("center", "centre").replace("middle centre", "centre")
    text = re.sub(r"\b(top|bottom) (centre|middle)", r"\1", text)
    text = re.sub(r"\bmiddle (left|right)", r"\1", text)
    return next((p for p in sorted(PLACES, key=len, reverse=True) if re.search(rf"\b{p}\b", text)), None)


def _made(task: Task, result: Result) -> bool:
    """Whether the tool asked for worked, and on the right things."""
    tool = TOOL[task.kind]
    cited = [each for each in result.evidence if each.tool == tool]
    if len(result.evidence) != 1 or not cited:
        return False
    about, scene = cited[0].artifacts, task.scene
    if task.kind in ("crop", "annotate", "detect"):
        return _boxes_right(_of(about, Boxes), task)
    images = [each for each in result.artifacts.values() if isinstance(each, Image)]
    if task.kind.endswith("_all"):
        if len(images) != 1 or any(isinstance(each, Masks) for each in about):
            return False
        pixels = images[0].pixels
        if tool == "greyscale":
            return bool((pixels == pixels[..., :1]).all()) and pixels.shape == scene.image.shape
        return bool(np.array_equal(pixels, blur(Image.from_array(scene.image)).pixels))
    masks = _of(about, Masks)
    if (
        not isinstance(masks, Masks)
        or mask_iou(np.asarray(masks.bitmaps.any(axis=0), np.bool_), _true(task)) < MASK_IOU
    ):
        return False
    if task.kind == "segment":
        return True
    return len(images) == 1 and (task.colour is None or _painted(images[0], task) == task.colour)


def _of(artifacts: Iterable[Artifact], kind: type) -> object | None:
    return next((each for each in artifacts if isinstance(each, kind)), None)


def _true(task: Task) -> NDArray[np.bool_]:
    return np.isin(task.scene.instances, task.things)


def _boxes_right(boxes: object, task: Task) -> bool:
    """Whether there is one box for each thing that is meant, each at IoU 0.5 at least, and no other box."""
    if not isinstance(boxes, Boxes) or len(boxes) != len(task.things):
        return False
    left = [np.array(task.scene.objects[i].box) for i in task.things]
    for box in boxes.xyxy:
        best = max(range(len(left)), key=lambda i: _box_iou(box, left[i]))
        if _box_iou(box, left.pop(best)) < BOX_IOU:
            return False
    return True


def _box_iou(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    both = float(np.clip(high - low, 0, None).prod())
    return both / float((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - both)


def _painted(image: Image, task: Task) -> str:
    """The colour that most pixels of the things have now."""
    return COLOURS[int(np.bincount(name_pixels(image.pixels[_true(task)]), minlength=len(COLOURS)).argmax())]

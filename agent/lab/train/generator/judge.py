"""The judge of pictures: what a detector that had no part in training finds in them of what was asked for.

Scenes of the split test are told in prompts; the detector looks at true pictures of the scenes and at others, and the
tool `filter` reads colours in its boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from .....tools.media.boxes import Boxes
from .....tools.media.image import Image
from .....tools.roles import Detector
from .....tools.see.colours import Colour
from .....tools.see.filter import filter_colour
from ...world.captions import PLACES
from ...world.scenes import CLASSES, COLOURS, Scene, render_scene
from .data import Picture, config_of, reduced
from .prompts import UNSAID, Book, Prompt, Thing, truth_of

KINDS = ("one", "alike", "related")
"""One thing; two alike, both of which must be found; two others of which it is said how they lie to each other."""
SPLIT = "test"
OF_CONFIG = {"one": 0, "alike": 2, "related": 3}
"""The kind of scenes, as `config_of` counts them, that a kind of prompts is told of."""
_SHOWN = 384  # pixels of the side that the detector is shown: those of the world's usual pictures
_GAP = 0.02  # share of the side by which boxes may overlap that should lie apart: a detector's are inexact


class Case(NamedTuple):
    """What is asked for: a prompt, the scene that it is true of, and the scene's picture of the generator's size."""

    prompt: Prompt
    picture: Picture
    scene: Scene


Verdicts = list[dict[str, bool]]
Looked = list[tuple[Image, Boxes]]


def numbers(seed: int, n: int) -> range:
    """The scenes of which the ``n`` cases of any kind are taken: enough that they suffice."""
    return range(seed * 100_003, seed * 100_003 + 100 + 20 * n)


def cases(kind: str, n: int, seed: int, *, held_out: bool = False, background: str | None = None) -> list[Case]:
    """``n`` prompts of a kind that say the colour of all their things, of scenes with any background or this one."""
    rng, book = np.random.default_rng([seed, KINDS.index(kind)]), Book()
    found: list[Case] = []
    for number in numbers(seed, n):
        scene = render_scene(number, config_of(number, kind=OF_CONFIG[kind]), split=SPLIT)
        truth = truth_of(scene)
        if truth is None or len(truth.things) != (1 if kind == "one" else 2):
            continue
        if background not in (None, scene.background):
            continue
        prompt = book.say(truth, rng, held_out=held_out)
        if all(thing.colour != UNSAID for thing in prompt.things) and (kind == "related") == (prompt.side != UNSAID):
            found.append(Case(prompt, reduced(scene), scene))
        if len(found) == n:
            break
    return found


def shown(picture: Picture) -> Image:
    """A square picture as the detector is shown it."""
    return Image.from_array(np.asarray(cv2.resize(picture, (_SHOWN, _SHOWN), interpolation=cv2.INTER_CUBIC), np.uint8))


def judge(prompt: Prompt, image: Image, boxes: Boxes) -> dict[str, bool]:
    """What the boxes of a picture have of what its prompt says.

    ``thing``: every thing has a box of its class, of its own; ``colour``: of its colour too; ``place``: such a box in
    the place that was said; ``side``: two such boxes that lie as was said. The last two only where it was said.
    """
    right = [_of_class(boxes, thing) for thing in prompt.things]
    colours = [cast(Colour, COLOURS[thing.colour]) for thing in prompt.things]
    coloured = [filter_colour(image, some, colour) for some, colour in zip(right, colours, strict=True)]
    verdict = {
        "thing": all(len(some) >= n for some, n in zip(right, _equal(prompt.things, 1), strict=True)),
        "colour": all(len(some) >= n for some, n in zip(coloured, _equal(prompt.things, 2), strict=True)),
    }
    if any(thing.place != UNSAID for thing in prompt.things):
        verdict["place"] = all(_placed(some, thing.place) for some, thing in zip(coloured, prompt.things, strict=True))
    if prompt.side != UNSAID:
        verdict["side"] = any(_beside(a, b, prompt.side) for a in coloured[0].xyxy for b in coloured[1].xyxy)
    return verdict


def _equal(things: Sequence[Thing], fields: int) -> list[int]:
    """For each thing how many there are that have its class, or for two fields its class and colour."""
    return [sum(other[:fields] == thing[:fields] for other in things) for thing in things]


def _of_class(boxes: Boxes, thing: Thing) -> Boxes:
    return boxes.take([k for k, label in enumerate(boxes.labels) if label == CLASSES[thing.label]])


def _placed(boxes: Boxes, place: int) -> bool:
    """Whether the middle of a box lies in the ninth of the picture, or any box is there if no place is asked for."""
    if place == UNSAID:
        return not boxes.empty
    middles = (boxes.xyxy[:, :2] + boxes.xyxy[:, 2:]) / 2 * 3 / _SHOWN
    return any(PLACES[3 * min(2, int(y)) + min(2, int(x))] == PLACES[place] for x, y in middles)


def _beside(first: Any, second: Any, side: int) -> bool:
    """Whether a box lies left of (0), right of (1), above (2) or below (3) another."""
    low, high = (first, second) if side in (0, 2) else (second, first)
    axis = side // 2
    return bool(low[axis + 2] <= high[axis] + _GAP * _SHOWN)


def look(detector: Detector, pictures: Sequence[Picture]) -> Looked:
    """Square pictures as the detector is shown them, with the boxes that it finds."""
    images = [shown(picture) for picture in pictures]
    return [(image, detector.detect([image], [[]])[0]) for image in images]


def judged(prompts: Sequence[Prompt], looked: Looked) -> Verdicts:
    """The verdict of each picture on its prompt."""
    return [judge(prompt, *seen) for prompt, seen in zip(prompts, looked, strict=True)]


class Compared(NamedTuple):
    """A figure of :func:`judge`, of each case: in its true picture, in the one made, and in the one made for another.

    The last says what guessing gets.
    """

    true: NDArray[np.bool_]
    made: NDArray[np.bool_]
    other: NDArray[np.bool_]

    def ratio(self, chosen: NDArray[np.int64] | slice = slice(None), *, guessed: bool = False) -> float:
        """How often it holds in pictures made (or guessed) over how often in true ones, of the ``chosen`` cases."""
        found = self.other if guessed else self.made
        return float(found[chosen].sum() / max(1, self.true[chosen].sum()))


def compared(true: Verdicts, made: Verdicts, other: Verdicts) -> dict[str, Compared]:
    """By figure, of the cases where it was asked for."""
    names = dict.fromkeys(name for verdict in true for name in verdict)
    return {
        name: Compared(
            *(np.array([verdict[name] for verdict in some if name in verdict]) for some in (true, made, other))
        )
        for name in names
    }

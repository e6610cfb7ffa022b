"""The image generator: how often the profile's detector, which had no part in training, finds what the prompt says.

Every figure is a ratio: the share of pictures in which all that was asked for is found, over the same share of true
pictures of such scenes. What guessing would get is measured with pictures made for another prompt, or, of changed
pictures, with those that nobody changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....tools.media.image import Image
from ....tools.media.masks import Masks
from ....tools.roles import Detector, Drawing, ImageGenerator
from ....tools.see.colours import shares
from ..train.generator.data import SEEDS, config_of
from ..train.generator.evaluate import compare, seconds_a_picture
from ..train.generator.judge import OF_CONFIG, SPLIT, Case, Compared, cases, compared, judged, look, numbers
from ..train.generator.prompts import HELD_OUT, UNSAID, Book, Prompt, is_held_out, truth_of, wordings
from ..world.scenes import CLASSES, COLOURS
from .apart import Drawn, Overlap, check_scenes
from .rows import Row, bootstrap, share
from .shipped import Shipped

ROLE = "image_generator"
USES = ("image_generator", "detector")
DEFAULT_N = 200
"""Prompts of each kind."""
# By name: the kind of prompts, the figure of the judge, and whether the wordings are held out.
FIGURES = {
    "one_thing_colour": ("one", "colour", False),
    "new_wordings": ("one", "colour", True),
    "alike": ("alike", "colour", False),
    "related": ("related", "side", False),
}
# Generously counted: two training seeds, and the most scenes that the recipe renders for one.
_TRAINED_SEEDS, _TRAINED_SCENES, _CHOSEN_SCENES = 2, 250_000, 256
_STRENGTH = 0.8  # of changes to a whole picture
_MARGIN = 0.06  # share of the side by which the mask is larger than the box of what it covers
_SEEN = 0.1  # share of the background from which on a colour cannot be told from it


def apart(seed: int, n: int) -> dict[str, Any]:
    """Raise Overlap where scenes or held-out wordings are trained ones; return what was compared."""
    configs = [config_of(0, kind=kind) for kind in OF_CONFIG.values()]
    starts = [number * SEEDS for number in range(_TRAINED_SEEDS)]
    trained = [
        *(Drawn("train", range(start, start + _TRAINED_SCENES), config) for start in starts for config in configs),
        Drawn("val", range(_CHOSEN_SCENES), configs[0]),
    ]
    facts = check_scenes(ROLE, [Drawn(SPLIT, numbers(seed, n), config) for config in configs], trained)
    lines = {(kind, line) for kind in HELD_OUT for line in wordings()[kind]}
    held, book = {line for line in lines if is_held_out(*line)}, Book()
    if shared := [line for kind, line in held if line in book.taught[kind]]:
        raise Overlap(f"{len(shared)} held-out wordings of prompts are trained ones: {shared[:3]}")
    return {**facts, "wordings": {"held_out_wordings": len(held), "trained_wordings": len(lines) - len(held)}}


def jobs(models: Mapping[str, Shipped], seed: int, n: int) -> Sequence[Callable[[], list[Row]]]:
    """One piece of work a figure."""
    generator, detector = (models[role].adapter() for role in USES)
    return [
        *(partial(_drawn, generator, detector, name, seed, n) for name in FIGURES),
        partial(_edited, generator, detector, seed, n),
        partial(_inpainted, generator, detector, seed, n),
        lambda: [Row(ROLE, "seconds_a_picture", seconds_a_picture(generator))],
    ]


def _drawn(generator: ImageGenerator, detector: Detector, name: str, seed: int, n: int) -> list[Row]:
    """New pictures."""
    kind, figure, held_out = FIGURES[name]
    found, _ = compare(generator, detector, cases(kind, n, seed, held_out=held_out), seed)
    return _rows(name, found[figure])


def _edited(generator: ImageGenerator, detector: Detector, seed: int, n: int) -> list[Row]:
    """True pictures of one thing, changed as a whole into another colour and into another class by turns."""
    some = cases("one", n, seed)
    rng = np.random.default_rng([seed, 1])
    prompts = [_other(case, rng, label=k % 2 == 1, colour=k % 2 == 0) for k, case in enumerate(some)]
    images = [Image.from_array(case.scene.image) for case in some]
    made = generator.edit(images, _drawings(prompts, seed), strength=_STRENGTH)
    return _rows("edited", _changed(detector, some, prompts, made))


def _inpainted(generator: ImageGenerator, detector: Detector, seed: int, n: int) -> list[Row]:
    """A thing of another class and colour in the place of the only one, on an even background."""
    some = cases("one", n, seed, background="plain")
    rng = np.random.default_rng([seed, 2])
    prompts = [_other(case, rng, label=True, colour=True, placed=True) for case in some]
    images = [Image.from_array(case.scene.image) for case in some]
    covered = [_around(case) for case in some]
    masks = [Masks.of(mask[None], image) for mask, image in zip(covered, images, strict=True)]
    made = generator.inpaint(images, masks, _drawings(prompts, seed))
    kept = [
        np.array_equal(image.pixels[~mask], each.pixels[~mask])
        for image, mask, each in zip(images, covered, made, strict=True)
    ]
    rows = _rows("inpainted", _changed(detector, some, prompts, made))
    return [*rows, share(ROLE, "inpainted_outside_kept", sum(kept), len(kept))]


def _changed(detector: Detector, some: Sequence[Case], prompts: Sequence[Prompt], made: Sequence[Image]) -> Compared:
    """What the prompts say, in pictures changed to it and in those left as they are; true ones by their own prompts."""
    left = look(detector, [case.picture for case in some])
    true = judged([case.prompt for case in some], left)
    changed = judged(prompts, look(detector, [image.pixels for image in made]))
    return compared(true, changed, judged(prompts, left))["colour"]


def _other(case: Case, rng: np.random.Generator, *, label: bool, colour: bool, placed: bool = False) -> Prompt:
    """A prompt of the case's scene with a thing of another class or colour, whose place is said if ``placed``."""
    truth, book = truth_of(case.scene), Book()
    assert truth is not None
    thing = truth.things[0]
    ground = shares(case.scene.image[case.scene.instances < 0])
    colours = [k for k in range(len(COLOURS)) if k != thing.colour and ground[k] < _SEEN]
    labels = [k for k in range(len(CLASSES)) if k != thing.label]
    thing = thing._replace(
        label=int(rng.choice(labels)) if label else thing.label,
        colour=int(rng.choice(colours)) if colour else thing.colour,
    )
    while True:
        prompt = book.say(truth._replace(things=(thing,)), rng)
        if prompt.things[0].colour != UNSAID and not (placed and prompt.things[0].place == UNSAID):
            return prompt


def _drawings(prompts: Sequence[Prompt], seed: int) -> list[Drawing]:
    return [Drawing(prompt.text, seed=seed * 1_000_003 + k) for k, prompt in enumerate(prompts)]


def _around(case: Case) -> NDArray[np.bool_]:
    """The box of the only thing, a little enlarged, as a mask of the scene's picture."""
    height, width = case.scene.instances.shape
    x0, y0, x1, y1 = case.scene.objects[0].box
    margin = _MARGIN * width
    mask = np.zeros((height, width), np.bool_)
    mask[max(0, int(y0 - margin)) : int(y1 + margin) + 1, max(0, int(x0 - margin)) : int(x1 + margin) + 1] = True
    return mask


def _rows(name: str, found: Compared) -> list[Row]:
    """The ratio, and the share of true pictures that it is a ratio to."""
    n = len(found.made)
    between = bootstrap(n, lambda chosen: [found.ratio(chosen)])[0]
    return [
        Row(ROLE, name, found.ratio(), n, between, blind=found.ratio(guessed=True)),
        share(ROLE, f"{name}_true", int(found.true.sum()), n),
    ]

"""Requests for the tools that draw and edit pictures, and when their pictures are right."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from ....tools.draw.blur import blur
from ....tools.media.image import Image
from ..matrix.samples import Sample
from ..train.planner.values import PLACES
from ..world.scenes import SceneConfig, SceneObject
from .case import Case, Given, Make
from .media import CALM, LARGE, THINGS, Draw, picture
from .senses import Box, Senses, around, correlation, difference, inside, place_in, resized

STYLES = ("watercolour", "Van Gogh", "oil painting", "pencil sketch", "comic book")
ZH_STYLES = ("水彩", "梵高", "油画", "素描", "漫画")
_SMALL = SceneConfig(side=96, count=(1, 1), size=(0.4, 0.6), classes=THINGS)
_MARGIN = 0.6  # of a thing's longer side: an edit may reach so far beyond it
_GROUND = 40.0  # grey levels by which the ground of a picture that was changed as a whole may differ
_EXACT = 0.5  # grey levels by which the rest of an edited picture may differ in the mean
RESAMPLED = 3.0  # the same where it was enlarged and is made small again
_CHANGED = 6.0  # by which what is drawn anew differs at least


def generate_image(draw: Draw) -> Case:
    """The thing in its colour is found in a new picture."""
    label, colour = draw.other()
    values = {"prompt": draw.called(label, colour, article="a ")}
    return Case((), partial(shows, label, colour), f"{colour} {label}", values)


def shows(label: str, colour: str, given: Given, senses: Senses) -> bool:
    """Whether one picture was made, and the thing is found in it."""
    image = given.one(Image)
    return image is not None and senses.world.right(Sample(label, colour), "image", "", {"": image}, chinese=False)


def edit_image(draw: Draw) -> Case:
    """The same picture, by its size and ground, that shows what was asked for."""
    scene = draw.scene(LARGE)
    label, colour = draw.other(*scene.objects)
    values = {"prompt": draw.called(label, colour, article="a ")}
    return Case((picture(scene),), partial(_turned_into, picture(scene), label, colour), f"{colour} {label}", values)


def _turned_into(before: Image, label: str, colour: str, given: Given, senses: Senses) -> bool:
    image = given.one(Image)
    if image is None or image.pixels.shape != before.pixels.shape:
        return False
    tones = [np.median(np.concatenate([each.pixels[:8], each.pixels[-8:]]), axis=(0, 1)) for each in (before, image)]
    return float(np.abs(tones[0] - tones[1]).max()) < _GROUND and shows(label, colour, given, senses)


def remove(draw: Draw) -> Case:
    """The thing is no longer found, the others are, and the rest of the picture is as it was."""
    scene, index, said = draw.thing(CALM)
    thing = scene.objects[index]
    others = [each for each in scene.objects if each is not thing]
    right = partial(_gone, picture(scene), thing, others)
    return Case((picture(scene),), right, f"no {thing.colour} {thing.label}", {"np": said})


def _gone(before: Image, thing: SceneObject, others: Sequence[SceneObject], given: Given, senses: Senses) -> bool:
    image = given.one(Image)
    if image is None or not only_at(thing.box, before, image):
        return False
    left = any(inside(box, thing.box) for box in senses.found(image, thing.label))
    return not left and all(_at(image, each.label, "", each.box, senses) for each in others)


def only_at(box: Box, before: Image, after: Image, most: float = _EXACT) -> bool:
    """Whether a picture was changed at a box, and nowhere far from it by more than some grey levels in the mean."""
    if after.pixels.shape != before.pixels.shape:
        return False
    near = around(box, _MARGIN, before.pixels.shape)
    here = around(box, 0.0, before.pixels.shape)
    untouched = difference(before.pixels, after.pixels, ~near) <= most
    return untouched and difference(before.pixels, after.pixels, here) >= _CHANGED


def _at(image: Image, label: str, colour: str, box: Box, senses: Senses) -> bool:
    return any(inside(each, box) for each in senses.found(image, label, colour))


def replace(draw: Draw) -> Case:
    """Another thing is found where the first one was, and the rest of the picture is as it was."""
    scene, index, said = draw.thing(CALM)
    thing = scene.objects[index]
    label, colour = draw.other(*scene.objects)
    values = {"np": said, "prompt": draw.called(label, colour, article="a ")}
    right = partial(_exchanged, picture(scene), thing, label, colour)
    return Case((picture(scene),), right, f"{colour} {label} for {thing.label}", values)


def _exchanged(before: Image, thing: SceneObject, label: str, colour: str, given: Given, senses: Senses) -> bool:
    image = given.one(Image)
    return image is not None and only_at(thing.box, before, image) and _at(image, label, colour, thing.box, senses)


def inpaint(draw: Draw) -> Case:
    """The thing's own pixels have the new colour, and the rest of the picture is as it was.

    What is drawn shows only where the thing was, so the same thing in another colour is asked for.
    """
    scene, index, said = draw.thing(CALM)
    thing = scene.objects[index]
    _, colour = draw.other(*scene.objects)
    values = {"np": said, "prompt": draw.called(thing.label, colour, article="a ")}
    right = partial(_exchanged, picture(scene), thing, thing.label, colour)
    return Case((picture(scene),), right, f"{colour} {thing.label}", values)


def restyle(draw: Draw) -> Case:
    """Drawn anew all over, with the thing where it was."""
    scene = draw.scene(LARGE)
    values = {"style": draw.rng.choice(ZH_STYLES if draw.language == "zh" else STYLES)}
    return Case((picture(scene),), partial(_restyled, picture(scene), scene.objects[0]), values["style"], values)


def _restyled(before: Image, thing: SceneObject, given: Given, senses: Senses) -> bool:
    image = given.one(Image)
    return image is not None and drawn_anew(before, image) and _at(image, thing.label, "", thing.box, senses)


def drawn_anew(before: Image, after: Image) -> bool:
    """Whether a picture is the same scene as before, drawn otherwise, in colours: no grey, blurred or equal copy."""
    if after.pixels.shape != before.pixels.shape or bool((after.pixels == after.pixels[..., :1]).all()):
        return False
    everywhere = np.abs(after.pixels.astype(np.int16) - before.pixels).max(axis=2) > 1
    filtered = difference(blur(before).pixels, after.pixels)
    kept = correlation(before.pixels.mean(axis=2), after.pixels.mean(axis=2))
    return bool(everywhere.mean() > 0.5 and filtered > 1.0 and kept > 0.3)


def upscale(draw: Draw) -> Case:
    """So many times as large, twice where nothing is said, and the same picture."""
    scene = draw.scene(_SMALL)
    times = draw.rng.randint(2, 4) if draw.asks("times") else None
    values = {} if times is None else {"times": str(times)}
    return Case((picture(scene),), partial(enlarged, picture(scene), times), f"{times or 'some'} times", values)


def enlarged(before: Image, times: int | None, given: Given, _: Senses) -> bool:
    """Whether one picture is another one, larger by a whole factor."""
    image = given.one(Image)
    if image is None or image.width % before.width or image.width <= before.width:
        return False
    factor = image.width // before.width
    right = image.height == factor * before.height and times in (None, factor)
    return right and difference(resized(image, before.width, before.height).pixels, before.pixels) <= RESAMPLED


def compose(layout: str, draw: Draw) -> Case:
    """All pictures whole and in order: side by side, one below the other, or in rows."""
    scenes = [draw.scene(_SMALL) for _ in range(draw.rng.randint(2, 3) if layout else 4)]
    pictures = tuple(picture(scene) for scene in scenes)
    return Case(pictures, partial(arranged, pictures, layout), layout or "all of them")


def arranged(pictures: Sequence[Image], layout: str, given: Given, _: Senses) -> bool:
    """Whether one picture has these in it, in the order of a row, of a column, or as one reads."""
    board = given.one(Image)
    places = [place_in(board.pixels, each.pixels) for each in pictures] if board else []
    found = [place for place in places if place is not None]
    if not found or len(found) < len(pictures) or len(set(found)) < len(found):
        return False
    across, down = zip(*found, strict=True)
    if layout == "row":
        return len(set(down)) == 1 and list(across) == sorted(across)
    if layout == "column":
        return len(set(across)) == 1 and list(down) == sorted(down)
    return found == sorted(found, key=lambda place: (place[1], place[0]))


def paste(draw: Draw) -> Case:
    """One picture stands in the other, at the place where one is told; the rest of the other is as it was."""
    piece, ground = picture(draw.scene(_SMALL)), picture(draw.scene(LARGE))
    files = [piece, ground]
    draw.rng.shuffle(files)
    at = files.index(piece)
    said, place = draw.rng.choice(tuple(PLACES[draw.language].items()))
    values = {"piece": draw.said("image", "nth", at, 2), "other": draw.said("image", "nth", 1 - at, 2), "place": said}
    right = partial(_pasted, piece, ground, place if draw.asks("place") else "")
    return Case(tuple(files), right, place if draw.asks("place") else "anywhere", values)


def _pasted(piece: Image, ground: Image, place: str, given: Given, _: Senses) -> bool:
    board = given.one(Image)
    spot = place_in(board.pixels, piece.pixels) if board else None
    if board is None or spot is None or board.pixels.shape != ground.pixels.shape:
        return False
    rest = ~around((*spot, spot[0] + piece.width, spot[1] + piece.height), 0.0, ground.pixels.shape)
    return difference(board.pixels, ground.pixels, rest) <= 1.0 and (not place or _stands(spot, piece, ground) == place)


def _stands(spot: tuple[int, int], piece: Image, ground: Image) -> str:
    """The ninth of a picture at which another one stands."""
    middle = spot[0] + piece.width / 2, spot[1] + piece.height / 2
    column, row = (min(2, int(3 * at / side)) for at, side in zip(middle, (ground.width, ground.height), strict=True))
    across, down = ("left", "", "right")[column], ("top", "", "bottom")[row]
    return f"{down} {across}".strip() or "centre"


CASES: dict[str, Make] = {
    "generate_image": generate_image, "edit_image": edit_image, "remove": remove, "replace": replace,
    "inpaint": inpaint, "restyle": restyle, "upscale": upscale, "paste": paste, "compose": partial(compose, ""),
    "compose@row": partial(compose, "row"), "compose@column": partial(compose, "column"),
}  # fmt: skip

"""Requests that take several experts in a row, and when what comes out at the end is right.

Left out are chains whose end does not tell one of their steps: a drawn picture in a style (``generate_image+restyle``),
and pictures of solids (``name_cloud+generate_image``), which no detector of ours knows.
"""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np

from ....tools.media.image import Image
from ....tools.media.text import Text
from ....tools.see.nouns import NOUNS
from ..train.planner.words import COLOURS as SAID
from ..world.clips import Clip
from ..world.scenes import SceneObject
from .case import Case, Given, Make
from .expert_drawing import RESAMPLED, arranged, only_at, shows
from .expert_filming import MOVES, in_time
from .expert_reading import LANGUAGES, illustrated, shortened, translated
from .expert_seeing import SIGN
from .media import CALM, LARGE, Draw, filmed, picture
from .papers import docx
from .senses import Pixels, Senses, difference, inside, iou, resized, same

_WHITE = 250  # grey level of paper


def redraw(draw: Draw) -> Case:
    """``caption+generate_image``: the thing again, in a picture that is not the one that came."""
    scene = draw.scene(LARGE)
    thing = scene.objects[0]
    right = partial(_drawn_again, picture(scene), thing)
    return Case((picture(scene),), right, f"{thing.colour} {thing.label}")


def _drawn_again(before: Image, thing: SceneObject, given: Given, senses: Senses) -> bool:
    image = given.one(Image)
    return image is not None and not same(before, image) and shows(thing.label, thing.colour, given, senses)


def caption_in_chinese(draw: Draw) -> Case:
    """``caption+translate``: the thing and its colour in Chinese."""
    scene = draw.scene(LARGE)
    thing = scene.objects[0]
    values = {"to": LANGUAGES[draw.language]["chinese"]}
    return Case((picture(scene),), partial(_in_chinese, thing), f"{thing.colour} {thing.label}", values)


def _in_chinese(thing: SceneObject, given: Given, _: Senses) -> bool:
    text = given.one(Text)
    colours = [said for said, colour in SAID["zh"].items() if colour == thing.colour]
    return text is not None and all(
        any(each in text.text for each in some) for some in (colours, NOUNS[thing.label]["zh"])
    )


def move_over(draw: Draw) -> Case:
    """``cut_out+paste``: the thing is found in the other picture, the rest of which is as it was."""
    scene, index, said = draw.thing(CALM)
    thing = scene.objects[index]
    while True:
        other = draw.scene(LARGE)
        if other.objects[0].label != thing.label:
            break
    values = {
        "np": said, "pic": draw.said("image", "nth", 0, 2), "other": draw.said("image", "nth", 1, 2),
        "ref": "它" if draw.language == "zh" else "it",
    }  # fmt: skip
    right = partial(_moved, picture(other), thing)
    return Case((picture(scene), picture(other)), right, f"{thing.label} on the second picture", values)


def _moved(ground: Image, thing: SceneObject, given: Given, senses: Senses) -> bool:
    image = given.one(Image)
    if image is None or image.pixels.shape != ground.pixels.shape:
        return False
    size = [thing.box[2] - thing.box[0], thing.box[3] - thing.box[1]]
    found = senses.found(image, thing.label)
    fits = [box for box in found if iou((0, 0, box[2] - box[0], box[3] - box[1]), (0, 0, size[0], size[1])) > 0.5]
    return any(only_at(box, ground, image) for box in fits)


def all_figures(draw: Draw) -> Case:
    """``document_pictures+compose``: every picture of the document in one."""
    document, pictures = illustrated(draw)
    return Case((document,), partial(arranged, pictures, ""), f"{len(pictures)} pictures")


def draw_large(draw: Draw) -> Case:
    """``generate_image+upscale``: the thing in its colour, with no finer detail than a picture some times smaller."""
    label, colour = draw.other()
    times = draw.rng.randint(2, 4) if draw.asks("times") else None
    values = {"prompt": draw.called(label, colour, article="a "), "times": str(times)}
    return Case((), partial(_drawn_large, label, colour, times), f"{colour} {label}, larger", values)


def _drawn_large(label: str, colour: str, times: int | None, given: Given, senses: Senses) -> bool:
    image = given.one(Image)
    factors = [times] if times else [2, 3, 4]
    return image is not None and any(_coarse(image, each) for each in factors) and shows(label, colour, given, senses)


def _coarse(image: Image, factor: int) -> bool:
    """Whether nothing of a picture is lost when it is made so many times smaller and large again."""
    if image.width % factor or image.height % factor:
        return False
    small = resized(image, image.width // factor, image.height // factor)
    large = cv2.resize(small.pixels, (image.width, image.height), interpolation=cv2.INTER_LANCZOS4)
    return difference(np.asarray(large, np.uint8), image.pixels) <= 1.0


def shorten_paper(draw: Draw) -> Case:
    """``read_document+summarise``: some sentences of the document."""
    story = draw.story(8)
    count = draw.rng.randint(1, 4) if draw.asks("sentences") else None
    return Case(
        (docx(story),), partial(shortened, story, count), f"{count or 'a few'} sentences", {"sentences": str(count)}
    )


def translate_paper(draw: Draw) -> Case:
    """``read_document+translate``: the phrase table's translation of the document."""
    story = draw.story(3, "en")
    values = {"to": LANGUAGES[draw.language]["chinese"]}
    return Case((docx(story),), partial(translated, "\n\n".join(story), "chinese"), " ".join(story), values)


def sign(draw: Draw) -> tuple[Image, str]:
    """A picture of a sign, and its word."""
    scene = draw.scene(SIGN)
    return picture(scene), str(scene.objects[0].word)


def translate_sign(draw: Draw) -> Case:
    """``read_text+translate``: the phrase table's translation of the sign's word."""
    image, word = sign(draw)
    values = {"to": LANGUAGES[draw.language]["chinese"]}
    return Case((image,), partial(translated, word, "chinese"), word, values)


def remove_and_enlarge(draw: Draw) -> Case:
    """``remove+upscale``: a larger picture, in which the thing is no longer found and the rest is as it was."""
    scene, index, said = draw.thing(CALM)
    times = draw.rng.randint(2, 3) if draw.asks("times") else None
    right = partial(_removed_and_enlarged, picture(scene), scene.objects[index], times)
    return Case((picture(scene),), right, f"larger, no {scene.objects[index].label}", {"np": said, "times": str(times)})


def _removed_and_enlarged(before: Image, thing: SceneObject, times: int | None, given: Given, senses: Senses) -> bool:
    image = given.one(Image)
    if image is None or image.width <= before.width or image.width % before.width:
        return False
    small = resized(image, before.width, before.height)
    gone = not any(inside(box, thing.box) for box in senses.found(small, thing.label))
    return gone and times in (None, image.width // before.width) and only_at(thing.box, before, small, RESAMPLED)


def strip_of_frames(draw: Draw) -> Case:
    """``sample_frames+compose``: pictures of the clip in one, as many as asked for, in the order of time."""
    clip = draw.clip(MOVES)
    count = draw.rng.randint(3, 6) if draw.asks("count") else None
    return Case((filmed(clip),), partial(_strip, clip, count), f"{count or 'some'} pictures", {"count": str(count)})


def _strip(clip: Clip, count: int | None, given: Given, _: Senses) -> bool:
    board = given.one(Image)
    if board is None:
        return False
    height, width = clip.frames.shape[1:3]
    shown = [
        Image.from_array(np.ascontiguousarray(board.pixels[top : top + height, left : left + width]))
        for top in _starts(board.pixels, 1, height)
        for left in _starts(board.pixels, 0, width)
    ]
    shown = [each for each in shown if each.pixels.min() < _WHITE]
    return len(shown) >= (count or 2) and in_time(clip, shown)


def _starts(board: Pixels, axis: int, size: int) -> list[int]:
    """Where stretches of a board begin that are as long as a picture, between white lines across the whole of it."""
    inked = np.pad((board.min(axis=(axis, 2)) < _WHITE).astype(int), 1)
    borders = np.flatnonzero(np.diff(inked))
    return [int(start) for start, end in zip(borders[::2], borders[1::2], strict=True) if end - start == size]


CASES: dict[str, Make] = {
    "caption+generate_image": redraw,
    "caption+translate": caption_in_chinese,
    "cut_out+paste": move_over,
    "document_pictures+compose": all_figures,
    "generate_image+upscale": draw_large,
    "read_document+summarise": shorten_paper,
    "read_document+translate": translate_paper,
    "read_text+translate": translate_sign,
    "remove+upscale": remove_and_enlarge,
    "sample_frames+compose": strip_of_frames,
}

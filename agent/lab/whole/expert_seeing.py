"""Requests for the tools that look at pictures, beyond those of tasks.py, and when they are right."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import cv2
import numpy as np

from ....tools.media.boxes import Boxes
from ....tools.media.image import Image
from ....tools.media.masks import Masks
from ....tools.media.points import Points
from ....tools.media.table import Table
from ....tools.media.text import Text
from ....tools.see.nouns import NOUNS
from ..figures import mask_iou
from ..train.planner.words import COLOURS as SAID
from ..world.captions import place_of
from ..world.scenes import Scene, SceneConfig, SceneObject
from .case import Case, Given, Make
from .judging import place_said
from .media import LARGE, SEVERAL, THINGS, Draw, picture
from .senses import Senses, iou, near, same, says_words

SIGN = SceneConfig(count=(1, 1), size=(0.34, 0.40), classes=("sign",), backgrounds=("plain", "gradient"))
_PAIR = SceneConfig(count=(2, 2), size=(0.16, 0.36), max_occlusion=0.0, repeat=0.0, classes=THINGS)
_BOX_IOU, _MASK_IOU = 0.5, 0.6
_FAR = 1.4  # times that one of two things to be compared is as large as the other
_PICTURES = 4  # among which one is looked for


def told(given: Given) -> str:
    """The words of a result: its texts, else its answer."""
    return " ".join(each.text for each in given.all(Text)) or given.text


def names(text: str, label: str, colour: str = "") -> bool:
    """Whether a text names a thing, in its colour where one is told, in English or Chinese."""
    tinted = not colour or any(said in text for said, each in SAID["zh"].items() if each == colour)
    if tinted and any(noun in text for noun in NOUNS.get(label, {}).get("zh", ())):
        return True
    many = "fish" if label == "fish" else f"{label}es" if label == "cross" else f"{label}s"
    return any(says_words(text, f"{colour} {each}".strip()) for each in (label, many))


def caption(draw: Draw) -> Case:
    """Every thing is named with its colour; a list of classes is no caption."""
    scene = draw.scene(SEVERAL)
    return Case((picture(scene),), partial(_all_named, scene.objects), _listed(scene))


def _all_named(things: Sequence[SceneObject], given: Given, _: Senses) -> bool:
    return all(names(told(given), thing.label, thing.colour) for thing in things)


def _listed(scene: Scene) -> str:
    return ", ".join(f"{thing.colour} {thing.label}" for thing in scene.objects)


def caption_densely(draw: Draw) -> Case:
    """Every thing has a part of the text of its own, which says its colour and where it is."""
    scene = draw.scene(SEVERAL)
    return Case((picture(scene),), partial(_all_placed, scene), _listed(scene))


def _all_placed(scene: Scene, given: Given, _: Senses) -> bool:
    parts = [part.lower() for part in told(given).replace("；", ";").split(";")]
    side = scene.image.shape[0]
    return len(parts) >= len(scene.objects) and all(
        any(names(part, thing.label, thing.colour) and place_said(part) == place_of(thing, side) for part in parts)
        for thing in scene.objects
    )


def classify(draw: Draw) -> Case:
    """The name that fits stands first, before others."""
    scene = draw.scene(LARGE)
    thing = scene.objects[0]
    labels = [thing.label, *draw.rng.sample([each for each in THINGS if each != thing.label], 2)]
    draw.rng.shuffle(labels)
    named = [draw.called(each, article="") for each in labels]
    last = "还是" if draw.language == "zh" else " or "
    comma = "、" if draw.language == "zh" else ", "
    listed = comma.join(named[:-1]) + last + named[-1]
    return Case((picture(scene),), partial(_first_named, thing.label, labels), thing.label, {"labels": listed})


def _first_named(label: str, labels: Sequence[str], given: Given, _: Senses) -> bool:
    table = given.one(Table)
    if table is None or "score" not in table.columns or table.empty:
        return False
    first, *others = sorted(table.rows, key=lambda row: -row["score"])
    return names(str(first["label"]), label) and len(others) == len(labels) - 1


def compare(draw: Draw) -> Case:
    """Two things apart from each other in size and place: which is larger, on which side, and how far."""
    while True:
        scene = draw.scene(_PAIR)
        if len({thing.label for thing in scene.objects}) < 2 or len(scene.objects) != 2:
            continue
        one, other = scene.objects
        gap = max(one.box[0], other.box[0]) - min(one.box[2], other.box[2])
        sizes = sorted((thing.box[2] - thing.box[0]) * (thing.box[3] - thing.box[1]) for thing in scene.objects)
        if gap > 12 and sizes[1] > _FAR * sizes[0]:
            break
    if draw.rng.random() < 0.5:
        one, other = other, one
    values = {"first": draw.called(one.label, article=""), "second": draw.called(other.label, article="")}
    return Case((picture(scene),), partial(_compared, one, other), f"{one.label} and {other.label}", values)


def _compared(one: SceneObject, other: SceneObject, given: Given, _: Senses) -> bool:
    table = given.one(Table)
    rows = (
        [row for row in table.rows if {row.get("first"), row.get("second")} == {one.label, other.label}]
        if table
        else []
    )
    if len(rows) != 1:
        return False
    row = rows[0]
    if row["first"] != one.label:
        one, other = other, one
    areas = [(thing.box[2] - thing.box[0]) * (thing.box[3] - thing.box[1]) for thing in (one, other)]
    middles = [((thing.box[0] + thing.box[2]) / 2, (thing.box[1] + thing.box[3]) / 2) for thing in (one, other)]
    (x, y), (u, v) = middles
    apart = float(np.hypot(x - u, y - v))
    return (
        row["across"] == ("left of" if one.box[0] < other.box[0] else "right of")
        and row["larger"] == (one if areas[0] > areas[1] else other).label
        and near(row["centres"], apart)
        and near(row["times"], max(areas) / min(areas), 0.2)  # four sides, each a few per cent off
    )


def describe_region(draw: Draw) -> Case:
    """The thing that is meant is told with its colour, and no other one."""
    while True:
        scene, index, said = draw.thing(SEVERAL)
        if len({thing.label for thing in scene.objects}) == len(scene.objects):
            break
    thing = scene.objects[index]
    others = [each for each in scene.objects if each is not thing]
    return Case((picture(scene),), partial(_only_named, thing, others), f"{thing.colour} {thing.label}", {"np": said})


def _only_named(thing: SceneObject, others: Sequence[SceneObject], given: Given, _: Senses) -> bool:
    text = told(given)
    return names(text, thing.label, thing.colour) and not any(names(text, each.label) for each in others)


def measure(draw: Draw) -> Case:
    """Width, height and place of the middle within a tenth."""
    scene, index, said = draw.thing(SEVERAL)
    return Case(
        (picture(scene),), partial(_measured, scene.objects[index]), str(scene.objects[index].box), {"np": said}
    )


def _measured(thing: SceneObject, given: Given, _: Senses) -> bool:
    table = given.one(Table)
    if table is None or table.count != 1 or "centre_x" not in table.columns:
        return False
    row, (left, top, right, bottom) = table.rows[0], thing.box
    sides = near(row["width"], right - left) and near(row["height"], bottom - top)
    off = np.hypot(row["centre_x"] - (left + right) / 2, row["centre_y"] - (top + bottom) / 2)
    return bool(sides and off <= 0.1 * max(right - left, bottom - top))


def point_at(draw: Draw) -> Case:
    """The one thing under the point, boxed and named."""
    scene = draw.scene(SEVERAL)
    index = draw.rng.randrange(len(scene.objects))
    inside = cv2.distanceTransform(scene.mask(index).astype(np.uint8), cv2.DIST_L2, 5)
    row, column = np.unravel_index(int(inside.argmax()), inside.shape)
    image = picture(scene)
    points = Points.of([[float(column), float(row)]], [True], image)
    return Case((image, points), partial(_boxed, scene.objects[index]), scene.objects[index].label)


def _boxed(thing: SceneObject, given: Given, _: Senses) -> bool:
    boxes = given.one(Boxes)
    if boxes is None or len(boxes) != 1 or boxes.labels[0] != thing.label:
        return False
    return iou(tuple(boxes.xyxy[0].tolist()), thing.box) >= _BOX_IOU


def read_text(draw: Draw) -> Case:
    """The word of a sign."""
    word = ""
    while not word:
        scene = draw.scene(SIGN)
        word = scene.objects[0].word or ""
    return Case((picture(scene),), partial(_read, word), word)


def _read(word: str, given: Given, _: Senses) -> bool:
    lines = [label for boxes in given.all(Boxes) for label in boxes.labels]
    return says_words(" ".join(lines) or told(given), word)


def segment_all(draw: Draw) -> Case:
    """Every thing has a mask of its own."""
    scene = draw.scene(SEVERAL)
    return Case((picture(scene),), partial(_all_masked, scene), f"{len(scene.objects)} things")


def _all_masked(scene: Scene, given: Given, _: Senses) -> bool:
    masks = given.one(Masks)
    if masks is None or masks.bitmaps.shape[1:] != scene.instances.shape:
        return False
    return all(
        any(mask_iou(np.asarray(mask), scene.mask(index)) >= _MASK_IOU for mask in masks.bitmaps)
        for index in range(len(scene.objects))
    )


def find_similar(draw: Draw) -> Case:
    """Of some pictures the one that is the first one again, a little cut and brighter, comes before all others."""
    first, others = draw.scene(LARGE), [draw.scene(SEVERAL) for _ in range(_PICTURES - 1)]
    cut = first.image[12:-12, 12:-12]
    near = np.clip(cv2.resize(cut, first.image.shape[:2]).astype(np.int16) + 14, 0, 255).astype(np.uint8)
    pictures = [Image.from_array(near), *map(picture, others)]
    draw.rng.shuffle(pictures)
    count = draw.rng.randint(2, _PICTURES - 1) if draw.asks("count") else None
    right = partial(_first_shown, Image.from_array(near), count, len(pictures))
    return Case((picture(first), *pictures), right, "the same picture, cut", _counted(count))


def search_images(draw: Draw) -> Case:
    """Of some pictures the one with the thing comes before all others."""
    scenes = _different(draw)
    thing = scenes[0].objects[0]
    count = draw.rng.randint(2, _PICTURES - 1) if draw.asks("count") else None
    pictures = [picture(scene) for scene in scenes]
    draw.rng.shuffle(pictures)
    values = {"query": draw.called(thing.label, thing.colour, article="a "), **_counted(count)}
    right = partial(_first_shown, picture(scenes[0]), count, len(pictures))
    return Case(tuple(pictures), right, f"{thing.colour} {thing.label}", values)


def search_folder(draw: Draw) -> Case:
    """Of the pictures in a folder the one with the thing comes before all others."""
    scenes = _different(draw)
    thing = scenes[0].objects[0]
    folder = draw.home / draw.rng.choice(("holiday", "garden", "summer", "pictures", "trips"))
    folder.mkdir(parents=True)
    for name, scene in zip(draw.rng.sample("abcdefgh", len(scenes)), scenes, strict=True):
        picture(scene).to_pil().save(folder / f"{name}.png")
    count = draw.rng.randint(2, _PICTURES - 1) if draw.asks("count") else None
    named = draw.called(thing.label, thing.colour, article="a ")
    values = {"query": named, "folder": str(folder), **_counted(count)}
    return Case(
        (), partial(_first_shown, picture(scenes[0]), count, len(scenes)), f"{thing.colour} {thing.label}", values
    )


def _different(draw: Draw) -> list[Scene]:
    """Pictures of one thing each, no two of the same class or colour."""
    scenes: list[Scene] = []
    while len(scenes) < _PICTURES:
        scene = draw.scene(LARGE)
        met = {(each.objects[0].label, each.objects[0].colour) for each in scenes}
        if all(scene.objects[0].label != label and scene.objects[0].colour != colour for label, colour in met):
            scenes.append(scene)
    return scenes


def _counted(count: int | None) -> dict[str, str]:
    return {} if count is None else {"count": str(count)}


def _first_shown(wanted: Image, count: int | None, most: int, given: Given, _: Senses) -> bool:
    found = given.all(Image)
    if not 1 <= len(found) <= most or (count is not None and len(found) != count):
        return False
    return same(found[0], wanted)


CASES: dict[str, Make] = {
    "caption": caption, "caption_densely": caption_densely, "classify": classify, "compare": compare,
    "describe_region": describe_region, "measure": measure, "point_at": point_at, "read_text": read_text,
    "segment_all": segment_all, "find_similar": find_similar, "search_images": search_images,
    "search_folder": search_folder,
}  # fmt: skip

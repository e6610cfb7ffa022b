"""Sizes and relations are arithmetic: they agree with the truth of the world's scenes to the last pixel."""

from collections import Counter
from itertools import combinations
from math import hypot

import numpy as np
import pytest

from panmodal.agent.lab.world.relations import RELATIONS, relations_of
from panmodal.agent.lab.world.scenes import Scene, SceneConfig, render_scene
from panmodal.tools.errors import WrongArgument
from panmodal.tools.media.boxes import Boxes
from panmodal.tools.media.image import Image
from panmodal.tools.media.masks import Masks
from panmodal.tools.see import compare as comparing
from panmodal.tools.see import measure as measuring
from panmodal.tools.see.compare import compare
from panmodal.tools.see.measure import measure

SIDE = 192
OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [render_scene(seed, SceneConfig(side=SIDE, count=(2, 7)), split="test") for seed in range(50)]


def true_boxes(scene: Scene) -> Boxes:
    things = scene.objects
    return Boxes.of(
        [thing.box for thing in things],
        [thing.label for thing in things],
        [0.9] * len(things),
        Image.from_array(scene.image),
    )


def grey(width: int = 200, height: int = 100) -> Image:
    return Image.from_array(np.full((height, width, 3), 128, np.uint8))


def test_things_of_scenes_are_measured_exactly(scenes: list[Scene]) -> None:
    for scene in scenes[:20]:
        boxes = true_boxes(scene)
        bitmaps = np.stack([scene.mask(n) for n in range(len(scene.objects))])
        rows = measure(boxes, Masks.of(bitmaps, Image.from_array(scene.image))).rows
        assert [row["thing"] for row in rows] == [thing.label for thing in scene.objects]
        for row, bitmap in zip(rows, bitmaps, strict=True):
            y, x = np.nonzero(bitmap)
            assert (row["width"], row["height"]) == (np.ptp(x) + 1, np.ptp(y) + 1)
            assert row["area"] == bitmap.sum()
            assert row["share"] == round(bitmap.sum() / SIDE**2, 6)
            assert (row["centre_x"], row["centre_y"]) == ((x.min() + x.max() + 1) / 2, (y.min() + y.max() + 1) / 2)
            assert row["aspect"] == round((np.ptp(x) + 1) / (np.ptp(y) + 1), 4)


def test_without_masks_the_area_is_the_boxs() -> None:
    boxes = Boxes.of([[10.5, 20, 40.75, 60], [0, 0, 200, 100], [5, 5, 9, 5]], ["a", "b", "a"], [1, 1, 1], grey())
    table = measure(boxes)
    assert table.columns == measuring.COLUMNS
    assert table.rows[0] == {
        "thing": "a", "width": 30.25, "height": 40.0, "area": 1210.0, "share": 0.0605,
        "centre_x": 25.62, "centre_y": 40.0, "aspect": 0.7562,
    }  # fmt: skip
    assert table.rows[1]["share"] == 1.0 and table.rows[1]["aspect"] == 2.0
    assert (table.rows[2]["area"], table.rows[2]["aspect"]) == (0.0, None), "a line has no area and no aspect"


def test_nothing_is_measured_of_nothing_and_foreign_masks_are_refused() -> None:
    image = grey()
    none, one = Boxes.of([], [], [], image), Boxes.of([[0, 0, 9, 9]], ["a"], [1], image)
    assert measure(none).empty and measure(none).columns == measuring.COLUMNS
    assert measure(none, Masks.of(np.zeros((0, 100, 200), np.bool_), image)).empty
    assert measure(one, Masks.of(np.zeros((1, 100, 200), np.bool_), image)).rows[0]["area"] == 0
    for masks in (
        Masks.of(np.ones((2, 100, 200), np.bool_), image),
        Masks.of(np.ones((1, 50, 200), np.bool_), grey(200, 50)),
    ):
        with pytest.raises(WrongArgument, match="do not fit 1 boxes") as caught:
            measure(one, masks)
        assert caught.value.facts["field"] == "masks"


def test_relations_of_scenes_are_told_as_they_are(scenes: list[Scene]) -> None:
    told: Counter[str] = Counter()
    for scene in scenes:
        pairs = list(combinations(range(len(scene.objects)), 2))
        rows = dict(zip(pairs, compare(true_boxes(scene)).rows, strict=True))
        for relation, true in relations_of(scene).items():
            for i, j in true:
                row, kept = rows[min(i, j), max(i, j)], i < j
                told[relation] += 1
                if relation in OPPOSITE:
                    side = "across" if relation in ("left of", "right of") else "upright"
                    assert row[side] == (relation if kept else OPPOSITE[relation])
                    assert row["overlap"] == 0 and row["distance"] > 0
                elif relation == "inside":
                    assert row["lies"] == ("in" if kept else "around")
                elif relation == "overlapping":
                    assert row["distance"] == 0
                elif relation == "bigger than":  # in truth by the thing's own pixels: a ring fills little of its box
                    told["larger"] += row["larger"] == row["first" if kept else "second"]
    assert min(told[relation] for relation in RELATIONS) > 0, told
    assert told["larger"] == told["bigger than"], told


def test_numbers_of_a_pair_are_exact() -> None:
    boxes = Boxes.of(
        [[0, 0, 10, 10], [13, 14, 33, 34], [5, 5, 15, 15], [14, 15, 20, 20]], ["a", "b", "c", "d"], [1] * 4, grey()
    )
    rows = {row["first"] + row["second"]: row for row in compare(boxes).rows}
    assert list(rows) == ["ab", "ac", "ad", "bc", "bd", "cd"]
    assert rows["ab"] == {
        "first": "a", "second": "b", "across": "left of", "upright": "above", "lies": None, "larger": "b",
        "times": 4.0, "overlap": 0.0, "distance": 5.0, "centres": round(hypot(18, 19), 2),
    }  # fmt: skip
    assert (rows["ac"]["overlap"], rows["ac"]["distance"], rows["ac"]["larger"]) == (round(25 / 175, 6), 0.0, None)
    assert (rows["ac"]["across"], rows["ac"]["upright"], rows["ac"]["times"]) == (None, None, 1.0)
    assert (rows["bd"]["lies"], rows["bd"]["overlap"]) == ("around", round(30 / 400, 6))
    (turned,) = compare(boxes, "d", "b").rows
    assert (turned["first"], turned["second"], turned["lies"], turned["times"]) == ("d", "b", "in", round(400 / 30, 4))


def test_nouns_narrow_the_pairs() -> None:
    boxes = Boxes.of(
        [[0, 0, 9, 9], [20, 0, 29, 9], [40, 0, 49, 9], [60, 0, 69, 9]], ["star", "cup", "star", "car"], [1] * 4, grey()
    )
    told = [(row["first"], row["second"]) for row in compare(boxes, "the stars", "mug").rows]
    assert told == [("star 1", "cup"), ("star 2", "cup")]
    assert [(row["first"], row["second"]) for row in compare(boxes, "星星", "stars").rows] == [("star 1", "star 2")]
    assert [row["second"] for row in compare(boxes, "car").rows] == ["star 1", "cup", "star 2"]
    assert len(compare(boxes, "things", "objects")) == 6
    assert [row["across"] for row in compare(boxes, "car", "cup").rows] == ["right of"]
    for first, second in (("zebra", ""), ("star", "zebra"), ("car", "car")):
        found = compare(boxes, first, second)
        assert found.empty and found.columns == comparing.COLUMNS


def test_fewer_than_two_things_and_boxes_without_size_compare_to_nothing_odd() -> None:
    image = grey()
    assert compare(Boxes.of([], [], [], image)).empty
    assert compare(Boxes.of([[0, 0, 5, 5]], ["a"], [1], image)).empty
    (row,) = compare(Boxes.of([[5, 5, 5, 5], [5, 5, 5, 5]], ["a", "a"], [1, 1], image)).rows
    assert (row["across"], row["upright"], row["lies"], row["larger"], row["times"]) == (None,) * 5
    assert (row["overlap"], row["distance"], row["centres"]) == (0.0, 0.0, 0.0)
    (row,) = compare(Boxes.of([[0, 0, 8, 8], [4, 4, 4, 4]], ["a", "b"], [1, 1], image)).rows
    assert (row["larger"], row["times"], row["distance"]) == ("a", None, 0.0)

"""Colour names against the truth of rendered scenes, and on plain tones."""

import numpy as np
import pytest

from panmodal.agent.lab.world.scenes import Scene, SceneConfig, render_scene
from panmodal.tools.errors import EmptyInput, WrongArgument
from panmodal.tools.media.boxes import Boxes
from panmodal.tools.media.image import Image
from panmodal.tools.media.masks import Masks
from panmodal.tools.see.colour import colour
from panmodal.tools.see.colours import COLOURS, TONES, shares, to_lab
from panmodal.tools.see.filter import filter_colour


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [render_scene(seed, SceneConfig(side=256, count=(1, 6)), split="test") for seed in range(24)]


def test_every_clear_tone_has_its_own_name() -> None:
    for name, tones in TONES.items():
        assert COLOURS[int(shares(np.array([tones[0]], np.uint8)).argmax())] == name


def test_lab_is_cie_lab() -> None:
    # Reference values of the CIE 1976 formulas for sRGB red and white under D65.
    assert to_lab(np.array([[255, 0, 0]], np.uint8))[0] == pytest.approx([53.24, 80.09, 67.20], abs=0.02)
    assert to_lab(np.array([[255, 255, 255]], np.uint8))[0] == pytest.approx([100, 0, 0], abs=0.02)


def test_masked_things_get_their_true_colour_whatever_the_texture(scenes: list[Scene]) -> None:
    right = total = 0
    for scene in scenes:
        image = Image.from_array(scene.image)
        bitmaps = np.stack([scene.mask(index) for index in range(len(scene.objects))])
        named = colour(image, Masks.of(bitmaps, image))
        right += sum(found == thing.colour for found, thing in zip(named, scene.objects, strict=True))
        total += len(named)
    assert total > 60
    assert right / total >= 0.97


def test_filter_keeps_the_boxes_of_a_colour_in_their_order(scenes: list[Scene]) -> None:
    right = total = 0
    for scene in scenes:
        image = Image.from_array(scene.image)
        boxes = Boxes.of([each.box for each in scene.objects], [each.label for each in scene.objects],
                         np.linspace(0.9, 0.5, len(scene.objects)), image)  # fmt: skip
        present = {each.colour for each in scene.objects}
        for name in [*sorted(present), next(each for each in COLOURS if each not in present)]:
            kept = filter_colour(image, boxes, name)
            true = boxes.take([index for index, each in enumerate(scene.objects) if each.colour == name])
            right += kept == true
            total += 1
    assert right / total >= 0.97


def test_filter_keeps_none_rather_than_fail() -> None:
    image = Image.from_array(np.full((20, 20, 3), 255, np.uint8))
    assert len(filter_colour(image, Boxes.of([], [], [], image), "red")) == 0
    outside = Boxes.of([[40, 40, 60, 60]], ["star"], [0.5], image)
    assert len(filter_colour(image, outside, "red")) == 0


def test_a_thin_thing_is_named_by_all_its_pixels() -> None:
    pixels = np.full((9, 9, 3), 255, np.uint8)
    pixels[4] = TONES["blue"][0]
    image = Image.from_array(pixels)
    line = np.zeros((1, 9, 9), np.bool_)
    line[0, 4] = True
    assert colour(image, Masks.of(line, image)) == ["blue"]


def test_no_pixels_no_colour_and_no_foreign_frame() -> None:
    image = Image.from_array(np.zeros((8, 8, 3), np.uint8))
    other = Image.from_array(np.zeros((9, 8, 3), np.uint8))
    assert colour(image, Masks.of(np.zeros((0, 8, 8), np.bool_), image)) == []
    with pytest.raises(EmptyInput, match="mask 1 of 1 has no pixels"):
        colour(image, Masks.of(np.zeros((1, 8, 8), np.bool_), image))
    with pytest.raises(WrongArgument, match="8x9 pixels, not to this one of 8x8"):
        colour(image, Masks.of(np.ones((1, 9, 8), np.bool_), other))

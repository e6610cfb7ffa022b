"""Overlays: boxes and masks where they belong, labels inside the picture and off each other."""

import numpy as np
import pytest

from panmodal.tools.draw.overlay import draw_overlay
from panmodal.tools.media.boxes import Boxes
from panmodal.tools.media.image import Image
from panmodal.tools.media.masks import Masks

GREY = Image.from_array(np.full((100, 160, 3), 128, np.uint8))


def changed(image: Image) -> np.ndarray:
    return np.asarray((image.pixels != 128).any(axis=2))


def test_a_box_is_outlined_on_its_edge_and_its_inside_is_left() -> None:
    drawn = changed(draw_overlay(GREY, Boxes.of([[40, 50, 120, 90]], ["star"], [0.5], GREY)))
    assert drawn[50, 40:120].all() and drawn[89, 40:120].all() and drawn[50:90, 40].all() and drawn[50:90, 119].all()
    assert not drawn[60:85, 45:115].any(), "the plate stands above the box"
    assert drawn[40:50, 40:70].mean() > 0.9


def test_a_mask_is_tinted_inside_only() -> None:
    bitmap = np.zeros((1, 100, 160), bool)
    bitmap[0, 20:60, 30:90] = True
    drawn = changed(draw_overlay(GREY, masks=Masks.of(bitmap, GREY)))
    assert drawn[20:60, 30:90].all()
    assert not drawn[65:, :].any() and not drawn[:, 95:].any()


def test_box_and_mask_of_one_label_share_a_colour_and_labels_differ() -> None:
    bitmap = np.zeros((1, 100, 160), bool)
    bitmap[0, 30:70, 30:70] = True
    boxes = Boxes.of([[80, 30, 120, 70], [130, 30, 150, 70]], ["car", "tree"], [0.5, 0.5], GREY)
    pixels = draw_overlay(GREY, boxes, Masks.of(bitmap, GREY, ["car"])).pixels
    car, tree, mask_edge = pixels[60, 80], pixels[60, 130], pixels[50, 30]
    assert np.abs(car.astype(int) - mask_edge).max() < 40
    assert np.abs(car.astype(int) - tree).max() > 60


@pytest.mark.parametrize("corner", [(0, 0), (140, 0), (0, 85), (140, 85)])
def test_plates_stay_inside(corner: tuple[int, int]) -> None:
    left, top = corner
    alone = Boxes.of([[left, top, left + 20, top + 15]], [""], [0.5], GREY)
    drawn = changed(draw_overlay(GREY, Boxes.of(alone.xyxy, ["sign"], [0.5], GREY)))
    assert drawn.sum() > changed(draw_overlay(GREY, None)).sum() + 300


def test_small_pictures_are_enlarged_on_request_and_kept_otherwise() -> None:
    boxes = Boxes.of([[0, 0, 160, 100]], ["sign"], [0.5], GREY)
    assert draw_overlay(GREY, boxes).pixels.shape == (100, 160, 3)
    assert draw_overlay(GREY, boxes, min_side=600).pixels.shape == (400, 640, 3)


def test_nothing_to_draw_gives_the_picture() -> None:
    empty = Boxes.of([], [], [], GREY)
    assert np.array_equal(draw_overlay(GREY, empty).pixels, GREY.pixels)

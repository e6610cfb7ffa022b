"""Text is read word for word, whichever way round a page lies, and nothing is read where nothing is written."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pil
from PIL import ImageDraw, ImageFont

from panmodal.agent.lab.mini.shipped import shipped
from panmodal.agent.lab.world.scenes import CLASSES, SceneConfig, render_scene
from panmodal.tools.errors import WrongArgument
from panmodal.tools.media.boxes import Boxes
from panmodal.tools.media.image import Image
from panmodal.tools.see.read_text import read_text

Pixels = NDArray[np.uint8]

LINES = ("Meeting notes for Tuesday", "Total: 1,234.56 EUR", "Please call +44 20 7946 0958")
CHINESE = ("今天天气很好", "价格：128元", "请勿吸烟")
LEFT = ("The left one begins", "here and goes on", "until it is over.")
RIGHT = ("Now the right one", "follows with as", "many lines of text.")


@pytest.fixture(scope="module")
def ocr() -> Any:
    return shipped(["ocr"])["ocr"].adapter()


def page(*texts: tuple[str, float, float, int], size: tuple[int, int]) -> Pixels:
    """White paper of a size (width, height) with texts at places, each of so many pixels."""
    paper = Pil.new("RGB", size, "white")
    drawing = ImageDraw.Draw(paper)
    for text, x, y, pixels in texts:
        drawing.text((x, y), text, (25, 25, 25), ImageFont.load_default(pixels))
    return np.asarray(paper)


def plain_page() -> Pixels:
    return page(*((text, 30, 25 + 50 * n, 24) for n, text in enumerate(LINES)), size=(400, 180))


def chinese_page() -> Pixels:
    paper = np.full((200, 300, 3), 255, np.uint8)
    for n, text in enumerate(CHINESE):
        cv2.putText(paper, text, (30, 55 + 55 * n), (0, 0, 0), cv2.FontFace("uni"), 30)
    return paper


def columns() -> Pixels:
    head, foot = ("A headline over both columns of it", 60, 20, 24), ("Page 12 of 345, the end of it", 90, 215, 20)
    left = ((text, 20, 80 + 40 * n, 20) for n, text in enumerate(LEFT))
    right = ((text, 270, 80 + 40 * n, 20) for n, text in enumerate(RIGHT))
    return page(head, foot, *left, *right, size=(520, 260))


def read(ocr: Any, pixels: Pixels) -> Boxes:
    return read_text(Image.from_array(np.ascontiguousarray(pixels)), ocr=ocr)


def inked(pixels: Pixels, quarters: int) -> list[NDArray[np.float64]]:
    """Boxes around the ink of a page's lines, once it is turned anticlockwise."""
    rows = (pixels.min(axis=(1, 2)) < 128).astype(np.int8)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], rows, [0]])))
    boxes = []
    for top, bottom in edges.reshape(-1, 2):
        dark = np.zeros(pixels.shape[:2], np.bool_)
        dark[top:bottom] = pixels[top:bottom].min(axis=2) < 128
        y, x = np.nonzero(np.rot90(dark, quarters))
        boxes.append(np.array([x.min(), y.min(), x.max() + 1, y.max() + 1], np.float64))
    return boxes


@pytest.mark.parametrize("quarters", range(4))
def test_a_page_is_read_line_by_line_whichever_way_round_it_lies(ocr: Any, quarters: int) -> None:
    turned = np.rot90(plain_page(), quarters)
    found = read(ocr, turned)
    assert found.labels == LINES
    assert min(found.scores) > 0.9
    assert (found.width, found.height) == turned.shape[1::-1]
    for box, ink in zip(found.xyxy, inked(plain_page(), quarters), strict=True):
        assert (box[:2] <= ink[:2] + 3).all() and (box[2:] >= ink[2:] - 3).all(), "it is round all of the line"
        assert np.abs(box - ink).max() < 16


@pytest.mark.parametrize("quarters", [0, 1, 2])
def test_chinese_is_read_as_well(ocr: Any, quarters: int) -> None:
    assert read(ocr, np.rot90(chinese_page(), quarters)).labels == CHINESE


@pytest.mark.parametrize("slant", [0, 8, -8])
def test_columns_are_read_one_after_the_other_on_a_page_that_slants(ocr: Any, slant: float) -> None:
    pixels = columns()
    height, width = pixels.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), slant, 0.85)
    slanting = cv2.warpAffine(pixels, turn, (width, height), borderValue=(255, 255, 255))
    expected = ("A headline over both columns of it", *LEFT, *RIGHT, "Page 12 of 345, the end of it")
    assert read(ocr, slanting).labels == expected


def test_signs_of_the_world_are_read_and_boxed(ocr: Any) -> None:
    config = SceneConfig(side=384, count=(1, 2), classes=("sign",), size=(0.15, 0.45))
    scenes = [render_scene(seed, config, split="test") for seed in range(12)]
    right = signs = 0
    for scene in scenes:
        found = read(ocr, scene.image)
        middles = (found.xyxy[:, :2] + found.xyxy[:, 2:]) / 2
        for sign in scene.objects:
            signs += 1
            within = (middles > sign.box[:2]).all(axis=1) & (middles < sign.box[2:]).all(axis=1)
            right += sign.word in [found.labels[n] for n in np.flatnonzero(within)]
    assert signs >= 12 and right >= 0.85 * signs, f"{right} of {signs} signs"


def test_where_nothing_is_written_nothing_is_read(ocr: Any) -> None:
    rng = np.random.default_rng(0)
    ramp = np.broadcast_to(np.linspace(0, 255, 300).astype(np.uint8)[:, None], (200, 300, 3))
    for blank in (np.full((200, 300, 3), 255, np.uint8), ramp, rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)):
        found = read(ocr, blank)
        assert found.empty and (found.width, found.height) == blank.shape[1::-1]
    config = SceneConfig(side=256, count=(0, 5), classes=tuple(name for name in CLASSES if name != "sign"))
    scenes = [render_scene(seed, config, split="test").image for seed in range(12)]
    assert sum(not read(ocr, scene).empty for scene in scenes) <= 3, "a ring looks like an O"


def test_text_that_only_transparency_shows_is_read(ocr: Any) -> None:
    alpha = 255 - plain_page()[..., 0]
    for tone in (0, 255):
        image = Image.from_array(np.full((*alpha.shape, 3), tone, np.uint8), alpha)
        assert read_text(image, ocr=ocr).labels == LINES


def test_pictures_of_odd_sizes_are_read_or_refused(ocr: Any) -> None:
    strip = page(("One narrow strip with a line of text", 4, 3, 18), size=(330, 26))
    for turned in (strip, np.rot90(strip)):
        assert read(ocr, turned).labels == ("One narrow strip with a line of text",)
    for size in ((1, 1), (1, 3000), (7, 400)):
        assert read(ocr, np.zeros((*size, 3), np.uint8)).empty
    long = page(("far left", 10, 10, 40), ("far right", 3700, 10, 40), size=(3900, 60))
    found = read(ocr, long)
    assert found.labels == ("far left", "far right")
    assert np.abs(found.xyxy[:, 0] - [10, 3700]).max() < 20, "boxes are in pixels of the large picture"
    with pytest.raises(WrongArgument, match="9000x30 pixels is too long and narrow") as caught:
        read(ocr, np.zeros((30, 9000, 3), np.uint8))
    assert caught.value.facts["field"] == "image"


def test_pictures_are_read_each_for_itself(ocr: Any) -> None:
    pictures: Sequence[Image] = [Image.from_array(each) for each in (plain_page(), chinese_page())]
    together = ocr.read(pictures)
    assert together == [ocr.read([each])[0] for each in pictures]
    assert [each.image_id for each in together] == [each.id for each in pictures]
    assert ocr.read([]) == []

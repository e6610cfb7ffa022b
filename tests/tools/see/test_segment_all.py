"""Everything is cut out: mini's segmenter on scenes whose things are known."""

from typing import NamedTuple

import numpy as np
import pytest

from panmodal.agent.lab.figures import mask_iou
from panmodal.agent.lab.mini.shipped import shipped
from panmodal.agent.lab.world.scenes import SceneConfig, render_scene
from panmodal.tools.errors import Cancelled
from panmodal.tools.media.image import Image
from panmodal.tools.media.masks import Masks
from panmodal.tools.roles import Segmenter, StepContext
from panmodal.tools.see.segment_all import segment_all


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    found: Segmenter = shipped(["segmenter"])["segmenter"].adapter()
    return found


@pytest.fixture(scope="module")
def coarse() -> Segmenter:
    """The same with nine points to ask, which is quick."""
    found: Segmenter = shipped(["segmenter"])["segmenter"].adapter(points_per_side=3)
    return found


def cut(pixels: np.ndarray, segmenter: Segmenter) -> Masks:
    return segment_all(Image.from_array(pixels), segmenter=segmenter, step=StepContext())


class Shares(NamedTuple):
    """Of things that have a mask of their own (IoU over .7), and of masks that show a thing (IoU over .5)."""

    things: float
    masks: float


def shares(seeds: range, segmenter: Segmenter) -> Shares:
    of_things: list[float] = []
    of_masks: list[float] = []
    for seed in seeds:
        scene = render_scene(seed, SceneConfig(count=(1, 6)), split="test")
        masks = cut(scene.image, segmenter)
        assert masks.labels == () and list(masks.scores) == sorted(masks.scores, reverse=True)
        true = [scene.mask(number) for number in range(len(scene.objects))]
        overlaps = np.array([[mask_iou(mask, thing) for thing in true] for mask in masks.bitmaps])
        of_things += overlaps.max(0).tolist()
        of_masks += overlaps.max(1).tolist()
    return Shares(float(np.mean(np.array(of_things) > 0.7)), float(np.mean(np.array(of_masks) > 0.5)))


def test_the_things_of_a_scene_are_cut_out_by_themselves(segmenter: Segmenter) -> None:
    assert min(shares(range(5004, 5005), segmenter)) > 0.6


@pytest.mark.slow
def test_most_things_of_many_scenes_are_cut_out(segmenter: Segmenter) -> None:
    found = shares(range(5000, 5010), segmenter)
    assert found.things > 0.88
    assert found.masks > 0.75  # things have parts, and backgrounds have spots


def test_where_nothing_stands_out_there_is_no_mask(coarse: Segmenter) -> None:
    for height, width in ((64, 96), (1, 1), (2, 300)):
        assert cut(np.full((height, width, 3), 120, np.uint8), coarse).bitmaps.shape == (0, height, width)


def test_it_can_be_stopped(coarse: Segmenter) -> None:
    class Set:
        def is_set(self) -> bool:
            return True

    with pytest.raises(Cancelled):
        segment_all(Image.from_array(np.zeros((9, 9, 3), np.uint8)), segmenter=coarse, step=StepContext(stop=Set()))

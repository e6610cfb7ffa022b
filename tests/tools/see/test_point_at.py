"""What a point lies on is named; beside things there is nothing."""

from typing import Any

import cv2
import numpy as np
import pytest

from panmodal.agent.lab.mini.shipped import shipped
from panmodal.agent.lab.world.scenes import Scene, SceneConfig, render_scene
from panmodal.tools.errors import EmptyInput, WrongArgument
from panmodal.tools.media.boxes import Boxes
from panmodal.tools.media.image import Image
from panmodal.tools.media.points import Points
from panmodal.tools.see.point_at import point_at

SIDE = 224


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    return {role: model.adapter() for role, model in shipped(["detector", "segmenter"]).items()}


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    config = SceneConfig(side=SIDE, count=(2, 4), size=(0.15, 0.4))
    return [render_scene(seed, config, split="test") for seed in range(8)]


def at(scene: Scene, models: dict[str, Any], *xy: tuple[float, float]) -> Boxes:
    image = Image.from_array(scene.image)
    return point_at(image, Points.of(xy, [True] * len(xy), image), **models)


def middle(solid: np.ndarray) -> tuple[float, float]:
    """The pixel that lies deepest inside."""
    deep = cv2.distanceTransform(np.pad(solid, 1).astype(np.uint8), cv2.DIST_L2, 3)
    y, x = np.unravel_index(deep.argmax(), deep.shape)
    return float(x) - 0.5, float(y) - 0.5


def test_the_thing_under_a_point_is_named_and_boxed(scenes: list[Scene], models: dict[str, Any]) -> None:
    right = things = 0
    for scene in scenes:
        for n, thing in enumerate(scene.objects):
            found = at(scene, models, middle(scene.mask(n)))
            assert len(found) <= 1
            things += 1
            if found.labels == (thing.label,):
                box, true = found.xyxy[0], np.array(thing.box)
                shared = np.clip(np.minimum(box[2:], true[2:]) - np.maximum(box[:2], true[:2]), 0, None).prod()
                right += shared / (np.prod(box[2:] - box[:2]) + np.prod(true[2:] - true[:2]) - shared) > 0.5
    assert things > 16 and right >= 0.8 * things, f"{right} of {things}"


def test_beside_things_there_is_nothing(scenes: list[Scene], models: dict[str, Any]) -> None:
    named = 0
    for scene in scenes:
        found = at(scene, models, middle(scene.instances < 0))  # as far from all things as one can be
        named += not found.empty
        assert (found.width, found.height) == (SIDE, SIDE)
    assert named <= 1


def test_more_points_mean_one_thing(scenes: list[Scene], models: dict[str, Any]) -> None:
    scene = next(
        scene for scene in scenes if at(scene, models, middle(scene.mask(0))).labels == (scene.objects[0].label,)
    )
    x, y = middle(scene.mask(0))
    near, far = (x + 2, y + 1), middle(scene.mask(1))
    assert at(scene, models, (x, y), near).labels == (scene.objects[0].label,)
    image = Image.from_array(scene.image)
    beside = Points.of([(x, y), far], [True, False], image)
    assert point_at(image, beside, **models).labels == (scene.objects[0].label,)


def test_points_that_mean_nothing_are_refused(models: dict[str, Any]) -> None:
    image = Image.from_array(np.full((60, 80, 3), 128, np.uint8))
    other = Image.from_array(np.full((80, 60, 3), 128, np.uint8))
    with pytest.raises(EmptyInput, match="there is no point"):
        point_at(image, Points.of([], [], image), **models)
    for points in (
        Points.of([[80, 10]], [True], image),
        Points.of([[-1, 10]], [True], image),
        Points.of([[10, 10]], [True], other),
    ):
        with pytest.raises(WrongArgument, match="do not lie in this picture of 80x60") as caught:
            point_at(image, points, **models)
        assert caught.value.facts["field"] == "points"
    with pytest.raises(WrongArgument, match="no point lies on the thing"):
        point_at(image, Points.of([[10, 10]], [False], image), **models)
    assert point_at(image, Points.of([[10, 10]], [True], image), **models).empty
    dot = Image.from_array(np.zeros((1, 1, 3), np.uint8))
    assert point_at(dot, Points.of([[0.5, 0.5]], [True], dot), **models).empty

"""The world's truth is true: every claim is checked against the pixels it is about."""

import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from panmodal.agent.lab.world.captions import PLACES, caption, place_of, plural
from panmodal.agent.lab.world.draw import COLOUR_VALUES
from panmodal.agent.lab.world.scenes import (
    BACKGROUNDS,
    CLASSES,
    COLOURS,
    SPLITS,
    Scene,
    SceneConfig,
    render_scene,
)
from panmodal.agent.lab.world.writing import write_scenes


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [render_scene(seed, split="val") for seed in range(40)]


def test_a_seed_gives_the_same_scene_every_time() -> None:
    first, second = render_scene(7), render_scene(7)
    assert np.array_equal(first.image, second.image)
    assert first.objects == second.objects
    assert not np.array_equal(first.image, render_scene(8).image)


def test_splits_never_share_a_stream() -> None:
    seen = {render_scene(3, split=split).image.tobytes() for split in SPLITS}
    assert len(seen) == len(SPLITS)
    with pytest.raises(ValueError, match="training"):
        render_scene(3, split="training")


def test_boxes_are_the_extents_of_the_visible_pixels(scenes: list[Scene]) -> None:
    for scene in scenes:
        for i, thing in enumerate(scene.objects):
            rows, columns = np.nonzero(scene.mask(i))
            assert thing.box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert scene.instances.max() == len(scene.objects) - 1


def test_nothing_is_hidden_more_than_allowed() -> None:
    config = SceneConfig(count=(6, 8), size=(0.2, 0.4), max_occlusion=0.2)
    visible = [thing.visible for seed in range(12) for thing in render_scene(seed, config).objects]
    assert min(visible) >= 0.8
    assert min(visible) < 1.0, "a crowded scene without any occlusion would make the bound meaningless"


def test_sizes_and_counts_keep_to_the_config() -> None:
    config = SceneConfig(count=(2, 5), size=(0.1, 0.2), side=256)
    for seed in range(12):
        scene = render_scene(seed, config)
        assert len(scene.objects) <= 5
        assert scene.image.shape == (256, 256, 3)
        for thing in scene.objects:
            assert 0.1 <= thing.size <= 0.2
            extent = max(thing.box[2] - thing.box[0], thing.box[3] - thing.box[1])
            # An outline adds a few pixels to the thing itself.
            assert extent <= thing.size * 256 * 1.1 + 3


def test_the_colour_of_a_thing_is_what_most_of_it_shows() -> None:
    # Even colours only: what a stripe or a light from the side does to the nearest colour is another question.
    names, values = list(COLOUR_VALUES), np.array(list(COLOUR_VALUES.values()), float)
    right = total = 0
    for seed in range(60):
        scene = render_scene(seed, split="test")
        for i, thing in enumerate(scene.objects):
            if thing.texture == "flat" and thing.label not in ("sign", "car") and thing.size > 0.1:
                pixels = scene.image[scene.mask(i)].astype(float)
                nearest = np.linalg.norm(pixels[:, None] - values, axis=2).argmin(axis=1)
                right += names[Counter(nearest.tolist()).most_common(1)[0][0]] == thing.colour
                total += 1
    assert total > 30
    assert right / total > 0.97


def test_all_classes_colours_and_backgrounds_occur_and_half_the_scenes_repeat_a_class() -> None:
    config = SceneConfig(count=(1, 6), side=192)
    many = [render_scene(seed, config, split="test") for seed in range(160)]
    things = [thing for scene in many for thing in scene.objects]
    assert {thing.label for thing in things} == set(CLASSES)
    assert {thing.colour for thing in things} == set(COLOURS)
    assert {scene.background for scene in many} == set(BACKGROUNDS)
    several = [scene for scene in many if len({t.label for t in scene.objects}) < len(scene.objects)]
    assert len(several) / len(many) > 0.4


def test_the_largest_of_a_class_is_the_one_with_most_pixels(scenes: list[Scene]) -> None:
    for scene in scenes:
        for label in {thing.label for thing in scene.objects}:
            largest = scene.largest(label)
            assert largest is not None
            assert all(scene.mask(largest).sum() >= scene.mask(i).sum() for i in scene.labelled(label))
        assert scene.largest("nothing of this name") is None


def test_captions_and_places_follow_the_truth(scenes: list[Scene]) -> None:
    for scene in scenes:
        said = caption(scene)
        for thing in scene.objects:
            assert f"{thing.colour} {thing.label}" in said or f"{thing.colour} {plural(thing.label)}" in said
            x, y = (thing.box[0] + thing.box[2]) / 2, (thing.box[1] + thing.box[3]) / 2
            place = PLACES[int(y // 128) * 3 + int(x // 128)]
            assert place_of(thing, 384) == place


def test_written_scenes_carry_pictures_and_masks_of_the_truth(tmp_path: Path) -> None:
    truth = write_scenes(tmp_path, seed=5, count=2, side=192)
    lines = [json.loads(line) for line in truth.read_text().splitlines()]
    assert len(lines) == 2
    for line in lines:
        scene = render_scene(line["seed"], SceneConfig(side=192), split="demo")
        picture = cv2.cvtColor(cv2.imread(str(tmp_path / line["image"])), cv2.COLOR_BGR2RGB)
        assert np.array_equal(picture, scene.image)
        name = line["image"].replace("scene", "instances")
        instances = cv2.imread(str(tmp_path / name), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(instances.astype(int) - 1, scene.instances)
        assert [thing["label"] for thing in line["objects"]] == [thing.label for thing in scene.objects]

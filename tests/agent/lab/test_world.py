"""The world's truth is true: every claim is checked against the pixels it is about."""

import json
import zlib
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from panmodal.agent.lab.world.captions import BACKGROUND_WORDS, PLACES, caption, long_caption, place_of
from panmodal.agent.lab.world.draw import COLOUR_VALUES
from panmodal.agent.lab.world.questions import TYPES, questions_of
from panmodal.agent.lab.world.relations import RELATIONS, depth_order, relations_of
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
from panmodal.tools.english import plural


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [render_scene(seed, split="val") for seed in range(40)]


def test_a_seed_gives_the_same_scene_every_time() -> None:
    first, second = render_scene(7), render_scene(7)
    assert np.array_equal(first.image, second.image)
    assert first.objects == second.objects
    assert not np.array_equal(first.image, render_scene(8).image)


def test_the_pixels_of_a_seed_are_those_that_models_were_trained_on() -> None:
    scene = render_scene(11, SceneConfig(side=192, count=(6, 8)), split="test")
    assert zlib.crc32(scene.instances.tobytes()) == 1367180451
    assert [thing.label for thing in scene.objects] == ["moon", "circle", "circle", "ring", "flower", "tree"]
    # Backgrounds are floating-point noise, which processors may round differently.
    assert scene.image.mean(axis=(0, 1)) == pytest.approx([79.0, 96.5, 110.5], abs=0.2)
    spots = np.array([[72, 67, 85], [78, 77, 32], [64, 75, 76]])
    assert np.abs(scene.image[::64, ::64, 0] - spots).max() <= 2


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


def test_what_is_hidden_is_known_too(scenes: list[Scene]) -> None:
    for scene in scenes:
        for i, thing in enumerate(scene.objects):
            whole, seen = scene.whole_mask(i), scene.mask(i)
            assert not (seen & ~whole).any()
            assert thing.visible == pytest.approx(seen.sum() / whole.sum())
            # What is hidden of a thing lies under things that were painted later.
            assert (scene.instances[whole & ~seen] > i).all()


def test_relations_hold_between_the_pixels(scenes: list[Scene]) -> None:
    told: Counter[str] = Counter()
    for scene in scenes:
        relations = relations_of(scene)
        assert set(relations) == set(RELATIONS)
        told.update({name: len(pairs) for name, pairs in relations.items()})
        masks = [scene.mask(i) for i in range(len(scene.objects))]
        spans = [(np.flatnonzero(m.any(axis=0)), np.flatnonzero(m.any(axis=1))) for m in masks]
        for i, j in relations["left of"]:
            assert spans[i][0].max() < spans[j][0].min()
        for i, j in relations["above"]:
            assert spans[i][1].max() < spans[j][1].min()
        for i, j in relations["bigger than"]:
            assert scene.whole_mask(i).sum() > 1.2 * scene.whole_mask(j).sum()
        for i, j in relations["in front of"]:
            both = scene.whole_mask(i) & scene.whole_mask(j)
            assert (scene.instances[both] == i).any()
            assert not (scene.instances[both] == j).any()
            assert depth_order(scene).index(i) < depth_order(scene).index(j)
        for i, j in relations["inside"]:
            assert (scene.whole_mask(i) & scene.whole_mask(j)).sum() >= 0.95 * scene.whole_mask(i).sum()
        for name, opposite in (("left of", "right of"), ("above", "below")):
            assert sorted((j, i) for i, j in relations[name]) == relations[opposite]
    assert all(told[name] for name in RELATIONS if name != "inside")


def test_things_that_lie_on_others_are_inside_them() -> None:
    config = SceneConfig(side=192, count=(5, 8), size=(0.06, 0.6), max_occlusion=0.35)
    assert any(relations_of(render_scene(seed, config))["inside"] for seed in range(40))


def test_questions_of_every_type_are_answered_by_the_truth(scenes: list[Scene]) -> None:
    asked: Counter[str] = Counter()
    yes: Counter[str] = Counter()
    for scene in scenes:
        questions = questions_of(scene)
        assert questions == questions_of(scene)
        assert [q.type for q in questions] == [t for t in TYPES if t in {q.type for q in questions}]
        for kind, text, answer, about in questions:
            asked[kind] += 1
            yes[f"{kind} {answer}"] += answer in ("yes", "no")
            things = [scene.objects[i] for i in about]
            if kind in ("colour", "what"):
                (thing,) = things
                assert answer == (thing.colour if kind == "colour" else thing.label)
                assert (thing.label if kind == "colour" else thing.colour) in text
            elif kind in ("count", "count_all"):
                assert answer == str(len(about))
                assert kind == "count_all" or all(plural(thing.label) in text for thing in things)
            elif kind == "yes_no":
                assert (answer == "yes") == any(f"{t.colour} {t.label}" in text for t in scene.objects)
            elif kind in ("left_of", "above"):
                axis = 0 if kind == "left_of" else 1
                assert (answer == "yes") == (things[0].box[axis] < things[1].box[axis])
                assert text.index(things[0].label) < text.rindex(things[1].label)
            elif kind == "bigger":
                assert things[0].size > things[1].size
                assert answer.endswith(things[0].label)
            elif kind == "sign":
                assert answer == things[0].word
            elif kind == "where":
                assert answer == place_of(things[0], 384)
            elif kind == "pattern":
                assert answer == {"flat": "plain", "shaded": "plain"}.get(things[0].texture, things[0].texture)
            elif kind == "size":
                assert answer == things[0].size_word
            else:
                assert answer == {"background": BACKGROUND_WORDS[scene.background], "caption": caption(scene)}[kind]
    assert set(asked) == set(TYPES)
    assert all(yes[f"{kind} {answer}"] > 4 for kind in ("yes_no", "left_of", "above") for answer in ("yes", "no"))


def test_the_long_caption_tells_size_and_place_of_everything(scenes: list[Scene]) -> None:
    for scene in scenes:
        said = long_caption(scene).lower()
        for thing in scene.objects:
            assert f"{thing.size_word} {thing.colour} {thing.label}" in said
            assert place_of(thing, 384) in said
            assert thing.word is None or f"says {thing.word}".lower() in said


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
        assert [thing["pixels"] for thing in line["objects"]] == [
            int(scene.mask(i).sum()) for i in range(len(scene.objects))
        ]
        assert line["depth_order"] == depth_order(scene)
        assert line["questions"][0].keys() == {"type", "question", "answer", "about"}

"""What the recipes of detector and segmenter learn from is what the scenes say."""

import json
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml

from panmodal.agent.lab.train.detector import SIDE, side_at
from panmodal.agent.lab.train.pictures import write_pictures
from panmodal.agent.lab.train.schedule import learning_rate
from panmodal.agent.lab.train.segmenter import evaluate, examples_of, loss_of, opened, overlaps, train
from panmodal.agent.lab.world.scenes import CLASSES, SceneConfig, render_scene


def test_label_files_hold_the_boxes_of_their_pictures(tmp_path: Path) -> None:
    data = write_pictures(tmp_path, {"train": 3, "val": 2}, side=96, processes=1)
    described = yaml.safe_load(data.read_text())
    assert described["names"] == dict(enumerate(CLASSES))
    for split, count in (("train", 3), ("val", 2)):
        assert len(list((tmp_path / described[split]).glob("*.png"))) == count
        for seed in range(count):
            scene = render_scene(seed, split=split)
            picture = cv2.imread(str(tmp_path / "images" / split / f"{seed:06d}.png"))
            assert picture.shape == (96, 96, 3)
            text = (tmp_path / "labels" / split / f"{seed:06d}.txt").read_text()
            rows = [[float(v) for v in line.split()] for line in text.splitlines()]
            assert len(rows) == len(scene.objects)
            for (label, x, y, w, h), thing in zip(rows, scene.objects, strict=True):
                assert CLASSES[int(label)] == thing.label
                corners = np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2]) * 384
                assert np.allclose(corners, thing.box, atol=0.02)


SHIPPED = Path(str(files("panmodal.agent.profiles"))) / "mini" / "segmenter"


def test_an_example_with_a_box_shows_the_thing_its_target_marks() -> None:
    scene = render_scene(11, split="val")
    assert scene.objects
    examples = examples_of(scene, np.random.default_rng(0), jitter=0.0, points=0)
    for example, thing in zip(examples, scene.objects, strict=True):
        assert example.view.shape == (128, 128, 3)
        assert example.target.shape == (64, 64)
        assert not example.is_point
        assert example.beyond < 0.01
        rows, columns = np.nonzero(example.target > 127)
        found = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) / 64
        assert np.allclose(found, example.at, atol=0.05), thing.label


def test_an_example_with_a_point_is_on_its_thing_and_knows_what_the_view_cuts_off() -> None:
    rng = np.random.default_rng(0)
    cut = 0
    for seed in range(6):
        scene = render_scene(seed, SceneConfig(count=(1, 6)), split="val")
        examples = list(examples_of(scene, rng, points=4))
        assert [example.is_point for example in examples] == [False, True, True, True, True] * len(scene.objects)
        for k, example in enumerate(examples):
            if not example.is_point:
                continue
            assert np.allclose(example.at, 0.5, atol=0.01)
            assert example.target[30:34, 30:34].max() > 100
            # What is seen and what is cut off are together the whole thing, in units of the window.
            assert example.beyond >= 0
            cut += example.beyond > 0.05
            side = np.sqrt(scene.mask(k // 5).sum() / (example.target.mean() / 255 + example.beyond))
            assert 0.19 * 384 < side < 0.82 * 384
    assert cut >= 3


def test_a_thing_that_reaches_out_of_its_view_has_a_low_iou_to_estimate() -> None:
    targets = torch.zeros(2, 8, 8)
    targets[:, :, 4:] = 1
    logits = (targets * 2 - 1) * 20
    loss, iou = loss_of(logits, torch.tensor([1.0, 0.5]), targets, torch.tensor([0.0, 0.5]))
    assert torch.allclose(iou, torch.tensor([1.0, 0.5]))
    assert loss < 0.01
    worse, _ = loss_of(logits, torch.tensor([1.0, 1.0]), targets, torch.tensor([0.0, 0.5]))
    assert worse > loss + 0.01


@pytest.mark.parametrize("prompt", ["box", "point"])
def test_held_out_overlaps_follow_from_their_seed(prompt) -> None:
    sam = opened(SHIPPED)
    found = overlaps(sam, n=4, prompt=prompt)
    things = [
        thing for seed in range(4) for thing in render_scene(seed, SceneConfig(count=(1, 6)), split="test").objects
    ]
    assert found.size.tolist() == [thing.size for thing in things]
    assert np.array_equal(found.iou, overlaps(sam, n=4, prompt=prompt).iou)
    assert not np.array_equal(found.iou, overlaps(sam, n=4, prompt=prompt, seed=1).iou)
    figures = evaluate(sam, n=4, prompt=prompt, split="test")
    assert figures["things"] == len(things)
    assert figures["mean_iou"] == pytest.approx(found.iou.mean(), abs=1e-4)


def test_schedules_end_with_the_time_they_are_given() -> None:
    assert learning_rate(0, 100) == pytest.approx(0.05)
    assert learning_rate(2, 100) == pytest.approx(1.0)
    assert learning_rate(100, 100) == pytest.approx(0.01)
    rates = [learning_rate(t, 100) for t in range(2, 101)]
    assert rates == sorted(rates, reverse=True)
    sides = [side_at(t, 100) for t in range(120)]
    assert sides == sorted(sides)
    assert sides[-1] == SIDE


def test_the_segmenter_learns_exports_and_resumes_in_seconds(tmp_path: Path, monkeypatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("panmodal.agent.lab.train.segmenter.HELD_OUT", 2)
    train(tmp_path / "a", minutes=0.05, seed=0, device="cpu", resume_from=None, log=said.append)
    train(tmp_path / "b", minutes=0.02, seed=0, device="cpu", resume_from=tmp_path / "a", log=said.append)
    for name in ("a", "b"):
        assert (tmp_path / name / "model.safetensors").stat().st_size < 4_000_000
        config = json.loads((tmp_path / name / "config.json").read_text())
        assert config["zoom"] == 1.4
        assert config["point_windows"] == [0.2, 0.4, 0.8]
        assert opened(tmp_path / name).image_encoder.img_size == 128
    for prompt in ("box", "point"):
        assert sum(line.startswith(f"held out, {prompt}: {{'things'") for line in said) == 2

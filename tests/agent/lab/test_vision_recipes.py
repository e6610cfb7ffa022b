"""What the recipes of detector and segmenter learn from is what the scenes say."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from panmodal.agent.lab.train.detector import SIDE, side_at
from panmodal.agent.lab.train.pictures import write_pictures
from panmodal.agent.lab.train.schedule import learning_rate
from panmodal.agent.lab.train.segmenter import examples_of, train
from panmodal.agent.lab.world.scenes import CLASSES, render_scene


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


def test_an_enlarged_example_shows_the_thing_its_target_marks() -> None:
    scene = render_scene(11, split="val")
    assert scene.objects
    for example, thing in zip(examples_of(scene, np.random.default_rng(0), jitter=0.0), scene.objects, strict=True):
        assert example.view.shape == (128, 128, 3)
        assert example.target.shape == (64, 64)
        rows, columns = np.nonzero(example.target > 127)
        found = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) / 64
        assert np.allclose(found, example.box, atol=0.05), thing.label


def test_schedules_end_with_the_time_they_are_given() -> None:
    assert learning_rate(0, 100) == pytest.approx(0.05)
    assert learning_rate(2, 100) == pytest.approx(1.0)
    assert learning_rate(100, 100) == pytest.approx(0.01)
    rates = [learning_rate(t, 100) for t in range(2, 101)]
    assert rates == sorted(rates, reverse=True)
    sides = [side_at(t, 100) for t in range(120)]
    assert sides == sorted(sides)
    assert sides[-1] == SIDE


def test_the_segmenter_learns_exports_and_resumes_in_seconds(tmp_path: Path) -> None:
    said: list[str] = []
    train(tmp_path / "a", minutes=0.05, seed=0, device="cpu", resume_from=None, log=said.append)
    train(tmp_path / "b", minutes=0.02, seed=0, device="cpu", resume_from=tmp_path / "a", log=said.append)
    for name in ("a", "b"):
        assert (tmp_path / name / "model.safetensors").stat().st_size < 4_000_000
        assert '"zoom": 1.4' in (tmp_path / name / "config.json").read_text()

"""Cloud classifiers of transformers: tiny random ones, saved by the library and opened by the loader."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForImageClassification,
    ResNetConfig,
    ResNetForImageClassification,
    ViTConfig,
    ViTForImageClassification,
)

from panmodal.tools.errors import CheckpointBroken, CheckpointMissing, EmptyInput, UnknownRole, WrongArgument
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.transformers import TransformersLoader
from panmodal.tools.media.point_cloud import PointCloud
from panmodal.tools.space.views import render_views

LOADER = TransformersLoader()
SOLIDS = ("cube", "ball", "cone")
NAMES: dict[str, Any] = {"id2label": dict(enumerate(SOLIDS)), "label2id": {name: i for i, name in enumerate(SOLIDS)}}
RNG = np.random.default_rng(0)
CLOUDS = [PointCloud.from_points(RNG.normal(size=(200 + i, 3)) * (1, 1 + i / 9, 1)) for i in range(19)]


def spec(folder: Path, **more: Any) -> ModelSpec:
    return ModelSpec("cloud_classifier", "transformers", str(folder), **more)


def write(folder: Path, channels: int = 3, views: Any = None) -> Path:
    torch.manual_seed(0)
    config = ResNetConfig(
        num_channels=channels, embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], layer_type="basic", **NAMES
    )
    ResNetForImageClassification(config).save_pretrained(folder)
    facts = {"views": views or {"count": 5, "side": 24}}
    (folder / "panmodal.json").write_text(json.dumps(facts))
    return folder


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("resnet"))


def test_a_cloud_gets_every_class_by_the_mean_of_its_views(resnet: Path) -> None:
    loaded = LOADER.load(spec(resnet))
    assert abs(loaded.nbytes - LOADER.measure(spec(resnet))) < 200  # but for the counters of batches
    classifier = loaded.adapter("cloud_classifier")
    assert classifier.vocabulary == SOLIDS
    told = classifier.classify(CLOUDS)
    model = AutoModelForImageClassification.from_pretrained(resnet).eval()
    for cloud, guesses in zip(CLOUDS, told, strict=True):
        assert {guess.label for guess in guesses} == set(SOLIDS)
        scores = [guess.score for guess in guesses]
        assert scores == sorted(scores, reverse=True) and sum(scores) == pytest.approx(1, abs=1e-5)
        with torch.inference_mode():
            logs = model(torch.from_numpy(render_views(cloud.points, 5, 24))).logits.log_softmax(-1).mean(0)
        shares = dict(zip(SOLIDS, logs.softmax(-1).tolist(), strict=True))
        assert {guess.label: guess.score for guess in guesses} == pytest.approx(shares, abs=1e-4)
    assert classifier.classify([]) == []


def test_colours_do_not_matter(resnet: Path) -> None:
    classifier = LOADER.load(spec(resnet)).adapter("cloud_classifier")
    points = CLOUDS[0].points
    painted = PointCloud.from_points(points, RNG.integers(0, 256, points.shape, dtype=np.uint8))
    assert classifier.classify([painted]) == classifier.classify([CLOUDS[0]])


def test_a_cloud_without_points_is_named(resnet: Path) -> None:
    classifier = LOADER.load(spec(resnet)).adapter("cloud_classifier")
    with pytest.raises(EmptyInput, match="cloud 2 of 2 has no points") as raised:
        classifier.classify([CLOUDS[0], PointCloud.from_points(np.zeros((0, 3)))])
    assert raised.value.facts == {"cloud": 1}
    with pytest.raises(WrongArgument, match="cloud 2 of 2 has fewer than 4 different points") as flat:
        classifier.classify([CLOUDS[0], PointCloud.from_points([[0, 0, 0], [1, 1, 1], [0, 0, 0]])])
    assert flat.value.facts == {"field": "points", "cloud": 1}


def test_weights_that_are_missing_or_of_another_size_are_named(resnet: Path, tmp_path: Path, capfd: Any) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(resnet, folder)
    weights = load_file(folder / "model.safetensors")
    bias = weights.pop("classifier.1.bias")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointBroken, match=r"of a resnet: there is no classifier\.1\.bias"):
        LOADER.load(spec(folder))
    save_file({**weights, "classifier.1.bias": bias[:2].clone()}, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointBroken, match=r"classifier\.1\.bias is \[2\], not \[3\]"):
        LOADER.load(spec(folder))
    assert capfd.readouterr().err == ""


def test_settings_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "three")
    for views in (
        "six",
        {"count": 6},
        {"count": True, "side": 40},
        {"count": 0, "side": 40},
        {"count": 6, "side": 4000},
    ):
        (folder / "panmodal.json").write_text(json.dumps({"views": views}))
        with pytest.raises(CheckpointBroken, match="states the views") as raised:
            LOADER.load(spec(folder))
        assert '"count": 1 to 64' in raised.value.hint
    (folder / "panmodal.json").unlink()
    with pytest.raises(CheckpointBroken, match="panmodal.json cannot be read"):
        LOADER.load(spec(folder))
    with pytest.raises(CheckpointBroken, match="takes no views of 3 x 24 x 24"):
        LOADER.load(spec(write(tmp_path / "one", channels=1)))
    shape = {
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "intermediate_size": 8,
        "patch_size": 8,
    }
    ViTForImageClassification(ViTConfig(image_size=32, **shape, **NAMES)).save_pretrained(tmp_path / "vit")
    for side in (24, 32):
        (tmp_path / "vit" / "panmodal.json").write_text(json.dumps({"views": {"count": 2, "side": side}}))
        if side == 32:
            assert LOADER.load(spec(tmp_path / "vit")).adapter("cloud_classifier").vocabulary == SOLIDS
            continue
        with pytest.raises(CheckpointBroken, match="takes no views of 3 x 24 x 24"):
            LOADER.load(spec(tmp_path / "vit"))


def test_another_model_or_role_is_refused(resnet: Path, tmp_path: Path, llama_folder: Path) -> None:
    text = tmp_path / "llama"
    text.mkdir()
    for file in llama_folder.iterdir():
        (text / file.name).write_bytes(file.read_bytes())
    (text / "panmodal.json").write_text('{"views": {"count": 5, "side": 24}}')
    with pytest.raises(CheckpointBroken, match="a llama classifies no pictures"):
        LOADER.load(spec(text))
    with pytest.raises(UnknownRole, match="serves the cloud_classifier"):
        LOADER.load(spec(resnet)).adapter("sound_classifier")
    with pytest.raises(CheckpointMissing):
        LOADER.load(spec(tmp_path / "nothing"))

"""The permissive detector: a tiny FCOS on disk, opened as a profile would, and told apart from broken ones."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from panmodal.tools.errors import CheckpointBroken, CheckpointMissing
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.fcos_builder import build_fcos
from panmodal.tools.loaders.registry import get_loader
from panmodal.tools.media.image import Image

DIMS = {"side": 96, "widths": [8, 8, 16, 16], "pyramid": 32}
NAMES = ["circle", "square"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_file(build_fcos(DIMS, len(NAMES)).state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(DIMS | {"names": NAMES}))
    return tmp_path


def spec(folder: Path, **options: float) -> ModelSpec:
    return ModelSpec("detector", "torchvision", str(folder), options=options)


def test_boxes_lie_in_the_picture_and_have_the_checkpoints_names(folder: Path) -> None:
    backbone = get_loader("torchvision").load(spec(folder, conf=0.0))
    detector = backbone.adapter("detector")
    assert detector.vocabulary == ("circle", "square")
    pictures = [Image.from_array(np.random.default_rng(n).integers(0, 255, (200, 300, 3), np.uint8)) for n in (0, 1)]
    everything, squares = detector.detect(pictures, [[], ["square"]])
    assert len(everything) > 0, "an untrained model without a threshold finds something everywhere"
    assert set(squares.labels) <= {"square"}
    assert everything.xyxy.min() >= 0
    assert (everything.xyxy[:, 2] <= 300).all() and (everything.xyxy[:, 3] <= 200).all()
    assert detector.detect([], []) == []


def test_a_batch_gives_what_single_calls_give(folder: Path) -> None:
    detector = get_loader("torchvision").load(spec(folder, conf=0.0)).adapter("detector")
    pictures = [Image.from_array(np.full((96, 96, 3), value, np.uint8)) for value in (10, 200)]
    together = detector.detect(pictures, [[], []])
    alone = [detector.detect([picture], [[]])[0] for picture in pictures]
    assert [len(each) for each in together] == [len(each) for each in alone]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.xyxy, other.xyxy, atol=0.5)


def test_size_is_read_from_the_header(folder: Path) -> None:
    loader = get_loader("torchvision")
    assert loader.measure(spec(folder)) == loader.load(spec(folder)).nbytes


def test_a_missing_folder_and_a_broken_description_are_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointMissing, match="nowhere"):
        get_loader("torchvision").resolve(spec(tmp_path / "nowhere"))
    (folder / "config.json").write_text(json.dumps({"side": 96}))
    with pytest.raises(CheckpointBroken, match="names"):
        get_loader("torchvision").load(spec(folder))

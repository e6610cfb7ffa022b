"""Detectors of ultralytics: a tiny untrained one, saved by the library, and how the library is kept to itself."""

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from panmodal.tools.errors import CheckpointBroken, CheckpointMissing, UnknownRole
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.checkpoints import digest
from panmodal.tools.loaders.ultralytics import UltralyticsLoader
from panmodal.tools.media.image import Image

LOADER = UltralyticsLoader()
NAMES = ["ship", "sail", "oar"]


def spec(path: Path, cache: Path, **more: Any) -> ModelSpec:
    return ModelSpec("detector", "ultralytics", str(path), cache=cache, **more)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def folder(cache: Path) -> Path:
    """The architecture of YOLO11 at a sixteenth of its width, random weights as float16 safetensors."""
    made = cache / "tiny"
    made.mkdir()
    from panmodal.tools.loaders.ultralytics_model import tamed

    tamed(cache)
    import torch
    from safetensors.torch import save_file
    from ultralytics.nn.tasks import DetectionModel, yaml_model_load

    described = yaml_model_load("yolo11.yaml") | {"scales": {"p": [0.5, 0.0625, 1024]}, "scale": "p", "nc": 3}
    torch.manual_seed(0)
    model = DetectionModel(described, verbose=False)
    save_file({name: value.half() for name, value in model.state_dict().items()}, made / "model.safetensors")
    facts = {"names": dict(enumerate(NAMES)), "imgsz": 64, "conf": 0.001, "iou": 0.6}
    (made / "model.yaml").write_text(yaml.safe_dump(described | facts))
    return made


@pytest.fixture(scope="module")
def detector(folder: Path, cache: Path) -> Any:
    return LOADER.load(spec(folder, cache)).adapter("detector")


@pytest.fixture(scope="module")
def pt_file(folder: Path, cache: Path) -> Path:
    """The same detector as ultralytics saves it."""
    from ultralytics import YOLO

    yolo = YOLO(str(folder / "model.yaml"), task="detect")
    yolo.model.names = dict(enumerate(NAMES))
    yolo.model.args = {**yolo.model.args, "imgsz": 64}
    file = cache / "mine.pt"
    yolo.save(str(file))
    return file


@pytest.fixture
def images() -> list[Image]:
    rng = np.random.default_rng(0)
    sizes = [(200, 100), (64, 64), (30, 90)]
    return [Image.from_array(rng.integers(0, 256, (h, w, 3), dtype=np.uint8)) for w, h in sizes]


def test_a_folder_says_its_classes_and_costs_what_was_measured(folder: Path, cache: Path) -> None:
    backbone = LOADER.load(spec(folder, cache))
    assert backbone.adapter("detector").vocabulary == tuple(NAMES)  # type: ignore[attr-defined]
    assert backbone.digest == digest(folder)
    assert abs(backbone.nbytes - LOADER.measure(spec(folder, cache))) < 0.02 * backbone.nbytes
    with pytest.raises(UnknownRole, match="cannot be the segmenter"):
        backbone.adapter("segmenter")


def test_boxes_lie_in_their_own_picture_and_do_not_depend_on_the_batch(detector: Any, images: list[Image]) -> None:
    together = detector.detect(images, [[], [], []])
    for image, boxes in zip(images, together, strict=True):
        assert len(boxes) > 0
        assert boxes.image_id == image.id
        assert boxes.xyxy.min() >= 0
        assert (boxes.xyxy[:, 2] <= image.width + 0.5).all()
        assert (boxes.xyxy[:, 3] <= image.height + 0.5).all()
        (alone,) = detector.detect([image], [[]])
        assert alone.labels == boxes.labels
        assert np.abs(alone.xyxy - boxes.xyxy).max() < 0.5
    assert detector.detect([], []) == []


def test_labels_restrict_each_picture_by_itself(detector: Any, images: list[Image]) -> None:
    every = detector.detect(images[:2], [[], []])
    some = detector.detect(images[:2], [["oar"], ["ship", "sail"]])
    assert set(some[0].labels) <= {"oar"}
    assert set(some[1].labels) <= {"ship", "sail"}
    for all_of, few, wanted in zip(every, some, [["oar"], ["ship", "sail"]], strict=True):
        kept = [index for index, label in enumerate(all_of.labels) if label in wanted]
        assert few == all_of.take(kept)


def test_options_of_the_profile_win(folder: Path, cache: Path, images: list[Image]) -> None:
    strict = LOADER.load(spec(folder, cache, options={"conf": 0.999})).adapter("detector")
    assert len(strict.detect(images[:1], [[]])[0]) == 0  # type: ignore[attr-defined]
    few = LOADER.load(spec(folder, cache, options={"max_det": 2})).adapter("detector")
    assert len(few.detect(images[:1], [[]])[0]) == 2  # type: ignore[attr-defined]


def test_an_own_pt_file_is_opened_and_finds_the_same(pt_file: Path, cache: Path, images: list[Image]) -> None:
    found = LOADER.load(spec(pt_file, cache, options={"conf": 0.001, "iou": 0.6}))
    assert LOADER.measure(spec(pt_file, cache)) >= found.nbytes
    adapter: Any = found.adapter("detector")
    assert adapter.vocabulary == tuple(NAMES)
    assert len(adapter.detect(images[:1], [[]])[0]) > 0


class Intruder:
    """What a hostile checkpoint looks like: unpickling it would run a command."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch intruded",)


def test_pickled_code_is_refused(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.chdir(tmp_path)
    hostile = tmp_path / "hostile.pt"
    torch.save({"model": Intruder()}, hostile)
    with pytest.raises(CheckpointBroken):
        LOADER.load(spec(hostile, cache))
    assert not (tmp_path / "intruded").exists()
    with pytest.raises(pickle.UnpicklingError):
        torch.load(hostile, weights_only=True)


def test_missing_and_broken_files_are_told(folder: Path, tmp_path: Path, cache: Path) -> None:
    with pytest.raises(CheckpointMissing, match=r"curl .*/yolo11n.pt https://.*/yolo11n.pt"):
        LOADER.resolve(spec(tmp_path / "yolo11n.pt", cache))
    with pytest.raises(CheckpointMissing, match="--set detector.checkpoint=PATH"):
        LOADER.resolve(spec(tmp_path / "mine.pt", cache))
    junk = tmp_path / "junk.pt"
    junk.write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointBroken, match="junk.pt is broken"):
        LOADER.load(spec(junk, cache))
    half = tmp_path / "half"
    half.mkdir()
    described = yaml.safe_load((folder / "model.yaml").read_text())
    (half / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    (half / "model.yaml").write_text(yaml.safe_dump(described | {"scales": {"p": [0.5, 0.125, 1024]}}))
    with pytest.raises(CheckpointBroken, match="weights do not fit its architecture"):
        LOADER.load(spec(half, cache))
    (half / "model.yaml").write_text("names: [a]\n")
    with pytest.raises(CheckpointBroken, match="model.yaml describes no detector"):
        LOADER.load(spec(half, cache))


_QUIETLY = """
import socket, sys
def no_network(*args, **kwargs):
    raise AssertionError("a socket was opened")
socket.socket.connect = no_network
from pathlib import Path
import numpy as np
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.registry import get_loader
from panmodal.tools.media.image import Image
loader = get_loader("ultralytics")
spec = ModelSpec("detector", "ultralytics", {folder!r})
loader.measure(spec)
assert "torch" not in sys.modules
detector = loader.load(spec).adapter("detector")
detector.detect([Image.from_array(np.zeros((50, 80, 3), np.uint8))], [[]])
"""


def test_the_library_is_kept_to_itself(folder: Path, tmp_path: Path) -> None:
    home, work, ours = tmp_path / "user", tmp_path / "work", tmp_path / "ours"
    home.mkdir()
    work.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("YOLO", "MPL", "XDG"))}
    done = subprocess.run(
        [sys.executable, "-c", _QUIETLY.format(folder=str(folder))],
        capture_output=True,
        text=True,
        cwd=work,
        env=kept | {"HOME": str(home), "PANMODAL_HOME": str(ours)},
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert [*home.rglob("*"), *work.rglob("*")] == []
    assert (ours / "cache" / "ultralytics").is_dir()

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

from panmodal.agent.profiles.loading import load_profile
from panmodal.tools.errors import (
    CheckpointBroken,
    CheckpointMissing,
    ProfileError,
    UnknownLabel,
    UnknownRole,
    WrongArgument,
)
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.checkpoints import digest
from panmodal.tools.loaders.ultralytics import UltralyticsLoader
from panmodal.tools.media.image import Image
from panmodal.tools.see.detect import detect

from .tiny_vision import clip_tokenizer

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


def promptable(kind: str, folder: Path) -> Any:
    """A YOLO-World or YOLOE at a sixteenth of its width, with weights that find things in different places."""
    import torch
    from ultralytics import YOLO
    from ultralytics.nn.tasks import yaml_model_load

    published, depth = {"world": ("yolov8-worldv2.yaml", 0.33), "yoloe": ("yoloe-11.yaml", 0.5)}[kind]
    described = yaml_model_load(published) | {"scales": {"p": [depth, 0.0625, 1024]}, "scale": "p"}
    file = folder / f"tiny-{'world' if kind == 'world' else 'yoloe'}.yaml"  # by whose name the library knows the kind
    file.write_text(yaml.safe_dump(described))
    torch.manual_seed(0)
    yolo = YOLO(str(file), task="detect")
    head = yolo.model.model[-1]
    with torch.no_grad():
        for places, classes, contrast in zip(head.cv2, head.cv3, head.cv4, strict=True):
            places[-1].weight.normal_(0, 0.5)
            classes[-1].weight.normal_(0, 0.5)
            contrast.bias.fill_(-1)
    yolo.model.eval()
    return yolo


def vectors(texts: list[str], clip_folder: Path) -> Any:
    """Unit vectors 1 x N x D of texts, as CLIP's own library computes them."""
    import torch
    from transformers import AutoTokenizer, CLIPModel

    inputs = AutoTokenizer.from_pretrained(clip_folder)(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        found = CLIPModel.from_pretrained(clip_folder).eval().get_text_features(**inputs).pooler_output
    return torch.nn.functional.normalize(found, dim=-1)[None]


@pytest.fixture(scope="module")
def clip_folder(cache: Path) -> Path:
    """A text encoder for both kinds: a CLIP whose vectors have their 512 numbers."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    tokenizer = clip_tokenizer()
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {
        "vocab_size": len(tokenizer), "max_position_embeddings": 8, "pad_token_id": 0, "bos_token_id": 1,
        "eos_token_id": 2, "projection_dim": 512, **sizes,
    }  # fmt: skip
    sight = {"image_size": 16, "patch_size": 8, **sizes}
    torch.manual_seed(0)
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=sight, projection_dim=512))
    with torch.no_grad():
        model.text_model.embeddings.token_embedding.weight.normal_()
    model.save_pretrained(cache / "clip")
    tokenizer.save_pretrained(cache / "clip")
    return cache / "clip"


def set_classes(yolo: Any, names: list[str], clip_folder: Path) -> None:
    """As the library's set_classes, whose own text encoder is not here."""
    found = vectors(names, clip_folder)
    if hasattr(yolo.model, "txt_feats"):
        yolo.model.txt_feats, yolo.model.names, yolo.model.model[-1].nc = found, names, len(names)
    else:
        yolo.set_classes(names, yolo.model.model[-1].get_tpe(found).detach())


@pytest.fixture(scope="module", params=["world", "yoloe"])
def told_file(request: pytest.FixtureRequest, cache: Path, clip_folder: Path) -> Path:
    """A model that was saved with two classes set."""
    yolo = promptable(request.param, cache)
    set_classes(yolo, ["star", "cup"], clip_folder)
    yolo.save(str(cache / f"{request.param}.pt"))
    return cache / f"{request.param}.pt"


SETTINGS = {"imgsz": 64, "conf": 0.01, "max_det": 20}


def profiled(path: Path, cache: Path, **options: Any) -> ModelSpec:
    """A detector as a profile of the user's names it."""
    lines = [f"{name} = {value!r}" for name, value in (SETTINGS | options).items()]
    text = [f'[detector]\nloader = "ultralytics"\ncheckpoint = "{path}"', "[detector.options]", *lines]
    (cache / "profile.toml").write_text("\n".join(text))
    return load_profile(cache / "profile.toml").specs(cache)["detector"][0]


def found_by_the_library(path: Path, image: Image, names: list[str], clip_folder: Path) -> tuple[Any, list[str]]:
    from ultralytics import YOLO

    yolo = YOLO(str(path), task="detect")
    set_classes(yolo, names, clip_folder)
    source = np.ascontiguousarray(image.pixels[..., ::-1])
    boxes = yolo.predict([source], verbose=False, save=False, rect=False, iou=0.7, **SETTINGS)[0].boxes
    return boxes.data.numpy(), [names[int(number)] for number in boxes.cls]


def test_classes_that_were_set_and_saved_are_the_vocabulary(told_file: Path, cache: Path, clip_folder: Path) -> None:
    image = Image.from_array(np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8))
    detector: Any = LOADER.load(profiled(told_file, cache)).adapter("detector")
    assert detector.vocabulary == ("star", "cup")
    expected, names = found_by_the_library(told_file, image, ["star", "cup"], clip_folder)
    (boxes,) = detector.detect([image], [[]])
    assert 3 < len(boxes) == len(expected)
    assert boxes.labels == tuple(names)
    assert boxes.xyxy == pytest.approx(expected[:, :4], abs=1e-2)
    assert boxes.scores == pytest.approx(expected[:, 4], abs=1e-4)
    assert set(detect(image, ["cups"], detector=detector).labels) <= {"cup"}
    with pytest.raises(UnknownLabel, match="'moon'"):
        detect(image, ["moon"], detector=detector)


def test_with_a_text_encoder_any_class_can_be_told(told_file: Path, cache: Path, clip_folder: Path) -> None:
    rng = np.random.default_rng(1)
    images = [Image.from_array(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)) for _ in range(4)]
    asked = [["red moon", "cup"], ["star"], ["red moon", "cup"], []]
    named = profiled(told_file, cache, text_encoder=str(clip_folder))
    backbone = LOADER.load(named)
    assert backbone.libraries.keys() == {"ultralytics", "torch", "transformers"}
    assert LOADER.measure(named) >= backbone.nbytes > LOADER.load(profiled(told_file, cache)).nbytes
    detector: Any = backbone.adapter("detector")
    assert detector.vocabulary is None
    together = detector.detect(images, asked)
    for image, names, boxes in zip(images, asked, together, strict=True):
        # Without a label it finds what it was saved for.
        expected, labels = found_by_the_library(told_file, image, names or ["star", "cup"], clip_folder)
        assert boxes.labels == tuple(labels)
        assert boxes.xyxy == pytest.approx(expected[:, :4], abs=1e-2)
        (alone,) = detector.detect([image], [names])
        assert alone.labels == boxes.labels
        assert alone.xyxy == pytest.approx(boxes.xyxy, abs=1e-2)
    assert {*together[0].labels, *together[2].labels} == {"red moon", "cup"}
    assert detector.detect([], []) == []


@pytest.mark.parametrize("kind", ["world", "yoloe"])
def test_a_model_without_classes_says_what_to_do(kind: str, tmp_path: Path, cache: Path, clip_folder: Path) -> None:
    promptable(kind, tmp_path).save(str(tmp_path / "new.pt"))
    way = "hf download openai/clip-vit-base-patch32" if kind == "world" else r"its text encoder \(mobileclip:blt\)"
    with pytest.raises(CheckpointMissing, match=rf"saved without classes.*{way}.*model.set_classes\(names\)"):
        LOADER.load(profiled(tmp_path / "new.pt", cache))
    detector: Any = LOADER.load(profiled(tmp_path / "new.pt", cache, text_encoder=str(clip_folder))).adapter("detector")
    image = Image.from_array(np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8))
    assert set(detect(image, ["moons"], detector=detector).labels) == {"moon"}
    with pytest.raises(WrongArgument, match="was told nothing") as raised:
        detect(image, ["objects"], detector=detector)
    assert raised.value.facts == {"field": "labels"}


def test_a_yoloe_without_prompts_keeps_its_classes(
    told_file: Path, tmp_path: Path, cache: Path, clip_folder: Path
) -> None:
    if told_file.stem != "yoloe":
        pytest.skip("YOLO-World has no such form")
    import torch
    from ultralytics import YOLO

    fused, plain = YOLO(str(told_file), task="detect"), YOLO(str(told_file), task="detect")
    fused.model.model[-1].fuse(fused.model.pe)
    vocabulary = torch.nn.ModuleList(each[-1] for each in fused.model.model[-1].cv3)
    plain.model.args = {**plain.model.args, "imgsz": 64}
    plain.set_vocab(vocabulary, ["star", "cup"])
    image = Image.from_array(np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8))
    (told,) = LOADER.load(profiled(told_file, cache)).adapter("detector").detect([image], [[]])  # type: ignore[attr-defined]
    for name, yolo in (("fused", fused), ("free", plain)):
        yolo.save(str(tmp_path / f"{name}.pt"))
        detector: Any = LOADER.load(profiled(tmp_path / f"{name}.pt", cache)).adapter("detector")
        assert detector.vocabulary == ("star", "cup")
        (boxes,) = detector.detect([image], [[]])
        assert boxes.scores == pytest.approx(told.scores, abs=1e-3)
        with pytest.raises(ProfileError, match="keeps the classes that it has"):
            LOADER.load(profiled(tmp_path / f"{name}.pt", cache, text_encoder=str(clip_folder)))


def test_text_encoders_that_do_not_fit_are_told(
    told_file: Path, folder: Path, tmp_path: Path, cache: Path, clip_folder: Path
) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    with pytest.raises(CheckpointMissing, match="hf download someone/clip"):
        LOADER.load(profiled(told_file, cache, text_encoder="someone/clip"))
    with pytest.raises(ProfileError, match="keeps the classes that it has"):
        LOADER.load(spec(folder, cache, options={"text_encoder": str(clip_folder)}))
    small = tmp_path / "clip"
    shutil.copytree(clip_folder, small)
    weights = load_file(small / "model.safetensors")
    short = weights["text_projection.weight"][:32].clone()
    save_file(weights | {"text_projection.weight": short}, small / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointBroken, match=r"text_projection.weight is \[32, 16\], not \[512, 16\]"):
        LOADER.load(profiled(told_file, cache, text_encoder=str(small)))
    config = (small / "config.json").read_text().replace('"projection_dim": 512', '"projection_dim": 32')
    (small / "config.json").write_text(config)
    with pytest.raises(CheckpointBroken, match="gives 32 numbers for a text, the model takes 512"):
        LOADER.load(profiled(told_file, cache, text_encoder=str(small)))
    del weights["text_projection.weight"]
    save_file(weights, small / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointBroken, match="there is no text_projection.weight"):
        LOADER.load(profiled(told_file, cache, text_encoder=str(small)))


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

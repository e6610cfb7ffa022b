"""YOLO-World and YOLOE: tiny ones, saved by the library, that keep their classes or are told new ones by a CLIP."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from panmodal.agent.profiles.loading import load_profile
from panmodal.tools.errors import CheckpointBroken, CheckpointMissing, ProfileError, UnknownLabel, WrongArgument
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.ultralytics import UltralyticsLoader
from panmodal.tools.media.boxes import Boxes
from panmodal.tools.media.image import Image
from panmodal.tools.see.detect import detect

from .tiny_vision import clip_tokenizer

LOADER = UltralyticsLoader()
KINDS = ("world", "yoloe")


def promptable(kind: str, folder: Path) -> Any:
    """A YOLO-World or YOLOE at a sixteenth of its width, with weights that find things in different places."""
    import torch
    from ultralytics import YOLO
    from ultralytics.nn.tasks import yaml_model_load

    published, depth = {"world": ("yolov8-worldv2.yaml", 0.33), "yoloe": ("yoloe-11.yaml", 0.5)}[kind]
    described = yaml_model_load(published) | {"scales": {"p": [depth, 0.0625, 1024]}, "scale": "p"}
    file = folder / f"tiny-{kind}.yaml"  # by whose name the library knows the kind
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
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    from panmodal.tools.loaders.ultralytics_model import tamed

    tamed(folder)
    return folder


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


@pytest.fixture(scope="module")
def told_files(cache: Path, clip_folder: Path) -> dict[str, Path]:
    """One of each kind that was saved with two classes set."""
    files = {kind: cache / f"{kind}.pt" for kind in KINDS}
    for kind, file in files.items():
        yolo = promptable(kind, cache)
        set_classes(yolo, ["star", "cup"], clip_folder)
        yolo.save(str(file))
    return files


SETTINGS = {"imgsz": 64, "conf": 0.01, "max_det": 20}


def profiled(path: Path, cache: Path, **options: Any) -> ModelSpec:
    """A detector as a profile of the user's names it."""
    lines = [f"{name} = {value!r}" for name, value in (SETTINGS | options).items()]
    text = [f'[detector]\nloader = "ultralytics"\ncheckpoint = "{path}"', "[detector.options]", *lines]
    (cache / "profile.toml").write_text("\n".join(text))
    return load_profile(cache / "profile.toml").specs(cache)["detector"][0]


def check_against_the_library(boxes: Boxes, yolo: Any, image: Image) -> None:
    source = np.ascontiguousarray(image.pixels[..., ::-1])
    yolo.predictor = None  # it remembers the classes of before
    expected = yolo.predict([source], verbose=False, save=False, rect=False, iou=0.7, **SETTINGS)[0]
    assert boxes.labels == tuple(expected.names[int(number)] for number in expected.boxes.cls)
    assert boxes.xyxy == pytest.approx(expected.boxes.xyxy.numpy(), abs=1e-2)
    assert boxes.scores == pytest.approx(expected.boxes.conf.numpy(), abs=1e-4)
    assert len(boxes) > 3


@pytest.fixture
def noise() -> list[Image]:
    rng = np.random.default_rng(1)
    return [Image.from_array(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)) for _ in range(4)]


@pytest.mark.parametrize("kind", KINDS)
def test_classes_that_were_set_and_saved_are_the_vocabulary(
    kind: str, told_files: dict[str, Path], cache: Path, noise: list[Image]
) -> None:
    from ultralytics import YOLO

    detector: Any = LOADER.load(profiled(told_files[kind], cache)).adapter("detector")
    assert detector.vocabulary == ("star", "cup")
    (boxes,) = detector.detect(noise[:1], [[]])
    check_against_the_library(boxes, YOLO(str(told_files[kind]), task="detect"), noise[0])
    assert set(detect(noise[0], ["cups"], detector=detector).labels) <= {"cup"}
    with pytest.raises(UnknownLabel, match="'moon'"):
        detect(noise[0], ["moon"], detector=detector)


@pytest.mark.parametrize("kind", KINDS)
def test_with_a_text_encoder_any_class_can_be_told(
    kind: str, told_files: dict[str, Path], cache: Path, clip_folder: Path, noise: list[Image]
) -> None:
    from ultralytics import YOLO

    named = profiled(told_files[kind], cache, text_encoder=str(clip_folder))
    backbone = LOADER.load(named)
    assert backbone.libraries.keys() == {"ultralytics", "torch", "transformers"}
    assert LOADER.measure(named) >= backbone.nbytes
    detector: Any = backbone.adapter("detector")
    assert detector.vocabulary is None
    asked = [["red moon", "cup"], ["star"], ["red moon", "cup"], []]
    together = detector.detect(noise, asked)
    yolo = YOLO(str(told_files[kind]), task="detect")
    for image, names, boxes in zip(noise, asked, together, strict=True):
        set_classes(yolo, names or ["star", "cup"], clip_folder)  # asked for nothing it finds what it was saved for
        check_against_the_library(boxes, yolo, image)
    assert set(together[1].labels) == {"star"} and {*together[0].labels} <= {"red moon", "cup"}
    (alone,) = detector.detect(noise[2:3], asked[2:3])
    assert (alone.labels, alone.scores) == (together[2].labels, pytest.approx(together[2].scores, abs=1e-4))
    assert detector.detect([], []) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_without_classes_says_what_to_do(
    kind: str, tmp_path: Path, cache: Path, clip_folder: Path, noise: list[Image]
) -> None:
    promptable(kind, tmp_path).save(str(tmp_path / "new.pt"))
    way = "hf download openai/clip-vit-base-patch32" if kind == "world" else r"its text encoder \(mobileclip:blt\)"
    with pytest.raises(CheckpointMissing, match=rf"saved without classes.*{way}.*model.set_classes\(names\)"):
        LOADER.load(profiled(tmp_path / "new.pt", cache))
    detector: Any = LOADER.load(profiled(tmp_path / "new.pt", cache, text_encoder=str(clip_folder))).adapter("detector")
    assert set(detect(noise[0], ["moons"], detector=detector).labels) == {"moon"}
    with pytest.raises(WrongArgument, match="was told nothing") as raised:
        detect(noise[0], ["objects"], detector=detector)
    assert raised.value.facts == {"field": "labels"}


@pytest.mark.parametrize("form", ["fused", "free of prompts"])
def test_a_yoloe_whose_classes_are_weights_keeps_them(
    form: str, told_files: dict[str, Path], tmp_path: Path, cache: Path, clip_folder: Path, noise: list[Image]
) -> None:
    import torch
    from ultralytics import YOLO

    made = YOLO(str(told_files["yoloe"]), task="detect")
    made.model.model[-1].fuse(made.model.pe)
    if form != "fused":
        vocabulary = torch.nn.ModuleList(each[-1] for each in made.model.model[-1].cv3)
        made = YOLO(str(told_files["yoloe"]), task="detect")
        made.model.args["imgsz"] = 64
        made.set_vocab(vocabulary, ["star", "cup"])
    made.save(str(tmp_path / "fixed.pt"))
    detector: Any = LOADER.load(profiled(tmp_path / "fixed.pt", cache)).adapter("detector")
    assert detector.vocabulary == ("star", "cup")
    check_against_the_library(detector.detect(noise[:1], [[]])[0], made, noise[0])
    with pytest.raises(ProfileError, match="keeps the classes that it has"):
        LOADER.load(profiled(tmp_path / "fixed.pt", cache, text_encoder=str(clip_folder)))


def test_text_encoders_that_do_not_fit_are_told(
    told_files: dict[str, Path], tmp_path: Path, cache: Path, clip_folder: Path
) -> None:
    from safetensors.torch import load_file, save_file

    world = told_files["world"]
    with pytest.raises(CheckpointMissing, match="hf download someone/clip"):
        LOADER.load(profiled(world, cache, text_encoder="someone/clip"))
    small = tmp_path / "clip"
    shutil.copytree(clip_folder, small)
    weights = load_file(small / "model.safetensors")
    short = {"text_projection.weight": weights.pop("text_projection.weight")[:32].clone()}
    save_file(weights, small / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointBroken, match=r"there is no text_projection.weight"):
        LOADER.load(profiled(world, cache, text_encoder=str(small)))
    save_file(weights | short, small / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointBroken, match=r"text_projection.weight is \[32, 16\], not \[512, 16\]"):
        LOADER.load(profiled(world, cache, text_encoder=str(small)))
    config = (small / "config.json").read_text().replace('"projection_dim": 512', '"projection_dim": 32')
    (small / "config.json").write_text(config)
    with pytest.raises(CheckpointBroken, match="gives 32 numbers for a text, the model takes 512"):
        LOADER.load(profiled(world, cache, text_encoder=str(small)))

"""Segmenters of segment-anything: tiny untrained ones in both of their forms, and the shipped one on true boxes."""

import json
import threading
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from segment_anything import SamAutomaticMaskGenerator, SamPredictor

from panmodal.agent.lab.world.scenes import SceneConfig, render_scene
from panmodal.tools.errors import (
    Cancelled,
    CheckpointBroken,
    CheckpointMissing,
    ModelError,
    ProfileError,
    UnknownRole,
    WrongArgument,
)
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.masking import POINTS_AT_ONCE
from panmodal.tools.loaders.sam_builder import SAM_MINI_DIMS, build_sam
from panmodal.tools.loaders.segment_anything import SegmentAnythingLoader
from panmodal.tools.media.boxes import Boxes
from panmodal.tools.media.image import Image
from panmodal.tools.media.points import Points

LOADER = SegmentAnythingLoader()
TINY = SAM_MINI_DIMS | {"img_size": 64, "embed_dim": 32, "depth": 2, "prompt_dim": 32, "mlp_dim": 32, "multimask": 3}


def spec(path: Path, **more: Any) -> ModelSpec:
    return ModelSpec("segmenter", "segment-anything", str(path), **more)


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {name: value.contiguous() for name, value in build_sam(TINY).state_dict().items()}


@pytest.fixture(scope="module")
def folder(state: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("sam")
    save_file({name: value.half() for name, value in state.items()}, made / "model.safetensors")
    (made / "config.json").write_text(json.dumps({"dims": TINY, "zoom": 1.4, "point_windows": [0.2, 0.8]}))
    return made


@pytest.fixture
def image() -> Image:
    return Image.from_array(np.random.default_rng(0).integers(0, 256, (40, 70, 3), dtype=np.uint8))


def check_masks(segmenter: Any, image: Image) -> None:
    boxes = Boxes.of([[5, 5, 30, 30], [20, 10, 69, 39]], ["star", "cup"], [0.9, 0.8], image)
    empty = Boxes.of([], [], [], image)
    masks, none = segmenter.segment([image, image], [boxes, empty])
    assert masks.bitmaps.shape == (2, 40, 70)
    assert masks.labels == boxes.labels
    assert all(0 <= score <= 1 for score in masks.scores)
    assert none.bitmaps.shape == (0, 40, 70)
    (alone,) = segmenter.segment([image], [boxes.take([1])])
    assert np.array_equal(alone.bitmaps[0], masks.bitmaps[1])


def check_points(segmenter: Any, image: Image) -> None:
    one = Points.of([[12, 9]], [True], image)
    several = Points.of([[50, 30], [55, 32], [2, 2]], [True, True, False], image)
    masks, none = segmenter.segment_points([image, image], [[one, several], []])
    assert masks.bitmaps.shape == (2, 40, 70)
    assert masks.labels == ()
    assert all(0 <= score <= 1 for score in masks.scores)
    assert none.bitmaps.shape == (0, 40, 70)
    (alone,) = segmenter.segment_points([image], [[several]])
    assert np.mean(alone.bitmaps[0] != masks.bitmaps[1]) < 0.002
    with pytest.raises(WrongArgument, match="no point lies on the thing"):
        segmenter.segment_points([image], [[Points.of([[1, 1]], [False], image)]])


def test_a_small_model_in_a_folder(folder: Path, image: Image) -> None:
    backbone = LOADER.load(spec(folder))
    check_masks(backbone.adapter("segmenter"), image)
    check_points(backbone.adapter("segmenter"), image)
    assert abs(backbone.nbytes - LOADER.measure(spec(folder))) < 0.02 * backbone.nbytes
    with pytest.raises(UnknownRole, match="cannot be the detector"):
        backbone.adapter("detector")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_checkpoint_in_the_published_form(
    suffix: str, state: dict[str, torch.Tensor], tmp_path: Path, image: Image
) -> None:
    file = tmp_path / f"own{suffix}"
    if suffix == ".pth":
        torch.save(state, file)
    else:
        save_file(state, file)
    asked = spec(file, options={"dims": TINY})
    backbone = LOADER.load(asked)
    check_masks(backbone.adapter("segmenter"), image)
    check_points(backbone.adapter("segmenter"), image)
    assert LOADER.measure(asked) >= 0.98 * backbone.nbytes


def test_the_size_of_a_published_checkpoint_must_be_known(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    file = tmp_path / "downloaded.pth"
    torch.save({"a": torch.zeros(1)}, file)
    with pytest.raises(ProfileError, match="model_type=vit_b"):
        LOADER.load(spec(file))
    with pytest.raises(ProfileError, match="'vit_x' is none"):
        LOADER.load(spec(file, options={"model_type": "vit_x"}))
    with pytest.raises(CheckpointMissing, match=r"curl .* https://.*/segment_anything/sam_vit_b_01ec64.pth"):
        LOADER.resolve(spec(tmp_path / "sam_vit_b_01ec64.pth"))


def test_broken_folders_are_told_apart(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    with pytest.raises(CheckpointBroken, match="config.json cannot be read"):
        LOADER.load(spec(copy))
    (copy / "config.json").write_text("{}")
    with pytest.raises(CheckpointBroken, match="states no dims"):
        LOADER.load(spec(copy))
    (copy / "config.json").write_text(json.dumps({"dims": {"img_size": 64}}))
    with pytest.raises(CheckpointBroken, match="dimensions describe no model"):
        LOADER.load(spec(copy))
    (copy / "config.json").write_text(json.dumps({"dims": TINY | {"embed_dim": 64}}))
    with pytest.raises(CheckpointBroken, match="weights do not fit"):
        LOADER.load(spec(copy))
    with pytest.raises(ModelError, match="dtype 'float16'"):
        LOADER.load(spec(folder, dtype="float16"))


def test_a_published_checkpoint_answers_a_point_with_the_best_of_its_masks(
    state: dict[str, torch.Tensor], tmp_path: Path, image: Image
) -> None:
    file = tmp_path / "own.pth"
    torch.save(state, file)
    segmenter: Any = LOADER.load(spec(file, options={"dims": TINY})).adapter("segmenter")
    sam = build_sam(TINY)
    sam.load_state_dict(state)
    predictor = SamPredictor(sam.eval())
    predictor.set_image(image.pixels)
    offered, quality, _ = predictor.predict(np.array([[12.0, 9.0]]), np.array([1]), multimask_output=True)
    assert len(offered) == 3
    (masks,) = segmenter.segment_points([image], [[Points.of([[12, 9]], [True], image)]])
    assert np.array_equal(masks.bitmaps[0], offered[quality.argmax()])
    assert masks.scores[0] == pytest.approx(float(np.clip(quality.max(), 0, 1)), abs=1e-5)


def test_a_small_model_that_learned_boxes_only_says_so(folder: Path, tmp_path: Path, image: Image) -> None:
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    (tmp_path / "config.json").write_text(json.dumps({"dims": TINY, "zoom": 1.4}))
    segmenter: Any = LOADER.load(spec(tmp_path)).adapter("segmenter")
    check_masks(segmenter, image)
    with pytest.raises(ModelError, match="knows boxes only"):
        segmenter.segment_points([image], [[Points.of([[12, 9]], [True], image)]])
    with pytest.raises(ModelError, match="knows boxes only"):
        segmenter.segment_all([image])


def test_a_published_checkpoint_cuts_out_everything_as_the_library_does(
    state: dict[str, torch.Tensor], tmp_path: Path, image: Image
) -> None:
    file = tmp_path / "own.pth"
    # Larger weights, so that the masks of different points differ.
    state = {name: value * (5 if value.ndim > 1 else 1) for name, value in state.items()}
    torch.save(state, file)
    settings = {"points_per_side": 6, "pred_iou_thresh": 0.0, "stability_score_thresh": 0.0}
    segmenter: Any = LOADER.load(spec(file, options={"dims": TINY, **settings})).adapter("segmenter")
    sam = build_sam(TINY)
    sam.load_state_dict(state)
    generator = SamAutomaticMaskGenerator(sam.eval(), points_per_batch=POINTS_AT_ONCE, **settings)
    told = [each for each in generator.generate(image.pixels) if each["area"]]
    told.sort(key=lambda each: -each["predicted_iou"])
    masks, other = segmenter.segment_all([image, Image.from_array(image.pixels[:, :40])])
    assert len(masks) == len(told) > 1
    assert np.array_equal(masks.bitmaps, [each["segmentation"] for each in told])
    assert masks.scores == pytest.approx([min(max(each["predicted_iou"], 0), 1) for each in told], abs=1e-5)
    assert other.bitmaps.shape[1:] == (40, 40)
    usual: Any = LOADER.load(spec(file, options={"dims": TINY})).adapter("segmenter")
    assert usual.segment_all([image])[0].empty  # of random weights no mask is sure


def test_everything_in_a_picture_larger_than_the_model_sees_comes_in_its_size(folder: Path, image: Image) -> None:
    settings = {"points_per_side": 2, "pred_iou_thresh": 0.0, "stability_score_thresh": 0.0}
    segmenter: Any = LOADER.load(spec(folder, options=settings)).adapter("segmenter")
    large = Image.from_array(np.kron(image.pixels, np.ones((30, 30, 1), np.uint8)))
    assert segmenter.segment_all([large])[0].bitmaps.shape[1:] == (1200, 2100)
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        segmenter.segment_all([image], stop=stop)


@pytest.mark.parametrize("options", [{"points_per_side": 0}, {"pred_iou_thresh": True}, {"stability_score_thresh": 2}])
def test_settings_that_cannot_be_are_refused(options: dict[str, Any], folder: Path) -> None:
    (name,) = options
    with pytest.raises(ProfileError, match=f"segmenter.options.{name} is") as raised:
        LOADER.load(spec(folder, options=options)).adapter("segmenter")
    assert raised.value.facts == {"field": f"segmenter.options.{name}"}


@pytest.mark.parametrize("prompt", ["box", "point"])
def test_the_shipped_segmenter_finds_the_things_in_true_boxes_and_at_their_pixels(prompt: str) -> None:
    shipped = Path(str(files("panmodal.agent.profiles"))) / "mini" / "segmenter"
    segmenter: Any = LOADER.load(spec(shipped)).adapter("segmenter")
    rng = np.random.default_rng(0)
    overlaps: list[float] = []
    for seed in range(8):
        scene = render_scene(seed, SceneConfig(count=(1, 6)), split="test")
        image = Image.from_array(scene.image)
        if prompt == "box":
            boxes = Boxes.of([each.box for each in scene.objects], [each.label for each in scene.objects],
                             [1.0] * len(scene.objects), image)  # fmt: skip
            (masks,) = segmenter.segment([image], [boxes])
        else:
            pixels = [rng.permutation(np.argwhere(scene.mask(i)))[0, ::-1] for i in range(len(scene.objects))]
            points = [Points.of([pixel + 0.5], [True], image) for pixel in pixels]
            (masks,) = segmenter.segment_points([image], [points])
        for index, found in enumerate(masks.bitmaps):
            true = scene.mask(index)
            overlaps.append(float((found & true).sum() / (found | true).sum()))
    assert len(overlaps) > 15
    assert np.mean(overlaps) > {"box": 0.85, "point": 0.7}[prompt]

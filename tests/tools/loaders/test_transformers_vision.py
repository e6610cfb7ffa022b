"""Detectors, segmenters and depth estimators of transformers: what they find is what the library's pipelines find."""

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForMaskGeneration, AutoModelForZeroShotObjectDetection, AutoProcessor, pipeline

from panmodal.agent.profiles.loading import load_profile
from panmodal.tools.errors import (
    Cancelled,
    CheckpointBroken,
    CheckpointMissing,
    ModelError,
    ProfileError,
    UnknownLabel,
    UnknownRole,
    WrongArgument,
)
from panmodal.tools.loaders.base import Backbone, ModelSpec
from panmodal.tools.loaders.registry import get_loader
from panmodal.tools.media.boxes import Boxes
from panmodal.tools.media.image import Image
from panmodal.tools.media.points import Points
from panmodal.tools.roles import StepContext
from panmodal.tools.see.depth import depth
from panmodal.tools.see.detect import detect
from panmodal.tools.see.segment import segment
from panmodal.tools.see.segment_all import segment_all

from . import tiny_vision as tiny

Made = Callable[[], tuple[Any, Any]]
Folder = Callable[[Made], Path]
RNG = np.random.default_rng(0)
IMAGES = [Image.from_array(RNG.integers(0, 256, (h, w, 3), dtype=np.uint8)) for w, h in ((70, 40), (40, 70), (70, 40))]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The folder of a tiny model, written once."""
    there: dict[str, Path] = {}

    def folder(made: Made) -> Path:
        if made.__name__ not in there:
            there[made.__name__] = tiny.save(tmp_path_factory.mktemp(made.__name__), made)
        return there[made.__name__]

    return folder


def spec(folder: Path, role: str, **options: Any) -> ModelSpec:
    """The checkpoint as a profile of the user's names it."""
    profile = folder.parent / f"{folder.name}-profile.toml"
    stated = "".join(f"{name} = {json.dumps(value)}\n" for name, value in options.items())
    profile.write_text(f'[{role}]\nloader = "transformers"\ncheckpoint = "{folder}"\n[{role}.options]\n{stated}')
    return load_profile(profile).specs()[role][0]


def load(folder: Path, role: str, **options: Any) -> Backbone:
    found = spec(folder, role, **options)
    return get_loader(found.loader).load(found)


def adapter(folder: Path, role: str, **options: Any) -> Any:
    return load(folder, role, **options).adapter(role)


def check_same(boxes: Boxes, told: list[dict[str, Any]], image: Image) -> None:
    """The boxes are those that a pipeline tells, which it gives in whole pixels, as far as they lie in the picture."""
    corners = (
        np.array([list(each["box"].values()) for each in told]).reshape(-1, 4).clip(0, [image.width, image.height] * 2)
    )
    expected = [(each["label"], each["score"], box) for each, box in zip(told, corners, strict=True)
                if (box[2:] > box[:2]).all()]  # fmt: skip
    expected.sort(key=lambda each: each[:2])
    order = sorted(range(len(boxes)), key=lambda index: (boxes.labels[index], boxes.scores[index]))
    assert [boxes.labels[index] for index in order] == [label for label, _, _ in expected]
    assert [boxes.scores[index] for index in order] == pytest.approx([score for _, score, _ in expected], abs=1e-4)
    assert all(np.abs(boxes.xyxy[index] - box).max() < 1.01 for index, (_, _, box) in zip(order, expected, strict=True))


@pytest.mark.parametrize("made", tiny.CLOSED, ids=lambda each: each.__name__)
def test_a_closed_detector_finds_what_the_pipeline_finds(made: Made, written: Folder) -> None:
    folder = written(made)
    backbone = load(folder, "detector", threshold=0.0)
    measured = get_loader("transformers").measure(spec(folder, "detector"))
    assert abs(backbone.nbytes - measured) < 0.1 * measured  # but for buffers
    detector: Any = backbone.adapter("detector")
    assert detector.vocabulary == ("star", "cup")
    together = detector.detect(IMAGES, [[], ["cup"], []])
    asked = pipeline("object-detection", model=str(folder), image_processor=str(folder))
    for image, boxes, names in zip(IMAGES, together, [("star", "cup"), ("cup",), ("star", "cup")], strict=True):
        told = [each for each in asked(image.to_pil(), threshold=0.0) if each["label"] in names]
        check_same(boxes, told, image)
        alone = detect(image, names, detector=detector)
        assert alone.xyxy.sum() == pytest.approx(boxes.xyxy.sum(), abs=0.01)
    assert len(together[0]) > 0
    assert detector.detect([], []) == []
    with pytest.raises(UnknownLabel, match="'moon'"):
        detect(IMAGES[0], ["moon"], detector=detector)
    assert adapter(folder, "detector", threshold=1.0).detect(IMAGES[:1], [[]])[0].empty


@pytest.mark.parametrize("made", tiny.OPEN, ids=lambda each: each.__name__)
def test_an_open_detector_finds_what_the_pipeline_finds(made: Made, written: Folder) -> None:
    folder = written(made)
    detector: Any = adapter(folder, "detector", threshold=0.0)
    assert detector.vocabulary is None
    asked = pipeline(
        "zero-shot-object-detection", model=str(folder), tokenizer=str(folder), image_processor=str(folder)
    )
    together = detector.detect(IMAGES, [["cup"], ["cup"], ["red star"]])
    for image, boxes, label in zip(IMAGES, together, ["cup", "cup", "red star"], strict=True):
        assert len(boxes) > 0
        told = asked(image.to_pil(), candidate_labels=[label], threshold=0.0)
        if made is not tiny.grounding_dino:  # whose pipeline leaves out the mark behind a label
            check_same(boxes, told, image)
        alone = detect(image, [label], detector=detector)
        assert sorted(alone.scores) == pytest.approx(sorted(boxes.scores), abs=1e-5)
    with pytest.raises(WrongArgument, match="was told nothing") as raised:
        detect(IMAGES[0], ["things"], detector=detector)
    assert raised.value.facts == {"field": "labels"}


@pytest.mark.parametrize("made", tiny.OPEN, ids=lambda each: each.__name__)
def test_every_box_has_one_of_the_labels_that_were_asked_for(made: Made, written: Folder) -> None:
    folder, labels = written(made), ["red star", "cup", "big moon"]
    model = AutoModelForZeroShotObjectDetection.from_pretrained(folder).eval()
    processor = AutoProcessor.from_pretrained(folder)
    image = Image.from_array(RNG.integers(0, 256, (50, 60, 3), dtype=np.uint8))
    inputs = processor(images=[image.to_pil()], text=[labels], return_tensors="pt")
    with torch.inference_mode():
        outputs = model(**inputs)
    more = {"input_ids": inputs["input_ids"]} if made is tiny.grounding_dino else {"text_labels": [labels]}
    (told,) = processor.post_process_grounded_object_detection(
        outputs, threshold=0.0, target_sizes=[(image.height, image.width)], **more
    )
    (boxes,) = adapter(folder, "detector", threshold=0.0).detect([image], [labels])
    if made is tiny.grounding_dino:
        # [CLS] red star . cup . big moon . [SEP]
        chances = outputs.logits[0].sigmoid()
        best = torch.stack([chances[:, 1:3].amax(1), chances[:, 4], chances[:, 6:8].amax(1)]).argmax(0)
        expected = [labels[index] for index in best.tolist()]
    else:
        expected = told["text_labels"]
    corners = told["boxes"].numpy().clip(0, [image.width, image.height] * 2)
    kept = np.flatnonzero((corners[:, 2:] > corners[:, :2]).all(1))
    assert len(set(boxes.labels)) > 1
    assert boxes.labels == tuple(expected[index] for index in kept)
    assert boxes.xyxy == pytest.approx(corners[kept], abs=1e-3)
    assert boxes.scores == pytest.approx(told["scores"].numpy()[kept], abs=1e-5)


def test_labels_that_a_grounded_detector_cannot_read(written: Folder) -> None:
    detector: Any = adapter(written(tiny.grounding_dino), "detector", threshold=0.0)
    with pytest.raises(WrongArgument, match="8 labels are 18 tokens long, the detector reads 16 at once"):
        detector.detect(IMAGES[:1], [["star"] * 8])
    with pytest.raises(WrongArgument, match="'   ' has no word"):
        detector.detect(IMAGES[:1], [["..."]])
    (dotted,) = detector.detect(IMAGES[:1], [["red. star", "cup?"]])  # marks that the model reads as borders
    (plain,) = detector.detect(IMAGES[:1], [["red  star", "cup"]])
    assert dotted.scores == plain.scores and set(dotted.labels) <= {"red. star", "cup?"}


def test_pictures_that_cannot_be_prepared_are_named(written: Folder) -> None:
    thin = Image.from_array(np.zeros((1, 5000, 3), np.uint8))
    for made in (tiny.detr, tiny.yolos):
        with pytest.raises(WrongArgument, match="cannot take a picture of 5000x1 pixels"):
            adapter(written(made), "detector").detect([thin], [[]])
    for made in (tiny.zoedepth, tiny.glpn):
        with pytest.raises(WrongArgument, match="cannot take a picture of 5000x1 pixels"):
            adapter(written(made), "depth_estimator").estimate([thin])
    dot = Image.from_array(np.zeros((1, 1, 3), np.uint8))
    assert adapter(written(tiny.dpt), "depth_estimator").estimate([dot])[0].values.shape == (1, 1)
    assert adapter(written(tiny.dpt), "depth_estimator").estimate([thin])[0].values.shape == (1, 5000)
    assert len(adapter(written(tiny.detr), "detector", threshold=0.0).detect([dot], [[]])[0]) > 0


def asked_directly(folder: Path, image: Image, several: bool, **prompts: Any) -> tuple[Any, Any]:
    """The masks (N x offered x H x W) and estimated IoUs of the library, all in one call."""
    model = AutoModelForMaskGeneration.from_pretrained(folder).eval()
    processor = AutoProcessor.from_pretrained(folder)
    inputs = processor(images=image.to_pil(), return_tensors="pt", **prompts)
    sizes = {"reshaped_input_sizes": inputs["reshaped_input_sizes"]} if "reshaped_input_sizes" in inputs else {}
    seen = {name: inputs[name].float() for name in ("pixel_values", "input_boxes", "input_points") if name in inputs}
    seen |= {"input_labels": inputs["input_labels"]} if "input_labels" in inputs else {}
    with torch.inference_mode():
        outputs = model(**seen, multimask_output=several)
    return processor.post_process_masks(outputs.pred_masks, inputs["original_sizes"], **sizes)[0], outputs.iou_scores[0]


@pytest.mark.parametrize("made", tiny.SEGMENTERS, ids=lambda each: each.__name__)
def test_a_box_and_a_point_get_the_masks_of_the_library(made: Made, written: Folder) -> None:
    folder, image = written(made), IMAGES[0]
    backbone = load(folder, "segmenter")
    segmenter: Any = backbone.adapter("segmenter")
    boxes = Boxes.of([[5, 5, 30, 30], [20, 10, 69, 39], [0, 0, 70, 40]], ["star", "cup", "cup"], [0.9, 0.8, 0.7], image)
    masks = segment(image, boxes, segmenter=segmenter)
    bitmaps, quality = asked_directly(folder, image, False, input_boxes=[boxes.xyxy.tolist()])
    assert np.array_equal(masks.bitmaps, bitmaps[:, 0].numpy())
    assert masks.scores == pytest.approx(quality[:, 0].clamp(0, 1).numpy(), abs=1e-5)
    assert masks.labels == boxes.labels
    one, two = Points.of([[12, 9]], [True], image), Points.of([[50, 30], [2, 2]], [True, False], image)
    found, none = segmenter.segment_points([image, IMAGES[1]], [[one, two, one], []])
    offered, quality = asked_directly(folder, image, True, input_points=[[[[12.0, 9.0]]]], input_labels=[[[1]]])
    best = int(quality[0].argmax())
    assert np.array_equal(found.bitmaps[0], offered[0, best].numpy()) and np.array_equal(
        found.bitmaps[2], found.bitmaps[0]
    )
    assert found.scores[0] == pytest.approx(float(quality[0, best].clamp(0, 1)), abs=1e-5)
    offered, _ = asked_directly(
        folder, image, False, input_points=[[[[50.0, 30.0], [2.0, 2.0]]]], input_labels=[[[1, 0]]]
    )
    assert np.array_equal(found.bitmaps[1], offered[0, 0].numpy())
    assert none.bitmaps.shape == (0, 70, 40)
    with pytest.raises(WrongArgument, match="no point lies on the thing"):
        segmenter.segment_points([image], [[Points.of([[1, 1]], [False], image)]])


def test_a_picture_is_encoded_once_for_all_of_its_boxes(written: Folder) -> None:
    segmenter: Any = adapter(written(tiny.sam), "segmenter")
    seen: list[Any] = []
    segmenter._model.vision_encoder.register_forward_hook(lambda *_: seen.append(1))
    boxes = Boxes.of([[5, 5, 30, 30]] * 40, ["cup"] * 40, [0.5] * 40, IMAGES[0])
    assert len(segmenter.segment(IMAGES[:1], [boxes])[0]) == 40
    assert len(seen) == 1


@pytest.mark.parametrize("made", tiny.SEGMENTERS, ids=lambda each: each.__name__)
def test_everything_is_cut_out_as_the_pipeline_does_it(made: Made, written: Folder) -> None:
    folder, image = written(made), IMAGES[0]
    settings = {"pred_iou_thresh": 0.0, "stability_score_thresh": 0.0}
    segmenter: Any = adapter(folder, "segmenter", points_per_side=4, **settings)
    masks = segment_all(image, segmenter=segmenter, step=StepContext())
    told: Any = pipeline("mask-generation", model=str(folder), image_processor=str(folder))(
        image.to_pil(), points_per_crop=4, **settings
    )
    order = np.argsort(-told["scores"].numpy(), kind="stable")
    assert len(masks) == len(order) > 0
    assert np.array_equal(masks.bitmaps, np.stack([np.asarray(told["masks"][index]) for index in order]))
    assert masks.scores == pytest.approx(told["scores"].numpy()[order].clip(0, 1), abs=1e-5)
    assert segment_all(image, segmenter=adapter(folder, "segmenter", points_per_side=2), step=StepContext()).empty
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        segment_all(image, segmenter=segmenter, step=StepContext(stop=stop))


@pytest.mark.parametrize("made", tiny.DEPTHS, ids=lambda each: each.__name__)
def test_a_depth_is_what_the_pipeline_predicts(made: Made, written: Folder) -> None:
    folder = written(made)
    estimator: Any = adapter(folder, "depth_estimator")
    asked = pipeline("depth-estimation", model=str(folder), image_processor=str(folder))
    nearness = made in (tiny.dpt, tiny.depth_anything)  # which fall with distance
    for image, found in zip(IMAGES, estimator.estimate(IMAGES), strict=True):
        told = asked(image.to_pil())["predicted_depth"].numpy()
        assert found.unit == ("relative" if nearness else "metres")
        assert found.image_id == image.id
        assert np.ptp(found.values) > 0.05
        assert found.values == pytest.approx(-told if nearness else told, abs=1e-4)
        assert depth(image, depth_estimator=estimator).values == pytest.approx(found.values, abs=1e-4)
    assert estimator.estimate([]) == []


def test_a_dpt_may_be_said_to_tell_metres(written: Folder) -> None:
    folder = written(tiny.dpt)
    (relative,) = adapter(folder, "depth_estimator").estimate(IMAGES[:1])
    (metres,) = adapter(folder, "depth_estimator", metric=True).estimate(IMAGES[:1])
    assert metres.unit == "metres" and np.array_equal(metres.values, -relative.values)


@pytest.mark.parametrize(
    ("made", "role", "options"),
    [
        (tiny.detr, "detector", {"threshold": 2}),
        (tiny.owlvit, "detector", {"threshold": "high"}),
        (tiny.sam, "segmenter", {"points_per_side": 0}),
        (tiny.sam, "segmenter", {"points_per_side": 2.5}),
        (tiny.sam2, "segmenter", {"pred_iou_thresh": 1.5}),
        (tiny.dpt, "depth_estimator", {"metric": "yes"}),
    ],
)
def test_settings_that_cannot_be_are_refused(made: Made, role: str, options: dict[str, Any], written: Folder) -> None:
    (name,) = options
    with pytest.raises(ProfileError, match=f"{role}.options.{name} is") as raised:
        load(written(made), role, **options)
    assert raised.value.facts == {"field": f"{role}.options.{name}"}


@pytest.mark.parametrize(
    ("made", "role", "other", "told"),
    [
        (tiny.detr, "detector", tiny.dpt, "a dpt is no detector"),
        (tiny.sam, "segmenter", tiny.detr, "a detr is no segmenter"),
        (tiny.dpt, "depth_estimator", tiny.sam, "a sam is no depth_estimator"),
        (tiny.grounding_dino, "detector", tiny.sam2, "a sam2 is no detector"),
    ],
)
def test_broken_and_foreign_checkpoints_are_told_apart(
    made: Made, role: str, other: Made, told: str, written: Folder, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointBroken, match=told):
        load(written(other), role)
    folder = tmp_path / "copy"
    shutil.copytree(written(made), folder)
    weights = load_file(folder / "model.safetensors")
    lost = next(name for name in weights if name.endswith(".weight"))
    save_file(
        {name: value for name, value in weights.items() if name != lost}, folder / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(CheckpointBroken, match=rf"its weights are not those of a [\w-]+: there is no {lost}"):
        load(folder, role)
    content = (written(made) / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointBroken, match="transformers cannot open it"):
        load(folder, role)
    with pytest.raises(CheckpointMissing):
        load(tmp_path / "nowhere", role)
    with pytest.raises(UnknownRole, match=f"it serves the {role}"):
        load(written(made), role).adapter("captioner")


@pytest.mark.parametrize(
    ("made", "role"), [(tiny.detr, "detector"), (tiny.sam2, "segmenter"), (tiny.dpt, "depth_estimator")]
)
def test_weights_that_are_no_numbers_find_nothing_out(made: Made, role: str, written: Folder, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(written(made), folder)
    weights = {name: value * np.nan if value.is_floating_point() else value
               for name, value in load_file(folder / "model.safetensors").items()}  # fmt: skip
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    image = IMAGES[0]
    box = Boxes.of([[5, 5, 30, 30]], ["cup"], [0.5], image)
    asks: dict[str, Callable[[Any], Any]] = {
        "detector": lambda model: model.detect([image], [[]]),
        "segmenter": lambda model: model.segment([image], [box]),
        "depth_estimator": lambda model: model.estimate([image]),
    }
    with pytest.raises(ModelError, match="computes no numbers"):
        asks[role](adapter(folder, role))

"""Detectors of transformers in memory: those of a closed vocabulary, and those that are told what to find."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    MODEL_FOR_OBJECT_DETECTION_MAPPING,
    MODEL_FOR_ZERO_SHOT_OBJECT_DETECTION_MAPPING,
    AutoImageProcessor,
    AutoModelForObjectDetection,
    AutoModelForZeroShotObjectDetection,
    AutoProcessor,
    GroundingDinoProcessor,
)

from ..errors import WrongArgument
from ..media.boxes import Boxes
from ..media.image import Image
from .base import ModelSpec
from .batches import together
from .torch_parts import computing
from .transformers_files import labels_of
from .transformers_vision import Task, VisionBackbone, numbers, preparing, share_option

_AT_ONCE = 8  # pictures
_NOTHING = "N/A"  # how checkpoints call the numbers that COCO left out
_GROUNDED = 0.25  # the library's threshold for Grounding DINO


class DetectorBackbone(VisionBackbone):
    """A model of object detection, with or without a vocabulary of its own; serves the role ``detector``."""

    def __init__(self, spec: ModelSpec, folder: Path, digest: str) -> None:
        """Load ``folder``; raises ``CheckpointBroken`` when it holds no detector."""
        tasks = (
            Task(MODEL_FOR_OBJECT_DETECTION_MAPPING, AutoModelForObjectDetection, AutoImageProcessor, ClosedDetector),
            Task(
                MODEL_FOR_ZERO_SHOT_OBJECT_DETECTION_MAPPING,
                AutoModelForZeroShotObjectDetection,
                AutoProcessor,
                _open_detector,
            ),
        )
        super().__init__(spec, folder, digest, tasks, "use a DETR, OWL or Grounding DINO, or another detector")


class ClosedDetector:
    """A ``Detector`` of the classes that its config names, such as DETR, RT-DETR and YOLOS.

    What scores over ``options.threshold`` is found; the library's own threshold, 0.5, where it is not stated.
    """

    def __init__(self, spec: ModelSpec, model: Any, processor: Any) -> None:
        self._spec, self._model, self._processor = spec, model, processor
        self._threshold = share_option(spec, "threshold")
        self._names = labels_of(model)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The classes, in the model's order."""
        return tuple(name for name in dict.fromkeys(self._names) if name != _NOTHING)

    def detect(self, images: Sequence[Image], labels: Sequence[Sequence[str]]) -> list[Boxes]:
        """Boxes in pixels of each picture, within it; ``labels`` keeps only those classes, an empty list keeps all."""

        def answer(indices: list[int]) -> list[Boxes]:
            some = [images[index] for index in indices]
            boxes = [_boxes(each, self._names, image) for each, image in zip(self._found(some), some, strict=True)]
            wanted = [labels[index] or self.vocabulary for index in indices]
            return [each.take(_labelled(each, names)) for each, names in zip(boxes, wanted, strict=True)]

        return together([(each.width, each.height) for each in images], _AT_ONCE, answer)

    def _found(self, images: Sequence[Image]) -> list[dict[str, Any]]:
        with computing(self._spec):
            inputs = preparing(self._spec, self._processor, images)
            outputs = self._model(**inputs.to(self._model.device, self._model.dtype))
            numbers(self._spec, outputs.logits)
            found: list[dict[str, Any]] = self._processor.post_process_object_detection(
                outputs, target_sizes=_sizes(images), **self._threshold
            )
        return found


class OpenDetector:
    """A ``Detector`` of what the labels name, such as OWL-ViT, OWLv2 and OmDet-Turbo.

    Each box gets the label that fits it best. What scores over ``options.threshold`` is found; the library's own
    threshold for the kind of model where it is not stated.
    """

    vocabulary = None

    def __init__(self, spec: ModelSpec, model: Any, processor: Any) -> None:
        self._spec, self._model, self._processor = spec, model, processor
        self._threshold = share_option(spec, "threshold")

    def detect(self, images: Sequence[Image], labels: Sequence[Sequence[str]]) -> list[Boxes]:
        """Boxes in pixels of each picture, within it. Raises ``WrongArgument`` where a picture has no labels.

        The labels of a picture compete for its boxes: one found alone may lose a box to a second label.
        """
        for asked in labels:
            if not asked:
                raise WrongArgument(
                    f"the detector {self._spec.checkpoint} finds what it is told, and was told nothing",
                    hint="name what to look for",
                    field="labels",
                )

        def answer(indices: list[int]) -> list[Boxes]:
            some, asked = [images[index] for index in indices], list(labels[indices[0]])
            return [_boxes(each, asked, image) for each, image in zip(self._found(some, asked), some, strict=True)]

        keys = [(each.width, each.height, *asked) for each, asked in zip(images, labels, strict=True)]
        return together(keys, _AT_ONCE, answer)

    def _found(self, images: Sequence[Image], labels: list[str]) -> list[dict[str, Any]]:
        with computing(self._spec):
            _, outputs = self._looked(images, labels)
            numbers(self._spec, outputs[0])
            found: list[dict[str, Any]] = self._processor.post_process_grounded_object_detection(
                outputs, target_sizes=_sizes(images), **self._threshold
            )
        return found

    def _looked(self, images: Sequence[Image], labels: list[str]) -> tuple[Any, Any]:
        """What goes into the model, and what comes out."""
        inputs = preparing(self._spec, self._processor, images, text=[labels] * len(images), truncation=True)
        inputs = inputs.to(self._model.device, self._model.dtype)
        return inputs, self._model(**inputs)


class GroundedDetector(OpenDetector):
    """A ``Detector`` of what the labels name, by their words within one text: Grounding DINO.

    The library tells a box's words, which may be of several labels or of none; here it gets the label with the word
    that fits it best.
    """

    def _found(self, images: Sequence[Image], labels: list[str]) -> list[dict[str, Any]]:
        # The model takes these marks for the borders between labels.
        cleaned = [label.replace(".", " ").replace("?", " ") for label in labels]
        spans = self._spans(cleaned)
        threshold = self._threshold.get("threshold", _GROUNDED)
        with computing(self._spec):
            inputs, outputs = self._looked(images, cleaned)
            found = self._processor.post_process_grounded_object_detection(
                outputs, inputs["input_ids"], threshold=threshold, target_sizes=_sizes(images)
            )
            words = numbers(self._spec, outputs.logits.sigmoid())
            return [
                {"boxes": each["boxes"], "scores": each["scores"], "labels": _best(chances, threshold, spans)}
                for each, chances in zip(found, words, strict=True)
            ]

    def _spans(self, labels: Sequence[str]) -> list[slice]:
        """Where each label's tokens lie: behind a mark for the text's beginning, with one between two labels."""
        spans: list[slice] = []
        start = 1
        for label in labels:
            count = len(self._processor.tokenizer(label, add_special_tokens=False)["input_ids"])
            if not count:
                raise WrongArgument(f"the label {label!r} has no word to look for", field="labels")
            spans.append(slice(start, start + count))
            start += count + 1
        most = int(self._model.config.max_text_len)
        if start + 1 > most:
            raise WrongArgument(
                f"{len(labels)} labels are {start + 1} tokens long, the detector reads {most} at once",
                hint="ask for fewer things at a time",
                field="labels",
            )
        return spans


def _best(chances: torch.Tensor, threshold: float, spans: Sequence[slice]) -> torch.Tensor:
    """For each box that the library keeps, the index of the label whose best word (of boxes x words) fits it best."""
    kept = chances[chances.amax(-1) > threshold]
    return torch.stack([kept[:, span].amax(-1) for span in spans]).argmax(0)


def _open_detector(spec: ModelSpec, model: Any, processor: Any) -> OpenDetector:
    kind = GroundedDetector if isinstance(processor, GroundingDinoProcessor) else OpenDetector
    return kind(spec, model, processor)


def _sizes(images: Sequence[Image]) -> list[tuple[int, int]]:
    return [(image.height, image.width) for image in images]


def _boxes(found: dict[str, Any], names: Sequence[str], image: Image) -> Boxes:
    """What lies within the picture: some models find boxes in what their pictures are filled up with."""
    xyxy = found["boxes"].float().cpu().numpy().reshape(-1, 4)
    xyxy = np.clip(xyxy, 0, np.array([image.width, image.height] * 2, np.float32))
    inside = np.flatnonzero((xyxy[:, 2:] > xyxy[:, :2]).all(1))
    labels = found["labels"].tolist()
    return Boxes.of(
        xyxy[inside], [names[labels[index]] for index in inside], found["scores"].float().cpu().numpy()[inside], image
    )


def _labelled(boxes: Boxes, names: Sequence[str]) -> list[int]:
    return [index for index, label in enumerate(boxes.labels) if label in names]

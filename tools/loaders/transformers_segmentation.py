"""Segmenters of transformers in memory: SAM, SAM 2, SAM 3's tracker and their kin, asked by boxes and by points."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pil
from transformers import (
    MODEL_FOR_MASK_GENERATION_MAPPING,
    AutoModelForMaskGeneration,
    AutoProcessor,
    MaskGenerationPipeline,
)
from transformers.utils import logging

from ..media.boxes import Boxes
from ..media.image import Image
from ..media.masks import Masks
from ..media.points import Points
from ..roles import NEVER, StopFlag
from .base import ModelSpec
from .batches import together
from .masking import POINTS_AT_ONCE, Everything, Found, all_masks, check_stop, marked, nothing, stated
from .torch_parts import computing
from .transformers_files import silenced
from .transformers_vision import Task, VisionBackbone, numbers, preparing


class SegmenterBackbone(VisionBackbone):
    """A model of mask generation; serves the role ``segmenter``."""

    def __init__(self, spec: ModelSpec, folder: Path, digest: str) -> None:
        """Load ``folder``; raises ``CheckpointBroken`` when it holds none."""
        task = Task(MODEL_FOR_MASK_GENERATION_MAPPING, AutoModelForMaskGeneration, AutoProcessor, MaskMaker)
        super().__init__(spec, folder, digest, [task], "use a SAM, a SAM 2 or the tracker of a SAM 3")


class MaskMaker:
    """A ``Segmenter``: one mask for each box or marked thing, the model's best, at the picture's full resolution.

    Everything is cut out as the library's pipeline does it; options: those of ``Everything``.
    """

    def __init__(self, spec: ModelSpec, model: Any, processor: Any) -> None:
        self._spec, self._model, self._processor = spec, model, processor
        self._everything = stated(spec, Everything())

    def segment(self, images: Sequence[Image], boxes: Sequence[Boxes]) -> list[Masks]:
        """Masks of each picture's boxes, in their order, with their labels; scores are estimated IoUs (0-1)."""
        found: list[Masks] = []
        for image, asked in zip(images, boxes, strict=True):
            prompts = [_Prompt({"input_boxes": xyxy}) for xyxy in asked.xyxy.tolist()]
            bitmaps, quality = self._answered(image, prompts)
            found.append(Masks.of(bitmaps, image, asked.labels, quality))
        return found

    def segment_points(self, images: Sequence[Image], points: Sequence[Sequence[Points]]) -> list[Masks]:
        """Masks of each picture's marked things, one for each ``Points``, in their order; scores as for boxes.

        Raises WrongArgument for ``Points`` of which none is positive.
        """
        found: list[Masks] = []
        for image, asked in zip(images, points, strict=True):
            prompts = [
                # One point may mean a thing or a part of it. SAM then offers several masks; more points need but one.
                _Prompt({"input_points": each.xy.tolist(), "input_labels": marked(each).astype(int).tolist()},
                        len(each), several=len(each) == 1)
                for each in asked
            ]  # fmt: skip
            bitmaps, quality = self._answered(image, prompts)
            found.append(Masks.of(bitmaps, image, (), quality))
        return found

    def segment_all(self, images: Sequence[Image], *, stop: StopFlag = NEVER) -> list[Masks]:
        """Masks of everything in each picture, the surest first. Raises ``Cancelled`` when ``stop`` was set."""
        settings = self._everything

        def found_in(pixels: NDArray[np.uint8]) -> list[tuple[NDArray[np.bool_], float]]:
            with computing(self._spec), silenced(logging):
                pipeline = _Stoppable(
                    model=self._model, image_processor=self._processor.image_processor, device=self._model.device
                )
                pipeline.stop = stop
                told: Any = pipeline(
                    Pil.fromarray(pixels),
                    points_per_batch=POINTS_AT_ONCE,
                    points_per_crop=settings.points_per_side,
                    pred_iou_thresh=settings.pred_iou_thresh,
                    stability_score_thresh=settings.stability_score_thresh,
                )
            # The library gives masks as tensors or as arrays, by the kind of model.
            masks = [torch.as_tensor(mask).cpu().numpy() for mask in told["masks"]]
            return list(zip(masks, told["scores"].tolist(), strict=True))

        return [all_masks(image, found_in) for image in images]

    def _answered(self, image: Image, prompts: Sequence["_Prompt"]) -> Found:
        """The best mask of each prompt, all of which are asked of one embedding of the picture."""
        if not prompts:
            return nothing(image)
        with computing(self._spec):
            embeddings = self._seen(image)
            best = together(
                [each.length for each in prompts],
                POINTS_AT_ONCE,
                lambda indices: self._best(image, embeddings, [prompts[index] for index in indices]),
            )
        return np.stack([mask for mask, _ in best]), np.array([score for _, score in best], np.float32)

    def _seen(self, image: Image) -> dict[str, Any]:
        pixels = preparing(self._spec, self._processor, [image])["pixel_values"]
        embeddings = self._model.get_image_embeddings(pixels.to(self._model.device, self._model.dtype))
        if isinstance(embeddings, tuple):  # SAM-HQ also wants those of its middle layers
            return dict(zip(("image_embeddings", "intermediate_embeddings"), embeddings, strict=True))
        return {"image_embeddings": embeddings}

    def _best(
        self, image: Image, embeddings: Mapping[str, Any], prompts: Sequence["_Prompt"]
    ) -> list[tuple[NDArray[np.bool_], float]]:
        asked = {name: [[each.given[name] for each in prompts]] for name in prompts[0].given}
        inputs = preparing(self._spec, self._processor, [image], **asked).to(self._model.device, self._model.dtype)
        outputs = self._model(
            **embeddings, **{name: inputs[name] for name in asked}, multimask_output=prompts[0].several
        )
        (masks,) = self._processor.post_process_masks(
            outputs.pred_masks.float(),
            inputs["original_sizes"],
            reshaped_input_sizes=inputs.get("reshaped_input_sizes"),
        )  # N x (masks offered) x H x W
        quality = numbers(self._spec, outputs.iou_scores[0].float()).clamp(0, 1)
        first = quality.argmax(-1)
        return [
            (offered[place].cpu().numpy(), float(scores[place]))
            for offered, scores, place in zip(masks, quality, first.tolist(), strict=True)
        ]


class _Prompt(NamedTuple):
    """What one mask is asked by, in the processor's words; those of equal ``length`` can be asked together."""

    given: dict[str, Any]
    length: int = 0
    several: bool = False


class _Stoppable(MaskGenerationPipeline):  # type: ignore[misc]
    """The library's pipeline, which looks at the caller's flag before every batch of points."""

    stop: StopFlag = NEVER

    def _forward(self, model_inputs: Any, **settings: Any) -> Any:
        check_stop(self.stop)
        return super()._forward(model_inputs, **settings)

"""The working half of the segment-anything loader: a segmenter in memory."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from segment_anything import SamPredictor, sam_model_registry

from ..media.boxes import Boxes
from ..media.image import Image
from ..media.masks import Masks
from .base import ModelSpec, cannot_serve, versions
from .checkpoints import broken
from .sam_builder import build_sam, segment_boxes
from .torch_parts import computing, device_of, dtype_of, free, load_state, nbytes_of, put_state


class SegmentAnythingBackbone:
    """One model of segment-anything; serves the role ``segmenter``."""

    def __init__(
        self,
        spec: ModelSpec,
        weights: Path,
        digest: str,
        *,
        dims: Mapping[str, Any] | None,
        model_type: str,
        zoom: float | None,
    ) -> None:
        """Build by ``dims`` or ``model_type`` and load ``weights``; raises ``CheckpointBroken`` if they differ.

        With ``zoom`` the model is shown each box in a window that much larger, else the whole picture once.
        """
        dtype_of(spec, "float32")
        self._device = device_of(spec)
        self._spec = spec
        self._zoom = zoom
        try:
            sam = build_sam(dims) if dims else sam_model_registry[model_type](checkpoint=None)
        except (KeyError, TypeError, ValueError) as error:
            raise broken(
                spec, f"its dimensions describe no model: {error}", "see sam_builder for their names"
            ) from error
        put_state(spec, sam, {name: value.float() for name, value in load_state(spec, weights).items()})
        self._sam: Any = sam.eval().to(self._device)
        self.digest = digest
        self.libraries = versions("segment-anything", "torch")
        self.nbytes = nbytes_of(self._sam)

    def adapter(self, role: str) -> "BoxSegmenter":
        """The segmenter."""
        if role != "segmenter":
            raise cannot_serve(self._spec, role, "the segmenter")
        return BoxSegmenter(self._spec, self._sam, self._zoom)

    def close(self) -> None:
        """Drop the weights."""
        self._sam = None
        free(self._device)


class BoxSegmenter:
    """One mask a box, the model's best, at the picture's full resolution."""

    def __init__(self, spec: ModelSpec, sam: Any, zoom: float | None) -> None:
        self._spec = spec
        self._sam = sam
        self._zoom = zoom

    def segment(self, images: Sequence[Image], boxes: Sequence[Boxes]) -> list[Masks]:
        """Masks of each picture's boxes, in their order, with their labels; scores are estimated IoUs (0-1)."""
        found: list[Masks] = []
        for image, asked in zip(images, boxes, strict=True):
            bitmaps = np.zeros((0, image.height, image.width), np.bool_)
            quality: NDArray[np.float32] = np.zeros(0, np.float32)
            if len(asked):
                with computing(self._spec):
                    bitmaps, quality = self._masks_in(image.pixels, asked.xyxy)
            found.append(Masks.of(bitmaps, image, asked.labels, quality))
        return found

    def _masks_in(
        self, pixels: NDArray[np.uint8], xyxy: NDArray[np.float32]
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        if self._zoom is not None:
            return segment_boxes(self._sam, pixels, xyxy, zoom=self._zoom)
        return self._whole(pixels, xyxy)

    def _whole(
        self, pixels: NDArray[np.uint8], xyxy: NDArray[np.float32]
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """The picture is embedded once, all of its boxes are prompts to that embedding."""
        predictor = SamPredictor(self._sam)
        predictor.set_image(pixels)
        prompts = predictor.transform.apply_boxes_torch(torch.from_numpy(xyxy.copy()), pixels.shape[:2])
        masks, quality, _ = predictor.predict_torch(
            point_coords=None, point_labels=None, boxes=prompts.to(predictor.device), multimask_output=False
        )
        return masks[:, 0].cpu().numpy(), quality[:, 0].float().clamp(0, 1).cpu().numpy()

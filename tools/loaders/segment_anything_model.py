"""The working half of the segment-anything loader: a segmenter in memory."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from segment_anything import SamPredictor, sam_model_registry

from ..errors import ModelError
from ..media.boxes import Boxes
from ..media.image import Image
from ..media.masks import Masks
from ..media.points import Points
from ..roles import NEVER, StopFlag
from .base import ModelSpec, cannot_serve, versions
from .checkpoints import broken
from .masking import Found, all_masks, marked, nothing, stated
from .sam_builder import Marks, build_sam, segment_boxes, segment_points
from .segment_anything_everything import PUBLISHED, SMALL, Cut, cut_out, cut_out_small
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
        point_windows: Sequence[float] = (),
    ) -> None:
        """Build by ``dims`` or ``model_type`` and load ``weights``; raises ``CheckpointBroken`` if they differ.

        With ``zoom`` the model is shown each box in a window that much larger, and each point in windows of
        ``point_windows`` times the picture's longer side; else the whole picture once.
        """
        dtype_of(spec, "float32")
        self._device = device_of(spec)
        self._spec = spec
        self._zoom = zoom
        self._sides = tuple(point_windows)
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

    def adapter(self, role: str) -> "PromptSegmenter":
        """The segmenter."""
        if role != "segmenter":
            raise cannot_serve(self._spec, role, "the segmenter")
        return PromptSegmenter(self._spec, self._sam, self._zoom, self._sides)

    def close(self) -> None:
        """Drop the weights."""
        self._sam = None
        free(self._device)


class PromptSegmenter:
    """One mask for each box or marked thing, the model's best, at the picture's full resolution."""

    def __init__(self, spec: ModelSpec, sam: Any, zoom: float | None, sides: Sequence[float]) -> None:
        self._spec = spec
        self._sam = sam
        self._zoom = zoom
        self._sides = sides
        self._everything = stated(spec, PUBLISHED if zoom is None else SMALL)

    def segment(self, images: Sequence[Image], boxes: Sequence[Boxes]) -> list[Masks]:
        """Masks of each picture's boxes, in their order, with their labels; scores are estimated IoUs (0-1)."""
        found: list[Masks] = []
        for image, asked in zip(images, boxes, strict=True):
            bitmaps, quality = nothing(image)
            if len(asked):
                with computing(self._spec):
                    bitmaps, quality = self._in_boxes(image.pixels, asked.xyxy)
            found.append(Masks.of(bitmaps, image, asked.labels, quality))
        return found

    def segment_points(self, images: Sequence[Image], points: Sequence[Sequence[Points]]) -> list[Masks]:
        """Masks of each picture's marked things, one for each ``Points``, in their order; scores as for boxes.

        Raises WrongArgument for ``Points`` of which none is positive, and ModelError for a small model that was
        trained for boxes only.
        """
        self._check_points()
        found: list[Masks] = []
        for image, asked in zip(images, points, strict=True):
            bitmaps, quality = nothing(image)
            if len(asked):
                things = [Marks(each.xy, marked(each)) for each in asked]
                with computing(self._spec):
                    bitmaps, quality = self._at_points(image.pixels, things)
            found.append(Masks.of(bitmaps, image, (), quality))
        return found

    def segment_all(self, images: Sequence[Image], *, stop: StopFlag = NEVER) -> list[Masks]:
        """Masks of everything in each picture, the surest first; scores as for boxes.

        Options of the spec: those of ``Everything``. Raises ``Cancelled`` when ``stop`` was set, and ModelError as for
        points.
        """
        self._check_points()

        def found_in(pixels: NDArray[np.uint8]) -> list[Cut]:
            with computing(self._spec):
                if self._zoom is None:
                    return cut_out(self._sam, pixels, self._everything, stop)
                return cut_out_small(self._sam, pixels, self._everything, stop, zoom=self._zoom, sides=self._sides)

        return [all_masks(image, found_in) for image in images]

    def _check_points(self) -> None:
        if self._zoom is not None and not self._sides:
            raise ModelError(
                f"the {self._spec.role} {self._spec.checkpoint} knows boxes only: it states no point_windows",
                hint="give boxes, or train one that knows points: panmodal train segmenter --out FOLDER",
                role=self._spec.role,
            )

    def _in_boxes(self, pixels: NDArray[np.uint8], xyxy: NDArray[np.float32]) -> Found:
        if self._zoom is not None:
            return segment_boxes(self._sam, pixels, xyxy, zoom=self._zoom)
        predictor = self._shown(pixels)
        prompts = predictor.transform.apply_boxes_torch(torch.from_numpy(xyxy.copy()), pixels.shape[:2])
        masks, quality, _ = predictor.predict_torch(
            point_coords=None, point_labels=None, boxes=prompts.to(predictor.device), multimask_output=False
        )
        return masks[:, 0].cpu().numpy(), quality[:, 0].float().clamp(0, 1).cpu().numpy()

    def _at_points(self, pixels: NDArray[np.uint8], things: Sequence[Marks]) -> Found:
        if self._zoom is not None:
            return segment_points(self._sam, pixels, things, zoom=self._zoom, sides=self._sides)
        predictor = self._shown(pixels)
        best: list[tuple[NDArray[np.bool_], float]] = []
        for marks in things:
            # One point may mean a thing or a part of it. SAM then offers several masks; more points need but one.
            masks, quality, _ = predictor.predict(
                marks.xy, marks.on.astype(np.int32), multimask_output=len(marks.on) == 1
            )
            first = int(np.argmax(quality))
            best.append((masks[first], float(np.clip(quality[first], 0, 1))))
        return np.stack([mask for mask, _ in best]), np.array([score for _, score in best], np.float32)

    def _shown(self, pixels: NDArray[np.uint8]) -> Any:
        """A predictor that embedded the picture once; all prompts are asked of that embedding."""
        predictor = SamPredictor(self._sam)
        predictor.set_image(pixels)
        return predictor

"""Cutting out everything with segment-anything: the library's generator, for published checkpoints and small models.

The generator asks a grid of points for masks, keeps the sure and stable ones, and of those that cover each other the
surest. Its predictor offers several masks for a point: a published checkpoint's own, of a small model those of the
windows of several sizes around it. As after any point, a small model is then asked for the boxes of its masks.
"""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from segment_anything import SamAutomaticMaskGenerator, SamPredictor
from torchvision.ops import nms

from ..roles import StopFlag
from .masking import POINTS_AT_ONCE, Everything, check_stop
from .sam_builder import Window, answers, point_prompts, segment_boxes

PUBLISHED = Everything()
"""What the library takes for the published checkpoints."""
SMALL = Everything(points_per_side=10, pred_iou_thresh=0.7, stability_score_thresh=0.7)
"""For `mini`'s segmenter: with fewer points it misses small things, with higher thresholds half of all things."""

_SURE = 0.85  # least estimated IoU of a small model's mask, once it was asked for its box
_SAME = 0.7  # least IoU of that mask with the one that gave the box
_COVERED = 0.7  # IoU of boxes from which on two masks are of one thing, as in the library

Cut = tuple[NDArray[np.bool_], float]
"""A mask H x W and its estimated IoU."""


def cut_out(sam: Any, pixels: NDArray[np.uint8], settings: Everything, stop: StopFlag) -> list[Cut]:
    """The masks of everything in a picture (H x W x 3). Raises ``Cancelled`` when ``stop`` was set."""
    return _generated(sam, pixels, settings, _Polled(sam, stop))


def cut_out_small(
    sam: Any,
    pixels: NDArray[np.uint8],
    settings: Everything,
    stop: StopFlag,
    *,
    zoom: float,
    sides: Sequence[float],
) -> list[Cut]:
    """The same with a small model, which sees boxes in windows ``zoom`` times their size, points in those of ``sides``
    times the picture's longer side.
    """
    found = _generated(sam, pixels, settings, _Windows(sam, sides, stop))
    if not found:
        return []
    boxes = np.array([_box(mask) for mask, _ in found], np.float32)
    masks, quality = segment_boxes(sam, pixels, boxes, zoom=zoom)
    before = np.stack([mask for mask, _ in found])
    agree = (masks & before).sum((1, 2)) / (masks | before).sum((1, 2))
    kept = np.flatnonzero((quality >= _SURE) & (agree >= _SAME))
    boxes = np.array([_box(masks[index]) for index in kept], np.float32).reshape(-1, 4)
    chosen = kept[nms(torch.from_numpy(boxes), torch.from_numpy(quality[kept]), _COVERED).numpy()]
    return [(masks[index], float(quality[index])) for index in chosen]


def _generated(sam: Any, pixels: NDArray[np.uint8], settings: Everything, predictor: Any) -> list[Cut]:
    generator = SamAutomaticMaskGenerator(sam, points_per_batch=POINTS_AT_ONCE, **settings._asdict())
    generator.predictor = predictor
    return [(each["segmentation"], each["predicted_iou"]) for each in generator.generate(pixels) if each["area"]]


def _box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 around a mask with a pixel, right and bottom open."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


class _Polled(SamPredictor):  # type: ignore[misc]
    """The library's predictor, which looks at the caller's flag before every batch of points."""

    def __init__(self, sam: Any, stop: StopFlag) -> None:
        super().__init__(sam)
        self._stop = stop

    def predict_torch(self, *prompts: Any, **settings: Any) -> Any:
        check_stop(self._stop)
        return super().predict_torch(*prompts, **settings)


class _Windows:
    """What the generator asks of a predictor, by a small model: a point's masks are those of the windows around it."""

    def __init__(self, sam: Any, sides: Sequence[float], stop: StopFlag) -> None:
        self.model, self.device = sam, sam.device
        # Points stay in pixels of the picture: every window has its own scale.
        self.transform = SimpleNamespace(apply_coords=lambda points, size: points)
        self._sides, self._stop = sides, stop

    def set_image(self, pixels: NDArray[np.uint8]) -> None:
        self._pixels = pixels

    def reset_image(self) -> None:
        del self._pixels

    def predict_torch(self, points: torch.Tensor, on: torch.Tensor, **settings: Any) -> tuple[Any, Any, None]:
        """Mask logits N x S x H x W and estimated IoUs N x S of N points (N x 1 x 2), S windows for each."""
        check_stop(self._stop)
        height, width = self._pixels.shape[:2]
        places = points[:, 0].cpu().numpy()
        pairs = [(place, Window.around(place, side * max(height, width))) for place in places for side in self._sides]
        shares = np.stack([window.shares(place) for place, window in pairs])
        logits = np.empty((len(pairs), height, width), np.float32)
        quality = np.empty(len(pairs), np.float32)
        asked = answers(self.model, self._pixels, [each for _, each in pairs], shares, point_prompts, POINTS_AT_ONCE)
        for k, (found, score) in enumerate(asked):
            logits[k], quality[k] = pairs[k][1].spread(found, height, width), score
        shape = (len(places), len(self._sides))
        return torch.from_numpy(logits.reshape(*shape, height, width)), torch.from_numpy(quality.reshape(shape)), None

"""ByteTrack as ultralytics has it, fed with boxes that are there already."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.ops import nms

from ..media.boxes import Boxes
from .base import ModelSpec
from .checkpoints import cache_folder
from .ultralytics_model import tamed

_SETTINGS = "bytetrack.yaml"  # packaged with the library
_SAME = 0.7  # IoU from which on two boxes of a picture are one thing under two names
_RENAMED = 0.2  # added to the cost (1 - IoU x score, 0.8 at most) of a box that has another name than the track


def identified(found: Sequence[Boxes]) -> list[NDArray[np.int64]]:
    """Which thing each box is of: for the boxes (N) of each picture, in their order, N numbers from 1 on.

    0 is a box that belongs to none: a lesser name for a thing that has a surer box. The pictures follow each other in
    time; a thing that is not seen keeps its number for 30 of them.
    """
    tamed(cache_folder(ModelSpec("tracker", "ultralytics", _SETTINGS)))
    from ultralytics.engine.results import Boxes as Rows
    from ultralytics.utils import ROOT, YAML, IterableSimpleNamespace

    tracker = _tracker_class()(IterableSimpleNamespace(**YAML.load(ROOT / "cfg" / "trackers" / _SETTINGS)))
    names = sorted({label for boxes in found for label in boxes.labels})
    numbers = []
    for boxes in found:
        scores = np.array(boxes.scores, np.float32)
        kept = nms(torch.tensor(boxes.xyxy), torch.from_numpy(scores), _SAME).numpy()
        kinds = np.array([names.index(boxes.labels[index]) for index in kept], np.float32)
        tracker.update(Rows(np.column_stack([boxes.xyxy[kept], scores[kept], kinds]), (boxes.height, boxes.width)))
        own = np.zeros(len(boxes), np.int64)
        # Also those that are not confirmed yet, which the tracker's own answer leaves out: a thing's first box.
        for track in tracker.tracked_stracks:
            if track.frame_id == tracker.frame_id:
                own[kept[int(track.idx)]] = track.track_id
        numbers.append(own)
    return numbers


def _tracker_class() -> Any:
    """ByteTrack, which asks for places only, made to keep to a name where two things pass each other."""
    from ultralytics.trackers import BYTETracker

    class Named(BYTETracker):  # type: ignore[misc]
        def get_dists(self, tracks: list[Any], detections: list[Any]) -> Any:
            costs = super().get_dists(tracks, detections)
            if costs.size:
                renamed = np.not_equal.outer([each.cls for each in tracks], [each.cls for each in detections])
                costs = costs + np.float32(_RENAMED) * renamed
            return costs

    return Named

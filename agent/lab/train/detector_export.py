"""From a training checkpoint of ultralytics to the folder that a profile names, and the figures on its card.

The folder holds model.safetensors (float16 state dict: no pickle) and model.yaml: the architecture as ultralytics
describes it, and with it ``names`` (index to class), ``imgsz`` (pixels of the side at which it is asked), ``conf`` and
``iou`` (thresholds of score and of overlap, chosen on held-out scenes).
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

from ..world.scenes import CLASSES, SceneConfig, render_scene
from .pictures import picture
from .weights import load_full, save_half

SIDE_IN_USE = 224
"""Pixels of the side at which the detector is asked. A little more than it was trained at: small things gain more
than shapes lose (0.888 to 0.901 of counts right on 526 held-out questions; at 256 px, 0.878)."""

CONFIDENCES = (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
OVERLAPS = (0.4, 0.5, 0.6)


class Found(NamedTuple):
    """What was found in one scene, with scores (N,) and class indices (N,), and the true count of its classes."""

    scores: NDArray[np.float32]
    kinds: NDArray[np.int64]
    counts: dict[int, int]


def export_yolo(checkpoint: Path, folder: Path, architecture: dict[str, Any]) -> None:
    """Write the averaged weights of an ultralytics ``checkpoint`` (our own file: it is unpickled) to ``folder``."""
    held = torch.load(checkpoint, map_location="cpu", weights_only=False)
    save_half((held.get("ema") or held["model"]).state_dict(), folder / "model.safetensors")
    described = architecture | {"names": dict(enumerate(CLASSES)), "imgsz": SIDE_IN_USE, "conf": 0.25, "iou": 0.5}
    _describe(folder, described)
    conf, iou = _best_thresholds(folder)
    _describe(folder, described | {"conf": conf, "iou": iou})


def _describe(folder: Path, described: dict[str, Any]) -> None:
    (folder / "model.yaml").write_text(yaml.safe_dump(described, sort_keys=False))


def read_yolo(folder: Path) -> tuple[Any, dict[str, Any]]:
    """The exported model as ultralytics' ``YOLO`` and what its model.yaml says."""
    from ultralytics import YOLO

    described: dict[str, Any] = yaml.safe_load((folder / "model.yaml").read_text())
    yolo = YOLO(folder / "model.yaml", task="detect", verbose=False)
    yolo.model.load_state_dict(load_full(folder / "model.safetensors"))
    yolo.model.names = described["names"]
    yolo.model.eval()
    return yolo, described


def _ask(folder: Path, seeds: range, split: str, *, iou: float) -> list[Found]:
    """Everything found in scenes of 1 to 6 things from a score of 0.1 on, as a profile's loader would ask."""
    yolo, described = read_yolo(folder)
    side = described["imgsz"]
    found: list[Found] = []
    for seed in seeds:
        scene = render_scene(seed, SceneConfig(count=(1, 6)), split=split)
        bgr = np.ascontiguousarray(picture(scene, side)[:, :, ::-1])
        boxes = yolo.predict(bgr, imgsz=side, conf=0.1, iou=iou, device="cpu", verbose=False)[0].boxes
        counts = Counter(CLASSES.index(thing.label) for thing in scene.objects)
        found.append(Found(boxes.conf.numpy(), boxes.cls.numpy().astype(np.int64), dict(counts)))
    return found


def _rights(found: list[Found], conf: float, *, least: int = 1) -> list[bool]:
    """Whether each class of which a scene holds ``least`` or more was counted right, scene by scene."""
    return [
        int(((one.kinds == kind) & (one.scores >= conf)).sum()) == count
        for one in found
        for kind, count in one.counts.items()
        if count >= least
    ]


def _best_thresholds(folder: Path, n: int = 150) -> tuple[float, float]:
    """Score and overlap thresholds that count best on scenes held out for choosing (split val)."""
    scored: dict[tuple[float, float], float] = {}
    for iou in OVERLAPS:
        found = _ask(folder, range(1000, 1000 + n), "val", iou=iou)
        scored |= {(conf, iou): float(np.mean(_rights(found, conf))) for conf in CONFIDENCES}
    return max(scored, key=lambda thresholds: scored[thresholds])


def count_exact(folder: Path, *, n: int = 300, split: str = "test") -> dict[str, float]:
    """How often a named class is counted right on ``n`` unseen scenes of 1 to 6 things, at the exported thresholds.

    ``questions`` asks after each class that a scene holds; ``several`` are those whose answer is two or more.
    """
    described = yaml.safe_load((folder / "model.yaml").read_text())
    found = _ask(folder, range(n), split, iou=described["iou"])
    rights, several = (_rights(found, described["conf"], least=least) for least in (1, 2))
    return {
        "scenes": n,
        "questions": len(rights),
        "count_exact": round(float(np.mean(rights)), 4),
        "several": len(several),
        "count_exact_several": round(float(np.mean(several)), 4),
    }

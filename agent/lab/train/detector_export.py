"""From a training checkpoint of ultralytics to the folder that a profile names, and the figures on its card.

The folder holds model.safetensors (float16 state dict: no pickle) and model.yaml: the architecture as ultralytics
describes it, and with it ``names`` (index to class), ``imgsz`` (pixels of the side it was trained at), ``conf`` and
``iou`` (thresholds of score and of overlap, chosen on held-out scenes).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

from ..world.scenes import CLASSES, SceneConfig, render_scene
from .weights import load_full, save_half

Answers = list[tuple[str, NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]]


def export_yolo(checkpoint: Path, folder: Path, architecture: dict[str, Any], *, side: int) -> None:
    """Write the averaged weights of an ultralytics ``checkpoint`` (our own file: it is unpickled) to ``folder``."""
    held = torch.load(checkpoint, map_location="cpu", weights_only=False)
    weights = (held.get("ema") or held["model"]).state_dict()
    save_half(weights, folder / "model.safetensors")
    described = architecture | {"names": dict(enumerate(CLASSES)), "imgsz": side, "conf": 0.35, "iou": 0.5}
    (folder / "model.yaml").write_text(yaml.safe_dump(described, sort_keys=False))
    conf, iou = _best_thresholds(folder)
    (folder / "model.yaml").write_text(yaml.safe_dump(described | {"conf": conf, "iou": iou}, sort_keys=False))


def read_yolo(folder: Path) -> tuple[Any, dict[str, Any]]:
    """The exported model as ultralytics' ``YOLO`` and what its model.yaml says."""
    from ultralytics import YOLO

    described: dict[str, Any] = yaml.safe_load((folder / "model.yaml").read_text())
    yolo = YOLO(folder / "model.yaml", task="detect", verbose=False)
    yolo.model.load_state_dict(load_full(folder / "model.safetensors"))
    yolo.model.names = described["names"]
    yolo.model.eval()
    return yolo, described


def _ask(folder: Path, seeds: range, split: str, *, iou: float) -> tuple[Answers, list[int]]:
    """For one named class a scene: everything found from a score of 0.1 on, and the true count."""
    yolo, described = read_yolo(folder)
    answers: Answers = []
    counts: list[int] = []
    for seed in seeds:
        scene = render_scene(seed, SceneConfig(count=(1, 6)), split=split)
        if not scene.objects:
            continue
        label = scene.objects[seed % len(scene.objects)].label
        found = yolo.predict(
            scene.image[:, :, ::-1], imgsz=described["imgsz"], conf=0.1, iou=iou, device="cpu", verbose=False
        )[0].boxes
        kinds = found.cls.numpy().astype(np.int64)
        answers.append((label, found.xyxy.numpy(), found.conf.numpy(), kinds))
        counts.append(len(scene.labelled(label)))
    return answers, counts


def _exact(answers: Answers, counts: list[int], conf: float) -> float:
    """Share of scenes whose named class was counted right."""
    right = [
        int(((kinds == CLASSES.index(label)) & (scores >= conf)).sum()) == count
        for (label, _, scores, kinds), count in zip(answers, counts, strict=True)
    ]
    return float(np.mean(right))


def _best_thresholds(folder: Path, n: int = 150) -> tuple[float, float]:
    """Score and overlap thresholds that count best on scenes held out for choosing (split val)."""
    best = (-1.0, 0.35, 0.5)
    for iou in (0.4, 0.55):
        answers, counts = _ask(folder, range(1000, 1000 + n), "val", iou=iou)
        for conf in (0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6):
            best = max(best, (_exact(answers, counts, conf), conf, iou), key=lambda found: found[0])
    return best[1], best[2]


def count_exact(folder: Path, *, n: int = 300, split: str = "test") -> dict[str, float]:
    """How often a named class is counted right on ``n`` unseen scenes of 1 to 6 things, at the exported thresholds."""
    described = yaml.safe_load((folder / "model.yaml").read_text())
    answers, counts = _ask(folder, range(n), split, iou=described["iou"])
    several = [k for k, count in enumerate(counts) if count > 1]
    return {
        "scenes": len(counts),
        "count_exact": round(_exact(answers, counts, described["conf"]), 4),
        "scenes_with_several": len(several),
        "count_exact_several": round(
            _exact([answers[k] for k in several], [counts[k] for k in several], described["conf"]), 4
        ),
    }

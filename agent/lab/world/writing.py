"""Write samples of the world to disk: pictures, and their truth as JSON lines."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from .captions import place_of
from .scenes import Scene, SceneConfig, render_scene


def scene_truth(scene: Scene) -> dict[str, Any]:
    """Return what is true of a scene as JSON: the objects back to front, with boxes in pixels and places."""
    side = scene.image.shape[0]
    objects = [asdict(thing) | {"place": place_of(thing, side)} for thing in scene.objects]
    return {
        "seed": scene.seed,
        "split": scene.split,
        "side": side,
        "background": scene.background,
        "objects": objects,
    }


def write_scenes(out: Path, *, seed: int, count: int, side: int, split: str = "demo") -> Path:
    """Write ``count`` scenes as PNG, their instance maps as 16-bit PNG (0 is background), and ``truth.jsonl``.

    Returns the path of the truth file, written last, so that its presence means that all pictures are there.
    """
    out.mkdir(parents=True, exist_ok=True)
    lines = []
    for index in range(count):
        scene = render_scene(seed * 1_000_003 + index, SceneConfig(side=side), split=split)
        name = f"scene-{index:05d}.png"
        cv2.imwrite(str(out / name), cv2.cvtColor(scene.image, cv2.COLOR_RGB2BGR))
        instances = (scene.instances + 1).astype(np.uint16)
        cv2.imwrite(str(out / name.replace("scene", "instances")), instances)
        lines.append(json.dumps({"image": name, **scene_truth(scene)}))
    truth = out / "truth.jsonl"
    truth.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return truth

"""Scenes on disk for the detector's recipes: pictures with boxes, in the layout that ultralytics reads.

    FOLDER/images/SPLIT/000123.png, FOLDER/labels/SPLIT/000123.txt, FOLDER/data.yaml

A label file holds one line per thing: class index, then centre x, centre y, width, height as shares of the side.
"""

from __future__ import annotations

import multiprocessing
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import yaml

from ..world.scenes import CLASSES, Scene, SceneConfig, render_scene


def picture(scene: Scene, side: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """The scene's picture reduced by area to (side, side, 3) uint8 RGB, as it is reduced in use."""
    return np.asarray(cv2.resize(scene.image, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def label_lines(scene: Scene) -> str:
    """The scene's truth in the label format above."""
    side = scene.image.shape[0]
    lines = []
    for thing in scene.objects:
        x0, y0, x1, y1 = (v / side for v in thing.box)
        row = ((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0)
        lines.append(f"{CLASSES.index(thing.label)} " + " ".join(f"{v:.5f}" for v in row))
    return "\n".join(lines)


def _write_one(seed: int, *, folder: Path, split: str, side: int) -> None:
    scene = render_scene(seed, SceneConfig(), split=split)
    (folder / "labels" / split / f"{seed:06d}.txt").write_text(label_lines(scene))
    bgr = cv2.cvtColor(picture(scene, side), cv2.COLOR_RGB2BGR)
    path = str(folder / "images" / split / f"{seed:06d}.png")
    if not cv2.imwrite(path, bgr, [cv2.IMWRITE_PNG_COMPRESSION, 1]):
        raise OSError(f"cannot write {path}: is the disk full?")


def write_pictures(folder: Path, counts: dict[str, int], *, side: int, processes: int = 2) -> Path:
    """Write so many scenes of each split (those already there are kept) and return the path of ``data.yaml``."""
    for split, count in counts.items():
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True, exist_ok=True)
        missing = [s for s in range(count) if not (folder / "images" / split / f"{s:06d}.png").exists()]
        work = partial(_write_one, folder=folder, split=split, side=side)
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            for _ in pool.imap_unordered(work, missing, chunksize=50):
                pass
    described = {
        "path": str(folder.resolve()),
        **{split: f"images/{split}" for split in counts},
        "names": dict(enumerate(CLASSES)),
    }
    path = folder / "data.yaml"
    path.write_text(yaml.safe_dump(described, sort_keys=False))
    return path

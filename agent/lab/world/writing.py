"""Write samples of the world to disk: pictures, clips, clouds and requests, and their truth as JSON lines.

Every writer fills a folder with numbered files and writes ``truth.jsonl`` last, so that its presence means that all
the files are there. A sample depends on seed, index, split and options only: more samples are the same ones and more.
"""

from __future__ import annotations

import random
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ....tools.errors import InputError
from ....tools.video.encoding import mp4
from . import clips, clouds
from .captions import caption, long_caption, place_of
from .clips import Clip, ClipConfig, render_clip
from .clouds import Cloud, CloudConfig, ply_bytes, render_cloud
from .questions import questions_of
from .relations import depth_order, relations_of
from .samples import Progress, Sample, write_samples
from .scenes import SPLITS, Scene, SceneConfig, render_scene

_CLIP = {"crf": "20", "preset": "veryfast"}  # x264's options

"""Told (done, of) after each sample."""

"""Files by name, and the line of truth."""


def scene_truth(scene: Scene) -> dict[str, Any]:
    """Return what is true of a scene as JSON.

    ``objects`` stand back to front, with ``box`` (x0, y0, x1, y1) in pixels around the visible pixels and all
    attributes; ``depth_order`` and ``relations`` name them by index; ``questions`` rest on the objects in ``about``.
    """
    side = scene.image.shape[0]
    relations = relations_of(scene)
    objects = [
        asdict(thing)
        | {"size_word": thing.size_word, "place": place_of(thing, side), "pixels": int(scene.mask(i).sum())}
        for i, thing in enumerate(scene.objects)
    ]
    return {
        "seed": scene.seed,
        "split": scene.split,
        "side": side,
        "background": scene.background,
        "objects": objects,
        "depth_order": depth_order(scene),
        "relations": relations,
        "caption": caption(scene),
        "long_caption": long_caption(scene),
        "questions": [question._asdict() for question in questions_of(scene, relations)],
    }


def clip_truth(clip: Clip) -> dict[str, Any]:
    """Return what is true of a clip as JSON: times in seconds, boxes of the visible pixels for each frame or null."""
    things = [
        {
            "label": thing.label,
            "colour": thing.colour,
            "texture": thing.texture,
            "word": thing.word,
            "size": thing.size,
            "motion": thing.motion,
            "spans": [
                {"motion": span.motion, "start": _time(span.start / clip.rate), "end": _time(span.end / clip.rate)}
                for span in thing.spans
            ],
            "boxes": thing.boxes,
            "visible": [round(share, 3) for share in thing.visible],
        }
        for thing in clip.things
    ]
    events = [
        {"time": _time(event.time), "event": event.kind}
        | {name: value for name, value in event._asdict().items() if name in ("thing", "other", "motion")}
        for event in clip.events
    ]
    return {
        "seed": clip.seed,
        "split": clip.split,
        "side": clip.frames.shape[1],
        "rate": clip.rate,
        "frames": len(clip.frames),
        "seconds": _time(clip.seconds),
        "background": clip.background,
        "things": things,
        "events": [{name: value for name, value in event.items() if value is not None} for event in events],
        "caption": clips.caption(clip),
    }


def cloud_truth(cloud: Cloud) -> dict[str, Any]:
    """Return what is true of a cloud as JSON; ``rows`` says which points (from, up to) are a thing's."""
    return {
        "seed": cloud.seed,
        "split": cloud.split,
        "points": len(cloud.points),
        "view": cloud.view,
        "dropped": cloud.dropped,
        "noise": cloud.noise,
        "things": [asdict(thing) | {"points": thing.rows[1] - thing.rows[0]} for thing in cloud.things],
        "caption": clouds.caption(cloud),
    }


def _time(seconds: float) -> float:
    return round(seconds, 4)


def write_scenes(
    out: Path,
    *,
    seed: int,
    count: int,
    side: int = 384,
    split: str = "demo",
    objects: tuple[int, int] = (0, 8),
    progress: Progress | None = None,
) -> Path:
    """Write ``count`` scenes as PNG, their instance maps as 16-bit PNG (0 is background), and ``truth.jsonl``.

    Returns the path of the truth file. Raises InputError for what cannot be drawn.
    """
    _check(objects, side, split)
    config = SceneConfig(side=side, count=objects)

    def sample(number: int, index: int) -> Sample:
        scene = render_scene(number, config, split=split)
        name = f"scene-{index:05d}.png"
        instances = (scene.instances + 1).astype(np.uint16)
        pictures = {
            name: _png(cv2.cvtColor(scene.image, cv2.COLOR_RGB2BGR)),
            name.replace("scene", "instances"): _png(instances),
        }
        return pictures, {"image": name, **scene_truth(scene)}

    return write_samples(out, seed, count, sample, progress)


def write_clips(
    out: Path,
    *,
    seed: int,
    count: int,
    side: int = 224,
    split: str = "demo",
    objects: tuple[int, int] = (1, 4),
    seconds: tuple[float, float] = (2.0, 8.0),
    rate: int = 12,
    progress: Progress | None = None,
) -> Path:
    """Write ``count`` clips as MP4 (H.264, or MPEG-4 where there is no encoder for that), and ``truth.jsonl``.

    Returns the path of the truth file. Raises InputError for what cannot be drawn.
    """
    _check(objects, side, split)
    if side % 2:
        raise InputError(f"a clip cannot have {side} pixels a side", hint="video encoders want an even number")
    if not 2 <= seconds[0] <= seconds[1] <= 60 or not 4 <= rate <= 60:
        raise InputError(
            f"a clip cannot last {seconds[0]:g} to {seconds[1]:g} s at {rate} frames a second",
            hint="clips last 2 to 60 s, shortest first, at 4 to 60 frames a second",
        )
    config = ClipConfig(side=side, rate=rate, seconds=seconds, count=objects)

    def sample(number: int, index: int) -> Sample:
        clip = render_clip(number, config, split=split)
        name = f"clip-{index:05d}.mp4"
        return {name: mp4(clip.frames, clip.rate, _CLIP)}, {"video": name, **clip_truth(clip)}

    return write_samples(out, seed, count, sample, progress)


def write_clouds(
    out: Path,
    *,
    seed: int,
    count: int,
    points: int = 1024,
    split: str = "demo",
    objects: tuple[int, int] = (1, 4),
    progress: Progress | None = None,
) -> Path:
    """Write ``count`` point clouds as binary PLY, and ``truth.jsonl``.

    Returns the path of the truth file. Raises InputError for what cannot be drawn.
    """
    _check(objects, 64, split)
    if points < 64 or objects[0] < 1:
        raise InputError(
            f"a cloud cannot have {points} points of {objects[0]} things",
            hint="a cloud has 64 points of one thing at least",
        )
    config = CloudConfig(points=points, count=objects)

    def sample(number: int, index: int) -> Sample:
        cloud = render_cloud(number, config, split=split)
        name = f"cloud-{index:05d}.ply"
        return {name: ply_bytes(cloud)}, {"point_cloud": name, **cloud_truth(cloud)}

    return write_samples(out, seed, count, sample, progress)


def write_requests(out: Path, *, seed: int, count: int, split: str = "train", progress: Progress | None = None) -> Path:
    """Write ``count`` requests with their gold plans as ``truth.jsonl``; there are no other files.

    ``split`` is one of the planner's own: they hold out wordings and nouns. Raises InputError for another one.
    """
    from ..train.planner.catalog import Catalog
    from ..train.planner.requests import SPLITS as REQUEST_SPLITS
    from ..train.planner.requests import Generator

    if split not in REQUEST_SPLITS:
        raise InputError(f"requests have no split {split!r}", hint=f"their splits are {', '.join(REQUEST_SPLITS)}")
    generator = Generator(Catalog.read(None))

    def sample(number: int, index: int) -> Sample:
        example = generator.sample(random.Random(f"requests/{split}/{number}"), split)
        return {}, {"seed": number, "split": split, **asdict(example)}

    return write_samples(out, seed, count, sample, progress)


def _check(objects: tuple[int, int], side: int, split: str) -> None:
    if not 0 <= objects[0] <= objects[1] <= 8:
        raise InputError(
            f"{objects[0]} to {objects[1]} things cannot be drawn", hint="give 0 to 8, the smaller number first"
        )
    if not 64 <= side <= 2048:
        raise InputError(f"a side of {side} pixels cannot be drawn", hint="sides have 64 to 2048 pixels")
    if split not in SPLITS:
        raise InputError(f"the world has no split {split!r}", hint=f"its splits are {', '.join(SPLITS)}")


def _png(picture: NDArray[Any]) -> bytes:
    done, content = cv2.imencode(".png", picture)
    if not done:
        raise InputError(f"OpenCV cannot encode a picture of {picture.shape}")
    return bytes(content.tobytes())

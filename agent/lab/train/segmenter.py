"""Trains the segmenter of `mini`: segment-anything's classes at a hundredth of their size, for boxes and for points.

    python -m panmodal.agent.lab.train.segmenter --minutes 25 --out runs/segmenter

Scenes are rendered while it trains, so no view is ever seen twice. The learning rate follows the clock. How a prompt is
shown to the model, in training as in use, is told in ``tools/loaders/sam_builder.py``.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from segment_anything.modeling import Sam
from torch import Tensor
from torch.nn import functional

from ....tools.loaders.sam_builder import (
    POINT_WINDOWS,
    SAM_MINI_DIMS,
    ZOOM,
    Marks,
    Prompts,
    Window,
    box_prompts,
    build_sam,
    decode,
    encode,
    point_prompts,
    segment_boxes,
    segment_points,
)
from ..world.scenes import Scene, SceneConfig, render_scene
from .command import ordered
from .schedule import learning_rate
from .weights import load_full, save_half

BATCH = 8
PEAK_RATE = 1.2e-3
QUALITY_WEIGHT = 0.2
SAVE_EVERY = 300.0
"""Seconds of the run's own clock between checkpoints."""
HELD_OUT = 20
"""Scenes of the split val that are measured with every checkpoint."""
BUFFER = 1500
"""Views kept to draw batches from, so that those of one scene do not come together."""

Log = Callable[[str], None]
Prompt = Literal["box", "point"]
PROMPTS: tuple[Prompt, ...] = ("box", "point")


class Example(NamedTuple):
    """One prompt in one view, as the model is asked.

    ``view`` (s, s, 3) uint8; ``at`` (4,) float32, the box as shares of the view, or a point as (x, y, x, y);
    ``is_point``; ``target`` (m, m) uint8, 255 on the thing; ``beyond``: the thing's pixels that lie outside of the
    view, as a share of the view's.
    """

    view: NDArray[np.uint8]
    at: NDArray[np.float32]
    is_point: bool
    target: NDArray[np.uint8]
    beyond: float


def examples_of(scene: Scene, rng: np.random.Generator, *, jitter: float = 0.035, points: int = 2) -> Iterator[Example]:
    """For each thing of a scene one example with a box and ``points`` with a point.

    Most boxes are as inexact as a detector's (``jitter`` of their sides), the others up to three times that, as are
    those read from a point's mask. Points are drawn from all visible pixels.
    """
    for i, thing in enumerate(scene.objects):
        x0, y0, x1, y1 = thing.box
        extent = np.array([x1 - x0, y1 - y0, x1 - x0, y1 - y0])
        spread = jitter * (rng.uniform(1, 3) if rng.random() < 0.4 else 1)
        window = Window(np.array(thing.box) + rng.normal(0, spread, 4) * extent)
        mask = (scene.mask(i) * 255).astype(np.uint8)
        yield _example(scene.image, mask, window, window.box, is_point=False)
        for point in _points_in(scene.mask(i), points, rng):
            window = Window.around(point, _point_side(float(extent.max()), max(mask.shape), rng))
            yield _example(scene.image, mask, window, np.tile(window.shares(point), 2), is_point=True)


def _points_in(mask: NDArray[np.bool_], n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """``n`` points (x, y), each the middle of a random pixel of the mask."""
    rows, columns = np.nonzero(mask)
    chosen = rng.integers(len(rows), size=n)
    return np.stack([columns[chosen], rows[chosen]], axis=1).astype(np.float32) + 0.5


def _point_side(longest: float, picture: int, rng: np.random.Generator) -> float:
    """Side in pixels of a window around a point, for a thing ``longest`` pixels long.

    Mostly from where the thing just fits in to four times its length, which are the windows whose masks will be
    taken; sometimes any that is looked through, so that the estimated IoU learns which masks will not do.
    """
    least, most = POINT_WINDOWS[0] * picture, POINT_WINDOWS[-1] * picture
    low, high = (1.1 * longest, 4 * longest) if rng.random() < 0.7 else (least, most)
    return float(np.clip(np.exp(rng.uniform(np.log(low), np.log(high))), least, most))


def _example(
    picture: NDArray[np.uint8], mask: NDArray[np.uint8], window: Window, at: NDArray[np.float32], *, is_point: bool
) -> Example:
    side, grid = _view_sides()
    target = _reduced(window, mask, grid)
    inside = float(target.sum()) / (255 * grid**2)
    beyond = max(0.0, float((mask > 0).sum()) / window.side**2 - inside)
    return Example(window.view(picture, side), at, is_point, target, beyond)


def _reduced(window: Window, mask: NDArray[np.uint8], grid: int) -> NDArray[np.uint8]:
    """The mask in the window at the decoder's resolution, soft at the edges."""
    reach = window.side  # beyond the picture's edge there is nothing of the thing
    return window.shifted(reach).view(np.pad(mask, reach), grid)


def _view_sides() -> tuple[int, int]:
    side, patch = SAM_MINI_DIMS["img_size"], SAM_MINI_DIMS["patch_size"]
    assert isinstance(side, int) and isinstance(patch, int)
    return side, side // patch * 4


def _stream(seed: int) -> Iterator[Example]:
    """Examples of ever new training scenes, shuffled through a buffer."""
    rng = np.random.default_rng(seed)
    config = SceneConfig(count=(1, 8))
    held: list[Example] = []
    number = seed * 10_000_000
    while True:
        for example in examples_of(render_scene(number, config), rng):
            if len(held) < BUFFER // 8 or (len(held) < BUFFER and rng.random() < 0.5):
                held.append(example)
                continue
            k = int(rng.integers(len(held)))
            held[k], example = example, held[k]
            yield example
        number += 1


class _Batch(NamedTuple):
    """Examples as tensors, those with a box first; see :class:`Example`."""

    views: Tensor
    at: Tensor
    is_point: Tensor
    targets: Tensor
    beyond: Tensor

    @classmethod
    def of(cls, stream: Iterator[Example], size: int, device: str) -> _Batch:
        examples = sorted((next(stream) for _ in range(size)), key=lambda example: example.is_point)
        parts = [torch.from_numpy(np.stack(part)).to(device) for part in zip(*examples, strict=True)]
        views, at, is_point, targets, beyond = parts
        return cls(views, at, is_point, targets.float() / 255, beyond.float())

    def prompts(self, sam: Sam) -> Prompts:
        """A box and a point take two tokens each, so both kinds go through the decoder together."""
        boxes = box_prompts(sam, self.at[~self.is_point])
        points = point_prompts(sam, self.at[self.is_point, :2])
        return Prompts(*(torch.cat(pair) for pair in zip(boxes, points, strict=True)))


def loss_of(logits: Tensor, quality: Tensor, targets: Tensor, beyond: Tensor) -> tuple[Tensor, Tensor]:
    """The loss (cross entropy, Dice, and the error of the estimated IoU) of N masks, and the IoU of each (N).

    ``logits`` and ``targets`` are N x m x m; ``beyond`` (N) is the share of each view by which the thing reaches out
    of it. It counts as missed, so that a window that cuts its thing off has a low IoU to estimate.
    """
    inside = torch.sigmoid(logits)
    both, either = (inside * targets).sum((1, 2)), (inside + targets).sum((1, 2))
    dice = 1 - (2 * both + 1) / (either + 1)
    entropy = functional.binary_cross_entropy_with_logits(logits, targets)
    with torch.no_grad():
        found, true = logits > 0, targets > 0.5
        missed = beyond * logits[0].numel()
        iou = (found & true).sum((1, 2)) / ((found | true).sum((1, 2)) + missed).clamp(min=1)
    return entropy + dice.mean() + QUALITY_WEIGHT * functional.mse_loss(quality, iou), iou


class Overlaps(NamedTuple):
    """One entry a thing: ``iou`` (0-1, at the picture's resolution) and ``size`` (longer side over the picture's)."""

    iou: NDArray[np.float64]
    size: NDArray[np.float64]


def overlaps(
    sam: Sam, *, n: int, prompt: Prompt, split: str = "test", seed: int = 0, jitter: float = 0.035
) -> Overlaps:
    """IoU of every thing of ``n`` held-out scenes (1 to 6 things each, 384 px) from one prompt a thing.

    The prompt is its box, each side moved by a normal error of ``jitter`` of the thing's extent, or the middle of a
    random visible pixel. ``seed`` picks scenes and prompts.
    """
    sam.eval()
    rng = np.random.default_rng(seed)
    ious: list[float] = []
    sizes: list[float] = []
    for number in range(seed * 100_003, seed * 100_003 + n):
        scene = render_scene(number, SceneConfig(count=(1, 6)), split=split)
        if not scene.objects:
            continue
        if prompt == "box":
            boxes = np.array([thing.box for thing in scene.objects], np.float32)
            extent = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
            boxes = (boxes + rng.normal(0, jitter, boxes.shape) * extent).astype(np.float32)
            masks, _ = segment_boxes(sam, scene.image, boxes)
        else:
            on = np.ones(1, np.bool_)
            things = [Marks(_points_in(scene.mask(i), 1, rng), on) for i in range(len(scene.objects))]
            masks, _ = segment_points(sam, scene.image, things)
        for i, mask in enumerate(masks):
            true = scene.mask(i)
            ious.append(float((mask & true).sum() / (mask | true).sum()))
            sizes.append(scene.objects[i].size)
    return Overlaps(np.array(ious), np.array(sizes))


def evaluate(sam: Sam, *, n: int, split: str = "val", prompt: Prompt = "box", seed: int = 0) -> dict[str, float]:
    """Mean of :func:`overlaps` with its 95 % interval (normal, things as independent), and shares of it by size."""
    iou, sizes = overlaps(sam, n=n, prompt=prompt, split=split, seed=seed)
    small = sizes < 0.14
    figures = {
        "mean_iou": iou.mean(),
        "half_interval_95": 1.96 * iou.std() / math.sqrt(len(iou)),
        "iou_at_least_0.7": (iou >= 0.7).mean(),
    }
    figures |= {f"mean_iou_{name}": iou[of].mean() for name, of in (("small", small), ("others", ~small)) if of.any()}
    return {"things": len(iou), **{name: round(float(value), 4) for name, value in figures.items()}}


def opened(folder: Path) -> Sam:
    """The model that a run left in ``folder``."""
    dims = json.loads((folder / "config.json").read_text(encoding="utf-8"))["dims"]
    sam = build_sam(dims)
    sam.load_state_dict(load_full(folder / "model.safetensors"))
    return sam.eval()


def _save(sam: Sam, folder: Path, log: Log) -> None:
    """Write the checkpoint, and log what it does on a few held-out scenes."""
    save_half(sam.state_dict(), folder / "model.safetensors")
    config = {"dims": SAM_MINI_DIMS, "zoom": ZOOM, "point_windows": POINT_WINDOWS, "mask_prompt": True}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    for prompt in PROMPTS:
        log(f"held out, {prompt}: {evaluate(sam, n=HELD_OUT, prompt=prompt)}")


class _Running:
    """Means over about the last 50 batches, by name."""

    def __init__(self) -> None:
        self._means: dict[str, float] = {}

    def add(self, **values: Tensor) -> None:
        """Take a batch's values in; a name without any keeps its mean."""
        for name, value in values.items():
            if len(value):
                mean = float(value.mean())
                self._means[name] = 0.98 * self._means.get(name, mean) + 0.02 * mean

    def __str__(self) -> str:
        return ", ".join(f"{name} {mean:.3f}" for name, mean in self._means.items())


class _Clock:
    """Seconds that a run has used: of the CPU where it trains there, else of the wall.

    So a busy machine shortens no CPU run, but twice its time is where it ends all the same.
    """

    def __init__(self, device: str) -> None:
        self._on_cpu = device == "cpu"
        self._wall, self._cpu = time.monotonic(), time.thread_time()

    def used(self) -> float:
        """Seconds since the start."""
        wall = time.monotonic() - self._wall
        return max(time.thread_time() - self._cpu, wall / 2) if self._on_cpu else wall


def train(out: Path, *, minutes: float, seed: int, device: str, resume_from: Path | None, log: Log = print) -> None:
    """Train for ``minutes`` (of one core's time on a CPU); exports model.safetensors and config.json to ``out``.

    ``resume_from`` is such a folder of an earlier run, whose weights are the start of a fresh schedule. A checkpoint
    is written, and held-out figures of both prompts are logged, every five minutes.
    """
    torch.manual_seed(seed)
    sam = build_sam(SAM_MINI_DIMS).to(device)
    torch.nn.init.trunc_normal_(sam.image_encoder.pos_embed, std=0.02)
    if resume_from is not None:
        sam.load_state_dict(load_full(resume_from / "model.safetensors"))
    optimizer = torch.optim.AdamW(sam.parameters(), lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.02)
    stream, clock, total = _stream(seed), _Clock(device), minutes * 60
    saved, step, means = 0.0, 0, _Running()
    while (used := clock.used()) < total:
        sam.train()
        for group in optimizer.param_groups:
            group["lr"] = PEAK_RATE * learning_rate(used, total)
        batch = _Batch.of(stream, BATCH, device)
        logits, quality = decode(sam, encode(sam, batch.views), batch.prompts(sam))
        loss, iou = loss_of(logits, quality, batch.targets, batch.beyond)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(sam.parameters(), 1.0)
        optimizer.step()
        step += 1
        means.add(loss=loss.detach()[None], box=iou[~batch.is_point], point=iou[batch.is_point])
        if step % 50 == 0:
            log(f"{used / 60:.1f} min, step {step}, {step * BATCH / used:.1f} views/s, {means}")
        if used - saved > SAVE_EVERY:
            _save(sam, out, log)
            saved = used
    _save(sam, out, log)


def main() -> None:
    """Command line of the recipe."""
    given = ordered("segmenter", minutes=25)
    train(**given)
    sam = opened(given["out"])
    for prompt in PROMPTS:
        print(prompt, json.dumps(evaluate(sam, n=200, split="test", prompt=prompt)))


if __name__ == "__main__":
    main()

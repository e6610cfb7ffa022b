"""Trains the segmenter of `mini`: segment-anything's classes at a hundredth of their size, on enlarged boxes.

    python -m panmodal.agent.lab.train.segmenter --minutes 25 --out runs/segmenter

Scenes are rendered while it trains, so no view is ever seen twice. The learning rate follows the clock.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from segment_anything.modeling import Sam
from torch import Tensor
from torch.nn import functional

from ....tools.loaders.sam_builder import (
    SAM_MINI_DIMS,
    ZOOM,
    Window,
    build_sam,
    decode,
    encode,
    segment_boxes,
)
from ..world.scenes import Scene, SceneConfig, render_scene
from .schedule import learning_rate
from .weights import load_full, save_half

BATCH = 8
PEAK_RATE = 1.2e-3
BUFFER = 1500
"""Views kept to draw batches from, so that those of one scene do not come together."""

Log = Callable[[str], None]


class Example(NamedTuple):
    """One enlarged box: view (s, s, 3) uint8, box (4,) float32 shares of it, target (m, m) uint8, 255 on the thing."""

    view: NDArray[np.uint8]
    box: NDArray[np.float32]
    target: NDArray[np.uint8]


def examples_of(scene: Scene, rng: np.random.Generator, *, jitter: float = 0.035) -> Iterator[Example]:
    """One example for each thing of a scene. Boxes are as inexact as a detector's: ``jitter`` of their sides."""
    side, grid = _view_sides()
    for i, thing in enumerate(scene.objects):
        x0, y0, x1, y1 = thing.box
        extent = np.array([x1 - x0, y1 - y0, x1 - x0, y1 - y0])
        box = np.array(thing.box) + rng.normal(0, jitter, 4) * extent
        window = Window(box)
        mask = (scene.mask(i) * 255).astype(np.uint8)
        yield Example(window.view(scene.image, side), window.box, _reduced(window, mask, grid))


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


def _batch(stream: Iterator[Example], size: int, device: str) -> tuple[Tensor, Tensor, Tensor]:
    examples = [next(stream) for _ in range(size)]
    views, boxes, targets = (torch.from_numpy(np.stack(part)) for part in zip(*examples, strict=True))
    return views.to(device), boxes.to(device), targets.to(device).float() / 255


def loss_of(logits: Tensor, quality: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Loss (cross entropy, Dice, and the error of the estimated IoU) and the mean IoU of logits N x m x m."""
    inside = torch.sigmoid(logits)
    both, either = (inside * targets).sum((1, 2)), (inside + targets).sum((1, 2))
    dice = 1 - (2 * both + 1) / (either + 1)
    entropy = functional.binary_cross_entropy_with_logits(logits, targets)
    with torch.no_grad():
        found, true = logits > 0, targets > 0.5
        iou = (found & true).sum((1, 2)) / (found | true).sum((1, 2)).clamp(min=1)
    return entropy + dice.mean() + 0.1 * functional.mse_loss(quality, iou), iou.mean()


def evaluate(sam: Sam, *, n: int, split: str = "val", jitter: float = 0.035) -> dict[str, float]:
    """IoU at full resolution on every thing of ``n`` scenes of a held-out split (1 to 6 things each)."""
    sam.eval()
    rng = np.random.default_rng(0)
    ious: list[float] = []
    sizes: list[float] = []
    for seed in range(n):
        scene = render_scene(seed, SceneConfig(count=(1, 6)), split=split)
        boxes = np.array([thing.box for thing in scene.objects], np.float32)
        extent = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
        boxes = (boxes + rng.normal(0, jitter, boxes.shape) * extent).astype(np.float32)
        masks, _ = segment_boxes(sam, scene.image, boxes)
        for i, mask in enumerate(masks):
            true = scene.mask(i)
            ious.append(float((mask & true).sum() / (mask | true).sum()))
            sizes.append(scene.objects[i].size)
    iou, small = np.array(ious), np.array(sizes) < 0.14
    return {
        "things": len(ious),
        "mean_iou": round(float(iou.mean()), 4),
        "iou_at_least_0.7": round(float((iou >= 0.7).mean()), 4),
        "mean_iou_small": round(float(iou[small].mean()), 4),
        "mean_iou_others": round(float(iou[~small].mean()), 4),
    }


def _save(sam: Sam, folder: Path) -> None:
    save_half(sam.state_dict(), folder / "model.safetensors")
    config = {"dims": SAM_MINI_DIMS, "zoom": ZOOM, "mask_prompt": True}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def train(out: Path, *, minutes: float, seed: int, device: str, resume_from: Path | None, log: Log = print) -> None:
    """Train for ``minutes`` of wall time; exports model.safetensors and config.json to ``out``.

    ``resume_from`` is such a folder of an earlier run, whose weights are the start of a fresh schedule. A checkpoint
    is written every three minutes.
    """
    torch.manual_seed(seed)
    sam = build_sam(SAM_MINI_DIMS).to(device)
    torch.nn.init.trunc_normal_(sam.image_encoder.pos_embed, std=0.02)
    if resume_from is not None:
        sam.load_state_dict(load_full(resume_from / "model.safetensors"))
    optimizer = torch.optim.AdamW(sam.parameters(), lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.02)
    stream = _stream(seed)
    total, started, saved, step = minutes * 60, time.time(), time.time(), 0
    mean_iou = mean_loss = 0.0
    while (elapsed := time.time() - started) < total:
        sam.train()
        for group in optimizer.param_groups:
            group["lr"] = PEAK_RATE * learning_rate(elapsed, total)
        views, boxes, targets = _batch(stream, BATCH, device)
        logits, quality = decode(sam, encode(sam, views), boxes)
        loss, iou = loss_of(logits, quality, targets)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(sam.parameters(), 1.0)
        optimizer.step()
        step += 1
        mean_iou += (float(iou) - mean_iou) / min(step, 50)
        mean_loss += (float(loss.detach()) - mean_loss) / min(step, 50)
        if step % 50 == 0:
            rate = step * BATCH / (time.time() - started)
            log(f"{elapsed / 60:.1f} min, step {step}, {rate:.1f} views/s, loss {mean_loss:.3f}, IoU {mean_iou:.3f}")
        if time.time() - saved > 180:
            _save(sam, out)
            log(f"held out: {evaluate(sam, n=25)}")
            saved = time.time()
    _save(sam, out)


def main() -> None:
    """Command line of the recipe."""
    parser = argparse.ArgumentParser(description="Train the segmenter of the mini profile.")
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--resume-from", type=Path, default=None)
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    train(**vars(given))
    sam = build_sam(SAM_MINI_DIMS)
    sam.load_state_dict(load_full(given.out / "model.safetensors"))
    print(json.dumps(evaluate(sam, n=200, split="test")))


if __name__ == "__main__":
    main()

"""The permissive choice of detector: a small FCOS of torchvision (BSD-3-Clause), on the pictures the YOLO learns from.

Exported as model.safetensors and config.json, which the loader ``torchvision`` opens.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torchvision.models.detection import FCOS
from torchvision.ops import box_iou

from ....tools.loaders.fcos_builder import FCOS_MINI_DIMS, build_fcos
from ..world.scenes import CLASSES
from .schedule import learning_rate
from .weights import load_full, save_half

BATCH = 8
PEAK_RATE = 1e-3

Log = Callable[[str], None]
Target = dict[str, Tensor]


def _read(folder: Path, split: str) -> list[tuple[Path, Path]]:
    pictures = sorted((folder / "images" / split).glob("*.png"))
    return [(path, folder / "labels" / split / f"{path.stem}.txt") for path in pictures]


def _example(picture: Path, labels: Path) -> tuple[Tensor, Target]:
    """One picture (3 x s x s, 0-1) and its boxes (N x 4 pixels) and classes."""
    rgb = cv2.cvtColor(cv2.imread(str(picture)), cv2.COLOR_BGR2RGB)
    side = rgb.shape[0]
    rows = np.loadtxt(labels, ndmin=2) if labels.stat().st_size else np.zeros((0, 5))
    half = rows[:, 3:] / 2
    boxes = np.concatenate([rows[:, 1:3] - half, rows[:, 1:3] + half], axis=1) * side
    target = {"boxes": torch.tensor(boxes, dtype=torch.float32), "labels": torch.tensor(rows[:, 0]).long()}
    return torch.from_numpy(rgb).permute(2, 0, 1).float() / 255, target


def _batches(files: list[tuple[Path, Path]], seed: int) -> Iterator[tuple[list[Tensor], list[Target]]]:
    rng = np.random.default_rng(seed)
    while True:
        for some in np.array_split(rng.permutation(len(files)), max(1, len(files) // BATCH)):
            pairs = [_example(*files[int(k)]) for k in some]
            yield [picture for picture, _ in pairs], [target for _, target in pairs]


@torch.inference_mode()
def judge(model: FCOS, files: list[tuple[Path, Path]], *, device: str) -> dict[str, float]:
    """Recall and precision: a found box is right if it overlaps a true one of its class by at least half."""
    model.eval()
    hit = right = total = claimed = 0
    for picture, labels in files:
        image, target = _example(picture, labels)
        found = model([image.to(device)])[0]
        same = target["labels"][:, None] == found["labels"].cpu()
        good = (box_iou(target["boxes"], found["boxes"].cpu()) >= 0.5) & same
        hit, right = hit + int(good.any(dim=1).sum()), right + int(good.any(dim=0).sum())
        total, claimed = total + good.shape[0], claimed + good.shape[1]
    return {"recall": round(hit / max(total, 1), 3), "precision": round(right / max(claimed, 1), 3)}


def train_fcos(
    out: Path, folder: Path, *, minutes: float, seed: int, device: str, resume_from: Path | None, log: Log
) -> None:
    """Train on the pictures in ``folder`` for ``minutes``; exports to ``out``, where ``resume_from`` may have too."""
    torch.manual_seed(seed)
    model = build_fcos(FCOS_MINI_DIMS, len(CLASSES)).to(device)
    if resume_from is not None:
        model.load_state_dict(load_full(resume_from / "model.safetensors"))
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=1e-3)
    batches = _batches(_read(folder, "train"), seed)
    total, started, step = minutes * 60, time.time(), 0
    while (elapsed := time.time() - started) < total:
        model.train()
        for group in optimizer.param_groups:
            group["lr"] = PEAK_RATE * learning_rate(elapsed, total)
        pictures, targets = next(batches)
        losses = model([p.to(device) for p in pictures], [{k: v.to(device) for k, v in t.items()} for t in targets])
        loss = torch.stack(list(losses.values())).sum()
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        step += 1
        if step % 100 == 0:
            rate = step * BATCH / (time.time() - started)
            log(f"{elapsed / 60:.1f} min, step {step}, {rate:.1f} pictures/s, loss {float(loss.detach()):.3f}")
    save_half(model.state_dict(), out / "model.safetensors")
    (out / "config.json").write_text(json.dumps(FCOS_MINI_DIMS | {"names": CLASSES}, indent=2) + "\n")
    log(f"held out: {judge(model, _read(folder, 'val')[:200], device=device)}")

"""Trains the detector of `mini` on scenes of the procedural world.

    python -m panmodal.agent.lab.train.detector --minutes 70 --out runs/detector

``--arch yolo`` (the default) is ultralytics' YOLO11 at a seventh of its width, about 1 M parameters, AGPL-3.0.
``--arch torchvision`` trains a small FCOS of torchvision (BSD-3-Clause) on the same pictures: the permissive choice.
The learning rate follows the clock, not the step count, so that the schedule ends with the minutes however busy the
machine is.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..world.scenes import CLASSES
from .detector_export import count_exact, export_yolo
from .pictures import write_pictures
from .schedule import learning_rate
from .weights import load_full

SIDE = 192
"""Pixels of the side the model sees."""
BATCH = 8
PEAK_RATE = 1.5e-3
RESUME_RATE = 4e-4  # the full rate would undo what an earlier run has learned before it learns more
GROWTH = ((0.3, 128), (0.55, 160), (1.0, SIDE))
"""Up to which share of the time the model trains at which side."""

Log = Callable[[str], None]


def side_at(elapsed: float, total: float) -> int:
    """Pixels of the side to train at: small pictures first, for they cost less and teach the shapes as well."""
    done = elapsed / total
    return next(side for until, side in GROWTH if done < until or until >= 1)


def _quiet_ultralytics(cache: Path) -> None:
    """Before its import: no network, no installs, settings beside the training data and not in HOME."""
    os.environ.setdefault("YOLO_OFFLINE", "true")
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    settings = cache / "ultralytics"
    settings.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("YOLO_CONFIG_DIR", str(settings))


def yolo_architecture() -> dict[str, Any]:
    """YOLO11 as ultralytics describes it, narrowed to 0.14 of the width, for the classes of the world."""
    from ultralytics.nn.tasks import yaml_model_load

    described: dict[str, Any] = yaml_model_load("yolo11.yaml")
    return described | {"scales": {"p": [0.50, 0.140625, 1024]}, "scale": "p", "nc": len(CLASSES)}


def _train_yolo(
    out: Path, data: Path, *, minutes: float, seed: int, device: str, resume_from: Path | None, log: Log
) -> None:
    from torch.nn import functional
    from ultralytics.models.yolo.detect import DetectionTrainer
    from ultralytics.nn.tasks import DetectionModel

    total = minutes * 60
    peak = PEAK_RATE if resume_from is None else RESUME_RATE

    class Trainer(DetectionTrainer):  # type: ignore[misc]
        """The stock trainer with our architecture; the clock sets the learning rate and the end."""

        def get_model(self, cfg: object = None, weights: Any = None, verbose: bool = True) -> Any:
            model = DetectionModel(yolo_architecture(), nc=len(CLASSES), verbose=False)
            if resume_from is not None:
                model.load_state_dict(load_full(resume_from / "model.safetensors"))
            return model

        def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
            ready: dict[str, Any] = super().preprocess_batch(batch)
            side = side_at(time.time() - self.train_time_start, total) if resume_from is None else SIDE
            if side != ready["img"].shape[-1]:
                ready["img"] = functional.interpolate(
                    ready["img"], (side, side), mode="bilinear", align_corners=False, antialias=True
                )
            return ready

    trainer = Trainer(
        overrides={
            "model": "yolo11.yaml", "data": str(data), "epochs": 10_000, "patience": 10_000, "imgsz": SIDE,
            "batch": BATCH, "nbs": BATCH, "optimizer": "AdamW", "lr0": peak, "lrf": 1.0, "warmup_epochs": 0,
            "weight_decay": 5e-4, "momentum": 0.9, "mosaic": 0.0, "close_mosaic": 0, "hsv_h": 0.01, "hsv_s": 0.3,
            "hsv_v": 0.25, "scale": 0.15, "translate": 0.08, "fliplr": 0.5, "erasing": 0.0, "amp": False,
            "plots": False, "workers": 0, "cache": "ram", "pretrained": False, "device": device, "seed": seed,
            "deterministic": False, "project": str(out.resolve()), "name": "work", "exist_ok": True,
            "verbose": False, "max_det": 50, "channels_last": True,
        }
    )  # fmt: skip
    steps = 0

    def at_batch_start(held: Any) -> None:
        factor = learning_rate(time.time() - held.train_time_start, total)
        for group in held.optimizer.param_groups:
            group["lr"] = peak * factor

    def at_batch_end(held: Any) -> None:
        nonlocal steps
        steps += 1
        elapsed = time.time() - held.train_time_start
        if steps % 100 == 0:
            losses = ", ".join(f"{name} {float(value):.3f}" for name, value in held.tloss.items())
            log(f"{elapsed / 60:.1f} min, step {steps}, {steps * BATCH / elapsed:.1f} pictures/s, {losses}")
        held.stop = elapsed >= total

    def at_validation(held: Any) -> None:
        box = held.metrics
        log(f"held out: mAP50 {box['metrics/mAP50(B)']:.3f}, mAP50-95 {box['metrics/mAP50-95(B)']:.3f}")

    trainer.add_callback("on_train_batch_start", at_batch_start)
    trainer.add_callback("on_train_batch_end", at_batch_end)
    trainer.add_callback("on_fit_epoch_end", at_validation)
    trainer.train()
    export_yolo(Path(trainer.last), out, yolo_architecture())
    log(f"unseen scenes: {count_exact(out)}")


def train(
    out: Path,
    *,
    minutes: float,
    seed: int,
    device: str,
    resume_from: Path | None,
    arch: str = "yolo",
    scenes: int = 10_000,
    cache: Path | None = None,
    log: Log = print,
) -> None:
    """Train for ``minutes`` of wall time and export the model to ``out`` (see ``detector_export``).

    ``scenes`` distinct training scenes are rendered into ``cache`` first (kept and reused; not part of the minutes).
    ``resume_from`` starts from the weights of an earlier export with a fresh schedule. ultralytics' own checkpoint
    is written to ``out``/work after every pass over the scenes.
    """
    cache = cache or out / "work"
    started = time.time()
    _quiet_ultralytics(cache)
    data = write_pictures(cache / f"detector-{SIDE}", {"train": scenes, "val": 400}, side=SIDE)
    log(f"{scenes} scenes ready after {time.time() - started:.0f} s")
    if arch == "torchvision":
        from .detector_torchvision import train_fcos

        train_fcos(out, data.parent, minutes=minutes, seed=seed, device=device, resume_from=resume_from, log=log)
        return
    _train_yolo(out, data, minutes=minutes, seed=seed, device=device, resume_from=resume_from, log=log)


def main() -> None:
    """Command line of the recipe."""
    parser = argparse.ArgumentParser(description="Train the detector of the mini profile.")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--arch", choices=("yolo", "torchvision"), default="yolo")
    parser.add_argument("--scenes", type=int, default=10_000)
    parser.add_argument("--cache", type=Path, default=None, help="where rendered scenes are kept")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--resume-from", type=Path, default=None)
    train(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()

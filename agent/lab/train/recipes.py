"""Role to training recipe. Every recipe takes one order, so that the command line needs to know none of them."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ....tools.errors import InputError


@dataclass(frozen=True)
class Order:
    """Train for about ``minutes`` and export the model to ``out``.

    ``resume_from`` is the folder of an earlier run to go on from; ``arch`` names another architecture than the usual
    one. A recipe raises InputError for a device or an architecture that it does not have.
    """

    out: Path
    minutes: float
    seed: int = 0
    device: str = "cpu"
    resume_from: Path | None = None
    arch: str | None = None
    log: Callable[[str], None] = print


def detector(order: Order) -> None:
    """ultralytics' YOLO, or with ``arch="torchvision"`` the permissive FCOS."""
    _servable(order, "yolo", "torchvision")
    from .detector import train

    train(
        order.out,
        minutes=order.minutes,
        seed=order.seed,
        device=order.device,
        resume_from=order.resume_from,
        arch=order.arch or "yolo",
        log=order.log,
    )


def segmenter(order: Order) -> None:
    """A small Sam of segment-anything's classes."""
    _servable(order)
    from .segmenter import train

    _train(order, train)


def planner(order: Order) -> None:
    """A small causal language model that writes plans; ``minutes`` are of CPU time, the model lies in OUT/model."""
    _servable(order)
    from .planner.catalog import Catalog
    from .planner.train import Recipe, train

    recipe = Recipe(minutes=order.minutes, wall=2 * order.minutes, seed=order.seed, device=order.device,
                    bfloat16=order.device != "cpu")  # fmt: skip
    train(recipe, Catalog.read(None), order.out, resume=_brought(order), log=order.log)


def mllm(order: Order) -> None:
    """The backbone of planner and MLLM in four stages; checkpoints lie in OUT/work, from where a killed run goes on."""
    _servable(order)
    from .mllm.__main__ import train
    from .mllm.learner import Setting
    from .planner.catalog import Catalog

    _brought(order)
    train(
        order.out,
        Catalog.read(None),
        Setting.fitting(order.device, order.seed),
        minutes=[order.minutes],
        work=order.out / "work",
        log=order.log,
    )


def asr(order: Order) -> None:
    """A small Whisper that writes letters; on a CPU."""
    _servable(order)
    if order.device != "cpu":
        raise InputError("the recogniser's recipe runs on the CPU only", hint="use --device cpu", field="device")
    from .asr.train import train

    train(order.out, minutes=order.minutes, seed=order.seed, resume_from=order.resume_from, log=order.log)


def embedder(order: Order) -> None:
    """A small CLIP."""
    _servable(order)
    from .embedder.train import train

    _train(order, train)


def sound_classifier(order: Order) -> None:
    """A small audio spectrogram transformer."""
    _servable(order)
    from .sound_classifier import train

    _train(order, train)


def cloud_classifier(order: Order) -> None:
    """A small ResNet that sees a cloud from several sides."""
    _servable(order)
    from .cloud_classifier import train

    _train(order, train)


def image_generator(order: Order) -> None:
    """A small Stable Diffusion pipeline that draws pixels."""
    _servable(order)
    from .generator.train import train

    _train(order, train)


RECIPES: dict[str, Callable[[Order], None]] = {
    "planner": planner,
    "mllm": mllm,
    "detector": detector,
    "segmenter": segmenter,
    "asr": asr,
    "embedder": embedder,
    "sound_classifier": sound_classifier,
    "cloud_classifier": cloud_classifier,
    "image_generator": image_generator,
}


def _train(order: Order, train: Callable[..., None]) -> None:
    train(
        order.out,
        minutes=order.minutes,
        seed=order.seed,
        device=order.device,
        resume_from=order.resume_from,
        log=order.log,
    )


def _servable(order: Order, *names: str) -> None:
    """Raise InputError for an architecture that the recipe does not have, a device that torch does not, or no time."""
    if not 0 < order.minutes < math.inf:
        raise InputError(f"{order.minutes:g} minutes are no time to train in", hint="give some", field="minutes")
    if order.arch is not None and order.arch not in names:
        raise InputError(
            f"this recipe has no architecture {order.arch!r}",
            hint=f"use {' or '.join(names)}" if names else "leave --arch out",
            field="arch",
        )
    import torch

    try:
        torch.empty(0, device=order.device)
    except (RuntimeError, AssertionError) as error:  # torch asserts where it was built without the device
        raise InputError(
            f"cannot train on {order.device!r} here: {str(error).splitlines()[0]}",
            hint="use --device cpu",
            field="device",
        ) from error


def _brought(order: Order) -> bool:
    """Bring an earlier run's files to ``out``, to continue there; says whether there is one."""
    if order.resume_from is not None and order.resume_from.resolve() != order.out.resolve():
        shutil.copytree(order.resume_from, order.out, dirs_exist_ok=True)
    return order.resume_from is not None

"""Trains the image generator: renders scenes, then learns to take the noise off their pictures as prompts say."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import torch
from diffusers import StableDiffusionPipeline
from transformers import PreTrainedTokenizerFast

from .....tools.errors import InputError, MissingFile
from .....tools.loaders.checkpoints import INDEX
from .data import SEEDS, SIDE, render_pool
from .denoiser import Denoiser, build_text, build_unet, export
from .denoising import Denoising
from .pixels import build_autoencoder
from .prompts import build_tokenizer
from .runner import Log, Runner

FACTS = "panmodal.json"
SAMPLING = {"steps": 12, "guidance": 6.0, "guidance_rescale": 0.7}
"""How the exported pipeline is best asked."""
_HELD_OUT = 256  # scenes of the split val


@dataclass(frozen=True)
class Setting:
    """Sizes of steps and data."""

    scenes: int
    """Rendered before training starts; their prompts are new in every step."""
    prompts: int
    """A step."""
    rate: float
    """Peak learning rate."""
    workers: int
    """Processes that render, and on a GPU tell prompts too; with none this process does it."""
    bfloat16: bool
    threads: int = 1

    @classmethod
    def fitting(cls, device: str) -> Setting:
        """For an hour and a half of one slow core, or ten minutes of a GPU with its cores."""
        if torch.device(device).type == "cpu":
            return cls(30_000, 16, 1e-3, workers=0, bfloat16=False)
        return cls(120_000, 512, 1.5e-3, workers=14, bfloat16=True)


def train(
    out: Path,
    *,
    minutes: float,
    seed: int,
    device: str,
    resume_from: Path | None,
    work: Path | None = None,
    setting: Setting | None = None,
    log: Log = print,
) -> None:
    """Train and export a folder that diffusers' pipelines open to ``out``, every four minutes and at the end.

    Args:
        out: the folder.
        minutes: of training; rendering comes before.
        seed: of everything; runs with different seeds train on different scenes.
        device: cpu or cuda.
        resume_from: an exported folder to start from with a fresh schedule.
        work: folder for checkpoints (default: OUT.work beside it); the same call goes on there after it was killed.
        setting: sizes (default: what suits the device).
        log: takes a line of progress.

    Raises ``MissingFile`` where ``resume_from`` is no exported folder, ``InputError`` where ``out`` cannot be made.
    """
    _check(out, resume_from)
    setting, work = setting or Setting.fitting(device), work or out.with_name(out.name + ".work")
    torch.manual_seed(seed)
    torch.set_num_threads(setting.threads)
    cv2.setNumThreads(1)
    began = time.monotonic()
    pool = render_pool(seed * SEEDS, setting.scenes, workers=setting.workers)
    held_out = render_pool(0, _HELD_OUT, split="val", workers=0)
    log(f"{setting.scenes} scenes after {time.monotonic() - began:.0f} s")
    tokenizer, denoiser = _begun() if resume_from is None else _of(resume_from)
    denoiser.to(device)
    if torch.device(device).type == "cuda":
        # A step has thousands of small kernels, and launching them one by one takes longer than their work.
        denoiser.unet.compile(mode="reduce-overhead", dynamic=False)
    coder, seen = build_autoencoder().to(device), {"seed": seed}

    def write() -> None:
        export(coder, denoiser.text, denoiser.unet, tokenizer, out)
        facts = {"side": SIDE, **SAMPLING, **seen, "words": sorted(tokenizer.get_vocab())}
        (out / FACTS).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")

    denoising = Denoising(
        denoiser, coder, pool, held_out, tokenizer, batch=setting.prompts, rate=setting.rate, seed=seed,
        workers=0 if device == "cpu" else setting.workers, write=write,
    )  # fmt: skip
    seen["prompts"] = Runner(work, torch.device(device), setting.bfloat16, log).run(denoising, minutes)
    denoising.export()


def _check(out: Path, resume_from: Path | None) -> None:
    """Raise what would else be raised only after the rendering."""
    if resume_from is not None and not (resume_from / INDEX).is_file():
        raise MissingFile(
            f"there is no {INDEX} in {resume_from}", hint="give a folder that this recipe exported", field="resume_from"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out} cannot be made: {error}", hint="give another folder", field="out") from error


def _begun() -> tuple[PreTrainedTokenizerFast, Denoiser]:
    """An untrained denoiser, and the tokenizer of its prompts."""
    tokenizer = build_tokenizer()
    return tokenizer, Denoiser(build_text(tokenizer), build_unet())


def _of(folder: Path) -> tuple[PreTrainedTokenizerFast, Denoiser]:
    """Those of an exported pipeline; the heads are new."""
    pipeline = StableDiffusionPipeline.from_pretrained(folder, local_files_only=True)
    return pipeline.tokenizer, Denoiser(pipeline.text_encoder, pipeline.unet)

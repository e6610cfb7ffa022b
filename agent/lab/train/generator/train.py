"""Trains the image generator: renders scenes, trains the autoencoder on them, then the denoiser on their latents."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import torch
from diffusers import StableDiffusionPipeline
from transformers import PreTrainedTokenizerFast

from .autoencoder import build_autoencoder
from .data import SEEDS, SIDE, render_pool
from .denoiser import Denoiser, Widths, build_text, build_unet, export
from .prompts import build_tokenizer
from .runner import Log, Runner
from .stages import Autoencoding, Denoising

FACTS = "panmodal.json"
SAMPLING = {"steps": 14, "guidance": 4.0}
"""How the exported pipeline is best asked."""
SHARES = (0.18, 0.82)
"""Of minutes given as a whole: the autoencoder's and the denoiser's."""
_HELD_OUT = 256  # scenes of the split val


@dataclass(frozen=True)
class Setting:
    """Sizes of models, steps and data."""

    coder: tuple[int, ...]
    """Channels of the autoencoder at 64, 32 and 16 pixels."""
    unet: Widths
    scenes: int
    """Rendered before training starts; their prompts are new in every step."""
    pictures: int
    """A step of the autoencoder."""
    prompts: int
    """A step of the denoiser."""
    rates: tuple[float, float]
    """Peak learning rates of both stages."""
    workers: int
    """Processes that render, and on a GPU tell prompts too; with none this process does it."""
    bfloat16: bool
    threads: int = 1

    @classmethod
    def fitting(cls, device: str) -> Setting:
        """For an hour and a half of one slow core, or ten minutes of a GPU with its cores; both at most 16 MiB."""
        if torch.device(device).type == "cpu":
            unet = Widths((40, 80, 128), 1, (False, True, True))
            return cls((16, 32, 64), unet, 24_000, 4, 32, (1.5e-3, 1e-3), workers=0, bfloat16=False)
        unet = Widths((96, 112, 96), 1, (True, True, True))
        return cls((32, 64, 64), unet, 250_000, 128, 512, (2e-3, 1.5e-3), workers=14, bfloat16=True)


@dataclass
class _Parts:
    """What a pipeline is made of."""

    autoencoder: torch.nn.Module
    denoiser: Denoiser
    tokenizer: PreTrainedTokenizerFast

    @classmethod
    def new(cls, setting: Setting) -> _Parts:
        tokenizer = build_tokenizer()
        return cls(
            build_autoencoder(setting.coder), Denoiser(build_text(tokenizer), build_unet(setting.unet)), tokenizer
        )

    @classmethod
    def of(cls, folder: Path) -> _Parts:
        """Those of an exported pipeline; the heads are new."""
        pipeline = StableDiffusionPipeline.from_pretrained(folder)
        return cls(pipeline.vae, Denoiser(pipeline.text_encoder, pipeline.unet), pipeline.tokenizer)


def train(
    out: Path,
    *,
    minutes: Sequence[float],
    seed: int,
    device: str,
    resume_from: Path | None,
    work: Path | None = None,
    setting: Setting | None = None,
    log: Log = print,
) -> None:
    """Train and export a folder that diffusers' pipelines open to ``out``, every four minutes and at the end.

    Raises ValueError where ``minutes`` are of more or fewer stages than are run.

    Args:
        out: the folder.
        minutes: of both stages together, which SHARES shares out, or of each.
        seed: of everything; runs with different seeds train on different scenes.
        device: cpu or cuda.
        resume_from: an exported folder to start from with a fresh schedule: its autoencoder stays as it is, so that
            there is only the denoiser's stage.
        work: folder for checkpoints (default: OUT.work beside it); the same call goes on there after it was killed.
        setting: sizes (default: what suits the device; those of ``resume_from`` stay).
        log: takes a line of progress.
    """
    setting, work = setting or Setting.fitting(device), work or out.with_name(out.name + ".work")
    shares = _shared(minutes, stages=1 if resume_from else 2)
    torch.manual_seed(seed)
    torch.set_num_threads(setting.threads)
    cv2.setNumThreads(1)
    began = time.monotonic()
    pool = render_pool(seed * SEEDS, setting.scenes, workers=setting.workers)
    held_out = render_pool(0, _HELD_OUT, split="val", workers=0)
    log(f"{setting.scenes} scenes after {time.monotonic() - began:.0f} s")
    parts = _Parts.of(resume_from) if resume_from else _Parts.new(setting)
    coder, denoiser = parts.autoencoder.to(device), parts.denoiser.to(device)
    runner, seen = Runner(work, torch.device(device), setting.bfloat16, log), {"seed": seed}
    if not resume_from:
        stage = Autoencoding(coder, pool, held_out, batch=setting.pictures, rate=setting.rates[0], seed=seed)
        seen["pictures"] = runner.run(stage, shares[0])
    coder.eval().requires_grad_(False)
    began = time.monotonic()

    def write() -> None:
        export(coder, denoiser.text, denoiser.unet, parts.tokenizer, out)
        facts = {"side": SIDE, **SAMPLING, **seen, "words": sorted(parts.tokenizer.get_vocab())}
        (out / FACTS).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")

    denoising = Denoising(
        denoiser, coder, pool, held_out, parts.tokenizer, batch=setting.prompts, rate=setting.rates[1], seed=seed,
        workers=0 if device == "cpu" else setting.workers, write=write,
    )  # fmt: skip
    log(f"latents after {time.monotonic() - began:.0f} s")
    seen["prompts"] = runner.run(denoising, shares[-1])
    denoising.export()


def _shared(minutes: Sequence[float], stages: int) -> Sequence[float]:
    """The minutes of each stage."""
    if len(minutes) not in (1, stages):
        raise ValueError(f"{len(minutes)} minutes for {stages} stages: give one number, or one for each")
    return [minutes[0] * share for share in SHARES] if len(minutes) < stages else minutes

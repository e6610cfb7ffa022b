"""The two stages of training: the autoencoder on pictures, then text encoder and UNet on the latents of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import torch
from diffusers import AutoencoderKL
from diffusers.training_utils import EMAModel
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import PreTrainedTokenizerFast

from . import autoencoder as coder
from .data import Pool, Telling, Told, told
from .denoiser import Denoiser, spread_steps
from .prompts import Book

_DECAY = 0.999  # of the averaged weights


class Stage(Protocol):
    """What the runner trains."""

    name: str
    rate: float
    """Peak of the learning rate."""
    batch: int
    averages: EMAModel | None

    @property
    def module(self) -> nn.Module:
        """What is trained."""

    def begin(self, step: int) -> None:
        """Get ready to train from this step on, on other examples than the steps before."""

    def losses(self) -> dict[str, Tensor]:
        """The losses of the next batch."""

    def measure(self) -> dict[str, float]:
        """Figures of held-out scenes."""

    def finish(self) -> None:
        """What is done once, after the last step."""

    def export(self) -> None:
        """Write what can be used by now."""


class Autoencoding:
    """Shows pictures again that went through the latents; ends with standardised latents."""

    name = "autoencoder"
    averages = None

    def __init__(
        self, module: AutoencoderKL, pool: Pool, held_out: Pool, *, batch: int, rate: float, seed: int
    ) -> None:
        self.module, self.batch, self.rate, self.seed = module, batch, rate, seed
        self._pictures, self._held_out = pool.pictures, held_out.pictures[:64].to(module.device)

    def begin(self, step: int) -> None:
        """Draw other pictures than before."""
        self._random = torch.Generator().manual_seed(self.seed * 1_000_003 + step)

    def losses(self) -> dict[str, Tensor]:
        """Half of the pictures are seen in a mirror."""
        chosen = torch.randint(len(self._pictures), (self.batch,), generator=self._random)
        pictures = self._pictures[chosen].to(self.module.device)
        half = self.batch // 2
        return coder.losses(self.module, torch.cat([pictures[:half], pictures[half:].flip(2)]))

    def measure(self) -> dict[str, float]:
        """The peak signal-to-noise ratio, dB."""
        return {"psnr": coder.signal_to_noise(self.module, self._held_out)}

    def finish(self) -> None:
        """Standardise the latents."""
        coder.standardise(self.module, self._pictures[:4096])

    def export(self) -> None:
        """An autoencoder alone is no pipeline."""


class Denoising:
    """Denoises latents to prompts. ``write`` exports the averaged weights, which are in the module meanwhile."""

    name = "denoiser"

    def __init__(
        self, module: Denoiser, autoencoder: AutoencoderKL, pool: Pool, held_out: Pool,
        tokenizer: PreTrainedTokenizerFast, *, batch: int, rate: float, seed: int, workers: int,
        write: Callable[[], None],
    ) -> None:  # fmt: skip
        self.module, self.batch, self.rate, self.seed = module, batch, rate, seed
        self._tokenizer, self._workers, self._write = tokenizer, workers, write
        self.averages = EMAModel(module.parameters(), decay=_DECAY, foreach=True)
        pool = pool.tellable()
        self._rows = pool.rows.numpy()
        self._device = autoencoder.device
        self._latents = coder.encoded(autoencoder, pool.pictures)
        self._checked = self._held(autoencoder, held_out.tellable())

    def _held(self, autoencoder: AutoencoderKL, pool: Pool) -> tuple[Tensor, ...]:
        """Held-out latents with prompts in held-out wordings, noises and steps: the same in every run."""
        rng, random = np.random.default_rng(0), torch.Generator(self._device).manual_seed(0)
        count = len(pool.rows)
        prompts = told(np.arange(count), pool.rows.numpy(), self._tokenizer, Book(), rng, held_out=True)
        latents = coder.encoded(autoencoder, pool.pictures).float()
        noise = torch.randn(latents.shape, generator=random, device=self._device)
        steps = spread_steps(count, random, self._device)
        return latents, prompts.tokens.to(self._device), prompts.facts.to(self._device), noise, steps

    def begin(self, step: int) -> None:
        """Tell other prompts and draw other noise than before."""
        self._random = torch.Generator(self._device).manual_seed(self.seed * 1_000_003 + step)
        telling = Telling(self._rows, self._tokenizer, self.batch, [self.seed, step])
        self._told: Iterator[Told] = iter(DataLoader(telling, batch_size=None, num_workers=self._workers))

    def losses(self) -> dict[str, Tensor]:
        """Of the next prompts."""
        scenes, tokens, facts = (part.to(self._device, non_blocking=True) for part in next(self._told))
        latents = self._latents[scenes].float()
        noise = torch.randn(latents.shape, generator=self._random, device=self._device)
        steps = spread_steps(len(latents), self._random, self._device)
        return self.module.losses(latents, tokens, facts, noise, steps)

    def measure(self) -> dict[str, float]:
        """The loss, and the share of prompts in held-out wordings that the text encoder reads all right."""
        with self._averaged():
            parts = zip(*(torch.split(part, 128) for part in self._checked), strict=True)
            lost = [self.module.losses(*part)["denoising"] * len(part[0]) for part in parts]
            _, tokens, facts, *_ = self._checked
            return {"denoising": float(sum(lost)) / len(tokens), "read": self.module.reads(tokens, facts)}

    def finish(self) -> None:
        """Nothing."""

    def export(self) -> None:
        """The pipeline."""
        with self._averaged():
            self._write()

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """The averaged weights in place of the last ones."""
        self.averages.store(self.module.parameters())
        self.averages.copy_to(self.module.parameters())
        yield
        self.averages.restore(self.module.parameters())

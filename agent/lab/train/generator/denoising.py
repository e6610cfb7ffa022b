"""The training of text encoder and UNet, step by step: prompts of rendered scenes, and noise on their pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from diffusers import AutoencoderTiny
from diffusers.training_utils import EMAModel
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import PreTrainedTokenizerFast

from .data import Pool, Telling, Told, told
from .denoiser import Denoiser, spread_steps
from .pixels import encoded
from .prompts import Book

_DECAY = 0.999  # of the averaged weights


class Denoising:
    """Denoises pictures to prompts. ``write`` exports the averaged weights, which are in the module meanwhile.

    ``rate`` is the peak of the learning rate, ``batch`` the prompts of a step.
    """

    def __init__(
        self, module: Denoiser, autoencoder: AutoencoderTiny, pool: Pool, held_out: Pool,
        tokenizer: PreTrainedTokenizerFast, *, batch: int, rate: float, seed: int, workers: int,
        write: Callable[[], None],
    ) -> None:  # fmt: skip
        self.module, self.batch, self.rate, self.seed = module, batch, rate, seed
        self._tokenizer, self._workers, self._write = tokenizer, workers, write
        self.averages = EMAModel(module.parameters(), decay=_DECAY, foreach=True)
        pool = pool.tellable()
        self._rows = pool.rows.numpy()
        self._device = autoencoder.device
        self._latents = encoded(autoencoder, pool.pictures)
        self._checked = self._held(autoencoder, held_out.tellable())

    def _held(self, autoencoder: AutoencoderTiny, pool: Pool) -> tuple[Tensor, ...]:
        """Held-out latents with prompts in held-out wordings, noises and steps: the same in every run."""
        rng, random = np.random.default_rng(0), torch.Generator(self._device).manual_seed(0)
        count = len(pool.rows)
        prompts = told(np.arange(count), pool.rows.numpy(), self._tokenizer, Book(), rng, held_out=True)
        latents = encoded(autoencoder, pool.pictures).float()
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
        # What a GPU runs is compiled for the batches of training alone.
        with self._averaged(), torch.compiler.set_stance("force_eager"):
            parts = zip(*(torch.split(part, 128) for part in self._checked), strict=True)
            lost = [self.module.losses(*part)["denoising"] * len(part[0]) for part in parts]
            _, tokens, facts, *_ = self._checked
            return {"denoising": float(sum(lost)) / len(tokens), "read": self.module.reads(tokens, facts)}

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

"""The autoencoder: diffusers' AutoencoderKL, four times smaller a side, with latents of mean 0 and variance 1.

As in latent diffusion (Rombach et al. 2022), without its losses of a perceptual and an adversarial network: the world
is made of even areas and sharp edges, which the absolute error alone keeps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.nn import functional

from .data import SIDE

CHANNELS = 4
"""Numbers a cell of the latents."""
GRID = SIDE // 4
"""Cells a side."""
# Of the divergence from a normal distribution, by the mean over all latents. Enough that the decoder learns to bear an
# error of a few hundredths in every latent, which the denoiser will make.
_KL = 3e-3
_ENCODED = 128  # pictures that are encoded at once


def build_autoencoder(widths: tuple[int, ...]) -> AutoencoderKL:
    """An untrained autoencoder; ``widths`` are channels at 64, 32 and 16 pixels, multiples of 8."""
    levels = len(widths)
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=widths,
        layers_per_block=1,
        latent_channels=CHANNELS,
        norm_num_groups=8,
        sample_size=SIDE,
        scaling_factor=1.0,
        force_upcast=False,
        mid_block_add_attention=False,
    )


def as_input(pictures: Tensor) -> Tensor:
    """uint8 N x H x W x 3 as float32 N x 3 x H x W of -1 to 1, as the pipelines' image processor has it."""
    return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1


def losses(autoencoder: AutoencoderKL, pictures: Tensor) -> dict[str, Tensor]:
    """The absolute error of the shown pictures, and the weighted divergence of their latents."""
    wanted = as_input(pictures)
    latents = autoencoder.encode(wanted).latent_dist
    shown = autoencoder.decode(latents.sample()).sample
    divergence = latents.kl().mean() / (CHANNELS * GRID**2)
    return {"error": functional.l1_loss(shown.float(), wanted), "divergence": _KL * divergence}


@torch.no_grad()
def signal_to_noise(autoencoder: AutoencoderKL, pictures: Tensor) -> float:
    """The mean over pictures of the peak signal-to-noise ratio of what is shown of them, dB."""
    found = []
    for part in torch.split(pictures, _ENCODED):
        wanted = as_input(part)
        shown = autoencoder.decode(autoencoder.encode(wanted).latent_dist.mode()).sample.clamp(-1, 1)
        found += [10 * math.log10(4 / max(float(error), 1e-9)) for error in (shown - wanted).square().mean((1, 2, 3))]
    return sum(found) / len(found)


@torch.no_grad()
def encoded(autoencoder: AutoencoderKL, pictures: Tensor) -> Tensor:
    """The latents of pictures: float16 N x CHANNELS x GRID x GRID, where the autoencoder is."""
    parts: Iterator[Tensor] = (
        autoencoder.encode(as_input(part.to(autoencoder.device))).latent_dist.mode().half()
        for part in torch.split(pictures, _ENCODED)
    )
    return torch.cat(list(parts))


@torch.no_grad()
def standardise(autoencoder: AutoencoderKL, pictures: Tensor) -> None:
    """Give every channel of the latents the mean 0 and the variance 1 over these pictures.

    The pipelines know one factor for all channels, and no mean; so both are folded into the two 1 x 1 convolutions
    between encoder and decoder, and what is shown stays the same.
    """
    before, after = autoencoder.quant_conv, autoencoder.post_quant_conv
    assert before is not None and after is not None
    latents = encoded(autoencoder, pictures).float()
    mean, std = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    before.weight[:CHANNELS] /= std[:, None, None, None]
    before.bias[:CHANNELS] = (before.bias[:CHANNELS] - mean) / std
    before.bias[CHANNELS:] -= 2 * std.log()
    after.bias += after.weight[:, :, 0, 0] @ mean
    after.weight *= std[None, :, None, None]

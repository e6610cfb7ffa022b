"""What the pipelines take for an autoencoder: diffusers' AutoencoderTiny of one level, which hands the pixels on.

A picture of 64 pixels needs no smaller latents. Those of learned autoencoders with four or eight numbers for sixteen
pixels lost corners and tails at this size of model: of what the judge finds in true pictures it found three and six
tenths in pictures that had only gone through them. The weights of this one are set, not learned: its latents are red,
green, blue and their mean (the library's pipelines for inpainting ask for four), and its decoder leaves the mean out.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderTiny
from torch import Tensor

from .data import SIDE

CHANNELS = 4
"""Numbers a pixel of the latents."""
_SPREAD = 2.0  # of the latents over pixels of -1 to 1, so that theirs is about that of the noise
_UNBENT = 1.02  # the class bends latents by 3 tanh(z / 3) before it decodes them: this much is given back
_ENCODED = 512  # pictures that are encoded at once


@torch.no_grad()
def build_autoencoder() -> AutoencoderTiny:
    """The autoencoder; what it shows of a picture differs from it by at most two of 255."""
    made = AutoencoderTiny(
        encoder_block_out_channels=(3,), decoder_block_out_channels=(3,), num_encoder_blocks=(0,),
        num_decoder_blocks=(0,), latent_channels=CHANNELS, scaling_factor=_SPREAD,
    )  # fmt: skip
    first, last = made.encoder.layers  # the class makes pixels of -1 to 1 those of 0 to 1 for its layers, and back
    into, _, out = made.decoder.layers
    for layer in (first, last, into, out):
        layer.weight.zero_()
        layer.bias.zero_()
    colours = torch.arange(3)
    first.weight[colours, colours, 1, 1] = 1
    last.weight[colours, colours, 1, 1] = 2
    last.weight[3, :, 1, 1] = 2 / 3
    last.bias -= 1
    into.weight[colours, colours, 1, 1] = _UNBENT / 2
    into.bias += 0.5
    out.weight[colours, colours, 1, 1] = 1
    return made.eval().requires_grad_(False)


def as_input(pictures: Tensor) -> Tensor:
    """uint8 N x H x W x 3 as float32 N x 3 x H x W of -1 to 1, as the pipelines' image processor has it."""
    return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1


@torch.no_grad()
def encoded(autoencoder: AutoencoderTiny, pictures: Tensor) -> Tensor:
    """The latents of pictures as the UNet sees them: float16 N x CHANNELS x SIDE x SIDE, where the autoencoder is."""
    parts = [
        (autoencoder.encode(as_input(part.to(autoencoder.device))).latents * _SPREAD).half()
        for part in torch.split(pictures, _ENCODED)
    ]
    return torch.cat(parts) if parts else torch.empty(0, CHANNELS, SIDE, SIDE, dtype=torch.float16)

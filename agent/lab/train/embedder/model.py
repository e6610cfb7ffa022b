"""The embedder: transformers' CLIPModel at a small size, whose first layers begin by looking around.

CLIP (Radford et al. 2021) has a vision transformer, which sees nothing of the neighbourhood of a patch until attention
has learned to look there; from nothing that takes most of a short training. Self-attention over sinusoidal positions
can express a convolution exactly (Cordonnier et al. 2020, "On the relationship between self-attention and
convolutional layers"), and a transformer that begins as one learns faster from little (d'Ascoli et al. 2021,
"ConViT"). Here that is a matter of first weights alone, so the class and its files are the library's own. The text
tower begins likewise: its heads look at the words just before.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPProcessor,
    CLIPTextConfig,
    CLIPVisionConfig,
    PreTrainedTokenizerFast,
)

from ..weights import save_model, whole
from .wordings import LONGEST

SIDE = 108  # pixels of the square input
PATCH = 12  # pixels of a patch
GRID = SIDE // PATCH  # patches a side; a multiple of three, so that the nine places are whole patches
WIDTH = 128  # of both towers, and of the space that they share
HEADS = 8
VISION_LAYERS, TEXT_LAYERS = 4, 2
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)

_HEAD = WIDTH // HEADS  # channels of a head, and of the residual stream that hold positions at the start
_GAIN = 1.8  # of queries and keys: a head then looks at one place and little at those beside it
# What the heads of the first layers look at: patches (right, down) of the own one, and words behind the own one.
_NEAR = tuple((x, y) for y in (-1, 0, 1) for x in (-1, 0, 1) if (x, y) != (0, 0))
_AROUND = (_NEAR, _NEAR, _NEAR, tuple((2 * x, 2 * y) for x, y in _NEAR))
_BEFORE = tuple(tuple((-step,) for step in range(HEADS - 1)) for _ in range(2))
# Radians a step; the slow ones tell far places apart, the fast ones near ones.
_WAVES = {2: (0.35, 0.8, 1.4, 2.2), 1: (0.1, 0.2, 0.35, 0.6, 0.9, 1.3, 1.8, 2.4)}
Offsets = Sequence[Sequence[float]]


def build_model(tokenizer: PreTrainedTokenizerFast) -> CLIPModel:
    """The untrained model for texts of this tokenizer; torch's seed decides the random part of its weights."""
    shared: dict[str, Any] = {
        "hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_attention_heads": HEADS, "hidden_act": "gelu",
        "projection_dim": WIDTH,
    }  # fmt: skip
    text = CLIPTextConfig(
        vocab_size=len(tokenizer), num_hidden_layers=TEXT_LAYERS, max_position_embeddings=LONGEST,
        pad_token_id=tokenizer.pad_token_id, bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        **shared,
    )  # fmt: skip
    vision = CLIPVisionConfig(num_hidden_layers=VISION_LAYERS, image_size=SIDE, patch_size=PATCH, **shared)
    model = CLIPModel(CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=WIDTH))
    _look_around(model)
    return model


@torch.no_grad()
def _look_around(model: CLIPModel) -> None:
    """Give both towers positions in channels of their own, and their first layers heads that look at near ones."""
    towers = (
        (model.vision_model, model.vision_model.embeddings.patch_embedding.weight, _AROUND,
         np.array([(i % GRID, i // GRID) for i in range(GRID * GRID)])),
        (model.text_model, model.text_model.embeddings.token_embedding.weight.T, _BEFORE, np.arange(LONGEST)[:, None]),
    )  # fmt: skip
    for tower, content, layers, at in towers:
        strength = content.square().sum().div(WIDTH).sqrt() if content.ndim == 4 else content.std()
        content[:_HEAD] = 0
        positions = tower.embeddings.position_embedding.weight
        first = len(positions) - len(at)  # the picture's class token stands before the patches and is nowhere
        positions[:, :_HEAD] = 0
        positions[first:, :_HEAD] = 2**0.5 * strength * _waves(at)
        if first:
            tower.embeddings.class_embedding[:_HEAD] = 0
        for layer, offsets in zip(tower.encoder.layers, layers, strict=False):
            _look_at(layer.self_attn, offsets)


def _waves(at: np.ndarray[Any, Any]) -> Tensor:
    """Places (N, axes) as cosines and sines (N, _HEAD): for each axis and each wave one pair."""
    turns = at[:, :, None] * np.array(_WAVES[at.shape[1]])
    return torch.from_numpy(np.stack([np.cos(turns), np.sin(turns)], axis=-1).reshape(len(at), _HEAD)).float()


def _look_at(attention: Any, offsets: Offsets) -> None:
    """Turn each head's queries by its offset: they are most like the keys of the place that lies there."""
    for head, offset in enumerate(offsets):
        rows = slice(head * _HEAD, (head + 1) * _HEAD)
        turns = (np.array(offset)[:, None] * np.array(_WAVES[len(offset)])).reshape(-1)
        turned = torch.block_diag(  # type: ignore[no-untyped-call]
            *(torch.tensor([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]], dtype=torch.float32) for t in turns)
        )
        for projection, start in ((attention.q_proj, turned), (attention.k_proj, torch.eye(_HEAD))):
            projection.weight[rows] = 0
            projection.weight[rows, :_HEAD] = _GAIN * start


def build_processor(tokenizer: PreTrainedTokenizerFast) -> CLIPProcessor:
    """The processor: picture to 108 x 108 (bicubic with antialiasing, aspect not kept), text to tokens."""
    images = CLIPImageProcessor(
        size={"height": SIDE, "width": SIDE}, do_center_crop=False, resample=3, do_convert_rgb=True,
        image_mean=list(MEAN), image_std=list(STD),
    )  # fmt: skip
    return CLIPProcessor(image_processor=images, tokenizer=tokenizer)


def normalise(pictures: Tensor) -> Tensor:
    """uint8 N x H x W x 3 to the model's float32 N x 3 x H x W (as the processor does it)."""
    mean, std = (torch.tensor(values, device=pictures.device) for values in (MEAN, STD))
    return ((pictures.float() / 255 - mean) / std).permute(0, 3, 1, 2).contiguous()


def export(model: CLIPModel, processor: CLIPProcessor, folder: Path) -> None:
    """Write model (fp16 safetensors) and processor so that the Auto classes open ``folder``."""
    with whole(folder) as part:
        save_model(model, part)
        processor.save_pretrained(part)


def opened(folder: Path) -> tuple[CLIPModel, CLIPProcessor]:
    """The model (float32, ready to embed) and the processor that a run left in ``folder``."""
    model = CLIPModel.from_pretrained(folder, local_files_only=True)
    return model.eval(), CLIPProcessor.from_pretrained(folder, local_files_only=True)

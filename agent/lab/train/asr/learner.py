"""What learns: openai-whisper's classes at a small size, with two heads over the encoder that training alone has.

From nothing such a model learns little for long. Three aids shorten that: the encoder's heads begin by looking at near
frames (whisper's sinusoidal positions make that a matter of their first weights); the frames are taught their phonemes
and, by connectionist temporal classification (CTC; Graves et al. 2006), the letters; and one head of the decoder is
shown where each letter sounds, which word times are read from afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from whisper.model import ModelDimensions, MultiHeadAttention, Whisper

from .....tools.loaders.whisper_letters import Alphabet
from .utterances import MELS, PHONEMES

STATE, HEADS = 160, 4
ENCODER, DECODER = 4, 2
CONTEXT = 320  # encoder frames: 6.4 s
LETTERS = 128  # the longest text and its ends
IGNORED = -100
_OFFSETS = ((-2, 2, -5, 5), (-3, 3, -8, 8), (-4, 4))  # encoder frames that the heads of the first layers look at
_WATCHED = 0  # the head of the last decoder layer that is shown where letters sound


@dataclass
class Batch:
    """N utterances: log mel N x MELS x 2T; tokens N x L with BEGIN before and END behind, END after that.

    ``lengths`` (N) counts letters; ``at`` (N x L - 1) is the frame of each letter and of the end; ``phonemes`` (N x T)
    has IGNORED where there is no sound any more.
    """

    mel: Tensor
    tokens: Tensor
    lengths: Tensor
    at: Tensor
    phonemes: Tensor


class Learner(nn.Module):
    """The model with its heads, and the losses."""

    def __init__(self, alphabet: Alphabet) -> None:
        super().__init__()
        self.model = Whisper(
            ModelDimensions(
                n_mels=MELS, n_audio_ctx=CONTEXT, n_audio_state=STATE, n_audio_head=HEADS, n_audio_layer=ENCODER,
                n_vocab=len(alphabet), n_text_ctx=LETTERS, n_text_state=STATE, n_text_head=HEADS, n_text_layer=DECODER,
            )
        )  # fmt: skip
        self.ctc = nn.Linear(STATE, len(alphabet))  # BEGIN is the blank
        self.sounds = nn.Linear(STATE, PHONEMES)
        watched = torch.zeros(DECODER, HEADS, dtype=torch.bool)
        watched[-1, _WATCHED] = True
        self.model.register_buffer("alignment_heads", watched.to_sparse(), persistent=False)
        self._begin()

    @torch.no_grad()
    def _begin(self) -> None:
        decoder, encoder = self.model.decoder, self.model.encoder
        nn.init.normal_(decoder.positional_embedding, std=0.02)  # the class leaves it as the memory was
        nn.init.normal_(decoder.token_embedding.weight, std=0.05)
        for convolution in (encoder.conv1, encoder.conv2):
            convolution.weight.mul_(2)  # else the sound is small beside the positions
        for block, offsets in zip(encoder.blocks, _OFFSETS, strict=False):
            _look_near(block.attn, offsets)

    def encode(self, mel: Tensor) -> Tensor:
        """The encoder's features of N x MELS x 2T, of any length up to the context."""
        encoder = self.model.encoder
        x = F.gelu(encoder.conv2(F.gelu(encoder.conv1(mel)))).permute(0, 2, 1)
        x = x + encoder.positional_embedding[: x.shape[1]]
        for block in encoder.blocks:
            x = block(x)
        found: Tensor = encoder.ln_post(x)
        return found

    def losses(self, batch: Batch, *, writes: bool) -> dict[str, Tensor]:
        """The losses of a batch by name; without ``writes`` the decoder rests."""
        features = self.encode(batch.mel)
        found = {}
        logits = self.ctc(features).float().log_softmax(-1).transpose(0, 1)
        frames = torch.full((len(features),), features.shape[1])
        letters = batch.tokens[:, 1:]
        ctc = F.ctc_loss(
            logits, letters, frames, batch.lengths, blank=Alphabet.BEGIN, reduction="none", zero_infinity=True
        )
        found["ctc"] = (ctc / batch.lengths.clamp(min=features.shape[1] // 10)).mean()
        found["phonemes"] = F.cross_entropy(self.sounds(features).flatten(0, 1), batch.phonemes.flatten())
        if writes:
            found |= self._written(batch, features)
        return found

    def _written(self, batch: Batch, features: Tensor) -> dict[str, Tensor]:
        seen: dict[str, Tensor] = {}
        cross = self.model.decoder.blocks[-1].cross_attn
        hooks = [
            part.register_forward_hook(lambda _, __, out, name=name: seen.__setitem__(name, out))
            for name, part in (("query", cross.query), ("key", cross.key))
        ]
        logits = self.model.decoder(batch.tokens[:, :-1], features)
        for hook in hooks:
            hook.remove()
        wanted = batch.tokens[:, 1:].clone()
        told = torch.arange(wanted.shape[1]) <= batch.lengths[:, None]
        wanted[~told] = IGNORED
        size = STATE // HEADS
        query, key = (seen[name][..., _WATCHED * size : (_WATCHED + 1) * size] for name in ("query", "key"))
        looks = (query @ key.transpose(1, 2) * size**-0.5).log_softmax(-1)
        # A bell of two frames' width around the true one.
        distance = torch.arange(features.shape[1]) - batch.at[..., None]
        bell = (-0.5 * (distance / 2).square()).softmax(-1)
        guided = -(looks * bell).sum(-1)
        return {
            "letters": F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=IGNORED),
            "guided": guided[told].mean(),
        }


def _look_near(attention: MultiHeadAttention, offsets: tuple[int, ...]) -> None:
    """Let heads begin by looking `offset` frames away: their keys copy 20 of the position's frequencies, their queries
    the same turned by the offset."""
    size, half = STATE // HEADS, STATE // 2
    step = np.log(10_000) / (half - 1)
    for weight in (attention.query.weight, attention.key.weight):
        weight.mul_(0.2)
    attention.query.bias.zero_()
    for head, offset in enumerate(offsets):
        for k in range(size // 2):
            angle = float(np.exp(-step * k)) * offset
            sine, cosine = head * size + k, head * size + size // 2 + k
            for row, (a, b) in ((sine, (np.cos(angle), np.sin(angle))), (cosine, (-np.sin(angle), np.cos(angle)))):
                attention.query.weight[row, k] += a
                attention.query.weight[row, half + k] += b
            attention.key.weight[sine, k] += 1
            attention.key.weight[cosine, half + k] += 1

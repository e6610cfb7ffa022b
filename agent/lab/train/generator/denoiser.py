"""The denoiser: diffusers' UNet2DConditionModel on pixels, transformers' CLIPTextModel, and the pipeline of both.

The UNet sees the prompt twice: token by token by cross-attention, and as a whole beside the time step, where it scales
and shifts every block (its `addition_embed_type="text"`, which every Stable Diffusion pipeline serves): a short way
from words to pictures. The text encoder learns to read from an easier task at the same time: heads, which are not
exported, tell from its last token what the prompt says.
"""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import (
    AutoencoderTiny,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

from .data import SIDE
from .pixels import CHANNELS
from .prompts import FACTS, LENGTH, UNSAID

WIDTH = 96
"""Of the text encoder, and of what the UNet is told of the time step."""
STEPS = 1000
"""Of the noise schedule."""
# Zero signal at the last step and v-prediction (Lin et al. 2024, "Common Diffusion Noise Schedules and Sample Steps are
# Flawed"), so that sampling may begin with pure noise and choose any brightness. The betas are Stable Diffusion's: even
# shapes of 64 pixels are seen through more noise than the usual cosine has.
_SCHEDULE = {
    "num_train_timesteps": STEPS,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
}
_FACTS = 0.1  # weight of the heads' loss


_CHANNELS = (16, 32, 56, 64, 40)  # of the UNet at 64, 32, 16, 8 and 4 cells a side: 3.2 MiB in all
_ATTENDS = (False, False, False, True, True)  # to the words, and to all other cells


def build_unet() -> UNet2DConditionModel:
    """An untrained UNet."""
    return UNet2DConditionModel(
        sample_size=SIDE,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        down_block_types=tuple("CrossAttnDownBlock2D" if attends else "DownBlock2D" for attends in _ATTENDS),
        up_block_types=tuple("CrossAttnUpBlock2D" if attends else "UpBlock2D" for attends in _ATTENDS[::-1]),
        block_out_channels=_CHANNELS,
        layers_per_block=1,
        norm_num_groups=8,
        cross_attention_dim=WIDTH,
        attention_head_dim=4,  # by an old mistake in diffusers the number of heads
        use_linear_projection=True,
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
        resnet_time_scale_shift="scale_shift",
        time_embedding_dim=WIDTH,  # the usual four times the channels would be a sixth of all weights
    )


def build_text(tokenizer: PreTrainedTokenizerFast) -> CLIPTextModel:
    """An untrained text encoder for this tokenizer."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer), hidden_size=WIDTH, intermediate_size=2 * WIDTH, num_hidden_layers=2,
            num_attention_heads=4, max_position_embeddings=LENGTH, projection_dim=WIDTH, hidden_act="gelu",
            bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )  # fmt: skip


class Denoiser(nn.Module):
    """Text encoder, UNet and heads as they are trained, and what they are trained for."""

    def __init__(self, text: CLIPTextModel, unet: UNet2DConditionModel) -> None:
        super().__init__()
        self.signal: Tensor
        self.noise: Tensor
        self.text, self.unet = text, unet.to(memory_format=torch.channels_last)
        self.heads = nn.Linear(WIDTH, sum(FACTS) + len(FACTS))  # one value more each: the prompt does not say
        kept = DDPMScheduler(**_SCHEDULE).alphas_cumprod
        self.register_buffer("signal", kept.sqrt(), persistent=False)
        self.register_buffer("noise", (1 - kept).sqrt(), persistent=False)

    def losses(self, latents: Tensor, tokens: Tensor, facts: Tensor, noise: Tensor, steps: Tensor) -> dict[str, Tensor]:
        """The losses of N latents (N x CHANNELS x SIDE x SIDE) with their prompts, at these noises and time steps.

        Args:
            latents: of the scenes.
            tokens: of the prompts, N x LENGTH.
            facts: what the prompts say, N x len(FACTS).
            noise: as the latents.
            steps: N, 0 to STEPS - 1.
        """
        read = self.text(tokens)
        a, b = (part[steps][:, None, None, None] for part in (self.signal, self.noise))
        noisy = (a * latents + b * noise).to(memory_format=torch.channels_last)
        wanted = a * noise - b * latents  # the velocity of Salimans and Ho 2022
        found = self.unet(noisy, steps, read.last_hidden_state).sample
        told = self._told(read.pooler_output)
        entropy = [
            functional.cross_entropy(logits, want) for logits, want in zip(told, self._values(facts), strict=True)
        ]
        return {
            "denoising": functional.mse_loss(found.float(), wanted),
            "facts": _FACTS * torch.stack(entropy).mean(),
        }

    @torch.no_grad()
    def reads(self, tokens: Tensor, facts: Tensor) -> float:
        """The share of prompts of which the heads tell everything right."""
        told = self._told(self.text(tokens).pooler_output)
        right = [logits.argmax(1) == want for logits, want in zip(told, self._values(facts), strict=True)]
        return float(torch.stack(right).all(0).float().mean())

    def _told(self, pooled: Tensor) -> tuple[Tensor, ...]:
        return torch.split(self.heads(pooled).float(), [values + 1 for values in FACTS], dim=1)

    def _values(self, facts: Tensor) -> list[Tensor]:
        return [torch.where(fact == UNSAID, values, fact) for values, fact in zip(FACTS, facts.unbind(1), strict=True)]


def spread_steps(count: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """``count`` time steps, one from each of as many equal parts of the schedule, so that no batch lacks any noise."""
    part = torch.arange(count, device=device) + torch.rand(count, generator=generator, device=device)
    return (part * (STEPS / count)).long().clamp(max=STEPS - 1)


def export(
    autoencoder: AutoencoderTiny,
    text: CLIPTextModel,
    unet: UNet2DConditionModel,
    tokenizer: PreTrainedTokenizerFast,
    folder: Path,
) -> None:
    """Write the pipeline in float16; DiffusionPipeline and the AutoPipelines open the folder offline, in float32.

    Its scheduler is DPM-Solver++ (Lu et al. 2022), which needs about a dozen steps.
    """
    pipeline = StableDiffusionPipeline(
        vae=autoencoder, text_encoder=text, unet=unet, tokenizer=tokenizer,
        scheduler=DPMSolverMultistepScheduler(
            **_SCHEDULE, solver_order=3, timestep_spacing="trailing", steps_offset=1
        ),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    for part in (autoencoder, unet):
        part.register_to_config(_name_or_path="")  # where they were opened is nobody's business
    pipeline.save_pretrained(folder)
    # Halved as files: a text encoder that is halved itself says so in its config, and would be opened in float16.
    for path in folder.rglob("*.safetensors"):
        save_file({name: value.half() for name, value in load_file(path).items()}, path, metadata={"format": "pt"})
        path.chmod(0o644)  # the library writes files that only their owner may read

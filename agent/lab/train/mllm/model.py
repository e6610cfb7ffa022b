"""The backbone: LlavaForConditionalGeneration with a LeViT tower, whose language model is the planner LM.

LLaVA (Liu et al. 2023, "Visual Instruction Tuning") joins a vision tower and a language model by a two-layer
projector. The tower is LeViT (Graham et al. 2021) without its subsampling: four strided convolutions see small things
earlier than one large patch does, and one stage of attention keeps a feature per 16-pixel cell. The language model
writes plans from requests without a picture, and answers from pictures: the pool holds one model for both roles.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import (
    CLIPImageProcessor,
    GenerationConfig,
    LevitConfig,
    LlamaConfig,
    LlamaForCausalLM,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from .....planners.backends.prompt_format import END, IN
from ..planner.tokenizer import ANSWER, IMAGE
from .words import READ

SIDE = 144  # pixels of the square input
CELL = 16  # pixels of one cell, i.e. of one image token
GRID = SIDE // CELL  # cells a side; a multiple of three, so that the nine places are whole cells
CELLS = GRID * GRID
WIDTH = 192
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)

# A request in the planner's form is passed on as it stands; everything else is a question about pictures.
CHAT_TEMPLATE = (
    READ + "{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ raise_exception('this model takes no system message') }}{% endif %}"
    "{% set parts = [{'type': 'text', 'text': message['content']}] if message['content'] is string"
    " else message['content'] %}"
    "{% if message['role'] == 'user' and parts and parts[0]['text'] is defined"
    " and parts[0]['text'].startswith('" + IN + "') %}{{ parts[0]['text'] }}"
    "{% elif message['role'] == 'user' %}"
    "{% for part in parts if part['type'] == 'image' %}" + IMAGE + "{% endfor %}"
    "{% for part in parts if part['type'] == 'text' %}{{ read(part['text']) }}{% endfor %}"
    "{% if not loop.last or add_generation_prompt %}" + ANSWER + "{% endif %}"
    "{% elif message['role'] == 'assistant' %}"
    "{% for part in parts if part['type'] == 'text' %}{{ read(part['text']) }}{% endfor %}"
    + END
    + "{% endif %}{% endfor %}"
)


def tower_config() -> LevitConfig:
    """One LeViT stage at 16 pixels a cell: four blocks, 192 wide, and no subsampling after it."""
    config = LevitConfig(
        image_size=SIDE, patch_size=CELL, hidden_sizes=[WIDTH, WIDTH], depths=[4], num_attention_heads=[6],
        key_dim=[16], attention_ratio=[2], mlp_ratio=[2],
    )  # fmt: skip
    config.down_ops = [[""]]  # LevitConfig always asks for two subsamplings; config.json carries this value instead
    config.hidden_size = WIDTH  # the name under which LLaVA's projector looks for the tower's width
    return config


def model_config(text: LlamaConfig, tokenizer: PreTrainedTokenizerFast) -> LlavaConfig:
    """The configuration of the whole model around the planner LM's."""
    return LlavaConfig(
        vision_config=tower_config(), text_config=text, tie_word_embeddings=True, image_seq_length=CELLS,
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE), vision_feature_layer=-1,
        vision_feature_select_strategy="full",
    )  # fmt: skip


def build_model(planner: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> LlavaForConditionalGeneration:
    """An untrained tower and projector before this planner LM, whose weights the model holds from then on.

    Raises ValueError where the planner LM is not WIDTH wide.
    """
    if planner.config.hidden_size != WIDTH:
        raise ValueError(f"the planner LM is {planner.config.hidden_size} wide, the tower {WIDTH}")
    model = LlavaForConditionalGeneration(model_config(planner.config, tokenizer))
    model.model.language_model, model.lm_head = planner.model, planner.lm_head
    model.generation_config = GenerationConfig(
        do_sample=False, max_new_tokens=48, pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id
    )
    return model


def build_processor(tokenizer: PreTrainedTokenizerFast) -> LlavaProcessor:
    """The processor: picture to 144 x 144 (bicubic with antialiasing, aspect not kept), text to tokens."""
    images = CLIPImageProcessor(
        size={"height": SIDE, "width": SIDE}, do_center_crop=False, resample=3, do_convert_rgb=True,
        image_mean=list(MEAN), image_std=list(STD),
    )  # fmt: skip
    return LlavaProcessor(
        image_processor=images, tokenizer=tokenizer, patch_size=CELL, vision_feature_select_strategy="full",
        chat_template=CHAT_TEMPLATE, image_token=IMAGE, num_additional_image_tokens=0,
    )  # fmt: skip


def normalise(pictures: Tensor) -> Tensor:
    """uint8 N x H x W x 3 to the tower's float32 N x 3 x H x W (as the processor does it)."""
    mean, std = (torch.tensor(values, device=pictures.device) for values in (MEAN, STD))
    return ((pictures.float() / 255 - mean) / std).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


def encode_pictures(model: LlavaForConditionalGeneration, pixels: Tensor) -> Tensor:
    """The tower's features: N x CELLS x WIDTH, before the projector."""
    features: Tensor = model.model.vision_tower(pixels, output_hidden_states=True).hidden_states[-1]
    return features


def export(model: Any, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write the model (fp16 safetensors), the processor and the tokenizer so that the Auto classes open `folder`.

    config.json says float32: stored halves are widened on loading, as halves are slow on a CPU.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.cpu() for name, value in model.state_dict().items() if name != "lm_head.weight"}  # tied
    halves = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    model.save_pretrained(folder, state_dict=halves, safe_serialization=True)
    processor = build_processor(tokenizer)
    processor.tokenizer.clean_up_tokenization_spaces = True  # answers are words apart: no space before their marks
    processor.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)  # the library writes files that only their owner may read

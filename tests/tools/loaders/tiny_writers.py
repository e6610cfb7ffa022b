"""Tiny language models of transformers that write: noise, or one thing that is known beforehand.

A token is a byte. One checkpoint has random weights. The others are built to say one thing each: their attention and
feed-forward layers are silent, and the output row of the answer, which is one token, is the embedding of the prompt's
last token.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

# What a prompt can end with, so what a checkpoint can tell apart: an answer, one after a repair, a call of a tool.
ANSWER, AGAIN, CALL = "<assistant>", "<again>", "<call>"
TEMPLATE = (
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}<end>{% endfor %}{% if add_generation_prompt %}"
    "{{ '<call>' if tools else '<again>' if messages | length > 3 else '<assistant>' }}{% endif %}"
)
CALLS = {
    "start_anchor": [ANSWER, AGAIN, CALL],
    "fields": {
        "tool_calls": {
            "open": "<tool_call>", "close": "</tool_call>", "repeats": True, "content": "json",
            "transform": {"type": "function", "function": "{content}"},
        },
        "content": {"close": "<end>", "content": "text"},
    },
}  # fmt: skip
_SIZE = 16  # of the hidden layer


def byte_tokenizer(more: Sequence[str] = ()) -> Any:
    """A token a byte, the signs of the template, and ``more``."""
    alphabet = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    bare = Tokenizer(models.BPE(alphabet, []))
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bare.decoder = decoders.ByteLevel()
    bare.add_special_tokens(["<end>", "<system>", "<user>", ANSWER, AGAIN, CALL])
    bare.add_tokens([AddedToken(each, normalized=False) for each in more])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bare, eos_token="<end>", pad_token="<end>")
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def llama(tokenizer: Any) -> Any:
    end = tokenizer.eos_token_id
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=_SIZE, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=32768, pad_token_id=end, eos_token_id=end, bos_token_id=None,
    )  # fmt: skip
    return LlamaForCausalLM(config)


def write_noise(folder: Path) -> Path:
    """A checkpoint of random weights that samples where it is not told otherwise, as published ones do.

    One byte in eight ends its text too, or it would babble to the limit.
    """
    tokenizer = byte_tokenizer()
    model = llama(tokenizer)
    torch.manual_seed(6)
    for weight in model.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight)
    model.generation_config.do_sample = True
    model.generation_config.eos_token_id = [tokenizer.eos_token_id, *range(5, 256, 8)]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write_saying(folder: Path, says: Mapping[str, str], *, ends: bool = True, **more: Any) -> Path:
    """A checkpoint that ends a prompt that ends with a key of ``says`` with the text there."""
    texts = list(dict.fromkeys(says.values()))
    tokenizer = byte_tokenizer(texts)
    model = llama(tokenizer)
    number = tokenizer.convert_tokens_to_ids
    silent, said = _SIZE - 1, _SIZE - 2
    with torch.no_grad():
        model.model.layers[0].self_attn.o_proj.weight.zero_()
        model.model.layers[0].mlp.down_proj.weight.zero_()
        inward, outward = model.model.embed_tokens.weight, model.lm_head.weight
        inward.zero_()
        outward.zero_()
        inward[:, silent] = 1
        for axis, (sign, text) in enumerate(says.items()):
            inward[number(sign)], outward[number(text), axis] = torch.eye(_SIZE)[axis], 1
        for text in texts:
            inward[number(text)] = torch.eye(_SIZE)[said]
            outward[number("<end>" if ends else text), said] = 1
    for name, value in more.items():
        setattr(tokenizer, name, value)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def greedy(folder: Path, messages: Sequence[Any], most: int, tools: Any = None) -> str:
    """What transformers itself writes after these messages."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    prompt = tokenizer.apply_chat_template(
        list(messages), tools=tools, add_generation_prompt=True, return_dict=True, return_tensors="pt"
    )
    made = model.generate(**prompt, do_sample=False, max_new_tokens=most)
    return str(tokenizer.decode(made[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True))

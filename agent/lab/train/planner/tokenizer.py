"""The planner LM's tokenizer: byte-level BPE over words, and the skeleton of plan JSON as whole tokens.

With `{"id":"s1","tool":"` or `","labels":["` as one token each, a plan takes a third of the tokens and is still plain
JSON after decoding. Bytes are the fallback, so no request is unreadable.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from .....planners.backends.prompt_format import END, PAD, SPECIALS, normal, prompt
from .build import MAX_STEPS
from .catalog import Catalog
from .requests import Example, Generator

MAX_PICTURES = 4


def skeleton(catalog: Catalog) -> list[str]:
    """The pieces of plan JSON that are one token each."""
    pieces = ['{"version":1,"steps":[']
    pieces += [f'{{"id":"s{i}","tool":"' for i in range(1, MAX_STEPS + 1)]
    pieces += [f'{tool.name}","args":{{"{tool.args[0].name}":"' for tool in catalog.tools if tool.args]
    for tool in catalog.tools:
        choice = tool.narrows
        if choice is not None and choice.optional:  # its default is not written
            pieces += [f'","{choice.name}":" {option}' for option in choice.options if option != choice.default]
        for arg in tool.args[1:]:
            opened = "[" if arg.type == "array" else ""
            pieces.append(f'","{arg.name}":{opened}"' if arg.kind or arg.type in ("string", "array") else
                          f'","{arg.name}":')  # fmt: skip
    pieces += ['","', '","each":"', '","each":["']
    pieces += ['"]', '"}', '"]}', '"},', '}],"answer":["', '"}],"answer":["', '"]}],"answer":["', '"]},', '},',
               '"]},"each":"', '"},"each":"', '"},"each":["', '"]},"each":["', '"}},', '"]}},', '"}}],"answer":["',
               '"]}}],"answer":["']  # fmt: skip
    for kind in dict.fromkeys(tool.medium.kind for tool in catalog.tools if tool.medium):
        pieces += [f"$in.{kind}", *(f"$in.{kind}[{i}]" for i in range(1, MAX_PICTURES)), f"$in.{kind}[*]"]
        pieces.append(f"$thread.{kind}")
    pieces += ["$item", "$item[0]", "$item[1]", "$thread.boxes", "$thread.masks"]
    return list(dict.fromkeys(pieces + [f"$s{i}" for i in range(1, MAX_STEPS + 1)]))


def plan_text(plan: dict[str, Any]) -> str:
    """A plan as the model writes it: compact JSON, every string argument that is no reference in normal form.

    A colour is then the very token that the request has, and is copied like a label.
    """
    steps = []
    for step in plan["steps"]:
        args = {name: _told(value) for name, value in step["args"].items()}
        steps.append({**step, "args": args})
    return json.dumps({**plan, "steps": steps}, separators=(",", ":"), ensure_ascii=False)


def _told(value: Any) -> Any:
    if isinstance(value, list):
        return [_told(one) for one in value]
    return normal(value) if isinstance(value, str) and not value.startswith("$") else value


def prompt_of(example: Example) -> str:
    """The prompt of an example."""
    return prompt(example.text, example.attachments, example.thread)


def build_tokenizer(
    generator: Generator, seed: int = 0, examples: int = 20_000, size: int = 3_500
) -> PreTrainedTokenizerFast:
    """Train the tokenizer on generated requests.

    Args:
        generator: makes the requests.
        seed: of the requests.
        examples: how many requests to read.
        size: tokens in all, bytes and skeleton counted in.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r" ?[^ ]+"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    pieces = skeleton(generator.catalog)
    trainer = trainers.BpeTrainer(vocab_size=size - len(pieces), special_tokens=list(SPECIALS), show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())  # fmt: skip

    def texts() -> Iterator[str]:
        rng = random.Random(seed)
        for _ in range(examples):
            yield normal(generator.sample(rng).text) + " image boxes masks text audio video"

    tokenizer.train_from_iterator(texts(), trainer)
    tokenizer.add_tokens([AddedToken(piece, normalized=False, special=False) for piece in pieces])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=PAD, eos_token=END,
                                   clean_up_tokenization_spaces=False)  # fmt: skip

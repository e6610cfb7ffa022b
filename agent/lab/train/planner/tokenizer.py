"""The backbone's tokenizer: byte-level BPE over words, and the skeleton of plan JSON as whole tokens.

With `{"id":"s1","tool":"` or `","labels":["` as one token each, a plan takes a third of the tokens and is still plain
JSON after decoding. Bytes are the fallback, so no request is unreadable. The words of the MLLM's questions and answers
are whole tokens too, so that planner and MLLM can share a model.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from .....planners.backends.prompt_format import (
    END,
    FORM,
    MARKS,
    PAD,
    SPECIALS,
    NormalForm,
    known_words,
    segmented,
    whole,
)
from .build import MAX_STEPS
from .catalog import Catalog
from .requests import Example, Generator

MAX_PICTURES = 4
IMAGE, ANSWER = "<image>", "<|answer|>"
"""What stands for a picture (the processor repeats it once a cell), and what asks for the answer behind a question."""


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


def vocabulary(tokenizer: PreTrainedTokenizerFast) -> frozenset[str]:
    """The words that a planner LM has as whole tokens. Raises ValueError where it was trained with another form."""
    known = known_words(tokenizer)
    if known is None:
        raise ValueError(f"the tokenizer is not of the form {FORM}: train from nothing, or --from a later model")
    return known


def written(example: Example, known: Collection[str], marks: Sequence[str] = MARKS) -> tuple[str, str]:
    """The prompt of an example, and its plan as the model writes it.

    The plan is compact JSON, every string argument that is a span of the request in normal form: a colour is then the
    very token that the request has, and is copied like a label. So begins one of a tool's choices that is no span.

    Args:
        example: the request and its plan.
        known: the words that the model has as whole tokens.
        marks: for the unknown ones.
    """
    form = NormalForm(example.text, known, marks)
    steps = []
    for step in example.plan["steps"]:
        args = {name: _told(value, form) for name, value in step["args"].items()}
        steps.append({**step, "args": args})
    plan = json.dumps({**example.plan, "steps": steps}, separators=(",", ":"), ensure_ascii=False)
    return form.prompt(example.attachments, example.thread), plan


def _told(value: Any, form: NormalForm) -> Any:
    if isinstance(value, list):
        return [_told(one, form) for one in value]
    if not isinstance(value, str) or value.startswith("$"):
        return value
    return form.told(value) if whole(value, form.text, form.words) is not None else f" {value}"


def build_tokenizer(
    generator: Generator, seed: int = 0, examples: int = 20_000, size: int = 3_500, asked: Sequence[str] = ()
) -> PreTrainedTokenizerFast:
    """Train the tokenizer on generated requests of trained words alone: rare ones stay unknown as a whole.

    Args:
        generator: makes the requests.
        seed: of the requests.
        examples: how many requests to read.
        size: tokens in all, bytes and skeleton counted in.
        asked: words of the MLLM's questions and answers, which become whole tokens.
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
    trainer = trainers.BpeTrainer(vocab_size=size - len(pieces) - len(MARKS), special_tokens=[*SPECIALS, IMAGE, ANSWER],
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  show_progress=False)  # fmt: skip

    kinds = {arg.kind for tool in generator.catalog.tools for arg in tool.args if arg.kind}
    options = {str(option) for tool in generator.catalog.tools for arg in tool.args for option in arg.options}
    always = sorted(kinds | options | {"text"})  # these must be whole tokens, and known
    counts: Counter[str] = Counter()

    def texts() -> Iterator[str]:
        rng = random.Random(seed)
        for _ in range(examples):
            said = [word.text for word in segmented(generator.sample(rng, "seen").text)]
            counts.update(said + always)
            yield "".join(f" {word}" for word in (*said, *always, *asked))
            # Signs by themselves too: what an unknown word in Chinese is spelled with.
            yield from (sign for word in said if not word.isascii() and len(word) > 1 for sign in word)

    tokenizer.train_from_iterator(texts(), trainer)
    tokenizer.add_tokens([AddedToken(piece, normalized=False, special=False) for piece in (*MARKS, *pieces)])
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=PAD, eos_token=END,
                                   clean_up_tokenization_spaces=False)  # fmt: skip
    made.init_kwargs["form"] = FORM
    made.init_kwargs["rare"] = sorted(word for word in vocabulary(made) if counts[word] < examples / 2_000)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **made.init_kwargs)

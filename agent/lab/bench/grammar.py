"""`python -m panmodal.agent.lab.bench.grammar`: which grammar engine, llguidance or xgrammar.

Both compile the JSON schema of plans over the real registry, and follow gold plans token by token under it with the
planner LM's tokenizer: CPU of compiling and of a token's mask, and which of the things that plans need they hold.
Beside it stands what Panmodal decodes with: the grammar of one request, made anew for every piece of the plan.
xgrammar is compared only; it comes with the `bench` extra.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from ....planners.backends.constraint import plan_constraint
from ....planners.base import Request
from ....planners.plan import Plan
from ....planners.schema import plan_schema
from ....tools.media.image import Image
from ....tools.registry import default_registry
from ....tools.text.asking import guidance_tokenizer
from ..figures import Figures
from ..train.planner.catalog import Catalog
from ..train.planner.requests import Example, Generator
from ..train.planner.tokenizer import build_tokenizer, vocabulary, written

_COMPACT = {"whitespace_flexible": False, "item_separator": ",", "key_separator": ":"}
_OBJECT = {"type": "object", "additionalProperties": False}

# What a plan's grammar has to hold: schema, texts that must pass, texts that must not.
NEEDS: dict[str, tuple[dict[str, Any], Sequence[str], Sequence[str]]] = {
    "enum of spans": ({"enum": ["red cars", "cars"]}, ['"cars"', '"red cars"'], ['"red"', '"boats"']),
    "pattern for a part": ({"type": "string", "pattern": r"^\$[A-Za-z_]"}, ['"$s1"'], ['"s1"', '"$1"']),
    "pattern for the whole": ({"type": "string", "pattern": r"^\$s[0-9]$"}, ['"$s1"'], ['"s1"', '"$s"']),
    "union of list and reference": (
        {"anyOf": [{"type": "array", "items": {"enum": ["a"]}, "minItems": 1}, {"const": "$s1"}]},
        ['["a"]', '"$s1"'],
        ["[]", '"$s2"'],
    ),
    "optional argument": (
        _OBJECT | {"properties": {"a": {"const": 1}, "b": {"const": 2}}, "required": ["a"]},
        ['{"a":1}', '{"a":1,"b":2}'],
        ['{"b":2}', '{"a":1,"c":3}'],
    ),
    "bounded integer": ({"type": "integer", "minimum": 2, "maximum": 12}, ["2", "12"], ["1", "13", "2.5"]),
    "bounded list": ({"type": "array", "items": {"const": 1}, "maxItems": 2}, ["[1,1]"], ["[1,1,1]"]),
    "no white space": (_OBJECT | {"properties": {"a": {"const": 1}}, "required": ["a"]}, ['{"a":1}'], ['{ "a": 1}']),
}


class Engine(Protocol):
    """A grammar engine over one tokenizer."""

    def compile(self, schema: dict[str, Any]) -> Any:
        """The compiled grammar of texts without white space between JSON tokens."""

    def follow(self, grammar: Any, tokens: Sequence[int]) -> tuple[bool, list[float]]:
        """Whether the tokens and the end pass, and the seconds that each mask took."""


class Guidance:
    """llguidance."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer, self.end = guidance_tokenizer(tokenizer), tokenizer.eos_token_id

    def compile(self, schema: dict[str, Any]) -> Any:
        """See Engine."""
        import llguidance

        text = llguidance.LLMatcher.grammar_from_json_schema(schema, overrides=_COMPACT)
        return self.matcher(text)

    def matcher(self, grammar: str) -> Any:
        """A matcher of a grammar text."""
        import llguidance

        matcher = llguidance.LLMatcher(self.tokenizer, grammar)
        if matcher.is_error():
            raise ValueError(matcher.get_error())
        return matcher

    def follow(self, grammar: Any, tokens: Sequence[int]) -> tuple[bool, list[float]]:
        """See Engine."""
        matcher, took = grammar.deep_copy(), []
        for token in [*tokens, self.end]:
            start = time.process_time()
            matcher.compute_logit_bias()
            took.append(time.process_time() - start)
            # Where the next bytes are forced, the mask offers one way to cut them into tokens, the grammar takes any.
            if not matcher.consume_token(token):
                return False, took
        return True, took


class Xgrammar:
    """xgrammar."""

    def __init__(self, tokenizer: Any) -> None:
        import xgrammar

        info = xgrammar.TokenizerInfo.from_huggingface(tokenizer, vocab_size=len(tokenizer))
        self.compiler = xgrammar.GrammarCompiler(info, max_threads=1, cache_enabled=False)
        self.size, self.end = len(tokenizer), tokenizer.eos_token_id

    def compile(self, schema: dict[str, Any]) -> Any:
        """See Engine."""
        return self.compiler.compile_json_schema(json.dumps(schema), any_whitespace=False, separators=(",", ":"))

    def follow(self, grammar: Any, tokens: Sequence[int]) -> tuple[bool, list[float]]:
        """See Engine."""
        import xgrammar

        matcher, took = xgrammar.GrammarMatcher(grammar), []
        mask = xgrammar.allocate_token_bitmask(1, self.size)
        for token in [*tokens, self.end]:
            start = time.process_time()
            matcher.fill_next_token_bitmask(mask)
            took.append(time.process_time() - start)
            if not matcher.accept_token(token):
                return False, took
        return True, took


def engines() -> dict[str, Callable[[Any], Engine]]:
    """The engines that are installed."""
    found: dict[str, Callable[[Any], Engine]] = {"llguidance": Guidance}
    if importlib.util.find_spec("xgrammar") is not None:
        found["xgrammar"] = Xgrammar
    return found


def measure(seed: int = 0, count: int = 60, tokenizer: Any = None) -> Figures:
    """Measure `count` gold plans; `tokenizer` is the planner LM's, or one built for the occasion."""
    torch.set_num_threads(1)
    generator = Generator(Catalog.read(None))
    tokenizer = tokenizer or build_tokenizer(generator, seed, examples=2_000)
    rng = random.Random(seed)
    examples = [generator.sample(rng) for _ in range(count)]
    figures = Figures("grammar", seed)
    schema = plan_schema(default_registry())
    # Both read a pattern that speaks of the whole string, so the engines are compared on that.
    schema["$defs"]["reference"] = {"type": "string", "pattern": r"^\$[A-Za-z_][A-Za-z0-9_.*\[\]]*$"}
    for name, make in engines().items():
        engine = make(tokenizer)
        compiled = [_timed(lambda e=engine: e.compile(schema)) for _ in range(7)]  # type: ignore[misc]
        passed, masks = 0, list[float]()
        for example in examples:
            ok, took = engine.follow(compiled[-1][0], tokenizer(_plain(example))["input_ids"])
            passed, masks = passed + ok, masks + took
        held = [need for need, case in NEEDS.items() if _holds(engine, tokenizer, *case)]
        figures.values[f"{name}_compile_ms"] = 1e3 * statistics.median(seconds for _, seconds in compiled)
        figures.values[f"{name}_mask_us"] = 1e6 * statistics.mean(masks)
        figures.values[f"{name}_mask_us_median"] = 1e6 * statistics.median(masks)
        figures.values[f"{name}_gold_passed"] = passed / count
        figures.values[f"{name}_needs_held"] = float(len(held))
        lacks = ", ".join(need for need in NEEDS if need not in held) or "nothing"
        figures.lines.append(f"{name}: {len(masks)} masks of plan schema; lacks {lacks}")
    if "xgrammar" not in engines():
        figures.lines.append("xgrammar is not installed (pip install 'panmodal[bench]'): not compared")
    _stepwise(figures, tokenizer, examples)
    return figures


def _stepwise(figures: Figures, tokenizer: Any, examples: Sequence[Example]) -> None:
    """The request's own grammar: compile time of a piece, cost of a token, and of a whole plan."""
    registry, picture = default_registry(), Image.from_array(np.zeros((1, 1, 3), np.uint8))
    known = vocabulary(tokenizer)
    engine, compiles, masks, wholes = Guidance(tokenizer), list[float](), list[float](), list[float]()
    for example in examples:
        begun = time.process_time()
        thread = {name: name for name in example.thread}
        request = Request(example.text, [picture] * len(example.attachments), thread=thread)
        constraint = plan_constraint(request, registry, None, tokenizer)
        pieces: list[str] = []
        tokens = iter(tokenizer(written(example, known)[1])["input_ids"])
        while (grammar := constraint.grammar(pieces)) is not None:
            matcher, seconds = _timed(lambda g=grammar: engine.matcher(g))  # type: ignore[misc]
            compiles.append(seconds)
            taken: list[int] = []
            while not matcher.is_stopped():
                mask, seconds = _timed(matcher.compute_logit_bias)
                taken.append(next(tokens))
                if not mask[taken[-1]] or not matcher.consume_token(taken[-1]):
                    raise ValueError(f"the gold plan of {example.text!r} is not in its grammar")
                masks.append(seconds)
            pieces.append(engine.tokenizer.decode_bytes(taken).decode())
        wholes.append(time.process_time() - begun)
    figures.values["stepwise_piece_compile_ms"] = 1e3 * statistics.median(compiles)
    figures.values["stepwise_mask_us"] = 1e6 * statistics.mean(masks)
    figures.values["stepwise_plan_ms"] = 1e3 * statistics.median(wholes)
    figures.lines.append(f"step-wise: {len(compiles)} pieces and {len(masks)} masks of {len(examples)} plans")


def _plain(example: Example) -> str:
    """The gold plan without the normal form of its strings, which a schema knows nothing of."""
    return Plan.from_data(example.plan).to_json()


def _timed(action: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    result = action()
    return result, time.process_time() - start


def _holds(engine: Engine, tokenizer: Any, schema: dict[str, Any], good: Sequence[str], bad: Sequence[str]) -> bool:
    """Whether the engine compiles the schema, lets every good text pass and no bad one."""
    try:
        grammar = engine.compile({"type": "array", "items": schema, "minItems": 1, "maxItems": 1})
    except Exception:  # an engine refuses what it cannot hold with exceptions of its own
        return False

    def passes(text: str) -> bool:
        return engine.follow(grammar, tokenizer(f"[{text}]")["input_ids"])[0]

    return all(passes(text) for text in good) and not any(passes(text) for text in bad)


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="folder of the planner LM whose tokenizer is used")
    parser.add_argument("--n", type=int, default=60, help="gold plans to follow")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    tokenizer = None
    if options.model is not None:
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(options.model)
    print(measure(options.seed, options.n, tokenizer).render())


if __name__ == "__main__":
    main()

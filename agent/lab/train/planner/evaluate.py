"""`python -m panmodal.agent.lab.train.planner.evaluate MODEL --n 200`: how often the planner LM writes the exact plan.

Exact means equal to the gold plan in canonical form. Measured per split of requests.py (phrasings as trained; set (a),
held-out phrasings; set (b), independent ones; each with held-out nouns, and joined), greedily under the grammar, and
with `--free` without it; `valid` is the share that the checker passes.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerFast

from .....planners.backends.constraint import plan_constraint
from .....planners.base import Request
from .....planners.canonical import canonical
from .....planners.checker import check
from .....planners.plan import Plan
from .....tools.errors import PanmodalError
from .....tools.registry import Registry
from ...figures import Figures, wilson
from .catalog import Catalog, taught_registry
from .requests import SPLITS, Example, Generator
from .tokenizer import vocabulary
from .train import planner_of

MAX_TOKENS = 320


@dataclass
class Score:
    """Counts over one split; `shares` are those of exact plans by kind of request."""

    asked: int = 0
    exact: int = 0
    valid: int = 0
    seconds: float = 0.0
    kinds: dict[str, list[bool]] = field(default_factory=dict)
    misses: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Attached:
    """What a planner sees of an attachment."""

    kind: str


class Judge:
    """A planner LM and the registry that its plans are judged with."""

    def __init__(self, folder: Path, registry: Registry) -> None:
        self.tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
        vocabulary(self.tokenizer)  # raises where it is of another form
        self.model = planner_of(folder).eval()
        self.registry, self.generator = registry, Generator(Catalog.of(registry))

    def request(self, example: Example) -> Request:
        """The example as the planner is given it."""
        attachments: Any = [Attached(kind) for kind in example.attachments]
        return Request(example.text, attachments, thread={name: name for name in example.thread})

    def write(self, example: Example, *, constrained: bool) -> str:
        """The plan's JSON for an example, spans restored where it can be read."""
        constraint = plan_constraint(self.request(example), self.registry, None, self.tokenizer)
        assert constraint.form is not None
        prompt = constraint.form.prompt(example.attachments, example.thread)
        ids = self.tokenizer(prompt, return_tensors="pt")["input_ids"]
        made: Any = self.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=MAX_TOKENS,
            pad_token_id=self.tokenizer.pad_token_id,
            logits_processor=[constraint.processor(self.tokenizer)] if constrained else None,
        )
        text: str = self.tokenizer.decode(
            made[0, ids.shape[1] :], skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        try:
            return constraint.finish(text)
        except (PanmodalError, KeyError, TypeError):  # free text may be anything
            return text

    def judge(self, split: str, count: int, seed: int, *, constrained: bool) -> Score:
        """Score `count` fresh examples of a split; the same seed gives the same examples."""
        score, rng = Score(), random.Random(f"evaluate/{split}/{seed}")
        for _ in range(count):
            example = self.generator.sample(rng, split)
            start = time.perf_counter()
            text = self.write(example, constrained=constrained)
            score.seconds += time.perf_counter() - start
            exact, valid = self._compare(example, text)
            score.asked, score.exact, score.valid = score.asked + 1, score.exact + exact, score.valid + valid
            for kind in (example.kind, example.language):
                score.kinds.setdefault(kind, []).append(exact)
            if not exact:
                score.misses.append((example.text, text))
        return score

    def _compare(self, example: Example, text: str) -> tuple[bool, bool]:
        """Whether the plan is the gold one, and whether it passes the checker."""
        try:
            plan = Plan.from_json(text)
        except PanmodalError:
            return False, False
        thread = {name: name for name in example.thread}
        if check(plan, self.registry, attachments=example.attachments, thread=thread):
            return False, False
        gold = Plan.from_data(example.plan)
        return canonical(plan, self.registry) == canonical(gold, self.registry), True


def evaluate(
    folder: Path, count: int, seed: int, *, free: bool = False, misses: int = 0, splits: Sequence[str] = SPLITS[1:]
) -> Figures:
    """Measure every split; with `free` also without the grammar."""
    judge, figures = Judge(folder, taught_registry()), Figures("planner", seed)
    for split in splits:
        for constrained in (True, False) if free else (True,):
            score = judge.judge(split, count, seed, constrained=constrained)
            name = f"{split}{'' if constrained else '_free'}"
            figures.values[f"{name}_exact"] = score.exact / count
            figures.values[f"{name}_valid"] = score.valid / count
            low, high = wilson(score.exact, count)
            kinds = ", ".join(f"{kind} {sum(r)}/{len(r)}" for kind, r in sorted(score.kinds.items()))
            figures.lines.append(
                f"{name:12} exact {score.exact}/{count} [{low:.2f}, {high:.2f}], valid {score.valid}/{count}, "
                f"{score.seconds / count:.2f} s a plan; {kinds}"
            )
            figures.lines += [f"    {asked}\n      {text}" for asked, text in score.misses[:misses]]
    return figures


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="folder of the exported model")
    parser.add_argument("--n", type=int, default=200, help="requests of each split")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--free", action="store_true", help="also without the grammar")
    parser.add_argument("--splits", nargs="+", choices=SPLITS[1:], default=SPLITS[1:])
    parser.add_argument("--misses", type=int, default=0, help="print so many wrong plans of each split")
    options = parser.parse_args()
    torch.set_num_threads(1)
    figures = evaluate(options.model, options.n, options.seed, free=options.free, misses=options.misses,
                       splits=options.splits)  # fmt: skip
    print(figures.render())


if __name__ == "__main__":
    main()

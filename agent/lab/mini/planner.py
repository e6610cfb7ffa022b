"""The planner: the share of exactly right plans, on wordings and nouns that it was not trained with.

Set (a) is `forms`, `nouns` and `joined`: wordings held out from training. Set (b), `b_…`, is the same in the wordings
of authors who have seen no training data. A plan does not look at the picture, so the only guess to compare with is the
plan that the most requests of a set have.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

from ..train.planner.catalog import Catalog
from ..train.planner.evaluate import evaluate
from ..train.planner.requests import Generator
from ..train.planner.train import examples
from .apart import check_requests, check_texts
from .rows import Row, share
from .shipped import Shipped

ROLE = "planner"
DEFAULT_N = 200
"""Requests of each split."""
SPLITS = ("forms", "nouns", "joined", "b_forms", "b_nouns", "b_joined")
_STREAM = "2/0"  # of the last leg's first worker
_TRAINED = 3_000  # training requests whose texts are compared


def apart(seed: int, n: int) -> dict[str, Any]:
    """Raise Overlap where requests or nouns are trained ones; return what was compared."""
    generator = _generator()
    stream = examples(generator, random.Random(_STREAM))
    trained = {example.text for example, _ in islice(stream, min(_TRAINED, 15 * n))}
    asked = [text for split in SPLITS for text, _ in _asked(split, seed, n)]
    return {**check_requests(generator.catalog), "texts": check_texts(trained, asked)}


def jobs(model: Shipped, seed: int, n: int) -> Sequence[Callable[[], list[Row]]]:
    """One piece of work a split."""
    return [partial(_split, model.folder, split, seed, n) for split in SPLITS]


def _split(folder: Path, split: str, seed: int, n: int) -> list[Row]:
    found = evaluate(folder, n, seed, splits=(split,)).values
    plans = Counter(plan for _, plan in _asked(split, seed, n))
    exact, valid = (round(found[f"{split}_{name}"] * n) for name in ("exact", "valid"))
    return [
        share(ROLE, f"{split}_exact", exact, n, frequent=plans.most_common(1)[0][1] / n),
        share(ROLE, f"{split}_valid", valid, n),
    ]


@cache
def _generator() -> Generator:
    return Generator(Catalog.read(None))


def _asked(split: str, seed: int, n: int) -> list[tuple[str, str]]:
    """Text and plan of the requests that `evaluate` draws for a split."""
    rng = random.Random(f"evaluate/{split}/{seed}")
    drawn = [_generator().sample(rng, split) for _ in range(n)]
    return [(example.text, json.dumps(example.plan, sort_keys=True)) for example in drawn]

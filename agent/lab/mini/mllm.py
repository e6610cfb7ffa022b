"""The MLLM: right answers by kind of question, from pixels through its own `generate`, and the F1 of its captions.

Nothing but the picture and the question reaches it. Every question is put once more with a grey picture, which shows
what the words alone give away. The plain names are of scenes of at most four things in trained wordings; `_new_words`
are wordings held out from training, `_crowded` scenes of five to eight things.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from ..train.mllm import evaluate
from ..train.mllm.data import POOLS
from ..train.mllm.phrasings import Phrasebook, phrasings
from ..train.mllm.questions import KINDS, phrase
from .apart import TRAINED, Drawn, check_scenes, check_wordings
from .rows import Row, bootstrap, share
from .shipped import Shipped

ROLE = "mllm"
DEFAULT_N = 160
"""Questions of each kind about few things in trained wordings, and half as many captions."""
_LESS = {("few", True): 0.5, ("many", False): 0.3, ("many", True): 0.3}
"""The share of them in the pools and sorts of wording that have no target."""
_POOLS = {"few": "", "many": "_crowded"}
_WORDINGS = {False: "", True: "_new_words"}
_GREY = Image.new("RGB", (384, 384), (128, 128, 128))
_BATCH = 20
_SCENES = 40  # that a question may take until its answer is found

Mentions = Counter[tuple[str, str]]


def apart(seed: int, n: int) -> dict[str, Any]:
    """Raise Overlap where scenes or wordings are trained ones; return what was compared."""
    seeds = range(seed * 1_000_000, seed * 1_000_000 + _SCENES * n)
    measured = [Drawn(evaluate.SPLIT, seeds, POOLS[pool]) for pool in _POOLS]
    return {**check_scenes(ROLE, measured, TRAINED[ROLE]), "wordings": check_wordings(phrasings())}


def jobs(model: Shipped, seed: int, n: int) -> Sequence[Callable[[], list[Row]]]:
    """The questions and the captions of each pool in each sort of wording."""
    return [
        partial(work, model.folder, pool, held_out, seed, max(1, round(n * _LESS.get((pool, held_out), 1))))
        for pool in _POOLS
        for held_out in _WORDINGS
        for work in (_answers, _captions)
    ]


def _answers(folder: Path, pool: str, held_out: bool, seed: int, n: int) -> list[Row]:
    """A row for each kind of question that the pool's scenes admit."""
    kinds = [kind for kind in KINDS if kind != "caption"]
    scores = evaluate.measure(folder, seed, n, pool, held_out=held_out, kinds=kinds)
    after = _POOLS[pool] + _WORDINGS[held_out]
    return [
        share(ROLE, kind + after, score.right, score.n, score.frequent, score.blind / score.n)
        for kind, score in scores.items()
        if score.n
    ]


def _captions(folder: Path, pool: str, held_out: bool, seed: int, n: int) -> list[Row]:
    """F1 of the (colour, thing) mentions over all captions; a mention of what is not there counts against it."""
    model = AutoModelForImageTextToText.from_pretrained(folder, local_files_only=True).eval()
    processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
    book, rng = Phrasebook(), np.random.default_rng([13, seed])
    facts = list(evaluate.balanced_facts(pool, seed, max(1, n // 2), ["caption"]))
    true: list[Mentions] = []
    said: list[Mentions] = []
    blind: list[Mentions] = []
    for start in range(0, len(facts), _BATCH):
        some = facts[start : start + _BATCH]
        asked = [phrase(fact, book, rng, held_out=held_out).prompt for _, fact in some]
        true += [evaluate.mentions(fact.answer) for _, fact in some]
        pictures = [Image.fromarray(scene.image) for scene, _ in some]
        said += map(evaluate.mentions, evaluate.answers(model, processor, pictures, asked))
        blind += map(evaluate.mentions, evaluate.answers(model, processor, [_GREY] * len(asked), asked))
    counts = _counts(said, true)
    return [
        Row(
            ROLE, f"caption_f1{_POOLS[pool]}{_WORDINGS[held_out]}", f1(counts), len(true),
            bootstrap(len(true), lambda chosen: [f1(counts[chosen])])[0], best_constant(true), f1(_counts(blind, true)),
        )
    ]  # fmt: skip


def _counts(said: Sequence[Mentions], true: Sequence[Mentions]) -> NDArray[np.int64]:
    """For each caption how many mentions are right, were made, and are true."""
    pairs = zip(said, true, strict=True)
    return np.array([((made & real).total(), made.total(), real.total()) for made, real in pairs], np.int64)


def f1(counts: NDArray[np.int64]) -> float:
    """F1 over captions, rows of (right, made, true)."""
    return evaluate.f1(*map(int, counts.sum(axis=0)))


def best_constant(true: Sequence[Mentions]) -> float:
    """The F1 of the one caption that scores best when said of every picture: the most frequent mentions."""
    frequent = [mention for mention, _ in sum(true, Mentions()).most_common()]
    found = [0.0]
    for count in range(1, min(len(frequent), 8) + 1):
        caption = Mentions(frequent[:count])
        found.append(f1(_counts([caption] * len(true), true)))
    return max(found)

"""`python -m panmodal.agent.lab.train.mllm.evaluate FOLDER --n 200`: accuracy by kind of question, from pixels.

Scenes come from the split "test", which never shares a random stream with training's split "train", at their full size
and go through the checkpoint's own processor and `generate`, as a request's picture does. Answers are balanced: scenes
are drawn until every answer of a kind has its equal share of the questions. Each question is asked in a wording that
training saw and in one that was held out from it, and once more with a grey picture: what is then still right was
guessed from the words alone.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from ...figures import wilson
from ...world.scenes import CLASSES, COLOURS, Scene, render_scene
from ...world.shapes import WORDS
from .cells import PATTERNS, SIZES
from .data import POOLS, scene_arrays
from .packing import asker_of
from .phrasings import Phrasebook
from .questions import GROUNDS, KINDS, Fact, phrase
from .words import COLUMNS, ROWS

BATCH = 24
_AT_ONCE = 480  # questions whose pictures are held in memory together
GOOD_CAPTION = 0.8  # F1 from which a caption counts as right
SPLIT = "test"
_TRIES = 4  # facts of a kind that are drawn from one scene until one is still wanted
_SCENES = 40  # scenes a wanted question, after which a seldom answer is given up
_GREY = Image.new("RGB", (384, 384), (128, 128, 128))
_MENTION = re.compile(rf"\b({'|'.join(COLOURS)}) ({'|'.join(CLASSES)})\b")
# The answers among which a kind's questions are shared out, by pool; a caption has none.
_ANSWERS: dict[str, tuple[str, ...]] = {
    "colour": COLOURS, "what": CLASSES, "count": tuple("01234"), "count_all": tuple("1234"), "yes_no": ("yes", "no"),
    "where": tuple(f"{row} {column}" for row in ROWS for column in COLUMNS), "background": GROUNDS,
    "pattern": PATTERNS, "size": SIZES, "sign": tuple(word.lower() for word in WORDS), "left_of": ("yes", "no"),
    "above": ("yes", "no"), "bigger": CLASSES,
}  # fmt: skip
_OF_MANY = {"count_all": tuple("5678")}


@dataclass
class Score:
    """What one kind of question came to in one pool, in one sort of wording."""

    n: int = 0
    right: int = 0
    blind: int = 0
    """Right answers of the same model to the same questions with a grey picture."""
    answers: Counter[str] = field(default_factory=Counter)
    """How often each answer is the true one."""
    mentions: tuple[int, int, int] = (0, 0, 0)
    """Of captions: (colour, class) mentions that are right, that were made, and that the truth has."""

    @property
    def share(self) -> float:
        """Right answers over all."""
        return self.right / max(self.n, 1)

    @property
    def frequent(self) -> float:
        """What the most frequent answer alone would get."""
        return max(self.answers.values(), default=0) / max(self.n, 1)

    @property
    def f1(self) -> float:
        """F1 of the captions' mentions over all captions together."""
        return f1(*self.mentions)


def f1(right: int, made: int, true: int) -> float:
    """The harmonic mean of precision and recall; 1 where there was nothing to say and nothing was said."""
    return 2 * right / (made + true) if made + true else 1.0


def mentions(caption: str) -> Counter[tuple[str, str]]:
    """The (colour, class) pairs of a caption, as often as each occurs."""
    return Counter((found[1], found[2]) for found in _MENTION.finditer(caption))


def balanced_facts(pool: str, seed: int, n: int, kinds: Sequence[str]) -> Iterator[tuple[Scene, Fact]]:
    """About `n` facts of each kind, no answer more often than its equal share, from scenes that `seed` begins.

    A kind has fewer than `n` where `n` is no multiple of its answers or where an answer is too seldom in the pool.
    """
    answers = {kind: (_OF_MANY if pool == "many" else {}).get(kind, _ANSWERS.get(kind, ("",))) for kind in kinds}
    wanted = {(kind, answer): max(1, n // len(answers[kind])) for kind in kinds for answer in answers[kind]}
    for number in range(_SCENES * n):
        if not wanted:
            return
        scene = render_scene(seed * 1_000_000 + number, POOLS[pool], split=SPLIT)
        asker = asker_of(scene_arrays(scene), np.random.default_rng([11, seed, number]))
        for kind in dict.fromkeys(kind for kind, _ in wanted):
            for _ in range(_TRIES):
                fact = asker.ask(kind)
                key = (kind, "" if fact is None or kind == "caption" else fact.answer)
                if fact is not None and key in wanted:
                    wanted[key] -= 1
                    if not wanted[key]:
                        del wanted[key]
                    yield scene, fact
                    break


@torch.inference_mode()
def answers(model: Any, processor: Any, pictures: list[Image.Image], questions: list[str]) -> list[str]:
    """Greedy answers, one picture a question."""
    texts = [
        processor.apply_chat_template(
            [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}],
            add_generation_prompt=True,
        )
        for question in questions
    ]
    inputs = processor(images=pictures, text=texts, return_tensors="pt", padding=True, padding_side="left")
    made = model.generate(**inputs, do_sample=False, max_new_tokens=64)
    found: list[str] = processor.batch_decode(
        made[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
    return [text.strip() for text in found]


def measure(
    folder: Path,
    seed: int,
    n: int,
    pool: str = "few",
    *,
    held_out: bool = False,
    kinds: Sequence[str] = KINDS,
) -> dict[str, Score]:
    """The score of each kind on about `n` balanced questions about the pool's scenes ("few" or "many").

    `held_out` asks in the wordings that training never saw; the same seed gives the same facts either way.
    """
    model = AutoModelForImageTextToText.from_pretrained(folder, local_files_only=True).eval()
    processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
    book, rng = Phrasebook(), np.random.default_rng([12, seed])
    scores = {kind: Score() for kind in kinds}
    facts_left = balanced_facts(pool, seed, n, kinds)
    while some := list(islice(facts_left, _AT_ONCE)):
        asked = [
            (Image.fromarray(scene.image), fact, phrase(fact, book, rng, held_out=held_out).prompt)
            for scene, fact in some
        ]
        asked.sort(key=lambda item: (item[1].kind == "caption", len(item[2].split())))  # like lengths: fast batches
        for start in range(0, len(asked), BATCH):
            pictures, facts, prompts = (list(side) for side in zip(*asked[start : start + BATCH], strict=True))
            seen = answers(model, processor, pictures, prompts)
            grey = answers(model, processor, [_GREY] * len(prompts), prompts)
            for fact, said, guessed in zip(facts, seen, grey, strict=True):
                _count(scores[fact.kind], fact, said, guessed)
    return scores


def _count(score: Score, fact: Fact, said: str, guessed: str) -> None:
    score.n += 1
    score.answers[fact.answer] += 1
    if fact.kind != "caption":
        score.right += said == fact.answer
        score.blind += guessed == fact.answer
        return
    true = mentions(fact.answer)
    counts = [((mentions(text) & true).total(), mentions(text).total(), true.total()) for text in (said, guessed)]
    score.mentions = tuple(a + b for a, b in zip(score.mentions, counts[0], strict=True))  # type: ignore[assignment]
    score.right += f1(*counts[0]) >= GOOD_CAPTION
    score.blind += f1(*counts[1]) >= GOOD_CAPTION


def told(kind: str, score: Score) -> str:
    """A score as a line: share, 95 % interval, what guessing gets, and for captions their F1."""
    low, high = wilson(score.right, score.n)
    line = f"{kind:10} {score.share:.3f} {low:.3f} to {high:.3f} n={score.n} frequent {score.frequent:.2f}"
    return f"{line} blind {score.blind / max(score.n, 1):.2f}" + (f" f1 {score.f1:.3f}" if kind == "caption" else "")


def report(folder: Path, seed: int, n: int, log: Callable[[str], None] = print) -> dict[str, dict[str, int]]:
    """Log the scores of both pools in both sorts of wordings; returns `{kind: {"n", "right"}}` for `accuracy.json`.

    That file holds the pool "few" in trained wordings: what a router may expect of a question that it can read. The
    pool "many" is asked a third as much.
    """
    shipped: dict[str, dict[str, int]] = {}
    for pool in POOLS:
        for held_out in (False, True):
            scores = measure(folder, seed, n if pool == "few" else n // 3, pool, held_out=held_out)
            for kind, score in scores.items():
                log(f"{pool:4} {'held-out' if held_out else 'trained':8} {told(kind, score)}")
            shipped = shipped or {kind: {"n": score.n, "right": score.right} for kind, score in scores.items()}
    return shipped


def main() -> None:
    """Print the scores; `--out` writes the counts as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n", type=int, default=300, help="questions of a kind")
    parser.add_argument("--seed", type=int, default=0, help="which scenes of the split test")
    parser.add_argument("--out", type=Path, help="JSON file for the counts")
    given = parser.parse_args()
    torch.set_num_threads(1)
    found = report(given.folder, given.seed, given.n, log=lambda line: print(line, flush=True))
    if given.out:
        given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

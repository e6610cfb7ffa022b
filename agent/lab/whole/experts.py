"""Held-out requests for every tool beside those of tasks.py, each with the media that it is about and its judge.

Wordings are those that the planner's recipe never trains on: of authors apart, and the held-out tenth of its own. A
tool with several ways of being asked ("louder", "slower") has them in turn. Chains of tools have a row of their own.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..train.planner.catalog import Catalog
from ..train.planner.phrasings import SLOT, Phrasing, agreed, fault, independent, of_cards, own, tool_of
from . import (
    expert_chains,
    expert_chains_heard,
    expert_drawing,
    expert_filming,
    expert_hearing,
    expert_reading,
    expert_seeing,
)
from .case import Case, Make
from .media import Draw, kinds, numbers

CASES: dict[str, Make] = {
    **expert_seeing.CASES, **expert_drawing.CASES, **expert_hearing.CASES, **expert_filming.CASES,
    **expert_reading.CASES, **expert_chains.CASES, **expert_chains_heard.CASES,
}  # fmt: skip
"""By intent, or intents of a chain: what draws its cases."""
DEFAULT_N = 4
"""Requests of each tool; of a chain half as many."""
_TRIES = 40  # phrasings that are drawn for a case until one has a truth
_CHINESE = 3  # every so manieth request is in Chinese


@dataclass(frozen=True)
class Asked:
    """A request about an expert: the row of the table that it counts for, its words, and its case."""

    row: str
    intent: str
    text: str
    language: str
    case: Case
    seed: int


def rows() -> dict[str, list[str]]:
    """By tool or chain the intents that ask for it."""
    found: dict[str, list[str]] = defaultdict(list)
    for intent in CASES:
        found[intent if "+" in intent else tool_of(intent)].append(intent)
    return dict(found)


@cache
def held_out() -> dict[tuple[str, str], list[Phrasing]]:
    """By language and intent the phrasings that no recipe trains on, words that a trained one has as well left out."""
    catalog = Catalog.read(None)
    lines = list(own())
    trained = {line.words for line in (*of_cards(catalog), *(each for each in lines if not each.held_out))}
    found: dict[tuple[str, str], list[Phrasing]] = defaultdict(list)
    for line in (*(line for line in lines if line.held_out), *independent()):
        intent = "+".join(line.intents)
        if intent in CASES and line.words not in trained and fault(line, catalog) is None:
            found[line.language, intent].append(line)
    return dict(found)


def amount(n: int) -> int:
    """How many requests ``drawn`` draws."""
    return sum(_of_row(row, n) for row in rows())


def _of_row(row: str, n: int) -> int:
    return n if "+" not in row else (n + 1) // 2


def drawn(seed: int, n: int, home: Path) -> Iterator[Asked]:
    """`n` requests of each tool and half as many of each chain; the same for the same seed. Files lie in ``home``."""
    count = 0
    for row, intents in rows().items():
        rng = random.Random(f"experts/{seed}/{row}")
        order = rng.sample(intents, len(intents))
        for number in range(_of_row(row, n)):
            language = "zh" if (number + count) % _CHINESE == 2 else "en"
            asked = _asked(row, order[number % len(order)], language, rng, seed, count, home / str(count))
            count += 1
            yield asked


def _asked(row: str, intent: str, language: str, rng: random.Random, seed: int, number: int, home: Path) -> Asked:
    """One request; where a language has no phrasing with a known truth, in the other one."""
    for each in (language, "en", "zh"):
        lines = held_out().get((each, intent), [])
        for line in rng.sample(lines, min(_TRIES, len(lines))):
            draw = Draw(rng, line, numbers(seed, number), home)
            case = CASES[intent](draw)
            if case is not None:
                return Asked(row, intent, _worded(draw, case), each, case, number)
    raise LookupError(f"no phrasing of {intent} can be asked")


def _worded(draw: Draw, case: Case) -> str:
    """The phrasing with its slots filled."""
    counts = kinds(case.files)
    kind = next(iter(counts), "text")
    values = {"pic": draw.said(kind, "all" if counts.get(kind, 1) > 1 else "one"), **case.values}
    slot = next((name for name in ("np", "pl", "n") if name in draw.line.slots), "")
    text = agreed(draw.line.text, {slot: case.single} if slot else {})
    if case.asked:
        text = re.sub(r"\[.*?\]", case.asked, text)
    text = SLOT.sub(lambda m: values.get(m[1]) or values[m[1].rstrip("0123456789")], text)
    text = text.replace("[", "").replace("]", "")
    return text[:1].upper() + text[1:] if draw.line.text[:1] in "{[" else text

"""Noun phrases of the request generator: what a request looks for, how it narrows that, how it says it. Stdlib only."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from . import wording as w

Forms = tuple[Sequence[str], Sequence[str]]


@dataclass(frozen=True)
class Noun:
    """A noun phrase: what is looked for, how it is narrowed, how it is said."""

    labels: list[str]
    text: str  # with an article
    plural: str  # without one
    single: bool = False
    colour: str | None = None
    select: str | None = None
    start: str | None = None  # boxes of an earlier intent that it narrows
    again: str | None = None  # boxes of an earlier intent that it simply is
    bare: str = ""


class Source:
    """Random choices of one example."""

    def __init__(self, rng: random.Random, split: str) -> None:
        self.rng, self.split = rng, split
        self.british = rng.random() < 0.55
        self.picture = rng.choice(w.PICTURE)

    def form(self, table: Forms, always: bool = False) -> str:
        """One of a table's forms; in the split of held-out forms often, or `always`, a held-out one."""
        held_out = self.split == "forms" and (always or self.rng.random() < 0.5) and len(table[1]) > 0
        return self.rng.choice(table[1] if held_out else table[0])

    def chance(self, share: float) -> bool:
        """True in this share of calls."""
        return self.rng.random() < share

    def noun(self) -> tuple[str, str]:
        """(singular, plural); pseudo-words, held-out nouns, or known ones by split."""
        roll = self.rng.random()
        if self.split == "nouns":
            one = self.rng.choice(w.HELD_OUT_NOUNS)
        elif roll < 0.45 and self.split == "train":
            one = pseudo_word(self.rng)
            if self.chance(0.12):
                one = f"{pseudo_word(self.rng)}_{self.rng.choice((pseudo_word(self.rng), self.rng.choice(w.CLASSES)))}"
        else:
            one = self.rng.choice(w.CLASSES if self.chance(0.5) else w.NOUNS)
        if self.chance(0.04):
            one = f"{self.rng.choice(w.ADJECTIVES)}_{one}"
        one = one.replace("_", " ")
        return one, plural(one)


def pseudo_word(rng: random.Random) -> str:
    """A pronounceable word that is none, e.g. "blorket"."""
    word = ""
    for _ in range(rng.choice((1, 1, 2, 2, 2, 3))):
        word += rng.choice(w.ONSETS) + rng.choice("aeiou") + (rng.choice(w.CODAS) if rng.random() < 0.6 else "")
    return word + (rng.choice(("le", "er", "et", "o", "y", "in")) if len(word) < 3 or rng.random() < 0.2 else "")


def plural(noun: str) -> str:
    """The English plural of a noun phrase's last word."""
    head, _, last = noun.rpartition(" ")
    if last in w.IRREGULAR:
        last = w.IRREGULAR[last]
    elif last.endswith(("s", "x", "sh", "ch", "z")):
        last += "es"
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        last = last[:-1] + "ies"
    else:
        last += "s"
    return f"{head} {last}".strip()


def article(noun: str) -> str:
    """The noun with "a" or "an"."""
    return f"an {noun}" if noun.startswith(tuple("aeiou")) else f"a {noun}"


def phrase(s: Source, *, may_select: bool = True, single: bool | None = None) -> Noun:
    """A fresh noun phrase."""
    one, many = s.noun()
    colour = s.rng.choice(w.COLOURS) if s.chance(0.22) else None
    tint = f"{colour} " if colour else ""
    if may_select and single is not False and s.chance(0.33):
        by = s.rng.choice(tuple(w.SELECT) if s.chance(0.5) else ("largest", "smallest", "leftmost", "rightmost"))
        if by in w.SELECT_AFTER and s.chance(0.22):
            text = f"the {tint}{one} {s.rng.choice(w.SELECT_AFTER[by])}"
        elif s.chance(0.08):
            return Noun(
                [many], f"the {s.form(w.SELECT[by])} of the {tint}{many}", tint + many, True, colour, by, bare=one
            )
        else:
            text = f"the {s.form(w.SELECT[by])} {tint}{one}"
        return Noun([one], text, tint + one, True, colour, by, bare=one)
    if single or (single is None and s.chance(0.4)):
        return Noun([one], f"the {tint}{one}", tint + one, True, colour, bare=one)
    if s.chance(0.13):
        one2, many2 = s.noun()
        if many2 != many:
            both = s.rng.choice((" and ", " and ", " or ", ", ")) if s.chance(0.5) else " and "
            if colour is None:
                article = s.rng.choice(("the ", "the ", "all ", "all the "))
                again = "the " if article.endswith("the ") and s.chance(0.5) else ""
                return Noun([many, many2], f"{article}{many}{both}{again}{many2}", f"{many}{both}{many2}", bare=one)
    if s.chance(0.08):
        return Noun([one], f"every {tint}{one}", tint + many, False, colour, bare=one)
    article = s.rng.choice(("the ", "the ", "the ", "all the ", "all ", "all of the ", "the ", "any "))
    return Noun([many], f"{article}{tint}{many}", tint + many, False, colour, bare=one)


def anaphor(s: Source, last: Noun, boxes: str) -> Noun:
    """A phrase that speaks of what the intent before found."""
    if last.single:
        text = s.rng.choice(("it", "it", "it", "that one", f"that {last.bare}", f"the {last.bare}"))
        return Noun([], text, "", True, again=boxes, bare=last.bare)
    roll = s.rng.random()
    if roll < 0.55:
        by = s.rng.choice(tuple(w.SELECT) if s.chance(0.4) else ("largest", "smallest", "leftmost", "rightmost"))
        word = s.form(w.SELECT[by])
        one = f"the {word} one"
        others = (f"the {word} of them", f"the {word}", f"the {word} {last.bare}", f"the {word} of those")
        text = s.rng.choice((one, one, one, *others))
        return Noun([], text, "", True, None, by, start=boxes, bare=last.bare)
    if roll < 0.68 and last.colour is None:
        colour = s.rng.choice(w.COLOURS)
        return Noun(
            [], f"the {colour} {s.rng.choice(('ones', 'ones', 'one'))}", "", False, colour, start=boxes, bare=last.bare
        )
    return Noun([], s.rng.choice(("them", "them", "them", "all of them", "those", "these", "them all")), "", False,
                again=boxes, bare=last.bare)  # fmt: skip

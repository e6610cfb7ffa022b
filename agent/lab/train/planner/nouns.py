"""Noun phrases of the request generator: what a request looks for, how it narrows that, how it says it."""

from __future__ import annotations

import random
from dataclasses import dataclass

from .....tools.english import plural
from . import words as w
from .disturb import pseudo_word
from .phrasings import Phrasing, Phrasings

BY = ("largest", "smallest", "leftmost", "rightmost", "topmost", "bottommost")


@dataclass(frozen=True)
class Noun:
    """A noun phrase: what is looked for, how it is narrowed, how it is said."""

    labels: list[str]
    text: str  # as a definite phrase
    plural: str  # without an article
    bare: str  # singular, without an article
    single: bool = False
    colour: str | None = None
    select: str | None = None
    start: str | None = None  # boxes of an earlier wish that it narrows
    again: str | None = None  # boxes of an earlier wish that it simply is


class Source:
    """The random choices of one request in one language."""

    def __init__(self, rng: random.Random, phrasings: Phrasings, split: str, language: str) -> None:
        self.rng, self.phrasings, self.split, self.language = rng, phrasings, split, language

    def chance(self, share: float) -> bool:
        """True in this share of calls."""
        return self.rng.random() < share

    def line(self, intent: str) -> Phrasing | None:
        """One phrasing of an intent, from those that the split may use."""
        return self.phrasings.draw(self.rng, self.language, intent, self.split)

    def said(self, intent: str, fallback: str) -> str:
        """The text of a phrasing of an intent."""
        found = self.line(intent)
        return found.text if found else fallback

    def noun(self) -> tuple[str, str]:
        """(singular, plural); pseudo-words, held-out nouns, or known ones by split."""
        rng, roll = self.rng, self.rng.random()
        if self.split.endswith("nouns"):
            one = rng.choice(w.HELD_OUT[self.language])
        elif self.split == "train" and roll < 0.2:
            one = pseudo_word(rng, self.language)
        elif self.split == "train" and roll < 0.5:
            one = rng.choice(w.RARE[self.language])
        else:
            one = rng.choice(w.CLASSES[self.language] if self.chance(0.45) else w.NOUNS[self.language])
        if self.language == "zh":
            return one, one
        if self.split == "train" and self.chance(0.12):  # "snow globe": words known and unknown, in either order
            pair = [pseudo_word(rng, "en"), one]
            one = "_".join(pair if self.chance(0.5) else pair[::-1])
        if self.chance(0.04):
            one = f"{rng.choice(w.ADJECTIVES)}_{one}"
        one = one.replace("_", " ")
        return one, plural(one)

    def colour(self) -> tuple[str, str]:
        """A colour as it is said, and its name."""
        return self.rng.choice(tuple(w.COLOURS[self.language].items()))


def phrase(s: Source, slot: str, *, select: bool = True, single: bool | None = None) -> Noun:
    """A fresh noun phrase for a slot.

    Args:
        s: the choices.
        slot: "np" (definite, one or several), "pl" (plural), "n" or "a" (singular).
        select: whether one of several may be picked out ("the largest star").
        single: force one or several, for the slot "np".
    """
    one, many = s.noun()
    narrowers = s.phrasings.catalog.narrowers
    said, colour = s.colour() if "colour" in narrowers and s.chance(0.2) else ("", None)
    tinted = [_tinted(s, said, each) for each in (one, many)]
    if slot in ("n", "a"):
        return Noun([one], tinted[0], tinted[1], tinted[0], True, colour)
    if slot == "np" and select and "by" in narrowers and single is not False and s.chance(0.36):
        by = s.rng.choice(BY) if s.chance(0.95) else "surest"
        text = s.rng.choice(w.SUREST[s.language]) if by == "surest" else s.said(f"np_{by}", "the largest {n}")
        label = many if "{pl}" in text else one
        text = text.replace("{n}", tinted[0]).replace("{pl}", tinted[1])
        return Noun([label], text, tinted[1], tinted[0], True, colour, by)
    if slot == "np" and (single or (single is None and s.chance(0.45))):
        return Noun([one], tinted[0] if s.language == "zh" else f"the {tinted[0]}", tinted[1], tinted[0], True, colour)
    if colour is None and s.chance(0.12):
        return _two(s, one, many)
    if slot == "np" and s.chance(0.4):
        text = s.said("np_all", "all the {pl}")
        label = many if "{pl}" in text else one
        return Noun([label], text.replace("{n}", tinted[0]).replace("{pl}", tinted[1]), tinted[1], tinted[0],
                    False, colour)  # fmt: skip
    text = tinted[1] if s.language == "zh" else s.rng.choice(("the ", "the ", "the ", "all ", "")) + tinted[1]
    return Noun([many], text, tinted[1], tinted[0], False, colour)


def _tinted(s: Source, colour: str, noun: str) -> str:
    if not colour:
        return noun
    if s.language == "en":
        return f"{colour} {noun}"
    short = colour.removesuffix("色") if len(colour) == 2 else colour
    return s.rng.choice((f"{colour}的{noun}", f"{colour}{noun}", f"{short}{noun}"))


def _two(s: Source, one: str, many: str) -> Noun:
    """Two kinds of thing in one phrase."""
    other, others = s.noun()
    if other == one:
        return Noun([many], many if s.language == "zh" else f"the {many}", many, one)
    if s.language == "zh":
        text = one + s.rng.choice(("和", "和", "与", "、")) + other
        return Noun([one, other], text, text, one)
    joiner = s.rng.choice((" and ", " and ", " and ", " or ", " & "))
    again = "the " if joiner == " and " and s.chance(0.4) else ""
    head = "the " if again else s.rng.choice(("the ", "all ", "all the "))
    return Noun([many, others], f"{head}{many}{joiner}{again}{others}", f"{many}{joiner}{others}", one)


def reference(s: Source, last: Noun, boxes: str, *, single: bool = False) -> Noun:
    """A phrase that speaks of what the wish before found; with `single` it means all of that as one ("it")."""
    if last.single or single:
        text = s.said("ref_one", "it")
        return Noun([], text, "", last.bare, True, again=boxes)
    roll, narrowers = s.rng.random(), s.phrasings.catalog.narrowers
    if roll < 0.5 and "by" in narrowers:
        by = s.rng.choice(BY)
        return Noun([], s.said(f"ref_{by}", "the largest one"), "", last.bare, True, None, by, start=boxes)
    if roll < 0.62 and last.colour is None and "colour" in narrowers:
        said, colour = s.colour()
        text = f"{said}的" if s.language == "zh" else f"the {said} {s.rng.choice(('ones', 'ones', 'one'))}"
        return Noun([], text, "", last.bare, False, colour, start=boxes)
    return Noun([], s.said("ref_all", "them"), "", last.bare, False, again=boxes)

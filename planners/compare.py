"""Where two answers to one request differ: in the numbers they state, the things, colours and places they name.

Only what both speak of is compared: an answer that says less does not thereby disagree.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..tools.see.nouns import NOUNS, singulars
from .base import Language
from .phrases import Phrasebook, phrasebook

_NUMBER = re.compile(r"(?<![A-Za-z0-9.])\d+(?:\.\d+)?(?![A-Za-z0-9])")
_WORD = re.compile(r"[a-z]+")
_PLACES = ("top", "bottom", "left", "right", "centre")


@dataclass(frozen=True)
class Comparison:
    """``differences`` are phrases, one for each point; ``comparable`` says whether both speak of anything alike."""

    differences: tuple[str, ...]
    comparable: bool

    def sentence(self, language: Language) -> str:
        """The comparison in words."""
        book = phrasebook(language)
        if not self.comparable:
            return book.say("not_comparable")
        if not self.differences:
            return book.say("both_agree")
        return book.say("both_differ", differences=list(self.differences))


def compare(direct: str, tools: str, language: Language) -> Comparison:
    """Compare the text of looking with the text of the tools."""
    book = phrasebook(language)
    differences = []
    comparable = False
    for name, mine, other in _points(book, direct, tools):
        if mine and other:
            comparable = True
            if mine != other:
                differences.append(book.say(name, direct=sorted(mine), tools=sorted(other)))
    return Comparison(tuple(differences), comparable)


def _points(book: Phrasebook, one: str, other: str) -> list[tuple[str, set[str], set[str]]]:
    entries = book.entries
    points = [("differ_numbers", _numbers(one, entries), _numbers(other, entries))]
    things: dict[str, set[str]] = {
        canonical: {canonical, *(word for words in languages.values() for word in words)}
        for canonical, languages in NOUNS.items()
    }
    # A Chinese text says a colour with or without its particle.
    colours = {colour: {colour, said.removesuffix("的")} for colour, said in entries["colours"].items()}
    places = {place: {place, entries["words"].get(place, place)} for place in _PLACES}
    answers = {"yes": {"yes", entries["yes"]}, "no": {"no", entries["no"]}}
    tables = (things, colours, places, answers)
    return [*points, *(("differ_words", _named(one, table), _named(other, table)) for table in tables)]


def _numbers(text: str, entries: Mapping[str, Any]) -> set[str]:
    words: Mapping[str, int] = entries["numbers"]
    said = {str(words[word]) for word in _WORD.findall(text.lower()) if word in words}
    said |= {str(value) for word, value in words.items() if not word.isascii() and word in text}
    return said | {str(float(number)).removesuffix(".0") for number in _NUMBER.findall(text)}


def _named(text: str, table: Mapping[str, set[str]]) -> set[str]:
    lowered = text.lower()
    words = {form for word in _WORD.findall(lowered) for form in (word, *singulars(word))}
    return {
        name
        for name, forms in table.items()
        if any(form in words if form.isascii() else form in lowered for form in forms)
    }

"""Words of requests in normal form: spelling, stems, and the word tables of `prompts/wording.yaml`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from .backends.prompt_format import Word, words
from .prompts import table

Words = tuple[str, ...]


@lru_cache(maxsize=4096)
def stem(word: str) -> str:
    """A word without inflection and in one spelling ("Boxes" -> "box", "blurring" -> "blur", "gray" ->
    "grey").

    Rough on purpose: it only has to map a request's word and a card's word to the same string.
    """
    word = table("wording")["spelling"].get(word.lower(), word.lower())
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("xes", "ches", "shes", "sses")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us")):
        return word[:-1]
    for ending in ("ing", "ed"):
        base = word.removesuffix(ending)
        if base != word and len(base) > 2:
            return base[:-1] if base[-1] == base[-2] and base[-1] not in "ls" else base
    return word


def stems(text: str) -> Words:
    """The stems of a text's words; a Chinese sign is a word."""
    return tuple(stem(word.text) for word in words(text))


@dataclass(frozen=True)
class Lexicon:
    """The tables, each entry as stems.  `values` maps an enumerated value to all its wordings, longest
    first.
    """

    light: frozenset[str]
    determiners: frozenset[str]
    phrase_end: frozenset[str]
    both: frozenset[str]
    picture: frozenset[Words]
    media: frozenset[Words]
    pronouns: frozenset[Words]
    plural: frozenset[Words]
    polite: frozenset[str]
    wishes: frozenset[str]
    asks: frozenset[str]
    asking: tuple[Words, ...]
    every: tuple[Words, ...]
    ordinals: Mapping[Words, int]
    values: Mapping[str, tuple[Words, ...]]
    choosing: frozenset[str]
    opening: re.Pattern[str]
    joiner: re.Pattern[str]

    def wordings(self, value: str) -> tuple[Words, ...]:
        """How a request may say an enumerated value: itself first of all."""
        return self.values.get(value, ()) or (stems(value.replace("_", " ")),)


@cache
def lexicon() -> Lexicon:
    """The lexicon of all languages together; a request mixes them freely."""
    data = table("wording")
    values = {
        value: tuple(sorted((stems(one) for one in [value, *more]), key=len, reverse=True))
        for value, more in data["values"].items()
    }
    return Lexicon(
        light=_set(data["light"]),
        determiners=_set(data["determiners"]),
        phrase_end=_set(data["phrase_end"]),
        both=_set(data["and"]),
        picture=frozenset(_entries(data["picture"])),
        media=frozenset(_entries(data["media"])),
        pronouns=frozenset(_entries(data["pronouns"])),
        plural=frozenset(_entries(data["plural"])),
        polite=_set(data["polite"]),
        wishes=_set(data["wishes"]),
        asks=frozenset(stems(data["asks"]["begins"])),
        asking=tuple(stems(sign) for sign in data["asks"]["contains"]),
        every=tuple(_entries(data["every"])),
        ordinals={stems(name): number for part in data["ordinals"].values() for name, number in part.items()},
        values=values,
        choosing=frozenset(data["choosing"]),
        opening=_opening(data["openings"], "|".join(data["opening_stops"].split())),
        joiner=_joiner(data["joiners"]),
    )


def find(needle: Sequence[str], hay: Sequence[str], start: int = 0) -> int:
    """Where the words `needle` stand together in `hay`, at or after `start`; -1 where they do not."""
    size = len(needle)
    for place in range(start, len(hay) - size + 1):
        if tuple(hay[place : place + size]) == tuple(needle):
            return place
    return -1


def _entries(languages: Mapping[str, str | list[str]]) -> list[Words]:
    return [stems(entry) for part in languages.values() for entry in (part.split() if isinstance(part, str) else part)]


def _set(languages: Mapping[str, str | list[str]]) -> frozenset[str]:
    return frozenset(word for entry in _entries(languages) for word in entry)


def _alternatives(languages: Mapping[str, str], language: str) -> str:
    entries = [entry.strip() for entry in languages[language].split("|")]
    return "|".join(re.escape(entry) for entry in sorted(entries, key=len, reverse=True))


def _opening(data: Mapping[str, str], stops: str) -> re.Pattern[str]:
    english, chinese = _alternatives(data, "en"), _alternatives(data, "zh")
    kept = rf"(?![\w'])(?!\s+(?:{stops})\b)"
    return re.compile(rf"\s*(?:(?:{english}){kept}|(?:{chinese}))[\s,:!，：]*", re.IGNORECASE)


def _joiner(data: Mapping[str, str]) -> re.Pattern[str]:
    english, chinese = _alternatives(data, "en"), _alternatives(data, "zh")
    return re.compile(rf"(?:(?<=\s)|(?=[,;&]))(?:{english})\s+|(?:{chinese})", re.IGNORECASE)


__all__ = ["Lexicon", "Word", "Words", "find", "lexicon", "stem", "stems", "words"]

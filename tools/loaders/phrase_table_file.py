"""The file of a phrase table: words and patterns in two languages, read and checked."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..english import plural
from .base import ModelSpec
from .checkpoints import broken

LANGUAGES = ("en", "zh")
"""The two sides of a row, in this order."""
START = "sentence"
"""The phrase that a whole sentence is."""
LOOSE = "word"
"""The category of words that stand on their own, where no phrase fits."""
MEASURE = "{measure}"
NUMBER = "number"
"""The category that takes figures, too."""

Tokens = tuple[str, ...]
MARKS = ("⟦", "⟧")
"""Stand around words that no row has."""
_TOKEN = re.compile(r"⟦[^⟦⟧]+⟧|\{[\w.]+\}|[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+(?:['’-][^\W_\u3400-\u9fff]+)*|[^\w\s]")


class Word(NamedTuple):
    """One meaning: for each language the wordings, the usual one first; a noun has a measure word."""

    wordings: tuple[tuple[Tokens, ...], tuple[Tokens, ...]]
    measure: str = ""


class Rule(NamedTuple):
    """One pattern on both sides: literal tokens, and places such as ``{thing}`` that both sides have."""

    sides: tuple[Tokens, Tokens]


class Table(NamedTuple):
    """Words by category, patterns by the phrase that they make, and what else matching needs."""

    words: Mapping[str, Sequence[Word]]
    rules: Mapping[str, Sequence[Rule]]
    open: frozenset[str]
    measures: frozenset[str]
    spelling: Mapping[str, str]
    known: tuple[frozenset[Tokens], frozenset[Tokens]]
    """Every wording of each language."""


_Row = Annotated[list[str], Field(min_length=2, max_length=3)]
_Pair = Annotated[list[str], Field(min_length=2, max_length=2)]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    open: list[str] = []
    spelling: dict[str, str] = {}
    measures: list[str] = []
    words: dict[str, list[_Row]]
    numbered: dict[str, list[_Pair]] = {}
    phrases: dict[str, list[_Pair]]


def read_table(spec: ModelSpec, path: Path) -> Table:
    """The table of a file. Raises ``CheckpointBroken``, which names the row that is wrong."""
    try:
        # The base loader takes "on" and "no" for the words that they are.
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
        file = _File.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise broken(spec, f"{path.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise broken(spec, f"{path.name} cannot be read: {error}") from error
    words = {category: [_word(row) for row in rows] for category, rows in file.words.items()}
    words |= {f"{category}s": [_plural(word) for word in found] for category, found in words.items() if _counts(found)}
    rules = {name: [_rule(row) for row in rows] for name, rows in {**file.numbered, **file.phrases}.items()}
    for name, rows in file.numbered.items():
        rules[f"{name}s"] = [_rule([re.sub(r"\{noun\}", "{nouns}", side) for side in row]) for row in rows]
    _check(spec, words, rules, path.name)
    known = (_known(words, 0), _known(words, 1))
    return Table(words, rules, frozenset(file.open), frozenset(file.measures), file.spelling, known)


def tokens_of(text: str) -> list[str]:
    """A text as tokens: English words, Chinese characters, places of a pattern, marked words, and signs one by one."""
    return _TOKEN.findall(text)


def place_of(token: str) -> str | None:
    """The phrase or category that a place of a pattern stands for ("{thing.2}" -> "thing"); None for a word."""
    return token[1:-1].partition(".")[0] if token.startswith("{") and len(token) > 2 else None


def _word(row: Sequence[str]) -> Word:
    english, chinese = (tuple(tuple(tokens_of(each)) for each in cell.split("|")) for cell in row[:2])
    return Word((english, chinese), row[2] if len(row) > 2 else "")


def _plural(word: Word) -> Word:
    several = tuple(tuple(plural(" ".join(each)).split()) for each in word.wordings[0])
    return Word((several, word.wordings[1]), word.measure)


def _counts(words: Sequence[Word]) -> bool:
    """Whether these are nouns, which have a plural."""
    return any(word.measure for word in words)


def _rule(row: Sequence[str]) -> Rule:
    return Rule((tuple(tokens_of(row[0])), tuple(tokens_of(row[1]))))


def _known(words: Mapping[str, Sequence[Word]], side: int) -> frozenset[Tokens]:
    return frozenset(wording for found in words.values() for word in found for wording in word.wordings[side])


def _check(
    spec: ModelSpec, words: Mapping[str, Sequence[Word]], rules: Mapping[str, Sequence[Rule]], name: str
) -> None:
    if START not in rules or LOOSE not in words:
        raise broken(spec, f"{name} lacks the phrase {START!r} or the category {LOOSE!r}")
    for phrase, found in rules.items():
        for rule in found:
            places = [{token for token in side if place_of(token)} - {MEASURE} for side in rule.sides]
            strange = {each for side in places for each in side if place_of(each) not in words.keys() | rules.keys()}
            if places[0] != places[1] or strange or not all(rule.sides):
                told = " = ".join(" ".join(side) for side in rule.sides)
                raise broken(
                    spec,
                    f"{name}: {phrase}: {told}: " + (f"there is no {min(strange)}" if strange else "its sides differ"),
                    "both sides name the same phrases and categories of the file",
                )

"""Reads a request without a language model: its wishes one by one, and in each the tools meant and the
things named.

Tools are recognised by the example requests on their cards.  An example is a pattern: the words that carry
its wish must stand in the request in this order, light words ("the", "are there") may be missing, and what
stands where a `{slot}` is fills that slot.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from ..tools.contract import Tool
from .lexicon import Lexicon, Words, find, lexicon, stem, stems, words

_ENDS = re.compile(r"(?<=[.!?;])\s+|(?<=[。！？；\n])\s*")
_PIECES = re.compile(r"\{(\w+)\}")
_GAP = 2
"""Light words that may stand between two neighbouring words of an example."""


@dataclass(frozen=True)
class Pattern:
    """An example of a card, compiled.

    `parts` are stems, or slots written "{name}"; `anchors` are the stems that must be found; `chosen`
    holds, for each slot that takes one of a few words, their wordings, of which one must be said; a match
    is worth `weight`.
    """

    tool: Tool
    parts: Words
    anchors: frozenset[str]
    weight: float
    chosen: tuple[tuple[Words, ...], ...]

    @property
    def fixed(self) -> tuple[str, ...]:
        """The words of the example, without its slots."""
        return tuple(part for part in self.parts if not part.startswith("{"))


@dataclass(frozen=True)
class Match:
    """A pattern found in a clause: its weight, the word positions it used up, and where its slots lie
    (start, end).
    """

    tool: Tool
    weight: float
    used: frozenset[int]
    slots: tuple[tuple[str, int, int], ...]


class Clause:
    """One wish of a request as words; positions count words."""

    def __init__(self, text: str) -> None:
        self.text = text
        said = words(text)
        while said and not said[-1].text.isalnum():
            said.pop()
        self.words = said
        self.stems: Words = tuple(stem(word.text) for word in self.words)

    def span(self, start: int, end: int) -> str:
        """The text from word `start` up to word `end`, as typed."""
        return self.text[self.words[start].start : self.words[end - 1].end] if end > start else ""

    @property
    def asks(self) -> bool:
        """Whether the clause asks for words rather than for work on a medium."""
        lex = lexicon()
        begins = bool(self.stems) and self.stems[0] in lex.asks
        return begins or any(find(sign, self.stems) >= 0 for sign in lex.asking)

    @property
    def idle(self) -> bool:
        """Whether no word says anything ("Here is a picture.")."""
        return all(word in lexicon().light or not word.isalnum() for word in self.stems)


def clauses(text: str, tools: Iterable[Tool]) -> list[Clause]:
    """The wishes of a request, in order: sentences, cut once more at joiners that something like a wish
    follows.
    """
    offered = tuple(tools)
    heads, patterns = _heads(offered), _patterns(offered)
    found: list[str] = []
    for sentence in _ENDS.split(text):
        start = 0
        for joint in lexicon().joiner.finditer(sentence):
            if joint.start() > start and _begins_wish(sentence[joint.end() :], heads, patterns):
                found.append(sentence[start : joint.start()])
                start = joint.end()
        found.append(sentence[start:])
    opened = [_opened(part).strip(" ,，") for part in found]
    return [Clause(part) for part in opened if part]


def matches(clause: Clause, tools: Sequence[Tool]) -> list[Match]:
    """The tools whose examples or name are found in the clause, each with its best match, best first."""
    best: dict[str, Match] = {}
    for pattern in _patterns(tuple(tools)):
        match = _match(pattern, clause)
        if match is not None and (match.tool.name not in best or best[match.tool.name].weight < match.weight):
            best[match.tool.name] = match
    return sorted(best.values(), key=lambda match: -match.weight)


def reads_like(tool: Tool, clause: Clause) -> bool:
    """Whether the whole clause is one of the tool's examples with its slots filled, or begins with the tool's name.

    Determiners and polite words may differ; anything else that is said, and the clause means something else.
    """
    said = "".join(f"{word} " for word in clause.stems)
    return any(pattern.fullmatch(said) for pattern in _whole(tool))


@lru_cache(maxsize=1024)
def _whole(tool: Tool) -> tuple[re.Pattern[str], ...]:
    idle = lexicon().determiners | lexicon().polite
    gap = f"(?:{_either((word,) for word in idle)})*"
    values = {
        f"{{{name}}}": _either(words for value in options for words in lexicon().wordings(value))
        for name, options in choices(tool).items()
    }
    found = [rf"{_either([stems(tool.name.replace('_', ' '))])}(?:\S+ )*"]
    for parts in map(_parts, tool.card.examples):
        told = [part for part in parts if part not in idle]
        if any(part not in lexicon().light and not part.startswith("{") for part in told):
            spelled = [
                values.get(part, r"(?:\S+ )+?") if part.startswith("{") else f"{re.escape(part)} " for part in told
            ]
            found.append(gap.join(["", *spelled, ""]))
    return tuple(re.compile(one) for one in found)


def _either(phrases: Iterable[Sequence[str]]) -> str:
    """A pattern of any of these phrases, longest first, each word with a space behind it."""
    spelled = sorted((re.escape(" ".join(words)) + " " for words in phrases), key=len, reverse=True)
    return f"(?:{'|'.join(spelled)})"


@lru_cache(maxsize=16)
def _patterns(tools: tuple[Tool, ...]) -> tuple[Pattern, ...]:
    light = lexicon().light
    drafts = [(tool, _parts(example)) for tool in tools for example in _examples(tool)]
    by_tool: dict[str, set[str]] = {}
    for tool, parts in drafts:
        by_tool.setdefault(tool.name, set()).update(parts)
    spread = Counter(word for each in by_tool.values() for word in each)
    found = []
    for tool, parts in drafts:
        fixed = [part for part in parts if not part.startswith("{")]
        anchors = frozenset(part for part in fixed if part not in light) or frozenset(fixed)
        weight = sum(math.log(1 + len(tools) / spread[part]) for part in fixed if part in anchors)
        if len(fixed) == 1 and anchors <= light:
            continue  # "the {by} {labels}" tells how things are named, which is no wish
        # A pattern of light words alone ("is there a {labels}") says little, and an empty one ("{question}") nothing.
        worth = weight / 4 if anchors <= light else weight
        found.append(Pattern(tool, parts, anchors, worth, _chosen(tool, parts)))
    return tuple(found)


def choices(tool: Tool) -> dict[str, tuple[str, ...]]:
    """The tool's parameters that take one of a few words, with these words."""
    listed = {param.name: param.schema.get("enum", ()) for param in tool.params if param.kind is None}
    return {name: tuple(str(value) for value in options) for name, options in listed.items() if options}


def _chosen(tool: Tool, parts: Words) -> tuple[tuple[Words, ...], ...]:
    found = [options for name, options in choices(tool).items() if f"{{{name}}}" in parts]
    return tuple(tuple(wording for value in options for wording in lexicon().wordings(value)) for options in found)


def _examples(tool: Tool) -> tuple[str, ...]:
    return (*tool.card.examples, tool.name.replace("_", " "))


def _parts(example: str) -> Words:
    pieces = _PIECES.split(example)
    parts: list[str] = []
    for number, piece in enumerate(pieces):
        parts += [f"{{{piece}}}"] if number % 2 else stems(piece)
    return tuple(parts)


def _match(pattern: Pattern, clause: Clause) -> Match | None:
    """Place the pattern's words one after another, each as early as it can stand."""
    there = sum(part in clause.stems for part in pattern.fixed)
    if 2 * there < len(pattern.fixed):
        return None  # one word of a long example ("number") is no sign of it
    if not all(any(find(wording, clause.stems) >= 0 for wording in options) for options in pattern.chosen):
        return None
    used: set[int] = set()
    slots: list[tuple[str, int]] = []
    place, free = 0, False
    for part in pattern.parts:
        if part.startswith("{"):
            slots.append((part[1:-1], place))
            free = True
            continue
        anchor = part in pattern.anchors
        if free and not anchor:
            continue  # a light word after a slot may as well belong to what fills it
        at = find((part,), clause.stems, place)
        if at >= 0 and (free or not used or _close(clause, place, at)):
            used.add(at)
            place, free = at + 1, False
        elif anchor:
            return None
    ends = [min((at for at in used if at >= start), default=len(clause.stems)) for _, start in slots]
    found = tuple((name, start, end) for (name, start), end in zip(slots, ends, strict=True))
    # Of two examples that match as well, the one whose slots are filled reads the clause better.
    filled = sum(0.01 if _says(clause, start, end) else -0.01 for _, start, end in found)
    return Match(pattern.tool, pattern.weight + filled, frozenset(used), found)


def _says(clause: Clause, start: int, end: int) -> bool:
    """Whether more is said there than "the picture"."""
    idle = lexicon().determiners
    return any(word not in idle and (word,) not in lexicon().picture for word in clause.stems[start:end])


def _close(clause: Clause, place: int, at: int) -> bool:
    between = clause.stems[place:at]
    return len(between) <= _GAP and all(word in lexicon().light for word in between)


@lru_cache(maxsize=16)
def _heads(tools: tuple[Tool, ...]) -> frozenset[str]:
    """The words with which a wish may begin: those of the table, and the first word of every example."""
    first = [parts[0] for tool in tools for example in _examples(tool) if (parts := _parts(example))]
    return lexicon().wishes | {word for word in first if not word.startswith("{") and word not in lexicon().light}


def _begins_wish(rest: str, heads: frozenset[str], patterns: Sequence[Pattern]) -> bool:
    clause = Clause(_opened(rest))
    if not clause.stems or clause.stems[0] in heads:
        return bool(clause.stems)
    # A Chinese wish may begin with what it is about ("星星在哪里"), so there the whole of it must fit an example.
    return not clause.stems[0].isascii() and any(_match(one, clause) for one in patterns if one.weight > 0)


def _opened(text: str) -> str:
    """The text without polite and idle beginnings."""
    while (match := lexicon().opening.match(text)) and match.end() < len(text):
        text = text[match.end() :]
    return text


@dataclass(frozen=True)
class Thing:
    """A noun phrase: the noun as typed, the enumerated values said about it, nearest to the noun first.

    `whole` says that the noun is the picture itself, `pronoun` that something named before is meant: "one"
    for a single thing or none in particular ("it"), "many" for things ("them").
    """

    noun: str = ""
    values: tuple[str, ...] = ()
    whole: bool = False
    pronoun: Literal["", "one", "many"] = ""

    @property
    def particular(self) -> bool:
        """Whether things in a medium are meant, rather than the medium itself or whatever "it" is."""
        return not self.whole and bool(self.noun or self.values or self.pronoun == "many")


def things(
    clause: Clause, start: int, end: int, values: Mapping[int, tuple[int, str]], used: Container[int]
) -> list[Thing]:
    """The noun phrases between two words, cut where "and" or a comma stands between two nouns.

    `values` maps the position where a wording of an enumerated value starts to (its end, the value); `used`
    are the positions of other words that are no part of a noun phrase.
    """
    found: list[Thing] = []
    begin = start
    marked = {at for first, (last, _) in values.items() for at in range(first, last)}
    marked |= {at for at in range(start, end) if at in used}
    for at in range(start, end):
        if clause.stems[at] in lexicon().both and at not in marked:
            found += _thing(clause, begin, at, values, marked)
            begin = at + 1
    return [*found, *_thing(clause, begin, end, values, marked)]


def _thing(
    clause: Clause, start: int, end: int, values: Mapping[int, tuple[int, str]], marked: Container[int]
) -> Iterator[Thing]:
    lex = lexicon()
    place = start
    while place < end and (place in marked or clause.stems[place] in lex.determiners | lex.light - _nouns(lex)):
        place += 1
    first = place
    while place < end and place not in marked and clause.stems[place] not in lex.phrase_end:
        place += 1
    while place > first and clause.stems[place - 1] in lex.determiners - _nouns(lex):
        place -= 1
    said = [(at, value) for at, (_, value) in sorted(values.items()) if start <= at < end]
    before = [value for at, value in reversed(said) if at < first]
    after = [value for at, value in said if at >= first]
    ordered = tuple(sorted([*before, *after], key=lambda value: value in lex.choosing))
    noun = clause.stems[first:place]
    pointed = {(clause.stems[at],) for at in range(start, first)} & lex.pronouns
    if not noun and not ordered and not pointed:
        return
    if not noun or noun in lex.pronouns:
        many = noun in lex.plural or bool(pointed & lex.plural)
        yield Thing(values=ordered, pronoun="many" if many else "one")
        return
    head = noun[1:] if noun[:1] in lex.ordinals else noun
    numbered = head[:1] in lex.picture and all(word == "number" or word.isdecimal() for word in head[1:])
    whole = (head in lex.picture or numbered) and not ordered
    yield Thing("" if whole else clause.span(first, place), ordered, whole)


def _nouns(lex: Lexicon) -> frozenset[str]:
    """Light words that may head a noun phrase all the same."""
    return frozenset(word for phrase in lex.picture | lex.pronouns for word in phrase)

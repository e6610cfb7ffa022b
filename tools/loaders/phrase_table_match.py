"""Matching of sentences with a phrase table: the patterns are a grammar of two languages at once.

A sentence is parsed by the rows' one side and said by their other (a synchronous grammar: P. M. Lewis and
R. E. Stearns, "Syntax-directed transduction", JACM 15, 1968). What no row has takes the place of an open category and
costs.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .phrase_table_file import LOOSE, MARKS, MEASURE, NUMBER, START, Rule, Table, Tokens, Word, place_of, tokens_of

_ARTICLE = re.compile(rf"\b([Aa]) (?={MARKS[0]}?[aeiouAEIOU])")
_BEFORE_SIGN = re.compile(r" (?=[,:;)])")


@dataclass(frozen=True)
class Node:
    """A stretch that is understood: a pattern with what fills its places, a word, or something said as it stands."""

    rule: Rule | None = None
    word: Word | None = None
    kept: str = ""
    filled: Mapping[str, "Node"] = field(default_factory=dict)
    unknown: int = 0
    """How many words in it no row has."""


class Reading:
    """One sentence of one side, and every stretch of it that a phrase of the table fits."""

    def __init__(self, table: Table, text: str, side: int) -> None:
        self._table, self._side = table, side
        self._tokens = tokens_of(text)
        self._keys = [table.spelling.get(each.casefold(), each.casefold()) for each in self._tokens]
        self._words = _word_ends(self._tokens, side)
        self._found: dict[tuple[str, int], dict[int, Node]] = {}

    def __len__(self) -> int:
        return len(self._tokens)

    def whole(self) -> Node | None:
        """The sentence as one phrase; None where none fits."""
        return self._fitting(START, 0).get(len(self._tokens))

    def stretches(self) -> list[Node]:
        """The sentence piece by piece: the longest phrases and words that are known, the rest as it stands."""
        found: list[Node] = []
        start = 0
        while start < len(self._tokens):
            fitting = [*self._fitting(START, start).items(), *self._fitting(LOOSE, start).items()]
            known = [(end, node) for end, node in fitting if not node.unknown]
            end, node = max(known, key=lambda pair: pair[0], default=self._unknown(start))
            found.append(node)
            start = end
        return found

    def _fitting(self, name: str, start: int) -> dict[int, Node]:
        """Where a phrase or category that begins at ``start`` may end, with the best reading of each stretch."""
        key = name, start
        if key not in self._found:
            self._found[key] = {}  # a phrase that begins with itself fits nowhere
            best: dict[int, Node] = {}
            for end, node in self._readings(name, start):
                if end not in best or node.unknown < best[end].unknown:
                    best[end] = node
            self._found[key] = best
        return self._found[key]

    def _readings(self, name: str, start: int) -> Iterator[tuple[int, Node]]:
        for word in self._table.words.get(name, ()):
            for wording in word.wordings[self._side]:
                end = start + len(wording)
                if wording and tuple(self._keys[start:end]) == wording:
                    yield end, Node(word=word)
        for rule in self._table.rules.get(name, ()):
            for end, filled in self._along(rule.sides[self._side], 0, start):
                yield end, Node(rule, filled=filled, unknown=sum(each.unknown for each in filled.values()))
        if start == len(self._tokens):
            return
        if name == NUMBER and self._keys[start].isdecimal():
            yield start + 1, Node(kept=self._tokens[start])
        if name in self._table.open and start in self._words:
            end = self._words[start]
            if tuple(self._keys[start:end]) not in self._table.known[self._side]:
                yield self._unknown(start)

    def _along(self, pattern: Tokens, place: int, start: int) -> Iterator[tuple[int, dict[str, Node]]]:
        if place == len(pattern):
            yield start, {}
            return
        token = pattern[place]
        name = place_of(token)
        if token == MEASURE or name is None:
            key = self._keys[start] if start < len(self._keys) else ""
            if key in self._table.measures if token == MEASURE else key == token:
                yield from self._along(pattern, place + 1, start + 1)
            return
        for middle, node in self._fitting(name, start).items():
            for end, filled in self._along(pattern, place + 1, middle):
                yield end, {token: node, **filled}

    def _unknown(self, start: int) -> tuple[int, Node]:
        """The word that begins here, marked; a sign or a figure as it stands."""
        if start not in self._words:
            return start + 1, Node(kept=self._tokens[start])
        end = self._words[start]
        kept = "".join(self._tokens[start:end])
        return end, Node(kept=kept if kept.startswith(MARKS[0]) else kept.join(MARKS), unknown=1)


def said(nodes: Sequence[Node], side: int) -> str:
    """What was understood, in the language of ``side``."""
    tokens = [token for node in nodes for token in _tokens(node, side)]
    if side == 1:
        return "".join(tokens)
    text = _BEFORE_SIGN.sub("", " ".join(tokens))
    return _ARTICLE.sub(r"\1n ", text)


def _tokens(node: Node, side: int) -> list[str]:
    if node.word is not None:
        return list(node.word.wordings[side][0])
    if node.rule is None:
        return [node.kept]
    tokens: list[str] = []
    pattern = node.rule.sides[side]
    for number, token in enumerate(pattern):
        if token == MEASURE:
            tokens.append(_measure(node.filled[pattern[number + 1]]) or "个")  # which is never wrong
        elif place_of(token) is not None:
            tokens += _tokens(node.filled[token], side)
        else:
            tokens.append(token)
    return tokens


def _measure(node: Node) -> str:
    """The measure word of the noun in a node; empty where it has none."""
    if node.word is not None:
        return node.word.measure
    found = (_measure(each) for each in node.filled.values())
    return next((each for each in found if each), "")


def _word_ends(tokens: Sequence[str], side: int) -> dict[int, int]:
    """Where the word that begins at a token, or goes on there, ends; signs and figures are no words."""
    if side == 0:
        return {place: place + 1 for place, token in enumerate(tokens) if _is_word(token)}
    import rjieba  # reads its dictionary: not before a Chinese sentence

    ends: dict[int, int] = {}
    place = 0
    for word in rjieba.cut("".join(tokens)):
        size = len(tokens_of(word))
        if _is_word(word):
            ends |= dict.fromkeys(range(place, place + size), place + size)
        place += size
    return ends


def _is_word(token: str) -> bool:
    return token[0].isalpha() or token.startswith(MARKS[0])

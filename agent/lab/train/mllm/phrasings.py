"""How people ask: the wordings of `phrasings.tsv` and `variants.tsv`, and which of them training never sees.

The planner learns from the first file too, which questions to hand on. The second one has variants for the questions
that the model mistook for others in wordings that it was not taught; none of them is held out.

A line is ``type<TAB>text``; a slot stands in curly braces. One line in ten of the first file, chosen by a hash of its
text, is held out: the evaluation asks in those, so that it says something of wordings that the model was not taught.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from ..held_out import held_out
from ..planner.disturb import pseudo_word
from .words import spaced

# The slots of each type of line: one of these sets, exactly. n, n2: a thing; a: a thing with its article; pl: things;
# c: a colour; p: a place; m: a number.
SLOTS: Mapping[str, tuple[frozenset[str], ...]] = {
    name: tuple(frozenset(chosen.split()) for chosen in given)
    for name, given in {
        "colour": ("n",), "what_colour": ("c",), "what_place": ("p",), "count": ("pl",), "count_all": ("",),
        "exist": ("a", "pl"), "is_colour": ("n c",), "is_count": ("m pl",), "where": ("n",), "caption": ("",),
        "background": ("",), "pattern": ("n",), "size": ("n",), "sign": ("",), "left_of": ("n n2",),
        "above": ("n n2",), "bigger": ("n n2",), "before": ("",), "after": ("",),
    }.items()
}  # fmt: skip
_FILES = ("phrasings.tsv", "variants.tsv")
_DRESSED, _BARE, _NOISY = 0.12, 0.12, 0.2  # probabilities of words around, of no final mark, of an unknown word
_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Phrasing:
    """One wording: its type and its tokens, of which a slot is one (``{n}``)."""

    kind: str
    tokens: tuple[str, ...]
    held_out: bool

    @property
    def slots(self) -> frozenset[str]:
        """The names of the slots."""
        return frozenset(token[1:-1] for token in self.tokens if token.startswith("{"))


def read(line: str) -> Phrasing:
    """The phrasing of one line; raises ValueError where its type is unknown or its slots are not that type's."""
    kind, tab, text = line.rstrip("\n").partition("\t")
    if not tab or kind not in SLOTS:
        raise ValueError(f"not a line of a known type: {line!r}")
    used = _SLOT.findall(text)
    if len(set(used)) != len(used) or frozenset(used) not in SLOTS[kind]:
        raise ValueError(f"{kind} takes the slots {' or '.join(map(str, map(sorted, SLOTS[kind])))}: {line!r}")
    # A slot is an ordinary word to the splitter, so that punctuation beside it is split off as in a real question.
    tokens = spaced(_SLOT.sub(lambda found: f"slot{found[1]}slot", text))
    filled = tuple(re.sub(r"^slot(\w+?)slot$", r"{\1}", token) for token in tokens)
    if sum("{" in token for token in filled) != len(used):
        raise ValueError(f"a slot must stand for itself: {line!r}")
    return Phrasing(kind, filled, held_out(line))


@cache
def phrasings() -> tuple[Phrasing, ...]:
    """Every line of the package's files, in their order."""
    texts = [files(__package__).joinpath(name).read_text(encoding="utf-8") for name in _FILES]
    return tuple(read(line) for text in texts for line in text.splitlines() if line)


class Phrasebook:
    """Says a question in words: in those that training sees, or in those held out from it."""

    def __init__(self, lines: Collection[Phrasing] | None = None) -> None:
        self.lines: dict[tuple[str, bool, frozenset[str]], list[tuple[str, ...]]] = {}
        for line in phrasings() if lines is None else lines:
            self.lines.setdefault((line.kind, line.held_out, line.slots), []).append(line.tokens)
        taught = {token for key, texts in self.lines.items() if not key[1] for text in texts for token in text}
        held = {token for key, texts in self.lines.items() if key[1] for text in texts for token in text}
        # Words of held-out lines alone are in the vocabulary, but training meets them as words without a meaning only.
        self.strange = tuple(sorted(held - taught))

    def say(
        self, kind: str, slots: Mapping[str, str], rng: np.random.Generator, *, held_out: bool, noise: bool
    ) -> list[str]:
        """The tokens of one question of this type, with its slots filled; `noise` strews in unknown words."""
        chosen = list(self._draw(kind, frozenset(slots), rng, held_out))
        if noise and rng.random() < _NOISY:
            self._disturb(chosen, rng)
        if rng.random() < _DRESSED:
            chosen = [*self._draw("before", frozenset(), rng, held_out), *chosen]
        if rng.random() < _DRESSED:
            last = [chosen.pop()] if chosen[-1] in ("?", ".") else []
            chosen = [*chosen, *self._draw("after", frozenset(), rng, held_out)]
            chosen += [] if chosen[-1] in ("?", ".", "!") else last
        if chosen[-1] in ("?", ".") and rng.random() < _BARE:
            chosen.pop()
        return [word for token in chosen for word in (slots[token[1:-1]].split() if token[0] == "{" else [token])]

    def _draw(self, kind: str, slots: frozenset[str], rng: np.random.Generator, held_out: bool) -> tuple[str, ...]:
        lines = self.lines[kind, held_out, slots]
        return lines[int(rng.integers(len(lines)))]

    def _disturb(self, tokens: list[str], rng: np.random.Generator) -> None:
        """Put an unknown word before, behind or, in most longer questions, in place of another word."""
        drawn, at = int(rng.integers(2 * len(self.strange) + 1)), int(rng.integers(len(tokens)))
        if drawn < len(self.strange):
            word = self.strange[drawn]
        else:
            word = pseudo_word(random.Random(int(rng.integers(2**31))), "en")
        if len(tokens) >= 5 and tokens[at][0] != "{" and rng.random() < 0.7:
            tokens[at] = word
        else:
            tokens.insert(0 if rng.random() < 0.5 else len(tokens) - (tokens[-1] in "?."), word)

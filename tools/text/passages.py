"""The passages of a document that have most to do with a question, by the words that they share (BM25)."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from .parts import Part
from .words import ends, joined, sentences_of, words_of

_SATURATION, _LENGTH = 1.2, 0.75  # k1 and b, as usual


class Passage(NamedTuple):
    """A stretch of a document, word for word, and the part that it stands in ("page 2"; empty without parts)."""

    text: str
    part: str

    @property
    def quote(self) -> str:
        """The passage with the place where it stands."""
        return f"“{self.text}” ({self.part})" if self.part else f"“{self.text}”"


def passages_of(parts: Sequence[Part]) -> list[Passage]:
    """Every two sentences that follow each other in a part, and every line that is no sentence."""
    found: list[Passage] = []
    for name, text in parts:
        said = sentences_of(text)
        for place, sentence in enumerate(said):
            pair = said[place : place + 2]
            together = pair if ends(sentence) and len(pair) == 2 and ends(pair[1]) else [sentence]
            found.append(Passage(joined(together), name))
    return found


def best(passages: Sequence[Passage], question: str, count: int) -> list[Passage]:
    """At most ``count`` passages that share words with the question, those that share most first; none twice.

    Okapi BM25 (S. Robertson and H. Zaragoza, "The probabilistic relevance framework: BM25 and beyond", Foundations and
    Trends in Information Retrieval 3, 2009). Words that say nothing, such as "what" and "is", do not count.
    """
    counts = [Counter(words_of(each.text)) for each in passages]
    lengths = [sum(each.values()) for each in counts]
    usual = sum(lengths) / max(len(lengths), 1) or 1.0
    scores = [0.0] * len(passages)
    for word in set(words_of(question)):
        places = [place for place, each in enumerate(counts) if word in each]
        rarity = math.log1p((len(passages) - len(places) + 0.5) / (len(places) + 0.5))
        for place in places:
            times, share = counts[place][word], lengths[place] / usual
            scores[place] += (
                rarity * times * (_SATURATION + 1) / (times + _SATURATION * (1 - _LENGTH + _LENGTH * share))
            )
    chosen: list[Passage] = []
    for place in sorted(range(len(passages)), key=lambda place: -scores[place]):
        if len(chosen) == count or scores[place] == 0:
            break
        if not any(_overlap(passages[place], other) for other in chosen):
            chosen.append(passages[place])
    return chosen


def _overlap(one: Passage, other: Passage) -> bool:
    """Whether two passages have a sentence in common."""
    return not set(sentences_of(one.text)).isdisjoint(sentences_of(other.text))

"""The working half of the extractive loader: sentences ranked by LexRank, the best of them in the order of the text.

A sentence counts as much as the sentences that are like it: the stationary distribution of a random walk between
sentences along the cosines of their TF-IDF vectors (G. Erkan and D. R. Radev, "LexRank: Graph-based lexical centrality
as salience in text summarization", JAIR 22, 2004, the continuous form, but for one thing: no sentence vouches for
itself, or one that is like no other would rank in the middle). Cosines are never written down as a matrix: the walk
goes from sentences to words and back, so that long texts take the memory of their words.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import Cancelled, WrongArgument
from ..roles import NEVER, Reply, StopFlag
from ..text.words import ends, joined, sentences_of, words_of
from .base import ModelSpec, cannot_serve, versions

METHOD = "extract: the most central sentences, by LexRank"

_ROUNDS = 200
_CLOSE = 1e-9  # change of the distribution, summed over sentences, at which the walk has settled


class ExtractiveBackbone:
    """Settings of LexRank; serves the role ``summariser``."""

    nbytes = 0

    def __init__(self, spec: ModelSpec, damping: float, alike: float, digest: str) -> None:
        self._spec, self._damping, self._alike = spec, damping, alike
        self.digest = digest
        self.libraries = versions("numpy", "rjieba")

    def adapter(self, role: str) -> "Extractor":
        """The summariser."""
        if role != "summariser":
            raise cannot_serve(self._spec, role, "the summariser")
        return Extractor(self._damping, self._alike)

    def close(self) -> None:
        """There is nothing to let go of."""


class Extractor:
    """A ``Summariser`` that says nothing in words of its own."""

    method = METHOD

    def __init__(self, damping: float, alike: float) -> None:
        self._damping, self._alike = damping, alike

    def summarise(self, texts: Sequence[str], sentences: Sequence[int], *, stop: StopFlag | None = None) -> list[Reply]:
        """The most central sentences of each text, word for word and in its order; of two alike only one.

        Headings, lists and marks of pages are left out where there are whole sentences. Raises WrongArgument for a
        number of sentences below 1, Cancelled.
        """
        if any(count < 1 for count in sentences):
            raise WrongArgument("a summary of no sentence", hint="ask for 1 or more", field="sentences")
        summaries: list[Reply] = []
        for text, count in zip(texts, sentences, strict=True):
            if (stop or NEVER).is_set():
                raise Cancelled("the summariser was stopped between two texts")
            summaries.append(Reply(joined(self._chosen(text, count))))
        return summaries

    def _chosen(self, text: str, count: int) -> list[str]:
        said = sentences_of(text)
        whole = list(dict.fromkeys([each for each in said if ends(each)] or said))  # a page's footer is no news
        if len(whole) <= count:
            return whole
        graph = _Graph([words_of(each) for each in whole])
        chosen: list[int] = []
        for candidate in np.argsort(-graph.ranks(self._damping), kind="stable").tolist():
            if all(graph.likeness(candidate, other) < self._alike for other in chosen):
                chosen.append(candidate)
            if len(chosen) == count:
                break
        return [whole[place] for place in sorted(chosen)]


class _Graph:
    """Sentences as unit vectors over their words, kept as the entries that are not zero."""

    def __init__(self, sentences: Sequence[Sequence[str]]) -> None:
        names: dict[str, int] = {}
        counts = [Counter(names.setdefault(word, len(names)) for word in each) for each in sentences]
        self._rows = np.array([row for row, each in enumerate(counts) for _ in each], np.intp)
        self._columns = np.array([word for each in counts for word in each], np.intp)
        times = np.array([number for each in counts for number in each.values()], np.float64)
        self._shape = len(sentences), max(len(names), 1)
        spread = np.bincount(self._columns, minlength=self._shape[1])
        weights = times * np.log1p(len(sentences) / np.maximum(spread, 1))[self._columns]
        length = np.sqrt(np.bincount(self._rows, weights**2, self._shape[0]))
        self._weights: NDArray[np.float64] = weights / np.maximum(length, 1e-12)[self._rows]
        self._starts = np.searchsorted(self._rows, np.arange(len(sentences) + 1))

    def ranks(self, damping: float) -> NDArray[np.float64]:
        """How much of the walk each sentence draws; a sentence like no other only what the walk's jumps give it."""
        count = self._shape[0]
        degrees = np.maximum(self._likenesses(np.ones(count)), 1e-12)
        ranks = np.full(count, 1 / count)
        for _ in range(_ROUNDS):
            walked = (1 - damping) / count + damping * self._likenesses(ranks / degrees)
            settled = np.abs(walked - ranks).sum() < _CLOSE
            ranks = walked
            if settled:
                break
        return ranks

    def likeness(self, one: int, other: int) -> float:
        """The cosine of two sentences, 0 to 1."""
        first, second = (self._vector(each) for each in (one, other))
        return sum(weight * second.get(word, 0.0) for word, weight in first.items())

    def _vector(self, sentence: int) -> dict[int, float]:
        place = slice(self._starts[sentence], self._starts[sentence + 1])
        return dict(zip(self._columns[place].tolist(), self._weights[place].tolist(), strict=True))

    def _likenesses(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The matrix of the cosines of different sentences times ``values``."""
        words = np.bincount(self._columns, self._weights * values[self._rows], self._shape[1])
        others = words[self._columns] - self._weights * values[self._rows]
        return np.bincount(self._rows, self._weights * others, self._shape[0]).astype(np.float64)

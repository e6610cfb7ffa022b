"""Which tools a request is about, by the words it shares with their cards: TF-IDF and the cosine, without a
model.

With many tools only the best are put before a language model; search uses the same ranking where no example
fits.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ..tools.contract import Tool
from ..tools.registry import Registry
from .chains import Source, needs, sources
from .lexicon import lexicon, stems

_SLOT = re.compile(r"\{\w+\}")


def rank(text: str, tools: Sequence[Tool]) -> list[tuple[float, Tool]]:
    """The tools that share words with the text, best first, with their cosine in (0, 1]."""
    documents = [_words(tool) for tool in tools]
    spread = Counter(word for document in documents for word in document)
    weight = {word: math.log(1 + len(tools) / number) for word, number in spread.items()}
    query = _weighted(Counter(_content(text)), weight)
    scored = [(_cosine(query, _weighted(document, weight)), -number) for number, document in enumerate(documents)]
    return [(score, tools[-place]) for score, place in sorted(scored, reverse=True) if score > 0]


def relevant(text: str, registry: Registry, kinds: Iterable[str], limit: int) -> Registry:
    """At most about `limit` tools for the request, with those that make what they need from the kinds at
    hand.
    """
    if len(registry) <= limit:
        return registry
    found = sources(kinds, registry.tools())
    chosen: dict[str, None] = {}
    for _, tool in rank(text, registry.tools()):
        if len(chosen) >= limit:
            break
        chosen |= dict.fromkeys(_with_makers(tool, found))
    return registry.subset(chosen) if chosen else registry.subset(registry.names()[:limit])


def _with_makers(tool: Tool, found: Mapping[str, Source]) -> list[str]:
    names = [tool.name]
    for kind in needs(tool):
        source = found.get(kind)
        if source is not None and source.tool is not None:
            names += _with_makers(source.tool, found)
    return names


def _words(tool: Tool) -> Counter[str]:
    """What the tool is called counts most, then how people ask for it, then its manual."""
    words: Counter[str] = Counter()
    examples = _SLOT.sub(" ", " ".join(tool.card.examples))
    for text, times in ((tool.name.replace("_", " "), 3), (examples, 2), (tool.doc, 1)):
        for word in _content(text):
            words[word] += times
    return words


def _content(text: str) -> list[str]:
    idle = lexicon().light | lexicon().wishes
    return [word for word in stems(text) if word not in idle and word.isalnum()]


def _weighted(counts: Counter[str], weight: Mapping[str, float]) -> dict[str, float]:
    return {word: (1 + math.log(number)) * weight[word] for word, number in counts.items() if word in weight}


def _cosine(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    dot = sum(value * other.get(word, 0.0) for word, value in one.items())
    return dot / (math.hypot(*one.values()) * math.hypot(*other.values())) if dot else 0.0

"""What flows through the wishes of a request: which media they are about, and which wish takes up what another made.

Stdlib only.
"""

from __future__ import annotations

from collections.abc import Sequence

from .catalog import MEDIA, Catalog, Facts
from .nouns import Source
from .phrasings import Phrasing, Phrasings, split_intent
from .spans import Unfit

Place = tuple[int, int]
"""Of a wish: the number of its line, and its number in the line."""


class Flow:
    """Reads the flow off the lines of requests."""

    def __init__(self, catalog: Catalog, phrasings: Phrasings) -> None:
        self.catalog, self.phrasings = catalog, phrasings

    def of(self, lines: Sequence[Phrasing]) -> tuple[str | None, set[Place]]:
        """The kind of medium that has to be there, and the wishes that take up what the one before made."""
        base: str | None = None
        made: tuple[str, bool] | None = None
        onto: set[Place] = set()
        for number, line in enumerate(lines):
            for index, intent in enumerate(line.intents):
                facts, about = split_intent(intent, self.catalog)
                need = self._need(line, index, intent, facts)
                if need is not None:
                    if made == need and (need[0] != base or need[0] == "text"):
                        if not _whole_only(facts, about):
                            raise Unfit  # things are looked for in what is attached
                        onto.add((number, index))
                    elif base is None:
                        base = need[0]
                    elif base != need[0] or made == (base, True):
                        raise Unfit
                made = self.makes(facts)
        return base, onto

    def _need(self, line: Phrasing, index: int, intent: str, facts: Facts) -> tuple[str, bool] | None:
        """The kind of medium that a wish takes and whether several at once; None where its words are enough."""
        own = line.own(index, facts)
        if facts.medium is not None and facts.medium.literal and facts.medium.name in own:
            return None
        kind = self.phrasings.medium(intent)
        return None if kind is None else (kind, facts.gathers and facts.medium is not None and facts.medium.many)

    def makes(self, facts: Facts) -> tuple[str, bool] | None:
        """The kind of medium that a tool makes, as another one can take it, and whether it makes a list."""
        if facts.gives in MEDIA:
            return facts.gives, facts.lists
        holds_words = facts.gives != "boxes" or facts.name == "read_text"  # other boxes name things
        return ("text", False) if facts.gives and holds_words and self.catalog.wording(facts.gives) else None

    def where(self, lines: Sequence[Phrasing], medium: str | None, onto: set[Place], s: Source) -> tuple[str, int]:
        """Which media the request is about, and how many are there."""
        taking: list[Facts] = []
        for number, line in enumerate(lines):
            for index, intent in enumerate(line.intents):
                facts, _ = split_intent(intent, self.catalog)
                if (number, index) not in onto and self._need(line, index, intent, facts) is not None:
                    taking.append(facts)
        if any("{other" in line.text for line in lines):
            if medium is None or any(facts.gathers for facts in taking):
                raise Unfit
            return "pair", s.rng.choice((2, 2, 2, 3))
        if medium is None:
            return "none", 0
        if any(facts.gathers for facts in taking):
            if not all(facts.gathers for facts in taking):
                raise Unfit
            return "all", s.rng.randint(2, 4)
        shares = (61, 10, 17, 12) if s.split == "train" else (70, 8, 11, 11)  # the rarer ones are the harder ones
        where = s.rng.choices(("one", "nth", "each", "thread"), shares)[0]
        if s.split.endswith(("forms", "nouns")) or any("points" in media_of(facts) for facts in taking):
            where = "one"
        return where, 1 if where in ("one", "thread") else s.rng.randint(2, 4)


def media_of(facts: Facts, *, names: bool = False) -> set[str | None]:
    """The kinds of media that a tool takes, or the names of the arguments that take them."""
    return {arg.name if names else arg.kind for arg in facts.args if arg.kind in MEDIA}


def _whole_only(facts: Facts, about: str | None) -> bool:
    """Whether a tool takes its medium, and nothing that has to be found in it."""
    found = [arg for arg in facts.args if arg.kind is not None and arg.kind not in MEDIA]
    plain = all(arg.optional and arg.name != about for arg in found) and not facts.finds
    return plain and sum(arg.kind in MEDIA and not arg.optional for arg in facts.args) == 1

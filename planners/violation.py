"""One thing that is wrong with a plan: where, what, and how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """A fault at `path` ("steps[2].args.boxes") with a kebab-case `code`; `hint` says what to write
    instead.
    """

    path: str
    code: str
    message: str
    hint: str = ""

    def to_dict(self) -> dict[str, str]:
        """The same as plain JSON."""
        return asdict(self)

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{where}{self.message}" + (f" ({self.hint})" if self.hint else "")


def near(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """A hint: the known words that `word` may have meant, else `otherwise`."""
    close = difflib.get_close_matches(word, list(dict.fromkeys(known)), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else otherwise


def listing(what: str, names: Iterable[str], limit: int = 20) -> str:
    """A hint that lists what there is ("tools: detect, count"), cut after `limit` names."""
    known = list(dict.fromkeys(names))
    more = f" and {len(known) - limit} more" if len(known) > limit else ""
    return f"{what}: {', '.join(known[:limit])}{more}" if known else f"there are no {what}"

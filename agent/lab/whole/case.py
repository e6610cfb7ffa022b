"""What a request about an expert consists of beside its words: media, the values of its slots, and a judge.

A judge is made with the truth in hand, and sees what the run handed over: its text and its artifacts, no plan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from ....tools.media.artifact import Artifact

if TYPE_CHECKING:
    from ...result import Result
    from .media import Draw
    from .senses import Senses

Kind = TypeVar("Kind", bound=Artifact)


@dataclass(frozen=True)
class Given:
    """What a run handed over."""

    text: str
    made: tuple[Artifact, ...] = ()

    @staticmethod
    def of(result: Result) -> Given:
        """What a result holds for the one who asked."""
        return Given(result.text, tuple(result.artifacts.values()))

    def all(self, kind: type[Kind]) -> list[Kind]:
        """The artifacts of a kind, in order."""
        return [each for each in self.made if isinstance(each, kind)]

    def one(self, kind: type[Kind]) -> Kind | None:
        """The artifact of a kind, None where there is none or more than one."""
        found = self.all(kind)
        return found[0] if len(found) == 1 else None


Judge = Callable[[Given, "Senses"], bool]


@dataclass(frozen=True)
class Case:
    """The media of a request, what its slots say, whether a result is right, and the truth in words."""

    files: tuple[Artifact, ...]
    right: Judge
    truth: str
    values: Mapping[str, str] = field(default_factory=dict)
    single: bool = True
    """Whether what the request names is one thing, for the verbs that agree with it."""
    asked: str = ""
    """What is asked instead of the phrasing's own bracket."""


Make = Callable[["Draw"], "Case | None"]
"""Draws a case for a phrasing, None where the phrasing asks for something whose truth is not known."""

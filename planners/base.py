"""What a planner is given and what it gives: the request, its surroundings, and the protocol of all
planners.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from .plan import Plan
from .violation import Violation

if TYPE_CHECKING:
    from ..tools.media.artifact import Artifact
    from ..tools.registry import Registry
    from ..tools.roles import Completion, LanguageModel, StopFlag

Language = Literal["en", "zh"]

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_LATIN = re.compile(r"[A-Za-z]+")


def language_of(text: str) -> Language:
    """The language of a request by its script: Chinese where it has at least as many Han signs as Latin
    words.
    """
    han = len(_HAN.findall(text))
    return "zh" if han and han >= len(_LATIN.findall(text)) else "en"


@dataclass(frozen=True)
class Request:
    """What the user asked.

    `attachments` stand in the order given; a plan counts them by kind.  `want` is the kind that the answer
    should have, where the user said so.  `thread` maps the names that earlier runs of the thread left to
    their kinds.
    """

    text: str
    attachments: Sequence[Artifact] = ()
    want: str | None = None
    language: Language = "en"
    thread: Mapping[str, str] = field(default_factory=dict)

    @property
    def kinds(self) -> list[str]:
        """The kinds of the attachments, in the order given."""
        return [artifact.kind for artifact in self.attachments]


def _silent(event: object) -> None:
    """Where nobody listens."""


def _unlimited(completion: Completion) -> None:
    """Where nobody counts."""


@dataclass(frozen=True)
class PlannerContext:
    """A planner's surroundings: the tools at hand, the roles that the profile serves, and a model if it
    needs one.

    `fits` tells whether the models of some roles fit the pool together (None: they do), `emit` takes
    events, `spend` is told what each call of the model read and wrote and may raise BudgetExceeded; `stop`
    ends a call early.
    """

    registry: Registry
    roles: frozenset[str] = frozenset()
    language_model: LanguageModel | None = None
    seed: int = 0
    emit: Callable[[Any], None] = _silent
    fits: Callable[[Sequence[str]], Violation | None] | None = None
    spend: Callable[[Completion], None] = _unlimited
    stop: StopFlag | None = None


@runtime_checkable
class Planner(Protocol):
    """Turns a request into a plan.  Synchronous: the graph calls it in a worker thread."""

    @property
    def name(self) -> str:
        """What stands in `Plan.planner` of the plans it makes."""

    def plan(self, request: Request, context: PlannerContext) -> Plan:
        """A plan for the request.  Raises PlannerOutputError, or an InputError where no tool can do it."""

    def revise(
        self, plan: Plan, failures: Sequence[Mapping[str, Any]], request: Request, context: PlannerContext
    ) -> Plan:
        """Another plan after steps of `plan` failed; `failures` holds {"step", "error"} of each."""

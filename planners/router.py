"""Direct or tools: whether looking is enough, with the reason said.

Looking is enough where a served multimodal model has been measured on this type of question and found good;
work that must be exact, several pictures, several wishes, or an answer that is a picture go to tools.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from ..tools.errors import UnknownRole
from ..tools.registry import Registry
from .base import Request
from .lexicon import find, lexicon
from .plan import Plan, Step
from .prompts import table
from .reading import Clause, clauses
from .references import quote
from .search import goals

Via = Literal["auto", "direct", "tools", "both"]

GOOD_ENOUGH = 0.6
"""Share of right answers from which a type of question goes direct that no expert answers."""

AS_GOOD_AS_EXPERTS = 0.8
"""The same where experts answer such questions too: they are right on more than eight in ten."""

SURELY_ABOVE = 0.5
"""The lower end of the 95 % interval of that share must pass this, so that a lucky handful proves nothing."""


@dataclass(frozen=True)
class Route:
    """The way that a request takes, why, and how sure that is (0 to 1)."""

    kind: Literal["direct", "tools", "both"]
    reason: str
    confidence: float
    question_type: str | None = None


class Router:
    """Chooses the route.  `accuracies` maps question types to {"n": asked, "right": answered right}, as
    measured for the served mllm; None means that nothing was measured.  `words` are all that a model of closed
    vocabulary knows (lower case); None means that it reads anything."""

    def __init__(
        self,
        accuracies: Mapping[str, Mapping[str, int]] | None = None,
        words: Container[str] | None = None,
    ) -> None:
        self._accuracies = accuracies
        self._words = words

    def route(self, request: Request, registry: Registry, roles: Container[str], via: Via = "auto") -> Route:
        """The route of a request under the roles that the profile serves.

        Raises UnknownRole where a route that looks is demanded and the profile serves no mllm.
        """
        asked = clauses(request.text, registry.tools())
        wishes = [clause for clause in asked if not clause.idle] or asked
        question = question_type(wishes[0].text) if len(wishes) == 1 else None
        if via != "auto":
            if via != "tools" and "mllm" not in roles:
                hint = "choose a profile that serves it, or the route tools"
                raise UnknownRole("the direct route needs the role mllm, which the profile does not serve", hint=hint)
            return Route(via, _say(request, "forced"), 1.0, question)
        return self._by_rule(request, registry, roles, wishes, question) or self._by_measure(request, question)

    def _by_rule(
        self,
        request: Request,
        registry: Registry,
        roles: Container[str],
        wishes: list[Clause],
        question: str | None,
    ) -> Route | None:
        """The first rule that sends the request to tools, if one does."""
        pictures = request.kinds.count("image")

        def tools(reason: str, confidence: float, **facts: Any) -> Route:
            return Route("tools", _say(request, reason, **facts), confidence, question)

        if "mllm" not in roles:
            return tools("no_mllm", 1.0)
        if not pictures and "image" not in request.thread.values():
            return tools("no_picture", 1.0)
        if pictures > 1:
            return tools("several_pictures", 0.9, number=pictures)
        if request.want not in (None, "text"):
            return tools("wants_artifact", 1.0, kind=request.want)
        if len(wishes) > 1:
            return tools("several_wishes", 0.9, number=len(wishes))
        if made := _makes(wishes, registry):
            return tools("wants_artifact", 0.9, kind=made)
        if question in table("questions")["exact"] or _found("measure", request.text):
            return tools("exact", 0.9, name=_name(request, question))
        if value := _chooses(wishes):
            return tools("choosing", 0.8, value=value)
        if question is None:
            return tools("other", 0.5)
        if strange := self.strange(request.text):
            return tools("unknown_words", 0.9, words=", ".join(strange))
        return None

    def strange(self, text: str) -> list[str]:
        """The words of a request that the mllm was never taught: it would answer as if they were not there."""
        return strange_words(text, self._words) if self._words is not None else []

    def _by_measure(self, request: Request, question: str | None) -> Route:
        name = _name(request, question)
        if self._accuracies is None:
            return Route("direct", _say(request, "unmeasured", name=name), 0.5, question)
        measured = self._accuracies.get(question or "")
        if not measured or not measured["n"]:
            return Route("tools", _say(request, "type_unmeasured", name=name), 0.6, question)
        right, asked = measured["right"], measured["n"]
        share = right / asked
        facts = {"name": name, "right": right, "n": asked}
        enough = AS_GOOD_AS_EXPERTS if question in table("questions")["experts"] else GOOD_ENOUGH
        if share >= enough and wilson_lower(right, asked) > SURELY_ABOVE:
            return Route("direct", _say(request, "enough", **facts), round(share, 3), question)
        return Route("tools", _say(request, "weak", **facts), round(1 - share, 3), question)


def strange_words(text: str, known: Container[str]) -> list[str]:
    """The words of a text that are not among those known, each once."""
    spoken = re.findall(r"[^\W\d_]+", text.lower())
    return list(dict.fromkeys(word for word in spoken if word not in known))


def direct_plan(request: Request) -> Plan:
    """The plan of the direct route: one step that looks at the first picture attached, else at the
    thread's.
    """
    picture = "$in.image" if "image" in request.kinds else "$thread.image"
    step = Step(id="s1", tool="perceive", args={"image": picture, "question": quote(request.text)})
    return Plan(request=request.text, planner="direct", steps=[step], answer=["$s1"])


def question_type(text: str) -> str | None:
    """The type of a question (colour, what, count, yes_no, where, caption, background, …: those of
    prompts/questions.yaml), or None for another wish.
    """
    return next((kind for kind in table("questions")["types"] if _found(kind, text)), None)


def wilson_lower(right: int, asked: int, z: float = 1.96) -> float:
    """The lower end of the score interval of a share (E. B. Wilson, "Probable inference", JASA 22, 1927)."""
    share, square = right / asked, z * z
    middle = share + square / (2 * asked)
    spread = z * math.sqrt(share * (1 - share) / asked + square / (4 * asked * asked))
    return (middle - spread) / (1 + square / asked)


def _makes(wishes: list[Clause], registry: Registry) -> str | None:
    """The kind of artifact that the wish is for, where it is one that only tools give."""
    for clause in wishes:
        meant = goals(clause, registry.tools())[:1]
        kind = meant[0].tool.returns.kind if meant and meant[0].weight else None
        if kind not in (None, "text"):
            return kind
    return None


def _chooses(wishes: list[Clause]) -> str | None:
    """A superlative of the request ("largest"), if it has one."""
    for value in sorted(lexicon().choosing):
        for wording in lexicon().wordings(value):
            if any(find(wording, clause.stems) >= 0 for clause in wishes):
                return value
    return None


@cache
def _patterns(name: str) -> re.Pattern[str]:
    data = table("questions")
    listed = data["measure"] if name == "measure" else data["types"][name]
    return re.compile("|".join(f"(?:{pattern})" for pattern in listed), re.IGNORECASE)


def _found(name: str, text: str) -> bool:
    return _patterns(name).search(text.strip()) is not None


def _name(request: Request, question: str | None) -> str:
    names = table("questions")["names"][request.language]
    return str(names.get(question, names["count"]))


def _say(request: Request, reason: str, **facts: Any) -> str:
    return str(table("questions")["reasons"][request.language][reason]).format(**facts)

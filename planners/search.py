"""Plans without a language model: tools by the words of their cards, their arguments by types, cheapest
chains first.

Each wish of the request is matched with the examples on the tools' cards; what the chosen tool needs is
made by the cheapest chain of tools from what is attached, what the thread knows, and the things that the
wish names.  Equal steps are shared.  A tool that somebody else wrote is found by the same words: its card,
its name, the kinds it takes and gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..tools.contract import Tool
from ..tools.errors import PlanError
from .base import PlannerContext, Request
from .chains import narrows, needs, sources
from .drafting import CannotBuild, Draft, Wish
from .lexicon import Words, find, lexicon
from .plan import Plan
from .reading import Clause, Match, choices, clauses, matches, things
from .retrieval import rank
from .violation import Violation

_LIKELY = 0.35
"""Cosine from which a tool's card counts as what a wish means although no example fits; found on the built-
in cards.
"""
_NOTHING = 0.05
"""Weight up to which a match says nothing: that of an example which is one slot."""


class SearchPlanner:
    """The `search` planner: no model, the same plan for the same request and tools."""

    name = "search"

    def plan(self, request: Request, context: PlannerContext) -> Plan:
        """A plan for every wish of the request.

        Raises PlanError naming the wish that no tool at hand can do, and what there is instead.
        """
        tools = usable(context)
        draft = Draft(request, tools)
        answer: list[str] = []
        wishes = clauses(request.text, tools)
        telling = [clause for clause in wishes if not clause.idle] or wishes
        for number, clause in enumerate(telling):
            wanted = request.want if number == len(telling) - 1 else None
            answer += _fulfil(clause, draft, tools, wanted)
        answer = [ref for ref in answer if ref not in draft.superseded]
        if not answer and request.want is not None:
            answer += _by_kind(request.want, draft)
        if not answer:
            raise _nothing_fits(request.text, draft, tools)
        return Plan(request=request.text, planner=self.name, steps=draft.steps, answer=list(dict.fromkeys(answer)))

    def revise(
        self, plan: Plan, failures: Sequence[Mapping[str, Any]], request: Request, context: PlannerContext
    ) -> Plan:
        """A plan that avoids the tools that failed; raises PlanError where they are the only way."""
        failed = {plan.step(str(failure["step"])).tool for failure in failures}
        rest = context.registry.subset(name for name in context.registry.names() if name not in failed)
        surroundings = PlannerContext(rest, context.roles, seed=context.seed, fits=context.fits)
        return self.plan(request, surroundings)


def usable(context: PlannerContext) -> tuple[Tool, ...]:
    """The tools whose roles the profile serves."""
    return tuple(tool for tool in context.registry.tools() if context.roles.issuperset(tool.roles))


def goals(clause: Clause, tools: Sequence[Tool]) -> list[Match]:
    """The tools that a wish may mean, likeliest first.

    First those with an example that fits, choosers after those that make or tell something; then those
    whose card is close in words.  Last, for a question, tools that take any question at all; their weight
    is 0.
    """
    found = sorted(matches(clause, tools), key=lambda match: (narrows(match.tool), -match.weight))
    telling = [match for match in found if match.weight > _NOTHING]
    known = {match.tool.name for match in telling}
    near = [(score, tool) for score, tool in rank(clause.text, tools) if score >= _LIKELY and not narrows(tool)]
    close = [Match(tool, score, frozenset(), ()) for score, tool in near if tool.name not in known]
    loose = [replace(match, weight=0.0) for match in found if match.weight <= _NOTHING and clause.asks]
    return [*telling, *close, *loose]


def _fulfil(clause: Clause, draft: Draft, tools: Sequence[Tool], want: str | None) -> list[str]:
    """The references that answer one wish."""
    for match in goals(clause, tools):
        if want is not None and match.tool.returns.kind != want:
            continue
        try:
            return _build(clause, match, draft)
        except CannotBuild:
            continue
    if want is not None:
        return _by_kind(want, draft)
    raise _nothing_fits(clause.text, draft, tools)


def _build(clause: Clause, match: Match, draft: Draft) -> list[str]:
    """The steps of one wish with one tool; for several things said apart, once for each."""
    values = _values(clause, match, draft.tools)
    said = _own_value(match.tool, values)
    own: dict[str, str] = {}
    used = set(match.used)
    if said is not None:
        at, name, value = said
        own[name] = value
        used.update(range(at, values.pop(at)[0]))
    region = _region(clause, match)
    named = things(clause, *region, values, used) if region is not None else []
    named = [thing for thing in named if not thing.whole]
    images = _chosen(clause, draft)
    groups = [[thing] for thing in named] if any(thing.values for thing in named) else [named]
    mark = draft.mark()
    try:
        return [ref for group in groups for ref in draft.fulfil(Wish(clause, match, tuple(group), own, images))]
    except CannotBuild:
        draft.undo(mark)
        raise


def _values(clause: Clause, match: Match, tools: Sequence[Tool]) -> dict[int, tuple[int, str]]:
    """Where enumerated values are said: start -> (end, value); the longest wording counts."""
    wordings: list[tuple[Words, str]] = []
    for value in dict.fromkeys(value for tool in tools for options in choices(tool).values() for value in options):
        wordings += [(wording, value) for wording in lexicon().wordings(value)]
    found: dict[int, tuple[int, str]] = {}
    taken = set(match.used)
    for wording, value in sorted(wordings, key=lambda pair: -len(pair[0])):
        at = find(wording, clause.stems)
        while at >= 0:
            span = range(at, at + len(wording))
            if not taken.intersection(span):
                found[at] = (at + len(wording), value)
                taken.update(span)
            at = find(wording, clause.stems, at + 1)
    return found


def _own_value(tool: Tool, values: Mapping[int, tuple[int, str]]) -> tuple[int, str, str] | None:
    """The value that the wished tool itself takes: (position, parameter, value).  The last one said, as in
    "paint the red car blue"."""
    for at in sorted(values, reverse=True):
        for name, options in choices(tool).items():
            if values[at][1] in options:
                return at, name, values[at][1]
    return None


def _region(clause: Clause, match: Match) -> tuple[int, int] | None:
    """Where the wish names things: in the example's slot, else after its last word."""
    size = len(clause.stems)
    texts = {param.name for param in match.tool.params if param.literal and not param.many}
    slots = [(start, end) for name, start, end in match.slots if name not in texts]
    if slots:
        return slots[0]
    told = {param.name for param in match.tool.params if param.kind is not None and param.literal}
    if not match.used or any(name in told for name, _, _ in match.slots):
        return None
    last = max(match.used) + 1
    return (last, size) if last < size else None


def _chosen(clause: Clause, draft: Draft) -> tuple[int, ...] | None:
    """Which pictures the wish is about, by number; None where it does not say."""
    total = draft.attached("image")
    lex = lexicon()
    if any(find(phrase, clause.stems) >= 0 for phrase in lex.every):
        return tuple(range(total)) or None
    for phrase, number in lex.ordinals.items():
        at = find(phrase, clause.stems)
        after = clause.stems[at + len(phrase) : at + len(phrase) + 1] if at >= 0 else ()
        if at >= 0 and (after in lex.picture or after in lex.pronouns or not phrase[0].isascii()):
            place = number if number >= 0 else total + number
            return (place,) if 0 <= place < total else None
    return _numbered(clause, total)


def _numbered(clause: Clause, total: int) -> tuple[int, ...] | None:
    """ "picture 2" and "picture number 2" count from 1."""
    for at, word in enumerate(clause.stems):
        before = [one for one in clause.stems[max(0, at - 2) : at] if one != "number"]
        if word.isdecimal() and before and (before[-1],) in lexicon().picture and 1 <= int(word) <= total:
            return (int(word) - 1,)
    return None


def _by_kind(want: str, draft: Draft) -> list[str]:
    """The wanted kind by types alone, when no words tell which tool is meant."""
    try:
        return [draft.value(want, Wish(Clause(draft.request.text), None, (), {}, None))]
    except CannotBuild:
        return []


def _nothing_fits(text: str, draft: Draft, tools: Sequence[Tool]) -> PlanError:
    ready = sources(draft.at_hand, tools)
    able = [tool.name for tool in tools if all(kind in ready for kind in needs(tool))]
    given = ", ".join(dict.fromkeys([*draft.kinds, *draft.request.thread.values()])) or "nothing"
    told = f"no tool at hand does {text!r} with {given} attached"
    hint = f"what can be done: {', '.join(able)}" if able else "attach what the request is about"
    violation = Violation("", "nothing-fits", told, hint)
    return PlanError(told, hint=hint, violations=[violation.to_dict()])

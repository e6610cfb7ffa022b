"""From a routed request to a plan: who plans, what happens when that planner cannot, and the notes about it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from threading import Event as Flag
from typing import TYPE_CHECKING, Any

from ..planners.base import Planner, PlannerContext, Request
from ..planners.phrases import phrasebook
from ..planners.plan import Plan
from ..planners.references import parse_reference, rewrite
from ..planners.router import direct_plan, strange_words
from ..planners.rows import short
from ..planners.script import ScriptPlanner
from ..tools.errors import BudgetExceeded, PlannerOutputError
from ..tools.see.in_english import in_english
from .events import Warned

if TYPE_CHECKING:
    from ..tools.roles import Completion
    from .turn import Turn

_NAMED = 4  # words that a note names at most
_DRAWN = ("prompt", "style")  # arguments that say what is drawn
LOOK = "look"
"""Id of the step that looks, in the plan of a request that is answered both ways."""


async def make_plan(turn: Turn, route: str) -> tuple[Plan, list[str]]:
    """A plan for the request by the given route, and notes that belong into the answer.

    Raises what the planner raises when nobody can plan the request, and BudgetExceeded at the budget's limit.
    """
    request = turn.request()
    if turn.ask.plan is not None:
        return await _ask(ScriptPlanner(turn.ask.plan), turn, request), []
    if route == "direct":
        return direct_plan(request), []
    plan, notes = await _by_planner(turn, request)
    notes += [*_not_taught(turn, plan), *_not_drawn(turn, plan)]
    return (_with_look(plan, direct_plan(request)) if route == "both" else plan), notes


def split(plan: Plan) -> tuple[list[str], list[str]]:
    """The answer references of a plan made for both ways: those of looking, those of the tools."""
    look = [text for text in plan.answer if text == f"${LOOK}"]
    return look, [text for text in plan.answer if text not in look]


async def _by_planner(turn: Turn, request: Request) -> tuple[Plan, list[str]]:
    services = turn.services
    usual = services.planners[services.usual]
    try:
        plan = await _ask(usual, turn, request)
        reason = "untrained"
    except PlannerOutputError as error:
        turn.services.emit(Warned(turn.run, error.code, error.message))
        plan = await _ask(services.planners["search"], turn, request)
        reason = "refused"
    if plan.planner != "search" or services.usual == "search":
        return plan, []
    book = phrasebook(request.language)
    return plan, [book.say("planned_by_search", reason=book.entries["reasons"][reason])]


def _not_taught(turn: Turn, plan: Plan) -> list[str]:
    """A note where the plan asks an mllm of closed vocabulary with words that it does not know: it would guess."""
    services = turn.services
    looking = [step for step in plan.steps if "mllm" in services.registry.get(step.tool).roles]
    asked = [str(value) for step in looking for value in step.args.values() if parse_reference(value) is None]
    strange = list(dict.fromkeys(word for text in asked for word in services.router.strange(text)))
    return [phrasebook(turn.ask.language).say("not_taught", words=", ".join(strange[:_NAMED]))] if strange else []


def _not_drawn(turn: Turn, plan: Plan) -> list[str]:
    """The same where the plan has an image generator draw what it has no words for."""
    services, known = turn.services, turn.services.drawn
    if known is None:
        return []
    drawing = [step for step in plan.steps if "image_generator" in services.registry.get(step.tool).roles]
    said = [step.args[name] for step in drawing for name in _DRAWN if name in step.args]
    strange: list[str] = []
    for text in (in_english(each) for each in said if isinstance(each, str) and parse_reference(each) is None):
        wordless = not any(letter.isalnum() for letter in text)
        strange += [short(text)] if wordless else strange_words(text, known)
    words = ", ".join(list(dict.fromkeys(strange))[:_NAMED])
    return [phrasebook(turn.ask.language).say("not_drawn", words=words)] if words else []


async def _ask(planner: Planner, turn: Turn, request: Request) -> Plan:
    """Let a planner work in a thread, with the profile's model for planning where it may want one."""
    services, stop = turn.services, Flag()

    def spend(completion: Completion) -> None:
        turn.spending.add(tokens=completion.tokens_in + completion.tokens_out)
        turn.spending.check()

    async with AsyncExitStack() as stack:
        model: Any = None
        if planner.name not in ("search", "script") and "planner" in services.pool.roles:
            (model,) = await stack.enter_async_context(services.pool.lease("planner"))
        # Who asks for tools, or for both ways side by side, wants to see what the experts make of it: no step looks.
        apart = turn.ask.via in ("tools", "both")
        context = PlannerContext(
            services.registry,
            services.pool.roles - {"mllm"} if apart else services.pool.roles,
            model,
            turn.ask.seed,
            services.emit,
            services.pool.fits,
            spend,
            stop,
        )
        work = asyncio.ensure_future(asyncio.to_thread(planner.plan, request, context))
        left = turn.spending.seconds_left
        try:
            await asyncio.wait((work,), timeout=min(left, 1e9))
        except asyncio.CancelledError:
            await _stopped(work, stop)
            raise
        if not work.done():
            await _stopped(work, stop)
            turn.spending.check()
            raise BudgetExceeded("the budget is used up before there was a plan", field="seconds")
        return work.result()


async def _stopped(work: asyncio.Future[Plan], stop: Flag) -> None:
    """End a planner's call, which stops at its next token: the lease must outlive it, and nobody asks what it gave."""
    stop.set()
    await asyncio.wait((work,))
    work.exception()


def _with_look(plan: Plan, look: Plan) -> Plan:
    """The tools' plan and the step that looks, as one plan: they run side by side and share the journal."""
    names = {step.id for step in plan.steps}
    renamed = {LOOK: next(f"{LOOK}_{n}" for n in range(1, len(names) + 2) if f"{LOOK}_{n}" not in names)}
    steps = [
        step.model_copy(
            update={
                "id": renamed.get(step.id, step.id),
                "args": {name: rewrite(value, renamed) for name, value in step.args.items()},
                "each": rewrite(step.each, renamed),
            }
        )
        for step in plan.steps
    ]
    first = look.steps[0].model_copy(update={"id": LOOK})
    answer = [f"${LOOK}", *rewrite(list(plan.answer), renamed)]
    return plan.model_copy(update={"steps": [first, *steps], "answer": answer})

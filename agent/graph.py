"""The way of a request as a LangGraph graph: ingest, route, plan, check, approve, execute, answer.

Each node first asks the run's journal, which is the authority: what a run did before it was stopped is taken over,
not done again. The state holds ids and small JSON only, so a checkpoint never grows with media; services and
artifacts travel in the runtime context (`Turn`).
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal, TypedDict

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt

from ..planners.checker import ensure
from ..planners.phrases import phrasebook
from ..planners.plan import Plan
from ..planners.router import Route
from ..tools.errors import PlanError
from ..tools.media.ingest import ingest
from ..tools.media.values import artifacts_in
from .events import AnswerReady, PlanChecked, Planned, Routed
from .planning import make_plan
from .reporting import compose_answer
from .threads import Handle, extended
from .turn import Turn


class State(TypedDict, total=False):
    """What a checkpoint holds: the run at hand, and what the thread knows from all its runs."""

    run: str
    route: dict[str, Any] | None
    plan: dict[str, Any] | None
    status: str | None
    known: list[Handle]


Graph = CompiledStateGraph[State, Turn, State, State]


def fresh(run_id: str) -> State:
    """The state in which a run begins; what the thread knows stays."""
    return {"run": run_id, "route": None, "plan": None, "status": None}


def build(checkpointer: BaseCheckpointSaver[Any]) -> Graph:
    """The graph, compiled over a checkpointer."""
    graph = StateGraph(State, context_schema=Turn)
    graph.add_node("ingest", _ingest)
    graph.add_node("route", _route)
    graph.add_node("plan", _plan)
    graph.add_node("check", _check)
    graph.add_node("approve", _approve)
    graph.add_node("execute", _execute)
    graph.add_node("answer", _answer)
    graph.add_edge(START, "ingest")
    graph.add_edge("ingest", "route")
    graph.add_edge("route", "plan")
    graph.add_edge("plan", "check")
    graph.add_edge("execute", "answer")
    graph.add_edge("answer", END)
    return graph.compile(checkpointer=checkpointer)


async def _ingest(state: State, runtime: Runtime[Turn]) -> State:
    """Decode, bound, hash and store the attachments; then journal the request, before anything else happens."""
    turn = runtime.context
    known = state.get("known") or []
    if not turn.facts:
        await asyncio.to_thread(_take_in, turn, known)
    return {"known": extended(known, turn.attachments)}  # the thread has them, also where this run comes to nothing


def _take_in(turn: Turn, known: list[Handle]) -> None:
    limits = turn.services.profile.limits
    artifacts = [ingest(source, limits) for source in turn.sources]
    if not turn.dry:
        for artifact in artifacts:
            turn.services.store.put(artifact)
    turn.begin(artifacts, known)


async def _route(state: State, runtime: Runtime[Turn]) -> State:
    """Decide between looking and tools."""
    turn = runtime.context
    route = turn.recalled("route")
    if route is None:
        found = _choose_route(turn)
        route = {"kind": found.kind, "reason": found.reason, "confidence": found.confidence}
        turn.remember("route", route)
    turn.services.emit(Routed(turn.run, route["kind"], route["reason"], route["confidence"]))
    return {"route": route}


def _choose_route(turn: Turn) -> Route:
    if turn.ask.plan is not None:
        return Route("tools", phrasebook(turn.ask.language).say("saved_plan"), 1.0)
    services = turn.services
    return services.router.route(turn.request(), services.registry, services.pool.roles, turn.ask.via)


async def _plan(state: State, runtime: Runtime[Turn]) -> State:
    """Get a plan from the planner whose turn it is."""
    turn = runtime.context
    data = turn.recalled("plan")
    if data is None:
        plan, notes = await make_plan(turn, (state.get("route") or {})["kind"])
        data = plan.to_data()
        turn.remember("notes", notes)
        turn.remember("plan", data)
    turn.services.emit(Planned(turn.run, data.get("planner") or "", data))
    return {"plan": data}


async def _check(state: State, runtime: Runtime[Turn]) -> Command[Literal["approve", "__end__"]]:
    """Refuse a plan that cannot run, with everything that is wrong with it."""
    turn = runtime.context
    services = turn.services
    request = turn.request()
    # A saved plan may be looked at before there is anything to run it on.
    not_yet = turn.dry and turn.ask.plan is not None and not request.kinds
    try:
        await asyncio.to_thread(
            ensure,
            Plan.from_data(state["plan"]),
            services.registry,
            attachments=None if not_yet else request.kinds,
            thread=request.thread,
            roles=services.pool.roles,
            fits=services.pool.fits,
        )
    except PlanError as error:
        services.emit(PlanChecked(turn.run, tuple(error.violations)))
        raise
    services.emit(PlanChecked(turn.run))
    return Command(goto="__end__" if turn.dry else "approve")


async def _approve(state: State, runtime: Runtime[Turn]) -> Command[Literal["check", "execute", "answer"]]:
    """Wait for a person's word where the request asks for it: yes, no, or an edited plan, which is checked again."""
    turn = runtime.context
    if not turn.ask.approve or turn.recalled("approved"):
        return Command(goto="execute")
    decision = turn.decision if turn.decision is not None else interrupt({"run": turn.run, "plan": state["plan"]})
    if decision is False:
        return Command(goto="answer", update={"status": "cancelled"})
    if decision is True:
        turn.remember("approved", True)
        return Command(goto="execute")
    turn.remember("plan", decision)
    turn.remember("approved", True)
    return Command(goto="check", update={"plan": decision})


async def _execute(state: State, runtime: Runtime[Turn]) -> State:
    """Carry out what the journal does not already hold."""
    turn = runtime.context
    plan = Plan.from_data(state["plan"])
    turn.execution = await turn.services.executor.run(
        plan,
        inputs=turn.inputs(),
        thread=turn.thread_artifacts(plan),
        journal=turn.journal,
        emit=turn.services.emit,
        budget=turn.spending,
        seed=turn.ask.seed,
        run_id=turn.run,
        deterministic=turn.ask.deterministic,
    )
    return {}


async def _answer(state: State, runtime: Runtime[Turn]) -> State:
    """Compose the answer from the steps, journal it, and let the thread know what the run brought."""
    turn = runtime.context
    plan = Plan.from_data(state["plan"])
    values = turn.execution.values if turn.execution else {}
    made = [artifact for step in plan.steps if step.id in values for artifact in artifacts_in(values[step.id])]
    turn.see(made)
    answer = compose_answer(turn, plan, declined=state.get("status") == "cancelled")
    turn.remember("answer", answer)
    turn.services.emit(AnswerReady(turn.run, answer["text"], answer["status"]))
    return {"status": answer["status"], "known": extended(state.get("known") or [], made)}

"""The asynchronous core of an agent: takes runs through the graph, on one event loop.

A new run, a run that goes on and a plan without a run all take the same way; they differ in what the journal already
knows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..planners.phrases import phrasebook
from ..planners.plan import Plan
from ..tools.errors import BudgetExceeded, PanmodalError, RunNotFound
from .budget import Budget
from .events import Event, ModelLoaded, RunFinished, RunStarted
from .graph import Graph, build, fresh
from .locks import hold, thread_lock
from .reporting import build_result, unanswered
from .result import Result
from .threads import Handle
from .turn import Ask, Services, Turn

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

Approve = Callable[[Plan], bool | Plan]
"""Answers whether a plan may run: True, False, or an edited plan to run instead."""

Subscribe = Callable[[Callable[[Event], None]], Callable[[], None]]
_BUSY_SECONDS = 30.0  # how long a checkpoint waits for another process that writes one


class Engine:
    """Runs, resumes and plans. Made, used and closed on one event loop."""

    def __init__(self, services: Services, saver: AsyncSqliteSaver, subscribe: Subscribe) -> None:
        self._services = services
        self._saver = saver
        self._subscribe = subscribe
        self._graph: Graph = build(saver)

    @classmethod
    async def open(cls, services: Services, subscribe: Subscribe) -> Engine:
        """An engine over the home's database of threads."""
        import aiosqlite
        from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

        connection = await aiosqlite.connect(services.home.threads_db, timeout=_BUSY_SECONDS)
        saver = AsyncSqliteSaver(connection)
        await saver.setup()
        return cls(services, saver, subscribe)

    async def close(self) -> None:
        """Close the database of threads."""
        await self._saver.conn.close()

    async def run(
        self, ask: Ask, sources: Sequence[Any], run_id: str, budget: Budget | None, approve: Approve | None
    ) -> Result:
        """Answer a request. Raises the typed errors of its input, its plan and its models."""
        turn = Turn(ask, run_id, self._services, (budget or Budget()).start(), sources)
        return await self._serve(turn, approve, resumed=False)

    async def resume(
        self, run_id: str, decision: bool | Plan | None, budget: Budget | None, deterministic: bool
    ) -> Result:
        """Go on with a run from its journal; one that has ended gives its answer again.

        Raises RunNotFound, and ThreadBusy where another process works on it.
        """
        if not self._services.home.has_run(run_id):
            raise RunNotFound(f"there is no run {run_id!r}", hint="see: panmodal runs list", run=run_id)
        blank = Ask(run_id, deterministic=deterministic)  # the journal says what was really asked
        turn = Turn(blank, run_id, self._services, (budget or Budget()).start())
        turn.decision = decision.to_data() if isinstance(decision, Plan) else decision
        try:
            turn.open_journal()
            if turn.recalled("request") is None:
                raise RunNotFound(
                    f"run {run_id} was stopped before its request was written down", hint="start it again", run=run_id
                )
            turn.recall()
            answer = turn.recalled("answer")
            if answer is not None and not answer["exceeded"]:
                return build_result(turn, answer, turn.recalled("usage") or {})
            return await self._serve(turn, None, resumed=True)
        finally:
            await _let_go(turn)

    async def plan(self, ask: Ask, sources: Sequence[Any], run_id: str) -> Plan:
        """The checked plan of a request, without running it or keeping anything of it."""
        turn = Turn(ask, run_id, self._services, Budget().start(), sources, dry=True)
        config = _config(f"plan:{run_id}")
        state = fresh(run_id)
        state["known"] = await self._known(ask.thread)
        try:
            ended = await self._invoke(state, config, turn)
        finally:
            await self._saver.adelete_thread(f"plan:{run_id}")
        return Plan.from_data(ended["plan"])

    async def _serve(self, turn: Turn, approve: Approve | None, resumed: bool) -> Result:
        emit, began = self._services.emit, time.monotonic()
        loads: list[dict[str, Any]] = []
        leave = self._subscribe(lambda event: _note_load(event, loads))
        status = "failed"
        emit(RunStarted(turn.run, turn.ask.text, turn.ask.thread, resumed))

        def usage() -> dict[str, Any]:
            spent = turn.spending.spent
            return {"seconds": round(time.monotonic() - began, 6), "tokens": int(spent["tokens"]), "loads": loads}

        try:
            if turn.ask.thread is not None:
                path = thread_lock(self._services.home.root / "locks", turn.ask.thread)
                turn.held.enter_context(hold(path, turn.run, f"thread {turn.ask.thread!r}"))
            result = await self._through(turn, approve, resumed, usage)
            status = result.status
            return result
        except asyncio.CancelledError:
            status = "interrupted"
            raise
        finally:
            await _let_go(turn)
            leave()
            emit(RunFinished(turn.run, status, time.monotonic() - began))

    async def _through(
        self, turn: Turn, approve: Approve | None, resumed: bool, usage: Callable[[], dict[str, Any]]
    ) -> Result:
        """Take a turn through the graph, asking for approval where somebody is there to give it."""
        thread = f"thread:{turn.ask.thread}" if turn.ask.thread is not None else f"run:{turn.run}"
        config = _config(thread)
        waits = False
        try:
            entry = await self._entry(turn, config) if resumed else fresh(turn.run)
            ended = await self._invoke(entry, config, turn)
            while (waits := "__interrupt__" in ended) and approve is not None:
                decision = await asyncio.to_thread(approve, Plan.from_data(ended["plan"]))
                data = decision.to_data() if isinstance(decision, Plan) else bool(decision)
                ended = await self._invoke(_go_on(data), config, turn)
        except BudgetExceeded as error:
            facts = error.facts
            text = phrasebook(turn.ask.language).say("budget_early", limit=facts.get("limit", ""), field=facts["field"])
            return unanswered(turn, "failed", text, usage())
        except PanmodalError as error:
            turn.remember("error", error.to_dict())
            raise
        finally:
            if not waits:
                await asyncio.shield(self._tidy(turn, thread))
        if waits:
            return unanswered(turn, "waiting", phrasebook(turn.ask.language).say("waiting"), usage())
        turn.remember("usage", usage())
        return build_result(turn, turn.recalled("answer"), usage())

    async def _invoke(self, entry: Any, config: RunnableConfig, turn: Turn) -> dict[str, Any]:
        """Send a turn through the graph; a checkpoint is written when it ends or waits, the journal holds the rest."""
        from langsmith import tracing_context

        # LangChain sends what passes through graphs to a server where the environment asks its tracer to. A request
        # is nobody else's business, whatever the environment was set up for.
        with tracing_context(enabled=False):
            return await self._graph.ainvoke(entry, config, context=turn, durability="exit")

    async def _entry(self, turn: Turn, config: RunnableConfig) -> Any:
        """Where a run that goes on enters the graph: at the approval that it waits for, else at the beginning, from
        where the journal carries it to where it was."""
        snapshot = await self._graph.aget_state(config)
        if snapshot.interrupts and snapshot.values.get("run") == turn.run and turn.decision is not None:
            decision, turn.decision = turn.decision, None
            return _go_on(decision)
        return fresh(turn.run)

    async def _known(self, thread: str | None) -> list[Handle]:
        if thread is None:
            return []
        snapshot = await self._graph.aget_state(_config(f"thread:{thread}"))
        return list(snapshot.values.get("known") or [])

    async def _tidy(self, turn: Turn, thread: str) -> None:
        """Keep one checkpoint a thread, and none of a run that belongs to no thread: the journal has the rest."""
        if turn.ask.thread is None:
            await self._saver.adelete_thread(thread)
            return
        async with self._saver.lock:
            for table in ("writes", "checkpoints"):
                await self._saver.conn.execute(
                    f"DELETE FROM {table} WHERE thread_id = ? AND checkpoint_id <"
                    " (SELECT MAX(checkpoint_id) FROM checkpoints WHERE thread_id = ?)",
                    (thread, thread),
                )
            await self._saver.conn.commit()


async def _let_go(turn: Turn) -> None:
    """Close the journal and free the locks, off the loop: closing waits for the disk."""
    try:
        await asyncio.shield(asyncio.to_thread(turn.held.close))
    except RuntimeError:  # the interpreter ends and takes no more work for threads
        turn.held.close()


def _config(thread: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread}}


def _go_on(decision: Any) -> Any:
    from langgraph.types import Command

    return Command(resume=decision)


def _note_load(event: Event, loads: list[dict[str, Any]]) -> None:
    if isinstance(event, ModelLoaded):
        loads.append({"role": event.role, "model": event.model, "bytes": event.nbytes, "seconds": event.seconds})

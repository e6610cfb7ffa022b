"""The contenders of `panmodal bench steps`: the same chain of small tool calls, by Panmodal and by others.

Each `prepare` builds what a program would build once and returns the run alone, so that only the run is measured.
Every contender gives the last step's text, which is the same for all.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from ....planners.plan import Plan, Step
from ....tools.card import Card
from ....tools.contract import tool
from ....tools.registry import Registry
from ...events import Event, EventBus
from ...executor import Executor
from ...journal import Journal
from ...store import ArtifactStore

PAYLOAD_BYTES = 200
Level = Literal["NORMAL", "FULL"]


def _nothing() -> None:
    """What a contender without files has to close."""


@dataclass(frozen=True)
class Chain:
    """A prepared contender: `run` gives the last step's text and is what is measured; `close` frees its files."""

    run: Callable[[], str]
    close: Callable[[], None] = _nothing


@tool(card=Card(cost="instant"))
def turn(text: str) -> str:
    """Move the first letter of a text to its end."""
    return text[1:] + text[:1]


def first_text(seed: int) -> str:
    """The chain's input: `PAYLOAD_BYTES` digits."""
    return "".join(str((seed + number * 7) % 10) for number in range(PAYLOAD_BYTES))


def last_text(text: str, steps: int) -> str:
    """What every contender must end with."""
    by = steps % len(text)
    return text[by:] + text[:by]


def panmodal(text: str, steps: int, folder: Path, level: Level | None) -> Chain:
    """Panmodal's executor in production settings; `level` is the journal's `synchronous`, None is no journal."""
    plan = Plan(
        steps=[
            Step(id=f"s{number}", tool="turn", args={"text": f"$s{number - 1}" if number else text})
            for number in range(steps)
        ],
        answer=[f"$s{steps - 1}"],
    )
    events: list[Event] = []
    bus = EventBus()
    bus.subscribe(events.append)
    executor = Executor(Registry([turn]), None, ArtifactStore(folder / "store"))
    journal = Journal(folder / "journal.sqlite", level) if level else None
    if journal is not None:
        journal.put_meta("plan", plan.to_data())
    loop = asyncio.new_event_loop()

    def run() -> str:
        done = loop.run_until_complete(executor.run(plan, inputs={}, journal=journal, emit=bus.emit, run_id="bench"))
        last: str = done.values[f"s{steps - 1}"]
        if len(events) != 2 * steps:
            raise RuntimeError(f"{len(events)} events for {steps} steps")
        return last

    def close() -> None:
        executor.close()
        loop.close()
        if journal is not None:
            journal.close()

    return Chain(run, close)


class _State(TypedDict):
    text: str


def _turn_node(state: _State) -> _State:
    return {"text": turn(state["text"])}


def langgraph(
    text: str, steps: int, folder: Path, level: Level | None, durability: Literal["sync", "async", "exit"] = "sync"
) -> Chain:
    """LangGraph with one node a step; `level` is `synchronous` of its SqliteSaver, None is no checkpointer.

    The state holds the last text only, which is the leanest form: a state that grows costs more at every checkpoint.
    """
    builder = StateGraph(_State)
    for number in range(steps):
        builder.add_node(f"s{number}", _turn_node)
        builder.add_edge(f"s{number - 1}" if number else START, f"s{number}")
    builder.add_edge(f"s{steps - 1}", END)
    config: RunnableConfig = {"recursion_limit": steps + 10, "configurable": {"thread_id": "bench"}}
    if level is None:
        graph: CompiledStateGraph[Any, Any, Any, Any] = builder.compile()
        return Chain(lambda: str(graph.invoke({"text": text}, config)["text"]))
    connection = sqlite3.connect(folder / "checkpoints.sqlite", check_same_thread=False)
    saver = SqliteSaver(connection)
    saver.setup()
    connection.execute(f"PRAGMA synchronous={level}")
    saved = builder.compile(checkpointer=saver)

    def run() -> str:
        return str(saved.invoke({"text": text}, config, durability=durability)["text"])

    return Chain(run, connection.close)

"""Makespan of ragged plans over their critical path: what waiting for a whole level would cost.

The tools only sleep, so that the figures hold on a busy machine too. LangGraph runs the same plan with one async
node a step; it starts a step when its level is over (Pregel's supersteps, Malewicz et al. 2010), the executor starts
it when its inputs exist. The lower bound of both is the longest chain of sleeps.
"""

import asyncio
import operator
import random
import statistics
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph

from ....planners.plan import Plan, Step
from ....tools.card import Card
from ....tools.contract import tool
from ....tools.registry import Registry
from ...executor import Executor
from ...store import ArtifactStore
from ..figures import Figures

ROUNDS = 3
RANDOM_PLANS = 6
NODES = 24


@tool(card=Card(cost="remote"))
async def rest(seconds: float, after: Sequence[float] = ()) -> float:
    """Sleep, once everything in `after` exists."""
    await asyncio.sleep(seconds)
    return seconds


@dataclass(frozen=True)
class Shape:
    """A plan's form: the seconds of each step, and which earlier steps it needs."""

    name: str
    seconds: tuple[float, ...]
    needs: tuple[tuple[int, ...], ...]

    @property
    def critical_path(self) -> float:
        """Seconds of the longest chain."""
        ends: list[float] = []
        for seconds, needs in zip(self.seconds, self.needs, strict=True):
            ends.append(seconds + max((ends[each] for each in needs), default=0.0))
        return max(ends)


def shapes(seed: int) -> list[Shape]:
    """Random plans of 24 steps, and the ragged one: chains side by side with opposite rhythms."""
    chance = random.Random(seed)
    found = []
    for number in range(RANDOM_PLANS):
        needs: list[tuple[int, ...]] = []
        for index in range(NODES):
            earlier = range(max(0, index - 8), index)
            needs.append(tuple(chance.sample(earlier, min(len(earlier), chance.choice((0, 1, 1, 2))))))
        seconds = tuple(round(chance.uniform(0.01, 0.3), 3) for _ in range(NODES))
        found.append(Shape(f"random {number}", seconds, tuple(needs)))
    rhythm = [(0.2 if (row + lane) % 2 else 0.02) for row in range(6) for lane in range(2)]
    columns = tuple((index - 2,) if index >= 2 else () for index in range(12))
    return [*found, Shape("ragged", tuple(rhythm), columns)]


def by_panmodal(shape: Shape) -> Callable[[], Coroutine[Any, Any, float]]:
    """The executor on the shape's plan; gives the sum of what the steps returned."""
    steps = [
        Step(id=f"s{index}", tool="rest", args={"seconds": seconds, "after": [f"$s{each}" for each in needs]})
        for index, (seconds, needs) in enumerate(zip(shape.seconds, shape.needs, strict=True))
    ]
    executor = Executor(Registry([rest]), None, ArtifactStore("memory://bench-dag"))

    async def run() -> float:
        done = await executor.run(Plan(steps=steps), inputs={})
        return float(sum(done.values.values()))

    return run


class _State(TypedDict):
    slept: Annotated[float, operator.add]


def by_langgraph(shape: Shape) -> Callable[[], Coroutine[Any, Any, float]]:
    """LangGraph on the same plan, one node a step."""
    builder = StateGraph(_State)
    ends = set(range(len(shape.seconds))) - {each for needs in shape.needs for each in needs}

    def node(seconds: float) -> Any:  # the library's own type of a node is not exported
        async def sleep(state: _State) -> _State:
            return {"slept": await rest(seconds)}

        return sleep

    for index, (seconds, needs) in enumerate(zip(shape.seconds, shape.needs, strict=True)):
        builder.add_node(f"s{index}", node(seconds))
        builder.add_edge([f"s{each}" for each in needs] if needs else START, f"s{index}")
    builder.add_edge([f"s{each}" for each in sorted(ends)], END)
    graph = builder.compile()

    async def run() -> float:
        state = await graph.ainvoke({"slept": 0.0}, {"recursion_limit": 100})
        return float(state["slept"])

    return run


CONTENDERS: Mapping[str, Callable[[Shape], Callable[[], Coroutine[Any, Any, float]]]] = {
    "panmodal": by_panmodal,
    "LangGraph": by_langgraph,
}


def measure(seed: int = 0) -> Figures:
    """Compare, and return the figures of the table `dag` in the targets file."""
    figures = Figures("dag", seed)
    ratios: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    figures.lines.append(f"makespan over critical path, medians of {ROUNDS} interleaved rounds")
    for shape in shapes(seed):
        found = asyncio.run(_ratios(shape))
        for name, ratio in found.items():
            ratios[name].append(ratio)
        told = "   ".join(f"{name} {ratio:.3f}" for name, ratio in found.items())
        figures.lines.append(f"  {shape.name:<10} critical path {shape.critical_path:.2f} s   {told}")
    figures.values["ragged"] = max(ratios["panmodal"])
    figures.values["ragged_mean"] = statistics.mean(ratios["panmodal"])
    figures.values["langgraph_mean"] = statistics.mean(ratios["LangGraph"])
    figures.details.update(ratios=ratios, rounds=ROUNDS)
    return figures


async def _ratios(shape: Shape) -> dict[str, float]:
    runs = {name: prepare(shape) for name, prepare in CONTENDERS.items()}
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            began = time.perf_counter()
            slept = await run()
            found[name].append((time.perf_counter() - began) / shape.critical_path)
            if abs(slept - sum(shape.seconds)) > 1e-6:
                raise RuntimeError(f"{name} did not do all of {shape.name}: {slept} s of {sum(shape.seconds)} s")
    return {name: statistics.median(each) for name, each in found.items()}


if __name__ == "__main__":
    print(measure().render())

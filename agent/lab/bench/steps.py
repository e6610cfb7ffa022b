"""What one executor step costs, beside LangGraph running the same ready plan as a chain.

One step is one registered tool run in production settings: arguments and result validated, events emitted, outcome
recorded, journal as stated. All contenders are interleaved in one process, give the same text, and are measured in
CPU time of the whole process; the figures are medians over the rounds, ratios those of each round.
"""

import gc
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from ..figures import Figures
from .chains import PAYLOAD_BYTES, Chain, first_text, langgraph, last_text, panmodal
from .request import fixed_cpu_ms

STEPS = 100
SHORT, LONG = 50, 400
ROUNDS = 9
AGENT_ROUNDS = 2
REQUESTS = 20
Make = Callable[[str, int, Path], Chain]

CONTENDERS: Mapping[str, Make] = {
    "panmodal": partial(panmodal, level=None),
    "panmodal + journal": partial(panmodal, level="NORMAL"),
    "panmodal + journal FULL": partial(panmodal, level="FULL"),
    "LangGraph chain": partial(langgraph, level=None),
    "LangGraph + SqliteSaver sync": partial(langgraph, level="NORMAL", durability="sync"),
    "LangGraph + SqliteSaver sync FULL": partial(langgraph, level="FULL", durability="sync"),
    "LangGraph + SqliteSaver async": partial(langgraph, level="NORMAL", durability="async"),
    "LangGraph + SqliteSaver exit": partial(langgraph, level="NORMAL", durability="exit"),
}


def cost(make: Make, text: str, steps: int) -> tuple[float, float, int]:
    """CPU and wall microseconds per step of one run, and the bytes of its database once it is closed."""
    with tempfile.TemporaryDirectory(prefix="panmodal-bench-") as folder:
        chain = make(text, steps, Path(folder))
        gc.collect()
        wall, cpu = time.perf_counter(), time.process_time()
        last = chain.run()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        chain.close()
        if last != last_text(text, steps):
            raise RuntimeError(f"the contenders' work is not equal: {last[:20]!r}… after {steps} steps")
        nbytes = sum(each.stat().st_size for each in Path(folder).glob("*.sqlite*"))
    return cpu / steps * 1e6, wall / steps * 1e6, nbytes


def measure(seed: int = 0) -> Figures:
    """Compare, and return the figures of the table `steps` in the targets file."""
    figures = Figures("steps", seed)
    text = first_text(seed)
    costs: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    walls: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    sizes: dict[str, int] = {}
    growth: dict[tuple[str, int], list[float]] = {}
    for make in CONTENDERS.values():
        cost(make, text, STEPS)  # the first run imports and compiles
    for _ in range(ROUNDS):
        for name, make in CONTENDERS.items():
            cpu, wall, sizes[name] = cost(make, text, STEPS)
            costs[name].append(cpu)
            walls[name].append(wall)
        for name in ("panmodal", "panmodal + journal"):
            for steps in (SHORT, LONG):
                growth.setdefault((name, steps), []).append(cost(CONTENDERS[name], text, steps)[0])
    middle = {name: statistics.median(each) for name, each in costs.items()}
    figures.values["share_of_chain"] = _share(costs["panmodal"], costs["LangGraph chain"])
    figures.values["share_of_saved_chain"] = _share(costs["panmodal + journal"], costs["LangGraph + SqliteSaver sync"])
    figures.values["growth_50_to_400"] = max(
        _share(growth[name, LONG], growth[name, SHORT]) for name in ("panmodal", "panmodal + journal")
    )
    figures.values["journal_over_payload"] = sizes["panmodal + journal"] / (STEPS * PAYLOAD_BYTES)
    figures.values["cpu_us"] = middle["panmodal"]
    figures.values["journalled_cpu_us"] = middle["panmodal + journal"]
    figures.lines += [f"{STEPS} steps, medians (least) of {ROUNDS} interleaved rounds, microseconds a step"]
    figures.lines += [
        f"  {name:<36} CPU {middle[name]:7.1f} ({min(costs[name]):7.1f})   wall {statistics.median(walls[name]):8.1f}"
        + (f"   {sizes[name] / (STEPS * PAYLOAD_BYTES):6.1f}x the payload on disk" if sizes[name] else "")
        for name in CONTENDERS
    ]
    requests = fixed_cpu_ms(REQUESTS, thread="bench")
    figures.values["request_cpu_ms"] = statistics.median(requests)
    loops = _agent_loops(text)
    figures.lines += ["with a model call per step (scripted model), CPU microseconds a step"]
    figures.lines += [f"  {name:<36} CPU {each:7.1f}" for name, each in loops.items()]
    figures.details.update(cpu_us=middle, rounds=ROUNDS, steps=STEPS, with_model_call_per_step=loops)
    return figures


def _share(ours: list[float], theirs: list[float]) -> float:
    """The median ratio of the rounds: what one round compares was measured within a second of machine load."""
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))


def _agent_loops(text: str) -> dict[str, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other projects' deprecations are no news here
        from . import agent_loops

        makers = {
            "LangGraph model and tool nodes": agent_loops.langgraph_loop,
            "LangChain create_agent": agent_loops.langchain_agent,
            "smolagents ToolCallingAgent": agent_loops.smolagents_loop,
        }
        found: dict[str, list[float]] = {name: [] for name in makers}
        for _ in range(AGENT_ROUNDS):
            for name, maker in makers.items():
                found[name].append(cost(lambda words, steps, _, make=maker: make(words, steps), text, STEPS)[0])  # type: ignore[misc]
    return {name: min(each) for name, each in found.items()}


if __name__ == "__main__":
    print(measure().render())

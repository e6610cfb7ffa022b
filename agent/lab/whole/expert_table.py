"""Every expert asked for in held-out words: a table by tool of how many answers were right, and the share of all."""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ....tools.errors import PanmodalError
from ...agent import Agent
from ..figures import Figures, wilson
from .case import Given
from .experts import Asked, drawn
from .senses import Senses

_WIDTH = 32  # letters of a row's name


@dataclass(frozen=True)
class Verdict:
    """One request: whether its result was right, what it said, the tools of its plan, and its seconds."""

    asked: Asked
    right: bool
    said: str
    tools: tuple[str, ...]
    seconds: float


def ask(agent: Agent, figures: Figures, n: int, progress: Callable[[int], None] = lambda done: None) -> None:
    """Ask `n` requests of each tool, and half as many of each chain, by the router's choice; add what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        senses = Senses.of(home / "cache")
        verdicts = []
        for done, asked in enumerate(drawn(figures.seed, n, home), 1):
            verdicts.append(judged(agent, senses, asked, figures.seed))
            progress(done)
    add(figures, verdicts)


def judged(agent: Agent, senses: Senses, asked: Asked, seed: int) -> Verdict:
    """One request answered and judged; what cannot be planned, and what is answered in part, is wrong."""
    start = time.perf_counter()
    try:
        result = agent.run(asked.text, files=list(asked.case.files), seed=seed)
    except PanmodalError as error:
        return Verdict(asked, False, f"{error.code}: {error.message}", (), time.perf_counter() - start)
    seconds = time.perf_counter() - start
    right = result.status == "answered" and asked.case.right(Given.of(result), senses)
    tools = tuple(step.tool for step in result.plan.steps) if result.plan else ()
    return Verdict(asked, right, result.text, tools, seconds)


def add(figures: Figures, verdicts: Iterable[Verdict]) -> None:
    """Put the table, the share of right answers and the wrong ones into the figures."""
    rows: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        rows[verdict.asked.row].append(verdict)
    every = [verdict for these in rows.values() for verdict in these]
    good, count = sum(verdict.right for verdict in every), len(every)
    low, high = wilson(good, count)
    figures.values["experts_right"] = good / count
    figures.values["experts_seconds"] = sum(verdict.seconds for verdict in every) / count
    figures.lines += ["", f"{'tool or chain':{_WIDTH}} {'n':>4} {'right':>6} {'share':>6}"]
    for row, these in rows.items():
        right = sum(verdict.right for verdict in these)
        figures.lines.append(f"{row:{_WIDTH}} {len(these):>4} {right:>6} {right / len(these):>6.2f}")
    figures.lines.append(f"experts {good} of {count} right (95 % interval {low:.2f} to {high:.2f})")
    figures.details["experts"] = {
        row: {"asked": len(these), "right": sum(verdict.right for verdict in these)} for row, these in rows.items()
    }
    figures.details["experts_interval"] = [low, high]
    figures.details["expert_misses"] = [
        {
            "row": verdict.asked.row, "intent": verdict.asked.intent, "text": verdict.asked.text,
            "truth": verdict.asked.case.truth, "tools": list(verdict.tools), "said": verdict.said,
        }
        for verdict in every
        if not verdict.right
    ]  # fmt: skip

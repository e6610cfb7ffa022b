"""The three routes over the same requests: looking only, experts only, and the router's choice; then every other tool.

The two constant routers and `auto` answer every request of the set; the oracle takes, request by request, a route that
is right. Each request runs on its own, in the order drawn, the routes one after the other.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ....tools.errors import PanmodalError
from ....tools.media.image import Image
from ...agent import Agent
from ..figures import Figures, wilson
from .expert_table import ask
from .experts import DEFAULT_N, amount
from .judging import right
from .sheet import COLUMNS, ROWS, Shown, save, shown
from .tasks import Task, Tasks, without_scene

if TYPE_CHECKING:
    from ...result import Result

Way = Literal["direct", "tools", "auto"]
WAYS: tuple[Way, ...] = ("direct", "tools", "auto")


@dataclass
class Record:
    """One request by every route: whether the answer was right, what it said, and its seconds."""

    task: Task
    right: dict[str, bool] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    chosen: str = ""


def measure(
    seed: int = 0,
    *,
    requests: int = 300,
    n: int = DEFAULT_N,
    profile: str | None = None,
    overrides: Sequence[str] = (),
    sheet: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Figures:
    """Ask `requests` held-out requests by every route and compare; the seed picks requests and scenes.

    Then `n` requests for every tool that those do not need, by the router's choice (expert_table.py); none for 0.
    `sheet` is a PNG to write: the first English results of `auto`, right and wrong ones, one or two of a kind.
    """
    tasks = Tasks(seed).draw(requests)
    total = requests + amount(n)
    records, tiles = [], _Tiles()
    with tempfile.TemporaryDirectory() as home, Agent(profile, home=Path(home), overrides=overrides) as agent:
        agent.run(
            "Is there a star? Cut out the star.", image=Image.from_array(tasks[0].scene.image), via="both"
        )  # loads
        for done, task in enumerate(tasks):
            records.append(_asked(agent, task, tiles))
            progress(done + 1, total)
        figures = _figures(seed, records)
        if n:
            ask(agent, figures, n, lambda done: progress(requests + done, total))
    if sheet is not None:
        save(tiles.chosen, sheet)
    return figures


@dataclass
class _Tiles:
    """The results that the contact sheet shows."""

    chosen: list[Shown] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)

    def offer(self, task: Task, result: Result, right: bool) -> None:
        """Take a result in while there is room and its kind is not shown twice already."""
        if len(self.chosen) < COLUMNS * ROWS and task.language == "en" and self.kinds[task.kind] < 1 + (not right):
            self.kinds[task.kind] += 1
            self.chosen.append(shown(task, result, right))


def _asked(agent: Agent, task: Task, tiles: _Tiles) -> Record:
    record, image = Record(task), Image.from_array(task.scene.image)
    for way in WAYS:
        start = time.perf_counter()
        try:
            result = agent.run(task.text, image=image, via=way)
        except PanmodalError as error:  # "nobody can plan this" is an answer of that route, and a wrong one
            record.right[way], record.said[way] = False, f"{error.code}: {error.message}"
        else:
            record.right[way], record.said[way] = right(task, result), result.text
            if way == "auto":
                record.chosen = result.route["kind"]
                tiles.offer(task, result, record.right[way])
        record.seconds[way] = time.perf_counter() - start
    return record


def _figures(seed: int, records: Sequence[Record]) -> Figures:
    count = len(records)
    figures = Figures("agent", seed)
    oracle = sum(r.right["direct"] or r.right["tools"] for r in records)
    for way in WAYS:
        good = sum(r.right[way] for r in records)
        low, high = wilson(good, count)
        figures.values[f"{way}_right"] = good / count
        seconds = sum(r.seconds[way] for r in records) / count
        figures.values[f"{way}_seconds"] = seconds
        figures.lines.append(
            f"{way:7} {good} of {count} right (95 % interval {low:.2f} to {high:.2f}), {seconds:.2f} s"
        )
    figures.values["oracle_right"] = oracle / count
    figures.values["auto_over_oracle"] = figures.values["auto_right"] / max(figures.values["oracle_right"], 1e-9)
    pairs: dict[str, int] = defaultdict(int)
    for record in records:
        pairs[f"direct {_word(record, 'direct')}, tools {_word(record, 'tools')}"] += 1
    only_direct = sum(r.right["direct"] and not r.right["tools"] for r in records)
    only_tools = sum(r.right["tools"] and not r.right["direct"] for r in records)
    figures.values["only_direct_right"] = only_direct / count
    figures.values["only_tools_right"] = only_tools / count
    figures.lines += ["", *(f"{name}: {number}" for name, number in sorted(pairs.items())), ""]
    figures.lines += _by_kind(records)
    figures.details |= {
        "pairs": dict(pairs),
        "misses": [
            {**without_scene(r.task), "way": way, "said": r.said[way]}
            for r in records
            for way in WAYS
            if not r.right[way]
        ],
    }
    return figures


def _word(record: Record, way: str) -> str:
    return "right" if record.right[way] else "wrong"


def _by_kind(records: Sequence[Record]) -> list[str]:
    """A table: right answers by kind of request and route, and how often `auto` went direct."""
    kinds: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        kinds[record.task.kind].append(record)
    lines = [f"{'kind of request':16} {'n':>4} {'direct':>7} {'tools':>7} {'auto':>7}  auto went direct"]
    for kind, these in kinds.items():
        shares: list[Any] = [sum(r.right[way] for r in these) for way in WAYS]
        looked = sum(r.chosen == "direct" for r in these)
        lines.append(f"{kind:16} {len(these):>4} {shares[0]:>7} {shares[1]:>7} {shares[2]:>7}  {looked}")
    return lines

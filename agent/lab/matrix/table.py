"""The twenty cells {text, image, audio, video, point cloud} → {text, image, audio, video}.

The chain of a cell is the `search` planner's cheapest way by the types and cards of the tools that the profile serves.
Then each cell's request is run on a few samples, and the outputs are judged against the samples' truth.
"""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ....planners.chains import Way, way
from ....tools.errors import PanmodalError
from ....tools.registry import Registry, default_registry
from ...agent import Agent
from ...profiles.loading import load_profile
from ..figures import Figures
from ..mini.shipped import shipped
from .judging import Judge
from .samples import Sample, samples

SOURCES = ("text", "image", "audio", "video", "point_cloud")
WANTED = ("text", "image", "audio", "video")
DEFAULT_N = 3
_CELLS = Path(__file__).with_name("cells.toml")


def requests() -> dict[tuple[str, str], str]:
    """By cell, from and to: its request, of those that must be served."""
    table: dict[str, dict[str, str]] = tomllib.loads(_CELLS.read_text(encoding="utf-8"))
    return {(source, wanted): text for source, row in table.items() for wanted, text in row.items()}


def ways(registry: Registry, roles: frozenset[str]) -> dict[tuple[str, str], Way | None]:
    """By cell the cheapest chain of tools whose roles are served; None where there is none."""
    tools = [tool for tool in registry.tools() if roles.issuperset(tool.roles)]
    return {(source, wanted): way([source], wanted, tools) for source in SOURCES for wanted in WANTED}


def measure(
    seed: int = 0,
    *,
    n: int = DEFAULT_N,
    profile: str | None = None,
    overrides: Sequence[str] = (),
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Figures:
    """The chains of all cells, and for those that must be served how many of ``n`` runs have the sample's content."""
    asked = requests()
    figures = Figures("matrix", seed)
    with tempfile.TemporaryDirectory() as home, Agent(profile, home=Path(home), overrides=overrides) as agent:
        served = load_profile(profile, overrides, home=agent.home, cwd=Path.cwd())
        found = ways(default_registry(), frozenset(served.specs()))
        judge = _judge(Path(home))
        drawn = {source: samples(source, n, seed) for source in SOURCES}
        verdicts: dict[tuple[str, str], list[bool]] = {}
        for number, (cell, text) in enumerate(asked.items()):
            progress(number, len(asked))
            verdicts[cell] = [_run(agent, judge, cell, text, sample, figures) for sample in drawn[cell[0]]]
        progress(len(asked), len(asked))
    kept = [cell for cell in asked if (each := found[cell]) is not None and each.loss == 0]
    figures.values["chains_that_keep_meaning"] = len(kept) / len(asked)
    figures.values["cells_right"] = sum(any(each) for each in verdicts.values()) / len(asked)
    figures.values["runs_right"] = sum(map(sum, verdicts.values())) / (n * len(asked))
    figures.details["cells"] = [_row(cell, found[cell], verdicts.get(cell)) for cell in found]
    figures.lines += _lines(found, verdicts)
    return figures


def _judge(home: Path) -> Judge:
    """The detector and the recogniser of `mini`, which know the samples' world, whatever profile is measured."""
    models = shipped(("detector", "asr"), (), home)
    return Judge(models["detector"].adapter(), models["asr"].adapter())


def _run(agent: Agent, judge: Judge, cell: tuple[str, str], text: str, sample: Sample, figures: Figures) -> bool:
    source, wanted = cell
    files = [sample.attachment] if sample.attachment is not None else []
    request = text.format(**sample.slots)
    try:
        result = agent.run(request, files=files, want=None if wanted == "text" else wanted, seed=figures.seed)
    except PanmodalError as error:
        said, right, tools = str(error), False, []
    else:
        said, tools = result.text, [step.tool for step in result.plan.steps] if result.plan else []
        chinese = cell == ("text", "text")
        right = judge.right(sample, wanted, said, result.artifacts, chinese=chinese)
    told = {"cell": f"{source} → {wanted}", "request": request, "truth": dict(sample.slots), "tools": tools,
            "said": said, "right": right}  # fmt: skip
    figures.details.setdefault("runs", []).append(told)
    return right


def _row(cell: tuple[str, str], found: Way | None, verdicts: Sequence[bool] | None) -> dict[str, Any]:
    return {
        "from": cell[0],
        "to": cell[1],
        "chain": list(found.tools) if found else None,
        "keeps_meaning": bool(found and found.loss == 0),
        "right": sum(verdicts) if verdicts is not None else None,
        "runs": len(verdicts) if verdicts is not None else 0,
    }


def _lines(
    found: Mapping[tuple[str, str], Way | None], verdicts: Mapping[tuple[str, str], Sequence[bool]]
) -> list[str]:
    """The table for people."""
    lines = [f"{'from':12} {'to':6} {'keeps':8} {'right':>6}  chain"]
    for cell, each in found.items():
        keeps = "nothing" if each is None else "meaning" if each.loss == 0 else "a part"
        runs = verdicts.get(cell)
        right = f"{sum(runs)}/{len(runs)}" if runs is not None else "-"
        chain = " → ".join(each.tools) if each else "no tools lead there"
        lines.append(f"{cell[0]:12} {cell[1]:6} {keeps:8} {right:>6}  {chain}")
    return lines

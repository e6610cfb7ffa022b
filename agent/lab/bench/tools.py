"""`panmodal bench tools`: what tools cost over their libraries, and what batching, reuse and mapping gain.

Four parts, each with ratios from this one run: ``overhead``, ``batches``, ``prompts`` and ``map``; the modules
``tool_*`` say how each is measured. Figures go into the table ``tools`` of the targets file.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ....tools.registry import default_registry
from ..figures import Figures, Target
from ..mini.shipped import PROFILE

if TYPE_CHECKING:
    from .tool_models import Models

FIGURES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "overhead": ("tools_over",),
        "batches": (),
        "prompts": ("mini_share", "vit_b_share"),
        "map": ("map_count", "map_blur"),
    }
)
"""The parts, and the figures with targets of each."""
PARTS = tuple(FIGURES)


@dataclass
class ToolFigures(Figures):
    """The figures of some of the parts, of which alone the targets count."""

    wanted: frozenset[str] = frozenset()

    @property
    def targets(self) -> dict[str, Target]:
        """The stated targets of what was to be measured."""
        return {name: target for name, target in super().targets.items() if name in self.wanted}


class Size:
    """How much is measured: the real thing, or the least that shows that all of it works."""

    def __init__(self, small: bool) -> None:
        self.small = small
        self.rounds, self.seconds = (1, 0.0) if small else (25, 20.0)
        """Rounds of a tool, at most so many seconds."""
        self.sizes = (1, 2) if small else (1, 2, 4, 8, 16)
        self.batch_rounds = 1 if small else 5
        self.prompt_rounds, self.vit_b_rounds = (1, 1) if small else (15, 3)
        self.pictures, self.map_rounds = (4, 1) if small else (200, 3)


def measure(
    seed: int = 0,
    *,
    parts: Sequence[str] = (),
    device: str = "cpu",
    vit_b: bool = True,
    small: bool = False,
    only: Sequence[str] = (),
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> ToolFigures:
    """Measure the parts (all of them without any named), ``only`` these tools; models compute on ``device``.

    Tools and map are measured on the CPU whatever the device: what they cost beside the model is CPU work.
    """
    size, chosen = Size(small), tuple(part for part in PARTS if part in (parts or PARTS))
    wanted = {name for part in chosen for name in FIGURES[part]} - (set() if vit_b else {"vit_b_share"})
    figures = ToolFigures("tools", seed, wanted=frozenset(wanted))
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    figures.lines.append(f"models on {device}, {threads} thread(s) of {os.cpu_count()} CPUs")
    with TemporaryDirectory(prefix="panmodal-bench-") as folder, _quiet():
        from .tool_models import Models

        cache = Path(folder)
        for part in chosen:
            began = time.perf_counter()
            if part == "overhead":
                _overhead(figures, Models(cache), size, seed, only, progress)
            elif part == "batches":
                _batches(figures, Models(cache, device), device, size, seed)
            elif part == "prompts":
                _prompts(figures, cache, device, size, seed, vit_b)
            else:
                _map(figures, size, seed)
            figures.details.setdefault("seconds", {})[part] = round(time.perf_counter() - began, 1)
    return figures


def _overhead(
    figures: Figures,
    models: Models,
    size: Size,
    seed: int,
    only: Sequence[str],
    progress: Callable[[int, int], None],
) -> None:
    from .tool_media import media
    from .tool_models import ModelTools
    from .tool_pairs import MILLISECONDS, SHARE, compare
    from .tool_plain import NOT_SERVED, OURS, PlainTools
    from .tool_store import store_cost

    bench = media(seed + 1)
    model_tools, plain_tools = ModelTools(bench, models), PlainTools(bench)
    sides: list[tuple[Any, str]] = [(each, name) for each in (plain_tools, model_tools) for name in each.names()]
    wanted = [(side, name) for side, name in sides if not only or name in only]
    costs = []
    for done, (side, name) in enumerate(wanted):
        progress(done, len(wanted))
        costs.append(compare(side.pair(name), size.rounds, size.seconds))
    progress(len(wanted), len(wanted))
    model_tools.close()
    plain = [cost for cost in costs if not cost.pair.composed]
    composed = [cost for cost in costs if cost.pair.composed]
    figures.lines += [
        "",
        f"CPU ms of a library's direct call, medians of at most {size.rounds} rounds in turns, and what the tool takes "
        f"beyond it (quartiles); OVER where that is more than {SHARE:.0%} and {MILLISECONDS:g} ms",
        *map(str, plain),
        "tools that do work of their own beside the calls of their libraries: that work is in the figure",
        *map(str, composed),
        *store_cost(bench.image, 3 if size.small else 25),
        "logic of ours, no library below: " + ", ".join(f"{name} ({why})" for name, why in sorted(OURS.items())),
        f"not served by {PROFILE}: {', '.join(sorted({*unserved(), *NOT_SERVED}))}",
    ]
    figures.details["tools"] = {cost.pair.tool: cost.to_dict() for cost in costs}
    if not only:
        figures.values["tools_measured"] = float(len(costs))
    figures.values["tools_over"] = float(sum(not cost.met for cost in plain))
    figures.values["composed_over"] = float(sum(not cost.met for cost in composed))


def _batches(figures: Figures, models: Models, device: str, size: Size, seed: int) -> None:
    from .tool_batches import measure_batches

    curves = measure_batches(models, device, sizes=size.sizes, rounds=size.batch_rounds, seed=seed)
    figures.lines += [
        "",
        f"items a second over one at a time, medians of {size.batch_rounds} rounds (quartiles of the largest)",
        *(str(each) for each in curves if each.declared),
        "whose tools do not declare it",
        *(str(each) for each in curves if not each.declared),
    ]
    figures.details["batches"] = {
        each.name: {"declared": each.declared, "gains": each.gains, "rate": each.rate, "different": each.different}
        for each in curves
    }


def _prompts(figures: Figures, cache: Path, device: str, size: Size, seed: int, vit_b: bool) -> None:
    from .tool_prompts import PROMPTS, measure_prompts

    found = measure_prompts(seed, cache, device, rounds=size.prompt_rounds, vit_b=vit_b, vit_b_rounds=size.vit_b_rounds)
    figures.lines += ["", f"{PROMPTS} boxes in one picture in one call; masks are bit for bit those of single calls"]
    figures.lines += map(str, found.values())
    figures.values.update({name: each.share for name, each in found.items()})
    figures.details["prompts"] = {name: each.to_dict() for name, each in found.items()}


def _map(figures: Figures, size: Size, seed: int) -> None:
    from .tool_map import measure_map

    found = measure_map(seed, pictures=size.pictures, rounds=size.map_rounds)
    figures.lines += ["", f"Agent.map over a loop of Agent.run, medians of {size.map_rounds} rounds (quartiles)"]
    figures.lines += map(str, found.values())
    figures.values.update({f"map_{name}": each.gain for name, each in found.items()})
    figures.details["map"] = {name: {"loop_s": each.loop, "map_s": each.map} for name, each in found.items()}


def unserved() -> list[str]:
    """The tools that need a role for which the profile names no model."""
    from .tool_models import Models

    roles = set(Models.served())
    return [tool.name for tool in default_registry().tools() if not set(tool.roles) <= roles]


@contextmanager
def _quiet() -> Iterator[None]:
    """No remarks of the libraries about each other, and no bars of theirs, while models are loaded."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    from ....tools.loaders.transformers_files import silenced

    with silenced(diffusers_logging, transformers_logging), warnings.catch_warnings(action="ignore"):
        yield


if __name__ == "__main__":
    print(measure(small=True).render())

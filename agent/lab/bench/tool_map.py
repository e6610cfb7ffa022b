"""`Agent.map` over pictures beside a loop of `Agent.run` with the same saved plan, in one warm process.

A run waits for its journal, its store and its model by turns; a map has several runs at once, so that one computes
while others wait, and puts their calls to a model together. Both sides give the same texts and pictures.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

from ....planners.plan import Plan
from ...agent import Agent
from ..mini.shipped import PROFILE
from .tool_media import scene_of, things_of
from .tool_pairs import spread

PICTURES = 200


def _plan(*steps: tuple[str, dict[str, Any]], answer: str) -> Plan:
    numbered = [{"id": f"s{n}", "tool": tool, "args": args} for n, (tool, args) in enumerate(steps, 1)]
    return Plan.from_data({"version": 1, "steps": numbered, "answer": [answer]})


_FOUND: tuple[str, dict[str, Any]] = ("detect", {"image": "$in.image"})
PLANS: Mapping[str, Plan] = MappingProxyType(
    {
        "count": _plan(_FOUND, ("count", {"boxes": "$s1"}), answer="$s2"),
        "blur": _plan(
            _FOUND,
            ("segment", {"image": "$in.image", "boxes": "$s1"}),
            ("blur", {"image": "$in.image", "masks": "$s2"}),
            answer="$s3",
        ),
    }
)


@dataclass(frozen=True)
class Mapped:
    """Seconds of both ways over the same pictures, round by round."""

    name: str
    pictures: int
    loop: list[float]
    map: list[float]

    @property
    def gains(self) -> list[float]:
        """How many times as fast the map is, of each round."""
        return [one / other for one, other in zip(self.loop, self.map, strict=True)]

    @property
    def gain(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.gains)

    def __str__(self) -> str:
        low, high = spread(self.gains)
        one, other = (statistics.median(each) / self.pictures * 1000 for each in (self.loop, self.map))
        return (
            f"  {self.name:<8} {self.pictures} pictures  loop {one:7.1f} ms each  map {other:7.1f} ms each  "
            f"{self.gain:5.2f}x ({low:.2f} to {high:.2f})"
        )


def measure_map(seed: int, *, pictures: int, rounds: int) -> dict[str, Mapped]:
    """Both plans; raises RuntimeError where the two ways answer differently."""
    found = {}
    with TemporaryDirectory(prefix="panmodal-bench-") as folder:
        files = _written(Path(folder) / "pictures", seed, pictures)
        with Agent(PROFILE, home=Path(folder) / "home") as agent:
            for name, plan in PLANS.items():
                _loop(agent, plan, files[:2]), _map(agent, plan, files[:2])  # models are loaded, and code is compiled
                times: tuple[list[float], list[float]] = ([], [])
                for number in range(rounds):
                    answers = {}
                    for side in (0, 1) if number % 2 else (1, 0):
                        began = time.perf_counter()
                        answers[side] = (_map if side else _loop)(agent, plan, files)
                        times[side].append(time.perf_counter() - began)
                    if answers[0] != answers[1]:
                        raise RuntimeError(f"{name}: the loop and the map do not answer alike")
                found[name] = Mapped(name, pictures, *times)
    return found


def _written(folder: Path, seed: int, pictures: int) -> list[Path]:
    folder.mkdir()
    paths = [folder / f"{number:03}.png" for number in range(pictures)]
    for number, path in enumerate(paths):
        path.write_bytes(things_of(scene_of(seed * 10_000 + number))[0].encode()[0])
    return paths


Answers = dict[str, tuple[str, tuple[tuple[int, ...], ...]]]


def _loop(agent: Agent, plan: Plan, files: Sequence[Path]) -> Answers:
    results = {path.name: agent.run(plan=plan, image=path) for path in files}
    return {name: (each.text, _sizes(each.artifacts)) for name, each in results.items()}


def _map(agent: Agent, plan: Plan, files: Sequence[Path]) -> Answers:
    found = {each.path.name: each for each in agent.map(plan, files)}
    return {name: (each.text, _sizes(each.result.artifacts if each.result else {})) for name, each in found.items()}


def _sizes(artifacts: Mapping[str, Any]) -> tuple[tuple[int, ...], ...]:
    """What was made, by its size: the last bits of a mask may differ between a batch and single calls."""
    return tuple((each.width, each.height) for each in artifacts.values() if hasattr(each, "width"))

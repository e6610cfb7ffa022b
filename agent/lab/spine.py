"""The demo's requests on unseen scenes, answered by the whole agent and judged against the world's truth.

Each scene is asked "How many CLASS are in the picture? Cut out the largest one." and, where it holds a class once,
"What colour is the CLASS?". The answers are read as a user reads them: the number and the colour from the text, the
cut-out from the mask that the answer cites as its evidence.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...tools.english import plural
from ...tools.media.image import Image
from ...tools.media.masks import Masks
from ..agent import Agent
from .figures import Figures, mask_iou, wilson
from .world.scenes import COLOURS, Scene, SceneConfig, render_scene

if TYPE_CHECKING:
    from ..result import Result

CONFIG = SceneConfig(count=(1, 6), repeat=0.7)
"""1 to 6 objects, up to 35 % occluded, 6 to 40 % of the side, every background; several of a class in most scenes."""


@dataclass
class Tally:
    """Right answers by question."""

    right: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    routes: Counter[str] = field(default_factory=Counter)
    misses: list[dict[str, Any]] = field(default_factory=list)

    def judge(self, name: str, right: bool, **about: Any) -> None:
        """Count one answer; a wrong one is kept with what was asked and said."""
        self.asked[name] += 1
        self.right[name] += right
        if not right:
            self.misses.append({"figure": name, **about})


def measure(
    seed: int = 0,
    *,
    scenes: int = 50,
    profile: str | None = None,
    overrides: Sequence[str] = (),
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Figures:
    """Ask and judge; ``seed`` picks scenes of the split ``test``, which no recipe draws from."""
    tally = Tally()
    stream = (render_scene(seed * 100_003 + index, CONFIG, split="test") for index in count())
    drawn = list(islice((scene for scene in stream if scene.objects), scenes))
    with tempfile.TemporaryDirectory() as home, Agent(profile, home=Path(home), overrides=overrides) as agent:
        for done, scene in enumerate(drawn):
            _ask(agent, scene, np.random.default_rng([seed, done]), tally)
            progress(done + 1, scenes)
    return _figures(seed, drawn, tally)


def _ask(agent: Agent, scene: Scene, rng: np.random.Generator, tally: Tally) -> None:
    image = Image.from_array(scene.image)
    label = _most_common(scene, rng)
    request = f"How many {plural(label)} are in the picture? Cut out the largest one."
    result = agent.run(request, image=image)
    tally.routes[f"count and cut out: {result.route['kind']}"] += 1
    said = _number(result.text)
    truth = len(scene.labelled(label))
    tally.judge("count_exact", said == truth, scene=scene.seed, request=request, said=result.text, truth=truth)
    largest = scene.largest(label)
    assert largest is not None
    cut = _cut(result)
    iou = 0.0 if cut is None else mask_iou(cut, scene.mask(largest))
    tally.judge("cut_out_iou_70", iou >= 0.7, scene=scene.seed, request=request, iou=round(iou, 3))
    single = [thing for thing in scene.objects if len(scene.labelled(thing.label)) == 1]
    if single:
        thing = single[int(rng.integers(len(single)))]
        request = f"What colour is the {thing.label}?"
        result = agent.run(request, image=image)
        tally.routes[f"colour: {result.route['kind']}"] += 1
        right = _colours(result.text) == {thing.colour}
        tally.judge("colour_right", right, scene=scene.seed, request=request, said=result.text, truth=thing.colour)
        looked = result if result.route["kind"] == "direct" else agent.run(request, image=image, via="direct")
        tally.judge(
            "colour_right_direct", _colours(looked.text) == {thing.colour}, said=looked.text, truth=thing.colour
        )


def _most_common(scene: Scene, rng: np.random.Generator) -> str:
    """Return the class with the most objects; equal ones are drawn."""
    counts = Counter(thing.label for thing in scene.objects)
    most = max(counts.values())
    return str(rng.choice(sorted(label for label, count in counts.items() if count == most)))


def _number(text: str) -> int | None:
    """Return the count that an answer states first; "No circle was found" states 0."""
    found = re.search(r"\b(\d+)\b", text)
    if found:
        return int(found[1])
    return 0 if re.match(r"no\b", text, re.IGNORECASE) else None


def _colours(text: str) -> set[str]:
    return {colour for colour in COLOURS if re.search(rf"\b{colour}\b", text, re.IGNORECASE)}


def _cut(result: Result) -> NDArray[np.bool_] | None:
    """Return the mask that the cut-out rests on, or None where nothing was cut out."""
    for evidence in result.evidence:
        if evidence.tool == "cut_out":
            for artifact in evidence.artifacts:
                if isinstance(artifact, Masks) and len(artifact):
                    return np.asarray(artifact.bitmaps.any(axis=0), np.bool_)
    return None


def _figures(seed: int, drawn: Sequence[Scene], tally: Tally) -> Figures:
    several = sum(max(Counter(thing.label for thing in scene.objects).values()) > 1 for scene in drawn)
    about = {
        "scenes": len(drawn),
        "objects": sum(len(scene.objects) for scene in drawn),
        "classes": len({thing.label for scene in drawn for thing in scene.objects}),
        "backgrounds": len({scene.background for scene in drawn}),
        "several_of_a_class": round(several / len(drawn), 2),
        "most_hidden": round(max(1 - thing.visible for scene in drawn for thing in scene.objects), 2),
        "routes": dict(tally.routes),
    }
    figures = Figures("spine", seed, details={**about, "asked": dict(tally.asked), "misses": tally.misses})
    figures.lines.append(", ".join(f"{name} {value}" for name, value in about.items() if name != "routes"))
    figures.lines += [f"{count} × {route}" for route, count in sorted(tally.routes.items())]
    for name, asked in sorted(tally.asked.items()):
        low, high = wilson(tally.right[name], asked)
        figures.values[name] = tally.right[name] / asked
        figures.lines.append(f"{name}: {tally.right[name]} of {asked} (95 % interval {low:.2f} to {high:.2f})")
    return figures

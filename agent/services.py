"""From an agent's settings to what serves its requests: profile, tools, store, pool, executor, router, planners."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from ..planners.base import Planner
from ..planners.llm import LlmPlanner
from ..planners.router import Router
from ..planners.search import SearchPlanner
from ..tools.contract import Tool
from ..tools.errors import InputError
from ..tools.loaders.transformers import FACTS
from ..tools.registry import default_registry
from .events import Emit
from .executor import Executor
from .home import Home
from .pool.pool import Pool
from .profiles.loading import load_profile
from .store import ArtifactStore
from .turn import Services

if TYPE_CHECKING:
    from ..tools.loaders.base import ModelSpec

ENTRY_POINTS = "panmodal.planners"
_ACCURACY = "accuracy.json"


def gather(
    home: Home,
    profile: str | Path | None,
    tools: Sequence[Tool],
    overrides: Sequence[str],
    planner: str | Planner | None,
    cwd: Path,
    emit: Emit,
) -> Services:
    """Everything that an agent keeps between requests; no model is loaded.

    Raises ProfileError or MissingFile for the profile, InputError for an unknown planner or a tool whose name
    is taken.
    """
    loaded = load_profile(profile, overrides, home=home, cwd=cwd)
    registry = default_registry().with_tools(tools)
    store = ArtifactStore(home.store)
    specs = loaded.specs(home.cache, home.models)
    pool = Pool(specs, loaded.pool.limit, emit)
    planners: dict[str, Planner] = {"llm": LlmPlanner(), "search": SearchPlanner()}
    usual = _usual(planner, planners, pool)
    return Services(
        home=home,
        profile=loaded,
        registry=registry,
        store=store,
        pool=pool,
        executor=Executor(registry, pool, store, cache=home.cache),
        router=Router(_accuracies(specs), _words(specs, "mllm")),
        drawn=_words(specs, "image_generator"),
        planners=planners,
        usual=usual,
        origin={
            "profile": str(profile) if profile is not None else None,
            "overrides": list(overrides),
            "planner": planner if isinstance(planner, str) else None,
            "cwd": str(cwd),
        },
        emit=emit,
    )


def _usual(planner: str | Planner | None, planners: dict[str, Planner], pool: Pool) -> str:
    """The name of the planner to ask first; one that is installed or handed over joins ``planners``."""
    if planner is None:
        return "llm" if "planner" in pool.roles else "search"
    if not isinstance(planner, str):
        planners[planner.name] = planner
        return planner.name
    if planner not in planners:
        for point in entry_points(group=ENTRY_POINTS, name=planner):
            planners[planner] = point.load()()
            return planner
        known = [*planners, *(point.name for point in entry_points(group=ENTRY_POINTS))]
        near = difflib.get_close_matches(planner, known, n=1)
        meant = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"there is no planner {planner!r}", hint=f"{meant}known: {', '.join(known)}", field="planner")
    return planner


def _accuracies(specs: Mapping[str, Sequence[ModelSpec]]) -> Mapping[str, Mapping[str, int]] | None:
    """What was measured of the served mllm, by type of question; it lies beside its checkpoint."""
    for spec in specs.get("mllm", ())[:1]:
        path = spec.path / _ACCURACY
        if path.is_file():
            found: Mapping[str, Mapping[str, int]] = json.loads(path.read_text(encoding="utf-8"))
            return found
    return None


def _words(specs: Mapping[str, Sequence[ModelSpec]], role: str) -> frozenset[str] | None:
    """Every word that the served model of a role reads, where its `panmodal.json` says so, as mini's do."""
    for spec in specs.get(role, ())[:1]:
        path = spec.path / FACTS
        if path.is_file():
            words = json.loads(path.read_text(encoding="utf-8")).get("words")
            return frozenset(words) if words else None
    return None

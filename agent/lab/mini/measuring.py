"""`panmodal eval mini`: every figure of the embedded models, on data that a seed makes and nobody was trained on."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from ....tools.errors import ProfileError
from ...profiles.loading import load_profile
from .rows import MiniFigures, Row
from .shipped import MIB, PROFILE, Shipped, profile_bytes, shipped

ROLES = (
    "planner",
    "mllm",
    "captioner",
    "detector",
    "segmenter",
    "asr",
    "tts",
    "sound_classifier",
    "sound_generator",
    "cloud_classifier",
    "embedder",
    "image_generator",
    "video",
)
"""What is measured: roles, and what several of them do together, whose modules say which ones (``USES``)."""


class Part(Protocol):
    """The module of a role, or of what other roles do together.

    The latter names in ``USES`` the roles without which it cannot be measured, in ``MAY_USE`` those that it measures
    something with where the profile has them, and its ``jobs`` are given the models of them all, by role.
    """

    DEFAULT_N: int
    """How many of what it draws: requests of a split, questions of a kind, or scenes."""

    def apart(self, seed: int, n: int) -> dict[str, Any]:
        """Raise Overlap where what is measured was trained on; return what was compared."""

    def jobs(self, model: Any, seed: int, n: int) -> Sequence[Callable[[], list[Row]]]:
        """The pieces of work on a ``Shipped`` (or a mapping of them), each of which returns rows."""


def measure(
    seed: int = 0,
    *,
    roles: Sequence[str] = (),
    n: int | None = None,
    overrides: Sequence[str] = (),
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> MiniFigures:
    """Check that nothing is shared with training, then measure the roles, ``n`` of everything.

    Without ``roles`` all that the profile names.
    ``overrides`` measure other checkpoints, as ``--set`` names them. Raises Overlap, CheckpointBroken,
    CheckpointMissing, and ProfileError for a role that the profile does not name.
    """
    named = load_profile(PROFILE, overrides).specs()
    uses = {role: _uses(role) for role in (roles or ROLES)}
    if unnamed := [name for role in roles for name in uses[role] if name not in named]:
        raise ProfileError(
            f"the profile {PROFILE} names no {unnamed[0]}",
            hint=f"name one: --set {unnamed[0]}.loader=LOADER --set {unnamed[0]}.checkpoint=FOLDER",
            field=unnamed[0],
        )
    asked = tuple(role for role in ROLES if role in uses and set(uses[role]) <= set(named))
    figures = MiniFigures("mini", seed, roles=asked)
    with tempfile.TemporaryDirectory() as cache:
        parts = {role: _part(role) for role in asked}
        wanted = {role: _wanted(role, part, named) for role, part in parts.items()}
        models = shipped(
            list(dict.fromkeys(name for names in wanted.values() for name in names)), overrides, Path(cache)
        )
        _weigh(figures, models)
        work = []
        for role, part in parts.items():
            count = n or part.DEFAULT_N
            figures.details.setdefault("apart", {})[role] = part.apart(seed, count)
            given = {name: models[name] for name in wanted[role]}
            work += [(role, job) for job in part.jobs(given if hasattr(part, "USES") else given[role], seed, count)]
        seconds = dict.fromkeys(asked, 0.0)
        with _quiet():
            for done, (role, job) in enumerate(work):
                progress(done, len(work))
                start = time.perf_counter()
                for row in job():
                    figures.add(row)
                seconds[role] += time.perf_counter() - start
        progress(len(work), len(work))
    figures.details["seconds"] = {role: round(spent, 1) for role, spent in seconds.items()}
    figures.lines += ["", *(f"{role}: {_told(facts)}" for role, facts in figures.details["apart"].items())]
    figures.lines.append("seconds: " + ", ".join(f"{role} {spent:.0f}" for role, spent in seconds.items()))
    return figures


def _part(role: str) -> Part:
    return cast(Part, import_module(f".{role}", __package__))


def _uses(role: str) -> tuple[str, ...]:
    """The roles whose models a part cannot do without: its own, or those that its module names."""
    return tuple(getattr(_part(role), "USES", (role,))) if role in ROLES else (role,)


def _wanted(role: str, part: Part, named: Collection[str]) -> tuple[str, ...]:
    """The roles whose models a part is given, those too that it can do without."""
    return (*_uses(role), *(name for name in getattr(part, "MAY_USE", ()) if name in named))


@contextmanager
def _quiet() -> Iterator[None]:
    """No bar of its own from transformers for every model that it loads."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _weigh(figures: MiniFigures, models: dict[str, Shipped]) -> None:
    """Digests, sizes and cards."""
    figures.details["checkpoints"] = {role: model.to_dict() for role, model in models.items()}
    figures.lines += map(str, models.values())
    for role, model in models.items():
        if role in figures.roles:
            figures.add(Row(role, "checkpoint_mib", model.nbytes / MIB))
    figures.add(Row("profile", "profile_mib", profile_bytes() / MIB))


def _told(facts: dict[str, Any]) -> str:
    """What was compared and not found shared, in one line."""
    told = []
    if "streams" in facts:
        names, streams, pictures = facts["splits"], facts["streams"], facts["pictures"]
        told += [
            f"measured on the split {' '.join(names['measured'])}, trained on {' '.join(names['trained'])}",
            f"0 of {streams['measured']} scene streams among {streams['trained']}",
            f"0 of {pictures['measured']} pictures among {pictures['trained']}",
        ]
    for what in ("sentences", "recordings", "scenes", "clips"):
        if what in facts:
            told.append(f"0 of {facts[what]['measured']} {what} may occur in training")
    if "wordings" in facts:
        wordings = facts["wordings"]
        told.append(f"0 of {wordings['held_out_wordings']} held-out wordings among {wordings['trained_wordings']}")
    if "texts" in facts:
        requests, texts = [facts[name]["requests"] for name in ("set_a", "set_b")], facts["texts"]
        told += [
            f"0 of {requests[0]} (a) and {requests[1]} (b) held-out wordings among {facts['trained_wordings']}",
            "no held-out noun among the trained ones",
            f"{texts['shared']} of {texts['measured']} requests, word for word, among {texts['trained']}",
        ]
    return "; ".join(told)

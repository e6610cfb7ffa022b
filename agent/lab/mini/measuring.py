"""`panmodal eval mini`: every figure of the embedded models, on data that a seed makes and nobody was trained on."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from ....tools.errors import ProfileError
from ...profiles.loading import load_profile
from .rows import MiniFigures, Row
from .shipped import MIB, PROFILE, Shipped, profile_bytes, shipped

ROLES = ("planner", "mllm", "detector", "segmenter", "asr", "tts", "sound_classifier", "embedder")


class Part(Protocol):
    """The module of a role."""

    DEFAULT_N: int
    """How many of what it draws: requests of a split, questions of a kind, or scenes."""

    def apart(self, seed: int, n: int) -> dict[str, Any]:
        """Raise Overlap where what is measured was trained on; return what was compared."""

    def jobs(self, model: Shipped, seed: int, n: int) -> Sequence[Callable[[], list[Row]]]:
        """The pieces of work, each of which returns rows."""


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
    if unnamed := [role for role in roles if role not in named]:
        raise ProfileError(
            f"the profile {PROFILE} names no {unnamed[0]}",
            hint=f"name one: --set {unnamed[0]}.loader=transformers --set {unnamed[0]}.checkpoint=FOLDER",
            field=unnamed[0],
        )
    asked = tuple(role for role in ROLES if role in (roles or named))
    figures = MiniFigures("mini", seed, roles=asked)
    with tempfile.TemporaryDirectory() as cache:
        models = shipped(asked, overrides, Path(cache))
        _weigh(figures, models)
        work = []
        for role in asked:
            part = cast(Part, import_module(f".{role}", __package__))
            count = n or part.DEFAULT_N
            figures.details.setdefault("apart", {})[role] = part.apart(seed, count)
            work += [(role, job) for job in part.jobs(models[role], seed, count)]
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
    for what in ("sentences", "recordings", "scenes"):
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

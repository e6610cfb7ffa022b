"""What is kept and what may go: the runs of a home, and the artifacts that none of them refers to."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ..planners.plan import Plan
from ..planners.render import to_terminal
from ..tools.errors import InputError, ResumeError, RunNotFound
from .home import Home
from .journal import Journal
from .locks import hold
from .store import ArtifactStore

_ID = re.compile(r"\b[0-9a-f]{64}\b")
_AGE = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class KeptRun:
    """A run as its journal tells it. ``status`` is "unfinished" where no answer was recorded."""

    id: str
    status: str
    started: str
    thread: str | None
    request: str
    text: str
    plan: dict[str, Any] | None
    steps: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    def render(self) -> str:
        """Request, plan with the status of each step, and answer, as text."""
        lines = [f"run {self.id}  {self.status}  {self.started}", f"request: {self.request}"]
        if self.plan is not None:
            lines.append(to_terminal(Plan.from_data(self.plan), self.steps))
        lines.append(self.text or f"no answer yet; go on with: panmodal resume {self.id}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Swept:
    """What a collection removed, or would remove: ids and their bytes; ``kept`` counts what stays."""

    ids: list[str]
    nbytes: int
    kept: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def list_runs(home: Home) -> list[KeptRun]:
    """Return the kept runs, newest first; one whose journal cannot be read is listed as "unreadable"."""
    return sorted((_read(home, run_id) for run_id in home.run_ids()), key=lambda run: run.started, reverse=True)


def show_run(home: Home, run_id: str) -> KeptRun:
    """Return one run; raises RunNotFound."""
    _must_exist(home, run_id)
    return _read(home, run_id)


def remove_runs(home: Home, run_ids: Sequence[str]) -> Iterator[str]:
    """Remove runs and yield the id of each that is gone.

    Raises RunNotFound before anything is removed, and InputError for a run that is still going on.
    """
    for run_id in run_ids:
        _must_exist(home, run_id)
    for run_id in run_ids:
        folder = home.run(run_id)
        with hold(folder / "lock", run_id, f"run {run_id}"):
            shutil.rmtree(folder)
        yield run_id


def collect_garbage(home: Home, older_than: float | None = None, *, dry_run: bool = False) -> Swept:
    """Remove the artifacts that no kept run refers to, and that were made ``older_than`` seconds ago or earlier."""
    store = ArtifactStore(home.store)
    runs = set(home.run_ids())
    kept = {match for run_id in runs for match in _ids_in(home.run(run_id))}
    loose = [each for each in store.ids() if each not in kept and _may_go(store, each, runs, older_than)]
    before = store.size()
    if dry_run:
        nbytes = sum(len(store.fetch(each)) for each in loose)
    else:
        for each in loose:
            store.delete(each)
        store.tidy()
        nbytes = before - store.size()
    return Swept(loose, nbytes, len(store.ids()) - (len(loose) if dry_run else 0))


def parse_age(text: str | None) -> float | None:
    """Turn ``30m``, ``12h`` or ``7d`` into seconds; raises InputError for anything else."""
    if text is None:
        return None
    match = _AGE.fullmatch(text.strip())
    if match is None:
        raise InputError(f"{text!r} is not an age", hint="write for example 30m, 12h or 7d", field="older-than")
    return float(match[1]) * _UNITS[match[2]]


def _must_exist(home: Home, run_id: str) -> None:
    if not home.has_run(run_id):
        raise RunNotFound(f"there is no run {run_id!r}", hint="see: panmodal runs list", run=run_id)


def _read(home: Home, run_id: str) -> KeptRun:
    path = home.run(run_id) / "journal.sqlite"
    try:
        with Journal(path) as journal:
            meta, steps = journal.meta, {name: record.status for name, record in journal.steps().items()}
    except ResumeError as error:
        return KeptRun(run_id, "unreadable", "", None, error.message, "", None, {})
    asked, answer = meta.get("request") or {}, meta.get("answer") or {}
    started = datetime.fromtimestamp(asked["started"]).isoformat(" ", "seconds") if "started" in asked else ""
    text, status = answer.get("text", ""), answer.get("status", "unfinished")
    return KeptRun(run_id, status, started, asked.get("thread"), asked.get("text", ""), text, meta.get("plan"), steps)


def _ids_in(folder: Path) -> Iterator[str]:
    """Every artifact id that a run's journal mentions, wherever it stands."""
    try:
        with Journal(folder / "journal.sqlite") as journal:
            outputs = [record.output for record in journal.steps().values()]
            elements = [item.output for items in journal.items().values() for item in items.values()]
            yield from _ID.findall(json.dumps([journal.meta, outputs, elements]))
    except ResumeError:
        return


def _may_go(store: ArtifactStore, artifact_id: str, runs: set[str], older_than: float | None) -> bool:
    """Whether no kept run made it (one that still goes on has not journalled it yet), and it is old enough."""
    record = store.record(artifact_id)
    if record is None:
        return True
    old = older_than is None or time.time() - record.created.timestamp() >= older_than
    return record.run not in runs and old

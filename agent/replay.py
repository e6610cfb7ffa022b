"""Replay: a run's results made again from its recorded plan, inputs and seed, compared step by step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..planners.plan import Plan
from ..tools.errors import ResumeError, RunNotFound
from ..tools.media.artifact import Artifact
from .journal import Journal, StepRecord
from .threads import names_of
from .turn import Ask, Services

REPLAY_VERSION = "panmodal.replay/1"


@dataclass(frozen=True)
class Recorded:
    """A run as its journal tells it."""

    id: str
    ask: Ask
    plan: Plan
    sources: tuple[Artifact, ...]
    steps: Mapping[str, StepRecord]

    def again(self) -> Ask:
        """The request that makes the same results again: the recorded plan, one call at a time in a fixed order.

        It stands in no thread: what the plan read from one is attached.
        """
        return Ask(
            self.ask.text, via="auto", want=self.ask.want, seed=self.ask.seed, deterministic=True, plan=self.plan
        )


@dataclass(frozen=True)
class Replay:
    """The comparison of a run with its replay. ``differences`` holds one entry a step that came out otherwise."""

    run_id: str
    again: str
    differences: tuple[Mapping[str, Any], ...]
    compared: int

    @property
    def equal(self) -> bool:
        """Whether every step gave the same: plain values equal, artifacts the same by id."""
        return not self.differences

    @property
    def text(self) -> str:
        """The comparison in words."""
        if self.equal:
            return f"run {self.again} gave the same as {self.run_id} in all {self.compared} steps"
        told = [f"run {self.again} differs from {self.run_id} in {len(self.differences)} of {self.compared} steps"]
        told += [f"  {each['step']} ({each['tool']}): {each['before']} → {each['after']}" for each in self.differences]
        return "\n".join(told)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready and versioned."""
        return {
            "version": REPLAY_VERSION,
            "run_id": self.run_id,
            "again": self.again,
            "equal": self.equal,
            "compared": self.compared,
            "differences": [dict(each) for each in self.differences],
        }


def read_run(services: Services, run_id: str) -> Recorded:
    """A run from its journal; raises RunNotFound, and ResumeError where it has no plan to make again."""
    if not services.home.has_run(run_id):
        raise RunNotFound(f"there is no run {run_id!r}", hint="see: panmodal runs list", run=run_id)
    with Journal(services.home.run(run_id) / "journal.sqlite") as journal:
        meta, steps = journal.meta, journal.steps()
    if "request" not in meta or "plan" not in meta:
        raise ResumeError(f"run {run_id} ended before it had a plan", hint=f"try: panmodal resume {run_id}")
    sources = [Artifact.from_handle(each, services.store.fetch) for each in meta["request"]["attachments"]]
    plan = Plan.from_data(meta["plan"])
    named = names_of(meta["request"]["known"])
    moved: dict[str, str] = {}
    for step in plan.steps:
        for _, ref in step.references():
            if ref.source == "thread" and ref.name not in moved:
                sources.append(Artifact.from_handle(named[ref.name], services.store.fetch))
                kind = sources[-1].kind
                moved[ref.name] = f"$in.{kind}[{sum(each.kind == kind for each in sources) - 1}]"
    return Recorded(run_id, Ask.from_data(meta["request"]), _without_thread(plan, moved), tuple(sources), steps)


def compare_runs(before: Recorded, after: Recorded) -> Replay:
    """Compare what the steps of two runs of one plan gave."""
    differences = []
    for name, record in before.steps.items():
        other = after.steps.get(name)
        mine, theirs = _outcome(record), _outcome(other) if other else "nothing"
        if mine != theirs:
            step = {"step": name, "tool": before.plan.step(name).tool, "before": mine, "after": theirs}
            differences.append(step)
    return Replay(before.id, after.id, tuple(differences), len(before.steps))


def _outcome(record: StepRecord) -> str:
    """A step's outcome in one line: its status and its value, artifacts by id, or its error's code."""
    if record.error is not None:
        return f"{record.status} {record.error.get('code', '')}"
    return f"{record.status} {json.dumps(_by_id(record.output), ensure_ascii=False)}"


def _by_id(value: Any) -> Any:
    if isinstance(value, dict):
        if "$artifact" in value:
            return f"{value['$artifact']['kind']} {value['$artifact']['id']}"
        return {key: _by_id(each) for key, each in value.items()}
    return [_by_id(each) for each in value] if isinstance(value, list) else value


def _without_thread(plan: Plan, moved: Mapping[str, str]) -> Plan:
    """The plan with the thread's names replaced by attachments."""

    def change(value: Any) -> Any:
        if isinstance(value, list):
            return [change(each) for each in value]
        if isinstance(value, str) and value.startswith("$thread."):
            head, tail = _head(value.removeprefix("$thread."))
            return moved[head] + tail
        return value

    steps = [
        step.model_copy(
            update={"each": change(step.each), "args": {name: change(value) for name, value in step.args.items()}}
        )
        for step in plan.steps
    ]
    return plan.model_copy(update={"steps": steps, "answer": change(list(plan.answer))})


def _head(text: str) -> tuple[str, str]:
    """A thread name and what follows it: "image_1.width" is "image_1" and ".width"."""
    end = min((at for at in (text.find("."), text.find("[")) if at >= 0), default=len(text))
    return text[:end], text[end:]

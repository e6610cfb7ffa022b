"""Runs a checked plan: a step starts the moment its inputs exist, and is journalled before its dependants start.

There is no barrier between levels: the ready steps stand in one queue per lane, the one with the longest chain
behind it first (list scheduling by critical path, Graham 1969). What becomes of a step decides what becomes of its
dependants: after "done" and "empty" they run, after "failed", "not_run" and "cancelled" they are "not_run", with the
cause; independent branches go on.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..planners.plan import Plan
from ..tools.media.artifact import Artifact
from ..tools.media.values import artifacts_in, dump_value
from ..tools.registry import Registry
from .budget import Spending
from .calling import Call, Caller, Lender
from .events import Emit, silent
from .journal import Journal, StepRecord
from .lanes import Lanes
from .nodes import prepare
from .provenance import ModelRecord, Provenance
from .running import Running, Surroundings

if TYPE_CHECKING:
    from .store import ArtifactStore

_MODEL_FACTS = ("role", "key", "digest", "loader")


@dataclass(slots=True)
class Execution:
    """What came of a plan: every step's record, the values of those that were carried out, and the budget's limit
    that ended it early ("seconds", "tokens", …), or None."""

    steps: dict[str, StepRecord] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    exceeded: str | None = None


class Executor:
    """Executes plans over one registry, pool and store. Runs may overlap; all on one event loop.

    `workers` bounds how many calls of plain tools, and as many of model tools, go on at once over all runs;
    `retries` how often a call is repeated whose error is marked `retryable`, `cache` is a folder in which tools may
    keep what can be made again.
    """

    def __init__(
        self,
        registry: Registry,
        pool: Lender | None,
        store: "ArtifactStore",
        *,
        workers: int = 4,
        retries: int = 2,
        cache: Path | None = None,
    ) -> None:
        self._registry = registry
        self._cache = cache
        self._store = store
        self._lanes = Lanes(workers)
        self._caller = Caller(pool, self._lanes.threads, retries)

    async def run(
        self,
        plan: Plan,
        *,
        inputs: Mapping[str, Sequence[Artifact]],
        thread: Mapping[str, Artifact] | None = None,
        journal: Journal | None = None,
        emit: Emit = silent,
        budget: Spending | None = None,
        seed: int = 0,
        run_id: str = "",
        deterministic: bool = False,
    ) -> Execution:
        """Carry out what the journal does not already hold, and return everything.

        `inputs` are the attachments by kind, `thread` the artifacts that `$thread.NAME` knows. A tool's error never
        raises here: it is its step's record. `deterministic` carries out one call at a time in a fixed order.
        When the calling task is cancelled, the steps that run are recorded as "cancelled" and it raises
        `CancelledError`; at a limit of the budget the same is recorded and what is finished is returned.
        """
        surroundings = Surroundings(
            run_id, seed, emit, budget, journal, dict(inputs), dict(thread or {}),
            at_once=1 if deterministic else None, cache=self._cache,
        )  # fmt: skip

        def keep(artifact: Artifact, call: Call, models: list[dict[str, Any]]) -> Future[Any]:
            return self._store.put_soon(artifact, _record(artifact, call, models, run_id))

        running = Running(prepare(plan, self._registry), surroundings, self._lanes, self._caller, keep)
        running.restore(self._store.fetch)
        await running.drive()
        return Execution(running.records(), running.values, running.exceeded)

    def close(self) -> None:
        """Take no more work."""
        self._lanes.close()


def _record(artifact: Artifact, call: Call, models: list[dict[str, Any]], run: str) -> Provenance | None:
    """How a call made `artifact`; None where it only handed an argument on, which it did not make."""
    parents = artifacts_in(dict(call.args))
    if artifact in parents:
        return None
    return Provenance(
        run=run,
        step=call.step if call.item is None else f"{call.step}[{call.item}]",
        tool=call.tool.name,
        tool_version=call.tool.version,
        args={name: _with_ids(dump_value(value, lambda _: None)) for name, value in call.args.items()},
        models=tuple(ModelRecord.model_validate({key: each[key] for key in _MODEL_FACTS}) for each in models),
        seed=call.seed,
        parents=tuple(each.id for each in parents),
        dtype=models[0]["dtype"] if models else None,
    )


def _with_ids(dumped: Any) -> Any:
    """What `dump_value` wrote with each artifact's handle reduced to its id."""
    if isinstance(dumped, list):
        return [_with_ids(each) for each in dumped]
    if isinstance(dumped, dict):
        if "$artifact" in dumped:
            return dumped["$artifact"]["id"]
        return {key: _with_ids(each) for key, each in dumped.items()}
    return dumped

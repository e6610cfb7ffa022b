"""One plan in execution: the state machine behind `Executor.run`."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from math import isfinite
from pathlib import Path
from typing import Any

from ..planners.references import parse_reference, resolve, rounds
from ..tools.errors import BudgetExceeded, Cancelled, EmptyInput, WrongArgument
from ..tools.media.artifact import Artifact
from ..tools.media.values import is_empty, load_value
from .budget import Spending
from .calling import Call, Caller, Keep, Outcome, failed, perform, written
from .events import Emit, StepFinished, StepProgress, StepStarted
from .journal import SETTLED, ItemRecord, Journal, Status, StepRecord
from .lanes import Lane, Lanes
from .nodes import Node

# Instant tools run on the event loop; after this long in a row the loop gets a turn, so that other runs, time limits
# and cancellation are not held up.
_SLICE_SECONDS = 0.005
_WHOLE = -1  # the element number of a job that is its step's only call
_Job = tuple[float, int, int, Node]  # minus the urgency, the node's index, the element's number, the node


@dataclass(slots=True)
class Surroundings:
    """What one execution is given from outside; `at_once` bounds its calls on lanes (None: the lanes alone do),
    `cache` is a folder for what can be made again."""

    run: str
    seed: int
    emit: Emit
    budget: Spending | None
    journal: Journal | None
    inputs: dict[str, Any]
    thread: dict[str, Artifact]
    at_once: int | None
    cache: Path | None = None


class Running:
    """Drives the nodes of one plan. `values` holds the outputs of the steps that were carried out."""

    def __init__(self, nodes: list[Node], around: Surroundings, lanes: Lanes, caller: Caller, keep: Keep) -> None:
        self.values: dict[str, Any] = {}
        self.exceeded: str | None = None
        self._nodes = nodes
        self._around = around
        self._lanes = lanes
        self._caller = caller
        self._keep = keep
        self._ready: dict[Lane, list[_Job]] = {"inline": [], "cpu": [], "model": [], "remote": []}
        self._finished_items: dict[str, dict[int, ItemRecord]] = {}
        self._fetch: Callable[[str], bytes]
        self._unsaved: list[StepRecord | tuple[str, ItemRecord]] = []
        self._settled: list[Node] = []
        self._left = len(nodes)
        self._going = 0
        self._wake = asyncio.Event()

    def records(self) -> dict[str, StepRecord]:
        """Every settled step's record, in the plan's order."""
        return {node.step.id: node.record for node in self._nodes if node.record is not None}

    def restore(self, fetch: Callable[[str], bytes]) -> None:
        """Take over what the journal holds: settled steps are not carried out again, nor are finished elements."""
        self._fetch = fetch
        if self._around.journal is None:
            return
        self._finished_items = self._around.journal.items()
        records = self._around.journal.steps()
        for node in self._nodes:
            record = records.get(node.step.id)
            if record is None or record.status not in SETTLED:
                continue
            node.record = record
            self._left -= 1
            if record.status != "failed":
                self.values[node.step.id] = load_value(record.output, fetch)
            for each in node.dependants:
                self._count_down(each, node)

    async def drive(self) -> None:
        """Run until every step is settled. Raises `CancelledError` when the calling task is cancelled."""
        for node in self._nodes:
            if not node.waiting and node.record is None:
                self._arm(node)
        seconds = self._around.budget.seconds_left if self._around.budget else None
        timer = None
        if seconds is not None and isfinite(seconds):
            timer = asyncio.get_running_loop().call_later(seconds, self._check_budget)
        try:
            while self._left or self._unsaved:
                self._start()
                if self._unsaved:
                    await self._save()
                elif self._ready["inline"]:
                    await asyncio.sleep(0)
                elif self._left:
                    await self._wake.wait()
                    self._wake.clear()
        except asyncio.CancelledError:
            self._end_early(Cancelled("the run was cancelled", hint="resume it to go on"))
            self._save_now()
            raise
        finally:
            if timer is not None:
                timer.cancel()
            self._drop(self._nodes)

    def granted(self, lane: Lane) -> None:
        """A slot of `lane` has become free for this run."""
        heap = self._ready[lane]
        if not heap or self._at_limit():
            self._lanes.give_back(lane)
            return
        self._launch(heappop(heap))
        self._fill(lane)

    # ---- from waiting to ready

    def _count_down(self, node: Node, settled: Node) -> None:
        """`settled`, which `node` needs, has its record now."""
        node.waiting -= 1
        if settled.record is not None and settled.record.status not in ("done", "empty"):
            roots = settled.causes or [settled.step.id]
            node.causes.extend(each for each in roots if each not in node.causes)

    def _arm(self, node: Node) -> None:
        """Everything that `node` needs is settled: queue its calls, or settle it too."""
        if node.causes:
            self._record(node, StepRecord(node.step.id, "not_run", error=_not_run(node.causes)))
        elif node.step.each is None:
            self._queue(node, _WHOLE)
        else:
            self._spread(node)

    def _queue(self, node: Node, number: int) -> None:
        urgency = node.urgency if self._around.at_once is None else 0.0
        heappush(self._ready[node.lane], (-urgency, node.index, number, node))

    def _spread(self, node: Node) -> None:
        """Queue one call per element of `each`, leaving out those that the journal holds."""
        try:
            value = self._resolve(node.step.each)
            if isinstance(node.step.each, list):
                self._check_rows(node.step.each, value)
            node.elements = rounds(node.step.each, value)
        except LookupError as error:
            self._finish(node, _WHOLE, failed(_no_value(node, error)))
            return
        count = len(node.elements)
        node.items, node.values, node.left = [None] * count, [None] * count, count
        known = self._finished_items.get(node.step.id, {})
        for number in range(count):
            if number not in known:
                self._queue(node, number)
        for number, item in known.items():
            if number < count and node.record is None:
                node.values[number] = load_value(item.output, self._fetch)
                self._take_in(node, item)
        if not count:
            self._complete(node)

    def _check_rows(self, each: list[str], lists: list[Any]) -> None:
        """Raise LookupError where lists that are run along in step have lost different elements."""
        lost = {self._lost(text) for text, value in zip(each, lists, strict=True) if isinstance(value, list)}
        if len(lost) > 1:
            raise LookupError(f"{', '.join(each)}: other elements of one list are left out than of another")

    def _lost(self, text: str) -> tuple[frozenset[int], ...]:
        """Which elements were left out on the way to the list that a reference names, one set a step."""
        reference = parse_reference(text)
        node = next((each for each in self._nodes if reference and each.step.id == reference.name), None)
        if node is None or node.step.each is None or node.record is None:
            return ()
        each = node.step.each if isinstance(node.step.each, list) else [node.step.each]
        before = max((self._lost(one) for one in each), key=len)
        own = frozenset(one["item"] for one in (node.record.error or {}).get("facts", {}).get("elements", ()))
        return (*before, own) if own else before

    # ---- from ready to carried out

    def _start(self) -> None:
        """Start what may start: first whatever leaves the loop, then the instant tools for one slice."""
        for lane in ("cpu", "model", "remote"):
            if self._ready[lane]:
                self._fill(lane)
        heap = self._ready["inline"]
        end = time.perf_counter() + _SLICE_SECONDS
        while heap:
            _, _, number, node = heappop(heap)
            call = self._begin(node, number)
            if call is not None:
                outcome = perform(call, {}, [], self._keep)
                if outcome.writes:
                    self._track(node, self._put_away(node, number, outcome))
                else:
                    self._finish(node, number, outcome)
            if time.perf_counter() > end:
                break

    def _fill(self, lane: Lane) -> None:
        heap = self._ready[lane]
        while heap and not self._at_limit() and self._lanes.take(lane, self):
            self._launch(heappop(heap))

    def _at_limit(self) -> bool:
        return self._around.at_once is not None and self._going >= self._around.at_once

    def _launch(self, job: _Job) -> None:
        """Carry out a job on the slot that the run has just got."""
        _, _, number, node = job
        call = self._begin(node, number)
        if call is None:
            self._wake.set()
            self._lanes.give_back(node.lane)
        else:
            self._track(node, self._carry(node, number, call))

    def _begin(self, node: Node, number: int) -> Call | None:
        """The call of a job with its arguments resolved; None where there is nothing to call any more."""
        self._check_budget()
        if node.record is not None:
            return None
        if node.started_at is None:
            node.started_at, node.began = round(time.time(), 3), time.perf_counter()
            self._around.emit(StepStarted(self._around.run, node.step.id, node.tool.name, at=node.started_at))
        step = node.step
        element = node.elements[number] if number != _WHOLE else None
        try:
            args = {name: self._resolve(value, element) for name, value in step.args.items()}
        except LookupError as error:
            self._finish(node, number, failed(_no_value(node, error)))
            return None
        item = None if number == _WHOLE else number
        seed = self._around.seed if step.seed is None else step.seed
        return Call(step.id, node.tool, args, seed, item, step.timeout, self._progress, cache=self._around.cache)

    def _resolve(self, value: Any, element: Any = None) -> Any:
        around = self._around
        return resolve(value, inputs=around.inputs, thread=around.thread, outputs=self.values, item=element)

    def _progress(self, step: str, item: int | None, fraction: float, text: str) -> None:
        self._around.emit(StepProgress(self._around.run, step, fraction, text, item))

    def _track(self, node: Node, work: Any) -> None:
        task = asyncio.create_task(work)
        node.tasks.add(task)
        self._going += 1
        # Not a `finally` in the coroutine: one that is cancelled before its first step never gets there.
        task.add_done_callback(partial(self._ended, node))

    async def _carry(self, node: Node, number: int, call: Call) -> None:
        try:
            outcome = await self._caller.carry_out(call, self._keep)
        except Exception as error:  # without this a fault here would leave the step unsettled and the run waiting
            outcome = failed(error)
        self._finish(node, number, outcome)

    async def _put_away(self, node: Node, number: int, outcome: Outcome) -> None:
        self._finish(node, number, await written(outcome))

    def _ended(self, node: Node, task: asyncio.Task[None]) -> None:
        node.tasks.discard(task)
        self._going -= 1
        if node.lane != "inline":
            self._lanes.give_back(node.lane)
        self._wake.set()

    # ---- from carried out to settled

    def _finish(self, node: Node, number: int, outcome: Outcome) -> None:
        """A call has ended; one whose step is settled already is dropped."""
        if node.record is not None:
            return
        if outcome.tokens and self._around.budget:
            self._around.budget.add(tokens=outcome.tokens)
        step, status, error = node.step.id, outcome.status, outcome.error
        if number == _WHOLE:
            if status != "failed":
                self.values[step] = outcome.value
            seconds, models = round(outcome.seconds, 6), outcome.models
            self._record(node, StepRecord(step, status, outcome.output, error, seconds, node.started_at, models))
            return
        item = ItemRecord(number, status, outcome.output, error, round(outcome.seconds, 6))
        node.values[number] = outcome.value
        node.models = node.models or outcome.models
        self._unsaved.append((step, item))
        self._take_in(node, item)

    def _take_in(self, node: Node, item: ItemRecord) -> None:
        """An element of `node` is finished: the last one, or a failure that ends the step, settles it."""
        node.items[item.index] = item
        node.left -= 1
        if (node.step.on_error == "fail" and _broken(item)) or not node.left:
            self._complete(node)

    def _complete(self, node: Node) -> None:
        """Settle a step with `each` from its elements."""
        done = [item for item in node.items if item is not None]
        broken = [item for item in done if item.status == "failed"]
        values = [node.values[item.index] for item in done if item.status != "failed"]
        status: Status = "empty" if is_empty(values) else "done"
        error = None
        if broken:
            first = broken[0].error or {}
            listed = [{"item": item.index, **(item.error or {})} for item in broken]
            message = f"{len(broken)} of {len(node.items)} elements failed; element {broken[0].index}: "
            error = {**first, "message": message + first.get("message", ""), "facts": {"elements": listed}}
            if not values or (node.step.on_error == "fail" and any(map(_broken, broken))):
                status = "failed"
        if status != "failed":
            self.values[node.step.id] = values
        output = [item.output for item in done if item.status != "failed"]
        seconds = round(time.perf_counter() - node.began, 6) if node.started_at else 0.0
        self._record(node, StepRecord(node.step.id, status, output, error, seconds, node.started_at, node.models, done))
        self._drop([node])

    def _record(self, node: Node, record: StepRecord) -> None:
        node.record = record
        self._left -= 1
        self._unsaved.append(record)
        self._settled.append(node)

    # ---- from settled to journalled

    async def _save(self) -> None:
        """Journal what is settled, all in one commit, then let the dependants be ready."""
        journal = self._around.journal
        if journal is None or not journal.blocking:
            self._save_now()
            return
        records, settled = self._take_unsaved()
        await asyncio.get_running_loop().run_in_executor(self._lanes.threads, journal.append, records)
        self._release(settled)

    def _save_now(self) -> None:
        records, settled = self._take_unsaved()
        if self._around.journal is not None and records:
            self._around.journal.append(records)
        self._release(settled)

    def _take_unsaved(self) -> tuple[list[StepRecord | tuple[str, ItemRecord]], list[Node]]:
        taken = self._unsaved, self._settled
        self._unsaved, self._settled = [], []
        return taken

    def _release(self, settled: list[Node]) -> None:
        run, emit = self._around.run, self._around.emit
        for node in settled:
            record = node.record
            if record is not None:
                emit(
                    StepFinished(
                        run, record.id, node.tool.name, record.status, record.seconds, record.output, record.error
                    )
                )
            for each in node.dependants:
                self._count_down(each, node)
                if not each.waiting and each.record is None:
                    self._arm(each)

    # ---- ends before the end

    def _check_budget(self) -> None:
        """At a limit of the budget: stop what runs and start nothing more."""
        if self._around.budget is None or self.exceeded is not None:
            return
        name = self._around.budget.exceeded
        if name is not None:
            self.exceeded = name
            try:
                self._around.budget.check()
            except BudgetExceeded as error:
                self._end_early(error)

    def _end_early(self, error: BudgetExceeded | Cancelled) -> None:
        """Settle every step that is not: "cancelled" where it had begun, else "not_run"."""
        for node in self._nodes:
            if node.record is None:
                status: Status = "not_run" if node.started_at is None else "cancelled"
                self._record(node, StepRecord(node.step.id, status, error=error.to_dict()))
        for heap in self._ready.values():
            heap.clear()
        self._drop(self._nodes)
        self._wake.set()

    def _drop(self, nodes: list[Node]) -> None:
        for node in nodes:
            for task in node.tasks:
                task.cancel()


def _broken(item: ItemRecord) -> bool:
    """Whether an element failed by a fault: one that had nothing to work on is left out, and the others stay."""
    return item.status == "failed" and (item.error or {}).get("code") != EmptyInput.code


def _not_run(causes: list[str]) -> dict[str, Any]:
    """The error of a step that needs what `causes`, which failed or were stopped, should have given."""
    message = f"not run, because {' and '.join(causes)} gave no value"
    return {"code": "not-run", "message": message, "hint": "", "facts": {"causes": causes}}


def _no_value(node: Node, error: LookupError) -> WrongArgument:
    cause = error.args[0] if error.args else error
    return WrongArgument(f"step {node.step.id} asks for a value that is not there: {cause}", step=node.step.id)

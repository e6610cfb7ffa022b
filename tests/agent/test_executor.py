"""The executor on small real tools: order, failure, elements, time limits, cancellation, resume, records."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from panmodal.agent.budget import Budget
from panmodal.agent.events import Event, StepFinished, StepProgress, StepStarted
from panmodal.agent.executor import Execution, Executor
from panmodal.agent.journal import Journal
from panmodal.agent.store import ArtifactStore
from panmodal.planners.plan import Plan, Step
from panmodal.tools.card import Card
from panmodal.tools.contract import Tool, tool
from panmodal.tools.errors import EmptyInput, EndpointError, PlanError, UnknownTool, WrongArgument
from panmodal.tools.media.boxes import Boxes
from panmodal.tools.media.image import Image
from panmodal.tools.registry import Registry
from panmodal.tools.roles import StepContext

INSTANT = Card(cost="instant")


@tool(card=INSTANT)
def say(text: str) -> str:
    """Give the text back."""
    return text


@tool(card=INSTANT)
def add(left: int, right: int = 1) -> int:
    """Add two numbers."""
    return left + right


@tool(card=INSTANT)
def refuse(text: str) -> str:
    """Fail in a way that the user can act on."""
    raise EmptyInput(f"nothing to say about {text}")


@tool(card=INSTANT)
def crash(text: str) -> str:
    """Fail as foreign code does."""
    if text == "exit":
        raise SystemExit(text)
    raise KeyError(text)


@tool(card=INSTANT)
def count(boxes: Boxes) -> int:
    """How many."""
    return len(boxes)


@tool
def find(image: Image) -> Boxes:
    """Find nothing."""
    return Boxes.of(np.zeros((0, 4), np.float32), [], [], image)


@tool
def flip(image: Image) -> Image:
    """Turn upside down."""
    return Image.from_array(image.pixels[::-1].copy())


@tool
def nap(seconds: float, after: Sequence[float] = ()) -> float:
    """Sleep on a worker thread."""
    time.sleep(seconds)
    return seconds


@tool
async def doze(seconds: float, after: Sequence[float] = ()) -> float:
    """Sleep without a thread."""
    await asyncio.sleep(seconds)
    return seconds


TOOLS = [say, add, refuse, crash, count, find, flip, nap, doze]


def run(
    *steps: Step,
    tools: Sequence[Tool[..., Any]] = (),
    inputs: dict[str, list[Any]] | None = None,
    store: ArtifactStore | None = None,
    workers: int = 4,
    **options: Any,
) -> Execution:
    executor = Executor(Registry([*TOOLS, *tools]), None, store or ArtifactStore("memory://executor"), workers=workers)
    try:
        return asyncio.run(executor.run(Plan(steps=list(steps)), inputs=inputs or {}, **options))
    finally:
        executor.close()


def step(name: str, tool_name: str, **args: Any) -> Step:
    return Step(id=name, tool=tool_name, args=args)


def statuses(execution: Execution) -> dict[str, str]:
    return {name: record.status for name, record in execution.steps.items()}


def picture(shade: int) -> Image:
    pixels = np.zeros((6, 8, 3), np.uint8)
    pixels[0] = shade
    return Image.from_array(pixels)


def test_values_flow_along_references_whatever_the_order_written() -> None:
    done = run(step("b", "add", left="$a", right=10), step("a", "add", left=1), step("c", "say", text="$$5"))
    assert done.values == {"a": 2, "b": 12, "c": "$5"}
    assert list(done.steps) == ["b", "a", "c"]
    assert set(statuses(done).values()) == {"done"}


def test_events_tell_each_step_once_and_in_order() -> None:
    events: list[Event] = []
    run(step("a", "add", left=1), step("b", "add", left="$a"), emit=events.append, run_id="r7")
    told = [(type(each), getattr(each, "step", "")) for each in events]
    assert told == [(StepStarted, "a"), (StepFinished, "a"), (StepStarted, "b"), (StepFinished, "b")]
    assert {each.run for each in events} == {"r7"}
    assert events[-1].to_dict()["output"] == 3 and events[-1].to_dict()["version"] == 1


def test_a_failure_stops_only_what_hangs_on_it_and_names_the_cause() -> None:
    done = run(
        step("a", "refuse", text="moons"),
        step("b", "say", text="$a"),
        step("c", "say", text="$b"),
        step("d", "crash", text="k"),
        step("x", "crash", text="exit"),
        step("e", "say", text="fine"),
        step("f", "add", left="$e"),
    )
    assert statuses(done) == {
        "a": "failed", "b": "not_run", "c": "not_run", "d": "failed", "x": "failed", "e": "done", "f": "failed"
    }  # fmt: skip
    errors = {name: record.error or {} for name, record in done.steps.items()}
    assert errors["a"]["code"] == "empty-input" and "moons" in errors["a"]["message"]
    assert errors["c"]["facts"]["causes"] == ["a"]
    assert errors["d"] == {
        "code": "tool-crashed", "message": "KeyError: 'k'", "hint": "", "facts": {"exception": "KeyError"}
    }  # fmt: skip
    assert errors["f"]["code"] == "wrong-argument" and "left" in errors["f"]["message"]
    assert done.values == {"e": "fine"}


def test_finding_nothing_is_empty_and_its_dependants_run() -> None:
    done = run(step("a", "find", image="$in.image"), step("b", "count", boxes="$a"), inputs={"image": [picture(1)]})
    assert statuses(done) == {"a": "empty", "b": "done"}
    assert done.values["b"] == 0


def test_each_keeps_the_order_and_takes_single_elements_of_collections() -> None:
    image = picture(9)
    corners = np.array([[0, 0, 2, 2], [1, 1, 5, 5], [0, 0, 8, 6]], np.float32)

    @tool
    def boxes(image: Image) -> Boxes:
        """Three boxes."""
        return Boxes.of(corners, ["a", "b", "c"], [1.0, 1.0, 1.0], image)

    @tool
    def label(boxes: Boxes) -> str:
        """The one label; the first takes longest."""
        time.sleep(0.03 if boxes.labels[0] == "a" else 0)
        return boxes.labels[0]

    done = run(
        step("s1", "boxes", image="$in.image"),
        Step(id="s2", tool="label", each="$s1", args={"boxes": "$item"}),
        Step(id="s3", tool="add", each=["$s4", "$s4"], args={"left": "$item"}),
        step("s4", "add", left=4),
        tools=[boxes, label],
        inputs={"image": [image]},
    )
    assert done.values["s2"] == ["a", "b", "c"]
    assert done.values["s3"] == [6, 6]


def test_each_over_nothing_is_an_empty_list() -> None:
    done = run(Step(id="a", tool="add", each=[], args={"left": "$item"}), Step(id="b", tool="add", each="$a"))
    assert statuses(done) == {"a": "empty", "b": "empty"} and done.values == {"a": [], "b": []}


@tool(card=INSTANT)
def even(number: int) -> int:
    """Only even numbers are welcome."""
    if number % 2:
        raise WrongArgument(f"{number} is odd", field="number")
    return number


@pytest.mark.parametrize("name", ["even", "even_slowly"])
def test_failed_elements_end_the_step_or_stand_beside_the_finished_ones(name: str, tmp_path: Path) -> None:
    @tool
    def even_slowly(number: int) -> int:
        """The same on a thread."""
        return even(number)

    numbers = [step(f"n{each}", "add", left=each, right=0) for each in range(5)]
    each = [f"$n{number}" for number in range(5)]
    kept = Step(id="k", tool=name, each=each, args={"number": "$item"}, on_error="keep")
    strict = Step(id="f", tool=name, each=each, args={"number": "$item"})
    with Journal(tmp_path / "journal.sqlite") as journal:
        done = run(*numbers, kept, strict, step("after", "say", text="$f"), tools=[even, even_slowly], journal=journal)
        back = journal.steps()
    assert done.values["k"] == [0, 2, 4]
    assert statuses(done)["k"] == "done" and statuses(done)["f"] == "failed" and statuses(done)["after"] == "not_run"
    error = done.steps["k"].error
    assert error is not None and [(each["item"], each["message"]) for each in error["facts"]["elements"]] == [
        (1, "1 is odd"),
        (3, "3 is odd"),
    ]
    assert "element 1: 1 is odd" in (done.steps["f"].error or {})["message"]
    assert back["k"].output == [0, 2, 4]


def test_elements_with_nothing_to_work_on_are_left_out_and_lists_stay_in_step() -> None:
    @tool
    def half(number: int, of: int) -> int:
        """Half of the numbers that leave no rest; the others have none."""
        if number % of:
            raise EmptyInput(f"nothing to halve in {number}")
        return number // of

    @tool
    def both(left: int, right: int) -> int:
        """Add what stands at the same place."""
        return left + right

    numbers = [step(f"n{each}", "add", left=each, right=0) for each in range(5)]
    each = [f"$n{number}" for number in range(5)]
    done = run(
        *numbers,
        Step(id="two", tool="half", each=each, args={"number": "$item", "of": 2}),
        Step(id="four", tool="half", each="$two", args={"number": "$item", "of": 1}),
        Step(id="three", tool="half", each=each, args={"number": "$item", "of": 3}),
        Step(id="again", tool="half", each=each[1:4], args={"number": "$item", "of": 2}),
        Step(id="paired", tool="both", each=["$two", "$four"], args={"left": "$item[0]", "right": "$item[1]"}),
        Step(id="mixed", tool="both", each=["$three", "$again"], args={"left": "$item[0]", "right": "$item[1]"}),
        step("none", "half", number=1, of=2),
        tools=[half, both],
    )
    assert done.values["two"] == [0, 1, 2] and done.values["paired"] == [0, 2, 4]
    assert [each["item"] for each in (done.steps["two"].error or {})["facts"]["elements"]] == [1, 3]
    assert "other elements" in (done.steps["mixed"].error or {})["message"], "never what does not belong together"
    assert statuses(done)["none"] == "failed"


def test_all_elements_failing_is_a_failed_step_even_where_failures_are_kept() -> None:
    done = run(
        step("n", "add", left=0),
        Step(id="k", tool="even", each=["$n", "$n"], args={"number": "$item"}, on_error="keep"),
        tools=[even],
    )
    assert statuses(done)["k"] == "failed"


def test_steps_start_the_moment_their_inputs_exist() -> None:
    # Two chains with opposite rhythms: with a barrier between levels each level would cost its longest step.
    steps = []
    for index in range(4):
        for name, seconds in (("a", 0.12 if index % 2 else 0.01), ("b", 0.01 if index % 2 else 0.12)):
            after = [f"${name}{index - 1}"] if index else []
            steps.append(step(f"{name}{index}", "doze", seconds=seconds, after=after))
    began = time.perf_counter()
    run(*steps)
    assert time.perf_counter() - began < 0.26 * 1.4  # levels would take 0.48


def test_a_time_limit_is_recorded_at_once_and_the_late_result_dropped() -> None:
    returned = threading.Event()
    stopped: list[bool] = []

    @tool
    def linger(*, ctx: StepContext) -> int:
        """Look at the stop flag only after a while, as native code does."""
        time.sleep(0.4)
        stopped.append(ctx.stop.is_set())
        returned.set()
        return 1

    began = time.perf_counter()
    done = run(
        Step(id="a", tool="linger", timeout=0.05),
        step("b", "add", left="$a"),
        Step(id="c", tool="doze", args={"seconds": 5}, timeout=0.05),
        tools=[linger],
    )
    assert time.perf_counter() - began < 0.35
    assert statuses(done) == {"a": "failed", "b": "not_run", "c": "failed"}
    assert "ran longer than 0.05 s" in (done.steps["a"].error or {})["message"]
    assert (done.steps["c"].error or {})["code"] == "step-timeout"
    assert returned.wait(2) and stopped == [True]
    assert done.values == {}


def test_cancelling_records_what_ran_and_a_resumed_run_does_the_rest(tmp_path: Path) -> None:
    calls: list[str] = []
    waiting = asyncio.Event()

    @tool(card=INSTANT)
    def note(text: str) -> str:
        """Count the call."""
        calls.append(text)
        return text

    @tool
    async def wait_once(text: str) -> str:
        """Hang the first time."""
        calls.append("wait")
        waiting.set()
        if calls.count("wait") == 1:
            await asyncio.sleep(60)
        return text

    plan = Plan(
        steps=[step("a", "note", text="a"), step("b", "wait_once", text="$a"), step("c", "note", text="$b")],
        answer=["$c"],
    )
    executor = Executor(Registry([note, wait_once]), None, ArtifactStore("memory://cancel"))
    journal = Journal(tmp_path / "journal.sqlite")

    async def cancelled() -> None:
        task = asyncio.create_task(executor.run(plan, inputs={}, journal=journal))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert {key: each.status for key, each in journal.steps().items()} == {
        "a": "done", "b": "cancelled", "c": "not_run"
    }  # fmt: skip
    done = asyncio.run(executor.run(plan, inputs={}, journal=journal))
    assert done.values == {"a": "a", "b": "a", "c": "a"}
    assert calls == ["a", "wait", "wait", "a"]
    journal.close()


def test_finished_steps_and_elements_are_taken_from_the_journal(tmp_path: Path) -> None:
    calls: list[int] = []
    broken = [True]

    @tool
    def slowly(number: int) -> int:
        """Count the call; the process ends in the middle of the first run."""
        calls.append(number)
        if broken[0] and number == 3:
            raise KeyboardInterrupt
        return number * 10

    numbers = [step(f"n{each}", "add", left=each, right=0) for each in range(4)]
    each = Step(id="e", tool="slowly", each=[f"$n{number}" for number in range(4)], args={"number": "$item"})
    total = step("t", "say", text="done")
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal, pytest.raises(KeyboardInterrupt):
        run(*numbers, each, total, tools=[slowly], journal=journal, workers=1)
    broken[0] = False
    with Journal(path) as journal:
        done = run(*numbers, each, total, tools=[slowly], journal=journal, workers=1)
    assert done.values["e"] == [0, 10, 20, 30]
    assert sorted(calls) == [0, 1, 2, 3, 3]
    with Journal(path) as journal:
        again = run(*numbers, each, total, tools=[slowly], journal=journal)
    assert again.values == done.values and len(calls) == 5
    assert again.steps == done.steps


def test_a_failed_step_stays_failed_when_the_run_goes_on(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite") as journal:
        first = run(step("a", "refuse", text="x"), step("b", "say", text="$a"), journal=journal)
        second = run(step("a", "refuse", text="x"), step("b", "say", text="$a"), journal=journal)
    assert statuses(first) == statuses(second) == {"a": "failed", "b": "not_run"}
    assert first.steps["b"].error == second.steps["b"].error


def test_at_the_limit_of_the_budget_the_finished_part_is_returned() -> None:
    began = time.perf_counter()
    done = run(
        step("a", "add", left=1),
        step("b", "doze", seconds=0.02),
        step("c", "doze", seconds=30, after=["$b"]),
        step("d", "nap", seconds=0, after=["$c"]),
        budget=Budget(seconds=0.3).start(),
    )
    assert time.perf_counter() - began < 2
    assert done.exceeded == "seconds"
    assert statuses(done) == {"a": "done", "b": "done", "c": "cancelled", "d": "not_run"}
    assert (done.steps["d"].error or {})["code"] == "budget-exceeded"
    spending = Budget(tokens=10).start()
    spending.add(tokens=10)
    done = run(step("a", "add", left=1), budget=spending)
    assert done.exceeded == "tokens" and statuses(done) == {"a": "not_run"}


def test_only_errors_that_are_marked_are_tried_again_and_not_for_ever() -> None:
    tries: list[str] = []

    @tool(card=Card(cost="remote"))
    def ask(text: str) -> str:
        """An endpoint that fails."""
        tries.append(text)
        if text == "soon" and tries.count("soon") == 2:
            return "there"
        raise EndpointError("no answer") if text != "crash" else ValueError("no")

    done = run(*(step(f"s{each}", "ask", text=each) for each in ("soon", "never", "crash")), tools=[ask])
    assert statuses(done) == {"ssoon": "done", "snever": "failed", "scrash": "failed"}
    assert {each: tries.count(each) for each in tries} == {"soon": 2, "never": 3, "crash": 1}


def test_seeds_depend_on_run_step_and_element_and_on_nothing_else() -> None:
    @tool
    def seed(number: int = 0, *, ctx: StepContext) -> int:
        """The call's seed."""
        return ctx.seed

    each = Step(id="e", tool="seed", each=["$in.text[0]", "$in.text[1]"])
    alone = [Step(id="a", tool="seed"), Step(id="b", tool="seed"), Step(id="c", tool="seed", seed=5)]
    inputs = {"text": ["x", "y"]}
    first = run(each, *alone, tools=[seed], inputs=inputs, seed=3).values
    second = run(*reversed(alone), each, tools=[seed], inputs=inputs, seed=3, deterministic=True).values
    other = run(each, *alone, tools=[seed], inputs=inputs, seed=4).values
    assert first == second
    flat = [*first["e"], first["a"], first["b"], first["c"]]
    assert len(set(flat)) == 5 and all(0 <= each < 2**32 for each in flat)
    assert first["a"] != other["a"] and first["c"] == other["c"]


def test_progress_reaches_the_stream_with_step_and_element() -> None:
    @tool
    def long(number: int, *, ctx: StepContext) -> int:
        """Report half way."""
        ctx.progress(0.5, "half way")
        return number

    events: list[Event] = []
    run(
        step("n", "add", left=1),
        Step(id="e", tool="long", each=["$n"], args={"number": "$item"}),
        tools=[long],
        emit=events.append,
    )
    told = [each for each in events if isinstance(each, StepProgress)]
    assert [(each.step, each.item, each.fraction, each.text) for each in told] == [("e", 0, 0.5, "half way")]


def test_artifacts_are_written_with_their_record_before_the_step_counts(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store")
    image = picture(200)
    store.put(image)
    seen: list[bool] = []

    class Watching(Journal):
        def append(self, records: Any) -> None:
            on_disk = ArtifactStore(tmp_path / "store")
            seen.extend(each.output["$artifact"]["id"] in on_disk for each in records)
            super().append(records)

    with Watching(tmp_path / "journal.sqlite") as journal:
        done = run(
            step("a", "flip", image="$in.image"), step("b", "flip", image="$a"),
            store=store, inputs={"image": [image]}, journal=journal, run_id="r1", seed=8,
        )  # fmt: skip
    assert seen == [True, True]
    record = store.record(done.values["a"].id)
    assert record is not None
    assert (record.run, record.step, record.tool, record.tool_version) == ("r1", "a", "flip", flip.version)
    assert record.parents == (image.id,) and record.args == {"image": image.id}
    assert done.values["b"] == image and store.record(image.id) is not None
    with Journal(tmp_path / "journal.sqlite") as journal:
        again = run(
            step("a", "flip", image="$in.image"), step("b", "flip", image="$a"),
            store=ArtifactStore(tmp_path / "store"), inputs={"image": [image]}, journal=journal,
        )  # fmt: skip
    assert np.array_equal(again.values["a"].pixels, done.values["a"].pixels)


def test_a_store_that_cannot_write_fails_the_step_and_not_the_process(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file where the store's folder should be")
    done = run(
        step("a", "flip", image="$in.image"), store=ArtifactStore(tmp_path / "store"), inputs={"image": [picture(3)]}
    )
    assert statuses(done) == {"a": "failed"}


def test_deterministic_runs_make_one_call_at_a_time_in_the_plans_order() -> None:
    going, most, order = [0], [0], list[str]()

    def work(name: str) -> Callable[[], str]:
        def body() -> str:
            """Count who is inside."""
            going[0] += 1
            most[0] = max(most[0], going[0])
            order.append(name)
            time.sleep(0.005)
            going[0] -= 1
            return name

        body.__name__ = name
        return body

    names = [f"t{number}" for number in range(6)]
    run(*(Step(id=name, tool=name) for name in names), tools=[tool(work(name)) for name in names], deterministic=True)
    assert most == [1] and order == names


def test_waiting_for_the_disk_changes_no_result(tmp_path: Path) -> None:
    steps = [step(f"s{number}", "add", left=f"$s{number - 1}" if number % 5 else number) for number in range(25)]
    with Journal(tmp_path / "a.sqlite", "FULL") as full, Journal(tmp_path / "b.sqlite") as normal:
        one, other = run(*steps, journal=full), run(*steps, journal=normal)
        assert one.values == other.values
        assert full.steps().keys() == normal.steps().keys()


def test_long_instant_chains_leave_the_loop_its_turns() -> None:
    executor = Executor(Registry(TOOLS), None, ArtifactStore("memory://turns"))
    steps = [step(f"s{number}", "add", left=f"$s{number - 1}" if number else 0) for number in range(3000)]

    async def main() -> float:
        longest, last = 0.0, time.perf_counter()
        work = asyncio.create_task(executor.run(Plan(steps=steps), inputs={}))
        await asyncio.sleep(0)
        while not work.done():
            await asyncio.sleep(0.001)
            longest, last = max(longest, time.perf_counter() - last), time.perf_counter()
        assert work.result().values["s2999"] == 3000
        return longest

    assert asyncio.run(main()) < 0.25


def test_runs_that_share_an_executor_take_turns_at_its_lanes() -> None:
    executor = Executor(Registry(TOOLS), None, ArtifactStore("memory://lanes"), workers=1)
    wide = Plan(steps=[step(f"s{number}", "nap", seconds=0.01) for number in range(30)])
    small = Plan(steps=[step("s", "nap", seconds=0.01)])

    async def main() -> bool:
        first = asyncio.create_task(executor.run(wide, inputs={}))
        await asyncio.sleep(0.03)
        await executor.run(small, inputs={})
        was_early = not first.done()
        await first
        return was_early

    assert asyncio.run(main())


def test_a_plan_that_was_never_checked_is_still_refused() -> None:
    with pytest.raises(UnknownTool, match="did you mean count"):
        run(step("a", "cuont", boxes="$in.boxes"))
    with pytest.raises(PlanError, match="wait for each other"):
        run(step("a", "say", text="$b"), step("b", "say", text="$a"))
    with pytest.raises(PlanError, match="no step of the plan"):
        run(step("a", "say", text="$z"))
    done = run(step("a", "flip", image="$in.image[1]"), inputs={"image": [picture(1)]})
    assert "$in.image[1]" in (done.steps["a"].error or {})["message"]

"""Whole runs through the graph: own tools, threads, approval, both ways, resume, replay, loops and threads."""

import asyncio
import gc
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from panmodal import Agent, Budget, Plan, tool
from panmodal.agent.events import Event, RunFinished, RunStarted, StepFinished
from panmodal.agent.planning import _not_drawn
from panmodal.agent.result import Result
from panmodal.planners.base import PlannerContext, Request
from panmodal.planners.search import SearchPlanner
from panmodal.tools.errors import (
    Cancelled,
    InputError,
    PlanError,
    PlannerOutputError,
    RunError,
    RunNotFound,
    ThreadBusy,
)
from panmodal.tools.media.image import Image
from panmodal.tools.registry import default_registry
from panmodal.tools.roles import StepContext

Make = Callable[..., Agent]


def as_plan(*steps: Mapping[str, Any], answer: Sequence[str]) -> Plan:
    return Plan.from_data({"version": 1, "steps": list(steps), "answer": list(answer)})


def test_search_finds_a_users_own_tool_and_the_plan_names_it(make_agent: Make, scene: Image) -> None:
    result = make_agent().run("Mirror the picture.", scene)
    assert result.status == "answered"
    assert [step.tool for step in result.plan.steps] == ["mirror"] if result.plan else False
    assert result.artifacts["image_s1"].pixels[12, 20].tolist() == [255, 255, 255]  # type: ignore[attr-defined]
    assert result.text == "The tool mirror made image_s1."
    assert result.usage["seconds"] > 0 and "s1" in result.usage["steps"]


def test_a_saved_plan_with_an_own_tool_runs_without_a_request(make_agent: Make, scene: Image, tmp_path: Path) -> None:
    saved = tmp_path / "plan.yaml"
    saved.write_text("version: 1\nsteps: [{id: a, tool: brightness, args: {image: $in.image}}]\nanswer: [$a]\n")
    result = make_agent().run(image=scene, plan=saved)
    assert result.text == "The tool brightness gives 78.44."  # 200 / 3 over 2250 pixels, 255 over 150
    assert result.plan is not None and result.plan.planner == "script"


def test_a_thread_remembers_artifacts_between_agents(make_agent: Make, scene: Image) -> None:
    with make_agent() as first:
        made = first.run("Mirror the picture.", scene, thread="holiday")
    second = make_agent()
    result = second.run("Now measure the brightness of it.", thread="holiday")
    assert result.plan is not None and result.plan.steps[0].args == {"image": "$thread.image"}
    assert result.evidence[0].artifacts == (made.artifacts["image_s1"],)
    older = as_plan({"id": "s1", "tool": "mirror", "args": {"image": "$thread.image_1"}}, answer=["$s1"])
    assert second.run("again", plan=older, thread="holiday").artifacts["image_s1"] == made.artifacts["image_s1"]
    assert second.plan("Mirror it.", thread="holiday").steps[0].args == {"image": "$thread.image"}


def test_a_thread_keeps_what_was_attached_to_a_request_that_came_to_nothing(make_agent: Make, scene: Image) -> None:
    with make_agent() as agent, pytest.raises(InputError):
        agent.run("Sing me a song about it.", scene, thread="t", want="depth")
    later = make_agent().run("Mirror it.", thread="t")
    assert later.evidence[0].artifacts[0] == scene


def test_another_thread_knows_nothing_of_it(make_agent: Make, scene: Image) -> None:
    agent = make_agent()
    agent.run("Mirror the picture.", scene, thread="one")
    with pytest.raises(InputError):
        agent.run("Now mirror it.", thread="other")


def test_the_thread_database_stays_small_and_holds_no_media(make_agent: Make, scene: Image, tmp_path: Path) -> None:
    agent = make_agent()
    noise = Image.from_array(scene.pixels.repeat(20, axis=0).repeat(20, axis=1).copy())
    for _ in range(5):
        agent.run("Mirror the picture.", noise, thread="t")
    agent.run("Mirror the picture.", noise)
    agent.close()
    with sqlite3.connect(tmp_path / "home" / "threads.sqlite") as db:
        rows = db.execute("SELECT thread_id, LENGTH(checkpoint) + LENGTH(metadata) FROM checkpoints").fetchall()
        writes = db.execute("SELECT COALESCE(MAX(LENGTH(value)), 0) FROM writes").fetchone()[0]
    assert [thread for thread, _ in rows] == ["thread:t"], "a run of no thread leaves no checkpoint"
    assert max(size for _, size in rows) + writes < 8_000
    for journal in (tmp_path / "home" / "runs").rglob("journal.sqlite*"):
        assert b"\x89PNG" not in journal.read_bytes()
        assert journal.stat().st_size < 40_000


def test_a_plan_is_shown_without_running_or_keeping_anything(make_agent: Make, scene: Image, tmp_path: Path) -> None:
    agent = make_agent()
    events: list[Event] = []
    agent.subscribe(events.append)
    plan = agent.plan("Mirror the picture.", scene)
    assert [step.tool for step in plan.steps] == ["mirror"]
    assert not any(isinstance(event, StepFinished) for event in events)
    assert not (tmp_path / "home" / "runs").exists()
    assert not list((tmp_path / "home" / "store").rglob("*.json"))


def test_approval_is_asked_in_the_process(make_agent: Make, scene: Image) -> None:
    agent = make_agent()
    asked: list[Plan] = []

    def yes(plan: Plan) -> bool:
        asked.append(plan)
        return True

    assert agent.run("Mirror the picture.", scene, approve=yes).status == "answered"
    assert [step.tool for step in asked[0].steps] == ["mirror"]
    refused = agent.run("Mirror the picture.", scene, approve=lambda plan: False)
    assert refused.status == "cancelled" and refused.artifacts == {}
    assert "not approved" in refused.text


def test_an_edited_plan_runs_instead_and_is_checked(make_agent: Make, scene: Image) -> None:
    agent = make_agent()
    edited = as_plan({"id": "b", "tool": "brightness", "args": {"image": "$in.image"}}, answer=["$b"])
    result = agent.run("Mirror the picture.", scene, approve=lambda plan: edited)
    assert "brightness" in result.text
    broken = as_plan({"id": "b", "tool": "brigthness", "args": {"image": "$in.image"}}, answer=["$b"])
    with pytest.raises(InputError, match="brightness"):
        agent.run("Mirror the picture.", scene, approve=lambda plan: broken)


@pytest.mark.parametrize("interim", [False, True], ids=["at the checkpoint", "after another run of the thread"])
def test_a_run_waits_for_approval_across_processes(make_agent: Make, scene: Image, interim: bool) -> None:
    with make_agent(approve=True) as first:
        waiting = first.run("Mirror the picture.", scene, thread="t")
    assert waiting.status == "waiting"
    assert waiting.plan is not None and waiting.steps == {}
    with make_agent() as second:
        if interim:
            second.run("Measure the brightness of the picture.", scene, thread="t")
        assert second.resume(waiting.run_id).status == "waiting", "no word is not a yes"
        done = second.resume(waiting.run_id, approve=True)
        assert done.status == "answered" and "image_s1" in done.artifacts
        assert second.resume(waiting.run_id).text == done.text


def test_a_waiting_run_can_be_declined_or_edited(make_agent: Make, scene: Image) -> None:
    agent = make_agent(approve=True)
    declined = agent.run("Mirror the picture.", scene)
    assert agent.resume(declined.run_id, approve=False).status == "cancelled"
    edited = agent.run("Mirror the picture.", scene)
    plan = as_plan({"id": "b", "tool": "brightness", "args": {"image": "$in.image"}}, answer=["$b"])
    assert "brightness" in agent.resume(edited.run_id, approve=plan).text


def test_a_finished_run_gives_its_answer_again_without_its_tools(make_agent: Make, scene: Image) -> None:
    first = make_agent().run("Find the bright spot.", scene)
    again = make_agent(tools=[]).resume(first.run_id)
    assert (again.text, again.status) == (first.text, first.status)
    assert [each.to_dict() for each in again.evidence] == [each.to_dict() for each in first.evidence]
    assert list(again.overlays()) == ["overlay"], "pictures are read back from the store"


def test_an_interrupted_run_repeats_no_finished_step(make_agent: Make, scene: Image, tmp_path: Path) -> None:
    count = tmp_path / "count"

    @tool
    def first(image: Image) -> float:
        """Count its calls."""
        with count.open("a") as file:
            file.write("first\n")
        return 0.5

    @tool
    def second(value: float, image: Image) -> Image:
        """Wait where a file says so."""
        while not (tmp_path / "go").exists():
            time.sleep(0.01)
        return image

    plan = as_plan(
        {"id": "s1", "tool": "first", "args": {"image": "$in.image"}},
        {"id": "s2", "tool": "second", "args": {"value": "$s1", "image": "$in.image"}},
        answer=["$s1", "$s2"],
    )
    agent = make_agent(tools=[first, second])

    async def begin() -> str:
        async for event in agent.stream("two steps", scene, plan=plan):
            if isinstance(event, StepFinished):
                return event.run  # leaving the stream stops the run
        raise AssertionError("the run ended")

    run_id = asyncio.run(begin())
    (tmp_path / "go").touch()
    agent.close()
    with Agent.of_run(run_id, home=tmp_path / "home", tools=[first, second]) as later:
        result = later.resume(run_id)
    assert result.status == "answered"
    assert count.read_text() == "first\n"


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(make_agent: Make, scene: Image, tmp_path: Path) -> None:
    @tool
    def press(image: Image, *, ctx: StepContext) -> float:
        """Press Ctrl-C, the first time, and wait for it to be noticed."""
        if not (tmp_path / "pressed").exists():
            (tmp_path / "pressed").touch()
            os.kill(os.getpid(), signal.SIGINT)
            end = time.monotonic() + 30  # a busy machine may take its time to tell the main thread
            while not ctx.stop.is_set() and time.monotonic() < end:
                time.sleep(0.02)
        return 1.5

    plan = as_plan({"id": "p", "tool": "press", "args": {"image": "$in.image"}}, answer=["$p"])
    agent = make_agent(more=[press])
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job begins with it ignored
    with pytest.raises(KeyboardInterrupt, match="panmodal resume ") as interrupt:
        agent.run("press", scene, plan=plan)
    run_id = str(interrupt.value).split()[-1]
    assert agent.resume(run_id).text == "The tool press gives 1.5."


def test_replay_compares_step_by_step(make_agent: Make, scene: Image) -> None:
    agent = make_agent()
    agent.run("Mirror the picture.", scene, thread="t")
    run = agent.run("Now mirror it.", thread="t")
    report = agent.replay(run.run_id)
    assert report.equal and report.compared == 1
    assert report.to_dict()["version"] == "panmodal.replay/1"
    calls: list[int] = []

    @tool
    def counter(image: Image) -> int:
        """Never twice the same."""
        calls.append(1)
        return len(calls)

    other = make_agent(tools=[counter])
    plan = as_plan({"id": "c", "tool": "counter", "args": {"image": "$in.image"}}, answer=["$c"])
    report = other.replay(other.run("count", scene, plan=plan).run_id)
    assert not report.equal
    assert "c (counter): done 1 → done 2" in report.text


def test_both_ways_are_answered_and_compared(make_agent: Make, scene: Image, tiny_loader: None) -> None:
    agent = make_agent('[mllm]\nloader = "tiny"\ncheckpoint = "any"\n')
    looked = agent.run("What colour is the picture?", scene, via="direct")
    assert looked.text == "Red." and looked.route["kind"] == "direct"
    assert looked.usage["tokens"] == 8 and looked.usage["loads"][0]["role"] == "mllm"
    both = agent.run("Measure the brightness of the picture.", scene, via="both")
    assert both.both is not None
    assert both.both["direct"] == "Red." and "78.44" in both.both["tools"]
    assert "Looking (direct): Red." in both.text and "Measuring (tools)" in both.text
    assert {step.id for step in both.plan.steps} == {"look", "s1"} if both.plan else False
    assert agent.resume(both.run_id).both == both.both


def test_a_forced_tools_route_does_not_ask_the_mllm(make_agent: Make, scene: Image, tiny_loader: None) -> None:
    agent = make_agent('[mllm]\nloader = "tiny"\ncheckpoint = "any"\n')
    asked = "Describe the picture. Measure the brightness of the picture."
    mixed, pure = agent.run(asked, scene), agent.run("Measure the brightness of the picture.", scene, via="tools")
    assert mixed.plan and "perceive" in {step.tool for step in mixed.plan.steps}
    assert pure.plan and "perceive" not in {step.tool for step in pure.plan.steps}
    with pytest.raises(PlanError):
        agent.run("Describe the picture.", scene, via="tools")


def test_a_refused_plan_falls_back_to_search_and_says_so(make_agent: Make, scene: Image) -> None:
    class Rambling:
        name = "rambling"

        def plan(self, request: Request, context: PlannerContext) -> Plan:
            raise PlannerOutputError("the planner's output is no plan")

        def revise(
            self, plan: Plan, failures: Sequence[Mapping[str, Any]], request: Request, context: PlannerContext
        ) -> Plan:
            raise PlannerOutputError("the planner's output is no plan")

    result = make_agent(planner=Rambling()).run("Mirror the picture.", scene)
    assert result.status == "answered"
    assert "by search" in result.text and "did not pass the checks" in result.text
    assert result.notes


def test_at_the_budget_the_finished_part_is_kept(make_agent: Make, scene: Image, tmp_path: Path) -> None:
    @tool
    def slow(image: Image) -> float:
        """Take half a second, the first time."""
        if not (tmp_path / "warm").exists():
            (tmp_path / "warm").touch()
            time.sleep(0.6)
        return 1.5

    plan = as_plan(
        {"id": "a", "tool": "brightness", "args": {"image": "$in.image"}},
        {"id": "b", "tool": "slow", "args": {"image": "$in.image"}},
        answer=["$a", "$b"],
    )
    agent = make_agent(more=[slow])
    cut = agent.run("both", scene, plan=plan, budget=Budget(seconds=0.3))
    assert cut.status == "partial"
    assert "78.44" in cut.text and "budget of 0.3 seconds" in cut.text
    assert agent.resume(cut.run_id).text.endswith("gives 1.5.")


def test_a_budget_that_ends_before_there_is_a_plan_is_told_without_a_fault(
    make_agent: Make, scene: Image, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    class Slow(SearchPlanner):
        name = "slow"

        def plan(self, request: Request, context: PlannerContext) -> Plan:
            context.stop.wait(10)  # type: ignore[attr-defined]
            raise Cancelled("the planner was stopped while it wrote")

    with make_agent(planner=Slow()) as agent:
        cut = agent.run("Mirror the picture.", scene, budget=Budget(seconds=0.2))
    gc.collect()  # asyncio reports what nobody asked for when it is thrown away
    assert cut.status == "failed"
    assert cut.text == "The budget of 0.2 seconds was used up before anything was finished."
    assert "never retrieved" not in capfd.readouterr().err + caplog.text


def test_words_that_the_image_generator_was_not_taught_are_noted() -> None:
    services = SimpleNamespace(registry=default_registry(), drawn=frozenset({"a", "red", "star", "and", "fish"}))

    def notes(prompt: str) -> list[str]:
        turn: Any = SimpleNamespace(services=services, ask=SimpleNamespace(language="en"))
        draw = {"id": "a", "tool": "generate_image", "args": {"prompt": prompt}}
        return _not_drawn(turn, as_plan(draw, answer=["$a"]))

    assert notes("a red star") == notes("红色的星星") == notes("$in.text") == []
    assert "not taught: unicorn, palace." in notes("a unicorn palace")[0] and "not taught: 😀." in notes("😀")[0]


def test_events_stream_and_end_with_the_result(make_agent: Make, scene: Image) -> None:
    agent = make_agent()

    async def collect() -> list[Event | Result]:
        return [each async for each in agent.stream("Mirror the picture.", scene)]

    seen = asyncio.run(collect())
    assert isinstance(seen[0], RunStarted)
    assert isinstance(seen[-2], RunFinished)
    assert isinstance(seen[-1], Result) and seen[-1].status == "answered"


def test_run_works_inside_a_running_loop(make_agent: Make, scene: Image) -> None:
    agent = make_agent()

    async def notebook() -> str:
        return agent.run("Mirror the picture.", scene).status

    assert asyncio.run(notebook()) == "answered"


def test_threads_share_an_agent(make_agent: Make, scene: Image) -> None:
    agent = make_agent()
    texts: list[str] = []

    def work(thread: str) -> None:
        asked = "Measure the brightness of the picture."
        texts.extend(agent.run(asked, scene, thread=thread).text for _ in range(3))

    threads = [threading.Thread(target=work, args=(f"t{number}",)) for number in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert texts == ["The tool brightness gives 78.44."] * 9


def test_one_thread_takes_one_run_at_a_time(make_agent: Make, scene: Image, tmp_path: Path) -> None:
    @tool
    def hold(image: Image) -> float:
        """Wait for a file."""
        (tmp_path / "inside").touch()
        while not (tmp_path / "go").exists():
            time.sleep(0.01)
        return 1.0

    plan = as_plan({"id": "h", "tool": "hold", "args": {"image": "$in.image"}}, answer=["$h"])
    one, other = make_agent(tools=[hold]), make_agent()
    work = threading.Thread(target=lambda: one.run("hold", scene, plan=plan, thread="busy"))
    work.start()
    while not (tmp_path / "inside").exists():
        time.sleep(0.01)
    for agent in (one, other):  # in this process and, by the same file, in any other
        with pytest.raises(ThreadBusy, match="'busy'.*run "):
            agent.run("Mirror the picture.", scene, thread="busy")
    assert other.run("Mirror the picture.", scene, thread="free").status == "answered"
    (tmp_path / "go").touch()
    work.join()
    assert other.run("Now mirror it.", thread="busy").status == "answered"


def test_nothing_is_traced_to_a_server(make_agent: Make, scene: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    from langsmith.utils import get_env_var, tracing_is_enabled

    class Asking(SearchPlanner):
        name = "asking"
        traced: bool | str = "not asked"

        def plan(self, request: Request, context: PlannerContext) -> Plan:
            self.traced = tracing_is_enabled()
            return super().plan(request, context)

    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    get_env_var.cache_clear()
    try:
        assert tracing_is_enabled()
        planner = Asking()
        make_agent(planner=planner).run("Mirror the picture.", scene)
        assert planner.traced is False
    finally:
        monkeypatch.undo()
        get_env_var.cache_clear()


def test_a_closed_agent_says_so(make_agent: Make) -> None:
    agent = make_agent()
    agent.close()
    agent.close()
    with pytest.raises(RunError, match="closed"):
        agent.run("anything")


def test_unknown_runs_are_told(make_agent: Make) -> None:
    agent = make_agent()
    for call in (agent.resume, agent.replay):
        with pytest.raises(RunNotFound, match="nowhere"):
            call("nowhere")

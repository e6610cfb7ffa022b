"""Runs requests in forked processes, kills them with SIGKILL at given moments, resumes them, and tells what happened.

A script of its own: it imports once, and forks before any thread exists, so that a trial costs no imports. One JSON
line per trial goes to stdout. Executions are counted by a file to which the tools themselves append.

    python kill_trials.py FOLDER LINE:DELAY…    kill DELAY seconds after the run has written LINE lines to that file
"""

import asyncio
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiosqlite  # noqa: F401  imported before the fork, so that no trial pays for it
import langgraph.checkpoint.sqlite.aio  # noqa: F401  the same
import numpy as np

import panmodal.agent.engine
import panmodal.agent.reporting  # noqa: F401  the same
from panmodal import Agent
from panmodal.agent.events import AnswerReady, Event, StepFinished
from panmodal.agent.home import Home
from panmodal.agent.journal import SETTLED, Journal
from panmodal.planners.base import PlannerContext, Request
from panmodal.planners.plan import Plan, Step
from panmodal.tools.card import Card
from panmodal.tools.contract import tool
from panmodal.tools.media.image import Image
from panmodal.tools.registry import default_registry

PAUSE_SECONDS = 0.04
LOG = Path(sys.argv[1]) / "log"  # the trial at hand puts its own file here


def log(name: str) -> None:
    """One execution, counted where neither the journal nor the executor has a say."""
    handle = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(handle, f"{name}\n".encode())
    os.close(handle)


@tool
def note(name: str, after: Sequence[str] = ()) -> str:
    """On a worker thread."""
    log(name)
    time.sleep(PAUSE_SECONDS)
    return f"{name}({', '.join(after)})"


@tool
async def wait(name: str, after: Sequence[str] = ()) -> str:
    """On the event loop, without holding it up."""
    log(name)
    await asyncio.sleep(PAUSE_SECONDS)
    return f"{name}({', '.join(after)})"


@tool
def paint(name: str, after: Sequence[str] = ()) -> Image:
    """An artifact, which the store writes before the step counts."""
    log(name)
    time.sleep(PAUSE_SECONDS)
    return Image.from_array(np.full((40, 60, 3), sum(map(ord, "".join(after))) % 256, np.uint8))


@tool(card=Card(cost="instant"))
def letters(name: str, text: str) -> list[str]:
    """Three elements."""
    log(name)
    time.sleep(PAUSE_SECONDS)
    return [f"{text}{number}" for number in range(3)]


@tool
def mark(text: str) -> str:
    """One element."""
    log(f"mark {text}")
    time.sleep(PAUSE_SECONDS)
    return text.upper()


@tool(card=Card(cost="instant"))
def gather(name: str, image: Image, words: Sequence[str]) -> str:
    """Inline on the loop."""
    log(name)
    time.sleep(PAUSE_SECONDS)
    return f"{int(image.pixels.sum())} {' '.join(words)}"


PLAN = Plan(
    steps=[
        Step(id="s1", tool="note", args={"name": "s1"}),
        Step(id="s2", tool="wait", args={"name": "s2", "after": ["$s1"]}),
        Step(id="s3", tool="paint", args={"name": "s3", "after": ["$s1"]}),
        Step(id="s4", tool="letters", args={"name": "s4", "text": "$s2"}),
        Step(id="s5", tool="mark", each="$s4", args={"text": "$item"}),
        Step(id="s6", tool="gather", args={"name": "s6", "image": "$s3", "words": "$s5"}),
    ],
    answer=["$s6", "$s3"],
)
TOOLS = [note, wait, paint, letters, mark, gather]


class SlowPlanner:
    """Plans the one plan, and takes its time."""

    name = "slow"

    def plan(self, request: Request, context: PlannerContext) -> Plan:
        log("plan")
        time.sleep(PAUSE_SECONDS)
        return PLAN.model_copy(update={"planner": self.name})

    def revise(
        self, plan: Plan, failures: Sequence[Mapping[str, Any]], request: Request, context: PlannerContext
    ) -> Plan:
        raise NotImplementedError("no step of the plan fails")


def dawdle(event: Event) -> None:
    """Marks and widens the moments around the answer, which are short, so that kills land there too."""
    if isinstance(event, StepFinished) and event.step == "s6":
        log("composing")
        time.sleep(PAUSE_SECONDS)
    elif isinstance(event, AnswerReady):
        log("answered")
        time.sleep(PAUSE_SECONDS)


def agent_of(folder: Path) -> Agent:
    profile = folder / "bare.toml"
    profile.write_text("# no models\n")
    return Agent(profile, home=folder / "home", tools=TOOLS, planner=SlowPlanner(), cwd=folder)


def first(folder: Path) -> None:
    """The run that is killed."""
    with agent_of(folder) as agent:
        agent.subscribe(dawdle)
        tell(folder, agent.run("Do the six steps."))


def again(folder: Path) -> None:
    """The run that goes on."""
    with agent_of(folder) as agent:
        tell(folder, agent.resume(run_of(folder)))


def tell(folder: Path, result: Any) -> None:
    artifacts = {name: artifact.id for name, artifact in result.artifacts.items()}
    said = {"text": result.text, "status": result.status, "artifacts": artifacts}
    part = folder / "result.part"
    part.write_text(json.dumps(said))
    part.rename(folder / "result.json")


def run_of(folder: Path) -> str:
    [run_id] = Home(folder / "home").run_ids()
    return run_id


def forked(work: Callable[[Path], None], folder: Path) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work(folder)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def finished(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def executions() -> dict[str, int]:
    lines = LOG.read_text().splitlines() if LOG.exists() else []
    return {name: lines.count(name) for name in dict.fromkeys(lines)}


def recorded(folder: Path) -> tuple[list[str], list[str]]:
    """The steps (and elements, as the tools count them) and the facts that the journal holds as finished."""
    path = Home(folder / "home").run(run_of(folder)) / "journal.sqlite"
    with Journal(path) as journal:
        steps = [step for step, record in journal.steps().items() if record.status in SETTLED]
        marks = [f"mark {item.output.lower()}" for items in journal.items().values() for item in items.values()]
        return [*steps, *marks], list(journal.meta)


def lines() -> int:
    return LOG.read_bytes().count(b"\n") if LOG.exists() else 0


def whole(folder: Path) -> dict[str, Any]:
    """A run that nobody kills."""
    begin(folder)
    if finished(forked(first, folder)):
        raise SystemExit("a run that nobody kills does not work")
    return {"result": json.loads((folder / "result.json").read_text()), "executions": executions()}


def begin(folder: Path) -> None:
    global LOG
    folder.mkdir(parents=True)
    LOG = folder / "log"


def trial(folder: Path, line: int, delay: float) -> dict[str, Any] | None:
    """Run, kill, resume: what was executed before and in all, and what was journalled. None where the run had ended."""
    begin(folder)
    child = forked(first, folder)
    while lines() < line and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        time.sleep(0.001)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    if finished(child) != -signal.SIGKILL or (folder / "result.json").exists():
        return None
    journalled, facts = recorded(folder)
    before = executions()
    code = finished(forked(again, folder))
    told = json.loads((folder / "result.json").read_text()) if not code else None
    return {
        "code": code, "result": told, "journalled": journalled, "facts": facts,
        "executed_before": before, "executions": executions(),
    }  # fmt: skip


def main() -> None:
    folder = Path(sys.argv[1])
    default_registry()  # imports the tools' modules before the forks
    print(json.dumps(whole(folder / "whole")), flush=True)
    for number, asked in enumerate(sys.argv[2:]):
        line, delay = asked.split(":")
        done = None
        for attempt in range(5):  # a trial whose run had ended does not count
            done = done or trial(folder / f"t{number}.{attempt}", int(line), float(delay) / 2**attempt)
        print(json.dumps(done), flush=True)


main()

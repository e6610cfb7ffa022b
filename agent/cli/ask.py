"""Commands that answer: run, plan, chat, resume, replay."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...tools.errors import InputError
from .output import (
    ANSWERED,
    NEEDS_APPROVAL,
    PARTIAL,
    JsonOption,
    ProfileOption,
    Progress,
    SeedOption,
    SetOption,
    ToolsOption,
    console,
    errors_as_exit_codes,
    fail,
    print_json,
)

if TYPE_CHECKING:
    from ...planners.plan import Plan
    from ...tools.contract import Tool
    from ..agent import Agent
    from ..budget import Budget
    from ..result import Result


class Via(StrEnum):
    """How a request may be answered."""

    auto = "auto"
    direct = "direct"
    tools = "tools"
    both = "both"


class Want(StrEnum):
    """Modalities that an answer may be asked to have."""

    text = "text"
    image = "image"
    audio = "audio"
    video = "video"


class Form(StrEnum):
    """How a plan is printed."""

    terminal = "terminal"
    yaml = "yaml"
    json = "json"
    mermaid = "mermaid"
    script = "script"


TextArgument = Annotated[str | None, typer.Argument(help="The request, in English or Chinese.", show_default=False)]
ImageOption = Annotated[list[Path] | None, typer.Option("--image", "-i", help="Picture to attach (repeatable).")]
FileOption = Annotated[
    list[Path] | None, typer.Option("--file", "-f", help="Any medium to attach; its kind is read from it (repeatable).")
]
ThreadOption = Annotated[str | None, typer.Option("--thread", help="Conversation to continue or begin.")]
ViaOption = Annotated[Via, typer.Option("--via", help="Let the MLLM look, let tools work, both, or decide.")]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="Folder for the results; else ./panmodal-out/RUN.", show_default=False),
]
EventsOption = Annotated[
    bool, typer.Option("--events", help="Print every event as a JSON line; the result is the last.")
]
PlannerOption = Annotated[
    str | None, typer.Option("--planner", help="Who plans: llm, search, or an installed planner.", show_default=False)
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]


def open_agent(
    profile: str | None,
    overrides: list[str] | None,
    tools: list[Path] | None,
    planner: str | None = None,
    deterministic: bool = False,
) -> Agent:
    """Return an agent of the command's options; own tools are read from their files."""
    from ..agent import Agent

    own = _own_tools(tools)
    return Agent(profile, tools=own, overrides=overrides or (), planner=planner, deterministic=deterministic)


def _own_tools(paths: list[Path] | None) -> list[Tool]:
    from ...tools.registry import load_tools_file

    return [tool for path in paths or () for tool in load_tools_file(path)]


def _budget(seconds: float | None, tokens: int | None) -> Budget | None:
    from ..budget import Budget

    return Budget(seconds=seconds, tokens=tokens) if seconds is not None or tokens is not None else None


def run(
    text: TextArgument = None,
    image: ImageOption = None,
    file: FileOption = None,
    plan_file: Annotated[
        Path | None, typer.Option("--plan", help="Run this saved plan (YAML or JSON); no LLM plans.")
    ] = None,
    thread: ThreadOption = None,
    via: ViaOption = Via.auto,
    want: Annotated[Want | None, typer.Option("--want", help="Modality that the answer must have.")] = None,
    approve: Annotated[bool, typer.Option("--approve", help="Show the plan and ask before anything runs.")] = False,
    planner: PlannerOption = None,
    profile: ProfileOption = None,
    overrides: SetOption = None,
    tools: ToolsOption = None,
    out: OutOption = None,
    seed: SeedOption = 0,
    max_seconds: Annotated[
        float | None, typer.Option("--max-seconds", help="Budget in seconds; the finished part is returned.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", help="Budget in language-model tokens.")] = None,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Byte-equal artifacts on the same machine.")
    ] = False,
    as_json: JsonOption = False,
    events: EventsOption = False,
    quiet: QuietOption = False,
) -> None:
    """Answer a request.

    Examples:

      panmodal run "How many circles are in the picture? Cut out the largest one." -i scene.png

      panmodal run "Blur the cars" -i street.png --approve

      panmodal run --plan plan.yaml -i scene.png --json
    """
    progress = Progress(quiet or events)
    with errors_as_exit_codes(as_json, lambda: progress.run_id):
        if text is None and plan_file is None:
            raise typer.BadParameter("give a request, or a plan with --plan")
        with open_agent(profile, overrides, tools, planner, deterministic) as agent:
            result = _follow(
                agent,
                text or "",
                progress,
                events=events,
                files=[*(image or ()), *(file or ())],
                plan=_read_plan(plan_file),
                thread=thread,
                via=via.value,
                want=want.value if want else None,
                approve=_ask_approval if approve and sys.stdin.isatty() else approve,
                budget=_budget(max_seconds, max_tokens),
                seed=seed,
            )
            _show(result, out, as_json, events, quiet)
    raise typer.Exit(_exit_code(result))


def plan(
    text: TextArgument = None,
    image: ImageOption = None,
    file: FileOption = None,
    plan_file: Annotated[Path | None, typer.Option("--plan", help="Check and show this saved plan instead.")] = None,
    thread: ThreadOption = None,
    via: ViaOption = Via.auto,
    planner: PlannerOption = None,
    profile: ProfileOption = None,
    overrides: SetOption = None,
    tools: ToolsOption = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the plan here, as YAML.")] = None,
    form: Annotated[Form, typer.Option("--as", help="How to print it.")] = Form.terminal,
    seed: SeedOption = 0,
) -> None:
    """Show the plan of a request without running it.

    Example: panmodal plan "Cut out the largest circle" -i scene.png --out plan.yaml
    """
    with errors_as_exit_codes():
        if text is None and plan_file is None:
            raise typer.BadParameter("give a request, or a plan with --plan")
        with open_agent(profile, overrides, tools, planner) as agent:
            made = agent.plan(
                text or "",
                files=[*(image or ()), *(file or ())],
                plan=_read_plan(plan_file),
                thread=thread,
                via=via.value,
                seed=seed,
            )
        typer.echo(_rendered(made, form.value))
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(made.to_yaml(), encoding="utf-8")
            console().print(f"wrote {out}; run it with: panmodal run --plan {out} -i PICTURE", markup=False)


def chat(
    thread: Annotated[str, typer.Option("--thread", help="Conversation to continue or begin.")] = "chat",
    profile: ProfileOption = None,
    overrides: SetOption = None,
    tools: ToolsOption = None,
    out: OutOption = None,
    quiet: QuietOption = False,
) -> None:
    """Talk in one thread; models stay loaded between requests.

    A line is a request. ``/add PATH`` attaches a medium to the next one; ``/quit`` or Ctrl-D ends.

    Example: panmodal chat --thread holiday
    """
    shown = console()
    progress = Progress(quiet)
    with errors_as_exit_codes(run_id=lambda: progress.run_id), open_agent(profile, overrides, tools) as agent:
        attached: list[Path] = []
        while (line := _next_line()) is not None:
            if line.startswith("/add "):
                attached.append(Path(line.removeprefix("/add ").strip()))
            elif line in ("/quit", "/exit"):
                break
            elif line:
                _turn(agent, line, attached, thread, progress, out)
                attached = []
    if not quiet:
        shown.print(f"thread {thread} is kept; go on with: panmodal chat --thread {thread}", markup=False)


def _turn(agent: Agent, line: str, attached: list[Path], thread: str, progress: Progress, out: Path | None) -> None:
    """Answer one line of a chat; an error is shown and the chat goes on."""
    from ...tools.errors import PanmodalError

    try:
        _show(_follow(agent, line, progress, files=attached, thread=thread), out, as_json=False)
    except PanmodalError as error:
        console().print(f"{error.code}: {error}", markup=False)


def _next_line() -> str | None:
    """Return the next line without blanks around it; None at the end of input."""
    if sys.stdin.isatty():
        typer.echo("› ", nl=False, err=True)
    line = sys.stdin.readline()
    return line.strip() if line else None


def resume(
    run_id: Annotated[str, typer.Argument(help="Id of a run that was stopped.", show_default=False)],
    approve: Annotated[bool | None, typer.Option("--approve/--reject", help="Answer to a plan that waits.")] = None,
    plan_file: Annotated[Path | None, typer.Option("--plan", help="Edited plan to go on with.")] = None,
    tools: ToolsOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
    events: EventsOption = False,
    quiet: QuietOption = False,
) -> None:
    """Go on with a run that was interrupted or waits for approval; no finished step runs again.

    Example: panmodal resume 20261121-061500-ab12cd
    """
    progress = Progress(quiet or events)
    with errors_as_exit_codes(as_json, lambda: run_id):
        from ..agent import Agent

        with Agent.of_run(run_id, tools=_own_tools(tools)) as agent:
            leave = agent.subscribe(_listener(progress, events))
            result = agent.resume(run_id, approve=_read_plan(plan_file) or approve)
            leave()
            _show(result, out, as_json, events, quiet)
    raise typer.Exit(_exit_code(result))


def replay(
    run_id: Annotated[str, typer.Argument(help="Id of a finished run.", show_default=False)],
    tools: ToolsOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make a run's results again and compare them with what it kept; exit code 1 where they differ.

    Example: panmodal replay 20261121-061500-ab12cd
    """
    with errors_as_exit_codes(as_json, lambda: None):
        from ..agent import Agent

        with Agent.of_run(run_id, tools=_own_tools(tools), deterministic=True) as agent:
            agent.subscribe(Progress(quiet))
            report = agent.replay(run_id)
        if as_json:
            print_json(report.to_dict())
        else:
            typer.echo(report.text)
    raise typer.Exit(ANSWERED if report.equal else PARTIAL)


def _follow(agent: Agent, text: str, progress: Progress, events: bool = False, **request: Any) -> Result:
    leave = agent.subscribe(_listener(progress, events))
    try:
        return agent.run(text, **request)
    finally:
        leave()


def _listener(progress: Progress, events: bool) -> Any:
    if not events:
        return progress

    def both(event: Any) -> None:
        progress(event)
        print_json(event.to_dict())

    return both


def _read_plan(path: Path | None) -> Plan | None:
    if path is None:
        return None
    from ...planners.plan import Plan

    return Plan.from_yaml(path)


def _rendered(made: Plan, form: str) -> str:
    from ...planners import render

    match form:
        case "yaml":
            return made.to_yaml().rstrip()
        case "json":
            return made.to_json(compact=False)
        case "mermaid":
            return render.to_mermaid(made)
        case "script":
            return render.to_script(made)
    return render.to_terminal(made)


def _ask_approval(made: Plan) -> bool:
    from ...planners.render import to_terminal

    console().print(to_terminal(made), markup=False)
    return typer.confirm("Run this plan?", default=True, err=True)


def _show(result: Result, out: Path | None, as_json: bool, events: bool = False, quiet: bool = False) -> None:
    """Write the named results, print the answer on stdout, and the run's facts on stderr."""
    folder = out or Path("panmodal-out") / result.run_id
    written: Sequence[Path] = ()
    refused: OSError | None = None
    try:
        written = result.save(folder) if result.artifacts else ()
    except OSError as error:  # the answer is told all the same
        refused = error
    if as_json or events:
        print_json({**result.to_dict(), "files": [str(path) for path in written]})
    else:
        typer.echo(result.text)
    if refused is not None:
        hint = f"the run is kept; write its results elsewhere with: panmodal resume {result.run_id} --out FOLDER"
        fail(InputError(f"results cannot be written to {folder}: {refused.strerror}", hint=hint))
    if quiet:
        return
    shown = console()
    for path in written:
        shown.print(f"wrote {path}", markup=False)
    seconds = result.usage.get("seconds", 0.0)
    shown.print(f"run {result.run_id}  {result.status} in {seconds:.2f} s", markup=False)
    if result.status == "waiting":
        shown.print(f"approve with: panmodal resume {result.run_id} --approve", markup=False)


def _exit_code(result: Result) -> int:
    return {"answered": ANSWERED, "waiting": NEEDS_APPROVAL}.get(result.status, PARTIAL)

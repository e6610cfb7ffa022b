"""The command that runs one plan over the files of a folder: map."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .ask import PlannerOption, QuietOption, Via, ViaOption, open_agent
from .output import (
    ANSWERED,
    INTERRUPTED,
    PARTIAL,
    JsonOption,
    ProfileOption,
    SeedOption,
    SetOption,
    ToolsOption,
    console,
    counting,
    errors_as_exit_codes,
    print_json,
)

if TYPE_CHECKING:
    from ..agent import Agent
    from ..mapping import Mapped

SUMMARY_VERSION = "panmodal.map-summary/1"
_TOLD = 10  # failures that are shown


def over_folder(
    text: Annotated[
        str | None, typer.Argument(metavar="[REQUEST]", help="The request; none with --plan.", show_default=False)
    ] = None,
    folder: Annotated[Path | None, typer.Argument(metavar="FOLDER", help="Its files.", show_default=False)] = None,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="Gets a JSON line for each file; goes on where it is there."),
    ] = Path("results.jsonl"),
    plan_file: Annotated[
        Path | None, typer.Option("--plan", help="Run this saved plan (YAML or JSON); no LLM plans.")
    ] = None,
    pattern: Annotated[str, typer.Option("--glob", help="Only files that match.")] = "**/*",
    jobs: Annotated[
        int | None, typer.Option("--jobs", help="Files worked on at once; fewer take less memory.", min=1)
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", help="Folder for what is made (pictures, sounds, …).", show_default=False)
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Run files again whose line tells of a failure.")] = False,
    via: ViaOption = Via.auto,
    planner: PlannerOption = None,
    profile: ProfileOption = None,
    overrides: SetOption = None,
    tools: ToolsOption = None,
    seed: SeedOption = 0,
    max_seconds: Annotated[float | None, typer.Option("--max-seconds", help="Budget in seconds for each file.")] = None,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Byte-equal artifacts on the same machine.")
    ] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Run one plan over the files of a folder; exit code 1 where any failed.

    The plan is made once, for the first file, and kept beside the results. Given again, the command goes on: files that
    have a line are not run again.

    Examples:

      panmodal map "How many circles are in the picture?" scenes --out results.jsonl

      panmodal map scenes --plan plan.yaml --glob "*.png" --save blurred
    """
    with errors_as_exit_codes(as_json):
        if plan_file is not None and folder is None and text is not None:
            folder, text = Path(text), None
        if folder is None or (text is None) == (plan_file is None):
            raise typer.BadParameter("give a request, or a plan with --plan, and a folder")
        from ..budget import Budget
        from ..mapping import JOBS, files_of

        files = files_of(folder, pattern)
        budget = Budget(seconds=max_seconds) if max_seconds is not None else None
        with open_agent(profile, overrides, tools, planner, deterministic) as agent:
            order: dict[str, Any] = {
                "jobs": jobs or JOBS, "out": out, "save": save, "again": again, "via": via.value, "budget": budget,
                "seed": seed,
            }  # fmt: skip
            failed = _told(agent, plan_file or text or "", files, order, as_json, quiet)
    raise typer.Exit(PARTIAL if failed else ANSWERED)


def _told(
    agent: Agent, request: str | Path, files: list[Path], order: dict[str, Any], as_json: bool, quiet: bool
) -> bool:
    """Map the files with a bar on stderr, say what came of them, and return whether any failed."""
    began = time.monotonic()
    counts: Counter[str] = Counter()
    failures: list[Mapped] = []
    try:
        with (
            nullcontext(_silent) if quiet else counting("files") as progress,
            closing(agent.map(request, files, **order)) as found,
        ):
            for number, each in enumerate(found, start=1):
                counts[each.status] += 1
                counts["earlier"] += not each.new
                if each.status in ("partial", "failed"):
                    failures.append(each)
                progress(number, len(files))
    except KeyboardInterrupt:
        console().print(f"\ninterrupted; {order['out']} is kept: give the command again to go on", markup=False)
        raise typer.Exit(INTERRUPTED) from None
    _summarise(order["out"], counts, failures, time.monotonic() - began, as_json, quiet)
    return bool(failures)


def _summarise(
    out: Path, counts: Counter[str], failures: list[Mapped], seconds: float, as_json: bool, quiet: bool
) -> None:
    told = {name: counts[name] for name in ("answered", "partial", "failed", "unfit", "earlier")}
    if as_json:
        document = {"version": SUMMARY_VERSION, "out": str(out), "files": sum(told.values()) - told["earlier"], **told}
        listed = [{"path": str(each.path), "status": each.status, "error": each.error} for each in failures]
        print_json({**document, "seconds": round(seconds, 3), "failures": listed})
    else:
        others = [f"{told[name]} {word}" for name, word in _WORDS.items() if told[name]]
        typer.echo(f"{told['answered']} answered{''.join(f', {each}' for each in others)}; results in {out}")
    if quiet:
        return
    shown = console()
    for each in failures[:_TOLD]:
        cause = f"{each.error['code']}: {each.error['message']}" if each.error else each.text
        shown.print(f"{each.status} {each.path}: {cause}", markup=False)
    if len(failures) > _TOLD:
        shown.print(f"… and {len(failures) - _TOLD} more", markup=False)
    shown.print(f"{seconds:.1f} s", markup=False)


def _silent(done: int, of: int) -> None:
    """Progress that is not shown."""


_WORDS = {
    "partial": "in part",
    "failed": "failed",
    "unfit": "of another kind left alone",
    "earlier": "of these from an earlier run",
}

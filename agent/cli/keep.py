"""Commands for what is kept: runs list, show and rm; gc."""

from __future__ import annotations

from typing import Annotated

import typer

from .output import JsonOption, console, errors_as_exit_codes, print_json, print_table

OlderOption = Annotated[
    str | None, typer.Option("--older-than", help="Only what is older: 30m, 12h, 7d.", show_default=False)
]
DryOption = Annotated[bool, typer.Option("--dry-run", help="Say what would go, remove nothing.")]


def list_runs(as_json: JsonOption = False) -> None:
    """List the kept runs, newest first.

    Example: panmodal runs list
    """
    with errors_as_exit_codes(as_json):
        from ..home import Home
        from ..keeping import list_runs as kept

        runs = kept(Home())
        if as_json:
            print_json({"version": "panmodal.runs/1", "runs": [run.to_dict() for run in runs]})
        else:
            rows = [(run.id, run.status, run.started, run.thread or "–", run.request) for run in runs]
            print_table(("run", "status", "started", "thread", "request"), rows)


def show(
    run_id: Annotated[str, typer.Argument(help="Id of a run.", show_default=False)], as_json: JsonOption = False
) -> None:
    """Show one run: request, plan with the status of each step, answer.

    Example: panmodal runs show 20261121-061500-ab12cd
    """
    with errors_as_exit_codes(as_json):
        from ..home import Home
        from ..keeping import show_run

        run = show_run(Home(), run_id)
        if as_json:
            print_json({"version": "panmodal.run/1", **run.to_dict()})
        else:
            typer.echo(run.render())


def rm(
    run_ids: Annotated[list[str], typer.Argument(help="Ids of runs to remove.", show_default=False)],
) -> None:
    """Remove runs; `panmodal gc` then frees the artifacts that only they used.

    Example: panmodal runs rm 20261121-061500-ab12cd
    """
    with errors_as_exit_codes():
        from ..home import Home
        from ..keeping import remove_runs

        for run_id in remove_runs(Home(), run_ids):
            console().print(f"removed {run_id}", markup=False)


def gc(older_than: OlderOption = None, dry_run: DryOption = False, as_json: JsonOption = False) -> None:
    """Remove artifacts that no kept run refers to.

    Example: panmodal gc --older-than 7d --dry-run
    """
    with errors_as_exit_codes(as_json):
        from ..home import Home
        from ..keeping import collect_garbage, parse_age

        swept = collect_garbage(Home(), parse_age(older_than), dry_run=dry_run)
        if as_json:
            print_json({"version": "panmodal.gc/1", **swept.to_dict()})
        else:
            verb = "would remove" if dry_run else "removed"
            typer.echo(f"{verb} {len(swept.ids)} artifacts, {swept.nbytes / 2**20:.1f} MiB; kept {swept.kept}")

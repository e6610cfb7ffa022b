"""The command that gets a profile's checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from .output import (
    ANSWERED,
    INTERRUPTED,
    PARTIAL,
    JsonOption,
    SetOption,
    console,
    errors_as_exit_codes,
    print_json,
    print_table,
    size_text,
)

if TYPE_CHECKING:
    from ...tools.loaders.fetching import Tell
    from ..pulling import Item

_STATES = {"here": "here already", "absent": "to fetch", "fetched": "fetched", "remote": "remote", "failed": "failed"}


def pull(
    profile: Annotated[
        str | None,
        typer.Argument(help="Profile name or TOML file; else ./panmodal.toml, else mini.", show_default=False),
    ] = None,
    roles: Annotated[list[str] | None, typer.Option("--role", help="Only this role (repeatable).")] = None,
    overrides: SetOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be fetched; ask nobody.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Fetch a profile's checkpoints into Panmodal's home: hub repositories and plain files.

    What is here is not fetched again; what was interrupted goes on. The first fetch records a digest that is enforced
    from then on. HF_ENDPOINT and HF_TOKEN are honoured. Exit code 1 where something could not be fetched.

    Examples:

      panmodal pull standard --dry-run

      panmodal pull standard --role detector --role segmenter
    """
    with errors_as_exit_codes(as_json):
        from ..home import Home
        from ..profiles.loading import load_profile
        from ..pulling import items_of
        from ..pulling import pull as pull_item

        home = Home()
        loaded = load_profile(profile, overrides or (), home=home)
        items = items_of(loaded, home, roles or ())
        try:
            for item in items:
                if not dry_run:
                    with _bar(item) as tell:
                        pull_item(item, tell)
                _show_error(item)
        except KeyboardInterrupt:
            console().print("\ninterrupted; what is here stays, and the same command goes on", markup=False)
            raise typer.Exit(INTERRUPTED) from None
        if as_json:
            print_json(
                {
                    "version": "panmodal.pull/1",
                    "profile": loaded.name,
                    "dry_run": dry_run,
                    "checkpoints": [item.to_dict() for item in items],
                }
            )
        else:
            _print_items(items)
    raise typer.Exit(PARTIAL if any(item.state == "failed" for item in items) else ANSWERED)


def _print_items(items: list[Item]) -> None:
    rows = [
        (_STATES[item.state], size_text(item.nbytes), ", ".join(item.roles), item.spec.checkpoint) for item in items
    ]
    print_table(("state", "size", "roles", "checkpoint"), rows)
    absent = [item for item in items if item.state == "absent"]
    if absent:
        known = [item.nbytes for item in absent if item.nbytes is not None]
        unknown = f", and {len(absent) - len(known)} of unknown size" if len(known) < len(absent) else ""
        typer.echo(f"to fetch: {size_text(sum(known))} in {len(known)}{unknown}")


def _show_error(item: Item) -> None:
    if item.error is not None:
        shown = console()
        shown.print(f"[red]✗[/] {', '.join(item.roles)}: ", end="")
        shown.print(item.error.message, markup=False)
        shown.print(f"  → {item.error.hint}", markup=False)


@contextmanager
def _bar(item: Item) -> Iterator[Tell]:
    """Show a bar on stderr while an item is fetched."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console(), transient=True) as bar:
        task = bar.add_task(item.spec.checkpoint.rpartition("/")[2], total=item.nbytes, start=item.state == "absent")
        yield lambda done, of: bar.update(task, completed=done, total=of)

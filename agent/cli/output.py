"""What the commands share: options, streams, progress from events, errors as exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from ...tools.errors import (
    Cancelled,
    CheckpointBroken,
    CheckpointMissing,
    InputError,
    MissingExtra,
    PanmodalError,
    PoolLimitTooSmall,
)
from ..events import Event, ModelEvicted, ModelLoaded, Planned, Routed, StepFinished, Warned

if TYPE_CHECKING:
    from rich.console import Console

ANSWERED, PARTIAL, BAD_INPUT, NEEDS_APPROVAL, INTERRUPTED = 0, 1, 2, 3, 130
_USER_ACTS = (InputError, CheckpointMissing, CheckpointBroken, PoolLimitTooSmall, MissingExtra)

ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", "-p", help="Profile name or TOML file; else ./panmodal.toml, else mini."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override one field, for example detector.checkpoint=my.pt (repeatable)."),
]
ToolsOption = Annotated[
    list[Path] | None, typer.Option("--tools", help="Python file whose @tool functions join the request (repeatable).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one versioned JSON document.")]


def _seed(value: int) -> int:
    if value < 0:
        raise typer.BadParameter("there are seeds from 0 on")
    return value


SeedOption = Annotated[int, typer.Option("--seed", callback=_seed, help="Seed of everything random, from 0.")]


def console() -> Console:
    """Return the console on stderr; rich is loaded when something is first shown."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def size_text(nbytes: int | None) -> str:
    """Bytes as text, ``unknown`` where they are."""
    return "unknown" if nbytes is None else f"{nbytes / 2**20:,.1f} MiB"


def print_json(document: object) -> None:
    """Write one JSON document to stdout."""
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))


def print_table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Write an aligned table to stdout; long last columns wrap in a terminal only."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    out = Console(highlight=False, markup=False)
    out.print(table) if out.is_terminal else Console(highlight=False, markup=False, width=200).print(table)


def fail(error: PanmodalError, as_json: bool = False) -> NoReturn:
    """Show a typed error and leave with its exit code."""
    if as_json:
        print_json({"version": "panmodal.error/1", "error": error.to_dict()})
    shown = console()
    shown.print(f"[bold red]{error.code}[/]: ", end="")
    shown.print(error.args[0] if error.args else str(error), markup=False)
    if error.hint:
        shown.print(f"  → {error.hint}", markup=False)
    raise typer.Exit(BAD_INPUT if isinstance(error, _USER_ACTS) else PARTIAL)


@contextmanager
def errors_as_exit_codes(as_json: bool = False, run_id: Callable[[], str | None] = lambda: None) -> Iterator[None]:
    """Turn typed errors into exit codes and an interrupt into 130 with the command that resumes."""
    try:
        yield
    except (KeyboardInterrupt, Cancelled):
        known = run_id()
        how = f"; go on with: panmodal resume {known}" if known else ""
        console().print(f"\ninterrupted{how}", markup=False)
        raise typer.Exit(INTERRUPTED) from None
    except PanmodalError as error:
        fail(error, as_json)
    except BrokenPipeError:
        raise  # whoever read stdout has gone; typer ends quietly
    except OSError as error:  # stdout may be what cannot be written, so nothing is said there
        where = f"{error.filename}: " if error.filename else ""
        fail(InputError(f"{where}{error.strerror or error}", hint="check the path, its rights and the space left"))


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on stderr for long work that reports (done, of)."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


class Progress:
    """Shows events on stderr as they come: route, plan, model loads, steps with their times."""

    def __init__(self, quiet: bool = False) -> None:
        self.run_id: str | None = None
        self._quiet = quiet
        self._console = console()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        self.run_id = event.run or self.run_id
        line = None if self._quiet else _line(event)
        if line:
            self._console.print(line)


def _line(event: Event) -> str | None:
    """Return one event as console markup; None where there is nothing worth a line."""
    match event:
        case Routed():
            return f"[bold]route[/] {event.route} [dim]({event.confidence:.0%})[/] {_escape(event.reason)}"
        case Planned():
            from ...planners.plan import Plan  # these two read YAML, which `--help` need not wait for
            from ...planners.render import to_terminal

            plan = Plan.model_validate(event.plan)
            return f"[bold]plan[/] by {_escape(event.planner)}\n{_escape(to_terminal(plan))}"
        case ModelLoaded():
            size = f"{event.nbytes / 2**20:.1f} MiB, {event.seconds:.2f} s"
            return f"  [dim]loaded {_escape(event.role)}: {size}[/]"
        case ModelEvicted():
            return f"  [dim]evicted {_escape(event.model)} ({event.nbytes / 2**20:.1f} MiB)[/]"
        case StepFinished():
            return _step_line(event)
        case Warned():
            return f"[yellow]note[/] {_escape(event.message)}"
    return None


def _step_line(event: StepFinished) -> str:
    mark = _MARKS.get(event.status, "[red]✗[/]")
    error = f"  {_escape(event.error['message'])}" if event.error else ""
    return f"  {mark} {_escape(event.step)} {_escape(event.tool)} [dim]{event.seconds:.2f} s[/]{error}"


def _escape(text: object) -> str:
    from rich.markup import escape

    return escape(str(text))


_MARKS = {"done": "[green]✓[/]", "empty": "[yellow]∅[/]", "not_run": "[dim]–[/]"}

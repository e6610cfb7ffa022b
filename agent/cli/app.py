"""The ``panmodal`` command and its groups.

Exit codes: 0 answered; 1 partial, failed, or a check fell short; 2 bad input; 3 approval or clarification needed
without a terminal; 130 interrupted. stdout carries the result only; progress and logs go to stderr.
"""

from __future__ import annotations

from typing import Annotated

import typer

from . import ask, keep, look, mapping, measure, pull, world

app = typer.Typer(
    name="panmodal",
    help="One request with any media in, one answer with any media out.",
    epilog='Example: panmodal run "How many circles are in the picture?" -i scene.png',
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich's help boxes would cost 0.4 s of every `--help`
    context_settings={"help_option_names": ["-h", "--help"]},
)
runs = typer.Typer(help="List, show and remove kept runs.", no_args_is_help=True)
bench = typer.Typer(help="Benchmarks: ratios measured in one run.", no_args_is_help=True)
evaluate = typer.Typer(help="Measure answers against exact truth.", no_args_is_help=True)


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"panmodal {version('panmodal')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """One request with any media in, one answer with any media out."""


app.command()(ask.run)
app.command()(ask.plan)
app.command(name="map")(mapping.over_folder)
app.command()(ask.chat)
app.command()(ask.resume)
app.command()(ask.replay)
app.command()(look.lineage)
app.command()(look.tools)
app.command()(look.models)
app.command()(look.doctor)
app.command()(pull.pull)
app.command()(keep.gc)
app.command()(measure.train)
app.command()(measure.matrix)

runs.command(name="list")(keep.list_runs)
runs.command()(keep.show)
runs.command()(keep.rm)
app.add_typer(runs, name="runs")

bench.command(name="steps")(measure.bench_steps)
bench.command(name="dag")(measure.bench_dag)
bench.command(name="import")(measure.bench_import)
bench.command(name="tools")(measure.bench_tools)
app.add_typer(bench, name="bench")

app.add_typer(world.app, name="world")

evaluate.command(name="mini")(measure.eval_mini)
evaluate.command(name="agent")(measure.eval_agent)
evaluate.command(name="spine")(measure.eval_spine)
app.add_typer(evaluate, name="eval")

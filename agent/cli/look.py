"""Commands that show: lineage, tools, models, doctor."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .output import (
    ANSWERED,
    PARTIAL,
    JsonOption,
    ProfileOption,
    SetOption,
    ToolsOption,
    console,
    errors_as_exit_codes,
    print_json,
    print_table,
    size_text,
)

if TYPE_CHECKING:
    from ...tools.contract import Tool


def lineage(
    artifact: Annotated[str, typer.Argument(help="Id of an artifact, or its first characters.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Print how an artifact was made, back to the files that came in.

    Example: panmodal lineage 3fa9c1
    """
    with errors_as_exit_codes(as_json):
        from ..home import Home
        from ..provenance import render_lineage
        from ..store import ArtifactStore

        store = ArtifactStore(Home().store)
        tree = store.lineage(store.find(artifact))
        if as_json:
            print_json({"version": "panmodal.lineage/1", "lineage": tree.to_dict()})
        else:
            typer.echo(render_lineage(tree))


def tools(
    name: Annotated[str | None, typer.Argument(help="Show one tool whole.", show_default=False)] = None,
    own: ToolsOption = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table of the README.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the tools: what each takes, gives and needs.

    Examples:

      panmodal tools

      panmodal tools segment
    """
    with errors_as_exit_codes(as_json):
        from ...tools.registry import default_registry, load_tools_file

        registry = default_registry().with_tools([tool for path in own or () for tool in load_tools_file(path)])
        chosen = [registry.get(name)] if name else registry.tools()
        if as_json:
            print_json(
                {"version": "panmodal.tools/1", "digest": registry.digest(), "tools": [t.describe() for t in chosen]}
            )
        elif markdown:
            typer.echo(tools_table(chosen))
        elif name:
            import yaml

            typer.echo(yaml.safe_dump(chosen[0].describe(), allow_unicode=True, sort_keys=False).rstrip())
        else:
            rows = [(tool.name, tool_line(tool), ", ".join(tool.roles) or "–", tool.doc) for tool in chosen]
            print_table(("tool", "takes → gives", "roles", "what it does"), rows)


def tools_table(tools: Sequence[Tool]) -> str:
    """Return the tools as a Markdown table: kinds taken and given, roles, and the libraries that serve these.

    The libraries are the loaders of the roles in the profiles `mini` and `standard`.
    """
    from ..home import Home
    from ..profiles.loading import load_profile

    served: dict[str, list[str]] = {}
    for profile in ("mini", "standard"):
        for role, entries in load_profile(profile, (), home=Home(), cwd=Path.cwd()).roles.items():
            served.setdefault(role, []).extend(entry.loader for entry in entries)
    lines = ["| tool | what it does | kinds | roles | libraries |", "|---|---|---|---|---|"]
    for tool in tools:
        loaders = dict.fromkeys(loader for role in tool.roles for loader in served.get(role, ()))
        cells = (f"`{tool.name}`", tool.doc, _kinds(tool), ", ".join(tool.roles), ", ".join(loaders))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _kinds(tool: Tool) -> str:
    takes = [
        f"{each.kind}{'[]' if each.many else ''}{'?' if each.optional else ''}" for each in tool.params if each.kind
    ]
    kind = tool.returns.kind
    gives = f"{kind}{'[]' if tool.returns.many else ''}" if kind else ", ".join(tool.returns.fields) or "value"
    return f"{', '.join(takes) or '–'} → {gives}"


def tool_line(tool: Tool) -> str:
    """Return what a tool takes and gives on one line: ``image, labels? → boxes``."""
    takes = ", ".join(each.name + ("?" if each.optional else "") for each in tool.params)
    gives = tool.returns
    if gives.kind:
        return f"{takes} → {gives.kind}{' (list)' if gives.many else ''}"
    return f"{takes} → {gives.python.__name__ if isinstance(gives.python, type) else gives.python}"


def models(profile: ProfileOption = None, overrides: SetOption = None, as_json: JsonOption = False) -> None:
    """Show what the profile would load for each role: loader, checkpoint, size, licence, and who said so.

    Example: panmodal models --profile mini --set detector.checkpoint=my.pt
    """
    with errors_as_exit_codes(as_json):
        from ..home import Home
        from ..profiles.inspect import describe_models
        from ..profiles.loading import load_profile

        loaded = load_profile(profile, overrides or (), home=Home())
        rows = describe_models(loaded)
        if as_json:
            print_json({"version": "panmodal.models/1", "profile": loaded.name, "models": rows})
            return
        limit = f"{loaded.pool.limit / 2**20:.0f} MiB" if loaded.pool.limit else "none"
        typer.echo(
            f"profile {loaded.name} ({loaded.origin('description')}); pool limit {limit} "
            f"({loaded.origin('pool.limit')})"
        )
        for row in rows:
            typer.echo(f"\n{row['role']}" + (f" · {row['name']}" if row["name"] else ""))
            for field, value in row["fields"].items():
                for line in _lines(field, value["value"]):
                    typer.echo(f"  {_TITLES.get(field, field):<11}{line}  [{value['origin']}]")
            typer.echo(f"  {'weights':<11}{size_text(row['bytes'])}  {row['state']}")
            if row["hint"]:
                typer.echo(f"  {'do':<11}{row['hint']}")


_TITLES = {"sources": "source", "run_here": "tried"}


def _lines(field: str, value: Any) -> list[str]:
    """A field of a row as a person reads it: a line a source, bytes with their unit."""
    match field, value:
        case "sources", _:
            return [f"{page['title']}, {page['url']}, read {page['read']}" for page in value]
        case "run_here", _:
            return ["run here" if value else "not run here"]
        case (("size" | "memory"), int()):
            return [size_text(value)]
    return [str(value)]


def doctor(profile: ProfileOption = None, overrides: SetOption = None, as_json: JsonOption = False) -> None:
    """Check this machine: libraries, devices, memory, home, and what the profile lacks. Exit code 1 where it lacks.

    Example: panmodal doctor --profile mini
    """
    with errors_as_exit_codes(as_json):
        from ..doctor import examine

        report = examine(profile, overrides or ())
    if as_json:
        print_json({"version": "panmodal.doctor/1", **report.to_dict()})
    else:
        _print_report(report)
    raise typer.Exit(PARTIAL if report.problems else ANSWERED)


def _print_report(report: Any) -> None:
    for title, facts in report.facts.items():
        typer.echo(title)
        for name, value in facts.items():
            typer.echo(f"  {name:<28}{value}")
    for problem in report.problems:
        console().print(f"[red]✗[/] {problem.what}")
        console().print(f"  → {problem.command}", markup=False)
    if not report.problems:
        console().print("[green]✓[/] nothing is missing")

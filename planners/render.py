"""A plan for human eyes: as text for a terminal, as a Mermaid diagram, as a Python script that runs it
again.
"""

from __future__ import annotations

import json
import pprint
from collections.abc import Mapping
from typing import Any

from .plan import Plan, Step
from .references import parse_reference, references_in


def to_terminal(plan: Plan, status: Mapping[str, str] | None = None) -> str:
    """One line a step in aligned columns: id, tool, arguments, and where `status` knows the step, its
    status.
    """
    known = status or {}
    rows = [(step.id, step.tool, _arguments(step), known.get(step.id, "")) for step in plan.steps]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    lines = []
    for row, step in zip(rows, plan.steps, strict=True):
        cells = [text.ljust(width) for text, width in zip(row, widths, strict=False)]
        lines.append("  ".join([*cells, row[3]]).rstrip())
        if step.note:
            lines.append(" " * (widths[0] + 2) + f"# {step.note}")
    lines.append(f"answer  {', '.join(plan.answer)}" if plan.answer else "answer  nothing")
    return "\n".join(lines)


def to_mermaid(plan: Plan) -> str:
    """A Mermaid flowchart: attachments and thread artifacts, steps, and the answer; edges carry argument
    names.
    """
    lines = ["flowchart TD"]
    sources: dict[str, str] = {}
    edges: list[str] = []

    def node_of(text: str) -> str | None:
        reference = parse_reference(text)
        if reference is None or reference.source == "item":
            return None
        if reference.source == "step":
            return f"step_{reference.name}"
        return sources.setdefault(str(reference), f"given_{len(sources)}")

    for step in plan.steps:
        literals = _literals(step)
        lines.append(f'  step_{step.id}["{_escape(f"{step.id}: {step.tool}")}{literals}"]')
        wanted = [("each", step.each), *step.args.items()]
        for name, value in wanted:
            for _, reference in references_in(value):
                if (source := node_of(str(reference))) is not None:
                    edges.append(f'  {source} -- "{_escape(name)}" --> step_{step.id}')
    reported = [node_of(text) for text in plan.answer]
    edges += [f"  {source} --> answer" for source in reported if source is not None]
    lines += [f'  {node}(["{_escape(text)}"])' for text, node in sources.items()]
    lines.append('  answer(["answer"])')
    return "\n".join(lines + list(dict.fromkeys(edges))) + "\n"


def to_script(plan: Plan, profile: str = "mini") -> str:
    """Python source that runs this very plan on the files named on its command line, without a planner."""
    request = plan.request or ""
    steps = "".join(f"        {_constructor(step)},\n" for step in plan.steps)
    doc = _docstring(f"Run a saved plan again{f': {request}' if request else ''}")
    return f"""{doc}

import sys

from panmodal import Agent
from panmodal.planners.plan import Plan, Step

PLAN = Plan(
    request={request!r},
    planner={plan.planner!r},
    steps=[
{steps}    ],
    answer={list(plan.answer)!r},
)


def main(files: list[str]) -> None:
    with Agent(profile={profile!r}) as agent:
        result = agent.run({request!r}, files=files, plan=PLAN)
    print(result.text)
    print("written:", result.save("panmodal-out"))


if __name__ == "__main__":
    main(sys.argv[1:])
"""


def _arguments(step: Step) -> str:
    parts = [f"{name}={_brief(value)}" for name, value in step.args.items()]
    return " ".join([f"each={_brief(step.each)}", *parts] if step.each is not None else parts)


def _brief(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_brief(one) for one in value)}]"
    if isinstance(value, str) and (value.startswith("$") or value.isidentifier()):
        return value
    return json.dumps(value, ensure_ascii=False)


def _literals(step: Step) -> str:
    """The arguments that no edge shows, as further lines of a Mermaid label."""
    shown = {name: value for name, value in step.args.items() if not list(references_in(value))}
    return "".join(f"<br/>{_escape(f'{name}={_brief(value)}')}" for name, value in shown.items())


def _escape(text: str) -> str:
    """Mermaid reads HTML entities inside quoted labels."""
    for sign, entity in (("&", "&amp;"), ('"', "&quot;"), ("<", "&lt;"), (">", "&gt;"), ("\n", " ")):
        text = text.replace(sign, entity)
    return text


def _constructor(step: Step) -> str:
    fields = step.model_dump(exclude_defaults=True)
    return f"Step({', '.join(f'{name}={pprint.pformat(value, width=200)}' for name, value in fields.items())})"


def _docstring(text: str) -> str:
    safe = " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"')
    return f'"""{safe}"""'

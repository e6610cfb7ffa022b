"""One spelling per plan, so that plans can be compared: ids s1, s2, …, no default arguments, no remarks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .plan import Plan, Step
from .references import rewrite

if TYPE_CHECKING:
    from ..tools.registry import Registry


def canonical(plan: Plan, registry: Registry) -> Plan:
    """`plan` with its steps in topological order, free ones by tool and arguments, renumbered in that order.

    Arguments that say what the tool's default says are dropped, as are request, planner and notes.  Two
    plans that differ only in these have equal canonical forms; equal twin steps keep the order in which
    they were written. Raises ReferenceSyntaxError for a broken reference.  Steps on a cycle, or that need
    an unknown step, come last.
    """
    waiting = [(step, set(step.needs())) for step in plan.steps]
    names: dict[str, str] = {}
    steps: list[Step] = []
    while waiting:
        ready = [pair for pair in waiting if pair[1] <= names.keys()] or waiting[:1]
        chosen = min(ready, key=lambda pair: _key(pair[0], names, registry))
        waiting.remove(chosen)
        step = chosen[0]
        new = f"s{len(steps) + 1}"
        steps.append(_renamed(step, names, registry).model_copy(update={"id": new, "note": None}))
        names[step.id] = new
    return Plan(steps=steps, answer=[str(rewrite(reference, names)) for reference in plan.answer])


def _key(step: Step, names: dict[str, str], registry: Registry) -> str:
    renamed = _renamed(step, names, registry)
    rest = renamed.model_dump(exclude={"id", "tool", "args", "note"})
    return json.dumps([step.tool, renamed.args, rest], sort_keys=True)


def _renamed(step: Step, names: dict[str, str], registry: Registry) -> Step:
    args = {name: rewrite(value, names) for name, value in sorted(step.args.items())}
    if step.tool in registry.names():
        defaults = {one.name: one.default for one in registry.get(step.tool).params if one.optional}
        args = {name: value for name, value in args.items() if not _is_default(value, name, defaults)}
    return step.model_copy(update={"args": args, "each": rewrite(step.each, names)})


def _is_default(value: Any, name: str, defaults: dict[str, Any]) -> bool:
    if name not in defaults:
        return False
    default = defaults[name]
    return bool(value == (list(default) if isinstance(default, tuple) else default))

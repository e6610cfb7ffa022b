"""A plan made ready to run: who waits for whom, which lane, and what is most urgent."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..planners.plan import Plan, Step
from ..tools.contract import Tool
from ..tools.errors import PlanError
from ..tools.registry import Registry
from .journal import ItemRecord, StepRecord
from .lanes import Lane, lane_of

# Rough relative durations, used only to order ready steps by the longest way that still hangs on them.
_WEIGHT = {"instant": 0.01, "cpu": 1.0, "model": 4.0, "remote": 8.0}


@dataclass(slots=True, eq=False)
class Node:
    """A step in execution.

    `waiting` counts the steps that it needs and that are not settled; `causes` are the steps (not only direct ones)
    that failed or were stopped, so that this one has no input;
    `urgency` is the weight of the longest chain that begins here. For a step with `each`, `items` has one place per
    element, `values` their values, and `left` counts the unfinished ones.
    """

    index: int
    step: Step
    tool: Tool
    lane: Lane
    dependants: list["Node"] = field(default_factory=list)
    waiting: int = 0
    urgency: float = 0.0
    causes: list[str] = field(default_factory=list)
    record: StepRecord | None = None
    started_at: float | None = None
    began: float = 0.0
    elements: Sequence[Any] = ()
    items: list[ItemRecord | None] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    left: int = 0
    models: list[dict[str, Any]] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


def prepare(plan: Plan, registry: Registry) -> list[Node]:
    """One node a step, in the plan's order.

    Raises `UnknownTool`, and `PlanError` for a step that needs a missing one or itself: the checker says more about
    both, and is asked first wherever a plan comes from outside.
    """
    nodes: dict[str, Node] = {}
    for index, step in enumerate(plan.steps):
        tool = registry.get(step.tool)
        nodes[step.id] = Node(index, step, tool, lane_of(tool, step.timeout))
    for node in nodes.values():
        for name in node.step.needs():
            if name not in nodes:
                raise PlanError(f"step {node.step.id} needs {name}, which is no step of the plan")
            nodes[name].dependants.append(node)
            node.waiting += 1
    for node in reversed(_in_order(nodes)):
        longest = max((each.urgency for each in node.dependants), default=0.0)
        node.urgency = _WEIGHT[node.tool.card.cost] + longest
    return list(nodes.values())


def _in_order(nodes: dict[str, Node]) -> list[Node]:
    """The nodes such that each stands behind those that it needs; raises `PlanError` where that cannot be."""
    waiting = {node.index: node.waiting for node in nodes.values()}
    order = [node for node in nodes.values() if not node.waiting]
    for node in order:  # grows while it is read
        for each in node.dependants:
            waiting[each.index] -= 1
            if not waiting[each.index]:
                order.append(each)
    if len(order) < len(nodes):
        stuck = sorted(node.step.id for node in nodes.values() if waiting[node.index])
        raise PlanError(f"the steps {', '.join(stuck)} wait for each other", hint="break the cycle")
    return order

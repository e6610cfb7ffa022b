"""The order of a plan's steps: which can run after which, and which wait for each other."""

from __future__ import annotations

from contextlib import suppress
from graphlib import CycleError, TopologicalSorter

from .plan import Plan, Step
from .references import ReferenceSyntaxError


def dependencies(plan: Plan) -> dict[str, tuple[str, ...]]:
    """For each step the ids of the plan's steps that it reads; references to no step are left out."""
    known = {step.id for step in plan.steps}
    return {step.id: tuple(name for name in _needs(step) if name in known) for step in plan.steps}


def topological(plan: Plan) -> tuple[list[str], list[str]]:
    """The step ids so that each comes after those it reads, and those of them that stand on or after a cycle.

    Free steps keep the order in which they are written; the second list also closes the first.
    """
    needs = dependencies(plan)
    missing = {name: set(reads) for name, reads in needs.items()}
    readers: dict[str, list[str]] = {name: [] for name in needs}
    for name, reads in missing.items():
        for read in reads:
            readers[read].append(name)
    order = [name for name, reads in missing.items() if not reads]
    for name in order:  # grows while it is walked
        for reader in readers[name]:
            missing[reader].discard(name)
            if not missing[reader]:
                order.append(reader)
    stuck = [name for name, reads in missing.items() if reads]
    return order + stuck, stuck


def cycles(plan: Plan) -> list[list[str]]:
    """Cycles of steps that wait for each other, one for each knot, as ids: each waits for the one after it."""
    needs = dependencies(plan)
    found: list[list[str]] = []
    while True:
        try:
            TopologicalSorter(needs).prepare()
        except CycleError as error:
            # graphlib goes from what is read to its readers.
            cycle: list[str] = list(dict.fromkeys(reversed(error.args[1])))
            found.append(cycle)
            rest = {name: reads for name, reads in needs.items() if name not in cycle}
            needs = {name: tuple(one for one in reads if one not in cycle) for name, reads in rest.items()}
        else:
            return found


def _needs(step: Step) -> tuple[str, ...]:
    """The ids of the steps that its readable references name; a broken one is the checker's to tell."""
    names: dict[str, None] = {}
    with suppress(ReferenceSyntaxError):
        for _, reference in step.references():
            if reference.source == "step":
                names[reference.name] = None
    return tuple(names)

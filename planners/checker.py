"""Checks a plan before anything runs, and reports everything that is wrong at once.

Tools exist, arguments are there and of the right kind or type, references resolve, steps form no cycle, the
profile serves every role, and the models of each step fit the pool's limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any

from ..tools.contract import Tool
from ..tools.errors import PlanError
from ..tools.registry import Registry
from ..tools.signature import Param, Return
from .literals import check_literal, check_size
from .order import cycles, topological
from .plan import Plan, Step
from .references import RESERVED, Reference, ReferenceSyntaxError, parse_reference
from .scope import Item, Scope
from .shapes import Shape, json_types, of_kind, of_return, plain_fits
from .violation import Violation, listing, near

__all__ = ["Fits", "Violation", "check", "ensure", "plan_types"]

Fits = Callable[[Sequence[str]], Violation | None]
"""Tells whether the models of some roles fit the pool together; None where they do."""


def check(
    plan: Plan,
    registry: Registry,
    *,
    attachments: Sequence[str] | None = (),
    thread: Mapping[str, str] | None = None,
    roles: Container[str] | None = None,
    fits: Fits | None = None,
) -> list[Violation]:
    """Everything that is wrong with `plan`, in the order of its steps; an empty list means that it may run.

    `attachments` are the kinds attached in the order given (None: not known yet, any may come), `thread`
    maps the thread's names to kinds, `roles` are those that the profile serves (None: not checked).
    """
    return _Check(plan, registry, attachments, thread or {}, roles, fits).violations()


def ensure(plan: Plan, registry: Registry, **surroundings: Any) -> None:
    """Raise PlanError with every violation; the arguments are those of `check`."""
    found = check(plan, registry, **surroundings)
    if found:
        told = "\n".join(f"- {violation}" for violation in found)
        faults = "fault" if len(found) == 1 else "faults"
        raise PlanError(
            f"the plan cannot run, it has {len(found)} {faults}:\n{told}",
            violations=[violation.to_dict() for violation in found],
        )


def plan_types(
    plan: Plan,
    registry: Registry,
    *,
    attachments: Sequence[str] | None = (),
    thread: Mapping[str, str] | None = None,
) -> dict[str, Return]:
    """What each step gives, as far as it can be told; steps of unknown tools or on a cycle are missing."""
    outputs = _Check(plan, registry, attachments, thread or {}, None, None).scope.outputs
    return {step: shape.to_return() for step, shape in outputs.items() if shape is not None}


class _Check:
    """One pass over one plan."""

    def __init__(
        self,
        plan: Plan,
        registry: Registry,
        attachments: Sequence[str] | None,
        thread: Mapping[str, str],
        roles: Container[str] | None,
        fits: Fits | None,
    ) -> None:
        self.plan, self.registry, self.roles, self.fits = plan, registry, roles, fits
        self.scope = Scope([step.id for step in plan.steps], attachments, thread)
        self.found: dict[int, list[Violation]] = {number: [] for number in range(len(plan.steps))}
        numbers = {step.id: number for number, step in reversed(list(enumerate(plan.steps)))}
        position = {name: place for place, name in enumerate(topological(plan)[0])}
        for number, step in sorted(enumerate(plan.steps), key=lambda pair: position[pair[1].id]):
            shape = self._step(step, f"steps[{number}]", self.found[number])
            if numbers[step.id] == number:
                self.scope.outputs[step.id] = shape

    def violations(self) -> list[Violation]:
        """Everything found: the plan as a whole, then step by step, then the answer."""
        steps = [violation for number in sorted(self.found) for violation in self.found[number]]
        return [*self._whole(), *steps, *self._answer()]

    def _whole(self) -> Iterator[Violation]:
        if not self.plan.steps:
            yield Violation("steps", "no-steps", "the plan has no steps", "write at least one step")
        places: dict[str, list[int]] = {}
        for number, step in enumerate(self.plan.steps):
            places.setdefault(step.id, []).append(number)
            if step.id in RESERVED:
                told = f"{step.id!r} cannot be a step's id, because ${step.id} means something else"
                yield Violation(f"steps[{number}].id", "reserved-id", told, f"rename it, such as s{number + 1}")
        for name, times in Counter(step.id for step in self.plan.steps).items():
            if times > 1:
                told = f"{times} steps are called {name!r}"
                yield Violation(f"steps[{places[name][1]}].id", "duplicate-id", told, "give each its own id")
        for cycle in cycles(self.plan):
            told = f"steps wait for each other: {' → '.join([*cycle, cycle[0]])}"
            yield Violation(f"steps[{places[cycle[0]][0]}]", "cycle", told, "let one of them read something else")

    def _answer(self) -> Iterator[Violation]:
        if not self.plan.answer:
            last = self.plan.steps[-1].id if self.plan.steps else "s1"
            yield Violation("answer", "empty-answer", "the answer reports nothing", f'write "answer": ["${last}"]')
        for number, text in enumerate(self.plan.answer):
            path = f"answer[{number}]"
            if not text.startswith("$") or text.startswith("$$"):
                yield Violation(path, "not-a-reference", f"{text!r} is no reference", self._known_steps(text))
                continue
            found: list[Violation] = []
            self._shape_of(text, path, None, found)
            yield from found

    def _step(self, step: Step, path: str, found: list[Violation]) -> Shape | None:
        """The shape of the step's output; what is wrong goes into `found`."""
        item = Item(self._each(step, path, found)) if step.each is not None else None
        found.extend(check_size({"args": step.args, "seed": step.seed}, path))
        if step.tool not in self.registry:
            names = self.registry.names()
            hint = near(step.tool, names, listing("tools", names))
            found.append(Violation(f"{path}.tool", "unknown-tool", f"there is no tool {step.tool!r}", hint))
            for name, value in step.args.items():
                self._references_only(value, f"{path}.args.{name}", item, found)
            return None
        tool = self.registry.get(step.tool)
        self._arguments(step, tool, path, item, found)
        self._models(tool, path, found)
        shape = of_return(tool.returns)
        return shape.listed() if step.each is not None else shape

    def _each(self, step: Step, path: str, found: list[Violation]) -> Shape | None:
        """The shape of `$item`, or None where it cannot be told."""
        if isinstance(step.each, list):
            shapes = [self._shape_of(one, f"{path}.each[{n}]", None, found) for n, one in enumerate(step.each)]
            known = [shape for shape in shapes if shape is not None]
            rows = tuple(shape.item for shape in known if shape.item is not None)
            if rows and len(rows) == len(shapes):
                return Shape(row=rows)
            if len({str(shape) for shape in known}) > 1:
                told = f"the elements are of different kinds: {', '.join(map(str, known))}"
                found.append(Violation(f"{path}.each", "mixed-kinds", told, "list references to one kind"))
            return known[0] if known else None
        collection = self._shape_of(step.each, f"{path}.each", None, found)
        if collection is None:
            return None
        if collection.elements is None:
            told = f"{step.each} gives {collection}, which is no collection"
            hint = f"leave out each, or write [{step.each}]" if collection.kind else "leave out each"
            found.append(Violation(f"{path}.each", "not-a-collection", told, hint))
        return collection.elements

    def _arguments(self, step: Step, tool: Tool, path: str, item: Item | None, found: list[Violation]) -> None:
        params = {param.name: param for param in tool.params}
        for name, value in step.args.items():
            here = f"{path}.args.{name}"
            if name not in params:
                hint = near(name, params, listing("arguments", params))
                told = f"{tool.name} takes no argument {name!r}"
                found.append(Violation(here, "unknown-argument", told, hint))
                self._references_only(value, here, item, found)
            elif params[name].kind is not None:
                self._artifact(value, params[name], here, item, found)
            else:
                self._plain(value, params[name], here, item, found)
        for param in tool.params:
            if not param.optional and param.name not in step.args:
                told = f"{tool.name} needs the argument {param.name} ({_wanted(param)})"
                hint = self.scope.suggest(param.kind, param.many) if param.kind else ""
                found.append(Violation(f"{path}.args.{param.name}", "missing-argument", told, hint))

    def _artifact(self, value: Any, param: Param, path: str, item: Item | None, found: list[Violation]) -> None:
        """An argument that takes an artifact, or a list of them."""
        if value is None and param.optional and param.default is None:
            return
        if isinstance(value, list) and param.many:
            for number, one in enumerate(value):
                single = _single(param)
                self._artifact(one, single, f"{path}[{number}]", item, found)
            return
        if not isinstance(value, str) or not value.startswith("$") or value.startswith("$$"):
            if param.literal and isinstance(value, str):
                return
            told = f"{param.name} takes {_wanted(param)}, given as a reference"
            found.append(Violation(path, "not-a-reference", told, self.scope.suggest(param.kind, param.many)))
            return
        given = self._shape_of(value, path, item, found)
        wanted = of_kind(param.kind or "")
        if given is None or str(given) == str(wanted.listed() if param.many else wanted):
            return
        told = f"{value} gives {given}, but {param.name} takes {_wanted(param)}"
        if not param.many and given.item is not None and given.item.kind == param.kind:
            hint = f'write "each": "{value}" and "{param.name}": "$item", or take one: {value}[0]'
        elif param.many and given.kind == param.kind:
            hint = f'write a list: ["{value}"]'
        else:
            hint = self.scope.suggest(param.kind, param.many)
        found.append(Violation(path, "wrong-kind", told, hint))

    def _plain(self, value: Any, param: Param, path: str, item: Item | None, found: list[Violation]) -> None:
        """An argument that takes a plain value: a literal, a reference, or a list of either."""
        if value is None and param.optional and param.default is None:
            return
        self._plain_references(value, param.schema, path, item, found)
        try:
            found.extend(check_literal(value, param.schema, path))
        except ReferenceSyntaxError:
            return  # told already with its own path

    def _plain_references(
        self,
        value: Any,
        schema: Mapping[str, Any],
        path: str,
        item: Item | None,
        found: list[Violation],
    ) -> None:
        if isinstance(value, list):
            for number, one in enumerate(value):
                self._plain_references(one, schema.get("items", {}), f"{path}[{number}]", item, found)
        elif isinstance(value, str) and value.startswith("$") and not value.startswith("$$"):
            given = self._shape_of(value, path, item, found)
            if given is not None and json_types(schema) and (given.kind is not None or not plain_fits(given, schema)):
                told = f"{value} gives {given}, but {Shape(schema=schema)} is asked"
                fields = [f"{value}.{name}" for name, one in given.known_fields().items() if plain_fits(one, schema)]
                found.append(Violation(path, "wrong-type", told, listing("fields that fit", fields) if fields else ""))

    def _references_only(self, value: Any, path: str, item: Item | None, found: list[Violation]) -> None:
        """References of an argument that no parameter types: they must resolve all the same."""
        self._plain_references(value, {}, path, item, found)

    def _shape_of(self, text: str | None, path: str, item: Item | None, found: list[Violation]) -> Shape | None:
        """The shape of what a reference names; None, with the reason in `found`, where it names nothing."""
        try:
            reference: Reference | None = parse_reference(text)
        except ReferenceSyntaxError as error:
            found.append(Violation(path, "bad-reference", str(error)))
            return None
        if reference is None:
            told = f"{text!r} is no reference"
            found.append(Violation(path, "not-a-reference", told, self._known_steps(text or "")))
            return None
        shape = self.scope.shape_of(reference, item)
        if isinstance(shape, Violation):
            found.append(Violation(path, shape.code, shape.message, shape.hint))
            return None
        return shape

    def _models(self, tool: Tool, path: str, found: list[Violation]) -> None:
        served = self.roles
        missing = [role for role in tool.roles if served is not None and role not in served]
        for role in missing:
            told = f"{tool.name} needs the role {role}, which the profile does not serve"
            hint = f"serve {role} in the profile, or plan without {tool.name}"
            found.append(Violation(f"{path}.tool", "role-not-served", told, hint))
        if tool.roles and not missing and self.fits is not None and (fault := self.fits(tool.roles)) is not None:
            found.append(Violation(f"{path}.tool", fault.code, fault.message, fault.hint))

    def _known_steps(self, text: str) -> str:
        known = [f"${step.id}" for step in self.plan.steps]
        return near(f"${text}", known, listing("steps", known))


def _single(param: Param) -> Param:
    return Param(param.name, param.kind, False, False, None, {})


def _wanted(param: Param) -> str:
    if param.kind is not None:
        return f"a list of {param.kind}" if param.many else param.kind
    return str(Shape(schema=param.schema))

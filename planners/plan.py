"""The plan: a DAG of tool calls as data, to be written, read, edited, saved and run again without an LLM.

Reading a plan checks its shape (`PlanError` tells every fault with its path); whether its tools, references
and kinds hold is the checker's work, because that needs the registry and the attachments.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..tools.errors import MissingFile, PlanError
from .references import Reference, references_in
from .violation import Violation, near

VERSION: Literal[1] = 1
_TOO_DEEP = "it is nested too deep to be a plan"


class Step(BaseModel):
    """One tool call.

    `args` holds literals, lists and references (references.py).  `each` names a collection, or lists
    references: the step then runs once per element, `$item` stands for the element and the output is the
    list in the same order. `on_error` says what a failed element of an `each` step does to the others
    (one that had nothing to work on, because nothing was found, is left out in any case);
    `timeout` is in seconds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=64)
    tool: str = Field(min_length=1)
    args: dict[str, Any] = Field(default_factory=dict)
    each: str | list[str] | None = None
    on_error: Literal["fail", "keep"] = "fail"
    note: str | None = None
    timeout: float | None = Field(default=None, gt=0)
    seed: int | None = Field(default=None, ge=0)

    def references(self) -> Iterator[tuple[str, Reference]]:
        """Each reference with its path in the step ("args.boxes", "each"); raises ReferenceSyntaxError."""
        yield from references_in(self.each, "each")
        for name, value in self.args.items():
            yield from references_in(value, f"args.{name}")

    def needs(self) -> tuple[str, ...]:
        """The ids of the steps whose outputs this step reads, each once, in the order written."""
        return tuple(dict.fromkeys(ref.name for _, ref in self.references() if ref.source == "step"))


class Plan(BaseModel):
    """A whole plan.  `planner` says who made it; `answer` lists the references that the answer reports."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = VERSION
    request: str | None = None
    planner: str | None = None
    steps: list[Step] = Field(default_factory=list)
    answer: list[str] = Field(default_factory=list)

    def step(self, step_id: str) -> Step:
        """The step of that id; raises KeyError."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)

    def to_data(self) -> dict[str, Any]:
        """Plain JSON data without the fields that hold their default; the version is always there."""
        data = self.model_dump(exclude_defaults=True)
        steps = [{"id": one.id, "tool": one.tool, "args": one.args} | _others(one) for one in self.steps]
        head = {"version": self.version} | {k: v for k, v in data.items() if k in ("request", "planner")}
        return head | {"steps": steps, "answer": list(self.answer)}

    def to_json(self, compact: bool = True) -> str:
        """JSON text; compact is the form without white space that local planners write."""
        if compact:
            return json.dumps(self.to_data(), ensure_ascii=False, separators=(",", ":"))
        return json.dumps(self.to_data(), ensure_ascii=False, indent=2)

    def to_yaml(self) -> str:
        """YAML text, made to be read and edited."""
        return yaml.dump(self.to_data(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)

    @classmethod
    def from_data(cls, data: object) -> Plan:
        """The plan that plain data describes; raises PlanError with every fault of its shape."""
        if not isinstance(data, Mapping):
            told = f"a plan is an object with version, steps and answer, this is a {type(data).__name__}"
            hint = 'write {"version": 1, "steps": […], "answer": […]}'
            raise _unreadable([Violation("", "not-a-plan", told, hint)])
        try:
            json.dumps(data, allow_nan=False)  # YAML and programs know values that JSON, the form of plans, does not
        except (TypeError, ValueError, RecursionError) as error:
            told = _TOO_DEEP if isinstance(error, RecursionError) else f"a value is no JSON: {error}"
            hint = "write texts, finite numbers, true, false, null, lists and objects"
            raise _unreadable([Violation("", "not-json", told, hint)]) from None
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise _unreadable([_violation(fault) for fault in error.errors()]) from None

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """The plan that JSON text holds; raises PlanError."""
        try:
            data = json.loads(text)
        except ValueError as error:
            raise _unreadable([Violation("", "not-json", f"this is not JSON: {error}")]) from None
        except RecursionError:
            raise _unreadable([Violation("", "not-json", _TOO_DEEP)]) from None
        return cls.from_data(data)

    @classmethod
    def from_yaml(cls, source: str | Path) -> Plan:
        """The plan of YAML (or JSON) text, or of the file at a Path; raises PlanError or MissingFile."""
        if isinstance(source, Path):
            if not source.is_file():
                raise MissingFile(f"there is no plan file {source}", hint="give the path of a saved plan")
            try:
                source = source.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise _unreadable([Violation("", "not-yaml", f"{source} is no text: {error}")]) from None
        try:
            data = yaml.safe_load(source)
        except yaml.YAMLError as error:
            raise _unreadable([Violation("", "not-yaml", f"this is not YAML: {error}")]) from None
        except RecursionError:
            raise _unreadable([Violation("", "not-yaml", _TOO_DEEP)]) from None
        return cls.from_data(data)


class _Dumper(yaml.SafeDumper):
    """Writes short lists on one line, which keeps a step's arguments readable."""


def _list(dumper: _Dumper, data: list[Any]) -> yaml.Node:
    flow = all(not isinstance(value, dict | list) for value in data)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=flow)


_Dumper.add_representer(list, _list)


def _others(step: Step) -> dict[str, Any]:
    """The step's other fields, where they differ from their default."""
    return step.model_dump(exclude_defaults=True, exclude={"id", "tool", "args"})


def _unreadable(violations: list[Violation]) -> PlanError:
    told = "; ".join(str(violation) for violation in violations)
    return PlanError(f"the plan cannot be read: {told}", violations=[one.to_dict() for one in violations])


def _violation(fault: Mapping[str, Any]) -> Violation:
    """A pydantic fault in the checker's words."""
    path = ""
    for part in fault["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    kind = fault["type"]
    if path == "version":
        told = f"plan version {fault['input']!r} is not known"
        return Violation(path, "unknown-version", told, f"this release reads version {VERSION}")
    if kind == "missing":
        return Violation(path, "missing", "this field is missing")
    if kind == "extra_forbidden":
        fields = Step.model_fields if path.startswith("steps[") else Plan.model_fields
        return Violation(path, "unknown-field", "there is no such field", near(str(fault["loc"][-1]), fields))
    return Violation(path, "wrong-shape", str(fault["msg"]))

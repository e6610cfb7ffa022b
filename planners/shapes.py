"""What a value of a plan is before it exists: its kind, the lists around it, its fields; and what accepts
what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_args, get_origin

from pydantic import TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from ..tools.media.artifact import Artifact
from ..tools.media.kinds import KINDS
from ..tools.signature import Return


@dataclass(frozen=True, slots=True)
class Shape:
    """The type of a value: a list of `item`s, a `row` of several, an artifact of `kind`, or a plain value.

    A plain value whose schema says nothing fits everywhere, because nothing can be said against it.
    """

    kind: str | None = None
    item: Shape | None = None
    schema: Mapping[str, Any] | None = None
    python: Any = Any
    fields: Mapping[str, Shape] | None = None
    row: tuple[Shape, ...] = ()

    def __str__(self) -> str:
        if self.row:
            return f"row of {', '.join(map(str, self.row))}"
        if self.item is not None:
            return f"list of {self.item}"
        if self.kind is not None:
            return self.kind
        names = sorted(json_types(self.schema or {}))
        return " or ".join(names) if names else "value"

    @property
    def elements(self) -> Shape | None:
        """What `[n]` or `each` gives: a list's item; for boxes or masks the same kind; None for no
        collection.
        """
        if self.item is not None:
            return self.item
        if self.kind is not None and hasattr(KINDS.get(self.kind), "take"):
            return self
        return None

    def at(self, index: int) -> Shape | None:
        """What `[index]` gives, or None where there is no such element."""
        if self.row:
            return self.row[index] if index < len(self.row) else None
        return self.elements

    def field(self, name: str) -> Shape | None:
        """What `.name` gives, or None where there is no such field."""
        return self.known_fields().get(name)

    def known_fields(self) -> Mapping[str, Shape]:
        """Every field that a plan may read."""
        if self.item is not None:
            return {}
        if self.fields:
            return self.fields
        return _facts(self.kind) if self.kind is not None else {}

    def listed(self) -> Shape:
        """A list of this."""
        return Shape(item=self, python=list[self.python])  # type: ignore[name-defined]

    def to_return(self) -> Return:
        """The same in the tool contract's words; inside nested lists the innermost kind counts."""
        inner, many = self, False
        while inner.item is not None:
            inner, many = inner.item, True
        fields = {name: shape.to_return() for name, shape in self.known_fields().items()}
        return Return(inner.kind, many, self.python, dict(_schema(self)), fields)


def of_return(returns: Return) -> Shape:
    """The shape of a tool's declared output."""
    fields = {name: of_return(one) for name, one in returns.fields.items()}
    if returns.kind is not None:
        one = of_kind(returns.kind, fields)
        return one.listed() if returns.many else one
    return _plain(returns.python, returns.schema, fields)


def of_kind(kind: str, fields: Mapping[str, Shape] | None = None) -> Shape:
    """The shape of one artifact."""
    return Shape(kind=kind, python=KINDS.get(kind, Artifact), fields=fields)


def json_types(schema: Mapping[str, Any]) -> set[str]:
    """The JSON types that a schema allows; empty where it does not say."""
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        each = [json_types(option) for option in options]
        return set().union(*each) if all(each) else set()
    declared = schema.get("type")
    if isinstance(declared, str):
        return {declared}
    if isinstance(declared, list):
        return set(declared)
    return {_json_type(value) for value in schema.get("enum", [schema["const"]] if "const" in schema else [])}


def plain_fits(given: Shape, wanted: Mapping[str, Any]) -> bool:
    """Whether a plain value of shape `given` may stand where schema `wanted` is asked.

    Value ranges and enums are left to the run: they depend on the value.
    """
    return _schema_fits(_schema(given), wanted)


def _schema_fits(given: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    have, ask = json_types(given), json_types(wanted)
    if not have or not ask:
        return True
    if not have <= (ask | {"integer"} if "number" in ask else ask):
        return False
    if have == {"array"} and "items" in given:
        options = [wanted, *wanted.get("anyOf", ())]
        items = [option["items"] for option in options if "items" in option]
        return not items or any(_schema_fits(given["items"], item) for item in items)
    return True


def _schema(shape: Shape) -> Mapping[str, Any]:
    if shape.item is not None:
        return {"type": "array", "items": _schema(shape.item)}
    if shape.kind is not None:
        return {"type": "string", "pattern": r"^\$", "description": f"reference to {shape.kind}"}
    return shape.schema or {}


def _json_type(value: object) -> str:
    names = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
    return names.get(type(value), "array" if isinstance(value, list) else "object")


def _plain(python: Any, schema: Mapping[str, Any], fields: Mapping[str, Shape] | None = None) -> Shape:
    arguments = get_args(python)
    if get_origin(python) in (list, tuple, Sequence) and arguments:
        inner = _plain(arguments[0], schema.get("items", {}))
        return Shape(item=inner, python=python)
    return Shape(schema=schema, python=python, fields=fields)


@lru_cache(maxsize=64)
def _facts(kind: str) -> Mapping[str, Shape]:
    """The facts that an artifact's handle states, as fields; its identity is no fact."""
    known = KINDS.get(kind)
    if known is None:
        return {}
    own = {name: info for name, info in known.model_fields.items() if name not in Artifact.model_fields}
    shapes = {}
    for name, info in own.items():
        hint: Any = info.annotation
        try:
            shapes[name] = _plain(hint, TypeAdapter(hint).json_schema())
        except (PydanticSchemaGenerationError, PydanticUserError):
            shapes[name] = Shape(python=hint)
    return shapes

"""The JSON schema of plans over a registry's tools, for structured output and for editors.

A schema says what a plan looks like and which tools and arguments there are; that references resolve and
kinds fit is more than JSON schema can say, and is left to the grammar of a request (backends/constraint.py)
and to the checker.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..tools.contract import Tool
from ..tools.registry import Registry
from ..tools.signature import Param
from .plan import VERSION

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = {"type": "string", "pattern": r"^\$[A-Za-z_]"}
_ID = {"type": "string", "pattern": r"^[A-Za-z_][A-Za-z0-9_]*$"}
_STRICT_KEYS = frozenset({"type", "enum", "const", "anyOf", "items", "description", "pattern", "$ref"})
"""What strict structured output understands of an argument's schema; the rest is left to the checker."""


def plan_schema(registry: Registry, *, strict: bool = False) -> dict[str, Any]:
    """The schema of plans that use the registry's tools: one variant of a step for each tool.

    Draft 2020-12, no additional properties anywhere.  `strict` gives the flavour in which every property is
    required and an optional one may be null instead (OpenAI's strict structured output); `without_nulls`
    turns what such an endpoint writes back into a plan.
    """
    defs: dict[str, Any] = {"reference": _REFERENCE}
    variants = [_step(tool, strict, defs) for tool in registry.tools()]
    steps: dict[str, Any] = {"type": "array", "items": {"anyOf": variants}}
    answer: dict[str, Any] = {"type": "array", "items": {"$ref": "#/$defs/reference"}}
    if not strict:
        steps["minItems"] = answer["minItems"] = 1
    properties = {
        "version": {"type": "integer", "const": VERSION},
        "steps": steps,
        "answer": answer | {"description": "references to what the answer reports"},
    }
    head = {} if strict else {"$schema": _DIALECT, "title": "Plan"}
    return head | _object(properties, set(properties), strict) | {"$defs": defs}


def without_nulls(data: Any) -> Any:
    """Plain data without the keys whose value is null, which is how strict output says "left out"."""
    if isinstance(data, Mapping):
        return {key: without_nulls(value) for key, value in data.items() if value is not None}
    return [without_nulls(value) for value in data] if isinstance(data, list) else data


def _step(tool: Tool, strict: bool, defs: dict[str, Any]) -> dict[str, Any]:
    reference = {"$ref": "#/$defs/reference"}
    arguments = {param.name: _argument(param, strict, f"{tool.name}.{param.name}.", defs) for param in tool.params}
    required = {param.name for param in tool.params if not param.optional}
    properties: dict[str, Any] = {
        "id": _ID,
        "tool": {"type": "string", "const": tool.name},
        "args": _object(arguments, required, strict),
        "each": {"anyOf": [reference, {"type": "array", "items": reference}]},
    }
    step = _object(properties, {"id", "tool", "args"}, strict)
    return step if strict else {"description": tool.doc} | step


def _argument(param: Param, strict: bool, prefix: str, defs: dict[str, Any]) -> dict[str, Any]:
    """What a plan may write for one argument: references for artifacts, a literal or a reference for the
    rest.
    """
    reference = {"$ref": "#/$defs/reference"}
    if not param.literal:
        what = f"references to {param.kind}" if param.many else f"reference to {param.kind}"
        several = {"anyOf": [reference, {"type": "array", "items": reference}]}
        described = several if param.many else {"anyOf": [reference]}
        return described | {"description": f"{param.doc} ({what})" if param.doc else what}
    own = {key: value for key, value in param.schema.items() if key not in ("title", "$defs")}
    if "$defs" in param.schema:
        defs |= {prefix + name: _moved(one, prefix) for name, one in param.schema["$defs"].items()}
        own = _moved(own, prefix)
    schema = _strict(own) if strict else own
    note = {key: schema.pop(key) for key in ("description", "default") if key in schema}
    free = schema.get("type") == "string" and not schema.keys() & {"enum", "const"}
    if free or not schema:  # a reference is a string as well, and where everything goes it does too
        return schema | note
    return {"anyOf": [*schema.pop("anyOf", [schema]), reference]} | note


def _moved(schema: Any, prefix: str) -> Any:
    """A schema whose definitions stand under their tool's and argument's name, so that two tools' never
    mix.
    """
    if isinstance(schema, list):
        return [_moved(one, prefix) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    moved = {key: _moved(value, prefix) for key, value in schema.items()}
    if isinstance(moved.get("$ref"), str):
        moved["$ref"] = moved["$ref"].replace("#/$defs/", f"#/$defs/{prefix}")
    return moved


def _strict(schema: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in schema.items() if key in _STRICT_KEYS}
    if isinstance(kept.get("items"), Mapping):
        kept["items"] = _strict(kept["items"])
    if isinstance(kept.get("anyOf"), list):
        kept["anyOf"] = [_strict(option) for option in kept["anyOf"]]
    return kept


def _object(properties: dict[str, Any], required: set[str], strict: bool) -> dict[str, Any]:
    listed = dict(properties)
    if strict:
        for name in properties.keys() - required:
            listed[name] = _nullable(properties[name])
    return {
        "type": "object",
        "properties": listed,
        "required": [name for name in properties if strict or name in required],
        "additionalProperties": False,
    }


def _nullable(schema: Mapping[str, Any]) -> dict[str, Any]:
    rest = dict(schema)
    described = {"description": rest.pop("description")} if "description" in rest else {}
    rest.pop("default", None)
    return {"anyOf": [*rest.pop("anyOf", [rest]), {"type": "null"}]} | described

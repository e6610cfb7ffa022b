"""Checks the literals of a plan against the JSON schema of their argument, in words that help."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .references import literal, parse_reference
from .violation import Violation, near

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}

_BOUNDS: Mapping[str, tuple[Callable[[float, float], bool], str]] = {
    "minimum": (operator.lt, "at least"),
    "maximum": (operator.gt, "at most"),
    "exclusiveMinimum": (operator.le, "more than"),
    "exclusiveMaximum": (operator.ge, "less than"),
}


def check_literal(value: Any, schema: Mapping[str, Any], path: str) -> Iterator[Violation]:
    """What is wrong with `value` under `schema`; references inside lists are left to the checker.

    Knows types, enums, ranges, lists and alternatives.  What else a schema says (formats, objects) is left
    to the tool's own validation when the step runs.
    """
    if parse_reference(value) is not None:
        return
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        tries = [list(check_literal(value, option, path)) for option in options]
        if all(tries):
            yield from min(tries, key=len)
        return
    allowed = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if allowed is not None:
        if _plain(value) not in allowed:
            yield _not_one_of(value, allowed, path)
        return
    declared = schema.get("type")
    if declared is not None and not _is(value, declared):
        yield Violation(path, "wrong-value", f"{_show(value)} is no {_words(declared)}", _hint(value, declared))
        return
    yield from _bounds(value, schema, path)
    if isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        for number, element in enumerate(value):
            yield from check_literal(element, schema["items"], f"{path}[{number}]")


def check_size(value: Any, path: str) -> Iterator[Violation]:
    """Whole numbers in `value` of more than 64 bits: no tool takes one, and no journal keeps it."""
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        yield Violation(path, "wrong-value", f"{_show(value)} is out of range", "write a number of at most 64 bits")
    elif isinstance(value, Mapping):
        for name, one in value.items():
            yield from check_size(one, f"{path}.{name}")
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from check_size(one, f"{path}[{number}]")


def _is(value: Any, declared: str | list[str]) -> bool:
    names = [declared] if isinstance(declared, str) else declared
    if isinstance(value, bool):  # bool is an int in Python, but true is no number in a plan
        return "boolean" in names
    return any(isinstance(value, _TYPES.get(name, (object,))) for name in names)


def _bounds(value: Any, schema: Mapping[str, Any], path: str) -> Iterator[Violation]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    for key, (outside, told) in _BOUNDS.items():
        if key in schema and outside(value, schema[key]):
            yield Violation(path, "wrong-value", f"{value} is out of range", f"write {told} {schema[key]}")


def _not_one_of(value: Any, allowed: list[Any], path: str) -> Violation:
    words = [str(one) for one in allowed]
    return Violation(path, "wrong-value", f"{_show(value)} is none of {', '.join(words)}", near(str(value), words))


def _hint(value: Any, declared: str | list[str]) -> str:
    if declared == "array" and not isinstance(value, dict):
        return f"write a list: [{_show(value)}]"
    return ""


def _plain(value: Any) -> Any:
    return literal(value) if isinstance(value, str) else value


def _show(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _words(declared: str | list[str]) -> str:
    return declared if isinstance(declared, str) else " or ".join(declared)

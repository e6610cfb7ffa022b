"""The grammar of the next piece of a plan, from what exists at that moment.

A plan is written in pieces: one per step, each ending with `,` (another step follows) or `],"answer":["`, then one per
answer reference, ending with `","` or `"]}`. For every piece a new grammar is made, so that a reference is offered only
where a value of that kind exists, a tool only while each of its required arguments has a legal value, an enum by its
values, and free strings as spans of the request. What is written under it parses and type-checks by construction.
Grammars are in llguidance's Lark dialect, one terminal per piece (a regular language, so no lexing doubts).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...tools.contract import Tool
from ...tools.signature import Param
from ..shapes import Shape
from .numbers import number_pattern

NEXT, DONE = ",", '],"answer":["'
MORE, END_OF_PLAN = '","', '"]}'
QUOTE = '"'
HEAD = '{"version":1,"steps":['


@dataclass(frozen=True)
class Value:
    """Something that a reference can name now."""

    reference: str
    shape: Shape
    divisible: bool = True  # whether `each` may run over it


@dataclass(frozen=True)
class Spans:
    """Lark expressions of the request's spans: `labels` is the inside of a list of strings, `text` a free string.

    None where the request has no such span.
    """

    labels: str | None
    text: str | None
    definitions: str = ""  # Lark lines that the two expressions need
    pad: str = ""  # what a string from a closed set begins with


def quoted(text: str) -> str:
    """A Lark literal."""
    return json.dumps(text, ensure_ascii=False)


def one_of(expressions: Iterable[str]) -> str | None:
    """An alternative of Lark expressions, or None for none."""
    options = list(dict.fromkeys(expressions))
    return f"({' | '.join(options)})" if options else None


def step_grammar(
    number: int, tools: Sequence[Tool], values: Sequence[Value], spans: Spans, done: Sequence[str] = (), *, last: bool
) -> str | None:
    """The grammar of step `number` (from 1) and of what ends it; None where no tool can take anything at hand.

    `done` holds calls that are not to be written again (from the tool's name on); `last` forbids a further step.
    """
    calls = one_of(call for tool in tools for call in _calls(tool, values, spans))
    if calls is None:
        return None
    ending = quoted(DONE) if last else f"({quoted(NEXT)} | {quoted(DONE)})"
    opening = quoted(f'{HEAD if number == 1 else ""}{{"id":"s{number}","tool":"')
    repeats = f" & ~{one_of(quoted(call) for call in done)}" if done else ""
    lines = [f"start: PIECE\nPIECE: {opening} CALL {ending}", f"CALL: ({calls} {quoted('}')}){repeats}"]
    return "\n".join([*lines, spans.definitions])


def answer_grammar(left: Sequence[str], unused: Sequence[str]) -> str:
    """The grammar of one answer reference and what ends it.

    Steps are listed in their order, each once: `left` are those that may still come. The answer ends once every step
    that no other step reads is listed: `unused` are those that are still missing.
    """
    options = []
    for place, step in enumerate(left):
        if any(one in left[:place] for one in unused):
            break  # an unused step before this one would never be listed
        missing = any(one != step for one in unused)
        endings = [quoted(MORE)] * (place + 1 < len(left)) + [quoted(END_OF_PLAN)] * (not missing)
        options.append(f"{quoted(f'${step}')} {one_of(endings)}")
    return f"start: PIECE\nPIECE: {one_of(options)}\n"


def _calls(tool: Tool, values: Sequence[Value], spans: Spans) -> Iterable[str]:
    """Every way to call a tool now: once, per element of one collection, or along two lists in step."""
    plain = _call(tool, values, spans, {}, None)
    if plain is not None:
        yield plain
    singles = [param.kind for param in tool.params if param.kind and not param.many]
    kinds = list(dict.fromkeys(singles))
    for kind in kinds:
        each = _collections(values, kind)
        if each is not None:
            yield from _some(_call(tool, values, spans, {kind: "$item"}, _in_quotes(each)))
    for i, first in enumerate(kinds):
        for second in kinds[i + 1 :]:
            one, two = _lists(values, first), _lists(values, second)
            if one is not None and two is not None:
                both = " ".join((quoted('["'), one, quoted(MORE), two, quoted('"]')))
                yield from _some(_call(tool, values, spans, {first: "$item[0]", second: "$item[1]"}, both))


def _some(call: str | None) -> Iterable[str]:
    return () if call is None else (call,)


def _collections(values: Sequence[Value], kind: str) -> str | None:
    """What `each` may run over for elements of this kind."""
    fit = (v for v in values if v.shape.elements is not None and v.shape.elements.kind == kind)
    return one_of(quoted(v.reference) for v in fit if v.divisible)


def _lists(values: Sequence[Value], kind: str) -> str | None:
    return one_of(quoted(v.reference) for v in values if v.shape.item is not None and v.shape.item.kind == kind)


def _call(tool: Tool, values: Sequence[Value], spans: Spans, items: dict[str, str], each: str | None) -> str | None:
    """`NAME","args":{…}` with the step's `each`, or None where a required argument has no legal value."""
    params: list[tuple[Param, str]] = []
    forced = {_bearer(tool, kind) for kind in items}
    for param in tool.params:
        item = items.get(param.kind or "") if not param.many else None
        value = quoted(f'"{item}"') if item else _value(param, values, spans)
        if value is not None:
            params.append((replace(param, optional=False) if param.name in forced else param, value))
        elif not param.optional:
            return None
    tail = "" if each is None else " ".join(("", quoted(',"each":'), each))
    return " ".join((quoted(f'{tool.name}","args":{{'), _arguments(params, started=False), quoted("}") + tail))


def _bearer(tool: Tool, kind: str) -> str:
    """The argument that has to take `$item` of this kind: a required one if there is one, else the first."""
    takers = [param for param in tool.params if param.kind == kind and not param.many]
    return next((param.name for param in takers if not param.optional), takers[0].name)


def _arguments(params: Sequence[tuple[Param, str]], *, started: bool) -> str:
    """Arguments in the order of the signature, each optional one written or not."""
    if not params:
        return '""'
    (param, value), rest = params[0], params[1:]
    written = " ".join((quoted(("," if started else "") + json.dumps(param.name) + ":"), value))
    if not param.optional:
        return f"{written} {_arguments(rest, started=True)}"
    if started:
        return f"({written})? {_arguments(rest, started=True)}"
    return f"({written} {_arguments(rest, started=True)} | {_arguments(rest, started=False)})"


def _value(param: Param, values: Sequence[Value], spans: Spans) -> str | None:
    """What may stand for an argument outside of `each`."""
    if param.kind is None:
        return _literal(param.schema, spans)
    if not param.many:
        references = [quoted(json.dumps(v.reference)) for v in values if v.shape.kind == param.kind]
        said = _literal(param.schema, spans) if param.literal else None
        return one_of([*references, *([said] if said is not None else [])])
    single = one_of(quoted(json.dumps(v.reference)) for v in values if v.shape.kind == param.kind)
    lists = [quoted(json.dumps(v.reference)) for v in values if v.shape.item and v.shape.item.kind == param.kind]
    if single is not None:
        lists.append(_listed(single, 8))
    return one_of(lists)


def _literal(schema: dict[str, Any], spans: Spans) -> str | None:
    """A plain value under its JSON schema; None for a schema that no literal of a request can meet."""
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return one_of(one for one in (_literal(option, spans) for option in options) if one is not None)
    if "const" in schema or "enum" in schema:
        allowed = schema.get("enum", [schema.get("const")])
        told = (spans.pad + value if isinstance(value, str) else value for value in allowed)
        return one_of(quoted(json.dumps(value, ensure_ascii=False)) for value in told)
    kind = schema.get("type")
    if kind == "string":
        return None if spans.text is None else _in_quotes(spans.text)
    if kind == "boolean":
        return '("true" | "false")'
    if kind in ("integer", "number"):
        return f"/{number_pattern(schema)}/"
    if kind == "array":
        items = schema.get("items", {})
        if items.get("type") == "string" and "enum" not in items:
            return None if spans.labels is None else " ".join((quoted('["'), spans.labels, quoted('"]')))
        element = _literal(items, spans)
        return None if element is None else _listed(element, 4)
    return None


def _in_quotes(expression: str) -> str:
    return " ".join((quoted(QUOTE), expression, quoted(QUOTE)))


def _listed(element: str, most: int) -> str:
    """A JSON list of one to `most` elements."""
    return " ".join((quoted("["), element, f"({quoted(',')} {element}){{0,{most - 1}}}", quoted("]")))

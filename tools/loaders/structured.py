"""JSON from endpoints: four ways to ask for it, and the memory of which one an endpoint proved to follow.

Endpoints differ in what they support and in what they claim to: some refuse ``response_format``, some accept and ignore
it. So each way is tried, strictest first, until one gives a JSON object; that way is used from then on.
"""

import json
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from threading import Lock
from typing import Any

from ..errors import EndpointError, PlannerOutputError
from ..roles import Completion

WAYS = ("json_schema", "tool_call", "json_object", "text")
NAME = "answer"

_REFUSED = (400, 404, 405, 422)
# With tools to call, servers also break: over a chat template without them, or over a call that the model broke off.
_UNKNOWN = {"json_schema": _REFUSED, "tool_call": (*_REFUSED, 500), "json_object": _REFUSED}
"""The status by which an endpoint says that it does not know a way."""

Ask = Callable[..., Any]
"""``ask(messages, **parameters)`` gives the endpoint's completion."""

_proved: dict[Hashable, str] = {}
_lock = Lock()


def generate(
    ask: Ask, messages: Sequence[Mapping[str, Any]], schema: Mapping[str, Any], endpoint: Hashable
) -> Completion:
    """A JSON object for ``messages``, as text; tokens of all tries are counted.

    Raises ``PlannerOutputError`` when even plain text, asked to be repaired once, holds none.
    """
    with _lock:
        first = WAYS.index(_proved.get(endpoint, WAYS[0]))
    read = written = 0
    said = ""
    for way in WAYS[first:]:
        talk = list(messages) if way in ("json_schema", "tool_call") else _with_schema(messages, schema)
        for _ in range(2 if way == "text" else 1):
            try:
                answer = ask(talk, **_parameters(way, schema))
            except EndpointError as error:
                if way == "text" or error.facts.get("status") not in _UNKNOWN[way]:
                    raise
                break  # it does not know this way
            usage = getattr(answer, "usage", None)
            read += getattr(usage, "prompt_tokens", 0) or 0
            written += getattr(usage, "completion_tokens", 0) or 0
            said = _said(answer, way)
            found = json_object(said, schema.get("required", ()))
            if found is not None:
                with _lock:
                    _proved[endpoint] = way
                return Completion(found, read, written)
            talk = [*talk, {"role": "assistant", "content": said}, {"role": "user", "content": _REPAIR}]
    raise PlannerOutputError(
        "the endpoint's model wrote no JSON object, asked in every way",
        hint="use a model that follows a JSON schema, or plan with --via search",
        output=said[:500],
    )


_REPAIR = "That is not one JSON object. Answer again with the JSON object alone: no other words, no code fence."


def proved(endpoint: Hashable) -> str | None:
    """The way that this endpoint followed last; None before the first success."""
    with _lock:
        return _proved.get(endpoint)


def json_object(text: str, required: Sequence[str] = ()) -> str | None:
    """The one JSON object in a text, alone, in a code fence or between words; None without one.

    An object without the ``required`` names does not count: it shows that the schema was not followed.
    """
    fenced = re.findall(r"```(?:json)?\s*(.*?)```", text, flags=re.DOTALL)
    between = text[text.find("{") : text.rfind("}") + 1] if "{" in text else ""
    candidates: tuple[str, ...] = (text, *fenced, between)
    for candidate in candidates:
        try:
            value = json.loads(candidate)
        except ValueError:
            continue
        if isinstance(value, dict) and value.keys() >= set(required):
            return candidate.strip()
    return None


def _with_schema(messages: Sequence[Mapping[str, Any]], schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The talk with the schema in words, for ways that do not carry it."""
    told = f"Answer with one JSON object that follows this JSON schema, and nothing else:\n{json.dumps(schema)}"
    return [*messages[:-1], {**messages[-1], "content": f"{messages[-1]['content']}\n\n{told}"}]


def _parameters(way: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    if way == "json_schema":
        described = {"name": NAME, "schema": schema, "strict": _is_strict(schema)}
        return {"response_format": {"type": "json_schema", "json_schema": described}}
    if way == "tool_call":
        function = {"name": NAME, "description": "Give the answer.", "parameters": schema}
        return {
            "tools": [{"type": "function", "function": function}],
            "tool_choice": {"type": "function", "function": {"name": NAME}},
        }
    return {"response_format": {"type": "json_object"}} if way == "json_object" else {}


def _is_strict(schema: Any) -> bool:
    """Whether every object in the schema closes and requires all its properties, as strict decoding demands."""
    if isinstance(schema, list):
        return all(_is_strict(each) for each in schema)
    if not isinstance(schema, dict):
        return True
    if "properties" in schema and (
        schema.get("additionalProperties") is not False or set(schema["properties"]) != set(schema.get("required", ()))
    ):
        return False
    return all(_is_strict(each) for each in schema.values())


def _said(answer: Any, way: str) -> str:
    choices = getattr(answer, "choices", None)
    message = choices[0].message if choices else None
    calls = getattr(message, "tool_calls", None)
    if way == "tool_call" and calls:
        return str(calls[0].function.arguments or "")
    return str(getattr(message, "content", None) or "")

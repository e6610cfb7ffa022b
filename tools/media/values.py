"""Values of steps as JSON: plain values inline, artifacts as handles.

``dump_value`` and ``load_value`` are inverse but for three losses that JSON makes: a tuple comes back as a list, a
record (dataclass, named tuple, pydantic model) as a dict of its fields, a numpy number as the Python number.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

import numpy as np
from pydantic import BaseModel

from ..errors import WrongArgument
from .artifact import Fetch
from .kinds import KINDS, Artifact

_PLAIN = frozenset({str, int, bool, type(None)})
_ARTIFACT, _FLOAT, _DICT = "$artifact", "$float", "$dict"


def dump_value(value: Any, put: Callable[[Artifact], object]) -> Any:
    """The value as JSON; ``put`` is called once for each artifact in it, which becomes ``{"$artifact": handle}``.

    Raises WrongArgument for a value that has no place in JSON, such as bytes or a bare array.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is float:
        return value if math.isfinite(value) else {_FLOAT: repr(value)}
    if isinstance(value, Artifact):
        put(value)
        return {_ARTIFACT: value.handle()}
    if kind is list or kind is tuple:
        return [dump_value(each, put) for each in value]
    if isinstance(value, Mapping):
        return _dump_mapping(value, put)
    return dump_value(_simpler(value), put)


def load_value(value: Any, fetch: Fetch) -> Any:
    """The value that ``dump_value`` wrote; its artifacts ask ``fetch`` for their bytes when looked at."""
    kind = type(value)
    if kind is list:
        return [load_value(each, fetch) for each in value]
    if kind is not dict:
        return value
    if len(value) == 1:
        if _ARTIFACT in value:
            return Artifact.from_handle(value[_ARTIFACT], fetch)
        if _FLOAT in value:
            return float(value[_FLOAT])
        if _DICT in value:
            return {load_value(key, fetch): load_value(each, fetch) for key, each in value[_DICT]}
    return {key: load_value(each, fetch) for key, each in value.items()}


def is_empty(value: Any) -> bool:
    """Whether a step found nothing: no value, an empty collection or text, or an artifact with nothing in it.

    Zero and False are answers, not emptiness.
    """
    if isinstance(value, Artifact):
        return value.empty
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, list | tuple | Mapping):
        return not value
    return value is None


def artifacts_in(value: Any) -> list[Artifact]:
    """Every artifact in a value, in order of appearance, each once."""
    found: dict[Artifact, None] = {}
    dump_value(value, lambda artifact: found.setdefault(artifact))
    return list(found)


def handles_in(dumped: Any) -> list[dict[str, Any]]:
    """Every artifact handle in what ``dump_value`` wrote, in order of appearance."""
    if isinstance(dumped, list):
        return [handle for each in dumped for handle in handles_in(each)]
    if isinstance(dumped, dict):
        if len(dumped) == 1 and _ARTIFACT in dumped:
            return [dumped[_ARTIFACT]]
        return [handle for each in dumped.values() for handle in handles_in(each)]
    return []


def _dump_mapping(value: Mapping[Any, Any], put: Callable[[Artifact], object]) -> dict[str, Any]:
    if all(type(key) is str and not key.startswith("$") for key in value):
        return {key: dump_value(each, put) for key, each in value.items()}
    # Keys that JSON cannot hold, or that would read as one of our own marks.
    return {_DICT: [[dump_value(key, put), dump_value(each, put)] for key, each in value.items()]}


def _simpler(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in type(value).model_fields}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return value._asdict() if hasattr(value, "_asdict") else tuple(value)
    if isinstance(value, list):
        return list(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    raise WrongArgument(
        f"a value of type {type(value).__name__} cannot be kept as a step's output",
        hint=f"return plain values or artifacts ({', '.join(sorted(KINDS))})",
        field="value",
    )

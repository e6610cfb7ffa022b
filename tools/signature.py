"""Reads a tool's schema off its type hints and docstring: parameters, injected roles and what it returns."""

import inspect
import re
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, BeforeValidator, InstanceOf, TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from .media.artifact import Artifact
from .media.text import Text
from .roles import ROLES, StepContext, role_of

_LISTS = (list, Sequence)


@dataclass(frozen=True, slots=True)
class Param:
    """One argument of a tool.

    ``kind`` is the artifact kind it takes (None for a plain value), ``many`` whether it takes a list of them
    (or, for plain values, any list), ``schema`` the JSON schema of the argument in a plan. One that takes one text
    (``literal``) may be given the words themselves.
    """

    name: str
    kind: str | None
    many: bool
    optional: bool
    default: Any
    schema: dict[str, Any]
    doc: str = ""
    nullable: bool = False

    @property
    def literal(self) -> bool:
        """Whether a plan may write a value here, not only a reference."""
        return self.kind is None or (self.kind == Text.kind and not self.many)


@dataclass(frozen=True, slots=True)
class Return:
    """What a tool returns: a kind, a list of a kind, or plain values; plans may refer to its ``fields``."""

    kind: str | None
    many: bool
    python: Any
    schema: dict[str, Any]
    fields: dict[str, "Return"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Signature:
    """A function read as a tool. ``checks`` maps each parameter to the type that pydantic validates."""

    params: tuple[Param, ...]
    role_params: dict[str, str]
    context_param: str | None
    returns: Return
    checks: dict[str, Any]
    accepts: Any
    doc: str
    description: str


def read_signature(function: Callable[..., Any], name: str) -> Signature:
    """Read ``function`` as the tool ``name``; raises TypeError naming the parameter that is in the way."""
    hints = _hints(function, name)
    text, described = _docstring(inspect.getdoc(function) or "")
    params: list[Param] = []
    checks: dict[str, Any] = {}
    role_params: dict[str, str] = {}
    context: str | None = None
    for parameter in inspect.signature(function).parameters.values():
        where = f"tool {name!r}: parameter {parameter.name!r}"
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(f"{where}: a plan cannot fill * or ** parameters; name each argument")
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise TypeError(f"{where}: plans pass arguments by name, so it cannot be positional-only")
        if parameter.name not in hints:
            raise TypeError(f"{where} has no type hint; a tool's hints are its schema")
        hint = hints[parameter.name]
        if parameter.kind is not parameter.KEYWORD_ONLY:
            param, check = _read_param(parameter, hint, where, described.get(parameter.name, ""))
            params.append(param)
            checks[parameter.name] = check
        elif hint is StepContext:
            context = parameter.name
        else:
            role_params[parameter.name] = _read_role(hint, parameter.name, where)
    if hints.get("return", type(None)) is type(None):
        raise TypeError(f"tool {name!r} has no return type; say what it gives, such as -> Image or -> str")
    returns, accepts = _read_return(hints["return"], f"tool {name!r}: return type", nested=False)
    summary = text.split("\n\n")[0].replace("\n", " ").strip() or name.replace("_", " ")
    return Signature(tuple(params), role_params, context, returns, checks, accepts, summary, text or summary)


def _hints(function: Callable[..., Any], name: str) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except NameError as error:
        raise TypeError(f"tool {name!r}: a type hint cannot be resolved: {error}") from error


def _read_role(hint: Any, name: str, where: str) -> str:
    role = role_of(hint, name)
    if role is None:
        protocols = ", ".join(sorted({protocol.__name__ for protocol in ROLES.values()}))
        raise TypeError(
            f"{where} is keyword-only, so it must be injected: annotate it with a role ({protocols}) or "
            "StepContext, or make it a positional parameter"
        )
    return role


def _read_param(parameter: inspect.Parameter, hint: Any, where: str, doc: str) -> tuple[Param, Any]:
    kind, many, nullable, check = _shape(hint, where)
    optional = parameter.default is not parameter.empty
    default = parameter.default if optional else None
    if kind is None:
        schema = _plain_schema(hint, where)
        if optional and "default" not in schema:
            schema["default"] = list(default) if isinstance(default, tuple) else default
    elif kind == Text.kind and not many:
        schema, check = {"type": "string"}, Annotated[check, BeforeValidator(_as_text)]
    else:
        schema = _kind_schema(kind, many)
    if doc:
        schema["description"] = doc
    param = Param(parameter.name, kind, many, optional or nullable, default, schema, doc, nullable)
    return param, check


def _read_return(hint: Any, where: str, *, nested: bool) -> tuple[Return, Any]:
    kind, many, _, check = _shape(hint, where)
    fields: dict[str, Return] = {}
    if inspect.isclass(hint) and issubclass(hint, BaseModel) and not nested:
        identity = set(Artifact.model_fields) if kind else set()
        for name, info in hint.model_fields.items():
            if name not in identity:
                fields[name], _ = _read_return(info.annotation, f"{where}.{name}", nested=True)
    schema = _kind_schema(kind, many) if kind else _plain_schema(hint, where)
    return Return(kind, many, hint, schema, fields), check


def _shape(hint: Any, where: str) -> tuple[str | None, bool, bool, Any]:
    """(kind, many, nullable, the type that pydantic checks) of a hint; artifacts are checked by instance."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        inner = [each for each in arguments if each is not type(None)]
        if len(inner) == 1:
            kind, many, _, check = _shape(inner[0], where)
            return kind, many, True, check | None
    if inspect.isclass(hint) and issubclass(hint, Artifact):
        return _kind_of(hint, where), False, False, InstanceOf[hint]  # type: ignore[misc]
    listed = origin in _LISTS or (origin is tuple and arguments[1:] == (...,))
    if listed and inspect.isclass(arguments[0]) and issubclass(arguments[0], Artifact):
        kind, _, _, check = _shape(arguments[0], where)
        return kind, True, False, list[check]  # type: ignore[valid-type]
    if _mentions_artifact(hint):
        raise TypeError(f"{where}: plans cannot express {hint}; take one kind of artifact, or a list of it")
    return None, listed, False, hint


def _as_text(value: Any) -> Any:
    """Words that a plan says itself, as the artifact that they stand for."""
    return Text.of(value) if isinstance(value, str) else value


def _kind_of(artifact: type[Artifact], where: str) -> str:
    kind = getattr(artifact, "kind", None)
    if not isinstance(kind, str):
        raise TypeError(f"{where}: {artifact.__name__} is no concrete kind; name one, such as Image or Boxes")
    return kind


def _mentions_artifact(hint: Any) -> bool:
    if inspect.isclass(hint) and not isinstance(hint, types.GenericAlias):
        return issubclass(hint, Artifact)
    return any(_mentions_artifact(each) for each in get_args(hint))


def _kind_schema(kind: str, many: bool) -> dict[str, Any]:
    one = {"type": "string", "pattern": r"^\$", "description": f"reference to {kind}"}
    if not many:
        return one
    return {"anyOf": [{"type": "array", "items": one}, one], "description": f"references to {kind}"}


def _plain_schema(hint: Any, where: str) -> dict[str, Any]:
    try:
        schema = TypeAdapter(hint).json_schema()
    except (PydanticSchemaGenerationError, PydanticUserError) as error:
        raise TypeError(f"{where}: {hint} is neither an artifact nor a value that JSON can carry") from error
    schema.pop("title", None)
    return schema


def _docstring(text: str) -> tuple[str, dict[str, str]]:
    """Split a docstring into its prose and the descriptions of its ``Args:`` section."""
    head, found, tail = text.partition("\nArgs:\n")
    if not found:
        return text.strip(), {}
    section, _, rest = tail.partition("\n\n")
    described: dict[str, str] = {}
    current = ""
    for line in section.splitlines():
        entry = re.match(r"\s+(\w+)(?: \([^)]*\))?:\s*(.*)", line)
        if entry:
            current = entry[1]
            described[current] = entry[2].strip()
        elif current:
            described[current] = f"{described[current]} {line.strip()}"
    return "\n\n".join(part.strip() for part in (head, rest) if part.strip()), described

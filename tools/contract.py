"""The tool contract: ``@tool`` on a typed function makes it a step that plans can name.

The function's positional parameters are the arguments, its keyword-only parameters are injected (models by
role, the step's context), its docstring is its manual. A bad definition fails when it is decorated, not in a
run.
"""

import hashlib
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property, update_wrapper
from typing import Any, Generic, NotRequired, Protocol, Required, overload

from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import ParamSpec, TypedDict, TypeVar

from .card import Card
from .errors import ToolError, WrongArgument
from .roles import StepContext
from .signature import Param, Return, read_signature

P = ParamSpec("P", default=...)
R = TypeVar("R", default=Any)


class Tool(Generic[P, R]):
    """A typed function with its schema, card and roles; calling it calls the plain function."""

    def __init__(self, function: Callable[P, R], *, card: Card | None = None, name: str | None = None) -> None:
        self.name = name or function.__name__
        if not self.name.isidentifier():
            raise TypeError(f"{self.name!r} cannot be a tool's name: plans need an identifier")
        update_wrapper(self, function)
        self.function = function
        self.card = card or Card()
        signature = read_signature(function, self.name)
        self.doc = signature.doc
        self.description = signature.description
        self.params: tuple[Param, ...] = signature.params
        self.returns: Return = signature.returns
        self.role_params: dict[str, str] = signature.role_params
        self.roles: tuple[str, ...] = tuple(dict.fromkeys(signature.role_params.values()))
        self.is_async = inspect.iscoroutinefunction(function)
        self._context_param = signature.context_param
        self._defaults = {each.name: each.default for each in self.params if each.optional}
        self._checks = signature.checks
        self._accepts = signature.accepts

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the plain function: injected models are passed by keyword, nothing is validated."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<tool {self.name}({', '.join(each.name for each in self.params)})>"

    @property
    def wants_context(self) -> bool:
        """Whether the function has a ``StepContext`` parameter."""
        return self._context_param is not None

    @cached_property
    def version(self) -> str:
        """Twelve hex digits over name, signature and source: changes when the behaviour may have."""
        try:
            source = inspect.getsource(self.function)
        except (OSError, TypeError):  # defined in a shell: its compiled form is all there is
            source = self.function.__code__.co_code.hex()
        return hashlib.sha256(f"{json.dumps(self.signature())}\n{source}".encode()).hexdigest()[:12]

    def signature(self) -> dict[str, Any]:
        """What the registry's digest covers: name, arguments and result, without any prose."""
        params = [[each.name, each.kind, each.many, each.optional, _without_prose(each.schema)] for each in self.params]
        returns = [self.returns.kind, self.returns.many, _without_prose(self.returns.schema)]
        return {"name": self.name, "params": params, "returns": returns, "roles": list(self.roles)}

    def validate(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments checked, plain values coerced and defaults filled in.

        Raises ``WrongArgument`` naming every argument that is missing, unknown or of the wrong kind or type.
        """
        try:
            checked: dict[str, Any] = self._validator(args)
        except ValidationError as error:
            raise self._wrong_argument(error) from None
        return {**self._defaults, **checked}

    def call(self, args: Mapping[str, Any], models: Mapping[str, Any], ctx: StepContext | None = None) -> Any:
        """Run on validated arguments with one model handle per role; returns an awaitable if ``is_async``.

        Raises ``ToolError`` when the function returns something else than it declares.
        """
        injected: dict[str, Any] = {param: models[role] for param, role in self.role_params.items()}
        if self._context_param:
            injected[self._context_param] = ctx or StepContext()
        function: Callable[..., Any] = self.function
        output = function(**args, **injected)
        return self._checked_later(output) if self.is_async else self._checked(output)

    def json_schema(self) -> dict[str, Any]:
        """JSON schema of the arguments as a plan writes them: artifacts are references (``$in.image``)."""
        return {
            "type": "object",
            "properties": {each.name: each.schema for each in self.params},
            "required": [each.name for each in self.params if not each.optional],
            "additionalProperties": False,
        }

    def describe(self) -> dict[str, Any]:
        """The tool as a language model reads it: manual, arguments, result, weaknesses, example requests."""
        card = {"bad_at": self.card.bad_at, "examples": list(self.card.examples)}
        return {
            "name": self.name,
            "description": self.description,
            "arguments": self.json_schema(),
            "returns": _type_name(self.returns),
            **{key: value for key, value in card.items() if value},
        }

    @cached_property
    def _validator(self) -> Callable[[Mapping[str, Any]], Any]:
        # A TypedDict, unlike a model, allows any argument name ("copy", "json", "schema").
        fields = {
            each.name: NotRequired[check] if each.name in self._defaults else Required[check]
            for each, check in zip(self.params, self._checks.values(), strict=True)
        }
        make: Any = TypedDict  # the functional form, with fields that no type checker can know
        arguments = make(f"{self.name}_arguments", fields)
        arguments.__pydantic_config__ = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
        return TypeAdapter(arguments).validator.validate_python

    @cached_property
    def _output(self) -> TypeAdapter[Any]:
        return TypeAdapter(self._accepts)

    def _checked(self, output: Any) -> Any:
        try:
            return self._output.validator.validate_python(output)
        except ValidationError as error:
            declared, got = _type_name(self.returns), type(output).__name__
            raise ToolError(
                f"tool {self.name!r} returned {got}, not the {declared} that it declares",
                hint=error.errors(include_url=False)[0]["msg"],
                tool=self.name,
            ) from None

    async def _checked_later(self, output: Awaitable[Any]) -> Any:
        return self._checked(await output)

    def _wrong_argument(self, error: ValidationError) -> WrongArgument:
        problems = error.errors(include_url=False, include_input=False)
        by_name = {each.name: each for each in self.params}
        texts: list[str] = []
        for problem in problems:
            name = str(problem["loc"][0]) if problem["loc"] else "arguments"
            if problem["type"] == "extra_forbidden":
                texts.append(f"{name!r} is not an argument of it")
            elif problem["type"] == "missing":
                texts.append(f"{name!r} ({_param_type(by_name[name])}) is missing")
            elif name in by_name and by_name[name].kind:
                texts.append(f"{name!r} must be {_param_type(by_name[name])}")
            else:
                texts.append(f"{name!r}: {problem['msg']}")
        fields = list(dict.fromkeys(str(each["loc"][0]) for each in problems if each["loc"]))
        return WrongArgument(
            f"tool {self.name!r}: {'; '.join(dict.fromkeys(texts))}",
            hint=f"it takes {', '.join(by_name) or 'no arguments'}",
            tool=self.name,
            field=fields[0] if fields else "",
            fields=fields,
        )


class _Decorator(Protocol):
    def __call__(self, function: Callable[P, R], /) -> Tool[P, R]: ...


@overload
def tool(function: Callable[P, R], /) -> Tool[P, R]: ...
@overload
def tool(*, card: Card | None = None, name: str | None = None) -> _Decorator: ...
def tool(function: Callable[..., Any] | None = None, /, *, card: Card | None = None, name: str | None = None) -> Any:
    """Make a typed function a tool: bare ``@tool``, or ``@tool(card=Card(...), name="other")``.

    Raises TypeError naming the parameter when the function cannot be one.
    """
    if function is not None:
        return Tool(function)
    return lambda decorated: Tool(decorated, card=card, name=name)


def _without_prose(schema: Any) -> Any:
    """A schema without titles and descriptions, so that rewording a docstring changes no digest."""
    if isinstance(schema, dict):
        prose = {key for key in ("title", "description") if isinstance(schema.get(key), str)}
        return {key: _without_prose(schema[key]) for key in sorted(schema) if key not in prose}
    return [_without_prose(each) for each in schema] if isinstance(schema, list) else schema


def _param_type(param: Param) -> str:
    if param.kind:
        return f"a list of {param.kind}" if param.many else f"one {param.kind}"
    return str(param.schema.get("type", "value"))


def _type_name(returns: Return) -> str:
    if returns.kind:
        return f"list of {returns.kind}" if returns.many else returns.kind
    if returns.fields:
        return f"object with {', '.join(returns.fields)}"
    return getattr(returns.python, "__name__", "") if inspect.isclass(returns.python) else str(returns.python)

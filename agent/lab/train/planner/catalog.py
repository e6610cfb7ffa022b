"""What the request generator knows of the tools: the registry as plain data.

`Catalog.of(registry)` reads it off a registry; `to_json` and `from_json` carry it to machines that have no registry, so
that generating requests and training need nothing but the standard library and torch.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

MEDIA = ("image", "audio", "video", "point_cloud", "document", "text", "points")
"""Kinds that a request brings along; every other kind is made by some tool."""
LOOKING = (
    "detect", "segment", "count", "select", "filter", "colour", "locate", "perceive", "cut_out", "crop", "blur",
    "greyscale", "recolour", "annotate",
)  # fmt: skip
"""The tools that requests about a single picture need most."""


def taught_registry(names: Collection[str] | None = None) -> Any:
    """The registry of the tools taught, those that `mini` serves and can give what they take, or some of them.

    Imported late, for machines that have no registry.
    """
    from .....tools.registry import default_registry
    from ....profiles.loading import load_profile

    served = frozenset(load_profile("mini").roles)
    tools = [tool for tool in default_registry().tools() if served.issuperset(tool.roles)]
    registry = default_registry().subset([tool.name for tool in tools if names is None or tool.name in names])
    catalog = Catalog.of(registry)
    return registry.subset([tool.name for tool in catalog.tools if catalog.unmade(tool) is None])


@dataclass(frozen=True)
class Argument:
    """One argument of a tool: an artifact of a `kind`, or a plain value of a JSON `type` (one of `options`, if any;
    a number from `least` to `most`).

    A `literal` is a text that may be written out instead of being referred to.
    """

    name: str
    kind: str | None
    literal: bool
    many: bool
    optional: bool
    default: Any
    type: str
    options: tuple[str, ...]
    least: float | None
    most: float | None


@dataclass(frozen=True)
class Facts:
    """A tool: its arguments in order, the kind that it gives (None: a plain value), or lists, and its card's words."""

    name: str
    args: tuple[Argument, ...]
    gives: str | None
    lists: bool
    keeps: str
    examples: tuple[str, ...]

    @property
    def medium(self) -> Argument | None:
        """The argument that takes the medium which the request is about."""
        return next((arg for arg in self.args if arg.kind in MEDIA and not arg.optional), None)

    @property
    def gathers(self) -> bool:
        """Whether it takes several media of a kind at once."""
        return any(arg.kind in MEDIA and arg.many and not arg.optional for arg in self.args)

    @property
    def edits(self) -> bool:
        """Whether it gives its own medium back, changed: then a later edit takes up the result."""
        same = self.medium is not None and self.gives == self.medium.kind and not self.lists
        return same and self.keeps == "form" and not self.gathers

    @property
    def narrows(self) -> Argument | None:
        """The argument by which it keeps some of the boxes it is given, if that is what it does."""
        if self.gives not in (arg.kind for arg in self.args) or self.gives in MEDIA:
            return None
        return next((arg for arg in self.args if arg.options), None)

    @property
    def finds(self) -> bool:
        """Whether it makes boxes of what is named."""
        return self.gives == "boxes" and self.names is not None and all(arg.kind != "boxes" for arg in self.args)

    @property
    def names(self) -> Argument | None:
        """The argument that takes the names of what the wish is about."""
        return next((arg for arg in self.args if arg.kind is None and arg.type == "array"), None)


@dataclass(frozen=True)
class Catalog:
    """All tools that plans may call, in the registry's order."""

    tools: tuple[Facts, ...]

    @staticmethod
    def of(registry: Any) -> Catalog:
        """The catalogue of a `tools.registry.Registry`."""
        return Catalog(tuple(_facts(tool) for tool in registry.tools()))

    @staticmethod
    def from_json(text: str) -> Catalog:
        """The catalogue that `to_json` wrote."""
        return Catalog(tuple(_read(tool) for tool in json.loads(text)))

    @staticmethod
    def read(path: Path | None) -> Catalog:
        """The catalogue of a file that `to_json` was written to, or without one that of the tools taught."""
        if path is not None:
            return Catalog.from_json(path.read_text(encoding="utf-8"))
        return Catalog.of(taught_registry())

    def to_json(self) -> str:
        """Everything as JSON."""
        return json.dumps([asdict(tool) for tool in self.tools], ensure_ascii=False, indent=1)

    def __getitem__(self, name: str) -> Facts:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    @cached_property
    def _by_name(self) -> dict[str, Facts]:
        return {tool.name: tool for tool in self.tools}

    @cached_property
    def finder(self) -> Facts | None:
        """The tool that finds what a noun names."""
        return next((tool for tool in self.tools if tool.finds), None)

    @cached_property
    def narrowers(self) -> dict[str, Facts]:
        """Name of a narrowing argument (`by`, `colour`) to the tool that narrows so."""
        return {tool.narrows.name: tool for tool in self.tools if tool.narrows is not None}

    def maker(self, kind: str) -> Facts | None:
        """The first tool that makes a value of a kind out of other kinds."""
        made = (tool for tool in self.tools if tool.gives == kind)
        return next((tool for tool in made if all(arg.kind != kind for arg in tool.args)), None)

    def unmade(self, facts: Facts, about: str | None = None) -> str | None:
        """A kind that a required argument (or `about`) needs and that no tool makes, or None."""
        for arg in facts.args:
            if arg.kind is None or arg.kind in MEDIA or (arg.optional and arg.name != about):
                continue
            maker = self.maker(arg.kind)
            if maker is None or self.unmade(maker):
                return arg.kind
        return None

    def wording(self, kind: str) -> Facts | None:
        """The tool that makes a text of a kind which holds words, and of nothing else."""
        made = (tool for tool in self.tools if tool.gives == "text" and tool.keeps == "meaning" and kind not in MEDIA)
        return next((tool for tool in made if [arg.kind for arg in tool.args] == [kind]), None)


def _facts(tool: Any) -> Facts:
    args = tuple(
        Argument(param.name, param.kind, param.literal, param.many, param.optional, _plain(param.default),
                 _fact(param.schema, "type") or "", tuple(map(str, param.schema.get("enum", ()))),
                 _fact(param.schema, "minimum", "exclusiveMinimum"), _fact(param.schema, "maximum"))
        for param in tool.params
    )  # fmt: skip
    gives = tool.returns.kind
    return Facts(tool.name, args, gives, tool.returns.many, tool.card.keeps, tuple(tool.card.examples))


def _fact(schema: Any, *keys: str) -> Any:
    """What a value's schema says under one of the keys; of a value that may be null, what is said of the other ones."""
    options = [schema, *schema.get("anyOf", ())]
    found = (option.get(key) for option in options for key in keys)
    return next((fact for fact in found if fact not in (None, "null")), None)


def _plain(value: Any) -> Any:
    """A default as JSON has it."""
    if isinstance(value, Iterable) and not isinstance(value, str):
        return list(value)
    return value if isinstance(value, str | int | float | bool) else None


def _read(data: dict[str, Any]) -> Facts:
    args = tuple(Argument(**{**arg, "options": tuple(arg["options"])}) for arg in data["args"])
    return Facts(data["name"], args, data["gives"], data["lists"], data["keeps"], tuple(data["examples"]))

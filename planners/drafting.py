"""A plan in the making: values by kind, steps that are shared, things that a later wish may refer back to."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

from ..tools.contract import Tool
from ..tools.signature import Param
from .base import Request
from .chains import edits, narrows, needs, refines, sources
from .lexicon import find, lexicon, stems
from .plan import Step
from .reading import Clause, Match, Thing
from .references import quote

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


class CannotBuild(Exception):
    """A tool needs something that cannot be had here; the next candidate is tried."""


@dataclass(frozen=True)
class Wish:
    """One wish while it is built: its words, the tool that it means, the things it names, the values it
    gives the tool itself, and the numbers of the pictures that it is about (None: not said)."""

    clause: Clause
    match: Match | None
    things: tuple[Thing, ...]
    own: Mapping[str, str]
    images: tuple[int, ...] | None

    @property
    def named(self) -> bool:
        """Whether the wish is about things in a medium rather than about the whole of it."""
        return any(thing.particular for thing in self.things)


@dataclass(frozen=True)
class _Last:
    """What the wish before left: its things, its output and the kind of that."""

    things: tuple[Thing, ...] = ()
    ref: str = ""
    kind: str | None = None
    images: tuple[int, ...] | None = None


Mark = dict[str, Any]


class Draft:
    """Builds steps for wishes, one after the other."""

    def __init__(self, request: Request, tools: Sequence[Tool]) -> None:
        self.request, self.tools = request, tools
        self.steps: list[Step] = []
        self.kinds = request.kinds
        self.at_hand = self._at_hand()
        self._bare = not (self.kinds or request.thread)
        self._sources = sources(self.at_hand, tools)
        self._refs: dict[str, str] = {}
        self._lists: set[str] = set()
        self._last = _Last()
        self._made: dict[str, str] = {}  # what wishes gave, the latest of each kind: "it", "the summary"
        self._replaced: dict[str, str] = {}
        self._edited: dict[str, str] = {}
        self.superseded: set[str] = set()
        """References that a later edit of the same medium has made into steps on the way."""

    def attached(self, kind: str) -> int:
        """How many attachments of the kind there are."""
        return self.kinds.count(kind)

    def mark(self) -> Mark:
        """Where the draft stands, for `undo`."""
        return {name: copy(value) for name, value in vars(self).items()}

    def undo(self, mark: Mark) -> None:
        """Take back everything since the mark."""
        vars(self).update(mark)

    def fulfil(self, wish: Wish) -> list[str]:
        """The references that the wish's tool gives: one, or one for each picture where they must be worked
        apart.

        Raises CannotBuild.
        """
        wish = self._recalled(wish)
        images = wish.images if wish.images is not None else self._last.images
        total = self.attached("image")
        if images is None or len(images) == total:
            refs = [self._goal(wish, "$in.image[*]" if total > 1 else "")]
        else:
            refs = [self._goal(wish, _nth(number)) for number in images]
        kind = wish.match.tool.returns.kind if wish.match else None
        self._last = _Last(wish.things, refs[-1], kind, images)
        if kind is not None:
            self._made[kind] = refs[-1]
        return refs

    def value(self, kind: str, wish: Wish, image: str = "", many: bool = False) -> str:
        """A reference to a value of the kind: at hand, or made by the cheapest chain.  Raises CannotBuild."""
        if many:
            if not self.attached(kind):
                raise CannotBuild(f"no list of {kind}")
            return f"$in.{kind}[*]"
        if kind in self._replaced:
            return self._replaced[kind]
        if kind == "image" and image:
            return image
        if self.attached(kind):
            return f"$in.{kind}"
        if kind == "text" and self._bare:
            return quote(wish.clause.text)
        made = self._sources.get(kind)
        pointed = bool(wish.things and wish.things[0].pronoun)
        if kind in self.request.thread and (made is None or made.tool is None or pointed):
            ref = f"$thread.{kind}"
        elif made is None or made.tool is None:
            raise CannotBuild(f"no {kind}")
        else:
            ref = self._call(made.tool, wish, image, {})
        return self._refined(ref, kind, wish, image)

    def _goal(self, wish: Wish, image: str) -> str:
        if wish.match is None:
            raise CannotBuild("no tool")
        if image == "$in.image[*]":
            self._lists.add(image)
        tool = wish.match.tool
        if edits(tool):
            return self._edit(tool, wish, image)
        ref = self._call(tool, wish, image, wish.own, goal=True)
        kind = tool.returns.kind
        return ref if kind is None or refines(tool) else self._refined(ref, kind, wish, image)

    def _edit(self, tool: Tool, wish: Wish, image: str) -> str:
        """A changed medium; it takes up what earlier edits of the same medium made, so that both show in
        the end.
        """
        target = next(param for param in tool.params if param.kind == tool.returns.kind and not param.optional)
        base = self.value(target.kind or "", wish, image)
        base = next((first for first, latest in self._edited.items() if latest == base), base)
        before = self._edited.get(base, base)
        ref = self._call(tool, wish, image, {**wish.own, target.name: before}, goal=True)
        if before not in (base, ref):
            self.superseded.add(before)
        self._edited[base] = ref
        return ref

    def _refined(self, ref: str, kind: str, wish: Wish, image: str) -> str:
        """The value narrowed down by what is said about the thing ("largest", "red")."""
        for value in wish.things[0].values if wish.things else ():
            for tool in self.tools:
                name = _takes(tool, value)
                if name is not None and narrows(tool) and tool.returns.kind == kind:
                    given = next(param.name for param in tool.params if param.kind == kind)
                    ref = self._call(tool, wish, image, {name: value, given: ref})
                    break
        return ref

    def _call(self, tool: Tool, wish: Wish, image: str, given: Mapping[str, str], goal: bool = False) -> str:
        """A reference to the output of a call of the tool, with every argument that the wish settles."""
        args: dict[str, Any] = {}
        filled = False
        asked = {name for name, _, _ in wish.match.slots} if goal and wish.match else set()
        asked &= {param.name for param in tool.params if param.kind is not None}
        for param in tool.params:
            if param.name in given:
                value: Any = given[param.name]
                if not param.optional or param.default != value:
                    args[param.name] = value
            elif param.kind is not None:
                if param.optional and (filled or not wish.named or param.name not in (asked or {param.name})):
                    continue
                literal = goal and param.literal
                words = self._words(param, wish) if literal else ""
                pointed = self._made.get(param.kind) if literal and self._slot(param, wish) else None
                try:
                    told = quote(words) if words else pointed
                    args[param.name] = told or self.value(param.kind, wish, image, param.many)
                except CannotBuild:
                    if not param.optional:
                        raise
                    continue
                filled = filled or param.optional
            else:
                self._plain(param, wish, goal, args)
        return self._step(tool, args)

    def _plain(self, param: Param, wish: Wish, goal: bool, args: dict[str, Any]) -> None:
        """A plain argument: the nouns of the things for a list of words, the wish itself for a text, a
        number.
        """
        declared = param.schema.get("type")
        if declared == "array":
            nouns = [quote(thing.noun) for thing in wish.things if thing.noun]
            if nouns or not param.optional:
                args[param.name] = nouns
            return
        if param.optional and not (goal and self._slot(param, wish)):
            return
        if param.schema.get("enum"):
            raise CannotBuild(f"{param.name} is not said")
        if declared == "string":
            args[param.name] = quote(self._slot(param, wish) or wish.clause.text)
            return
        number = _NUMBER.search(self._slot(param, wish) or wish.clause.text)
        if declared not in ("integer", "number") or number is None:
            raise CannotBuild(f"{param.name} is not said")
        args[param.name] = int(float(number[0])) if declared == "integer" else float(number[0])

    def _words(self, param: Param, wish: Wish) -> str:
        """The words that the wish itself gives for a text; none where they point to what is attached or was made."""
        words = self._slot(param, wish)
        pointing = lexicon().pronouns | lexicon().picture | lexicon().media
        named = bool(self.request.kinds or self.request.thread or self._last.kind)
        points = named and any(find(phrase, stems(words)) >= 0 for phrase in pointing)
        return "" if points else words

    def _slot(self, param: Param, wish: Wish) -> str:
        for name, start, end in wish.match.slots if wish.match else ():
            if name == param.name:
                return wish.clause.span(start, end)
        return ""

    def _step(self, tool: Tool, args: dict[str, Any]) -> str:
        """The step that calls the tool so; an equal one is used again."""
        whole = {args[param.name] for param in tool.params if param.kind and param.many and param.name in args}
        lists = [value for value in args.values() if isinstance(value, str) and value in self._lists - whole]
        lists = list(dict.fromkeys(lists))
        each: str | list[str] | None = lists if len(lists) > 1 else lists[0] if lists else None
        items = {ref: f"$item[{place}]" if len(lists) > 1 else "$item" for place, ref in enumerate(lists)}
        args = {name: items.get(value, value) if isinstance(value, str) else value for name, value in args.items()}
        key = json.dumps([tool.name, args, each], sort_keys=True)
        if key not in self._refs:
            step = Step(id=f"s{len(self.steps) + 1}", tool=tool.name, args=args, each=each)
            self.steps.append(step)
            self._refs[key] = f"${step.id}"
            if each is not None:
                self._lists.add(f"${step.id}")
        return self._refs[key]

    def _recalled(self, wish: Wish) -> Wish:
        """The wish with "it" and "the largest one" replaced by what the wish before named or made."""
        self._replaced = {}
        thing = wish.things[0] if wish.things else None
        if wish.match is None or not (thing.pronoun if thing else _points(wish.clause)):
            return wish
        last, wanted = self._last, set(needs(wish.match.tool))
        if last.kind is not None and last.ref and wanted == {last.kind} and not (thing and thing.values):
            self._replaced = {last.kind: last.ref}
            if wish.match.tool.returns.kind == last.kind:  # "describe it and draw that" asks for both
                self.superseded.add(last.ref)
            return replace(wish, things=())
        if thing is None or not last.things:
            return wish
        said = {_tool_of(value, self.tools) for value in thing.values}
        kept = [value for value in last.things[0].values if _tool_of(value, self.tools) not in said]
        recalled = replace(thing, noun=last.things[0].noun, values=(*kept, *thing.values), pronoun="")
        return replace(wish, things=(recalled, *last.things[1:]))

    def _at_hand(self) -> list[str]:
        """The kinds that need no tool: those attached, and those of the thread that no tool makes from
        these.
        """
        kinds = list(dict.fromkeys(self.kinds))
        known = [kind for kind in dict.fromkeys(self.request.thread.values()) if kind not in kinds]
        for kind in known:
            others = [*kinds, *(one for one in known if one != kind)]
            if kind not in sources(others, self.tools):
                kinds.append(kind)
        return kinds or ["text"]  # the request itself is all there is to work on


def _points(clause: Clause) -> bool:
    """Whether a wish that names nothing says "it": "draw a star and enlarge it"."""
    return any(find(phrase, clause.stems) >= 0 for phrase in lexicon().pronouns)


def _nth(number: int) -> str:
    return f"$in.image[{number}]" if number else "$in.image"


def _takes(tool: Tool, value: str) -> str | None:
    """The parameter of the tool that takes this enumerated value."""
    for param in tool.params:
        if param.kind is None and value in param.schema.get("enum", ()):
            return param.name
    return None


def _tool_of(value: str, tools: Sequence[Tool]) -> str | None:
    """The tool that narrows things down by this value."""
    found = [tool.name for tool in tools if narrows(tool) and _takes(tool, value) is not None]
    return found[0] if found else None

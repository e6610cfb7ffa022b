"""Gold plans: steps are added wish by wish, and equal steps are shared. Stdlib only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .catalog import MEDIA, Argument, Catalog, Facts
from .nouns import Noun

MAX_STEPS = 8
_ALL = "[*]"


@dataclass(frozen=True)
class Wish:
    """What one clause of a request wants: a tool, and the argument that takes what is named (None: the whole)."""

    tool: str
    about: str | None


class Build:
    """A plan under construction over one base medium (or over every attached one).

    Args:
        catalog: the tools.
        base: reference of the medium, `$in.image[*]` for "each picture"; empty where nothing is attached.
        boxes: reference of boxes that the thread already has and that "the largest one" means, if any.
        together: whether `[*]` means all media at once and not each of them.
    """

    def __init__(self, catalog: Catalog, base: str, boxes: str | None = None, *, together: bool = False) -> None:
        self.catalog, self.base, self.known_boxes = catalog, base, boxes
        self.each = base.endswith(_ALL) and not together
        self.edited = base  # the medium as edited so far
        self.spoken = ""  # the boxes that the latest wish spoke of
        self.also: list[str] = []  # kinds that have to be attached besides
        self.steps: list[dict[str, Any]] = []
        self.results: list[str] = []
        self._steps: dict[str, dict[str, Any]] = {}  # by reference
        self._shared: dict[str, str] = {}

    def wish(self, wish: Wish, noun: Noun | None, values: Mapping[str, Any], medium: str | None = None) -> str:
        """Add the steps of a wish and give the reference of its result.

        Args:
            wish: the tool and what it is about.
            noun: what is named, None for the whole medium.
            values: plain arguments by name, and references of media besides the one that the wish is about.
            medium: a medium other than the base, e.g. the cut-out that "it" means.
        """
        facts = self.catalog[wish.tool]
        # "Paint the star red and cut it out" means the red star: what points back is taken from the edited medium.
        pointing = noun is not None and bool(noun.again or noun.start)
        same = facts.medium is not None and facts.gives == facts.medium.kind
        start = medium or (self.edited if facts.edits or (pointing and same) else self.base)
        args: dict[str, Any] = {}
        for arg in facts.args:
            if arg.name in values:
                if values[arg.name] != arg.default:
                    args[arg.name] = values[arg.name]
            elif arg is facts.medium:
                args[arg.name] = self._taken(arg, start)
            elif arg.kind in MEDIA:
                if not arg.optional or arg.name == wish.about:
                    args[arg.name] = self._brought(arg)
            elif arg.kind is not None:
                if not arg.optional or arg.name == wish.about:
                    args[arg.name] = self._value(arg, noun)
            elif arg.type == "array" and noun is not None and wish.about == arg.name:
                args[arg.name] = noun.labels
        done = self.boxes(noun) if facts.finds and noun is not None else self.step(facts.name, **args)
        if facts.edits and medium is None:
            self.edited = done
        self.results.append(done)
        return done

    def _taken(self, arg: Argument, start: str) -> Any:
        """The medium as an argument takes it: alone, or in a list where that is what it takes and one is at hand."""
        if not arg.many:
            return start if self.each else start.removesuffix(_ALL)
        return start if start.endswith(_ALL) or self._lists(start) else [start]

    def _lists(self, reference: str) -> bool:
        """Whether a step gives a list."""
        step = self._steps.get(reference)
        return step is not None and ("each" in step or self.catalog[step["tool"]].lists)

    def _every(self, reference: str) -> bool:
        """Whether a reference of an `each` plan is to every one of the media, or to what was made of each."""
        return reference == self.base or "each" in self._steps.get(reference, ())

    def _brought(self, arg: Argument) -> Any:
        """A medium that is attached beside the one that the wish is about, or all of the same kind."""
        kind = str(arg.kind)
        if self.base.startswith(f"$in.{kind}"):
            return f"$in.{kind}{_ALL}"
        if kind not in self.also:
            self.also.append(kind)
        return [f"$in.{kind}"] if arg.many else f"$in.{kind}"

    def worded(self, reference: str, kind: str) -> str:
        """A text of what a step made, where its kind holds words; a medium is itself. Raises LookupError."""
        if kind in MEDIA:
            return reference
        wording = self.catalog.wording(kind)
        if wording is None:
            raise LookupError(f"no tool makes a text of {kind}")
        return self.step(wording.name, **{wording.args[0].name: reference})

    def step(self, tool: str, **args: Any) -> str:
        """Add a step (or find the equal one) and give its reference. In `each` plans, collections become `$item`s."""
        collections = [v for v in args.values() if isinstance(v, str) and self._every(v)] if self.each else []
        distinct = list(dict.fromkeys(collections))
        if len(distinct) == 1:
            args = {k: "$item" if v == distinct[0] else v for k, v in args.items()}
        elif distinct:
            args = {k: f"$item[{distinct.index(v)}]" if isinstance(v, str) and v in distinct else v
                    for k, v in args.items()}  # fmt: skip
        body: dict[str, Any] = {"tool": tool, "args": args}
        if distinct:
            body["each"] = distinct[0] if len(distinct) == 1 else distinct
        key = repr(body)
        if key not in self._shared:
            self._shared[key] = f"$s{len(self.steps) + 1}"
            self.steps.append({"id": f"s{len(self.steps) + 1}", **body})
            self._steps[self._shared[key]] = self.steps[-1]
        return self._shared[key]

    def settle(self, placeholder: str, text: str) -> bool:
        """Put a text where an argument waits for it; says whether that left no two steps equal."""
        for step in self.steps:
            step["args"] = {name: text if value == placeholder else value for name, value in step["args"].items()}
        self._shared = {repr({k: v for k, v in step.items() if k != "id"}): f"${step['id']}" for step in self.steps}
        return len(self._shared) == len(self.steps)

    def boxes(self, noun: Noun) -> str:
        """Boxes of a noun phrase: found, then kept by colour, then one selected."""
        self.spoken = noun.again or self._narrowed(noun)
        return self.spoken

    def plan(self) -> dict[str, Any]:
        """The plan; its answer lists the results that no later step used up."""
        used = {ref for step in self.steps for ref in _references(step)}
        answer = [f"${step['id']}" for step in self.steps if f"${step['id']}" in set(self.results) - used]
        return {"version": 1, "steps": self.steps, "answer": answer}

    def _narrowed(self, noun: Noun) -> str:
        finder = self.catalog.finder
        found = noun.start
        if found is None and noun.labels and finder is not None and finder.names is not None:
            found = self._call(finder, None, {finder.names.name: noun.labels})
        found = found or self.known_boxes
        assert found is not None, "boxes of nothing"
        for name, value in (("colour", noun.colour), ("by", noun.select)):
            if value is not None:
                found = self._call(self.catalog.narrowers[name], found, {name: value})
        return found

    def _call(self, facts: Facts, boxes: str | None, values: Mapping[str, Any]) -> str:
        """A call of a finding or narrowing tool on the base medium; an argument equal to its default is left out."""
        args: dict[str, Any] = {}
        for arg in facts.args:
            if arg is facts.medium:
                args[arg.name] = self.base
            elif arg.kind == "boxes":
                args[arg.name] = boxes
            elif arg.name in values and values[arg.name] != arg.default:
                args[arg.name] = values[arg.name]
        return self.step(facts.name, **args)

    def _value(self, arg: Argument, noun: Noun | None) -> str:
        """A reference to a value of the argument's kind, made by the tools that make it."""
        assert arg.kind is not None
        if arg.kind == "boxes" and noun is not None:
            return self.boxes(noun)
        maker = self.catalog.maker(arg.kind)
        if maker is None:
            raise LookupError(f"no tool makes {arg.kind}")
        args: dict[str, Any] = {}
        for need in maker.args:
            if need is maker.medium:
                args[need.name] = self.base
            elif need.kind is not None and not need.optional:
                args[need.name] = self._value(need, noun)
            elif need is maker.names and noun is not None:
                args[need.name] = noun.labels
        return self.step(maker.name, **args)


def _references(step: dict[str, Any]) -> list[str]:
    values = [*step["args"].values(), step.get("each", [])]
    flat = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return [one for one in flat if isinstance(one, str) and one.startswith("$")]

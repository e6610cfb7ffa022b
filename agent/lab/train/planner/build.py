"""Gold plans: steps are added wish by wish, and equal steps are shared. Stdlib only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .catalog import Argument, Catalog, Facts
from .nouns import Noun

MAX_STEPS = 8


@dataclass(frozen=True)
class Wish:
    """What one clause of a request wants: a tool, and the argument that takes what is named (None: the whole)."""

    tool: str
    about: str | None


class Build:
    """A plan under construction over one base medium (or over every attached one).

    Args:
        catalog: the tools.
        base: reference of the medium, `$in.image[*]` for "each picture".
        boxes: reference of boxes that the thread already has and that "the largest one" means, if any.
    """

    def __init__(self, catalog: Catalog, base: str, boxes: str | None = None) -> None:
        self.catalog, self.base, self.known_boxes = catalog, base, boxes
        self.each = base.endswith("[*]")
        self.edited = base  # the medium as edited so far
        self.spoken = ""  # the boxes that the latest wish spoke of
        self.steps: list[dict[str, Any]] = []
        self.results: list[str] = []
        self._shared: dict[str, str] = {}

    def wish(self, wish: Wish, noun: Noun | None, values: Mapping[str, Any], medium: str | None = None) -> str:
        """Add the steps of a wish and give the reference of its result.

        Args:
            wish: the tool and what it is about.
            noun: what is named, None for the whole medium.
            values: plain arguments by name.
            medium: a medium other than the base, e.g. the cut-out that "it" means.
        """
        facts = self.catalog[wish.tool]
        # "Paint the star red and cut it out" means the red star: what points back is taken from the edited medium.
        pointing = noun is not None and bool(noun.again or noun.start)
        same = facts.medium is not None and facts.gives == facts.medium.kind
        start = medium or (self.edited if facts.edits or (pointing and same) else self.base)
        args: dict[str, Any] = {}
        for arg in facts.args:
            if arg is facts.medium:
                args[arg.name] = start
            elif arg.kind is not None:
                if not arg.optional or arg.name == wish.about:
                    args[arg.name] = self._value(arg, noun)
            elif arg.type == "array" and noun is not None and wish.about == arg.name:
                args[arg.name] = noun.labels
            elif arg.name in values and values[arg.name] != arg.default:
                args[arg.name] = values[arg.name]
        if facts.finds and noun is not None:
            done = self.boxes(noun)
        else:
            done = self.step(facts.name, **args)
        if facts.edits and medium is None:
            self.edited = done
        self.results.append(done)
        return done

    def step(self, tool: str, **args: Any) -> str:
        """Add a step (or find the equal one) and give its reference. In `each` plans, collections become `$item`s."""
        collections = [v for v in args.values() if isinstance(v, str) and v.startswith("$")] if self.each else []
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
        if found is None and noun.labels and finder is not None:
            names = next(arg.name for arg in finder.args if arg.type == "array")
            found = self._call(finder, None, {names: noun.labels})
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
        return self.step(maker.name, **args)


def _references(step: dict[str, Any]) -> list[str]:
    each = step.get("each", [])
    values = [*step["args"].values(), *([each] if isinstance(each, str) else each)]
    return [v for v in values if isinstance(v, str) and v.startswith("$")]

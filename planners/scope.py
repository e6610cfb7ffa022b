"""What a reference may name at a place of a plan, and what it gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .references import Reference
from .shapes import Shape, of_kind
from .violation import Violation, listing, near


@dataclass(frozen=True, slots=True)
class Item:
    """What `$item` stands for in a step with `each`; the shape is None where it cannot be told."""

    shape: Shape | None


class Scope:
    """The values that exist around a step: attachments, the thread's artifacts, outputs of other steps.

    `outputs` is filled as steps are typed; None stands for an output that cannot be told.
    """

    def __init__(self, steps: Iterable[str], attachments: Sequence[str] | None, thread: Mapping[str, str]) -> None:
        self.steps = tuple(steps)
        self.attachments = attachments
        self.thread = thread
        self.outputs: dict[str, Shape | None] = {}

    def shape_of(self, reference: Reference, item: Item | None) -> Shape | Violation | None:
        """What the reference gives; a Violation (without path) where it names nothing; None where nobody
        can tell.

        `item` is None outside of a step with `each`.
        """
        head = self._head(reference, item)
        if not isinstance(head, Shape):
            return head
        shape = head
        for part in reference.path:
            if isinstance(part, int):
                inner = shape.at(part)
                if inner is None:
                    told = f"{reference}: {shape} has no element [{part}]"
                    hint = f"the last one is [{len(shape.row) - 1}]" if shape.row else "leave out the index"
                    return Violation("", "no-elements", told, hint)
            else:
                inner = shape.field(part)
                if inner is None:
                    if shape.schema == {}:
                        return None
                    names = shape.known_fields()
                    told = f"{reference}: {shape} has no field {part!r}"
                    return Violation("", "unknown-field", told, near(part, names, listing("fields", names)))
            shape = inner
        return shape

    def suggest(self, kind: str | None, many: bool) -> str:
        """A hint: the references at hand that give one (or a list of) this kind."""
        wanted = of_kind(kind or "")
        text = str(wanted.listed() if many else wanted)
        fit = [f"$in.{kind}[*]" if many else f"$in.{kind}"] if kind in (self.attachments or ()) else []
        fit += [f"${step}" for step, shape in self.outputs.items() if shape is not None and str(shape) == text]
        fit += [f"$thread.{name}" for name, one in self.thread.items() if one == kind and not many]
        return f"use {' or '.join(fit[:6])}" if fit else f"nothing here gives {text}: add a step that does"

    def _head(self, reference: Reference, item: Item | None) -> Shape | Violation | None:
        if reference.source == "item":
            if item is None:
                return Violation("", "item-outside-each", "$item stands only in a step with each", 'add "each": REF')
            return item.shape
        if reference.source == "step":
            if reference.name not in self.steps:
                known = [f"${step}" for step in self.steps]
                hint = near(f"${reference.name}", known, listing("steps", known))
                return Violation("", "unknown-step", f"{reference}: there is no step {reference.name!r}", hint)
            return self.outputs.get(reference.name)
        if reference.source == "thread":
            if reference.name not in self.thread:
                hint = near(reference.name, self.thread, listing("thread names", self.thread))
                return Violation("", "unknown-thread-name", f"the thread knows no {reference.name!r}", hint)
            return of_kind(self.thread[reference.name])
        return self._attached(reference)

    def _attached(self, reference: Reference) -> Shape | Violation:
        kind = of_kind(reference.name)
        if self.attachments is None:
            return kind.listed() if reference.every else kind
        number = sum(one == reference.name for one in self.attachments)
        if reference.every and number:
            return kind.listed()
        if not number:
            kinds = [f"$in.{one}" for one in dict.fromkeys(self.attachments)]
            told = f"{reference}: no {reference.name} is attached"
            hint = near(reference.name, self.attachments, listing("attachments", kinds))
            return Violation("", "unknown-attachment", told, hint)
        if reference.index >= number:
            verb = "is" if number == 1 else "are"
            told = f"{reference}: only {number} {reference.name} {verb} attached"
            last = f"$in.{reference.name}[{number - 1}]" if number > 1 else f"$in.{reference.name}"
            return Violation("", "unknown-attachment", told, f"the last one is {last}")
        return kind

"""The references of the plan language: how an argument names a value that exists only while a plan runs.

    $in.image        the first attached picture    $in.image[1]   the second    $in.image[*]   all, as a list
    $thread.boxes    an artifact that the thread knows
    $s1              the output of step s1         $s1[0]         one element of a list output
    $s1.labels       a field of the output         $s1.labels[0]  one element of that field
    $item            the element in hand, inside a step with `each` (with the same tails: $item.labels[0]);
                     $item[0], $item[1] where `each` runs along several lists (["$in.image[*]", "$s1"])

A string that starts with `$$` is the literal text after the first `$`.  Only whole strings are references:
text around one is no interpolation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, Protocol

RESERVED = frozenset({"in", "thread", "item"})
"""Words that cannot be step ids, because they head references of their own."""

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_ATTACHED = re.compile(rf"\$in\.({_NAME})(?:\[(\d+|\*)\])?((?:\.{_NAME}|\[\d+\])*)\Z")
_THREAD = re.compile(rf"\$thread\.({_NAME})((?:\.{_NAME}|\[\d+\])*)\Z")
_STEP = re.compile(rf"\$({_NAME})((?:\.{_NAME}|\[\d+\])*)\Z")
_PART = re.compile(rf"\.({_NAME})|\[(\d+)\]")


class ReferenceSyntaxError(ValueError):
    """A string starts with one `$` but is no reference of the language; the message says what would be."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One parsed reference.

    `name` is the kind for `in`, the thread's name for `thread`, the step id for `step` and empty for
    `item`. `index` counts attachments of the kind from 0; `every` stands for `[*]`.  `path` holds what
    follows: a string is a field, an integer an index.
    """

    source: Literal["in", "thread", "step", "item"]
    name: str = ""
    index: int = 0
    every: bool = False
    path: tuple[str | int, ...] = ()

    def __str__(self) -> str:
        tail = "".join(f".{part}" if isinstance(part, str) else f"[{part}]" for part in self.path)
        if self.source == "in":
            return f"$in.{self.name}{'[*]' if self.every else f'[{self.index}]' if self.index else ''}{tail}"
        if self.source == "thread":
            return f"$thread.{self.name}{tail}"
        return f"${'item' if self.source == 'item' else self.name}{tail}"


def parse_reference(text: object) -> Reference | None:
    """The reference that `text` is, or None for a literal: any other value, or a string without one leading
    `$`.

    Raises ReferenceSyntaxError for a string with one leading `$` that is no reference.
    """
    if not isinstance(text, str) or not text.startswith("$") or text.startswith("$$"):
        return None
    return _parsed(text)


@lru_cache(maxsize=4096)  # checking and running a plan read the same few strings again and again
def _parsed(text: str) -> Reference:
    if match := _ATTACHED.match(text):
        kind, number, tail = match.groups()
        every = number == "*"
        return Reference("in", kind, 0 if every or number is None else int(number), every, _path(tail))
    if match := _THREAD.match(text):
        return Reference("thread", match[1], path=_path(match[2]))
    match = _STEP.match(text)
    if match is None or match[1] in ("in", "thread"):
        raise ReferenceSyntaxError(
            f"{text!r} is no reference: write $in.KIND, $in.KIND[n], $in.KIND[*], $thread.NAME, $STEP, "
            f"$STEP.field, $STEP[n] or $item, or double the sign ($${text[1:]}) for literal text"
        )
    if match[1] == "item":
        return Reference("item", path=_path(match[2]))
    return Reference("step", match[1], path=_path(match[2]))


def literal(text: str) -> str:
    """The text that a literal string stands for (`$$5` stands for `$5`)."""
    return text[1:] if text.startswith("$$") else text


def quote(text: str) -> str:
    """`text` written so that it is a literal wherever it stands in a plan."""
    return "$" + text if text.startswith("$") else text


def references_in(value: Any, path: str = "") -> Iterator[tuple[str, Reference]]:
    """Each reference of an argument with its path ("args.boxes[1]"): a string, or the strings of a list.

    Raises ReferenceSyntaxError at the first broken one.
    """
    if isinstance(value, list):
        for number, element in enumerate(value):
            yield from references_in(element, f"{path}[{number}]")
    else:
        reference = parse_reference(value)
        if reference is not None:
            yield path, reference


def rewrite(value: Any, change: Mapping[str, str]) -> Any:
    """`value` with step ids renamed by `change` in every reference, and `$in.KIND[0]` written `$in.KIND`."""
    if isinstance(value, list):
        return [rewrite(element, change) for element in value]
    reference = parse_reference(value)
    if reference is None:
        return value
    if reference.source == "step":
        name = change.get(reference.name, reference.name)
        reference = Reference("step", name, path=reference.path)
    return str(reference)


def follow(value: Any, path: Sequence[str | int]) -> Any:
    """The part of `value` at `path`: a string reads a field (attribute or key), an integer an element.

    An integer on boxes or masks gives that one box or mask, still as boxes or masks.
    Raises LookupError naming the part that is missing.
    """
    for part in path:
        if isinstance(part, int):
            parts = elements(value)
            if part >= len(parts):
                raise LookupError(f"[{part}]: there are only {len(parts)} elements")
            value = parts[part]
        elif isinstance(value, Mapping):
            if part not in value:
                raise LookupError(f".{part}: no such key, only {', '.join(map(str, value))}")
            value = value[part]
        elif not part.startswith("_") and hasattr(value, part):
            value = getattr(value, part)
        else:
            raise LookupError(f".{part}: a {type(value).__name__} has no such field")
    return value


class Takeable(Protocol):
    """A collection artifact (Boxes, Masks, …) whose elements are collections of one."""

    def __len__(self) -> int: ...

    def take(self, indices: Sequence[int]) -> Any:
        """The elements at `indices`, as a collection of the same kind."""


def elements(value: Any) -> list[Any]:
    """What a step with `each` runs over: a list's elements; for boxes and masks, one-element collections.

    Raises LookupError where the value is no collection.
    """
    if isinstance(value, list | tuple):
        return list(value)
    if hasattr(value, "take") and hasattr(value, "__len__"):
        collection: Takeable = value
        return [collection.take([index]) for index in range(len(collection))]
    raise LookupError(f"a {type(value).__name__} has no elements")


def rounds(each: object, value: Any) -> list[Any]:
    """The elements of a step whose `each` is `value` once resolved: one `$item` per run of the tool.

    Where `each` lists references to lists, the step runs along them in step: `$item[0]` is the element of the first
    list, `$item[1]` that of the second. Raises LookupError for no collection, or for lists of different lengths.
    """
    if isinstance(each, list) and value and all(isinstance(one, list | tuple) for one in value):
        lengths = [len(one) for one in value]
        if len(set(lengths)) > 1:
            raise LookupError(f"the lists to run along have different lengths: {', '.join(map(str, lengths))}")
        return [list(row) for row in zip(*value, strict=True)]
    return elements(value)


def resolve(
    value: Any,
    *,
    inputs: Mapping[str, Sequence[Any]],
    thread: Mapping[str, Any],
    outputs: Mapping[str, Any],
    item: Any = None,
) -> Any:
    """An argument with every reference replaced by the value it names, and `$$` literals unescaped.

    `inputs` holds the attachments by kind in the order given, `outputs` the finished steps' values by id.
    Raises LookupError naming the reference that has no value.
    """
    if isinstance(value, list):
        return [resolve(one, inputs=inputs, thread=thread, outputs=outputs, item=item) for one in value]
    reference = parse_reference(value)
    if reference is None:
        return literal(value) if isinstance(value, str) else value
    try:
        return follow(_head(reference, inputs, thread, outputs, item), reference.path)
    except LookupError as error:
        raise LookupError(f"{reference}: {error.args[0] if error.args else 'no such value'}") from None


def _head(
    reference: Reference,
    inputs: Mapping[str, Sequence[Any]],
    thread: Mapping[str, Any],
    outputs: Mapping[str, Any],
    item: Any,
) -> Any:
    if reference.source == "item":
        return item
    if reference.source == "step":
        if reference.name not in outputs:
            raise LookupError(f"step {reference.name} has no output")
        return outputs[reference.name]
    if reference.source == "thread":
        if reference.name not in thread:
            raise LookupError(f"the thread knows no {reference.name}")
        return thread[reference.name]
    attached = inputs.get(reference.name, ())
    if reference.every:
        return list(attached)
    if reference.index >= len(attached):
        raise LookupError(f"only {len(attached)} attached")
    return attached[reference.index]


def _path(tail: str) -> tuple[str | int, ...]:
    return tuple(field or int(index) for field, index in _PART.findall(tail))

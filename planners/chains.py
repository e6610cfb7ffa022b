"""The cheapest ways from the kinds at hand to another kind, by the tools' types alone.

Tools are edges of a hypergraph: one needs all its required artifacts.  Knuth's generalisation of Dijkstra's
algorithm (D. E. Knuth, "A generalization of Dijkstra's algorithm", Information Processing Letters 6, 1977)
finds for each kind the tool that gives it at the least cost.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..tools.contract import Tool
from ..tools.registry import Registry

Cost = tuple[int, int]
"""What a chain loses of the meaning, then what it takes; compared in that order."""

SELECTIONS = ("boxes", "masks", "points", "spans")
"""Kinds that say which things of a medium are meant."""

_LOSS: Mapping[str, int] = {"meaning": 0, "form": 1, "part": 2}
_MEDIA = ("image", "audio", "video", "point_cloud")
_BLIND = 3  # more than to find what is named and then to outline it
_TAKES: Mapping[str, int] = {"instant": 1, "cpu": 2, "model": 20, "remote": 60}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a kind comes from: `tool` is None for one that is at hand; `drawn` where words alone were made a medium."""

    cost: Cost
    tool: Tool | None
    drawn: bool = False


def needs(tool: Tool) -> tuple[str, ...]:
    """The kinds of the artifacts that the tool cannot do without."""
    return tuple(param.kind for param in tool.params if param.kind is not None and not param.optional)


def refines(tool: Tool) -> bool:
    """Whether the tool gives the kind that it is given, so that it changes a value rather than making one."""
    return tool.returns.kind in needs(tool)


def narrows(tool: Tool) -> bool:
    """Whether the tool chooses among things found, which is part of naming them."""
    return refines(tool) and tool.returns.kind in SELECTIONS


def edits(tool: Tool) -> bool:
    """Whether the tool gives a changed medium of the same form, so that edits can follow each other on it."""
    return refines(tool) and not narrows(tool) and tool.card.keeps == "form"


def sources(at_hand: Iterable[str], tools: Iterable[Tool]) -> dict[str, Source]:
    """For each kind that can be had from those at hand: its cheapest source."""
    makers = [tool for tool in tools if _makes_one(tool) and not refines(tool) and needs(tool)]
    found: dict[str, Source] = {}
    queue: list[tuple[Cost, int, str, Tool | None]] = [((0, 0), -1, kind, None) for kind in at_hand]
    heapq.heapify(queue)
    while queue:
        cost, _, kind, tool = heapq.heappop(queue)
        if kind in found:
            continue
        found[kind] = Source(cost, tool, tool is not None and _drawn(tool, found))
        for number, maker in enumerate(makers):
            gives = maker.returns.kind
            if gives is not None and kind in needs(maker) and _may_run(maker, found):
                heapq.heappush(queue, (_cost(maker, found), number, gives, maker))
    return found


def chain(kinds_in: Iterable[str], kind_out: str, registry: Registry) -> list[str] | None:
    """The names of the tools on the cheapest way to `kind_out` that keeps most of the meaning, in running
    order.

    An empty list where the kind is at hand, None where no tools lead there.
    """
    found = sources(kinds_in, registry.tools())
    if kind_out not in found:
        return None
    return list(dict.fromkeys(_walk(kind_out, found)))


@dataclass(frozen=True, slots=True)
class Way:
    """How a kind is made from others: the tools in running order, and how much of the meaning they lose (0: none)."""

    tools: tuple[str, ...]
    loss: int


def way(kinds_in: Iterable[str], kind_out: str, tools: Sequence[Tool]) -> Way | None:
    """The cheapest chain of one tool at least that ends in `kind_out`, whether or not the kind is at hand.

    None where no tools lead there. A tool that only chooses among what it is given makes nothing.
    """
    found = sources(kinds_in, tools)
    ends = [
        (_cost(tool, found), number)
        for number, tool in enumerate(tools)
        if tool.returns.kind == kind_out
        and _makes_one(tool)
        and not narrows(tool)
        and needs(tool)
        and _may_run(tool, found)
    ]
    if not ends:
        return None
    (loss, _), number = min(ends)
    last = tools[number]
    before = [name for need in needs(last) for name in _walk(need, found)]
    return Way((*dict.fromkeys(before), last.name), loss)


def _walk(kind: str, found: Mapping[str, Source]) -> Iterator[str]:
    tool = found[kind].tool
    if tool is not None:
        for need in needs(tool):
            yield from _walk(need, found)
        yield tool.name


def _cost(tool: Tool, found: Mapping[str, Source]) -> Cost:
    parts = [found[kind].cost for kind in dict.fromkeys(needs(tool))]
    asks = any(param.kind is None and not param.optional for param in tool.params)  # keeps what is asked for, no more
    loss = _LOSS[tool.card.keeps] + asks + _BLIND * _blind(tool) + sum(part[0] for part in parts)
    return loss, _TAKES[tool.card.cost] + sum(part[1] for part in parts)


def _makes_one(tool: Tool) -> bool:
    return tool.returns.kind is not None and not tool.returns.many


def _drawn(tool: Tool, found: Mapping[str, Source]) -> bool:
    return needs(tool) == ("text",) and tool.returns.kind in _MEDIA or any(found[need].drawn for need in needs(tool))


def _may_run(tool: Tool, found: Mapping[str, Source]) -> bool:
    """Whether what the tool needs can be had. What is found in a picture that was drawn from words is no finding."""
    there = all(need in found for need in needs(tool))
    return there and not (tool.card.keeps == "part" and any(found[need].drawn for need in needs(tool)))


def _blind(tool: Tool) -> bool:
    """Whether the tool finds things and cannot be told which: it takes neither words for them nor a selection."""
    told = any(param.kind in SELECTIONS or (param.kind is None and param.many) for param in tool.params)
    return tool.returns.kind in SELECTIONS and not told

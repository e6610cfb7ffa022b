"""Spans of requests in gold plans: in the request's own spelling, and such as can be copied. Stdlib and rjieba only."""

from __future__ import annotations

import re
from typing import Any

from .....planners.backends.prompt_format import segmented, whole
from .catalog import Catalog


class Unfit(Exception):
    """The drawn pieces do not make a request; another is drawn."""


def _spans(step: dict[str, Any], catalog: Catalog) -> dict[str, Any]:
    """The arguments of a step that are words of the request."""
    closed = {arg.name for arg in catalog[step["tool"]].args if arg.options}
    told = {name: value for name, value in step["args"].items() if name not in closed}
    return {name: value for name, value in told.items() if any(not one.startswith("$") for one in _listed(value))}


def _listed(value: Any) -> list[str]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def in_words(plan: dict[str, Any], text: str, catalog: Catalog) -> bool:
    """Whether the plan's spans begin and end where words do: others cannot be copied, and so not be learnt."""
    words = segmented(text)
    spans = [span for step in plan["steps"] for value in _spans(step, catalog).values() for span in _listed(value)]
    return all(whole(span, text, words) is not None for span in spans)


def verbatim(plan: dict[str, Any], text: str, catalog: Catalog) -> dict[str, Any]:
    """The plan with its spans in the request's own capitals; raises Unfit where one is no span of the request."""
    low = text.lower()
    for step in plan["steps"]:
        for name, told in _spans(step, catalog).items():
            own = [text[start:end] for start, end in (_apart(span.lower(), low) for span in _listed(told))]
            step["args"][name] = own if isinstance(told, list) else own[0]
    return plan


_LETTER = re.compile(r"[^\W\u4e00-\u9fff]")


def _apart(span: str, text: str) -> tuple[int, int]:
    """Where the span first stands in the text with no letter beside it, Chinese signs aside; raises Unfit."""
    start = text.find(span)
    while start >= 0:
        end = start + len(span)
        if not (start and _LETTER.match(text, start - 1) or _LETTER.match(text, end)):
            return start, end
        start = text.find(span, start + 1)
    raise Unfit

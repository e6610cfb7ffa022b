"""A result as static HTML: no script, no file beside it, so that it shows in any notebook and survives saving."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from ..planners.plan import Plan
from ..tools.media.artifact import Artifact
from ..tools.media.image import Image

_WIDEST = 640  # pixels; larger pictures are shown reduced, the artifact itself keeps its size
_MOST_INLINE_BYTES = 20_000_000
_MARKS = {"done": "✓", "empty": "∅", "failed": "✗", "not_run": "–", "cancelled": "■"}
_STYLE = "font-family:system-ui,sans-serif;max-width:72em;line-height:1.45"
_CELL = "style='text-align:left;vertical-align:top;padding:2px 10px;border-bottom:1px solid #8884'"
# Squares show through where a cut-out is transparent.
_CHECKED = "background:repeating-conic-gradient(#ddd 0% 25%,#fff 0% 50%) 0 0/16px 16px"


def to_html(
    text: str,
    media: Mapping[str, Artifact],
    plan: Plan | None,
    steps: Mapping[str, Mapping[str, Any]],
    facts: Sequence[str],
) -> str:
    """The answer's text, named media, the plan with its steps' records, and a line of facts."""
    shown = [
        f"<p style='font-size:1.1em;white-space:pre-wrap'>{escape(text)}</p>",
        *_figures(media),
        *([_plan_table(plan, steps)] if plan is not None else []),
        f"<p style='opacity:.7;font-size:.85em'>{escape(' · '.join(facts))}</p>",
    ]
    return f"<div style='{_STYLE}'>{''.join(shown)}</div>"


def _figures(named: Mapping[str, Artifact]) -> Iterator[str]:
    if named:
        yield "<div style='display:flex;flex-wrap:wrap;gap:16px;align-items:flex-start'>"
        for name, artifact in named.items():
            yield (
                f"<figure style='margin:0'>{_media(artifact)}"
                f"<figcaption style='font-size:.85em;opacity:.7'>{escape(name)}</figcaption></figure>"
            )
        yield "</div>"


def _media(artifact: Artifact) -> str:
    if isinstance(artifact, Image):
        return f"<img alt='' style='max-width:100%;{_CHECKED}' src='{_picture(artifact)}'>"
    if artifact.kind in ("audio", "video"):
        content, mime = artifact.encode()
        if len(content) > _MOST_INLINE_BYTES:
            return f"<p>{len(content) / 1e6:.0f} MB of {artifact.kind}: save the result to play it</p>"
        return f"<{artifact.kind} controls src='{_data(content, mime)}'></{artifact.kind}>"
    if artifact.kind == "text":
        return f"<pre style='white-space:pre-wrap;max-width:40em'>{escape(str(getattr(artifact, 'text', '')))}</pre>"
    facts = {key: value for key, value in artifact.handle().items() if key not in ("mime", "id", "image_id")}
    return f"<pre style='max-width:40em;white-space:pre-wrap'>{escape(json.dumps(facts, ensure_ascii=False))}</pre>"


def _picture(image: Image) -> str:
    picture = image.to_pil()
    picture.thumbnail((_WIDEST, _WIDEST))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return _data(buffer.getvalue(), "image/png")


def _data(content: bytes, mime: str) -> str:
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def _plan_table(plan: Plan, steps: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [f"<tr>{''.join(f'<th {_CELL}>{name}</th>' for name in ('', 'step', 'tool', 'arguments', 'seconds'))}</tr>"]
    for step in plan.steps:
        record = steps.get(step.id, {})
        arguments = {**({"each": step.each} if step.each else {}), **step.args}
        told = ", ".join(f"{name}={_literal(value)}" for name, value in arguments.items())
        seconds = record.get("seconds")
        error = record.get("error") or {}
        cells = (
            _MARKS.get(str(record.get("status")), ""),
            step.id,
            step.tool,
            told + (f" — {error['message']}" if error else ""),
            f"{seconds:.3f}" if seconds else "",
        )
        rows.append(f"<tr>{''.join(f'<td {_CELL}>{escape(cell)}</td>' for cell in cells)}</tr>")
    by = f" by {plan.planner}" if plan.planner else ""
    return (
        f"<details open><summary>plan{escape(by)}, answers {escape(', '.join(plan.answer))}</summary>"
        f"<table style='border-collapse:collapse;font-size:.9em'>{''.join(rows)}</table></details>"
    )


def _literal(value: object) -> str:
    return value if isinstance(value, str) and value.startswith("$") else json.dumps(value, ensure_ascii=False)

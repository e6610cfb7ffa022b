"""Requests in Chinese (best effort: a twentieth of the training data). Stdlib only."""

from __future__ import annotations

from . import wording as w
from .build import Build
from .nouns import Source


def chinese(s: Source) -> tuple[str, Build]:
    """One or two intents in Chinese."""
    b = Build("$in.image")
    parts = []
    for _ in range(1 if s.chance(0.65) else 2):
        noun = s.rng.choice(w.CHINESE_NOUNS)
        kind = s.rng.choice(tuple(w.CHINESE))
        select = s.rng.choice(tuple(w.CHINESE_SELECT)) if kind != "count" and s.chance(0.35) else ""
        tint = s.rng.choice(tuple(w.CHINESE_COLOURS)) if s.chance(0.25) else ""
        colour = s.rng.choice(tuple(w.CHINESE_COLOURS))
        text = s.form(w.CHINESE[kind]).format(
            np=f"{select}{tint}{'的' if tint and s.chance(0.4) else ''}{noun}", c=colour
        )
        if kind == "describe":
            b.results.append(b.step("perceive", image=b.base, question=text.strip("？")))
            parts.append(text)
            continue
        boxes = b.boxes([noun], w.CHINESE_COLOURS.get(tint), w.CHINESE_SELECT.get(select))
        if kind == "count":
            b.results.append(b.step("count", boxes=boxes))
        elif kind == "locate":
            b.results.append(b.step("locate", boxes=boxes))
        elif kind == "crop":
            b.results.append(b.step("crop", image=b.base, boxes=boxes))
        elif kind == "annotate":
            b.picture = b.step("annotate", image=b.picture, boxes=boxes)
            b.results.append(b.picture)
        elif kind in ("colour", "cut"):
            tool = {"colour": "colour", "cut": "cut_out"}[kind]
            b.results.append(b.step(tool, image=b.base, masks=b.masks(boxes)))
        else:
            tool = {"blur": "blur", "grey": "greyscale", "recolour": "recolour"}[kind]
            more = {"colour": w.CHINESE_COLOURS[colour]} if kind == "recolour" else {}
            b.picture = b.step(tool, image=b.picture, masks=b.masks(boxes), **more)
            b.results.append(b.picture)
        parts.append(text)
    return s.rng.choice(w.CHINESE_JOIN).join(part.rstrip("？") for part in parts), b

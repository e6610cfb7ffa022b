"""Requests with gold plans, composed from small grammars: what the planner LM of `mini` is trained and tested on.

A request is one to three intents about one picture, a numbered picture, every picture, or the thread's picture; later
intents may speak of what an earlier one found ("the largest one", "them", "it"), and then share its steps. Close to
half of the nouns are pseudo-words, so that the model learns to copy spans instead of learning nouns.

    sample(random.Random(0), split="train") -> Example(text, attachments, thread, plan, kind)

Splits: `train`; `seen` (trained forms, trained nouns); `forms` (held-out forms only); `nouns` (trained forms, held-out
nouns); `joined` (trained forms, at least two intents). Stdlib only.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace
from typing import Any

from . import wording as w
from .build import MAX_STEPS, Build
from .chinese import chinese
from .nouns import Forms, Noun, Source, anaphor, article, phrase

SPLITS = ("train", "seen", "forms", "nouns", "joined")

# How often each intent is drawn; "whole" edits the whole picture.
INTENTS = {"count": 18, "colour": 10, "locate": 8, "find": 6, "annotate": 6, "outline": 3, "segment": 5, "cut": 14,
           "crop": 7, "blur": 9, "grey": 7, "recolour": 7, "whole": 8, "describe": 9}  # fmt: skip


@dataclass(frozen=True)
class Example:
    """A request and the plan that it asks for."""

    text: str
    attachments: tuple[str, ...]
    thread: tuple[str, ...]
    plan: dict[str, Any]
    kind: str  # "single", "joined", "each", "nth", "thread", "chinese"


def _boxes(b: Build, np: Noun) -> str:
    b.spoken = np.again or b.boxes(np.labels, np.colour, np.select, np.start)
    return b.spoken


@dataclass(frozen=True)
class _Setting:
    """How the picture is spoken of."""

    inside: str
    picture: str


def _fill(s: Source, form: str, setting: _Setting, np: Noun | None, **more: str) -> str:
    spelling = {"colour": "colour", "grey": "grey"} if s.british else {"colour": "color", "grey": "gray"}
    values = {"in": setting.inside, "pic": setting.picture, "p": s.picture, **spelling, **more}
    if np is not None:
        values |= {"np": np.text, "pl": np.plural, "n": np.bare, "a": article(np.plural or np.bare),
                   "the_pl": np.text}  # fmt: skip
    text = form.format(**values)
    if np is not None and not np.single:  # "what colour is the circles" is heard, but seldom
        text = re.sub(rf"\b(is|does) (?={re.escape(np.text)})", lambda m: {"is": "are ", "does": "do "}[m[1]], text)
    return re.sub(r" +", " ", text).strip()


def _ask(s: Source, b: Build, setting: _Setting, np: Noun, boxes_kind: str) -> tuple[str, bool]:
    """Questions about found things: count, is there, colour, place. Gives the text and whether it is a question."""
    question = s.chance(0.6)
    if boxes_kind == "count" and not np.again and not np.start and s.chance(0.07):
        other = phrase(s, may_select=False, single=False)
        text = _fill(s, s.form(w.COUNT_TWO), setting, np, pl2=other.plural)
        b.results.append(b.step("count", boxes=_boxes(b, np)))
        b.results.append(b.step("count", boxes=_boxes(b, other)))
        question = text.startswith("how")
    elif boxes_kind == "count":
        forms: Forms = w.COUNT_Q if question else w.COUNT_I
        if np.again or np.start:
            text = s.form(w.COUNT_AGAIN if np.again else w.COUNT_OF).format(np=np.text)
            question = text.startswith("how")
        elif s.chance(0.22):
            form = s.form(w.EXIST_Q)
            if "{a}" in form or "{n}" in form:  # the singular is what the request says, so it is the label
                tint = f"{np.colour} " if np.colour else ""
                np = replace(np, labels=[np.bare], plural=tint + np.bare, bare=tint + np.bare)
            forms, question = ((form,), (form,)), True
        text = text if np.again or np.start else _fill(s, s.form(forms), setting, np)
        b.results.append(b.step("count", boxes=_boxes(b, np)))
    elif boxes_kind == "colour":
        text = _fill(s, s.form(w.COLOUR_Q if question else w.COLOUR_I), setting, np)
        b.results.append(b.step("colour", image=b.base, masks=b.masks(_boxes(b, np))))
    else:
        text = _fill(s, s.form(w.LOCATE_Q if question else w.LOCATE_I), setting, np)
        b.results.append(b.step("locate", boxes=_boxes(b, np)))
    return text, question


def _show(s: Source, b: Build, setting: _Setting, np: Noun, kind: str) -> str:
    """Finding, marking, cutting: new things made from a noun phrase."""
    table = {"find": w.FIND_I, "annotate": w.ANNOTATE_I, "outline": w.OUTLINE_I, "segment": w.SEGMENT_I,
             "cut": w.CUT_I, "crop": w.CROP_I}[kind]  # fmt: skip
    form = s.form(table)
    while "{pl}" in form and (np.again or np.start or np.single):
        form = s.form(table)
    text = _fill(s, form, setting, np)
    boxes = _boxes(b, np)
    if kind == "find":
        b.results.append(boxes)
    elif kind == "annotate":
        b.picture = b.step("annotate", image=b.picture, boxes=boxes)
        b.results.append(b.picture)
    elif kind == "outline":
        masks = b.masks(boxes)
        b.picture = b.step("annotate", image=b.picture, masks=masks)
        b.results.append(b.picture)
    elif kind == "segment":
        b.results.append(b.masks(boxes))
    elif kind == "cut":
        b.results.append(b.step("cut_out", image=b.base, masks=b.masks(boxes)))
    else:
        b.results.append(b.step("crop", image=b.base, boxes=boxes))
    return text


def _edit(s: Source, b: Build, setting: _Setting, np: Noun | None, kind: str, target: str | None = None) -> str:
    """Blur, grey, recolour: of a noun phrase, of the whole picture (`np` None), or of a result (`target`)."""
    table = {"blur": w.BLUR_I, "grey": w.GREY_I, "recolour": w.RECOLOUR_I}[kind]
    spoken = np or Noun([], setting.picture if target is None else "it", "", True)
    if np is None:
        setting = replace(setting, inside="")
    colour = s.rng.choice(w.COLOURS)
    text = _fill(s, s.form(table), setting, spoken, c=colour)
    image = target or b.picture
    args: dict[str, Any] = {"image": image}
    if np is not None:
        args["masks"] = b.masks(_boxes(b, np))
    if kind == "recolour":
        args["colour"] = colour
    done = b.step({"blur": "blur", "grey": "greyscale", "recolour": "recolour"}[kind], **args)
    if target is None:
        b.picture = done
    b.results.append(done)
    return text


def _intent(
    s: Source, b: Build, setting: _Setting, last: tuple[Noun, str] | None
) -> tuple[str, bool, tuple[Noun, str] | None]:
    """One intent: (text, is it a question, what it spoke of)."""
    kind = s.rng.choices(tuple(INTENTS), tuple(INTENTS.values()))[0]
    if kind == "describe":
        return *_describe(s, b, setting), last
    if kind == "whole":
        return _edit(s, b, setting, None, s.rng.choice(("blur", "grey"))), False, None
    if last is not None and s.chance(0.7):
        np = anaphor(s, *last)
    elif kind == "count":
        np = phrase(s, may_select=False, single=False)
    elif kind in ("colour", "locate"):
        np = phrase(s, single=True if s.chance(0.7) else None)
    else:
        np = phrase(s)
    if kind in ("count", "colour", "locate"):
        if kind == "count" and np.single and np.again:
            kind = "locate"
        text, question = _ask(s, b, setting, np, kind)
    elif kind in ("blur", "grey", "recolour"):
        text, question = _edit(s, b, setting, np, kind), False
    else:
        text, question = _show(s, b, setting, np, kind), False
    return text, question, (np, b.spoken)


def _sentences(s: Source, parts: list[tuple[str, bool]]) -> str:
    """Join intents into one request, with politeness, question marks and capitals at random."""
    text = ""
    for index, (body, question) in enumerate(parts):
        if question:
            piece = body + s.rng.choice(("?", "?", "?", ""))
        else:
            piece = s.form(w.POLITE).format(i=body) if s.chance(0.45 if index == 0 else 0.12) else body
        if index:
            if parts[index - 1][1] and s.chance(0.75):
                joiner = s.rng.choice(w.JOIN_QUESTIONS)
                if joiner[0] in ",;":
                    text = text.rstrip("?")
                elif not text.endswith("?"):
                    text += s.rng.choice(("?", "", "."))
            elif question and s.chance(0.6):
                joiner = s.rng.choice((". ", ". ", " and ", ". and ", ", ", ". also, "))
            else:
                joiner = s.form(w.JOIN)
                text = text.rstrip("?.")
            text += joiner
        text += piece
    if s.chance(0.4) and text[-1].isalnum():
        text += "."
    return text


def _capitals(s: Source, text: str) -> str:
    if s.chance(0.7):
        text = re.sub(r"(^|[.?!]\s+)([a-z])", lambda m: m[1] + m[2].upper(), text)
    return text


def _setting(s: Source, where: str, index: int, n: int) -> _Setting:
    tables = {"one": (w.IN_ONE, w.PIC_ONE), "thread": (w.IN_THREAD, w.PIC_THREAD), "nth": (w.IN_NTH, w.PIC_NTH)}
    inside, picture = tables.get(where, (w.IN_EACH, w.PIC_EACH))
    words = {"p": s.picture, "k": w.ORDINAL[index] if index < n - 1 or s.chance(0.6) else "last", "d": str(index + 1)}
    return _Setting(s.form(inside).format(**words), s.form(picture).format(**words))


def _describe(s: Source, b: Build, setting: _Setting) -> tuple[str, bool]:
    """A question about the picture as a whole: one perceive step with the clause as its question."""
    first, second = s.noun()[0], s.noun()[0]
    np = Noun([first], f"the {first}", first, True, bare=first)
    setting = replace(setting, inside=setting.inside or f"in the {s.picture}")
    question = _fill(s, s.form(w.DESCRIBE, always=True), setting, np, n2=second)
    b.results.append(b.step("perceive", image=b.base, question=question))
    return question, question.startswith(("what", "is", "which", "who", "how"))


def sample(rng: random.Random, split: str = "train") -> Example:
    """One example of a split; the same generator state gives the same example."""
    while True:
        example = _try(rng, split)
        if example is not None:
            return example


def _try(rng: random.Random, split: str) -> Example | None:
    s = Source(rng, split)
    if split in ("train", "seen") and s.chance(0.05):
        said, asked = chinese(s)
        fits = len(asked.steps) <= MAX_STEPS
        return Example(said, ("image",), (), asked.plan(), "chinese") if fits else None
    where = "one" if split == "joined" else rng.choices(("one", "nth", "each", "thread"), (68, 9, 11, 12))[0]
    n = 1 if where == "one" else rng.randint(2, 4)
    index = rng.randrange(n)
    base = {"one": "$in.image", "nth": f"$in.image[{index}]" if index else "$in.image", "each": "$in.image[*]",
            "thread": "$thread.image"}[where]  # fmt: skip
    attachments = () if where == "thread" else ("image",) * n
    kinds: tuple[str, ...] = rng.choice(
        (("image",), ("image",), ("image", "boxes"), ("boxes", "image", "masks"), ("image", "text"))
    )
    thread = kinds if where == "thread" or s.chance(0.12) else ()
    setting = _setting(s, where, index, n)
    b = Build(base, "$thread.boxes" if where == "thread" and "boxes" in thread else None)
    last: tuple[Noun, str] | None = None
    if b.known_boxes and s.chance(0.7):
        last = (Noun([], "", "", False, bare=s.noun()[0]), b.known_boxes)
    number = rng.choices((1, 2, 3), (50, 40, 10))[0] if split != "joined" else rng.choices((2, 3), (80, 20))[0]
    parts: list[tuple[str, bool]] = []
    for i in range(number):
        if i and s.chance(0.5):
            setting = replace(setting, inside="")
        text, question, spoken = _intent(s, b, setting, last)
        last = spoken or last
        made = b.steps[-1]["tool"] if b.steps else ""
        named = (setting.inside and setting.inside in text) or setting.picture in text
        # Several pictures and none named: each of them is meant, so a quarter of those requests stay that way.
        if i == 0 and not named and (where == "nth" or where == "each" and s.chance(0.75)):
            if not setting.inside or made == "perceive":
                return None
            text = f"{text} {setting.inside}"
        parts.append((text, question))
        if made in ("cut_out", "crop") and i + 1 < number and s.chance(0.45):
            kind = s.rng.choice(("blur", "grey", "grey"))
            parts.append((_edit(s, b, setting, None, kind, target=f"$s{len(b.steps)}"), False))
            break
    if not 1 <= len(b.steps) <= MAX_STEPS:
        return None
    text = _sentences(s, parts)
    if s.chance(0.12):
        text = _fill(s, s.form(w.FRAMES), setting, None) + " " + text
    text = re.sub(r" +([?.,])", r"\1", re.sub(r" +", " ", text)).strip()
    text = _capitals(s, text if s.chance(0.93) else text.upper() if s.chance(0.1) else text.rstrip("?."))
    plan = _verbatim(b.plan(), text)
    if plan is None or not plan["answer"]:
        return None
    kind = where if where != "one" else "joined" if len(parts) > 1 else "single"
    return Example(text, attachments, thread, plan, kind)


def _verbatim(plan: dict[str, Any], text: str) -> dict[str, Any] | None:
    """Labels in the request's own capitals; None where one is no span of the request."""
    low = text.lower()
    for step in plan["steps"]:
        for name in {"labels", "question"} & step["args"].keys():
            spans = step["args"][name]
            found = [re.search(rf"(?<!\w){re.escape(span.lower())}(?!\w)", low)
                     for span in (spans if name == "labels" else [spans])]  # fmt: skip
            if None in found:
                return None
            said = [text[f.start() : f.end()] for f in found if f]
            step["args"][name] = said if name == "labels" else said[0]
    return plan

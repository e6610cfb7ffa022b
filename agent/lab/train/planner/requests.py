"""Requests with gold plans, composed from small grammars: what the planner LM of `mini` is trained and tested on.

A request is one to three intents about one picture, a numbered picture, every picture, or the thread's picture; later
intents may speak of what an earlier one found ("the largest one", "them", "it"), and then share its steps. Close to half of the
nouns are pseudo-words, so that the model learns to copy spans instead of learning nouns.

    sample(random.Random(0), split="train") -> Example(text, attachments, thread, plan, kind)

Splits: `train`; `seen` (trained forms, trained nouns); `forms` (held-out forms only); `nouns` (trained forms, held-out
nouns); `joined` (trained forms, at least two intents). Stdlib only.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import wording as w
from .build import MAX_STEPS, Build

SPLITS = ("train", "seen", "forms", "nouns", "joined")
Forms = tuple[Sequence[str], Sequence[str]]


@dataclass(frozen=True)
class Example:
    """A request and the plan that it asks for."""

    text: str
    attachments: tuple[str, ...]
    thread: tuple[str, ...]
    plan: dict[str, Any]
    kind: str  # "single", "joined", "each", "nth", "thread", "chinese"


@dataclass(frozen=True)
class Noun:
    """A noun phrase: what is looked for, how it is narrowed, how it is said."""

    labels: list[str]
    text: str  # with an article
    plural: str  # without one
    single: bool = False
    colour: str | None = None
    select: str | None = None
    start: str | None = None  # boxes of an earlier intent that it narrows
    again: str | None = None  # boxes of an earlier intent that it simply is
    bare: str = ""


class _Source:
    """Random choices of one example."""

    def __init__(self, rng: random.Random, split: str) -> None:
        self.rng, self.split = rng, split
        self.british = rng.random() < 0.55
        self.picture = rng.choice(w.PICTURE)

    def form(self, table: Forms, always: bool = False) -> str:
        held_out = self.split == "forms" and (always or self.rng.random() < 0.5) and len(table[1]) > 0
        return self.rng.choice(table[1] if held_out else table[0])

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def noun(self) -> tuple[str, str]:
        """(singular, plural); pseudo-words, held-out nouns, or known ones by split."""
        roll = self.rng.random()
        if self.split == "nouns":
            one = self.rng.choice(w.HELD_OUT_NOUNS)
        elif roll < 0.45 and self.split == "train":
            one = pseudo_word(self.rng)
            if self.chance(0.12):
                one = f"{pseudo_word(self.rng)}_{self.rng.choice((pseudo_word(self.rng), self.rng.choice(w.CLASSES)))}"
        else:
            one = self.rng.choice(w.CLASSES if self.chance(0.5) else w.NOUNS)
        if self.chance(0.04):
            one = f"{self.rng.choice(w.ADJECTIVES)}_{one}"
        one = one.replace("_", " ")
        return one, plural(one)


def pseudo_word(rng: random.Random) -> str:
    """A pronounceable word that is none, e.g. "blorket"."""
    onsets = "b c d f g h j k l m n p r s t v w z bl br cl cr dr fl fr gl gr pl pr sc sh sk sl sm sn sp st str th tr".split()
    codas = "b ck d ft g k l ll m mp n nd ng nk nt p r rd rk rn rt sh sk st t x zz".split()
    word = ""
    for _ in range(rng.choice((1, 1, 2, 2, 2, 3))):
        word += rng.choice(onsets) + rng.choice("aeiou") + (rng.choice(codas) if rng.random() < 0.6 else "")
    return word + (rng.choice(("le", "er", "et", "o", "y", "in")) if len(word) < 3 or rng.random() < 0.2 else "")


def plural(noun: str) -> str:
    """The English plural of a noun phrase's last word."""
    head, _, last = noun.rpartition(" ")
    if last in w.IRREGULAR:
        last = w.IRREGULAR[last]
    elif last.endswith(("s", "x", "sh", "ch", "z")):
        last += "es"
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        last = last[:-1] + "ies"
    else:
        last += "s"
    return f"{head} {last}".strip()


def _article(noun: str) -> str:
    return f"an {noun}" if noun.startswith(tuple("aeiou")) else f"a {noun}"


def _phrase(s: _Source, *, may_select: bool = True, single: bool | None = None) -> Noun:
    """A fresh noun phrase."""
    one, many = s.noun()
    colour = s.rng.choice(w.COLOURS) if s.chance(0.22) else None
    tint = f"{colour} " if colour else ""
    if may_select and single is not False and s.chance(0.33):
        by = s.rng.choice(tuple(w.SELECT) if s.chance(0.5) else ("largest", "smallest", "leftmost", "rightmost"))
        if by in w.SELECT_AFTER and s.chance(0.22):
            text = f"the {tint}{one} {s.rng.choice(w.SELECT_AFTER[by])}"
        elif s.chance(0.08):
            return Noun([many], f"the {s.form(w.SELECT[by])} of the {tint}{many}", tint + many, True, colour, by, bare=one)
        else:
            text = f"the {s.form(w.SELECT[by])} {tint}{one}"
        return Noun([one], text, tint + one, True, colour, by, bare=one)
    if single or (single is None and s.chance(0.4)):
        return Noun([one], f"the {tint}{one}", tint + one, True, colour, bare=one)
    if s.chance(0.13):
        one2, many2 = s.noun()
        if many2 != many:
            both = s.rng.choice((" and ", " and ", " or ", ", ")) if s.chance(0.5) else " and "
            if colour is None:
                article = s.rng.choice(("the ", "the ", "all ", "all the "))
                again = "the " if article.endswith("the ") and s.chance(0.5) else ""
                return Noun([many, many2], f"{article}{many}{both}{again}{many2}", f"{many}{both}{many2}", bare=one)
    if s.chance(0.08):
        return Noun([one], f"every {tint}{one}", tint + many, False, colour, bare=one)
    article = s.rng.choice(("the ", "the ", "the ", "all the ", "all ", "all of the ", "the ", "any "))
    return Noun([many], f"{article}{tint}{many}", tint + many, False, colour, bare=one)


def _anaphor(s: _Source, last: Noun, boxes: str) -> Noun:
    """A phrase that speaks of what the intent before found."""
    if last.single:
        text = s.rng.choice(("it", "it", "it", "that one", f"that {last.bare}", f"the {last.bare}"))
        return Noun([], text, "", True, again=boxes, bare=last.bare)
    roll = s.rng.random()
    if roll < 0.55:
        by = s.rng.choice(tuple(w.SELECT) if s.chance(0.4) else ("largest", "smallest", "leftmost", "rightmost"))
        word = s.form(w.SELECT[by])
        text = s.rng.choice((f"the {word} one", f"the {word} one", f"the {word} one", f"the {word} of them", f"the {word}",
                             f"the {word} {last.bare}", f"the {word} of those"))  # fmt: skip
        return Noun([], text, "", True, None, by, start=boxes, bare=last.bare)
    if roll < 0.68 and last.colour is None:
        colour = s.rng.choice(w.COLOURS)
        return Noun([], f"the {colour} {s.rng.choice(('ones', 'ones', 'one'))}", "", False, colour, start=boxes, bare=last.bare)
    return Noun([], s.rng.choice(("them", "them", "them", "all of them", "those", "these", "them all")), "", False,
                again=boxes, bare=last.bare)  # fmt: skip


def _boxes(b: Build, np: Noun) -> str:
    b.spoken = np.again or b.boxes(np.labels, np.colour, np.select, np.start)
    return b.spoken


@dataclass(frozen=True)
class _Setting:
    """How the picture is spoken of."""

    inside: str
    picture: str


def _fill(s: _Source, form: str, setting: _Setting, np: Noun | None, **more: str) -> str:
    values = {"in": setting.inside, "pic": setting.picture, "p": s.picture, "colour": "colour" if s.british else "color",
              "grey": "grey" if s.british else "gray", **more}  # fmt: skip
    if np is not None:
        values |= {"np": np.text, "pl": np.plural, "n": np.bare, "a": _article(np.plural or np.bare),
                   "the_pl": np.text}  # fmt: skip
    text = form.format(**values)
    if np is not None and not np.single:  # "what colour is the circles" is heard, but seldom
        text = re.sub(rf"\b(is|does) (?={re.escape(np.text)})", lambda m: {"is": "are", "does": "do"}[m[1]], text)
    return re.sub(r" +", " ", text).strip()


def _ask(s: _Source, b: Build, setting: _Setting, np: Noun, boxes_kind: str) -> tuple[str, bool]:
    """Questions about found things: count, is there, colour, place. Gives the text and whether it is a question."""
    question = s.chance(0.6)
    if boxes_kind == "count":
        forms = w.COUNT_Q if question else w.COUNT_I
        if np.again or np.start:
            text = s.rng.choice((f"count {np.text}", f"how many of {np.text} are there", f"tell me how many of {np.text} there are"))
            question = text.startswith("how")
        elif s.chance(0.22):
            one = np.labels[0] if np.single else np.bare
            labels = [one] if np.single else np.labels
            form = s.form(w.EXIST_Q)
            if "{a}" in form or "{n}" in form:  # the singular is what the request says, so it is the label
                tint = f"{np.colour} " if np.colour else ""
                np = replace(np, labels=[np.bare], plural=tint + np.bare, bare=tint + np.bare)
            else:
                np = replace(np, labels=labels)
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


def _show(s: _Source, b: Build, setting: _Setting, np: Noun, kind: str) -> str:
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


def _edit(s: _Source, b: Build, setting: _Setting, np: Noun | None, kind: str, target: str | None = None) -> str:
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


def _intent(s: _Source, b: Build, setting: _Setting, last: tuple[Noun, str] | None) -> tuple[str, bool, tuple[Noun, str] | None]:
    """One intent: (text, is it a question, what it spoke of)."""
    kind = s.rng.choices(
        ("count", "colour", "locate", "find", "annotate", "outline", "segment", "cut", "crop", "blur", "grey", "recolour", "whole", "describe"),
        (18, 10, 8, 6, 6, 3, 5, 14, 7, 9, 7, 7, 8, 9))[0]  # fmt: skip
    if kind == "describe":
        return *_describe(s, b, setting), last
    if kind == "whole":
        return _edit(s, b, setting, None, s.rng.choice(("blur", "grey"))), False, None
    if last is not None and s.chance(0.7):
        np = _anaphor(s, *last)
    elif kind == "count":
        np = _phrase(s, may_select=False, single=False)
    elif kind in ("colour", "locate"):
        np = _phrase(s, single=True if s.chance(0.7) else None)
    else:
        np = _phrase(s)
    if kind in ("count", "colour", "locate"):
        if kind == "count" and np.single and np.again:
            kind = "locate"
        text, question = _ask(s, b, setting, np, kind)
    elif kind in ("blur", "grey", "recolour"):
        text, question = _edit(s, b, setting, np, kind), False
    else:
        text, question = _show(s, b, setting, np, kind), False
    return text, question, (np, b.spoken)


def _sentences(s: _Source, parts: list[tuple[str, bool]]) -> str:
    """Join intents into one request, with politeness, question marks and capitals at random."""
    text = ""
    for index, (body, question) in enumerate(parts):
        if question:
            piece = body + s.rng.choice(("?", "?", "?", ""))
        else:
            piece = s.form(w.POLITE).format(i=body) if s.chance(0.45 if index == 0 else 0.12) else body
        if index:
            if parts[index - 1][1] and s.chance(0.75):
                joiner = s.rng.choice((" ", " ", " then ", " and then ", " also ", " after that, ", " and ", " next, "))
                text = text if text.endswith("?") else text + s.rng.choice(("?", "", "."))
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


def _capitals(s: _Source, text: str) -> str:
    if s.chance(0.7):
        text = re.sub(r"(^|[.?!]\s+)([a-z])", lambda m: m[1] + m[2].upper(), text)
    return text


def _setting(s: _Source, where: str, index: int, n: int) -> _Setting:
    inside, picture = {"one": (w.IN_ONE, w.PIC_ONE), "thread": (w.IN_THREAD, w.PIC_THREAD), "nth": (w.IN_NTH, w.PIC_NTH),
                       "each": (w.IN_EACH, w.PIC_EACH)}[where]  # fmt: skip
    words = {"p": s.picture, "k": w.ORDINAL[index] if index < n - 1 or s.chance(0.6) else "last", "d": str(index + 1)}
    return _Setting(s.form(inside).format(**words), s.form(picture).format(**words))


def _describe(s: _Source, b: Build, setting: _Setting) -> tuple[str, bool]:
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
    s = _Source(rng, split)
    if split in ("train", "seen") and s.chance(0.05):
        return _chinese(s)
    where = "one" if split == "joined" else rng.choices(("one", "nth", "each", "thread"), (68, 9, 11, 12))[0]
    n = 1 if where == "one" else rng.randint(2, 4)
    index = rng.randrange(n)
    base = {"one": "$in.image", "nth": f"$in.image[{index}]" if index else "$in.image", "each": "$in.image[*]",
            "thread": "$thread.image"}[where]  # fmt: skip
    attachments = () if where == "thread" else ("image",) * n
    kinds: tuple[str, ...] = rng.choice((("image",), ("image",), ("image", "boxes"), ("boxes", "image", "masks"), ("image", "text")))
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
        if i == 0 and where in ("nth", "each") and not (setting.inside and setting.inside in text or setting.picture in text):
            if where == "nth" or s.chance(0.75):  # several pictures and none named: each of them
                text = f"{text} {setting.inside}"
                if not setting.inside:
                    return None
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


def _chinese(s: _Source) -> Example:
    """One or two intents in Chinese."""
    b = Build("$in.image")
    parts = []
    for _ in range(1 if s.chance(0.65) else 2):
        noun = s.rng.choice(w.CHINESE_NOUNS)
        kind = s.rng.choice(tuple(w.CHINESE))
        select = s.rng.choice(tuple(w.CHINESE_SELECT)) if kind != "count" and s.chance(0.35) else ""
        tint = s.rng.choice(tuple(w.CHINESE_COLOURS)) if s.chance(0.25) else ""
        colour = s.rng.choice(tuple(w.CHINESE_COLOURS))
        text = s.form(w.CHINESE[kind]).format(np=f"{select}{tint}{'的' if tint and s.chance(0.4) else ''}{noun}", c=colour)
        if kind == "describe":
            b = Build("$in.image")
            question = text.strip("？")
            b.results.append(b.step("perceive", image=b.base, question=question))
            return Example(text, ("image",), (), b.plan(), "chinese")
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
    return Example(s.rng.choice(w.CHINESE_JOIN).join(p.rstrip("？") for p in parts), ("image",), (), b.plan(), "chinese")

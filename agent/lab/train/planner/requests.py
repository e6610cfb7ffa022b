"""Requests with gold plans: what the planner LM of `mini` is trained and tested on.

A request is one to three wishes about one picture, a numbered picture, every picture, or the thread's picture. Its
words come from the phrasings written by many hands (phrasings/), its tools from the catalogue, its nouns from words.py;
half of the nouns are pseudo-words or rare ones, so that the model learns to copy spans instead of learning nouns. Later
wishes may speak of what an earlier one found ("the largest one", "them", "it"), and then share its steps.

    generator = Generator(Catalog.read(None))
    generator.sample(random.Random(0), split="train") -> Example(text, attachments, thread, plan, kind, language)

Splits: `train`; `seen` (trained phrasings and nouns); of phrasings that are never trained on `forms` (one wish, trained
nouns), `nouns` (one wish, held-out nouns) and `joined` (several wishes, or every one of several pictures); `b_forms`,
`b_nouns` and `b_joined` the same with the phrasings of authors apart, who have seen no training data. Needs rjieba.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace
from typing import Any

from .....planners.backends.prompt_format import segmented, whole
from .....tools.english import with_article
from . import words as w
from .build import MAX_STEPS, Build, Wish
from .catalog import Argument, Catalog
from .disturb import END, beside, blotted, misspelled, noisy
from .nouns import Noun, Source, phrase, reference
from .phrasings import SLOT, THINGS, Phrasing, Phrasings, agreed, split_intent, texts

SPLITS = ("train", "seen", "forms", "nouns", "joined", "b_forms", "b_nouns", "b_joined")
CHINESE = 0.4  # share of requests in Chinese
_BESIDE = 0.2  # share of training requests with something said beside them

_DEMANDS = re.compile(r"\b(you|to|let's|me|and i|by) \{|(请|帮我|你|我|要|得|把) ?\{", re.IGNORECASE)
# A frame whose own words follow a clause at once: where a question ends there is then no saying.
_TRAILS = re.compile(r"\{[AB]\} ?(?!(and|then|also|next|please|thanks|for|as|after|but|plus|finally)\b)[^\W\d_]")


@dataclass(frozen=True)
class Example:
    """A request and the plan that it asks for; `kind` is single, joined, each, nth or thread."""

    text: str
    attachments: tuple[str, ...]
    thread: tuple[str, ...]
    plan: dict[str, Any]
    kind: str
    language: str


@dataclass(frozen=True)
class _Setting:
    """The medium that a request is about: its kind, how it is spoken of, and whether that must be said."""

    medium: str
    said: str
    must: bool


@dataclass(frozen=True)
class _Left:
    """What a wish leaves for the next one: the things spoken of, and the medium that it made apart ("it")."""

    noun: Noun | None
    boxes: str
    made: str | None


class _Unfit(Exception):
    """The drawn pieces do not make a request; another is drawn."""


class Generator:
    """Draws examples over the tools of a catalogue; the same generator state gives the same example."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog, self.phrasings = catalog, Phrasings(catalog)

    def sample(self, rng: random.Random, split: str = "train") -> Example:
        """One example of a split. Raises ValueError for an unknown split."""
        if split not in SPLITS:
            raise ValueError(f"no split {split!r}: one of {', '.join(SPLITS)}")
        while True:
            try:
                return _Draft(self, rng, split).example()
            except _Unfit:
                continue


class _Draft:
    """One request while it is drawn."""

    def __init__(self, generator: Generator, rng: random.Random, split: str) -> None:
        language = "zh" if rng.random() < CHINESE else "en"
        self.phrasings, self.catalog = generator.phrasings, generator.catalog
        self.s = Source(rng, self.phrasings, split, language)
        self.rng, self.split, self.language = rng, split, language
        # Several wishes are the hardest to learn: more of them in training than in the split `seen`.
        share = {"train": 0.6, "seen": 0.5}.get(split, 0.0)
        self.several = split.endswith("joined") or (share > 0 and self.s.chance(share))

    def example(self) -> Example:
        """The whole request; raises _Unfit."""
        lines = self._lines()
        medium = self._medium(lines)
        shares = (61, 10, 17, 12) if self.split == "train" else (70, 8, 11, 11)  # the rarer ones are the harder ones
        where = self.rng.choices(("one", "nth", "each", "thread"), shares)[0]
        if self.split.endswith(("forms", "nouns")):
            where = "one"
        count = 1 if where == "one" else self.rng.randint(2, 4)
        index = self.rng.randrange(count)
        nth = f"$in.{medium}[{index}]" if index else f"$in.{medium}"
        base = {"one": f"$in.{medium}", "nth": nth, "each": f"$in.{medium}[*]", "thread": f"$thread.{medium}"}[where]
        thread = self._thread(medium, where)
        known = "$thread.boxes" if where == "thread" and "boxes" in thread else None
        build = Build(self.catalog, base, known)
        must = where == "nth" or (where == "each" and self.s.chance(0.75))
        setting = _Setting(medium, self._said(medium, where, index, count), must)
        text = self._text(lines, build, setting)
        if not 1 <= len(build.steps) <= MAX_STEPS:
            raise _Unfit
        text = _atlantic(text) if self.language == "en" and self.s.chance(0.4) else text
        plan = _verbatim(build.plan(), text)
        if self.split == "train" and self.language == "zh" and not _whole(plan, text):
            raise _Unfit
        kind = where if where != "one" else "joined" if len(build.results) > 1 else "single"
        attached = () if where == "thread" else (medium,) * count
        return Example(text, attached, thread, plan, kind, self.language)

    def _lines(self) -> list[Phrasing]:
        """One line of several wishes, or lines of one wish each that a frame will join."""
        if self.several and self.s.chance(0.5):
            return [self._draw("several")]
        threes = 28 if self.split == "train" else 20
        number = self.rng.choices((2, 3), (100 - threes, threes))[0] if self.several else 1
        weights = self.phrasings.intents(self.language)
        return [self._draw(intent) for intent in self.rng.choices(tuple(weights), tuple(weights.values()), k=number)]

    def _draw(self, intent: str) -> Phrasing:
        line = self.s.line(intent)
        if line is None:
            raise _Unfit
        return line

    def _medium(self, lines: list[Phrasing]) -> str:
        kinds = {self.phrasings.medium(intent) for line in lines for intent in line.intents}
        if len(kinds) > 1:
            raise _Unfit
        return kinds.pop()

    def _thread(self, medium: str, where: str) -> tuple[str, ...]:
        kinds: tuple[str, ...] = self.rng.choice(
            ((medium,), (medium,), (medium, "boxes"), ("boxes", medium, "masks"), (medium, "text"))
        )
        return kinds if where == "thread" or self.s.chance(0.12) else ()

    def _said(self, medium: str, where: str, index: int, count: int) -> str:
        """How the medium is spoken of."""
        language = self.language
        last = where == "nth" and index == count - 1 and self.s.chance(0.3)
        form = self.rng.choice([f for f in w.SAID[language][where] if not last or "{k}" in f])
        ordinal = w.LAST[language] if last else w.ORDINAL[language][index]
        text = form.format(p=self.rng.choice(w.MEDIUM[language][medium]), k=ordinal, d=index + 1)
        return text.replace("第最后", "最后")

    def _text(self, lines: list[Phrasing], build: Build, setting: _Setting) -> str:
        """Fill and join the lines, adding their steps to the plan."""
        left: _Left | None = None
        if build.known_boxes is not None and self.s.chance(0.7):
            one, many = self.s.noun()
            left = _Left(Noun([], "", many, one), build.known_boxes, None)
        parts: list[str] = []
        for number, line in enumerate(lines):
            if number or (left is not None and self.s.chance(0.6)):
                line = self._pointing(line, left)
            text, left = self._filled(line, build, setting, left, first=number == 0)
            parts.append(text)
        text = parts[0]
        for part in parts[1:]:
            frame = self.s.said("join", "{A}. {B}")
            asks = any("[" in line.text for line in lines)
            if _DEMANDS.search(frame) or (asks and _TRAILS.search(frame)):
                raise _Unfit  # "could you {A}" takes no question and no statement
            text = self._frame(frame).replace("{A}", clause(text)).replace("{B}", clause(part))
        if len(parts) == 1 and lines[0].text[0].isalpha() and self._command(lines[0]) and self.s.chance(0.2):
            frame = self.s.said("polite", "please {A}")
            if not ("[" in lines[0].text and _TRAILS.search(frame)):
                text = self._frame(frame).replace("{A}", clause(text))
        text = END.sub("", text) if self.s.chance(0.15) else text
        if self.split == "train" and self.s.chance(_BESIDE):
            text = beside(text, self.rng.choice(self.phrasings.asides[self.language]), self.rng)
        return text

    def _frame(self, frame: str) -> str:
        """A frame as it is said; in training at times with an unknown word, which it can do without."""
        loose = self.split == "train" and self.s.chance(0.15)
        return blotted(frame, self.rng, self.language, least=3) if loose else frame

    def _command(self, line: Phrasing) -> bool:
        """Whether a line begins with a verb that a polite frame can take."""
        if self.language == "zh":
            return len(line.intents) == 1 and not re.search(r"[吗呢几？?]|什么|哪|我", line.text)
        return len(line.intents) == 1 and line.text.split()[0].lower() in w.VERBS

    def _pointing(self, line: Phrasing, left: _Left | None) -> Phrasing:
        """Half of the later lines speak of what came before: their {np} becomes a {ref}."""
        if left is None or len(line.intents) > 1 or line.own(0).count("np") != 1 or self.s.chance(0.5):
            return line
        _, about = split_intent(line.intents[0], self.catalog)
        return replace(line, text=line.text.replace("{np}", "{ref}")) if about is not None else line

    def _filled(
        self, line: Phrasing, build: Build, setting: _Setting, left: _Left | None, *, first: bool
    ) -> tuple[str, _Left | None]:
        """One line with its slots filled, its steps added to the plan; and what it leaves to the next."""
        values: dict[str, str] = {"pic": setting.said if first else self._again(setting, build, left)}
        nouns: dict[str, Noun] = {}
        for index, intent in enumerate(line.intents):
            left = self._wish(line, index, intent, build, left, values, nouns)
        template = line.text
        if self.split == "train" and self.s.chance(0.38):
            change = self.rng.choices((noisy, blotted, misspelled), (10, 20, 8))[0]
            template = change(template, self.rng, self.language)
        text = agreed(template, {name: noun.single for name, noun in nouns.items()})
        text = SLOT.sub(lambda m: values.get(m[1], m[0]), text)
        if "{" in text:
            raise _Unfit
        text = self._placed(text, line, setting, first=first)
        asked = re.search(r"\[(.*?)\]", text)
        if asked:
            if not build.settle(_ASKED, END.sub("", asked[1])):
                raise _Unfit  # the same question twice
            text = text.replace("[", "").replace("]", "")
        return text, left

    def _again(self, setting: _Setting, build: Build, left: _Left | None) -> str:
        """The medium spoken of once more, in a later wish; "it" only where nothing else can be meant."""
        free = self.language == "en" and not setting.must and left is None and build.edited == build.base
        return self.rng.choice(("it", setting.said)) if free else setting.said

    def _placed(self, text: str, line: Phrasing, setting: _Setting, *, first: bool) -> str:
        """The text, which names the medium where that must be said."""
        if not (first and setting.must) or "{pic}" in line.text:
            return text
        if "[" in text:
            raise _Unfit  # the question would have to name it
        inside = self.rng.choice(w.INSIDE[self.language]).format(pic=setting.said)
        if self.language == "zh":
            return inside + text
        if self.s.chance(0.4):
            return f"{inside[0].upper()}{inside[1:]}, {text[0].lower()}{text[1:]}"
        ending = END.search(text)
        return f"{text[: ending.start()] if ending else text} {inside}{ending[0] if ending else ''}"

    def _wish(
        self, line: Phrasing, index: int, intent: str, build: Build, left: _Left | None,
        values: dict[str, str], nouns: dict[str, Noun],
    ) -> _Left | None:  # fmt: skip
        """Add one wish's steps, and say how its slots are filled."""
        facts, about = split_intent(intent, self.catalog)
        number = str(index + 1) if index else ""
        given: dict[str, Any] = {}
        for slot in line.own(index):
            if slot in THINGS:
                noun = self._noun(slot, intent, outside=about is not None)
                nouns[slot + number] = noun
                values[slot + number] = {"np": noun.text, "pl": noun.plural, "n": noun.bare}.get(
                    slot, noun.bare if self.language == "zh" else with_article(noun.bare)
                )
            else:
                values[slot + number], given[slot] = self._value(next(a for a in facts.args if a.name == slot))
        if "[" in line.text and (strings := texts(facts)):
            given[strings[0].name] = _ASKED
            self._fill(line, values, nouns)
        named = next((nouns[slot + number] for slot in line.own(index) if slot in THINGS), None)
        if about is None:
            build.wish(Wish(facts.name, None), None, given)
            return left
        medium = None
        if named is None:
            named, medium = self._pointed(left, facts.name, facts.edits)
            if medium is not None and "{pic}" in line.text:
                raise _Unfit  # "cut out the star and blur it in the picture": the star, or the cut-out?
            values["ref"], nouns["ref"] = named.text, named
        if medium is not None:
            return _Left(named, "", build.wish(Wish(facts.name, None), None, given, medium))
        if named.colour is not None and given.get("colour") == named.colour:
            raise _Unfit  # painting the red star red
        result = build.wish(Wish(facts.name, about), named, given)
        apart = facts.medium is not None and facts.gives == facts.medium.kind and not facts.edits
        return _Left(named, build.spoken, result if apart else None)

    def _fill(self, line: Phrasing, values: dict[str, str], nouns: dict[str, Noun]) -> None:
        """Fill the slots of a question that belong to no wish: a second thing, a colour, a place."""
        values["tint"], values["place"] = self.s.colour()[0], self.rng.choice(w.PLACES)
        for slot in line.slots:
            kind, number = slot.rstrip("0123456789"), slot.lstrip("npla")
            if kind in THINGS and int(number or 1) > len(line.intents):
                nouns[slot] = noun = phrase(self.s, kind, select=False)
                values[slot] = {"np": noun.text, "pl": noun.plural, "n": noun.bare}.get(kind, with_article(noun.bare))

    def _pointed(self, left: _Left | None, tool: str, edits: bool) -> tuple[Noun, str | None]:
        """What {ref} says, and the medium that it means where that is a cut-out rather than things in the picture."""
        if left is None or left.noun is None:
            raise _Unfit
        if left.made is None:
            return reference(self.s, left.noun, left.boxes), None
        if not edits or self.s.line(f"{tool}:") is None:
            raise _Unfit  # "cut out the star and paint it red": which of the two is meant?
        return reference(self.s, left.noun, "", single=True), left.made

    def _noun(self, slot: str, intent: str, *, outside: bool) -> Noun:
        counted = intent == "count"
        single = False if counted else True if intent in ("colour", "locate") and self.s.chance(0.7) else None
        return phrase(self.s, slot, select=not counted and outside, single=single)

    def _value(self, arg: Argument) -> tuple[str, Any]:
        """A plain argument's value: as it is said, and as the plan has it."""
        if arg.name == "colour":
            return self.s.colour()
        if arg.options:
            value = self.rng.choice(arg.options)
            return value, value
        if arg.type in ("integer", "number"):
            number = self.rng.randint(1, 90)
            return str(number), number if arg.type == "integer" else float(number)
        if arg.type == "string":
            text = phrase(self.s, "np").text
            return text, text
        raise _Unfit


_ASKED = "\0asked"  # stands for the bracket until it is filled


def clause(text: str) -> str:
    """A sentence as a part of another: no full stop at its end, no capital at its head."""
    text = END.sub("", text)
    return text if text.startswith(("I ", "I'")) else text[:1].lower() + text[1:]


def _atlantic(text: str) -> str:
    return _BRITISH.sub(lambda found: _AMERICAN[found[0]], text)


_AMERICAN = w.AMERICAN | {british.capitalize(): said.capitalize() for british, said in w.AMERICAN.items()}
_BRITISH = re.compile(rf"\b({'|'.join(_AMERICAN)})")


def _whole(plan: dict[str, Any], text: str) -> bool:
    """Whether the plan's labels begin and end where words do: others cannot be copied, and so not be learnt."""
    words = segmented(text)
    labels = [label for step in plan["steps"] for label in step["args"].get("labels", ())]
    return all(whole(label, text, words) is not None for label in labels)


def _verbatim(plan: dict[str, Any], text: str) -> dict[str, Any]:
    """The plan with its spans in the request's own capitals; raises _Unfit where one is no span of the request."""
    low = text.lower()
    for step in plan["steps"]:
        for name, value in step["args"].items():
            listed = value if isinstance(value, list) else [value] if name == "question" else []
            said = [_apart(span.lower(), low) for span in listed]
            if said:
                own = [text[start:end] for start, end in said]
                step["args"][name] = own if isinstance(value, list) else own[0]
    return plan


_LETTER = re.compile(r"[^\W\u4e00-\u9fff]")


def _apart(span: str, text: str) -> tuple[int, int]:
    """Where the span first stands in the text with no letter beside it, Chinese signs aside; raises _Unfit."""
    start = text.find(span)
    while start >= 0:
        end = start + len(span)
        if not (start and _LETTER.match(text, start - 1) or _LETTER.match(text, end)):
            return start, end
        start = text.find(span, start + 1)
    raise _Unfit

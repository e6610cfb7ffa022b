"""Requests with gold plans: what the planner LM of `mini` is trained and tested on.

A request is one to three wishes about one medium, a numbered one, every one of several, all of them together, the
thread's, or none. Its words come from the phrasings written by many hands (phrasings/), its tools from the catalogue,
its nouns from words.py; half of the nouns are pseudo-words or rare ones, so that the model learns to copy spans instead
of learning nouns. Later wishes may speak of what an earlier one found ("the largest one", "them", "it"), and then share
its steps, or take up what it made ("write it down and read it to me").

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

from .....tools.english import with_article
from . import media
from . import words as w
from .build import MAX_STEPS, Build, Wish
from .catalog import MEDIA, Catalog, Facts
from .disturb import END, beside, blotted, misspelled, noisy
from .flow import Flow, Place, media_of
from .nouns import Noun, Source, phrase, reference
from .phrasings import SLOT, SOUND, THINGS, Phrasing, Phrasings, agreed, chosen, split_intent, texts, told_pair
from .spans import Unfit, in_words, verbatim
from .values import heard, value

SPLITS = ("train", "seen", "forms", "nouns", "joined", "b_forms", "b_nouns", "b_joined")
CHINESE = 0.4  # share of requests in Chinese
_BESIDE = 0.2  # share of training requests with something said beside them

_DEMANDS = re.compile(r"\b(you|to|let's|me|and i|by) \{|(请|帮我|你|我|要|得|把) ?\{", re.IGNORECASE)
# A frame whose own words follow a clause at once: where a question ends there is then no saying.
_TRAILS = re.compile(r"\{[AB]\} ?(?!(and|then|also|next|please|thanks|for|as|after|but|plus|finally)\b)[^\W\d_]")


@dataclass(frozen=True)
class Example:
    """A request and the plan that it asks for; `kind` is single, joined, each, nth, thread, all or pair."""

    text: str
    attachments: tuple[str, ...]
    thread: tuple[str, ...]
    plan: dict[str, Any]
    kind: str
    language: str


@dataclass(frozen=True)
class _Setting:
    """The media that a request is about: their kind and number, how they are spoken of, whether that must be said."""

    medium: str
    said: str
    must: bool
    where: str
    count: int


@dataclass(frozen=True)
class _Left:
    """What a wish leaves for the next one: the things spoken of, and what it made apart ("it") with its kind."""

    noun: Noun | None
    boxes: str
    made: str | None
    kind: str | None = None


class Generator:
    """Draws examples over the tools of a catalogue; the same generator state gives the same example."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog, self.phrasings = catalog, Phrasings(catalog)
        self.flow = Flow(catalog, self.phrasings)

    def sample(self, rng: random.Random, split: str = "train") -> Example:
        """One example of a split. Raises ValueError for an unknown split."""
        if split not in SPLITS:
            raise ValueError(f"no split {split!r}: one of {', '.join(SPLITS)}")
        while True:
            try:
                return _Draft(self, rng, split).example()
            except Unfit:
                continue


class _Draft:
    """One request while it is drawn."""

    def __init__(self, generator: Generator, rng: random.Random, split: str) -> None:
        language = "zh" if rng.random() < CHINESE else "en"
        self.phrasings, self.catalog, self.flow = generator.phrasings, generator.catalog, generator.flow
        self.s = Source(rng, self.phrasings, split, language)
        self.rng, self.split, self.language = rng, split, language
        # Several wishes are the hardest to learn: more of them in training than in the split `seen`.
        share = {"train": 0.6, "seen": 0.5}.get(split, 0.0)
        self.several = split.endswith("joined") or (share > 0 and self.s.chance(share))

    def example(self) -> Example:
        """The whole request; raises Unfit."""
        lines = self._lines()
        medium, self.onto = self.flow.of(lines)
        where, count = self.flow.where(lines, medium, self.onto, self.s)
        index = self.rng.randrange(count) if where == "nth" else 0
        base = "" if medium is None else f"$in.{medium}" + {"each": "[*]", "all": "[*]"}.get(where, "")
        if where == "thread":
            base = f"$thread.{medium}"
        elif index:
            base = f"$in.{medium}[{index}]"
        thread = self._thread(medium or "image", where)
        known = "$thread.boxes" if where == "thread" and "boxes" in thread else None
        build = Build(self.catalog, base, known, together=where == "all")
        said = media.spoken(self.rng, self.language, medium, _SPOKEN.get(where, where), index, count) if medium else ""
        must = where == "nth" or (where == "each" and self.s.chance(0.75))
        text = self._text(lines, build, _Setting(medium or "", said, must, where, count))
        if not 1 <= len(build.steps) <= MAX_STEPS:
            raise Unfit
        text = _atlantic(text) if self.language == "en" and self.s.chance(0.4) else text
        plan = verbatim(build.plan(), text, self.catalog)
        if self.split == "train" and self.language == "zh" and not in_words(plan, text, self.catalog):
            raise Unfit
        kind = where if where not in ("one", "none") else "joined" if len(build.results) > 1 else "single"
        attached = () if where in ("thread", "none") else (medium or "",) * count
        return Example(text, (*attached, *build.also), thread, plan, kind, self.language)

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
            raise Unfit
        return line

    def _thread(self, medium: str, where: str) -> tuple[str, ...]:
        seen: tuple[tuple[str, ...], ...] = ((medium, "boxes"), ("boxes", medium, "masks"))
        kinds = self.rng.choice(((medium,), (medium,), *(seen if medium == "image" else ()), (medium, "text")))
        return tuple(dict.fromkeys(kinds)) if where == "thread" or self.s.chance(0.12) else ()

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
            text, left = self._filled(line, number, build, setting, left)
            parts.append(text)
        text = parts[0]
        for part in parts[1:]:
            frame = self.s.said("join", "{A}. {B}")
            asks = any("[" in line.text for line in lines)
            if _DEMANDS.search(frame) or (asks and _TRAILS.search(frame)):
                raise Unfit  # "could you {A}" takes no question and no statement
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
        self, line: Phrasing, number: int, build: Build, setting: _Setting, left: _Left | None
    ) -> tuple[str, _Left | None]:
        """One line with its slots filled, its steps added to the plan; and what it leaves to the next."""
        first, onto = number == 0, (number, 0) in self.onto
        pic = setting.said if first else self._again(setting, build, left)
        if onto and left is not None and left.kind is not None:
            pic = media.pointing(self.rng, self.language, left.kind if left.kind in MEDIA else "text")
        values: dict[str, str] = {"pic": pic}
        nouns: dict[str, Noun] = {}
        for index, intent in enumerate(line.intents):
            left = self._wish(line, (number, index), intent, build, setting, left, values, nouns)
        template = line.text
        if self.split == "train" and self.s.chance(0.38):
            change = self.rng.choices((noisy, blotted, misspelled), (10, 20, 8))[0]
            template = change(template, self.rng, self.language)
        text = agreed(template, {name: noun.single for name, noun in nouns.items()})
        text = SLOT.sub(lambda m: values.get(m[1], m[0]), text)
        if "{" in text:
            raise Unfit
        text = self._placed(text, line, setting, first=first)
        asked = re.search(r"\[(.*?)\]", text)
        if asked:
            if not build.settle(_ASKED, END.sub("", asked[1])):
                raise Unfit  # the same question twice
            text = text.replace("[", "").replace("]", "")
        return text, left

    def _again(self, setting: _Setting, build: Build, left: _Left | None) -> str:
        """The medium spoken of once more, in a later wish; "it" only where nothing else can be meant."""
        plain = left is None or left.noun is None
        free = self.language == "en" and not setting.must and plain and build.edited == build.base
        return self.rng.choice(("it", setting.said)) if free else setting.said

    def _placed(self, text: str, line: Phrasing, setting: _Setting, *, first: bool) -> str:
        """The text, which names the medium where that must be said."""
        if not (first and setting.must) or "{pic}" in line.text:
            return text
        if "[" in text:
            raise Unfit  # the question would have to name it
        inside = self.rng.choice(media.INSIDE[self.language]).format(pic=setting.said)
        if self.language == "zh":
            return inside + text
        if self.s.chance(0.4):
            return f"{inside[0].upper()}{inside[1:]}, {text[0].lower()}{text[1:]}"
        ending = END.search(text)
        return f"{text[: ending.start()] if ending else text} {inside}{ending[0] if ending else ''}"

    def _wish(
        self, line: Phrasing, place: Place, intent: str, build: Build, setting: _Setting, left: _Left | None,
        values: dict[str, str], nouns: dict[str, Noun],
    ) -> _Left | None:  # fmt: skip
        """Add one wish's steps, and say how its slots are filled."""
        facts, about = split_intent(intent, self.catalog)
        number = str(place[1] + 1) if place[1] else ""
        given: dict[str, Any] = dict(chosen(intent, facts))
        own = line.own(place[1], facts)
        for slot in own:
            self._slot(slot, number, intent, given, values, nouns)
        self._beside(line, facts, about, given, values, build, setting, left)
        if "[" in line.text and (strings := texts(facts)) and strings[0].name not in given:
            given[strings[0].name] = _ASKED
            self._fill(line, values, nouns)
        named = next((nouns[slot + number] for slot in own if slot in (*THINGS, SOUND)), None)
        if told_pair(facts, own):
            named = Noun([given[slot] for slot in own if slot in given], "", "", "")
        taken = build.worded(left.made, left.kind) if place in self.onto and left and left.made and left.kind else None
        if about is None or facts.medium is not None and about in media_of(facts, names=True):
            result = build.wish(Wish(facts.name, about), None, given, taken)
            return self._leaves(facts, result, left, again=taken is not None)
        medium = None
        if named is None:
            named, medium = self._pointed(left, facts.name, facts.edits, setting)
            if medium is not None and "{pic}" in line.text:
                raise Unfit  # "cut out the star and blur it in the picture": the star, or the cut-out?
            values["ref"], nouns["ref"] = named.text, named
        if medium is not None:
            return _Left(named, "", build.wish(Wish(facts.name, None), None, given, medium), facts.gives)
        if named.colour is not None and given.get("colour") == named.colour:
            raise Unfit  # painting the red star red
        result = build.wish(Wish(facts.name, about), named, given, taken)
        return self._leaves(facts, result, _Left(named, build.spoken, None), again=taken is not None)

    def _leaves(self, facts: Facts, result: str, left: _Left | None, *, again: bool) -> _Left | None:
        """What a wish leaves behind: what it made, where that is a medium of its own (or was made of one: `again`)."""
        if (facts.edits and not again) or self.flow.makes(facts) is None:
            return left
        return replace(left or _Left(None, "", None), made=result, kind=facts.gives)

    def _slot(
        self, slot: str, number: str, intent: str, given: dict[str, Any], values: dict[str, str], nouns: dict[str, Noun]
    ) -> None:
        """Fill one slot of a wish: with a thing, a sound, or a value of the argument of that name."""
        facts, about = split_intent(intent, self.catalog)
        if slot in THINGS:
            labels = about is not None and facts.names is not None and about == facts.names.name and not facts.finds
            noun = self._noun(slot, intent, outside=about is not None, plain=labels)
            nouns[slot + number] = noun
            values[slot + number] = {"np": noun.text, "pl": noun.plural, "n": noun.bare}.get(
                slot, noun.bare if self.language == "zh" else with_article(noun.bare)
            )
        elif slot == SOUND:
            values[slot + number], names = heard(self.s)
            nouns[slot + number] = Noun(names, names[0], names[0], names[0], True)
        elif slot not in ("other", "piece"):
            arg = next(arg for arg in facts.args if arg.name == slot)
            try:
                values[slot + number], given[slot] = value(self.s, facts.name, arg)
            except LookupError:
                raise Unfit from None

    def _beside(
        self, line: Phrasing, facts: Facts, about: str | None, given: dict[str, Any], values: dict[str, str],
        build: Build, setting: _Setting, left: _Left | None,
    ) -> None:  # fmt: skip
        """Media besides the one that a wish is about: another picture to paste onto, recordings for pictures."""
        speech = next((arg for arg in facts.args if arg.name == about and arg.kind in MEDIA), None)
        if speech is not None and speech.kind is not None:
            several = self.s.chance(0.5)
            values["speech"] = media.spoken(self.rng, self.language, speech.kind, "all" if several else "one")
            given[speech.name] = f"$in.{speech.kind}[*]" if several else [f"$in.{speech.kind}"]
            build.also += [speech.kind] * (2 if several else 1)
        slots = [slot for slot in ("piece", "other") if f"{{{slot}" in line.text]
        if slots and facts.medium is not None and any(arg.name == "piece" for arg in facts.args):
            if setting.count < 2 or "other" not in slots:
                raise Unfit
            kind, piece = setting.medium, "piece" in slots
            others = self.rng.sample(range(setting.count), 2) if piece else [0, self.rng.randrange(1, setting.count)]
            for slot, at in zip(("piece", "other"), others, strict=True):
                said = media.spoken(self.rng, self.language, kind, "nth", at, setting.count)
                values[slot] = values[f"{slot}2"] = said
                given[facts.medium.name if slot == "other" else slot] = f"$in.{kind}[{at}]" if at else f"$in.{kind}"
            if not piece:
                if left is None or left.made is None:
                    raise Unfit
                given["piece"], values["ref"] = left.made, self.s.said("ref_one", "it")

    def _fill(self, line: Phrasing, values: dict[str, str], nouns: dict[str, Noun]) -> None:
        """Fill the slots of a question that belong to no wish: a second thing, a colour, a place."""
        values["tint"], values["place"] = self.s.colour()[0], self.rng.choice(w.PLACES)
        for slot in line.slots:
            kind, number = slot.rstrip("0123456789"), slot.lstrip("npla")
            if kind in THINGS and int(number or 1) > len(line.intents):
                nouns[slot] = noun = phrase(self.s, kind, select=False)
                values[slot] = {"np": noun.text, "pl": noun.plural, "n": noun.bare}.get(kind, with_article(noun.bare))

    def _pointed(self, left: _Left | None, tool: str, edits: bool, setting: _Setting) -> tuple[Noun, str | None]:
        """What {ref} says, and the medium that it means where that is a cut-out rather than things in the picture."""
        if left is None or left.noun is None:
            raise Unfit
        if left.made is None or left.kind != setting.medium:
            if not left.boxes:
                raise Unfit  # nothing was found that could be pointed at
            return reference(self.s, left.noun, left.boxes), None
        if not edits or self.s.line(f"{tool}:") is None:
            raise Unfit  # "cut out the star and paint it red": which of the two is meant?
        return reference(self.s, left.noun, "", single=True), left.made

    def _noun(self, slot: str, intent: str, *, outside: bool, plain: bool) -> Noun:
        counted = intent == "count"
        single = False if counted else True if intent in ("colour", "locate") and self.s.chance(0.7) else None
        noun = phrase(self.s, slot, select=not counted and outside and not plain, single=single)
        if plain and noun.colour is not None:
            raise Unfit  # nothing narrows down what the tool looks for
        return noun


_SPOKEN = {"pair": "nth"}
_ASKED = "\0asked"  # stands for the bracket until it is filled


def clause(text: str) -> str:
    """A sentence as a part of another: no full stop at its end, no capital at its head."""
    text = END.sub("", text)
    return text if text.startswith(("I ", "I'")) else text[:1].lower() + text[1:]


def _atlantic(text: str) -> str:
    return _BRITISH.sub(lambda found: _AMERICAN[found[0]], text)


_AMERICAN = w.AMERICAN | {british.capitalize(): said.capitalize() for british, said in w.AMERICAN.items()}
_BRITISH = re.compile(rf"\b({'|'.join(_AMERICAN)})")

"""The words of answers: sentence templates as data, numbers that agree, and noun phrases for what a step worked on.

Templates lie in ``prompts/answer.LANGUAGE.yaml`` and on the cards of tools. A ``{slot}`` is filled with a value, a
``{one|many}`` pair follows the number that the sentence is about.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from ..tools.registry import Registry
from ..tools.see.nouns import clean, singulars
from .base import Language
from .plan import Plan, Step
from .prompts import table
from .rows import short

_SLOT = re.compile(r"\{([^{}]*)\}")
_HAN = re.compile(r"[\u3400-\u9fff]")
SELECTIONS = ("boxes", "masks", "points", "spans")
"""Kinds that say which things of a medium are meant; a step that returns one narrows what later steps speak of."""


@dataclass(frozen=True)
class Phrasebook:
    """The sentences and words of one language."""

    language: Language
    entries: Mapping[str, Any]

    def fill(self, template: str, number: int, slots: Mapping[str, Any]) -> str:
        """The template with its slots filled; raises KeyError naming a slot that has no value."""

        def value(match: re.Match[str]) -> str:
            one, pair, many = match[1].partition("|")
            if pair:
                return one if number == 1 else many
            return self.value(slots[one.strip()])

        return _SLOT.sub(value, template)

    def say(self, name: str, agrees: int = 1, /, **slots: Any) -> str:
        """The sentence of that name, filled; its pairs agree with ``agrees``."""
        return self.fill(self.entries[name], agrees, slots)

    def value(self, value: Any) -> str:
        """A value as words: numbers short, lists joined, texts as they are, other data as JSON."""
        if isinstance(value, bool):
            return str(self.entries["yes" if value else "no"])
        if isinstance(value, float):
            return f"{value:.4g}"
        if isinstance(value, str):
            return str(self.entries["words"].get(value, value))
        if isinstance(value, list | tuple):
            return self.join([self.value(each) for each in value])
        if hasattr(value, "text") and isinstance(value.text, str):
            return str(value.text)
        if hasattr(value, "model_dump"):
            value = value.model_dump(mode="json")
        return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, Mapping) else str(value)

    def join(self, parts: Sequence[str], last: str = "and") -> str:
        """Parts as a list in prose: "a, b and c"."""
        if len(parts) < 2:
            return "".join(parts)
        return f"{self.entries['comma'].join(parts[:-1])}{self.entries[last]}{parts[-1]}"

    def number_of(self, noun: str, count: int) -> str:
        """The noun in the form that goes with ``count``; none takes the singular, as in "no circle"."""
        if self.language != "en":
            return noun
        head, space, last = noun.rpartition(" ")
        singular = last
        plurals: Mapping[str, str] = self.entries["plurals"]
        if last not in plurals:
            singular = next((one for one, many in plurals.items() if many == last), singulars(last)[0])
        return f"{head}{space}{singular if count <= 1 else plurals.get(singular) or _plural(singular)}"

    def sentence(self, text: str) -> str:
        """The text as a sentence: it begins with a capital letter and ends with a stop."""
        text = text.strip()
        if not text or text[-1] in ".!?。！？…":
            return text[:1].upper() + text[1:]
        chinese = _HAN.search(text) if text[-1] in "”）" else _HAN.match(text[-1])
        return text[:1].upper() + text[1:] + ("。" if chinese else ".")

    def paragraph(self, sentences: Sequence[str]) -> str:
        """Sentences as one text, each said once."""
        return str(self.entries["space"]).join(dict.fromkeys(each for each in sentences if each))


@cache
def phrasebook(language: Language) -> Phrasebook:
    """The phrasebook of a language, read once."""
    return Phrasebook(language, table(f"answer.{language}"))


@dataclass(frozen=True)
class Subject:
    """What a step is about, gathered from the steps before it.

    ``labels`` are the nouns as the plan writes them (none: anything), ``colours`` and ``pick`` the qualities and the
    superlative by which later steps narrowed them, ``whole`` the kind of the medium where nothing in it was selected,
    ``nouns`` the table of the tool that took the labels.
    """

    labels: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    pick: str | None = None
    whole: str | None = None
    nouns: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    def phrase(self, book: Phrasebook, count: int) -> str:
        """A noun phrase without article that agrees with ``count``: "largest red circle", "cars and trees"."""
        nouns = [book.number_of(self._noun(label, book), count) for label in self.labels]
        anything = book.entries["media"].get(self.whole, book.entries["anything"])
        nouns = nouns or [book.number_of(str(anything), count)]
        qualities = [book.entries["superlatives"][self.pick]] if self.pick and count else []
        qualities += [book.entries["colours"][colour] for colour in self.colours]
        return str(book.entries["between"]).join([*qualities, book.join(nouns, "and" if count > 1 else "or")])

    def _noun(self, label: str, book: Phrasebook) -> str:
        """The label in the answer's language where the table knows it, else as the plan writes it."""
        cleaned = short(clean(label))
        if book.language == "en" and cleaned.isascii():
            return cleaned
        forms = {cleaned, *singulars(cleaned)}
        for canonical, words in self.nouns.items():
            if forms & {canonical, *(word for one in words.values() for word in one)}:
                return next(iter(words.get(book.language, ())), canonical)
        return cleaned


def subject_of(plan: Plan, step: Step, registry: Registry) -> Subject:
    """What ``step`` is about: its own narrowing arguments over those of the selection that it reads."""
    before = next(selections_before(plan, step, registry), None)
    subject = subject_of(plan, before, registry) if before is not None else Subject()
    tool = registry.get(step.tool)
    if tool.returns.kind not in SELECTIONS:
        return subject if before is not None else replace(subject, whole=tool.returns.kind)
    words = phrasebook("en").entries
    defaults = {param.name: param.default for param in tool.params if param.optional}
    for value in (defaults | step.args).values():
        if isinstance(value, str) and value in words["superlatives"]:
            subject = replace(subject, pick=value)
        elif isinstance(value, str) and value in words["colours"]:
            subject = replace(subject, colours=(*subject.colours, value))
    if "labels" in step.args:
        subject = replace(subject, labels=_meant(step.args["labels"]))
    return replace(subject, nouns=tool.card.nouns or subject.nouns)


def selections_before(plan: Plan, step: Step, registry: Registry) -> Iterator[Step]:
    """The steps whose boxes, masks, points or spans ``step`` reads, in the order of its arguments."""
    for name in step.needs():
        source = plan.step(name)
        if registry.get(source.tool).returns.kind in SELECTIONS:
            yield source


def _meant(labels: Any) -> tuple[str, ...]:
    """The labels that narrow anything: references and words for everything do not."""
    texts = [labels] if isinstance(labels, str) else [each for each in labels if isinstance(each, str)]
    return tuple(each for each in texts if each.strip() and not each.startswith("$"))


def _plural(noun: str) -> str:
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"

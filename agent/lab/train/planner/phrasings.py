"""Phrasings of requests by several authors: files of lines `intent<TAB>text` with slots in braces. Stdlib only.

The authors are language models that wrote in different roles, each without sight of the others' lines.

An intent is a tool of the registry, or `tool:argument` where the tool can be about several things ("annotate:masks"),
or `tool:` for the whole medium ("blur:"). Intents joined by "+" are several wishes said in one sentence; the slots of
the second wish end in 2. Beside requests the files hold phrases: `np_largest` ("the biggest {n}"), `ref_all` ("all of
them"), `join` (frames around {A} and {B}) and `polite` (frames around {A}).

| slot | filled with |
|---|---|
| {np} {pl} {n} {a} | a definite noun phrase; a plural, a singular without article; a singular with "a" |
| {pic} | the medium as it is spoken of |
| {ref} | a phrase that points back to the first wish's things |
| {tint} {place} | in questions: a colour, a place ("top left") |
| {colour} … | a value of the tool's argument of that name |
| {x|y} | x beside one thing, y beside several |

A `[bracket]` marks the text that a tool is handed as its string argument. One line in ten of `en.tsv` and `zh.tsv`,
chosen by a hash of its words, is never trained on. The lines of `more-en.tsv` and `more-zh.tsv`, which came later, are
trained on, all of them, and used for nothing else: so what is measured stays the same, and figures of different days
can be compared. So are the asides of `asides.tsv` (`place<TAB>build<TAB>text`): what people say beside a request, why
they ask or where the result will go, with nothing in it to be done. The example requests on the tools' cards are
phrasings too, so a tool without lines of its own is trained from its card; and so are the MLLM's questions
(../mllm/phrasings.tsv) that no other tool answers, with the lines that the MLLM never sees held out here as well.
"""

from __future__ import annotations

import random
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..held_out import held_out
from .catalog import MEDIA, Argument, Catalog, Facts

FOLDER = Path(__file__).parent / "phrasings"
LOOKS = Path(__file__).parent.parent / "mllm" / "phrasings.tsv"
LOOKED = ("what_colour", "what_place", "caption", "background", "pattern", "size", "sign", "left_of", "above", "bigger")
THINGS = ("np", "pl", "n", "a")
_FEWEST = 25  # a tool with fewer lines, such as one that has its card only, is asked for as if it had so many
PHRASES = ("np_", "ref_", "join", "polite")  # intents that are no requests
FILLERS = ("pic", "ref", "tint", "place")
SLOT = re.compile(r"\{([^{}]*)\}")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True)
class Phrasing:
    """One line: the intents that it speaks of, and its text with slots."""

    intents: tuple[str, ...]
    text: str
    apart: bool | None = None  # whether it is held out, where that is not for the hash to say

    @property
    def language(self) -> str:
        """`zh` where it has a Chinese character."""
        return "zh" if _CHINESE.search(self.text) else "en"

    @property
    def held_out(self) -> bool:
        """Whether it is one of the tenth that is never trained on."""
        return zlib.crc32(self.words.encode()) % 10 == 0 if self.apart is None else self.apart

    @cached_property
    def words(self) -> str:
        """Its words and slots alone, in lower case: lines that differ in marks only are the same phrasing."""
        return re.sub(r"[^\w{}|]+", " ", self.text.lower()).strip()

    @cached_property
    def slots(self) -> tuple[str, ...]:
        """Names of its slots in order, alternatives (`is|are`) left out."""
        return tuple(name for name in SLOT.findall(self.text) if "|" not in name)

    def own(self, index: int) -> tuple[str, ...]:
        """The slots of wish number `index` (from 0), without their number."""
        numbers = [re.fullmatch(r"(\w+?)(\d?)", name) for name in self.slots]
        return tuple(m[1] for m in numbers if m and int(m[2] or 1) == index + 1 and m[1] not in FILLERS)


@dataclass(frozen=True)
class Aside:
    """What is said beside a request; `place` is before, after or either, `build` is sentence or phrase."""

    place: str
    build: str
    text: str

    @property
    def language(self) -> str:
        """`zh` where it has a Chinese character."""
        return "zh" if _CHINESE.search(self.text) else "en"


def asides(folder: Path = FOLDER) -> Iterator[Aside]:
    """The asides of all authors."""
    for line in (folder / "asides.tsv").read_text(encoding="utf-8").splitlines():
        yield Aside(*line.split("\t"))


def read(path: Path, *, apart: bool | None = None) -> Iterator[Phrasing]:
    """The lines of a file; `apart` says whether they are held out, instead of the hash."""
    for line in path.read_text(encoding="utf-8").splitlines():
        intents, _, text = line.partition("\t")
        if text:
            yield Phrasing(tuple(intents.split("+")), text, apart)


def own(folder: Path = FOLDER) -> Iterator[Phrasing]:
    """The lines of the training authors, held-out ones too."""
    for language in ("en", "zh"):
        yield from read(folder / f"{language}.tsv")
        yield from read(folder / f"more-{language}.tsv", apart=False)


def independent(folder: Path = FOLDER) -> Iterator[Phrasing]:
    """The lines of the authors apart: set (b)."""
    for language in ("en", "zh"):
        yield from read(folder / f"independent-{language}.tsv")


def looks(catalog: Catalog) -> Iterator[Phrasing]:
    """The MLLM's questions as requests for the tool that hands a question on, if there is one."""
    asker = next((t for t in catalog.tools if any(arg.name == "question" for arg in t.args)), None)
    for line in LOOKS.read_text(encoding="utf-8").splitlines() if asker else ():
        kind, _, text = line.partition("\t")
        if asker and kind in LOOKED:
            text = text.replace("{c}", "{tint}").replace("{p}", "{place}")
            yield Phrasing((asker.name,), f"[{text}]", held_out(line))


def split_intent(intent: str, catalog: Catalog) -> tuple[Facts, str | None]:
    """The tool of an intent and the argument that takes what is named (None: the whole medium).

    Raises KeyError for a tool that the catalogue does not have.
    """
    name, colon, about = intent.partition(":")
    facts = catalog[name]
    if colon:
        return facts, about or None
    if facts.finds:
        return facts, next(arg.name for arg in facts.args if arg.type == "array")
    named = [arg for arg in facts.args if arg.kind in ("boxes", "masks", "points")]
    required = [arg for arg in named if not arg.optional] or named
    return facts, required[0].name if required else None


def of_cards(catalog: Catalog) -> Iterator[Phrasing]:
    """The example requests on the tools' cards as phrasings.

    `{labels}` is what the tool is about; `{masks}` says that it is about masks. Examples of tools that only narrow down
    ("the red {labels}") are no requests.
    """
    for facts in catalog.tools:
        if facts.narrows is not None:
            continue
        for example in facts.examples:
            about = next((f":{name}" for name in SLOT.findall(example) if name in ("boxes", "masks")), "")
            text = re.sub(r"\bthe \{(labels|masks|boxes)\}", "{np}", example)
            text = re.sub(r"\ba \{labels\}", "{a}", text)
            text = re.sub(r"\{(labels|masks|boxes)\}", "{np}" if _CHINESE.search(text) else "{pl}", text)
            if "{question}" in text:
                continue
            strings = texts(facts)
            if strings and "[" not in text and not any(f"{{{arg.name}}}" in text for arg in strings):
                text = f"[{text}]"
            whole = not about and not any(f"{{{slot}}}" in text for slot in THINGS)
            yield Phrasing((f"{facts.name}{about or (':' if whole else '')}",), text)


def texts(facts: Facts) -> list[Argument]:
    """The arguments that take a text of the request's own."""
    plain = (arg for arg in facts.args if arg.kind is None and arg.type == "string")
    return [arg for arg in plain if not arg.options and not arg.optional]


def _unmade(facts: Facts, catalog: Catalog, about: str | None = None) -> str | None:
    """A kind that a required argument (or `about`) needs and that no tool of the catalogue makes, or None."""
    for arg in facts.args:
        if arg.kind is None or arg.kind in MEDIA or (arg.optional and arg.name != about):
            continue
        maker = catalog.maker(arg.kind)
        if maker is None or _unmade(maker, catalog):
            return arg.kind
    return None


def fault(phrasing: Phrasing, catalog: Catalog) -> str | None:
    """What is wrong with a request's phrasing, or None: every wish must have what its tool needs, and no other slot."""
    backwards = phrasing.slots.count("ref")
    numbered = "".join(str(i + 1) for i in range(1, len(phrasing.intents)))
    for index, intent in enumerate(phrasing.intents):
        try:
            facts, about = split_intent(intent, catalog)
        except KeyError:
            return f"no tool {intent!r}"
        if kind := _unmade(facts, catalog, about):
            return f"{intent}: no tool makes {kind}"
        plain = {arg.name: arg for arg in facts.args if arg.kind is None and arg.type != "array"}
        own = phrasing.own(index)
        things = [slot for slot in own if slot in THINGS]
        strings = texts(facts)
        asked = bool(strings)
        if strings and "[" not in phrasing.text and strings[0].name not in own:
            return f"{intent}: no [bracket] for {strings[0].name}"
        if about is not None and not things:
            backwards -= 1
            if index == 0 or backwards < 0:
                return f"{intent}: nothing is named"
        if not asked and len(things) > (about is not None):
            return f"{intent}: too many things are named"
        if unknown := [slot for slot in own if slot not in THINGS and slot not in plain]:
            return f"{intent}: no argument {unknown[0]!r}"
        if lacking := [a.name for a in plain.values() if not a.optional and a not in strings and a.name not in own]:
            return f"{intent}: no {{{lacking[0]}}}"
    allowed = re.compile(rf"(\w+?)[{numbered or '0'}2]?")
    if any(not allowed.fullmatch(slot) for slot in phrasing.slots):
        return "a slot of no wish"
    return "more {ref} than wishes that need one" if backwards > 0 else None


def agreed(template: str, single: Mapping[str, bool]) -> str:
    """Each {one|many} in the form that fits the slot nearest to it; `single` says whether a slot names one thing."""
    places = [(m.start(), single[m[1]]) for m in SLOT.finditer(template) if m[1] in single]

    def chosen(match: re.Match[str]) -> str:
        one, bar, many = match[1].partition("|")
        if not bar:
            return match[0]
        return one if places and min(places, key=lambda place: abs(place[0] - match.start()))[1] else many

    return SLOT.sub(chosen, template)


class Phrasings:
    """All phrasings by language and intent; `draw` gives one that a split may use."""

    def __init__(self, catalog: Catalog, folder: Path = FOLDER) -> None:
        self.catalog = catalog
        self._pools: dict[tuple[str, str, str], list[Phrasing]] = defaultdict(list)
        self._add([*own(folder), *of_cards(catalog), *looks(catalog)], "a")
        self._add(independent(folder), "b")
        self.asides: dict[str, list[Aside]] = defaultdict(list)
        for aside in asides(folder):
            self.asides[aside.language].append(aside)

    def intents(self, language: str) -> dict[str, float]:
        """The intents of single requests with their weights: what is said in more ways is asked more often."""
        return self._weights[language]

    @cached_property
    def _weights(self) -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, float]] = defaultdict(dict)
        for (language, intent, pool), lines in sorted(self._pools.items()):
            if pool == "seen" and self.request(intent):
                found[language][intent] = max(len(lines), _FEWEST) ** 0.5
        return found

    def request(self, intent: str) -> bool:
        """Whether an intent is a request (and not a phrase or a frame) of one wish."""
        return "+" not in intent and intent.partition(":")[0] in self.catalog

    def medium(self, intent: str) -> str:
        """The kind of medium that an intent is about."""
        facts, _ = split_intent(intent, self.catalog)
        found = facts.medium
        while found is None:
            made = next(arg.kind for arg in facts.args if arg.kind not in (None, *MEDIA))
            maker = self.catalog.maker(made)
            if maker is None:
                raise LookupError(f"no tool makes {made}")
            facts, found = maker, maker.medium
        return str(found.kind)

    def draw(self, rng: random.Random, language: str, intent: str, split: str) -> Phrasing | None:
        """A phrasing of an intent ("several" for any of several wishes) for a split, or None where there is none.

        In the splits of held-out phrasings, phrases and frames are trained ones in half of the draws; requests never.
        """
        pools = split if split in ("train", "seen") else "b" if split.startswith("b_") else "held_out"
        if pools == "held_out" and not self.request(intent) and intent != "several" and rng.random() < 0.5:
            pools = "seen"
        found = self._pools.get((language, intent, pools))
        if not found and pools == "held_out" and not self.request(intent) and intent != "several":
            found = self._pools.get((language, intent, "seen"))
        return rng.choice(found) if found else None

    def count(self) -> dict[str, int]:
        """How many phrasings each pool has: train, seen (the part of train that is measured), held_out, b."""
        total: dict[str, int] = defaultdict(int)
        for (_, intent, pool), lines in self._pools.items():
            total[pool] += len(lines) if intent != "several" else 0
        return dict(total)

    def _add(self, lines: Iterable[Phrasing], origin: str) -> None:
        seen: set[tuple[tuple[str, ...], str]] = set()
        for line in lines:
            served = line.intents[0].startswith(PHRASES) or fault(line, self.catalog) is None
            if not served or (line.intents, line.words) in seen:
                continue
            seen.add((line.intents, line.words))
            if origin == "b":
                pools: tuple[str, ...] = ("b",)
            elif line.held_out:
                pools = ("held_out",)
            else:
                pools = ("train",) if line.apart is False else ("train", "seen")
            intent = "several" if len(line.intents) > 1 else line.intents[0]
            for pool in pools:
                self._pools[line.language, intent, pool].append(line)

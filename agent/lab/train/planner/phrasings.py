"""Phrasings of requests by several authors: files of lines `intent<TAB>text` with slots in braces. Stdlib only.

The authors are language models that wrote in different roles, each without sight of the others' lines.

An intent is a tool of the registry, or `tool:argument` where the tool can be about several things ("annotate:masks"),
or `tool:` for the whole medium ("blur:"), or `tool@option` where the words mean one of the tool's choices
("change_audio@louder"). Intents joined by "+" are several wishes said in one sentence, of which the next takes what
the one before made, where it can; the slots of the second wish end in 2. Beside requests the files hold phrases:
`np_largest` ("the biggest {n}"), `ref_all` ("all of them"), `join` (frames around {A} and {B}) and `polite` (frames
around {A}).

| slot | filled with |
|---|---|
| {np} {pl} {n} {a} | a definite noun phrase; a plural, a singular without article; a singular with "a" |
| {pic} | the medium as it is spoken of |
| {ref} | a phrase that points back to the first wish's things |
| {tint} {place} | in questions: a colour, a place ("top left") |
| {sound} | the name of a sound |
| {piece} {other} {speech} | of several attached pictures one and another one; the attached recordings beside pictures |
| {colour} {prompt} {to} … | a value of the tool's argument of that name |
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
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..held_out import held_out
from .catalog import MEDIA, Argument, Catalog, Facts

FOLDER = Path(__file__).parent / "phrasings"
LOOKS = Path(__file__).parent.parent / "mllm" / "phrasings.tsv"
LOOKED = ("what_colour", "what_place", "caption", "background", "pattern", "size", "left_of", "above", "bigger")
READ = "sign"
THINGS = ("np", "pl", "n", "a")
SOUND = "sound"
_FEWEST = 25  # a tool with fewer lines, such as one that has its card only, is asked for as if it had so many
PHRASES = ("np_", "ref_", "join", "polite")  # intents that are no requests
FILLERS = ("pic", "ref", "tint", "place", "speech")
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

    def own(self, index: int, facts: Facts | None = None) -> tuple[str, ...]:
        """The slots of wish number `index` (from 0), for a tool with these facts, without their number."""
        numbers = [re.fullmatch(r"(\w+?)(\d?)", name) for name in self.slots]
        named = {arg.name for arg in facts.args} if facts else set()
        fillers = [name for name in FILLERS if name not in named]
        return tuple(m[1] for m in numbers if m and int(m[2] or 1) == index + 1 and m[1] not in fillers)


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
        yield from read(folder / f"tools-{language}.tsv")


def independent(folder: Path = FOLDER) -> Iterator[Phrasing]:
    """The lines of the authors apart: set (b)."""
    for language in ("en", "zh"):
        yield from read(folder / f"independent-{language}.tsv")


def looks(catalog: Catalog) -> Iterator[Phrasing]:
    """The MLLM's questions as requests for the tool that hands a question on, if there is one."""
    asker = next((t for t in catalog.tools if any(arg.name == "question" for arg in t.args)), None)
    for line in LOOKS.read_text(encoding="utf-8").splitlines() if asker else ():
        kind, _, text = line.partition("\t")
        if kind == READ and "read_text" in catalog:
            yield Phrasing(("read_text",), text, held_out(line))
        elif asker and kind in (*LOOKED, READ):
            text = text.replace("{c}", "{tint}").replace("{p}", "{place}")
            yield Phrasing((asker.name,), f"[{text}]", held_out(line))


def tool_of(intent: str) -> str:
    """The name of an intent's tool."""
    return re.split("[:@]", intent)[0]


def split_intent(intent: str, catalog: Catalog) -> tuple[Facts, str | None]:
    """The tool of an intent and the argument that takes what is named (None: the whole medium).

    Raises KeyError for a tool that the catalogue does not have.
    """
    facts, (_, colon, about) = catalog[tool_of(intent)], intent.partition("@")[0].partition(":")
    if colon:
        return facts, about or None
    if facts.finds and facts.names is not None:
        return facts, facts.names.name
    named = [arg for arg in facts.args if arg.kind in ("boxes", "masks")]
    required = [arg for arg in named if not arg.optional]
    if required and len(named) > len(required):  # masks tell more than the boxes that are needed
        return facts, named[-1].name
    return facts, (required or named)[0].name if named else None


def chosen(intent: str, facts: Facts) -> dict[str, str]:
    """The choice that an intent stands for, by the name of its argument."""
    _, at, option = intent.partition("@")
    return {arg.name: option for arg in facts.args if at and option in arg.options}


def of_cards(catalog: Catalog) -> Iterator[Phrasing]:
    """The example requests on the tools' cards as phrasings.

    `{labels}` is what the tool is about; `{masks}` says that it is about masks. Examples of tools that only narrow
    down ("the red {labels}") are no requests; those of tools that may take another medium besides do not say whether
    they do.
    """
    for facts in catalog.tools:
        if facts.narrows is not None or any(arg.kind in MEDIA and arg.optional for arg in facts.args):
            continue
        for example in facts.examples:
            about = next((f":{name}" for name in SLOT.findall(example) if name in ("boxes", "masks")), "")
            text = re.sub(r"\bthe \{(labels|masks|boxes)\}", "{np}", example)
            text = re.sub(r"\ba \{labels\}", "{a}", text)
            text = re.sub(r"\{(labels|masks|boxes)\}", "{np}" if _CHINESE.search(text) else "{pl}", text)
            if "{question}" in text:
                continue
            if (names := facts.names) is not None and not names.optional:  # names to choose from, no things
                text = re.sub(r"\b(the )?\{(pl|np)\}", "{labels}", text)
            strings = texts(facts)
            if strings and "[" not in text and not any(f"{{{arg.name}}}" in text for arg in strings):
                text = f"[{text}]"
            told = any(f"{{{slot}}}" in text for slot in THINGS)
            if told and names is not None and names.optional and not facts.finds:
                about = f":{names.name}"
            found = any(arg.kind in ("boxes", "masks") and not arg.optional for arg in facts.args)
            whole = not about and not told and not found
            yield Phrasing((f"{facts.name}{about or (':' if whole else '')}",), text)


def texts(facts: Facts) -> list[Argument]:
    """The arguments that take a text of the request's own."""
    plain = (arg for arg in facts.args if arg.kind is None and arg.type == "string")
    return [arg for arg in plain if not arg.options and not arg.optional]


def told_pair(facts: Facts, own: Collection[str]) -> bool:
    """Whether what the tool is about is told by the names of two things ("{first}", "{second}")."""
    names = [arg.name for arg in facts.args if arg.kind is None and arg.type == "string" and arg.name in own]
    return len(names) == 2 and facts.args[0].kind == "boxes"


def fault(phrasing: Phrasing, catalog: Catalog) -> str | None:
    """What is wrong with a request's phrasing, or None: every wish must have what its tool needs, and no other slot."""
    backwards = phrasing.slots.count("ref")
    numbered = "".join(str(i + 1) for i in range(1, len(phrasing.intents)))
    made: str | None = None  # the kind that the wish before makes
    for index, intent in enumerate(phrasing.intents):
        try:
            facts, about = split_intent(intent, catalog)
        except KeyError:
            return f"no tool {intent!r}"
        own = phrasing.own(index, facts)
        paired = told_pair(facts, own)
        if kind := catalog.unmade(facts, about):
            return f"{intent}: no tool makes {kind}"
        things = [slot for slot in own if slot in (*THINGS, SOUND)]
        named = about is not None and about not in {arg.name for arg in facts.args if arg.kind in MEDIA}
        strings = texts(facts)
        if strings and "[" not in phrasing.text and strings[0].name not in own:
            return f"{intent}: no [bracket] for {strings[0].name}"
        if named and not things and not paired:
            backwards -= 1
            if index == 0 or backwards < 0:
                return f"{intent}: nothing is named"
        if "[" not in phrasing.text and len(things) > named:
            return f"{intent}: too many things are named"
        takes = _told(facts, about)
        if unknown := [slot for slot in own if slot not in (*THINGS, SOUND, "other", *takes)]:
            return f"{intent}: no argument {unknown[0]!r}"
        given = {*own, *chosen(intent, facts), *(arg.name for arg in strings)}
        if lacking := [arg.name for arg in takes.values() if _lacks(arg, facts, given, made)]:
            return f"{intent}: no {{{lacking[0]}}}"
        made = "text" if facts.gives and catalog.wording(facts.gives) else facts.gives
        if "other" in own:
            backwards = 0  # what was made is put onto the other one
    allowed = re.compile(rf"(\w+?)[{numbered or '0'}2]?")
    if any(not allowed.fullmatch(slot) for slot in phrasing.slots):
        return "a slot of no wish"
    return "more {ref} than wishes that need one" if backwards > 0 else None


def _told(facts: Facts, about: str | None) -> dict[str, Argument]:
    """The arguments that a wish may tell: plain ones, texts, and a second medium of one kind."""
    told = {arg.name: arg for arg in facts.args if (arg.kind is None or arg.literal) and arg.name != about}
    medium = facts.medium
    second = (arg for arg in facts.args if medium and arg.kind == medium.kind and arg is not medium and not arg.many)
    return told | {arg.name: arg for arg in second}


def _lacks(arg: Argument, facts: Facts, given: Collection[str], made: str | None) -> bool:
    """Whether an argument must be told and is not; a medium may be attached, or made by the wish before."""
    if arg.optional or arg.name in given or arg is facts.medium and not _drawn(facts):
        return False
    return arg.kind is None or arg.kind != made


def _drawn(facts: Facts) -> bool:
    """Whether the tool makes something out of nothing but words, which its wish then has to say."""
    return facts.medium is not None and facts.medium.literal and facts.gives in ("image", "video")


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
        return "+" not in intent and tool_of(intent) in self.catalog

    def medium(self, intent: str) -> str | None:
        """The kind of medium that an intent is about, or None where its tool takes no artifact at all."""
        facts, _ = split_intent(intent, self.catalog)
        found = facts.medium
        while found is None:
            made = next((arg.kind for arg in facts.args if arg.kind not in (None, *MEDIA) and not arg.optional), None)
            if made is None:
                return None
            maker = self.catalog.maker(made)
            if maker is None:
                raise LookupError(f"no tool makes {made}")
            facts, found = maker, maker.medium
        return found.kind

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

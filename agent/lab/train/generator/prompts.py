"""Prompts from the truth of scenes: what is said of them, in the wordings of `wordings.tsv`, and the tokenizer.

A line of the file is ``kind<TAB>text`` with slots in curly braces; one that stands there twice is said twice as often.
Of whole sentences (the kinds of HELD_OUT) one line in ten, chosen by a hash of its text, is never said in training.
Only what is true is said, and never all of it: a generator must be free to choose what nobody asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from .....tools.english import plural, with_article
from ...world.captions import PATTERN_WORDS, PLACES, place_of
from ...world.relations import RELATIONS, relations_of
from ...world.scenes import BACKGROUNDS, CLASSES, COLOURS, Scene
from ..held_out import held_out

UNSAID = -1
PATTERNS = tuple(dict.fromkeys(PATTERN_WORDS.values()))
SIZES = ("small", "medium", "large")
SIDES = RELATIONS[:4]
"""Left of, right of, above, below: neighbours are each other's converse."""
HELD_OUT = ("frame", "thing", "several", "both", *SIDES)
"""The kinds of lines of which some are held out; all others are lists of words that mean the same."""
LENGTH = 32
"""Tokens that the text encoder reads; longer prompts are cut off."""
PAD, UNKNOWN, BEGIN, END = "<pad>", "<unk>", "<s>", "</s>"
SPECIALS = (PAD, UNKNOWN, BEGIN, END)

# What is said of a thing: with which probability its colour, its size, a pattern that is not plain, its place.
_COLOUR, _SIZE, _PATTERN, _PLACE = 0.94, 0.25, 0.5, 0.3
_SIDE = 0.75  # of two things that lie beside or above each other, that it is said
_GROUND = {"plain": 0.4, "gradient": 0.6}  # of the background; the others are said oftener
_STRANGE = 0.06  # of a word that means nothing

Row = NDArray[np.int8]


class Thing(NamedTuple):
    """A thing as it is or as it is told: indices into CLASSES, COLOURS, PATTERNS, SIZES and PLACES, or UNSAID."""

    label: int
    colour: int
    pattern: int
    size: int
    place: int


NOTHING = Thing(*[UNSAID] * 5)


class Truth(NamedTuple):
    """What prompts can tell of a scene of one or two things."""

    background: int
    things: tuple[Thing, ...]
    sides: tuple[int, ...] = ()
    """Which of SIDES hold of the first thing to the second."""


class Prompt(NamedTuple):
    """A prompt and all that it says."""

    text: str
    things: tuple[Thing, ...]
    """In the order in which they are named; of two equal things the same is said."""
    side: int
    """How the thing that is named first lies to the second: an index into SIDES, or UNSAID."""
    background: int


EMPTY = Prompt("", (), UNSAID, UNSAID)
FACTS = (*(len(CLASSES), len(COLOURS), len(PATTERNS), len(SIZES), len(PLACES)) * 2, len(SIDES), len(BACKGROUNDS))
"""How many values each fact of a prompt has: those of a first and a second thing, their side, the background."""


def facts_of(prompt: Prompt) -> tuple[int, ...]:
    """The facts of a prompt in the order of FACTS, UNSAID where it does not say one."""
    first, second = (*prompt.things, NOTHING, NOTHING)[:2]
    return (*first, *second, prompt.side, prompt.background)


def truth_of(scene: Scene) -> Truth | None:
    """The truth of a scene; None where it has no things, or more than two."""
    if not 1 <= len(scene.objects) <= 2:
        return None
    things = tuple(
        Thing(
            CLASSES.index(thing.label),
            COLOURS.index(thing.colour),
            PATTERNS.index(PATTERN_WORDS[thing.texture]),
            SIZES.index(thing.size_word),
            PLACES.index(place_of(thing, scene.image.shape[0])),
        )
        for thing in scene.objects
    )
    found = relations_of(scene)
    sides = tuple(k for k, side in enumerate(SIDES) if (0, 1) in found[side])
    return Truth(BACKGROUNDS.index(scene.background), things, sides)


def packed(truth: Truth | None) -> Row:
    """A truth as a row of 15 numbers, so that many of them are one array; none is a row of -1."""
    if truth is None:
        return np.full(15, UNSAID, np.int8)
    first, second = (*truth.things, NOTHING)[:2]
    return np.array([truth.background, *first, *second, *(k in truth.sides for k in range(4))], np.int8)


def unpacked(row: Row) -> Truth:
    """The truth of such a row; not for a row of none."""
    background, *values = (int(value) for value in row)
    things = tuple(thing for thing in (Thing(*values[:5]), Thing(*values[5:10])) if thing != NOTHING)
    return Truth(background, things, tuple(k for k in range(4) if values[10 + k]))


@cache
def wordings() -> Mapping[str, tuple[str, ...]]:
    """The lines of the file by their kind."""
    found: dict[str, list[str]] = {}
    text = files(__package__).joinpath("wordings.tsv").read_text(encoding="utf-8")
    for line in text.splitlines():
        kind, _, wording = line.partition("\t")
        found.setdefault(kind, []).append(wording)
    return {kind: tuple(lines) for kind, lines in found.items()}


def is_held_out(kind: str, wording: str) -> bool:
    """Whether training never says a line."""
    return kind in HELD_OUT and held_out(f"{kind}\t{wording}")


class Book:
    """Says truths in words: in those that training uses, or, as far as a kind has any, in those held out from it."""

    def __init__(self) -> None:
        lines = wordings()
        self.taught = {kind: [w for w in said if not is_held_out(kind, w)] for kind, said in lines.items()}
        self.held = {
            kind: [w for w in said if is_held_out(kind, w)] or self.taught[kind] for kind, said in lines.items()
        }
        known = _words(" ".join(w for said in self.taught.values() for w in said))
        self.strange = sorted(_words(" ".join(w for said in self.held.values() for w in said)) - known)

    def say(self, truth: Truth, rng: np.random.Generator, *, held_out: bool = False) -> Prompt:
        """One prompt that is true of the scene; unknown words are strewn into those of training only."""
        teller = _Teller(self.held if held_out else self.taught, rng)
        prompt = teller.tell(truth)
        if not held_out and rng.random() < _STRANGE:
            words = prompt.text.split()
            words.insert(int(rng.integers(len(words) + 1)), str(rng.choice(self.strange)))
            prompt = prompt._replace(text=" ".join(words))
        return prompt


class _Teller:
    """Finds the words of one prompt."""

    def __init__(self, lines: Mapping[str, list[str]], rng: np.random.Generator) -> None:
        self.lines, self.rng = lines, rng

    def tell(self, truth: Truth) -> Prompt:
        first, *others = truth.things
        if not others:
            told: tuple[Thing, ...] = (self._chosen(first, places=True),)
            text, side = self._placed(told[0], before=0.15), UNSAID
        elif first[:2] == others[0][:2]:
            told = (NOTHING._replace(label=first.label, colour=first.colour),) * 2
            text, side = (
                self._draw("several").format(n=f"{COLOURS[first.colour]} {plural(CLASSES[first.label])}"),
                UNSAID,
            )
        else:
            text, told, side = self._pair(truth)
        background = UNSAID
        if self.rng.random() < _GROUND.get(BACKGROUNDS[truth.background], 0.85):
            background = truth.background
            ground = self._draw(BACKGROUNDS[background])
            text = f"{ground} {text}" if self.rng.random() < 0.08 else f"{text} {ground}"
        text = " ".join(self._draw("frame").format(x=text).split())
        return Prompt(text, told, side, background)

    def _pair(self, truth: Truth) -> tuple[str, tuple[Thing, ...], int]:
        """Two things: how they lie to each other, or where each is, or just both."""
        rng, side = self.rng, UNSAID
        related = bool(truth.sides) and rng.random() < _SIDE
        a, b = (self._chosen(thing, places=not related) for thing in truth.things)
        kind = "both"
        if related:
            side = int(rng.choice(truth.sides))
            kind = SIDES[side]
        line = self._draw(kind)
        text = line.format(a=self._placed(a), b=self._placed(b))
        if line.index("{a}") < line.index("{b}"):
            return text, (a, b), side
        return text, (b, a), side if side == UNSAID else side ^ 1

    def _chosen(self, thing: Thing, *, places: bool) -> Thing:
        """The thing with what is said of it."""
        colour, size, pattern, place = self.rng.random(4) < (_COLOUR, _SIZE, _PATTERN, _PLACE)
        return Thing(
            thing.label,
            thing.colour if colour else UNSAID,
            thing.pattern if pattern and thing.pattern else UNSAID,  # plain is the word for backgrounds
            thing.size if size else UNSAID,
            thing.place if place and places else UNSAID,
        )

    def _placed(self, thing: Thing, before: float = 0.0) -> str:
        """A large red star at the top, or with the probability ``before`` at the top a large red star."""
        named = self._named(thing)
        if thing.place == UNSAID:
            return named
        at = self._draw(PLACES[thing.place])
        return f"{at} {named}" if self.rng.random() < before else f"{named} {at}"

    def _named(self, thing: Thing) -> str:
        """A large red star."""
        kinds = [SIZES[thing.size]] if thing.size != UNSAID else []
        kinds += [PATTERNS[thing.pattern]] if thing.pattern != UNSAID else []
        details = [self._draw(kind) for kind in kinds]
        if self.rng.random() < 0.2:
            details.reverse()
        line = "{d} {l}" if thing.colour == UNSAID else self._draw("thing")
        colour = COLOURS[thing.colour] if thing.colour != UNSAID else ""
        name = " ".join(line.format(d=" ".join(details), c=colour, l=CLASSES[thing.label]).split())
        roll = self.rng.random()
        return (
            with_article(name)
            if roll < 0.8
            else f"one {name}"
            if roll < 0.86
            else f"the {name}"
            if roll < 0.9
            else name
        )

    def _draw(self, kind: str) -> str:
        lines = self.lines[kind]
        return lines[int(self.rng.integers(len(lines)))]


# Spellings that are read as others.
_FOLDS = {"color": "colour", "center": "centre", " 2 ": " two "}


def _normalizer() -> normalizers.Normalizer:
    """Small letters, no marks, one spelling."""
    apart = [normalizers.Replace(Regex(r"\{\w\}|[^\w\s]"), " "), normalizers.Replace(Regex(r"^|$"), " ")]
    folds = [normalizers.Replace(old, new) for old, new in _FOLDS.items()]
    return normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(), *apart, *folds])


def _words(text: str) -> set[str]:
    return set(_normalizer().normalize_str(text).split())


def build_tokenizer() -> PreTrainedTokenizerFast:
    """One token a word of the taught wordings and of the world; every other word is the same unknown one."""
    taught = {word for lines in Book().taught.values() for word in _words(" ".join(lines))}
    nouns = _words(" ".join([*CLASSES, *map(plural, CLASSES), *COLOURS, "a an one the two"]))
    vocabulary = {word: number for number, word in enumerate((*SPECIALS, *sorted(taught | nouns)))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, UNKNOWN))
    tokenizer.normalizer = _normalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    ends = [(token, vocabulary[token]) for token in (BEGIN, END)]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{BEGIN} $A {END}", special_tokens=ends)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=LENGTH, pad_token=PAD, unk_token=UNKNOWN, bos_token=BEGIN,
        eos_token=END, clean_up_tokenization_spaces=False,
    )  # fmt: skip

"""What is said in the world: requests and descriptions of its things, and strings of its words.

Which split a sentence belongs to follows from its text, so that no two splits share one; some words are kept
for tests. Sentences are lower case, without punctuation, numbers as words: what a recogniser writes down.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

import numpy as np

from ....tools.english import plural, with_article
from .captions import NUMBERS, PLACES, at_place
from .scenes import CLASSES, COLOURS

SIZES = ("small", "large", "big", "tiny")
RELATIONS = ("above", "below", "to the left of", "to the right of", "behind", "in front of")
_UNKNOWN_THINGS = (
    "lantern", "bridge", "bottle", "candle", "dragon", "guitar", "island", "ladder", "mountain", "pencil",
    "rabbit", "umbrella", "window",
)  # fmt: skip
_UNKNOWN_COLOURS = ("violet", "silver", "turquoise")
HELD_OUT_WORDS = (*_UNKNOWN_THINGS, *(plural(thing) for thing in _UNKNOWN_THINGS), *_UNKNOWN_COLOURS)
"""Nouns and colours that are said in ``test`` only, and nowhere in the other splits."""

KINDS = ("sentence", "words", "unknown")
"""A request or description; a string of random words; a sentence with one of :data:`HELD_OUT_WORDS`."""

_SHARES = {"train": (0.65, 0.35, 0.0), "val": (0.65, 0.35, 0.0), "test": (0.5, 0.25, 0.25), "demo": (0.9, 0.1, 0.0)}
_HELD_OUT = {0: "val", 1: "test", 2: "demo"}  # of sixteen parts of all sentences; the others are train's

_FRAMES = (
    "draw {a}", "draw {a} {relation} {b}", "paint {a} {place}", "make a picture of {a} and {b}",
    "how many {things} are there", "count the {things}", "count the {things} {place}", "find the {things}",
    "what colour is the {thing}", "is there {a}", "is there {a} {relation} the {other}",
    "where is the {phrase}", "what is {relation} the {phrase}", "what is {place}",
    "cut out the largest {thing}", "cut out the {phrase}", "blur the smallest {thing}", "remove the {phrase}",
    "show me the {things}", "which {thing} is the largest", "make the {thing} {colour}", "say what you see",
    "there are {number} {things}", "there are {number} {things} and {numbers} {others}", "there is {a} {place}",
    "{a} is {relation} {b}", "the {thing} is {colour}", "i see {a} and {b}", "a {size} {thing} {place}",
    "the {phrase} is {size}", "the {colour} one is {relation} the {other}", "there are no {things}",
    "there is one {phrase} {place}", "the picture shows {number} {colour} {things}",
)  # fmt: skip


class Sentence(NamedTuple):
    """A text and which of :data:`KINDS` it is."""

    text: str
    kind: str


def _vocabulary() -> tuple[str, ...]:
    frames = [word for frame in _FRAMES for word in frame.split() if "{" not in word]
    listed = [*CLASSES, *map(plural, CLASSES), *COLOURS, *NUMBERS, *SIZES, *frames]
    places = [word for place in PLACES for word in at_place(place).split()]
    relations = [word for relation in RELATIONS for word in relation.split()]
    return tuple(sorted({*listed, *places, *relations, "an"}))


VOCABULARY = _vocabulary()
"""Every word that is said in training."""


def split_of(text: str) -> str:
    """The one split in which a sentence may be said, by a hash of its text."""
    return _HELD_OUT.get(zlib.crc32(text.encode()) % 16, "train")


def is_held_out(text: str) -> bool:
    """Whether training never hears this sentence, by its hash or by one of its words."""
    return split_of(text) != "train" or not set(text.split()).isdisjoint(HELD_OUT_WORDS)


def sample_sentence(rng: np.random.Generator, split: str) -> Sentence:
    """A sentence of a split of the world."""
    kind = KINDS[int(rng.choice(len(KINDS), p=_SHARES[split]))]
    if kind == "unknown":
        return Sentence(_unknown(rng), kind)  # its word alone makes it test's
    while True:  # one in sixteen belongs to each held-out split
        text = _composed(rng) if kind == "sentence" else _string(rng)
        if split_of(text) == split:
            return Sentence(text, kind)


def _string(rng: np.random.Generator) -> str:
    return " ".join(str(word) for word in rng.choice(VOCABULARY, int(rng.integers(1, 6))))


def _unknown(rng: np.random.Generator) -> str:
    """A sentence in which one thing or colour of the world is replaced by one that training never names."""
    things = dict.fromkeys(CLASSES, _UNKNOWN_THINGS)
    several = dict.fromkeys(map(plural, CLASSES), tuple(plural(thing) for thing in _UNKNOWN_THINGS))
    replacements = several | things | dict.fromkeys(COLOURS, _UNKNOWN_COLOURS)
    while True:
        words = _composed(rng).split()
        places = [i for i, word in enumerate(words) if word in replacements]
        if places:
            break
    place = int(rng.choice(places))
    words[place] = str(rng.choice(replacements[words[place]]))
    if place and words[place - 1] in ("a", "an"):
        words[place - 1 : place + 1] = with_article(words[place]).split()
    return " ".join(words)


def _composed(rng: np.random.Generator) -> str:
    first, second = (str(label) for label in rng.choice(CLASSES, 2, replace=False))
    one, two = (str(colour) for colour in rng.choice(COLOURS, 2, replace=False))
    size = str(rng.choice(SIZES))
    phrase = (f"{one} {first}", f"{size} {one} {first}", first)[int(rng.choice(3, p=(0.7, 0.15, 0.15)))]
    fillings = {
        "a": with_article(phrase),
        "b": with_article(f"{two} {second}"),
        "phrase": phrase,
        "thing": first,
        "things": plural(first),
        "other": second,
        "others": plural(second),
        "colour": one,
        "size": size,
        "number": NUMBERS[int(rng.integers(2, len(NUMBERS)))],
        "numbers": NUMBERS[int(rng.integers(2, len(NUMBERS)))],
        "place": at_place(str(rng.choice(PLACES))),
        "relation": str(rng.choice(RELATIONS)),
    }
    return str(rng.choice(_FRAMES)).format(**fillings)

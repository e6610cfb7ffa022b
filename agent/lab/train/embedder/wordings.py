"""Captions of scenes in several wordings, a few of them held out, and the tokenizer of their words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from .....tools.english import plural, with_article
from ...world.captions import NUMBERS, PLACES, at_place, listed
from ...world.scenes import BACKGROUNDS, CLASSES, COLOURS
from ...world.shapes import WORDS
from .twins import ATTRIBUTES, Fact

PAD, UNKNOWN, BEGIN, END = "<pad>", "<unk>", "<bos>", "<eos>"
LONGEST = 96
"""Tokens of a text, its ends counted; what is longer is cut off."""

SIZE_WORDS = {
    "small": ("small", "tiny", "little"), "medium": ("medium", "middling"), "large": ("large", "big", "huge"),
}  # fmt: skip
GROUNDS = {
    "plain": ("a plain background", "a background of one colour"),
    "gradient": ("a background that shades from one tone to another", "a shaded background"),
    "clutter": ("a cluttered background", "a background full of clutter"),
    "photo": ("a mottled background", "a background like a photo"),
    "ground": ("open ground under a sky", "open ground"),
}
"""The kinds of background, first as the world's captions call them."""


class Wording(NamedTuple):
    """A caption's ``frame`` around its {things} and perhaps the {ground}, and how it mentions each thing.

    A mention of ``{count}`` tells equal things together, by number, colour and class.
    """

    frame: str
    mention: str

    @property
    def says(self) -> tuple[str, ...]:
        """The attributes that it tells of every thing."""
        if self.mention == COUNTED:
            return ("label", "colour")
        return tuple(name for name in ATTRIBUTES if f"{{{name}}}" in self.mention)


COUNTED = "{count}"
_FULL = "a {size} {colour} {label} {place}"
TRAINED = (
    Wording("{things}", _FULL),
    Wording("on {ground}: {things}", _FULL),  # the world's long caption
    Wording("{things} on {ground}", COUNTED),  # the world's short one
    Wording("a picture of {things}", _FULL),
    Wording("{things} on {ground}", "{place} a {size} {colour} {label}"),
    Wording("this scene shows {things}", "a {size} {label} {place} that is {colour}"),
    Wording("there is {things}", "a {colour} {label} of {size} size {place}"),
    Wording("we see {things} on {ground}", "a {label} that is {size} and {colour} {place}"),
    Wording("{things}", "{place}: a {colour} {label}, {size}"),
    Wording("{things}", "a {colour} {label} {place}"),
    Wording("a picture with {things}", "a {size} {colour} {label}"),
    Wording("there is {things} on {ground}", "a {size} {label} {place}"),
    Wording("this image shows {things}", "{place} is a {colour} {label}"),
)
HELD_OUT = (
    Wording("the image shows {things} on {ground}", _FULL),
    Wording("in this picture we see {things}", "{place} a {colour} {label} of {size} size"),
    Wording("a scene of {things}", "a {colour} {label} that is {size} {place}"),
)
"""Wordings that no training meets; all of their words it does."""
QUERIES = (
    Wording("{things}", "a {colour} {label}"),
    Wording("a picture with {things}", "a {colour} {label}"),
    Wording("{things}", "a {label} {place}"),
    Wording("a picture of {things}", "a {size} {colour} {label}"),
    Wording("there is {things}", "a {colour} {label} {place}"),
)
"""How one looks for a picture by some of its things."""


def describe(facts: Sequence[Fact], background: str, wording: Wording, rng: np.random.Generator) -> str:
    """A caption that tells of all things what the wording says, in random order and with random synonyms."""
    order = [facts[int(i)] for i in rng.permutation(len(facts))]
    if wording.mention == COUNTED:
        phrases = _counted(order)
    else:
        phrases = [_mention(fact, wording.mention, rng) for fact in order]
    text = wording.frame.format(things=listed(phrases), ground=_one_of(GROUNDS[background], rng))
    return re.sub(r"\ba (?=[aeiou])", "an ", text)


def _counted(facts: Sequence[Fact]) -> list[str]:
    counts = Counter((fact.colour, fact.label) for fact in facts)
    return [
        with_article(f"{colour} {label}") if count == 1 else f"{NUMBERS[count]} {colour} {plural(label)}"
        for (colour, label), count in counts.items()
    ]


def _mention(fact: Fact, mention: str, rng: np.random.Generator) -> str:
    said = f" that says {fact.word}" if fact.word and rng.random() < 0.5 else ""
    return mention.format(
        label=fact.label + said,
        colour=fact.colour,
        size=_one_of(SIZE_WORDS[fact.size], rng),
        place=_one_of(_place_phrases(fact.place), rng),
    )


def _place_phrases(place: str) -> tuple[str, str]:
    other = place.replace("top", "upper").replace("bottom", "lower").replace("centre", "middle")
    return at_place(place), f"in the {other} part"


def _one_of(words: Sequence[str], rng: np.random.Generator) -> str:
    """The first word half of the time, else one of all."""
    return words[0] if rng.random() < 0.5 else words[int(rng.integers(len(words)))]


def vocabulary() -> list[str]:
    """Every word that a caption can hold, in lower case and alphabetical order."""
    pieces = [part for wording in (*TRAINED, *HELD_OUT, *QUERIES) for part in wording]
    pieces += [word for words in (*SIZE_WORDS.values(), *GROUNDS.values()) for word in words]
    pieces += [phrase for place in PLACES for phrase in _place_phrases(place)]
    pieces += [*CLASSES, *map(plural, CLASSES), *COLOURS, *BACKGROUNDS, *NUMBERS, *WORDS, "a an and that says"]
    plain = re.sub(r"\{\w+\}", " ", " ".join(pieces)).lower()
    return sorted(set(re.findall(r"\w+|[,:]", plain)))


def build_tokenizer() -> PreTrainedTokenizerFast:
    """One token a word, lower case, between BEGIN and END; a word that no caption has is UNKNOWN."""
    tokens = [PAD, UNKNOWN, BEGIN, END, *vocabulary()]
    tokenizer = Tokenizer(models.WordLevel({token: i for i, token in enumerate(tokens)}, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Lowercase(), normalizers.Replace(Regex(r"[^\w\s,:]"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [(token, tokens.index(token)) for token in (BEGIN, END)]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{BEGIN} $A {END}", special_tokens=ends)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, unk_token=UNKNOWN, bos_token=BEGIN, eos_token=END,
        model_max_length=LONGEST, padding_side="right",
    )  # fmt: skip

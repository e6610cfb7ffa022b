"""The words of the small MLLM's questions, and how one spells them.

Questions are made in one spelling ("colour", "what is", "picture"); training puts other spellings of the same words in
their place, so that the model meets all of them. Its tokenizer is the backbone's (../planner/tokenizer.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

ROWS = ("top", "middle", "bottom")
COLUMNS = ("left", "centre", "right")

_FOLDED = {"color": "colour", "colors": "colours", "center": "centre",
           "photo": "picture", "photograph": "picture", "image": "picture", "drawing": "picture", "scene": "picture",
           "objects": "things", "object": "thing", "items": "things", "item": "thing", "shapes": "things",
           "upper": "top", "lower": "bottom", "whats": "what is", "what's": "what is", "where's": "where is",
           "there's": "there is", "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5",
           "six": "6", "seven": "7", "eight": "8", "colored": "coloured", "coloring": "colouring",
           "coloration": "colouring", "gray": "grey"}  # fmt: skip


def _unfolded() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = defaultdict(list)
    for spelling, word in _FOLDED.items():
        if " " not in word:
            found[word].append(spelling)
    return MappingProxyType({word: tuple(spellings) for word, spellings in found.items()})


SPELLINGS: Mapping[str, tuple[str, ...]] = _unfolded()
"""Other spellings of a word of the questions, and words that mean the same there."""


def spaced(text: str) -> list[str]:
    """The words and marks of a text, in lower case and in the spelling of the questions."""
    core = _splitter()
    return [word for word, _ in core.pre_tokenizer.pre_tokenize_str(core.normalizer.normalize_str(text))]


@cache
def _splitter() -> Tokenizer:
    core = Tokenizer(models.WordLevel({}, unk_token=""))
    folds = [normalizers.Replace(Regex(rf"\b{old}\b"), new) for old, new in _FOLDED.items()]
    straight = normalizers.Replace("\u2019", "'")  # a typographic apostrophe
    core.normalizer = normalizers.Sequence([normalizers.NFKC(), straight, normalizers.Lowercase(), *folds])
    core.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()])
    return core

"""The words of the small MLLM's questions: how what people type is read, as a part of its chat template.

A question is read in lower case, every mark a word of its own, in one spelling ("colour", "what is", "picture"): the
model meets one of them only. The chat template does it (it is a Jinja macro), so that whoever loads the checkpoint gets
it; the phrasings of training are read by the same macro.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jinja2 import Template

ROWS = ("top", "middle", "bottom")
COLUMNS = ("left", "centre", "right")

_WORDS = {"color": "colour", "colors": "colours", "center": "centre",
          "photo": "picture", "photograph": "picture", "image": "picture", "drawing": "picture", "scene": "picture",
          "objects": "things", "object": "thing", "items": "things", "item": "thing", "shapes": "things",
          "upper": "top", "lower": "bottom", "whats": "what is", "zero": "0", "one": "1", "two": "2", "three": "3",
          "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "colored": "coloured",
          "coloring": "colouring", "coloration": "colouring", "gray": "grey"}  # fmt: skip
_SHORT = {"what's": "what is", "where's": "where is", "there's": "there is"}
_WIDE = {"\u2019": "'", "\uff1f": "?", "\uff0c": ",", "\u3002": ".", "\uff01": "!", "\uff1a": ":", "\u2026": "..."}
_MARKS = "?.,:;!'\"()[]{}<>|-/"

SPELLINGS = frozenset(_WORDS) | {word for short in _SHORT for word in short.split("'")}
"""Words that are read as others."""


def _read() -> str:
    text = "text.lower()"
    for old, new in (_WIDE | _SHORT).items():
        text += f".replace({json.dumps(old)}, {json.dumps(new)})"
    for mark in _MARKS:
        text += f".replace({json.dumps(mark)}, {json.dumps(f' {mark} ')})"
    folds = json.dumps(_WORDS)
    return (
        "{% macro read(text) %}{% set folds = " + folds + " %}"
        "{% for word in " + text + ".split() %} {{ folds.get(word, word) }}{% endfor %}{% endmacro %}"
    )


READ = _read()
"""Jinja: the macro `read(text)`, which gives the words with one space before each."""


def spaced(text: str) -> list[str]:
    """The words and marks of a text as the model reads them."""
    read: str = _template().render(text=text)
    return read.split()


@cache
def _template() -> Any:
    return Template(READ + "{{ read(text) }}")

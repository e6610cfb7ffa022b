"""How a request is put to the small planner LM, and how its spans come back: the one place for training and inference.

The model reads words in lower case, one space before each; punctuation and CJK characters are words of their own::

    <|in|> image image<|thread|> image boxes<|request|> how many circles are there ?<|plan|>

String arguments of its plan are spans of the request in the same form (`"labels":[" circles"]`), so the tokens that it
has to write are those that it has just read. `restore` puts the request's own spelling back. Stdlib only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

IN, THREAD, REQUEST, PLAN, END, PAD = "<|in|>", "<|thread|>", "<|request|>", "<|plan|>", "<|end|>", "<|pad|>"
SPECIALS = (PAD, END, IN, THREAD, REQUEST, PLAN)

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af"
_WORD = re.compile(rf"[{_CJK}]|['’][^\W_{_CJK}]+|[^\W_{_CJK}]+|[^\w\s]|_")


@dataclass(frozen=True)
class Word:
    """One word of a request: its normal form and where it stands (character offsets, end exclusive)."""

    text: str
    start: int
    end: int


def words(text: str) -> list[Word]:
    """The words of a request in order; white space is dropped, everything else belongs to some word."""
    return [Word(m.group().lower(), m.start(), m.end()) for m in _WORD.finditer(text)]


def normal(text: str) -> str:
    """The model's form of a text: a space before every word, e.g. `" how many circles ?"`."""
    return "".join(f" {word.text}" for word in words(text))


def prompt(text: str, attachments: Iterable[str], thread: Iterable[str] = ()) -> str:
    """The whole prompt up to and with `<|plan|>`.

    Args:
        text: the request as typed.
        attachments: kinds of the attachments in the order given, e.g. `["image", "image"]`.
        thread: names that the thread knows, e.g. `["image", "boxes"]`; suffixed names (`image_1`) are left out.
    """
    names = [name for name in thread if "_" not in name]
    known = THREAD + "".join(f" {name}" for name in sorted(names)) if names else ""
    return IN + "".join(f" {kind}" for kind in attachments) + known + REQUEST + normal(text) + PLAN


def restore(span: str, request: Sequence[Word], text: str) -> str | None:
    """The request's own spelling of a span in normal form, or None where the request does not have it."""
    wanted = span.split()
    for start in range(len(request) - len(wanted) + 1):
        if wanted and all(request[start + i].text == wanted[i] for i in range(len(wanted))):
            return text[request[start].start : request[start + len(wanted) - 1].end]
    return None


def spoken_by(tokenizer: Any) -> bool:
    """Whether a tokenizer has this format's tokens, so that its model reads this format."""
    return tokenizer is not None and PLAN in tokenizer.get_vocab()

"""How a request is put to the small planner LM, and how its spans come back: the one place for training and inference.

The model reads words in lower case, one space before each; punctuation and CJK characters are words of their own. A
word that its vocabulary does not have as a whole is announced by a mark, the same one wherever the word stands, and
spelled out behind it unless its letters tell nothing::

    <|in|> image image<|thread|> image boxes<|request|> how many#1# zebras are there ?<|plan|>

String arguments of its plan are spans of the request in the same form, an unknown word by its mark alone
(`"labels":["#1#"]`): each word to be copied is one token that was just read, so that nouns never seen in training are
copied as well as trained ones. `NormalForm.restore` puts the request's own spelling back. Stdlib only.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

IN, THREAD, REQUEST, PLAN, END, PAD = "<|in|>", "<|thread|>", "<|request|>", "<|plan|>", "<|end|>", "<|pad|>"
SPECIALS = (PAD, END, IN, THREAD, REQUEST, PLAN)
MARKS = tuple(f"#{number}#" for number in range(1, 17))  # unknown words beyond these are spelled in plans too

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
    return [Word(m.group().lower().replace("’", "'"), m.start(), m.end()) for m in _WORD.finditer(text)]


class NormalForm:
    """A request in the form that a model reads and writes.

    Args:
        text: the request as typed.
        known: the words that the model has as whole tokens.
        marks: for its unknown words, in the order of their first appearance.
    """

    def __init__(self, text: str, known: Collection[str], marks: Sequence[str] = MARKS) -> None:
        self.text, self.words = text, words(text)
        unknown = dict.fromkeys(word.text for word in self.words if word.text not in known)
        self._marks = dict(zip(unknown, marks, strict=False))

    def prompt(self, attachments: Iterable[str], thread: Iterable[str] = ()) -> str:
        """The whole prompt up to and with `<|plan|>`.

        Args:
            attachments: kinds of the attachments in the order given, e.g. `["image", "image"]`.
            thread: names that the thread knows, e.g. `["image", "boxes"]`; suffixed names (`image_1`) are left out.
        """
        names = [name for name in thread if "_" not in name]
        told = THREAD + "".join(f" {name}" for name in sorted(names)) if names else ""
        return IN + "".join(f" {kind}" for kind in attachments) + told + REQUEST + self._request() + PLAN

    def told(self, text: str) -> str:
        """How a span of the request stands in a plan."""
        return self._told(words(text))

    def between(self, first: int, last: int) -> str:
        """How the words `first` to `last` (inclusive) stand in a plan."""
        return self._told(self.words[first : last + 1])

    def restore(self, span: str) -> str | None:
        """The request's own spelling of a span of a plan, or None where the request does not have it."""
        for first in range(len(self.words)):
            for last in range(first, len(self.words)):
                told = self.between(first, last)
                if told == span:
                    return self.text[self.words[first].start : self.words[last].end]
                if not span.startswith(told):
                    break
        return None

    def _told(self, span: Iterable[Word]) -> str:
        return "".join(self._marks.get(word.text, f" {word.text}") for word in span)

    def _request(self) -> str:
        # Bytes of a CJK sign or an emoji say nothing about it; the letters of "headcount" do.
        spelled = (f" {word.text}" if word.text.isascii() else "" for word in self.words)
        return "".join(
            f"{self._marks[word.text]}{letters}" if word.text in self._marks else f" {word.text}"
            for word, letters in zip(self.words, spelled, strict=True)
        )


_KNOWN: weakref.WeakKeyDictionary[Any, frozenset[str] | None] = weakref.WeakKeyDictionary()


def known_words(tokenizer: Any) -> frozenset[str] | None:
    """The words that a tokenizer has as whole tokens, or None where it does not speak this format.

    Its own `rare` list is left out: parts of words that are tokens too ("ham"), and words too rare to be learnt.
    """
    if tokenizer is None:
        return None
    if tokenizer not in _KNOWN:  # asked for with every request, and a large vocabulary takes a while to list
        _KNOWN[tokenizer] = _read_known(tokenizer)
    return _KNOWN[tokenizer]


def _read_known(tokenizer: Any) -> frozenset[str] | None:
    vocabulary = tokenizer.get_vocab()
    if not {PLAN, *MARKS} <= vocabulary.keys():
        return None
    texts = (tokenizer.convert_tokens_to_string([token]) for token in vocabulary)
    whole = {text[1:] for text in texts if text.startswith(" ")} - {"", "\ufffd"}
    return frozenset(whole.difference(tokenizer.init_kwargs.get("rare", ())))

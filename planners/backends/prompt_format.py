"""How a request is put to the small planner LM, and how its spans come back: the one place for training and inference.

The model reads words in lower case, one space before each; punctuation marks are words of their own, and Chinese is
cut into the words of a dictionary: requests are a third shorter, and the name of a thing is copied whole. A word that
its vocabulary does not have as a whole is announced by a mark, the same one wherever the word stands, and spelled out
behind it unless its letters tell nothing::

    <|in|> image image<|thread|> image boxes<|request|> how many#1# zebras are there ?<|plan|>

String arguments of its plan are spans of the request in the same form, an unknown word by its mark alone
(`"labels":["#1#"]`): each word to be copied is one token that was just read, so that nouns never seen in training are
copied as well as trained ones. `NormalForm.restore` puts the request's own spelling back. Stdlib and rjieba only.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

FORM = "mini-plan-3"
"""The name of this form; a planner's tokenizer states the one that it was trained with."""

IN, THREAD, REQUEST, PLAN, END, PAD = "<|in|>", "<|thread|>", "<|request|>", "<|plan|>", "<|end|>", "<|pad|>"
SPECIALS = (PAD, END, IN, THREAD, REQUEST, PLAN)
MARKS = tuple(f"#{number}#" for number in range(1, 17))  # unknown words beyond these are spelled in plans too

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af"
_SIGNS = re.compile(rf"[{_CJK}]+")
# A noun behind one of these is a thing in that colour, or one that something is to be done to, and no word with it.
_APART = "红橙黄绿蓝紫粉棕黑白把将"
# These cling to a noun of one sign in words that the dictionary has (马太, 船用): unless the model knows such a word.
_CLINGING = "太帮则给很用上里"
# "几辆车" is a word of the dictionary too, but a quantity and a thing here.
_QUANTITY = re.compile(r"[几两一二三四五六七八九十]+[个只辆棵颗朵条艘张把位座](?=.)")
_PATH = re.compile(r"(?<![\w/])(?:[A-Za-z]:|~|\.{1,2})?(?:[/\\][\w.~-]+)+[/\\]?", re.ASCII)
_WORD = re.compile(rf"[{_CJK}]|(?<=\w)['’][^\W_{_CJK}]+|[^\W_{_CJK}]+|[^\w\s]|_")


@dataclass(frozen=True)
class Word:
    """One word of a request: its normal form and where it stands (character offsets, end exclusive)."""

    text: str
    start: int
    end: int


def latest(name: str) -> bool:
    """Whether a name of the thread is the latest artifact of its kind: those before it end in a number (`image_1`)."""
    return re.search(r"_\d+$", name) is None


def words(text: str) -> list[Word]:
    """The words of a request in order; white space is dropped, everything else belongs to some word."""
    return [Word(m.group().lower().replace("’", "'"), m.start(), m.end()) for m in _WORD.finditer(text)]


def segmented(text: str) -> list[Word]:
    """The words of a request with runs of CJK characters cut by a dictionary; the rest as in `words`."""
    found: list[Word] = []
    end = 0
    for word in words(text):
        if word.start < end:
            continue
        run = _SIGNS.match(text, word.start)
        end = run.end() if run else word.end
        found += _cut(text, word.start, end) if run else [word]
    return found


def _cut(text: str, start: int, end: int) -> Iterator[Word]:
    """The words of one run of CJK characters."""
    import rjieba  # its dictionary takes 0.2 s to load: only requests in Chinese pay for it

    for piece in rjieba.cut(text[start:end], False):
        quantity = _QUANTITY.match(piece)
        apart = len(piece) > 1 and piece[0] in _APART and piece[-1] != "色"
        first = quantity.end() if quantity else 1 if apart else 0
        lengths = (first, len(piece) - first) if first else (len(piece),)
        for length in lengths:
            yield Word(text[start : start + length], start, start + length)
            start += length


def whole(span: str, text: str, words: Sequence[Word]) -> tuple[int, int] | None:
    """The first and last of a text's words that a span of it covers, or None where it begins or ends within one."""
    starts = {word.start: place for place, word in enumerate(words)}
    ends = {word.end: place for place, word in enumerate(words)}
    for found in re.finditer(re.escape(span), text, re.IGNORECASE):
        if found.start() in starts and found.end() in ends:
            return starts[found.start()], ends[found.end()]
    return None


class NormalForm:
    """A request in the form that a model reads and writes.

    Args:
        text: the request as typed.
        known: the words that the model has as whole tokens.
        marks: for its unknown words, in the order of their first appearance.
    """

    def __init__(self, text: str, known: Collection[str], marks: Sequence[str] = MARKS) -> None:
        self.text = text
        self.words = [part for word in segmented(text) for part in _loosened(word, known)]
        unknown = dict.fromkeys(word.text for word in self.words if word.text not in known)
        self._marks = dict(zip(unknown, marks, strict=False))

    def prompt(self, attachments: Iterable[str], thread: Iterable[str] = ()) -> str:
        """The whole prompt up to and with `<|plan|>`.

        Args:
            attachments: kinds of the attachments in the order given, e.g. `["image", "image"]`.
            thread: names that the thread knows, e.g. `["image", "boxes"]`; suffixed names (`image_1`) are left out.
        """
        names = [name for name in thread if latest(name)]
        told = THREAD + "".join(f" {name}" for name in sorted(names)) if names else ""
        return IN + "".join(f" {kind}" for kind in attachments) + told + REQUEST + self._request() + PLAN

    def told(self, text: str) -> str:
        """How a span of the request stands in a plan."""
        place = whole(text, self.text, self.words)
        return self._told(segmented(text)) if place is None else self.between(*place)

    def between(self, first: int, last: int) -> str:
        """How the words `first` to `last` (inclusive) stand in a plan."""
        return self._told(self.words[first : last + 1])

    def restore(self, span: str) -> str | None:
        """The request's own spelling of a span of a plan, or None where the request does not have it."""
        for first in range(len(self.words)):
            for last in range(first, len(self.words)):
                told = self.between(first, last)
                if told == span:
                    return self._whole_path(self.words[first].start, self.words[last].end)
                if not span.startswith(told):
                    break
        return None

    def _whole_path(self, start: int, end: int) -> str:
        """The text between two places; the whole path where they lie in one ("/data/scans" for "scans")."""
        for path in _PATH.finditer(self.text):
            if path.start() <= start and end <= path.end():
                return path[0]
        return self.text[start:end]

    def _told(self, span: Iterable[Word]) -> str:
        return "".join(self._marks.get(word.text, f" {word.text}") for word in span)

    def _request(self) -> str:
        # Bytes of one sign or an emoji say nothing about it; the letters of "headcount" do, and the signs of 去标识化.
        spelled = (f" {word.text}" if word.text.isascii() or len(word.text) > 1 else "" for word in self.words)
        return "".join(
            f"{self._marks[word.text]}{letters}" if word.text in self._marks else f" {word.text}"
            for word, letters in zip(self.words, spelled, strict=True)
        )


def _loosened(word: Word, known: Collection[str]) -> Iterator[Word]:
    """A noun of one sign and what clings to it, apart; every other word as it is."""
    noun, clinging = word.text[:1], word.text[1:]
    if not (clinging and clinging in _CLINGING and noun in known and word.text not in known):
        yield word
        return
    yield Word(noun, word.start, word.start + 1)
    yield Word(clinging, word.start + 1, word.end)


_KNOWN: weakref.WeakKeyDictionary[Any, frozenset[str] | None] = weakref.WeakKeyDictionary()


def known_words(tokenizer: Any) -> frozenset[str] | None:
    """The words that a tokenizer has as whole tokens, or None where it does not state this form.

    Its own `rare` list is left out: parts of words that are tokens too ("ham"), and words too rare to be learnt.
    """
    if tokenizer is None:
        return None
    if tokenizer not in _KNOWN:  # asked for with every request, and a large vocabulary takes a while to list
        _KNOWN[tokenizer] = _read_known(tokenizer)
    return _KNOWN[tokenizer]


def _read_known(tokenizer: Any) -> frozenset[str] | None:
    if tokenizer.init_kwargs.get("form") != FORM:
        return None
    texts = (tokenizer.convert_tokens_to_string([token]) for token in tokenizer.get_vocab())
    whole = {text[1:] for text in texts if text.startswith(" ")} - {"", "\ufffd"}
    return frozenset(whole.difference(tokenizer.init_kwargs.get("rare", ())))

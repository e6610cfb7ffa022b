"""Which spans of a request may stand in a plan, written as Lark for the grammar of a step."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Collection, Sequence

from .prompt_format import NormalForm, Word
from .prompt_format import words as split
from .step_grammar import MORE, Spans, quoted

MAX_LABEL_WORDS = 5
MAX_WORDS = 160  # of a request that spans are offered from; more would make grammars slow and answers no better


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# No label begins or ends with one of these, so "the" or "of them" is never taken for a thing.
STOP_WORDS = _set("""
    a an the this that these those it its them they he she him her his their i me my you your we us our one ones of in
    on at to from by for with and or but not no nor so then than as is are was were be been being do does did has have
    had can could would should will may might must there here where when how what which who whose why many much more
    most some any all each every both few also please after before into out up down off over under about between only
    just now next first second third fourth last finally s t re ve ll d m
    hello hi hey ok make give tell show find count detect locate identify describe highlight colour color colours colors
    的 了 是 在 有 几 个 多 少 吗 把 请 和 与 这 那 些 里 中 一 张
""")
# Chinese signs of stop words and of quantities ("几个", "三辆").
_SIGNS = STOP_WORDS | frozenset("几多少两二三四五六七八九十百千数每这那第只辆棵颗朵条艘张个位")
# In normal form nor with one of these: for the small models a request speaks of its picture, not of one in it.
PICTURES = _set("picture photo image photograph scene drawing pictures photos images photographs scenes drawings "
                "图 图片 照片 图像 画面 相片")  # fmt: skip


def request_spans(text: str, form: NormalForm | None = None, closed: Collection[str] = ()) -> Spans:
    """The spans of a request as Lark; as typed, or in the normal form of a model.

    Labels are short spans without stop words at their ends, listed in the order of the request. Free strings are any
    spans. In normal form labels have no stop words inside either (but "of"), nor words that are values of a closed set
    (`closed`, such as colours) beside others.
    """
    words = (split(text) if form is None else form.words)[:MAX_WORDS]
    normal = form is not None
    pad = " " if normal else ""

    def told(first: int, last: int) -> str:
        """The span as it stands inside a JSON string."""
        if form is not None:
            return _inside(form.between(first, last))
        return _inside(text[words[first].start : words[last].end])

    def may_name(first: int, last: int) -> bool:
        """Whether the span may be a label."""
        inside = words[first : last + 1]
        if any(_is_mark(word) and word.text not in "-'’&/" for word in inside):
            return False
        if not _may_bound(inside[0]) or not _may_bound(inside[-1]):
            return False
        if not normal:
            return True
        texts = {word.text for word in inside}
        apart = texts & set(closed) or any(_is_stop(text) for text in texts - {"of"})
        return not texts & PICTURES and (len(inside) == 1 or not apart)

    labels, found = _label_lists(words, told, may_name)
    definitions = ""
    if words:
        ends = [word.start for word in words[1:]] + [len(text)]
        told_each = [told(i, i) for i in range(len(words))] if normal else [
            _inside(text[word.start : end]) for word, end in zip(words, ends, strict=True)
        ]  # fmt: skip
        parts = json.dumps({"substring_chunks": told_each}, ensure_ascii=False)
        definitions = f"TEXT: /(?s:.+)/ & ANY_TEXT\nANY_TEXT: %regex {parts}\n"
    return Spans(labels, "TEXT" if definitions else None, found + definitions, pad)


def _label_lists(
    words: Sequence[Word], told: Callable[[int, int], str], may_name: Callable[[int, int], bool]
) -> tuple[str | None, str]:
    """A Lark terminal of lists of labels, and its definitions.

    FROM_i are the lists whose first label begins at word i or later. Labels stand in the order of the request.
    """
    lines: list[str] = []
    later: list[str | None] = [None] * (len(words) + 1)  # FROM_i, if there is any
    for first in reversed(range(len(words))):
        options = []
        for last in range(first, min(first + MAX_LABEL_WORDS, len(words))):
            if may_name(first, last):
                more = later[last + 1]
                options.append(quoted(told(first, last)) + (f" ({quoted(MORE)} {more})?" if more else ""))
        later[first] = later[first + 1]
        if options:
            lines.append(f"FROM_{first}: {' | '.join([*options, *filter(None, [later[first + 1]])])}\n")
            later[first] = f"FROM_{first}"
    return later[0], "".join(lines)


def _may_bound(word: Word) -> bool:
    return not _is_mark(word) and not _is_stop(word.text.lstrip("'’"))


def _is_stop(text: str) -> bool:
    """Whether it is a stop word, or a number or quantity in Chinese ("几个", "三辆")."""
    return text in STOP_WORDS or (not text.isascii() and all(sign in _SIGNS for sign in text))


def _is_mark(word: Word) -> bool:
    """Whether it is punctuation; an emoji is a thing like any other."""
    sign = unicodedata.category(word.text[0])
    return sign[0] in "PSZC" and sign != "So"


def _inside(text: str) -> str:
    """Text as it stands inside a JSON string."""
    return json.dumps(text, ensure_ascii=False)[1:-1]

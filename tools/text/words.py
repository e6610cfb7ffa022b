"""Texts cut into sentences and words, English and Chinese, for tools that compare words without understanding them."""

import re
import unicodedata

from ..see.nouns import singulars

HAN = "\u3400-\u9fff"
"""The characters of Chinese, as a range of a regular expression."""

_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*|\f")
_LATIN_END = r"[.!?…]+[\"'”’)\]]*(?=\s|$)"
_HAN_END = r"[。！？…]+[”’」』）\"]*"
_END = re.compile(rf"{_HAN_END}|{_LATIN_END}")
_ENDS = re.compile(rf"(?:{_HAN_END}|{_LATIN_END})\s*$")
# A full stop behind one of these, or behind a single capital, ends no sentence.
_ABBREVIATED = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|st|vs|etc|fig|vol|pp|approx|inc|ltd|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)"
    r"|\b[a-z]\.[a-z]|\b[A-Z])\.$",
    re.IGNORECASE,
)
_BREAK = re.compile(rf"(?<=[{HAN}，、；：])\s*\n\s*(?=[{HAN}])")
_RUN = re.compile(rf"[{HAN}]+|[^\W_{HAN}]+(?:['’][^\W_{HAN}]+)*")
_IDLE = """
    a about after all also am an and any are as at be because been before being but by can could did do does done for
    from had has have he her here him his how i if in into is it its just many may me might more most much must my no
    not of off on one only or other our out over shall she should so some such tell than that the their them then there
    these they this those to too under up upon us very was we were what when where which while who whom whose why will
    with would you your
    的 了 是 在 和 与 或 有 也 就 都 而 及 把 被 对 从 到 向 这 那 这个 那个 这些 那些 一个 什么 怎么 怎样 哪里 哪个
    哪些 谁 多少 几 吗 呢 吧 啊 我 你 他 她 它 我们 你们 他们 它们 很 不 没有 上 中 里 下 之 其 为 为了 因为 所以 但
    但是 如果 什么样 为什么 请 请问 告诉 多
"""
_SAY_NOTHING = frozenset(_IDLE.split())


def sentences_of(text: str) -> list[str]:
    """The sentences of a text, in their order, each as one line.

    A paragraph in which no sentence ends (a list, a heading, what was heard) gives its lines.
    """
    found: list[str] = []
    for paragraph in _PARAGRAPH.split(text):
        if _END.search(paragraph) is None:
            found += paragraph.splitlines()
        else:
            found += _cut(_BREAK.sub("", paragraph))
    lines = (" ".join(each.split()) for each in found)
    return [each for each in lines if each]


def ends(sentence: str) -> bool:
    """Whether it ends as a sentence does, unlike headings, cells and marks of pages."""
    return _ENDS.search(sentence) is not None


def joined(sentences: list[str]) -> str:
    """Sentences as one text: Chinese ones stand side by side, others a space apart."""
    text = ""
    for sentence in sentences:
        text += f" {sentence}" if text and not (han(text[-1]) or text[-1] in "。！？…”’」』）") else sentence
    return text


def words_of(text: str) -> list[str]:
    """The words of a text that say something, in one spelling: without inflection of English, Chinese cut by jieba."""
    found: list[str] = []
    for run in _RUN.findall(unicodedata.normalize("NFKC", text).casefold()):
        found += _chinese(run) if han(run[0]) else [run.replace("’", "'").removesuffix("'s")]
    return [_stem(word) for word in found if word not in _SAY_NOTHING]


def han(text: str) -> bool:
    """Whether the text has a Chinese character."""
    return re.search(f"[{HAN}]", text) is not None


def _cut(paragraph: str) -> list[str]:
    parts: list[str] = []
    start = 0
    for end in _END.finditer(paragraph):
        said, rest = paragraph[start : end.end()], paragraph[end.end() :].lstrip()
        if not rest or not (_ABBREVIATED.search(said) or rest[0].islower()):
            parts.append(said)
            start = end.end()
    return [*parts, paragraph[start:]]


def _chinese(run: str) -> list[str]:
    import rjieba  # reads its dictionary: not on the light path

    return [str(word) for word in rjieba.cut(run)]


def _stem(word: str) -> str:
    """A word without plural, -ed, -ing and a last -e; rough, but the same for a question and for what answers it."""
    if not word.isascii() or len(word) < 4:
        return word
    word = singulars(word)[0]
    for ending in ("ing", "ed"):
        base = word.removesuffix(ending)
        if base != word and len(base) > 2 and re.search("[aeiouy]", base) and not word.endswith("eed"):
            word = base[:-1] if base[-1] == base[-2] and base[-1] not in "lsz" else base
            break
    return word.removesuffix("e") if len(word) > 3 else word

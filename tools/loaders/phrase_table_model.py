"""The working half of the phrase table loader: texts sentence by sentence through the table."""

import re
from collections.abc import Sequence
from pathlib import Path

from ..errors import Cancelled, WrongArgument
from ..roles import NEVER, Reply, StopFlag
from ..text.words import han
from .base import ModelSpec, cannot_serve, versions
from .phrase_table_file import LANGUAGES, MARKS, Table, read_table
from .phrase_table_match import Reading, said

METHOD = "phrase table: patterns of sentences, else word by word; words that it lacks stand in ⟦ ⟧"

_MOST = 200  # tokens that are matched at once
_PIECES = re.compile(r"([。！？；]+|[.!?;]+(?=\s|$)|\n)")
_CLAUSES = re.compile(r"\s*([,，、:：])\s*")
_SIGNS = (".!?;,:", "。！？；，：")
_TO_CHINESE, _TO_ENGLISH = str.maketrans(*_SIGNS), str.maketrans(f"{_SIGNS[1]}、", f"{_SIGNS[0]},")


class PhraseTableBackbone:
    """A phrase table; serves the role ``translator``."""

    nbytes = 0

    def __init__(self, spec: ModelSpec, path: Path, digest: str) -> None:
        self._spec, self._table = spec, read_table(spec, path)
        self.digest = digest
        self.libraries = versions("rjieba")

    def adapter(self, role: str) -> "PhraseTranslator":
        """The translator."""
        if role != "translator":
            raise cannot_serve(self._spec, role, "the translator")
        return PhraseTranslator(self._table)

    def close(self) -> None:
        """There is nothing to let go of."""


class PhraseTranslator:
    """A ``Translator`` between English and Chinese that knows the words and sentences of its table and no others."""

    method = METHOD

    def __init__(self, table: Table) -> None:
        self._table = table

    def translate(self, texts: Sequence[str], to: Sequence[str], *, stop: StopFlag | None = None) -> list[Reply]:
        """Each text in its language, lines as they were; a sentence that is in that language already stays as it is.

        Raises WrongArgument for other languages than English (en) and Chinese (zh), Cancelled.
        """
        replies: list[Reply] = []
        for text, language in zip(texts, to, strict=True):
            if language not in LANGUAGES:
                raise WrongArgument(
                    f"the phrase table cannot write {language!r}",
                    hint=f"it knows {' and '.join(LANGUAGES)}; a profile with a language model knows more",
                    field="to",
                )
            replies.append(Reply(self._text(text, LANGUAGES.index(language), stop or NEVER)))
        return replies

    def _text(self, text: str, side: int, stop: StopFlag) -> str:
        pieces = _PIECES.split(text)
        whole = ""
        for number in range(0, len(pieces), 2):
            if stop.is_set():
                raise Cancelled("the translator was stopped between two sentences")
            piece, end = pieces[number].strip(), "".join(pieces[number + 1 : number + 2])
            made = (self._sentence(piece, side) or piece.join(MARKS)) if piece else ""
            if side == 0 and made:  # English sentences stand a space apart and begin large
                gap = " " if whole and not whole.endswith("\n") else ""
                made = gap + (made[0].upper() + made[1:] if end.strip() else made)
            whole += made + end.translate(_TO_CHINESE if side else _TO_ENGLISH)
        return whole.strip()

    def _sentence(self, text: str, side: int) -> str:
        if han(text) == bool(side):
            return text
        reading = Reading(self._table, text, 1 - side)
        node = reading.whole() if len(reading) <= _MOST else None
        if node is not None:
            return said([node], side)
        clauses = _CLAUSES.split(text)
        if len(clauses) == 1:
            return said(reading.stretches(), side) if len(reading) <= _MOST else self._halves(text, side)
        signs = [each.translate(_TO_CHINESE if side else _TO_ENGLISH) for each in clauses[1::2]]
        made = [self._sentence(each, side) if each else "" for each in clauses[::2]]
        gap = "" if side else " "
        return "".join(f"{each}{sign}{gap}" for each, sign in zip(made, [*signs, ""], strict=True)).strip()

    def _halves(self, text: str, side: int) -> str:
        """A sentence too long to be matched at once, cut in the middle, between words where it has any."""
        middle = text.rfind(" ", 0, len(text) // 2 + 1)
        middle = middle if middle > 0 else len(text) // 2
        gap = "" if side else " "
        return gap.join(self._sentence(part.strip(), side) for part in (text[:middle], text[middle:]))

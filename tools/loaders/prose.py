"""Language models as ``summariser`` and ``translator``: one adapter asks them in words and checks what they say."""

import re
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ..errors import Cancelled, ModelError, WrongArgument
from ..roles import NEVER, LanguageModel, Reply, StopFlag
from ..text.asking import Answer, Prose, ask, checked
from ..text.words import HAN, joined

ROLES = ("summariser", "translator")
"""The roles that the adapter serves."""

_SUMMARISE = (
    "Summarise the text in at most {count} sentence(s), in the language of the text. Say only what the text says. "
    'Answer with JSON: "able" is true and "sentences" are the sentences; if you cannot, "able" is false.'
)
_TRANSLATE = (
    "Translate the text into {language}. Translate all of it, add nothing, explain nothing, keep its line breaks. "
    'Answer with JSON: "able" is true and "text" is the translation; if you cannot, "able" is false and "text" is why.'
)
_LATIN = "a-zA-Z\u00c0-\u024f\u1e00-\u1eff"


class _Language(NamedTuple):
    name: str
    script: str = _LATIN
    """The letters that it is written in, as a range of a regular expression."""


_LANGUAGES = MappingProxyType(
    {
        "en": _Language("English"), "zh": _Language("Chinese", HAN), "es": _Language("Spanish"),
        "fr": _Language("French"), "de": _Language("German"), "it": _Language("Italian"),
        "pt": _Language("Portuguese"), "nl": _Language("Dutch"), "ru": _Language("Russian", "\u0400-\u04ff"),
        "ja": _Language("Japanese", f"\u3040-\u30ff{HAN}"), "ko": _Language("Korean", "\uac00-\ud7a3"),
        "ar": _Language("Arabic", "\u0600-\u06ff"), "hi": _Language("Hindi", "\u0900-\u097f"),
    }
)  # fmt: skip
_MOST_TOKENS = 4096
_SHORTEST = 80  # characters that a summary of any text may have
_ANOTHER = 0.7  # difference of the shares of Chinese at which two texts are in two languages


class _Summary(Answer):
    sentences: list[str]


class ProseAdapter:
    """A ``Summariser`` and a ``Translator``: one request to the language model a text."""

    def __init__(self, model: LanguageModel, checkpoint: str) -> None:
        self._model = model
        self._name = Path(checkpoint).name  # of a folder: where it lies on this machine is nobody's business

    @property
    def method(self) -> str:
        """Which model was asked."""
        return f"written by the language model {self._name}"

    def summarise(self, texts: Sequence[str], sentences: Sequence[int], *, stop: StopFlag | None = None) -> list[Reply]:
        """One summary per text; raises ``ModelError`` for one that is longer than asked or in another script."""
        replies: list[Reply] = []
        for text, count in zip(texts, sentences, strict=True):
            if count < 1:
                raise WrongArgument("a summary of no sentence", hint="ask for 1 or more", field="sentences")
            replies.append(self._summary(text, count, stop or NEVER) if text.strip() else Reply(""))
        return replies

    def translate(self, texts: Sequence[str], to: Sequence[str], *, stop: StopFlag | None = None) -> list[Reply]:
        """One translation per text; raises ``ModelError`` for one that is not in the script of its language."""
        replies: list[Reply] = []
        for text, language in zip(texts, to, strict=True):
            if language not in _LANGUAGES:
                raise WrongArgument(
                    f"no language {language!r} is known here", hint=f"known: {', '.join(_LANGUAGES)}", field="to"
                )
            replies.append(self._translation(text, language, stop or NEVER) if text.strip() else Reply(""))
        return replies

    def _summary(self, text: str, count: int, stop: StopFlag) -> Reply:
        _check(stop)
        task = _SUMMARISE.format(count=count)
        found, read, written = ask(self._model, task, text, _Summary, max_tokens=128 + 128 * count, stop=stop)
        if len(found.sentences) > count:
            raise ModelError(
                f"the language model wrote {len(found.sentences)} sentences, {count} were asked for",
                hint="ask again, or use a model that follows instructions",
            )
        said = joined([" ".join(each.split()) for each in found.sentences if each.strip()])
        said = checked(said, text, max(len(text), _SHORTEST))
        if abs(_share(said, HAN) - _share(text, HAN)) > _ANOTHER:
            raise ModelError("the language model wrote the summary in another language", hint="ask again", output=said)
        return Reply(said, tokens_in=read, tokens_out=written)

    def _translation(self, text: str, language: str, stop: StopFlag) -> Reply:
        _check(stop)
        name, script = _LANGUAGES[language]
        task = _TRANSLATE.format(language=name)
        most = min(_MOST_TOKENS, 256 + 2 * len(text))
        found, read, written = ask(self._model, task, text, Prose, max_tokens=most, stop=stop)
        # Chinese says in one character what takes a word elsewhere.
        said = checked(found.text, text, 12 * len(text) + 200)
        if _share(said, script) < 0.5:
            raise ModelError(
                f"the language model did not write {name}", hint="ask again, or use a larger model", output=said[:300]
            )
        return Reply(said, tokens_in=read, tokens_out=written)


def _check(stop: StopFlag) -> None:
    if stop.is_set():
        raise Cancelled("stopped before the language model was asked")


def _share(text: str, script: str) -> float:
    """The share of the letters of a text that are of a script; 1 where it has no letters."""
    letters = [letter for letter in text if letter.isalpha()]
    return len(re.findall(f"[{script}]", text)) / len(letters) if letters else 1.0

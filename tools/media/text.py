"""Text as a medium: what a file says, what a model answered."""

import re
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from ..errors import NotDecodable
from .artifact import Artifact, identity
from .limits import Limits
from .source import read_source

# What terminals take for commands, as a whole, and any other control character but tab and the ends of lines.
_COMMAND = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def plain(text: str) -> str:
    """The text without what terminals would obey: their escape sequences go, other control characters are spaces."""
    return _CONTROL.sub(" ", _COMMAND.sub("", text))


class Text(Artifact):
    """Unicode text of ``characters`` code points; stored as UTF-8.

    ``method`` says how a text was made where that changes what it is worth (an extract, a phrase table); it is no part
    of the identity, which is that of the words.
    """

    kind: ClassVar[str] = "text"
    characters: int
    method: str = ""

    @classmethod
    def of(cls, text: str, method: str = "") -> Self:
        """The given text, ``plain``. Lone surrogates, which UTF-8 cannot write, become question marks."""
        text = plain(text)
        encoded = text.encode("utf-8", "replace")
        raw = np.frombuffer(encoded, dtype=np.uint8)
        facts: dict[str, Any] = {"characters": len(text), "method": method}
        return cls._made(encoded.decode(), id=identity(cls.kind, {}, raw), mime="text/plain", **facts)

    @classmethod
    def open(cls, source: str | Path | bytes, limits: Limits | None = None, *, name: str = "") -> Self:
        """The ``plain`` text of a file in UTF-8, or in UTF-16 with its byte-order mark.

        Raises MissingFile, NotDecodable.
        """
        name, content = read_source(source, limits or Limits(), name)
        text = _text(content, name)
        return cls._read(content, text, mime="text/plain", characters=len(text))

    @property
    def text(self) -> str:
        """The text itself."""
        found: str = self._loaded()
        return found

    @property
    def empty(self) -> bool:
        """Whether there is nothing but white space."""
        return self.characters == 0 or not self.text.strip()

    def _decode(self, content: bytes) -> str:
        return _text(content, self._name)

    def _encode(self, payload: Any) -> bytes:
        text: str = payload
        return text.encode()


def _text(content: bytes, name: str) -> str:
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return plain(content.decode(encoding))
    except UnicodeDecodeError as error:
        raise NotDecodable(f"{name} is not text: {error}", hint="save it as UTF-8", name=name) from error

"""A file of results, one JSON line a file that a plan was run on; a run that was broken off goes on from it."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from io import BufferedRandom
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..tools.errors import InputError, NotDecodable

VERSION = "panmodal.map/1"
_BEGINNING = json.dumps({"version": VERSION})[:-1].encode()
"""How every line of such a file begins."""
_FIELDS = ("path", "digest", "plan", "run", "status", "text", "artifacts", "files", "error", "seconds")

Line = Mapping[str, Any]


class ResultsFile:
    """The lines of ``path``, which is made where it is not there; a context manager that holds it open.

    A last line that was broken off is removed. Raises ``NotDecodable`` for a file that holds anything else, which stays
    as it is, and ``InputError`` where it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: dict[tuple[str, str], Line] = {}
        self._owners: dict[tuple[str, str], list[str]] = {}
        self._file: BufferedRandom

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
        except OSError as error:
            raise InputError(
                f"results cannot be written to {self._path}: {error.strerror}",
                hint="name another file",
                path=str(self._path),
            ) from error
        try:
            self._read()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def take(self, path: str, digest: str, plan: str, others: Collection[str]) -> Line | None:
        """The line that a file has from an earlier run of the same plan on the same content; each is given once.

        A file that has been renamed has its line still. That of one of ``others``, with equal content, is not its own.
        """
        owners = self._owners.get((digest, plan), [])
        owner = path if path in owners else next((name for name in owners if name not in others), None)
        if owner is None:
            return None
        owners.remove(owner)
        return self._lines.pop((owner, plan))

    def append(self, line: Line) -> None:
        """Write a line, all at once."""
        self._file.write(json.dumps({"version": VERSION, **line}, ensure_ascii=False).encode() + b"\n")
        self._file.flush()

    def _read(self) -> None:
        content = self._file.read()
        whole, end, rest = content.rpartition(b"\n")
        for number, text in enumerate(whole.split(b"\n") if end else [], start=1):
            self._take_in(text, f"line {number} of {self._path}")
        if rest and not (rest.startswith(_BEGINNING) or _BEGINNING.startswith(rest)):
            raise _foreign(f"the end of {self._path}", self._path)
        for (path, plan), line in self._lines.items():
            self._owners.setdefault((line["digest"], plan), []).append(path)
        self._file.seek(len(whole) + len(end))
        self._file.truncate()

    def _take_in(self, text: bytes, where: str) -> None:
        try:
            line = json.loads(text)
            if line["version"] == VERSION:
                self._lines[line["path"], line["plan"]] = {name: line[name] for name in _FIELDS}
                return
        except (ValueError, KeyError, TypeError):
            pass
        raise _foreign(where, self._path)


def _foreign(where: str, path: Path) -> NotDecodable:
    return NotDecodable(
        f"{where} is no result of this version", hint="name a new file, so that nothing is lost", path=str(path)
    )

"""Rows of plain values: measurements, listings, what a chart shows."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from ..errors import WrongArgument
from .artifact import Artifact, identity, to_json


class Table(Artifact):
    """``count`` rows over ``columns``; cells are JSON values, a missing one is None."""

    kind: ClassVar[str] = "table"
    columns: tuple[str, ...]
    count: int

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> Self:
        """A table of rows; its columns are those given, else those met, in order of appearance.

        Raises WrongArgument for a cell that is not JSON, or a key outside the columns given.
        """
        names = tuple(dict.fromkeys(key for row in rows for key in row) if columns is None else columns)
        strange = sorted({str(key) for row in rows for key in row} - set(names))
        if strange:
            raise WrongArgument(f"rows have columns that the table lacks: {', '.join(strange)}", field="columns")
        try:
            cells = [[row.get(name) for name in names] for row in rows]
            payload = json.dumps(cells, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise WrongArgument(f"a cell is not a JSON value: {error}", field="rows") from error
        facts: dict[str, Any] = {"columns": names, "count": len(cells)}
        raw = np.frombuffer(payload.encode(), dtype=np.uint8)
        return cls._made(payload, id=identity(cls.kind, facts, raw), mime="application/json", **facts)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows as fresh dicts, every column in each."""
        cells = json.loads(self._loaded())
        return [dict(zip(self.columns, row, strict=True)) for row in cells]

    @property
    def empty(self) -> bool:
        """Whether there is no row."""
        return self.count == 0

    def __len__(self) -> int:
        return self.count

    def _decode(self, content: bytes) -> str:
        stored = json.loads(content)
        if stored["columns"] != list(self.columns) or len(stored["cells"]) != self.count:
            raise ValueError("it is not the table that the handle describes")
        return json.dumps(stored["cells"], separators=(",", ":"), ensure_ascii=False, allow_nan=False)

    def _encode(self, payload: Any) -> bytes:
        return to_json({"columns": self.columns, "cells": json.loads(payload)})

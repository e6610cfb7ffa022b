"""What answers tell of things that come in rows, and how much of a long text they repeat."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..tools.media.boxes import Boxes
from ..tools.media.spans import Spans
from ..tools.media.table import Table

_LISTED, _WIDE = 12, 4  # rows that a sentence tells, and of those whose cells must be named
_NUMBERS = 2  # in a row, which still say by themselves what they are
_SHOWN = 80  # characters of a text that is too long to be repeated
_QUOTED = re.compile(r"""(?<!\w)(["'])((?:(?!\1(?!\w)).){81,})\1(?!\w)""", re.DOTALL)


def short(text: str, most: int = _SHOWN) -> str:
    """The text, or its beginning where it has more than ``most`` characters."""
    return text if len(text) <= most else f"{text[:_SHOWN].rstrip()}…"


def unquoted(message: str) -> str:
    """A message with the beginnings only of long texts that it quotes."""
    return _QUOTED.sub(lambda found: f"{found[1]}{short(found[2])}{found[1]}", message)


def is_rows(value: Any) -> bool:
    """Whether a value can be told row by row."""
    return isinstance(value, Spans | Boxes | Table) or (
        isinstance(value, list) and bool(value) and all(isinstance(each, Table) for each in value)
    )


def rows_of(value: Spans | Boxes | Table | Sequence[Table]) -> tuple[list[str], int]:
    """What is listed, a row each, and how many rows are left out.

    Of spans what is said or seen when, of boxes what they are called, of tables the cells.
    """
    most = _LISTED
    if isinstance(value, Spans):
        names = value.labels or [""] * len(value)
        times = zip(names, value.seconds.tolist(), strict=True)
        rows = [f"{name} ({start:.1f}–{end:.1f} s)".strip() for name, (start, end) in times]
    elif isinstance(value, Boxes):
        rows = list(value.labels)
    else:
        rows = []
        for row in (row for table in ([value] if isinstance(value, Table) else value) for row in table.rows):
            cells = {name.replace("_", " "): _cell(each) for name, each in row.items() if each is not None}
            if sum(isinstance(each, int | float) for each in row.values()) > _NUMBERS:
                (_, first), *others = cells.items()
                rows.append(f"{first}: {', '.join(f'{name} {cell}' for name, cell in others)}")
                most = _WIDE
            else:
                rows.append(" ".join(cell for cell in cells.values() if cell))
    return rows[:most], max(0, len(rows) - most)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return short(str(value).rstrip(".。"))

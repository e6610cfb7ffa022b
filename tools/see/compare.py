"""Say how found things lie to each other, and which are larger."""

from collections import Counter
from contextlib import suppress
from math import hypot
from typing import Any

import numpy as np

from ..card import Card
from ..contract import tool
from ..errors import UnknownLabel
from ..media.boxes import Boxes
from ..media.table import Table
from .nouns import resolve

COLUMNS = ("first", "second", "across", "upright", "lies", "larger", "times", "overlap", "distance", "centres")

CARD = Card(
    bad_at="depth: which thing is in front, and which is larger in truth; shapes, of which it knows the boxes only",
    cost="instant",
    examples=(
        "compare the {first} with the {second}", "is the {first} left of the {second}",
        "is the {first} above the {second}", "is the {first} inside the {second}",
        "is the {first} bigger than the {second}", "which is larger, the {first} or the {second}",
        "how many times larger is the {first} than the {second}", "how far is the {first} from the {second}",
        "do the {first} and the {second} overlap", "how do the {labels} lie to each other",
        "比较{first}和{second}", "{first}在{second}的左边吗", "{first}比{second}大多少", "{first}离{second}多远",
    ),
    answer={"en": "How they lie to each other: {rows}.", "zh": "它们之间的关系：{rows}。"},
)  # fmt: skip

# Boxes are a little off: where 5 % of a box stick out, the world's things still lie wholly on each other.
_INSIDE = 0.95


@tool(card=CARD)
def compare(boxes: Boxes, first: str = "", second: str = "") -> Table:
    """Compare things by their boxes, two a row; each pair once, in the order of the boxes.

    ``across`` says whether the first is "left of" or "right of" the second, ``upright`` whether it is "above" or
    "below"; both are None where the boxes share columns, or rows. ``lies`` is "in" where the first lies in the second,
    "around" where it is the other way round, else None. ``larger`` names the one whose box has more pixels, and
    ``times`` how many times as many. ``overlap`` is what both boxes share over what they cover together (0 to 1),
    ``distance`` what is between their edges, 0 where they touch, and ``centres`` between their middles, in pixels.

    Things of one class are numbered in the order of the boxes: "star 1", "star 2". Nouns narrow the pairs; of things
    that were not found there is none.

    Args:
        boxes: what to compare
        first: the noun of the first thing, without it every thing
        second: the noun of the second thing, without it every other thing
    """
    names, known = _named(boxes.labels), tuple(dict.fromkeys(boxes.labels))
    one, other = (_meant(noun, boxes, known) for noun in (first, second))
    met: set[tuple[int, int]] = set()
    rows = []
    for i in one:
        for j in other:
            if i != j and (j, i) not in met:
                met.add((i, j))
                rows.append({"first": names[i], "second": names[j], **_pair(boxes, i, j, names)})
    return Table.of(rows, COLUMNS)


def _named(labels: tuple[str, ...]) -> list[str]:
    counts, seen = Counter(labels), Counter[str]()
    names = []
    for label in labels:
        seen[label] += 1
        names.append(f"{label} {seen[label]}" if counts[label] > 1 else label)
    return names


def _meant(noun: str, boxes: Boxes, known: tuple[str, ...]) -> list[int]:
    """The boxes that a noun means; all of them without one, or with one for everything."""
    if not noun.strip():
        return list(range(len(boxes)))
    with suppress(UnknownLabel):  # nothing of that name was found
        classes = resolve([noun], known)
        return [index for index, label in enumerate(boxes.labels) if not classes or label in classes]
    return []


def _pair(boxes: Boxes, i: int, j: int, names: list[str]) -> dict[str, Any]:
    """What two boxes are to each other."""
    one, other = boxes.xyxy[[i, j]].astype(np.float64).tolist()
    gaps = [max(0.0, other[k] - one[k + 2], one[k] - other[k + 2]) for k in (0, 1)]
    shared = [max(0.0, min(one[k + 2], other[k + 2]) - max(one[k], other[k])) for k in (0, 1)]
    both, sizes = shared[0] * shared[1], [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    middles = [abs(one[k] + one[k + 2] - other[k] - other[k + 2]) / 2 for k in (0, 1)]
    smaller, larger = sorted(sizes)
    covered = sum(sizes) - both
    within = both >= _INSIDE * smaller > 0
    return {
        "across": _side(one[0::2], other[0::2], "left of", "right of"),
        "upright": _side(one[1::2], other[1::2], "above", "below"),
        "lies": None if not within or sizes[0] == sizes[1] else "in" if sizes[0] < sizes[1] else "around",
        "larger": None if smaller == larger else names[i if sizes[0] > sizes[1] else j],
        "times": round(larger / smaller, 4) if smaller else None,
        "overlap": round(both / covered, 6) if covered else 0.0,
        "distance": round(hypot(*gaps), 2),
        "centres": round(hypot(*middles), 2),
    }


def _side(one: list[float], other: list[float], before: str, behind: str) -> str | None:
    """On which side of another stretch one lies; on none where they are the same, as two points may be."""
    if one == other:
        return None
    return before if one[1] <= other[0] else behind if other[1] <= one[0] else None

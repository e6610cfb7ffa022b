"""The motions that things of a clip are known by: their names, and how sentences say them."""

from typing import Literal, NamedTuple, get_args

Motion = Literal[
    "left", "right", "up", "down", "diagonal", "circle", "bounce", "grow", "shrink", "spin", "blink", "still",
    "appears", "disappears",
]  # fmt: skip
MOTIONS: tuple[Motion, ...] = get_args(Motion)
"""What a thing of a clip mainly does; the last two stand still, and come late or go early."""

VERBS = {
    "left": "moves left", "right": "moves right", "up": "moves up", "down": "moves down",
    "diagonal": "moves diagonally", "circle": "goes in a circle", "bounce": "bounces up and down",
    "grow": "grows", "shrink": "shrinks", "spin": "spins", "blink": "blinks", "still": "stands still",
    "appears": "appears", "disappears": "disappears",
}  # fmt: skip


class Span(NamedTuple):
    """One motion from ``start`` up to ``end``, both frames; the end is the start of what follows."""

    motion: str
    start: int
    end: int

"""English from a scene's truth: phrases, places and whole captions."""

from __future__ import annotations

from collections import Counter

from .scenes import Scene, SceneObject

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
PLACES = (
    "top left", "top", "top right",
    "left", "centre", "right",
    "bottom left", "bottom", "bottom right",
)  # fmt: skip
"""Names of the nine thirds of a picture, row by row."""

_BACKGROUND_PHRASES = {
    "plain": "a plain background",
    "gradient": "a background that shades from one tone to another",
    "clutter": "a cluttered background",
    "photo": "a mottled background",
    "ground": "open ground under a sky",
}


def plural(label: str) -> str:
    """The plural of a class: crosses, fish, houses."""
    if label == "fish":
        return label
    return label + ("es" if label.endswith("s") else "s")


def with_article(phrase: str) -> str:
    """a red star, an orange cup."""
    return ("an " if phrase[0] in "aeiou" else "a ") + phrase


def place_of(thing: SceneObject, side: int) -> str:
    """The ninth of the picture in which the middle of the thing's visible box lies, one of :data:`PLACES`."""
    x0, y0, x1, y1 = thing.box
    column, row = (min(2, int((low + high) / 2 * 3 / side)) for low, high in ((x0, x1), (y0, y1)))
    return PLACES[3 * row + column]


def caption(scene: Scene) -> str:
    """One sentence that names every thing by colour and class, equal ones counted together."""
    counted = Counter((thing.colour, thing.label) for thing in scene.objects)
    phrases = [
        with_article(f"{colour} {label}") if count == 1 else f"{NUMBERS[count]} {colour} {plural(label)}"
        for (colour, label), count in counted.items()
    ]
    ground = _BACKGROUND_PHRASES[scene.background]
    if not phrases:
        return f"Nothing but {ground}."
    listed = phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} and {phrases[-1]}"
    return f"{listed[0].upper()}{listed[1:]} on {ground}."

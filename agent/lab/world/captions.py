"""English from a scene's truth: phrases, places and whole captions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ....tools.english import plural, with_article
from .scenes import Scene, SceneObject

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
PLACES = (
    "top left", "top", "top right",
    "left", "centre", "right",
    "bottom left", "bottom", "bottom right",
)  # fmt: skip
"""Names of the nine thirds of a picture, row by row."""

BACKGROUND_WORDS = {
    "plain": "plain", "gradient": "shaded", "clutter": "cluttered", "photo": "mottled", "ground": "open ground",
}  # fmt: skip
"""The kinds of background as answers call them."""

PATTERN_WORDS = {
    "flat": "plain", "shaded": "plain", "striped": "striped", "dotted": "dotted", "outlined": "outlined",
}  # fmt: skip
"""The textures of things as answers call them: light from one side is no pattern."""

_BACKGROUND_PHRASES = {
    "plain": "a plain background",
    "gradient": "a background that shades from one tone to another",
    "clutter": "a cluttered background",
    "photo": "a mottled background",
    "ground": "open ground under a sky",
}


def place_of(thing: SceneObject, side: int) -> str:
    """The ninth of the picture in which the middle of the thing's visible box lies, one of :data:`PLACES`."""
    x0, y0, x1, y1 = thing.box
    column, row = (min(2, int((low + high) / 2 * 3 / side)) for low, high in ((x0, x1), (y0, y1)))
    return PLACES[3 * row + column]


def listed(phrases: Sequence[str]) -> str:
    """One, two and three."""
    return phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} and {phrases[-1]}"


def sentence(text: str) -> str:
    """The text with a capital letter and a full stop."""
    return f"{text[0].upper()}{text[1:]}."


def at_place(place: str) -> str:
    """at the top left, in the centre, on the right."""
    if place == "centre":
        return "in the centre"
    return f"on the {place}" if place in ("left", "right") else f"at the {place}"


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
    return sentence(f"{listed(phrases)} on {ground}")


def long_caption(scene: Scene) -> str:
    """One sentence that names every thing by size, colour, class and place, row by row as one reads."""
    side = scene.image.shape[0]
    placed = sorted((PLACES.index(place_of(thing, side)), i) for i, thing in enumerate(scene.objects))
    phrases = []
    for place, i in placed:
        thing = scene.objects[i]
        said = f" that says {thing.word}" if thing.word else ""
        named = with_article(f"{thing.size_word} {thing.colour} {thing.label}")
        phrases.append(f"{named}{said} {at_place(PLACES[place])}")
    ground = _BACKGROUND_PHRASES[scene.background]
    return sentence(f"on {ground}: {listed(phrases)}") if phrases else f"Nothing but {ground}."

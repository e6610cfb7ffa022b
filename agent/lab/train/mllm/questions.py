"""Questions about a scene and their answers, made from the truth.

A `Fact` is what is asked and the true answer; `phrase` says it in one of the wordings of `phrasings`. Everything is
lower case with spaces around punctuation, as the chat template reads what people type. An answer is as short as it
can be: ``red``, ``3``, ``yes``, ``top left``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from .....tools.english import plural, with_article
from ...world.captions import BACKGROUND_WORDS
from ...world.scenes import BACKGROUNDS, CLASSES, COLOURS
from ...world.shapes import WORDS
from .cells import PATTERNS, SIZES
from .phrasings import Phrasebook, phrasings
from .words import COLUMNS, ROWS

KINDS = (
    "colour", "what", "count", "count_all", "yes_no", "where", "caption", "background", "pattern", "size", "sign",
    "left_of", "above", "bigger",
)  # fmt: skip
GROUNDS = tuple(BACKGROUND_WORDS[name] for name in BACKGROUNDS)  # plain, shaded, cluttered, mottled, open ground
LEGIBLE = 0.26  # size of a sign (share of the picture's side) from which its word is asked for
_LIMIT = 8  # the largest number that is asked for
_COLOURED = 0.1  # probability that a thing is named with its colour
_MARGIN = 1.2  # how many times larger the bigger of two things is at least
_FORMS = {"exist": 0.6, "is_colour": 0.22, "is_count": 0.18}  # of yes-or-no questions
# Answers that scenes offer often are asked for less often: how many times out of one.
_SELDOM = {
    "pattern": {"plain": 0.25}, "size": {"medium": 0.4, "large": 0.5}, "count": {"0": 0.5, "1": 0.6},
}  # fmt: skip
_LISTS = {
    "colour": "each colour :", "where": "each place :", "what": "each thing :", "count": "each number :",
    "pattern": "each pattern :", "size": "each size :",
}  # fmt: skip
_GLUE = ("a", "an", "and", "of", "no", "yes", "nothing", ",", ".", "?", ":", "the", "things", "thing", "stop")


@dataclass(frozen=True)
class Thing:
    """One object as the questions see it."""

    label: str
    colour: str
    pattern: str
    size: str
    """One of SIZES."""
    extent: float
    """Its longer side over the side of the picture."""
    word: str | None
    """What a legible sign says, in lower case."""
    row: str
    column: str
    order: int
    """The cell of its box's centre, counted row by row: the order of captions."""


@dataclass(frozen=True)
class Fact:
    """What is asked, as a type of phrasing with its slots, and the true answer.

    `cue` is the word of the question that settles the answer, e.g. the thing whose colour is asked. In training the
    answer's first word is asked for at the cue too: looking it up there and carrying it to the end are learned apart.
    """

    kind: str
    form: str
    slots: dict[str, str]
    answer: str
    cue: str = ""


@dataclass(frozen=True)
class Question:
    """A question in words; `scored` marks the answer's words that count in the loss (None: all)."""

    kind: str
    prompt: str
    answer: str
    scored: tuple[bool, ...] | None = None
    cue: str = field(default="")


def phrase(
    fact: Fact, book: Phrasebook, rng: np.random.Generator, *, held_out: bool = False, noise: bool = False
) -> Question:
    """The fact in one of the book's wordings."""
    words = book.say(fact.form, fact.slots, rng, held_out=held_out, noise=noise)
    return Question(fact.kind, " ".join(words), fact.answer, cue=fact.cue)


def place_of(x: float, y: float) -> tuple[str, str]:
    """The words for row and column of a point; `x`, `y` in 0..1 from the upper left."""
    return ROWS[min(int(y * 3), 2)], COLUMNS[min(int(x * 3), 2)]


def vocabulary() -> list[str]:
    """Every word that a question or an answer can hold, in a fixed order."""
    words = [*CLASSES, *(plural(c) for c in CLASSES), *COLOURS, *ROWS, *COLUMNS, *map(str, range(_LIMIT + 1)), *_GLUE]
    words += [*PATTERNS, *SIZES, *(word for name in GROUNDS for word in name.split()), *(w.lower() for w in WORDS)]
    words += [word for text in _LISTS.values() for word in text.split()]
    words += [token for line in phrasings() for token in line.tokens if token[0] != "{"]
    return list(dict.fromkeys(words))


def caption_of(things: Sequence[Thing]) -> str:
    """All things row by row: ``a red star , a blue cup and a black cat .``"""
    ordered = sorted(things, key=lambda thing: thing.order)
    names = [with_article(f"{thing.colour} {thing.label}") for thing in ordered]
    if not names:
        return "nothing ."
    return (" , ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]) + " ."


class Asker:
    """Draws questions about one scene; all choices come from the generator that is handed in."""

    def __init__(self, things: Sequence[Thing], background: str, rng: np.random.Generator) -> None:
        self.things = list(things)
        self.background = background
        self.rng = rng
        labels = [t.label for t in self.things]
        colours = [t.colour for t in self.things]
        places = [(t.row, t.column) for t in self.things]
        self.named = [t for t in self.things if labels.count(t.label) == 1]
        self.tinted = [t for t in self.things if colours.count(t.colour) == 1]
        self.placed = [t for t in self.things if places.count((t.row, t.column)) == 1]
        # Things that colour and class together name; most often the class alone names one.
        pairs = [(t.colour, t.label) for t in self.things]
        self.paired = [t for t in self.things if pairs.count((t.colour, t.label)) == 1]
        self._makers: dict[str, Callable[[], Fact | None]] = {
            "colour": self._colour, "what": self._what, "count": self._count, "count_all": self._count_all,
            "yes_no": self._yes_no, "where": self._where, "caption": self._caption, "background": self._background,
            "pattern": self._pattern, "size": self._size, "sign": self._sign, "left_of": self._left_of,
            "above": self._above, "bigger": self._bigger,
        }  # fmt: skip

    def ask(self, kind: str) -> Fact | None:
        """A fact of this kind (one of KINDS), or None where the scene admits none or the answer is a frequent one."""
        made = self._makers[kind]()
        if made is None or self.rng.random() >= _SELDOM.get(kind, {}).get(made.answer, 1.0):
            return None
        return made

    def list_of(self, kind: str) -> Question | None:
        """A training aid: key and value of every thing in random order, with the loss on the values only."""
        pairs = self._pairs(kind)
        if not pairs:
            return None
        self.rng.shuffle(pairs)
        words: list[str] = []
        scored: list[bool] = []
        for key, value in pairs:
            words += [*key.split(), *value.split(), ","]
            scored += [False] * len(key.split()) + [True] * len(value.split()) + [False]
        return Question(f"list_{kind}", _LISTS[kind], " ".join(words), tuple(scored))

    def _pairs(self, kind: str) -> list[tuple[str, str]]:
        if kind == "where":
            return [(t.label, f"{t.row} {t.column}") for t in self.named]
        if kind in ("colour", "pattern", "size"):
            return [(t.label, getattr(t, kind)) for t in self.named]
        if kind == "what":
            return [(t.colour, t.label) for t in self.tinted] + [(f"{t.row} {t.column}", t.label) for t in self.placed]
        present = sorted({t.label for t in self.things})
        absent = [str(c) for c in self.rng.choice(CLASSES, 3, replace=False) if c not in present]
        return [(plural(c), str(sum(t.label == c for t in self.things))) for c in [*present, *absent]]

    def _pick(self, options: Sequence[str]) -> str:
        return options[int(self.rng.integers(len(options)))]

    def _thing(self, options: Sequence[Thing]) -> Thing:
        return options[int(self.rng.integers(len(options)))]

    def _of_one(self, kind: str, value: Callable[[Thing], str], *, coloured: float = _COLOURED) -> Fact | None:
        """What is true of one thing, which is named by its class or by colour and class."""
        both = self.rng.random() < coloured
        options = self.paired if both else self.named
        if not options:
            return None
        thing = self._thing(options)
        name = f"{thing.colour} {thing.label}" if both else thing.label
        return Fact(kind, kind, {"n": name}, value(thing), thing.label)

    def _colour(self) -> Fact | None:
        return self._of_one("colour", lambda thing: thing.colour, coloured=0.0)

    def _where(self) -> Fact | None:
        return self._of_one("where", lambda thing: f"{thing.row} {thing.column}")

    def _pattern(self) -> Fact | None:
        return self._of_one("pattern", lambda thing: thing.pattern)

    def _size(self) -> Fact | None:
        return self._of_one("size", lambda thing: thing.size)

    def _background(self) -> Fact:
        return Fact("background", "background", {}, self.background)

    def _sign(self) -> Fact | None:
        found = [thing.word for thing in self.named if thing.word is not None]
        return Fact("sign", "sign", {}, found[0], "sign") if found else None

    def _what(self) -> Fact | None:
        by_colour = self.rng.random() < 0.6
        options = self.tinted if by_colour else self.placed
        if not options:
            return None
        thing = self._thing(options)
        if by_colour:
            return Fact("what", "what_colour", {"c": thing.colour}, thing.label, thing.colour)
        place, cue = f"{thing.row} {thing.column}", thing.column
        if place == "middle centre" and self.rng.random() < 0.5:
            place = cue = self._pick(("middle", "centre"))
        return Fact("what", "what_place", {"p": place}, thing.label, cue)

    def _count(self) -> Fact | None:
        """The answer is drawn first, so that the seldom ones are asked for whenever a scene has them."""
        if self.rng.random() < 0.1 and self.things:
            colour = self._thing(self.things).colour
            number = sum(t.colour == colour for t in self.things)
            return Fact("count", "count", {"pl": f"{colour} things"}, str(number), "things")
        labels = [t.label for t in self.things]
        counts = {label: labels.count(label) for label in CLASSES}
        most = max(counts.values())
        number = most if most > 2 else int(self.rng.integers(most + 1))
        if most > 2 and self.rng.random() < 0.3:
            number = int(self.rng.integers(most))
        options = [label for label, count in counts.items() if count == number]
        if not options:
            return None
        label = self._pick(options)
        return Fact("count", "count", {"pl": plural(label)}, str(number), plural(label))

    def _count_all(self) -> Fact:
        return Fact("count_all", "count_all", {}, str(len(self.things)))

    def _caption(self) -> Fact:
        return Fact("caption", "caption", {}, caption_of(self.things))

    def _two(self, differ: Callable[[Thing, Thing], bool]) -> tuple[Thing, Thing] | None:
        """Two things of classes of their own, in random order."""
        pairs = [(one, two) for one in self.named for two in self.named if one is not two and differ(one, two)]
        return pairs[int(self.rng.integers(len(pairs)))] if pairs else None

    def _left_of(self) -> Fact | None:
        pair = self._two(lambda one, two: one.column != two.column)
        return None if pair is None else _compared("left_of", pair, COLUMNS.index, "column")

    def _above(self) -> Fact | None:
        pair = self._two(lambda one, two: one.row != two.row)
        return None if pair is None else _compared("above", pair, ROWS.index, "row")

    def _bigger(self) -> Fact | None:
        """Of two things that differ in their word for size and clearly in size."""
        pair = self._two(lambda one, two: one.size != two.size and not 1 / _MARGIN < one.extent / two.extent < _MARGIN)
        if pair is None:
            return None
        slots = {"n": pair[0].label, "n2": pair[1].label}
        return Fact("bigger", "bigger", slots, max(pair, key=lambda thing: thing.extent).label)

    def _yes_no(self) -> Fact | None:
        """Half of the answers are yes, whatever the form of the question."""
        truth = bool(self.rng.random() < 0.5)
        makers = {"exist": self._exist, "is_colour": self._is_colour, "is_count": self._is_count}
        first = str(self.rng.choice(list(_FORMS), p=list(_FORMS.values())))
        made = makers[first](truth) or self._exist(truth)
        return None if made is None else Fact("yes_no", made[0], made[1], "yes" if truth else "no", made[2])

    def _exist(self, truth: bool) -> tuple[str, dict[str, str], str] | None:
        """Whether there is such a thing, named by its class or, in two of five questions, with its colour."""
        if self.things and self.rng.random() < 0.4:
            thing = self._thing(self.things)
            colour, label = (thing.colour, thing.label) if truth else self._wrong_pair(thing)
            colour += " "
        else:
            labels = {t.label for t in self.things}
            options = [c for c in CLASSES if (c in labels) == truth]
            if not options:
                return None
            colour, label = "", self._pick(options)
        if self.rng.random() < 0.7:
            return "exist", {"a": with_article(colour + label)}, label
        return "exist", {"pl": colour + plural(label)}, plural(label)

    def _is_colour(self, truth: bool) -> tuple[str, dict[str, str], str] | None:
        if not self.named:
            return None
        thing = self._thing(self.named)
        others = [c for c in COLOURS if c != thing.colour]
        colour = thing.colour if truth else self._pick(others)
        return "is_colour", {"n": thing.label, "c": colour}, ""

    def _is_count(self, truth: bool) -> tuple[str, dict[str, str], str] | None:
        """Of a number of two or more, as the wordings speak of several."""
        counts = {t.label: sum(o.label == t.label for o in self.things) for t in self.things}
        options = [(label, n) for label, n in counts.items() if n > 1 or not truth]
        if not options:
            return None
        label, number = options[int(self.rng.integers(len(options)))]
        if not truth:
            number = int(self.rng.choice([m for m in (number - 1, number + 1, number + 2) if m >= 2]))
        return "is_count", {"m": str(min(number, _LIMIT)), "pl": plural(label)}, plural(label)

    def _wrong_pair(self, thing: Thing) -> tuple[str, str]:
        """A colour and a class that do not occur together, as near to the scene as can be."""
        real = {(t.colour, t.label) for t in self.things}
        colours = [t.colour for t in self.things] if self.rng.random() < 0.5 else list(COLOURS)
        near = [(k, thing.label) for k in colours if (k, thing.label) not in real]
        near = near or [(k, thing.label) for k in COLOURS if (k, thing.label) not in real]
        return near[int(self.rng.integers(len(near)))]


def _compared(kind: str, pair: tuple[Thing, Thing], rank: Callable[[str], int], name: str) -> Fact:
    """Whether the first thing lies before the second one in this direction."""
    one, two = (rank(getattr(thing, name)) for thing in pair)
    return Fact(kind, kind, {"n": pair[0].label, "n2": pair[1].label}, "yes" if one < two else "no")

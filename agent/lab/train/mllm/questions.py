"""Questions about a scene and their answers, made from the truth.

Everything is lower case with spaces around punctuation, so that splitting at spaces gives the tokenizer's tokens. An
answer is as short as it can be: ``red``, ``3``, ``yes``, ``top left``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...world.scenes import CLASSES, COLOURS
from .words import COLUMNS, ROWS, UNK, plural

KINDS = ("colour", "what", "count", "count_all", "yes_no", "where", "caption")
_LIMIT = 8  # the largest number that is asked for


@dataclass(frozen=True)
class Thing:
    """One object as the questions see it: its class, its colour, and the place (row, column) of its box's centre."""

    label: str
    colour: str
    row: str
    column: str
    order: int  # the cell of its centre, counted row by row: the order of captions


@dataclass(frozen=True)
class Question:
    """A question with its answer; `scored` marks the answer's words that count in the loss (None: all).

    `cue` is the word of the prompt that settles the answer, e.g. the thing whose colour is asked. In training the
    answer's first word is asked for at the cue too: looking it up there and carrying it to the end are learned apart.
    """

    kind: str
    prompt: str
    answer: str
    scored: tuple[bool, ...] | None = None
    cue: str = ""


def place_of(x: float, y: float) -> tuple[str, str]:
    """The words for row and column of a point; `x`, `y` in 0..1 from the upper left."""
    return ROWS[min(int(y * 3), 2)], COLUMNS[min(int(x * 3), 2)]


_COLOUR = (
    "what colour is the {c} ?", "which colour is the {c} ?", "what is the colour of the {c} ?",
    "the colour of the {c} ?", "what colour does the {c} have ?", "what colour is this {c} ?", "{c} colour ?",
    "tell me the colour of the {c} .", "name the colour of the {c} .", "what colour has the {c} ?",
    "the {c} is what colour ?", "of which colour is the {c} ?", "in what colour is the {c} ?",
    "can you tell me what colour the {c} is ?", "colour of the {c}",
)  # fmt: skip
_WHAT_COLOUR = (
    "what is {k} ?", "which thing is {k} ?", "what {k} thing is there ?", "what is the {k} thing ?",
    "name the {k} thing .", "what kind of thing is {k} ?", "which {k} thing do you see ?",
    "the {k} thing is what ?", "what shape is {k} ?",
)  # fmt: skip
_WHAT_PLACE = (
    "what is at the {p} ?", "what is in the {p} ?", "which thing is at the {p} ?", "what do you see at the {p} ?",
    "what can be seen in the {p} ?", "name the thing at the {p} .", "what is there at the {p} of the picture ?",
)  # fmt: skip
_COUNT = (
    "how many {n} are there ?", "how many {n} are in the picture ?", "how many {n} do you see ?", "count the {n} .",
    "how many {n} ?", "what is the number of {n} ?", "number of {n} ?", "how many {n} can you see ?",
    "how many {n} does the picture show ?", "count all {n} in the picture .", "how many {n} can be seen ?",
    "the number of {n} in the picture ?", "tell me how many {n} there are .",
)  # fmt: skip
_YES_ONE = (
    "is there a {d} ?", "is there a {d} in the picture ?", "do you see a {d} ?", "can you see a {d} ?",
    "is a {d} there ?", "does the picture show a {d} ?", "is there any {d} ?", "does the picture have a {d} ?",
    "is a {d} in the picture ?", "there is a {d} , is that right ?",
)  # fmt: skip
_YES_MANY = (
    "are there any {n} ?", "are there {n} in the picture ?", "do you see any {n} ?", "can you see {n} ?",
    "does the picture show {n} ?", "are any {n} there ?",
)  # fmt: skip
_YES_COLOUR = (
    "is the {c} {k} ?",
    "is the colour of the {c} {k} ?",
    "the {c} is {k} , is that right ?",
    "does the {c} look {k} ?",
)
_YES_COUNT = (
    "are there {m} {n} ?",
    "do you see {m} {n} ?",
    "are {m} {n} in the picture ?",
    "does the picture show {m} {n} ?",
)
_WHERE = (
    "where is the {c} ?", "where in the picture is the {c} ?", "where do you see the {c} ?",
    "in which part is the {c} ?", "where can the {c} be seen ?", "what is the place of the {c} ?",
    "at which place is the {c} ?", "where the {c} is ?", "tell me where the {c} is .",
)  # fmt: skip
_CAPTION = (
    "describe the picture .", "what do you see ?", "what is in the picture ?", "what does the picture show ?",
    "what can you see in the picture ?", "describe what you see .", "caption this picture .", "write a caption .",
    "tell me what is in this picture .", "list all things in the picture .", "describe this picture in a few words .",
)  # fmt: skip
_BEFORE = (
    "please", "please ,", "look at the picture .", "in the picture ,", "in this picture ,", "hey ,", "hello ,",
    "i want to know :", "tell me :", UNK, f"{UNK} {UNK}", f"{UNK} {UNK} {UNK}", f"{UNK} ,", f"{UNK} .",
)  # fmt: skip
_AFTER = ("please", "in the picture", "in this picture", "here", UNK, f"{UNK} {UNK}")
_LISTS = {"colour": "each colour :", "where": "each place :", "what": "each thing :", "count": "each number :"}
_GLUE = ("a", "an", "and", "of", "no", "yes", "nothing", ",", ".", "?", ":", "the", "things", "thing")


def vocabulary() -> list[str]:
    """Every word that a question or an answer can hold, in a fixed order."""
    groups = (_COLOUR, _WHAT_COLOUR, _WHAT_PLACE, _COUNT, _YES_ONE, _YES_MANY, _YES_COLOUR, _YES_COUNT,
              _WHERE, _CAPTION, _BEFORE, _AFTER, tuple(_LISTS.values()))  # fmt: skip
    words = [*CLASSES, *(plural(c) for c in CLASSES), *COLOURS, *ROWS, *COLUMNS, *map(str, range(_LIMIT + 1)), *_GLUE]
    words += [word for group in groups for text in group for word in text.split()]
    return list(dict.fromkeys(word for word in words if word != UNK and "{" not in word))


def caption_of(things: Sequence[Thing]) -> str:
    """All things row by row: ``a red star , a blue cup and a black cat .``"""
    ordered = sorted(things, key=lambda thing: thing.order)
    names = [f"{'an' if thing.colour == 'orange' else 'a'} {thing.colour} {thing.label}" for thing in ordered]
    if not names:
        return "nothing ."
    return (" , ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]) + " ."


class Asker:
    """Draws questions about one scene; all choices come from the generator that is handed in."""

    def __init__(self, things: Sequence[Thing], rng: np.random.Generator) -> None:
        self.things = list(things)
        self.rng = rng
        labels = [t.label for t in self.things]
        colours = [t.colour for t in self.things]
        places = [(t.row, t.column) for t in self.things]
        self.named = [t for t in self.things if labels.count(t.label) == 1]
        self.tinted = [t for t in self.things if colours.count(t.colour) == 1]
        self.placed = [t for t in self.things if places.count((t.row, t.column)) == 1]

    def ask(self, kind: str) -> Question | None:
        """A question of this kind (one of KINDS), or None where the scene admits none."""
        makers: dict[str, Callable[[], tuple[str, str, str] | None]] = {
            "colour": self._colour, "what": self._what, "count": self._count, "count_all": self._count_all,
            "yes_no": self._yes_no, "where": self._where, "caption": self._caption,
        }  # fmt: skip
        made = makers[kind]()
        return None if made is None else Question(kind, self._dressed(made[0]), made[1], cue=made[2])

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
        if kind == "colour":
            return [(t.label, t.colour) for t in self.named]
        if kind == "where":
            return [(t.label, f"{t.row} {t.column}") for t in self.named]
        if kind == "what":
            return [(t.colour, t.label) for t in self.tinted] + [(f"{t.row} {t.column}", t.label) for t in self.placed]
        present = sorted({t.label for t in self.things})
        absent = [str(c) for c in self.rng.choice(CLASSES, 3, replace=False) if c not in present]
        return [(plural(c), str(sum(t.label == c for t in self.things))) for c in [*present, *absent]]

    def _pick(self, options: Sequence[str]) -> str:
        return options[int(self.rng.integers(len(options)))]

    def _thing(self, options: Sequence[Thing]) -> Thing:
        return options[int(self.rng.integers(len(options)))]

    def _dressed(self, text: str) -> str:
        """Now and then a polite or an unknown word before or after the question."""
        if self.rng.random() < 0.15:
            text = f"{self._pick(_BEFORE)} {text}"
        if self.rng.random() < 0.1:
            body, last = (text[:-2], text[-2:]) if text[-1] in "?." else (text, "")
            text = f"{body} {self._pick(_AFTER)}{last}"
        if self.rng.random() < 0.1 and text.endswith((" ?", " .")):
            text = text[:-2]
        return text

    def _colour(self) -> tuple[str, str, str] | None:
        if not self.named:
            return None
        thing = self._thing(self.named)
        return self._pick(_COLOUR).format(c=thing.label), thing.colour, thing.label

    def _where(self) -> tuple[str, str, str] | None:
        if not self.named:
            return None
        thing = self._thing(self.named)
        return self._pick(_WHERE).format(c=thing.label), f"{thing.row} {thing.column}", thing.label

    def _what(self) -> tuple[str, str, str] | None:
        by_colour = self.rng.random() < 0.6
        options = self.tinted if by_colour else self.placed
        if not options:
            return None
        thing = self._thing(options)
        if by_colour:
            return self._pick(_WHAT_COLOUR).format(k=thing.colour), thing.label, thing.colour
        return self._pick(_WHAT_PLACE).format(p=f"{thing.row} {thing.column}"), thing.label, thing.column

    def _count(self) -> tuple[str, str, str] | None:
        roll = self.rng.random()
        labels = [t.label for t in self.things]
        repeated = [label for label in dict.fromkeys(labels) if labels.count(label) > 1]
        if roll < 0.5 and repeated:
            label = self._pick(repeated)
        elif roll < 0.85 and labels:
            label = self._pick(labels)
        else:
            label = self._pick(CLASSES)
        if self.rng.random() < 0.15 and self.things:
            thing = self._thing(self.things)
            same = sum(t.colour == thing.colour for t in self.things)
            return self._pick(_COUNT).format(n=f"{thing.colour} things"), str(same), "things"
        return self._pick(_COUNT).format(n=plural(label)), str(labels.count(label)), plural(label)

    def _count_all(self) -> tuple[str, str, str]:
        return self._pick(_COUNT).format(n="things"), str(len(self.things)), "things"

    def _caption(self) -> tuple[str, str, str]:
        return self._pick(_CAPTION), caption_of(self.things), ""

    def _yes_no(self) -> tuple[str, str, str] | None:
        """Half of the answers are yes, whatever the form of the question."""
        truth = bool(self.rng.random() < 0.5)
        form = self.rng.random()
        answer = "yes" if truth else "no"
        if form < 0.45:
            label = self._label(truth)
            if label is None:
                return None
            if form < 0.3:
                return self._pick(_YES_ONE).format(d=label), answer, label
            return self._pick(_YES_MANY).format(n=plural(label)), answer, plural(label)
        if not self.things:
            return None
        if form < 0.7:
            thing = self._thing(self.things)
            pair = (thing.colour, thing.label) if truth else self._wrong_pair(thing)
            text = self._pick(_YES_ONE).format(d=" ".join(pair)).replace(" a orange", " an orange")
            return text, answer, pair[1]
        if form < 0.85 and self.named:
            thing = self._thing(self.named)
            colour = thing.colour if truth else self._other(COLOURS, thing.colour)
            return self._pick(_YES_COLOUR).format(c=thing.label, k=colour), answer, colour
        label = self._thing(self.things).label
        number = sum(t.label == label for t in self.things)
        if not truth:
            number = number + 1 if number == 1 or self.rng.random() < 0.5 else number - 1
        noun = label if number == 1 else plural(label)
        return self._pick(_YES_COUNT).format(m=min(number, _LIMIT), n=noun), answer, noun

    def _label(self, present: bool) -> str | None:
        labels = {t.label for t in self.things}
        options = [c for c in CLASSES if (c in labels) == present]
        return self._pick(options) if options else None

    def _wrong_pair(self, thing: Thing) -> tuple[str, str]:
        """A colour and a class that do not occur together, as near to the scene as can be."""
        real = {(t.colour, t.label) for t in self.things}
        colours = [t.colour for t in self.things] if self.rng.random() < 0.5 else list(COLOURS)
        near = [(k, thing.label) for k in colours if (k, thing.label) not in real]
        near = near or [(k, thing.label) for k in COLOURS if (k, thing.label) not in real]
        return near[int(self.rng.integers(len(near)))]

    def _other(self, options: Sequence[str], without: str) -> str:
        return self._pick([option for option in options if option != without])

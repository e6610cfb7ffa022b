"""Questions about a scene with their answers, one of each type that the scene admits, for the truth files.

The wordings are few and plain: a model that learns or is judged from the files sees what is asked, not how many ways
there are to ask it. Cases near a border (a middling size, boxes that touch) are not asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ....tools.english import plural, with_article
from .captions import BACKGROUND_WORDS, PATTERN_WORDS, caption, place_of
from .relations import Relations, relations_of
from .scenes import CLASSES, COLOURS, Scene, SceneObject, stream

TYPES = (
    "colour", "what", "count", "count_all", "yes_no", "where", "caption", "background", "pattern", "size", "sign",
    "left_of", "above", "bigger",
)  # fmt: skip

_WORDINGS: dict[str, tuple[str, ...]] = {
    "colour": ("What colour is the {name}?", "Which colour does the {name} have?"),
    "what": ("What is {colour}?", "Which thing is {colour}?"),
    "count": ("How many {names} are there?", "Count the {names}."),
    "count_all": ("How many things are there?", "Count the things in the picture."),
    "yes_no": ("Is there {a_name}?", "Do you see {a_name}?"),
    "where": ("Where is the {name}?", "In which part of the picture is the {name}?"),
    "caption": ("Describe the picture.", "What does the picture show?"),
    "background": ("What kind of background is it?", "What is the background like?"),
    "pattern": ("What pattern does the {name} have?", "How is the {name} painted?"),
    "size": ("How big is the {name}?", "What size is the {name}?"),
    "sign": ("What does the {name} say?", "Which word is on the {name}?"),
    "left_of": ("Is the {name} left of the {other}?", "Is the {name} to the left of the {other}?"),
    "above": ("Is the {name} above the {other}?", "Is the {name} higher up than the {other}?"),
    "bigger": ("Which is bigger, the {name} or the {other}?", "Which is larger, the {name} or the {other}?"),
}
_LEGIBLE = 0.12  # least size at which a pattern or the letters of a sign can be told
_SIZE_BORDERS, _SIZE_MARGIN = (0.14, 0.26), 1.1


class Question(NamedTuple):
    """A question of one of :data:`TYPES`, its answer, and the indices of the objects that it is about."""

    type: str
    question: str
    answer: str
    about: tuple[int, ...]


class _Fact(NamedTuple):
    """What fills a wording, and what follows from it."""

    words: dict[str, str]
    answer: str
    about: tuple[int, ...] = ()


def questions_of(scene: Scene, relations: Relations | None = None) -> list[Question]:
    """At most one question of each of :data:`TYPES`, in that order; the same for the same scene."""
    asker = _Asker(scene, relations or relations_of(scene))
    asked = []
    for kind in TYPES:
        fact = asker.facts[kind]()
        if fact is not None:
            asked.append(Question(kind, asker.pick(_WORDINGS[kind]).format(**fact.words), fact.answer, fact.about))
    return asked


class _Asker:
    """Chooses what to ask about one scene."""

    def __init__(self, scene: Scene, relations: Relations) -> None:
        self.scene, self.relations = scene, relations
        self.things = scene.objects
        self.rng = stream(scene.split, scene.seed, "questions")
        self.names = [_name(thing, self.things) for thing in self.things]
        self.labels = [thing.label for thing in self.things]
        self.facts: dict[str, Callable[[], _Fact | None]] = {
            "colour": self._colour, "what": self._what, "count": self._count, "count_all": self._count_all,
            "yes_no": self._yes_no, "where": self._where, "caption": self._caption,
            "background": self._background, "pattern": self._pattern, "size": self._size, "sign": self._sign,
            "left_of": lambda: self._side("left of", "right of"), "above": lambda: self._side("above", "below"),
            "bigger": self._bigger,
        }  # fmt: skip

    def pick(self, options: Sequence[str]) -> str:
        """One of the options."""
        return options[int(self.rng.integers(len(options)))]

    def _one(self, fits: Callable[[SceneObject], bool] = lambda thing: True) -> int | None:
        """A thing that can be named and fits."""
        options = [i for i, thing in enumerate(self.things) if self.names[i] and fits(thing)]
        return options[int(self.rng.integers(len(options)))] if options else None

    def _pair(self, relation: str) -> tuple[int, int] | None:
        pairs = [(i, j) for i, j in self.relations[relation] if self.names[i] and self.names[j]]
        return pairs[int(self.rng.integers(len(pairs)))] if pairs else None

    def _colour(self) -> _Fact | None:
        i = self._one(lambda thing: self.labels.count(thing.label) == 1)
        return None if i is None else _Fact({"name": self.labels[i]}, self.things[i].colour, (i,))

    def _what(self) -> _Fact | None:
        colours = [thing.colour for thing in self.things]
        i = self._one(lambda thing: colours.count(thing.colour) == 1)
        return None if i is None else _Fact({"colour": colours[i]}, self.labels[i], (i,))

    def _count(self) -> _Fact:
        # Classes of several things, classes of one and absent ones come about equally often.
        several = [label for label in self.labels if self.labels.count(label) > 1]
        groups = [group for group in (several, self.labels, [c for c in CLASSES if c not in self.labels]) if group]
        label = self.pick(groups[int(self.rng.integers(len(groups)))])
        about = tuple(self.scene.labelled(label))
        return _Fact({"names": plural(label)}, str(len(about)), about)

    def _count_all(self) -> _Fact:
        return _Fact({}, str(len(self.things)), tuple(range(len(self.things))))

    def _yes_no(self) -> _Fact:
        pairs = [(thing.colour, thing.label) for thing in self.things]
        if self.things and self.rng.random() < 0.5:
            pair = pairs[int(self.rng.integers(len(pairs)))]
            return _Fact({"a_name": with_article(" ".join(pair))}, "yes", _matching(pairs, pair))
        # Half of the absent things have the class or the colour of one that is there.
        colour, label = self.pick(COLOURS), self.pick(CLASSES)
        if pairs and self.rng.random() < 0.5:
            near = pairs[int(self.rng.integers(len(pairs)))]
            colour, label = (near[0], label) if self.rng.random() < 0.5 else (colour, near[1])
        about = _matching(pairs, (colour, label))
        return _Fact({"a_name": with_article(f"{colour} {label}")}, "yes" if about else "no", about)

    def _where(self) -> _Fact | None:
        i = self._one()
        if i is None:
            return None
        return _Fact({"name": self.names[i]}, place_of(self.things[i], self.scene.image.shape[0]), (i,))

    def _caption(self) -> _Fact:
        return _Fact({}, caption(self.scene), tuple(range(len(self.things))))

    def _background(self) -> _Fact:
        return _Fact({}, BACKGROUND_WORDS[self.scene.background])

    def _pattern(self) -> _Fact | None:
        i = self._one(lambda thing: thing.size >= _LEGIBLE)
        return None if i is None else _Fact({"name": self.names[i]}, PATTERN_WORDS[self.things[i].texture], (i,))

    def _size(self) -> _Fact | None:
        i = self._one(lambda t: all(max(t.size / b, b / t.size) >= _SIZE_MARGIN for b in _SIZE_BORDERS))
        return None if i is None else _Fact({"name": self.names[i]}, self.things[i].size_word, (i,))

    def _sign(self) -> _Fact | None:
        i = self._one(lambda thing: thing.word is not None and thing.size >= _LEGIBLE)
        return None if i is None else _Fact({"name": self.names[i]}, str(self.things[i].word), (i,))

    def _side(self, relation: str, opposite: str) -> _Fact | None:
        """Half of the answers are yes."""
        answer = self.rng.random() < 0.5
        pair = self._pair(relation if answer else opposite)
        if pair is None:
            return None
        words = {"name": self.names[pair[0]], "other": self.names[pair[1]]}
        return _Fact(words, "yes" if answer else "no", pair)

    def _bigger(self) -> _Fact | None:
        pair = self._pair("bigger than")
        if pair is None:
            return None
        first, second = pair if self.rng.random() < 0.5 else pair[::-1]
        return _Fact({"name": self.names[first], "other": self.names[second]}, self.names[pair[0]], pair)


def _matching(pairs: Sequence[tuple[str, str]], pair: tuple[str, str]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.flatnonzero([other == pair for other in pairs]))


def _name(thing: SceneObject, things: Sequence[SceneObject]) -> str:
    """The class where only one thing has it, else colour and class, or nothing if those are several too."""
    if sum(other.label == thing.label for other in things) == 1:
        return thing.label
    pair = (thing.colour, thing.label)
    return " ".join(pair) if sum((other.colour, other.label) == pair for other in things) == 1 else ""

"""Held-out requests about unseen scenes, each with what is true of it.

Wordings come from the phrasings that neither the planner's nor the MLLM's recipe trains on
(agent/lab/train/planner/phrasings.py); phrases for "the largest one" are trained ones in half of the draws. What they
speak of are things of the scene, so that the truth is known.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ....tools.english import plural, with_article
from ....tools.see.nouns import NOUNS
from ..train.planner import words
from ..train.planner.catalog import Catalog
from ..train.planner.phrasings import LOOKS, SLOT, THINGS, Phrasing, Phrasings, agreed
from ..world.captions import BACKGROUND_WORDS, PATTERN_WORDS, place_of
from ..world.scenes import CLASSES, COLOURS, Scene, SceneConfig, render_scene

CONFIG = SceneConfig(count=(1, 5), size=(0.12, 0.40), repeat=0.5)
"""Scenes of 1 to 5 things, 12 to 40 % of the side, every background, up to 35 % of a thing hidden."""

SHARES: Mapping[str, int] = {
    # only tools can: a picture, masks or boxes come back
    "cut_out": 19, "crop": 15, "blur": 14, "greyscale": 14, "recolour": 17, "annotate": 12, "outline": 8,
    "segment": 9, "detect": 8, "blur_all": 4, "greyscale_all": 4,
    # both ways can
    "count": 15, "exist": 13, "colour": 15, "where": 11,
    # only looking can: no expert tool answers these
    "background": 36, "pattern": 28, "size": 24, "what_colour": 20, "what_place": 14,
}  # fmt: skip
"""Requests of each kind in three hundred."""
LOOKED = ("background", "pattern", "size", "what_colour", "what_place")
CHINESE = 0.3  # of the requests that are not for looking alone: the MLLM of mini reads English
INTENTS = {"annotate": "annotate:boxes", "outline": "annotate:masks", "blur_all": "blur:",
           "greyscale_all": "greyscale:", "exist": "count", "where": "locate"}  # fmt: skip
ANSWERS: Mapping[str, tuple[str, ...]] = {
    "background": tuple(BACKGROUND_WORDS.values()), "pattern": tuple(dict.fromkeys(PATTERN_WORDS.values())),
    "size": ("small", "medium", "large"), "count": ("1", "2", "3"), "exist": ("yes", "no"),
}  # fmt: skip
_NUMBER = re.compile(r"how many|number|count|tally|total|sum\b|figure|head|几|多少|数", re.IGNORECASE)
# Questions that offer fewer answers than there are.
_NARROW = re.compile(r"small or large|large or small|left, centre or right|左边还是右边|上面还是下面", re.IGNORECASE)
_ABSENT = re.compile(r"都没有|absent|without|no sign|missing", re.IGNORECASE)  # "yes" would be ambiguous
ZH_COLOURS = {name: said for said, name in reversed(words.COLOURS["zh"].items())}


@dataclass(frozen=True)
class Task:
    """A request about a scene. `truth` is the right word or number, or None where things are to be worked on."""

    kind: str
    text: str
    language: str
    scene: Scene
    truth: str | int | None
    things: tuple[int, ...] = ()
    """Indices of the objects that are meant."""
    colour: str | None = None
    """The new colour, for recolour."""


@dataclass
class _Meant:
    """Things of a scene and how they are called in a request."""

    things: tuple[int, ...]
    np: str
    plural: str
    bare: str
    single: bool


class Tasks:
    """Draws tasks; the same seed gives the same ones."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(f"whole/{seed}")
        self.seed, self._scenes = seed, 0
        self.phrasings = Phrasings(Catalog.read(None))
        self.looks, self.taught = _looks()

    def draw(self, count: int) -> list[Task]:
        """`count` tasks, their kinds in the proportions of SHARES, in random order."""
        total = sum(SHARES.values())
        quota = {kind: count * share // total for kind, share in SHARES.items()}
        for kind in sorted(SHARES, key=lambda kind: (-(count * SHARES[kind] % total), kind))[
            : count - sum(quota.values())
        ]:
            quota[kind] += 1
        made = [self._task(kind) for kind, number in quota.items() for _ in range(number)]
        self.rng.shuffle(made)
        return made

    def scenes(self) -> Iterator[Scene]:
        """Unseen scenes with something in them; no recipe draws from the split `test`."""
        while True:
            scene = render_scene(7_000_003 + self.seed * 100_003 + self._scenes, CONFIG, split="test")
            self._scenes += 1
            if scene.objects:
                yield scene

    def _task(self, kind: str) -> Task:
        wanted = self.rng.choice(ANSWERS[kind]) if kind in ANSWERS else None  # first the answer, so that they balance
        for scene in self.scenes():
            task = self._looked(kind, scene, wanted) if kind in LOOKED else self._worked(kind, scene, wanted)
            if task is not None:
                return task
        raise AssertionError("scenes never end")

    def _looked(self, kind: str, scene: Scene, wanted: str | None) -> Task | None:
        """A question that only looking answers, with its one-word truth; None where the scene does not admit it."""
        things, side = scene.objects, scene.image.shape[0]
        labels = Counter(thing.label for thing in things)
        colours = Counter(thing.colour for thing in things)
        places = Counter(place_of(thing, side) for thing in things)
        values: dict[str, str] = {}
        if kind == "background":
            truth = BACKGROUND_WORDS[scene.background]
            if truth != wanted:
                return None
        elif kind in ("pattern", "size"):
            told = {t.label: PATTERN_WORDS[t.texture] if kind == "pattern" else t.size_word for t in things}
            fit = [label for label, said in told.items() if said == wanted and labels[label] == 1]
            if not fit:
                return None
            values["n"], truth = self.rng.choice(fit), str(wanted)
        elif kind == "what_colour":
            alone = [t for t in things if colours[t.colour] == 1]
            if not alone:
                return None
            thing = self.rng.choice(alone)
            values["c"], truth = thing.colour, thing.label
        else:
            alone = [t for t in things if places[place_of(t, side)] == 1]
            if not alone:
                return None
            thing = self.rng.choice(alone)
            values["p"], truth = place_of(thing, side), thing.label
        line = self.rng.choice(self.looks[kind])
        return Task(kind, SLOT.sub(lambda m: values[m[1]], line), "en", scene, truth)

    def _worked(self, kind: str, scene: Scene, wanted: str | None) -> Task | None:
        """A request about things, or about the whole picture; None where the scene does not admit it."""
        language = "zh" if self.rng.random() < CHINESE else "en"
        line = self._line(kind, language)
        slot = next((s for s in line.slots if s in THINGS), None)
        meant = self._meant(kind, scene, language, slot, wanted)
        if meant is None:
            return None
        values = {"np": meant.np, "pl": meant.plural, "n": meant.bare, "a": meant.bare, "pic": "the picture"}
        if language == "en":
            values["a"] = with_article(meant.bare)
        else:
            values["pic"] = "图片"
        colour = None
        if "colour" in line.slots:
            old = {scene.objects[i].colour for i in meant.things}
            colour = self.rng.choice([c for c in COLOURS if c not in old])
            values["colour"] = ZH_COLOURS[colour] if language == "zh" else colour
        text = agreed(line.text, {slot: meant.single} if slot else {})
        text = SLOT.sub(lambda m: values[m[1]], text)
        return Task(kind, text, language, scene, self._truth(kind, scene, meant), meant.things, colour)

    def _line(self, kind: str, language: str) -> Phrasing:
        intent = INTENTS.get(kind, kind)
        while True:
            line = self.phrasings.draw(self.rng, language, intent, "forms")
            assert line is not None, f"no held-out phrasing of {intent} in {language}"
            if _plain(line.text) in self.taught or _NARROW.search(line.text):
                continue
            if intent != "count" or (
                not _ABSENT.search(line.text) and bool(_NUMBER.search(line.text)) == (kind == "count")
            ):
                return line

    def _meant(self, kind: str, scene: Scene, language: str, slot: str | None, wanted: str | None) -> _Meant | None:
        """What the request speaks of, called by names that mean just that."""
        if kind.endswith("_all"):
            return _Meant((), "", "", "", True)
        labels = Counter(thing.label for thing in scene.objects)
        fit = [each for each in CLASSES if (each in labels) != (wanted == "no")]
        fit = [each for each in fit if kind != "count" or str(labels[each]) == wanted]
        if not fit:
            return None
        label = self.rng.choice(fit)
        things = tuple(scene.labelled(label))
        one, many = label, plural(label)
        if language == "zh":
            one = many = NOUNS[label]["zh"][0]
        several = many if language == "zh" else f"the {many}"
        if kind in ("count", "exist") or slot in ("pl", "a", "n"):
            if len(things) > 1 and (kind in ("colour", "where") or (kind not in ("count", "exist") and slot != "pl")):
                return None  # one answer for several things, or "a star" where there are two
            return _Meant(things, several, many, one, len(things) == 1 and kind not in ("count", "exist"))
        if len(things) == 1:
            return _Meant(things, one if language == "zh" else f"the {one}", many, one, True)
        if kind not in ("colour", "where") and self.rng.random() < 0.4:
            return _Meant(things, several, many, one, False)
        largest = scene.largest(label)
        line = self.phrasings.draw(self.rng, language, "np_largest", "forms")
        if largest is None or line is None:
            return None
        return _Meant((largest,), line.text.replace("{n}", one).replace("{pl}", many), many, one, True)

    def _truth(self, kind: str, scene: Scene, meant: _Meant) -> str | int | None:
        if kind == "count":
            return len(meant.things)
        if kind == "exist":
            return "yes" if meant.things else "no"
        if kind == "colour":
            return scene.objects[meant.things[0]].colour
        if kind == "where":
            return place_of(scene.objects[meant.things[0]], scene.image.shape[0])
        return None


def _plain(text: str) -> str:
    """A phrasing without marks and with all slots alike, to compare those of the planner and of the MLLM."""
    return re.sub(r"[^\w{}]+", " ", SLOT.sub("{}", text.lower())).replace("the {}", "{}").strip()


def _looks() -> tuple[dict[str, list[str]], set[str]]:
    """The MLLM's questions that its recipe holds out, by kind; and those that it is taught, as `_plain` has them."""
    from ..train.mllm.phrasings import read

    found: dict[str, list[str]] = {kind: [] for kind in LOOKED}
    taught = set()
    for line in LOOKS.read_text(encoding="utf-8").splitlines():
        kind, _, text = line.partition("\t")
        if not read(line).held_out:
            taught.add(_plain(text))
        elif kind in found and not _NARROW.search(text):
            found[kind].append(text)
    return found, taught


def without_scene(task: Task) -> dict[str, Any]:
    """A task as JSON."""
    return {"kind": task.kind, "text": task.text, "seed": task.scene.seed, "truth": task.truth}

"""Proof that what is measured was not trained on; anything shared raises `Overlap`.

Scenes: the recipes draw from the splits `train` and `val` and the measures from `test`. That is checked by the splits'
names, by the first state of every random stream of either side, and by comparing the first pictures of both pixel by
pixel. Requests and questions: no wording of a held-out set is among the trained ones, no held-out noun among the known
ones.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ....tools.errors import PanmodalError
from ..train.mllm.data import ALIKE, MIXTURE, POOLS
from ..train.mllm.phrasings import Phrasing as Wording
from ..train.planner import words
from ..train.planner.catalog import Catalog
from ..train.planner.phrasings import FOLDER, Phrasing, fault, independent, looks, of_cards, own, tool_of
from ..world.scenes import SceneConfig, render_scene, stream

COMPARED = 16
"""Scenes of either side whose pictures are compared."""


class Overlap(PanmodalError):
    """Training and held-out data share something, so the figures would say nothing."""

    code = "overlap"


@dataclass(frozen=True)
class Drawn:
    """Scenes that somebody draws: the split, the seeds and what each is drawn from."""

    split: str
    seeds: range
    config: SceneConfig = field(default_factory=SceneConfig)

    def pictures(self, count: int) -> set[str]:
        """Digests of the first pictures."""
        return {
            hashlib.sha256(render_scene(seed, self.config, split=self.split).image.tobytes()).hexdigest()
            for seed in islice(self.seeds, count)
        }


TRAINED: Mapping[str, tuple[Drawn, ...]] = {
    "mllm": (
        *(Drawn("train", range(60_000), config) for _, config in MIXTURE),
        Drawn("train", range(1_000_000, 1_020_000), ALIKE),
        *(
            Drawn("train", seeds, config)
            for seeds in (
                range(10_000_000, 10_130_000),
                range(20_000_000, 20_060_000),
                range(110_000_000, 110_080_000),
                range(120_000_000, 120_030_000),
            )
            for config in (ALIKE, *(config for _, config in MIXTURE))
        ),
        Drawn("val", range(1_000), POOLS["few"]),
    ),
    "detector": (Drawn("train", range(10_000)), Drawn("val", range(1_150))),
    "segmenter": (
        Drawn("train", range(20_000), SceneConfig(count=(1, 8))),
        Drawn("train", range(10_000_000, 10_020_000), SceneConfig(count=(1, 8))),
        Drawn("val", range(20)),
    ),
}
"""What each role's shipped weights learned from and were chosen by, generously counted; the cards say the seeds."""


def check_scenes(role: str, measured: Sequence[Drawn], trained: Sequence[Drawn]) -> dict[str, Any]:
    """Raise Overlap where a measured scene is a trained one; return what was compared."""
    used = {drawn.split for drawn in trained}
    if shared := used & {drawn.split for drawn in measured}:
        raise Overlap(
            f"the {role} would be measured on the split {', '.join(sorted(shared))}, which it is trained on",
            hint="measure on the split test",
        )
    own, other = _states(measured), _states(trained)
    if own & other:
        raise Overlap(f"{len(own & other)} scenes that measure the {role} have the random stream of a trained scene")
    seen, learned = (
        set[str]().union(*(drawn.pictures(COMPARED) for drawn in side)) for side in (measured, trained)
    )  # fmt: skip
    if seen & learned:
        raise Overlap(f"{len(seen & learned)} pictures that measure the {role} are pictures it is trained on")
    return {
        "splits": {"trained": sorted(used), "measured": sorted({drawn.split for drawn in measured})},
        "streams": {"trained": len(other), "measured": len(own), "shared": 0},
        "pictures": {"trained": len(learned), "measured": len(seen), "shared": 0},
    }


def _states(side: Sequence[Drawn]) -> set[int]:
    """The first state of every scene's random stream."""
    scenes = {(drawn.split, seed) for drawn in side for seed in drawn.seeds}
    return {first_state(stream(split, seed)) for split, seed in scenes}


def first_state(rng: np.random.Generator) -> int:
    """Where a random stream begins; two that begin alike give the same numbers."""
    return int(rng.bit_generator.state["state"]["state"])


def check_requests(catalog: Catalog, folder: Path = FOLDER) -> dict[str, Any]:
    """Raise Overlap where the planner's held-out requests or nouns are trained ones; return what was compared.

    Set (a) are the lines that the recipe leaves out, set (b) those of the independent authors. Noun phrases, pointing
    phrases and frames ("them", "could you {A}?") are pieces of requests, of which both sides may use the same ones.
    """
    cards = [line for line in of_cards(catalog) if fault(line, catalog) is None]
    lines = [*own(folder), *cards, *looks(catalog)]
    trained = {line.words for line in lines if not line.held_out}
    left_out = [line for line in lines if line.held_out]
    others = list(independent(folder))
    facts: dict[str, Any] = {"trained_wordings": len(trained)}
    for name, held in (("a", left_out), ("b", others)):
        asked = [line for line in held if _is_request(line, catalog)]
        _none_shared(f"requests of set ({name})", (line.words for line in asked if line.words in trained))
        pieces = sum(line.words in trained for line in held) - sum(line.words in trained for line in asked)
        facts[f"set_{name}"] = {"requests": len(asked), "shared": 0, "shared_pieces": pieces}
    for language in words.LANGUAGES:
        trained_nouns = (*words.CLASSES[language], *words.NOUNS[language], *words.RARE[language])
        held_out_nouns = words.HELD_OUT[language]
        check_nouns(*({noun.replace("_", " ") for noun in nouns} for nouns in (trained_nouns, held_out_nouns)))
        facts[f"held_out_nouns_{language}"] = {"nouns": len(words.HELD_OUT[language]), "shared": 0}
    return facts


def check_nouns(known: Collection[str], held_out: Iterable[str]) -> None:
    """Raise Overlap where a held-out noun is a known one."""
    _none_shared("nouns", (noun for noun in held_out if noun in known))


def check_texts(trained: Collection[str], asked: Sequence[str]) -> dict[str, Any]:
    """Raise Overlap where more than one measured request in a hundred is a trained one word for word.

    Two short wordings may say the same once they are filled ("blur {np}" and "blur all the {pl}"), so a few may be.
    """
    learned = {text.casefold() for text in trained}
    shared = [text for text in asked if text.casefold() in learned]
    if len(shared) > len(asked) / 100:
        _none_shared("requests, word for word,", shared)
    return {"trained": len(learned), "measured": len(asked), "shared": len(shared)}


def check_wordings(lines: Collection[Wording]) -> dict[str, Any]:
    """Raise Overlap where a held-out wording of the MLLM's questions is a trained one but for its marks."""
    trained = {_plain(line) for line in lines if not line.held_out}
    held = [_plain(line) for line in lines if line.held_out]
    _none_shared("wordings of questions", (" ".join(each) for each in held if each in trained))
    return {"trained_wordings": len(trained), "held_out_wordings": len(held), "shared": 0}


def _is_request(line: Phrasing, catalog: Catalog) -> bool:
    return len(line.intents) > 1 or tool_of(line.intents[0]) in catalog


def _plain(line: Wording) -> tuple[str, ...]:
    return (line.kind, *(token for token in line.tokens if re.search(r"\w", token)))


def _none_shared(what: str, shared: Iterable[str]) -> None:
    found = list(dict.fromkeys(shared))
    if found:
        shown = "; ".join(f"{each!r}" for each in found[:5])
        raise Overlap(
            f"{len(found)} held-out {what} are among the trained ones: {shown}",
            hint="take them out of one of the two",
            shared=found,
        )

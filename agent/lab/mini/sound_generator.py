"""The sound generator: what it makes, heard by the sound classifier of the same profile.

**In part a closed circle.** The generator's formulas are those of the world's sounds, on which the classifier was
trained with other random numbers. ``heard_as_asked`` therefore says that a text is understood and the right sound made,
repeated and cut so that it stays what it is; it does not say that the sound is like a real one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ....tools.loaders.synthesis_model import shape
from ....tools.media.spans import Spans
from ..timing import seconds_of
from ..world.scenes import stream
from ..world.sounds import SOUNDS
from .apart import Overlap, first_state
from .rows import Row, share
from .shipped import Shipped

ROLE = "sound_generator"
USES = ("sound_generator", "sound_classifier")
DEFAULT_N = 192
"""Prompts: every sound in every wording and length once."""

WORDINGS = {
    "beep": ("a beep", "some machine keeps beeping", "the bleeps of a till", "机器的哔哔声"),
    "siren": ("a siren", "an ambulance races past", "sirens in the distance", "远处的警笛声"),
    "bell": ("a bell", "church bells on a Sunday", "somebody rings the bell", "寺庙里敲钟"),
    "clock": ("a clock", "the ticking of an old clock", "tick-tock, tick-tock", "墙上的时钟滴答作响"),
    "rain": ("rain", "it is raining hard", "raindrops on a tin roof", "窗外在下雨"),
    "wind": ("wind", "a stiff breeze in the trees", "the wind is blowing", "呼呼的风声"),
    "drum": ("a drum", "somebody drumming", "the beat of drums", "敲鼓的声音"),
    "whistle": ("a whistle", "the referee whistles", "whistling at the match", "裁判吹哨"),
    "engine": ("an engine", "a running motor", "motorbikes on the road", "汽车引擎发动了"),
    "alarm": ("an alarm", "an alarm clock goes off", "Fire alarm!", "闹钟响了"),
    "bird": ("a bird", "birdsong in the morning", "something chirping", "小鸟在叫"),
    "footsteps": ("footsteps", "someone walking down the hall", "a single footstep", "走廊里的脚步声"),
    "glass": ("glass", "two glasses clinking", "the clink of a toast", "碰杯的声音"),
    "phone": ("a phone", "the telephone rings", "somebody's ringtone", "电话铃声"),
    "horn": ("a horn", "a car horn", "drivers honking in a jam", "汽车按喇叭"),
    "knock": ("a knock", "somebody knocks at the door", "knocking", "有人敲门"),
}
"""What each sound is asked for by."""
LENGTHS = (None, 2.0, 4.0)
"""Seconds that are asked for; all fit into one of the classifier's windows."""


class _Asked(NamedTuple):
    sound: str
    prompt: str
    seconds: float | None
    seed: int


def apart(seed: int, n: int) -> dict[str, Any]:
    """Raise Overlap where a sound has random numbers that trained the classifier; return what was compared."""
    measured = {first_state(shape(each.sound, each.seed)) for each in _asked(seed, n)}
    trained = {first_state(stream("train", number, "timbres")) for number in range(30_000)}
    if measured & trained:
        raise Overlap(f"{len(measured & trained)} sounds have the random numbers of sounds that trained the classifier")
    return {"recordings": {"measured": len(measured), "trained": len(trained), "shared": 0}}


def jobs(models: Mapping[str, Shipped], seed: int, n: int) -> Sequence[Callable[[], list[Row]]]:
    """One piece of work."""
    return [partial(_measured, models, seed, n)]


def _asked(seed: int, n: int) -> list[_Asked]:
    """The sounds in turn; after all of them the next wording, after all wordings the next length."""
    wordings, every = len(WORDINGS["beep"]), len(SOUNDS)
    return [
        _Asked(
            sound := SOUNDS[i % every],
            WORDINGS[sound][i // every % wordings],
            LENGTHS[i // (every * wordings) % len(LENGTHS)],
            seed * 100_003 + i,
        )
        for i in range(n)
    ]


def _measured(models: Mapping[str, Shipped], seed: int, n: int) -> list[Row]:
    model, listener = (models[role] for role in USES)
    generator, classifier = model.adapter(), listener.adapter(threshold=0.0)  # every sound with its score
    asked = _asked(seed, n)
    made = generator.make(
        [each.prompt for each in asked],
        seconds=[each.seconds for each in asked],
        seeds=[each.seed for each in asked],
    )
    heard = classifier.classify(made)
    right = sum(strongest(spans) == each.sound for spans, each in zip(heard, asked, strict=True))
    taken = seconds_of(lambda sound: generator.make([sound], seconds=[4.0], seeds=[seed]), SOUNDS)
    return [
        share(ROLE, "heard_as_asked", right, n, frequent=1 / len(SOUNDS)),
        Row(ROLE, "seconds_for_4_s", float(np.median(taken))),
    ]


def strongest(heard: Spans) -> str:
    """The sound of the highest score."""
    return max(zip(heard.scores, heard.labels, strict=True))[1]

"""Small models of the profile that listen, speak and make sounds, and sentences of the world one after another."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from panmodal.agent.lab.mini.shipped import shipped
from panmodal.agent.lab.world.acoustics import RATE
from panmodal.agent.lab.world.speech import VOICES, SpeechConfig, Utterance, render_speech
from panmodal.tools.media.audio import Audio


@pytest.fixture(scope="session")
def model() -> Callable[[str], Any]:
    known: dict[str, Any] = {}

    def get(role: str) -> Any:
        if role not in known:
            known[role] = shipped([role])[role].adapter()
        return known[role]

    return get


@pytest.fixture(scope="session")
def said() -> list[Utterance]:
    """Sentences of known words in a quiet room, none of which the recogniser was trained on."""
    found: list[Utterance] = []
    number = 900_000
    while len(found) < 5:
        one = render_speech(number, SpeechConfig(noisy=0.0, reverberant=0.0), split="test")
        if one.sentence.kind != "unknown" and one.voice in VOICES:
            found.append(one)
        number += 1
    return found


@dataclass(frozen=True)
class Talk:
    """Sentences one after the other, and when each begins in the recording."""

    audio: Audio
    said: list[Utterance]
    starts: list[float]


@pytest.fixture(scope="session")
def talk(said: list[Utterance]) -> Talk:
    """Pauses of one to two seconds, over a soft hiss."""
    rng = np.random.default_rng(0)
    parts: list[np.ndarray] = []
    starts = []
    for one in said:
        parts.append(np.zeros(round(rng.uniform(1, 2) * RATE), np.float32))
        starts.append(sum(map(len, parts)) / RATE)
        parts.append(one.samples)
    whole = np.concatenate(parts)
    return Talk(Audio.from_samples(whole + rng.normal(0, 0.001, len(whole)).astype(np.float32), RATE), said, starts)


def recording(samples: Any, rate: int = RATE) -> Audio:
    return Audio.from_samples(np.asarray(samples, np.float32), rate)

"""The voice: what it says, read back by the recogniser of the same profile."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ..world.scenes import stream
from ..world.sentences import is_held_out, sample_sentence
from .apart import Overlap
from .asr import word_errors
from .rows import Row
from .shipped import Shipped

ROLE = "tts"
USES = ("tts", "asr")
DEFAULT_N = 100
"""Sentences."""
SPLIT = "test"


def apart(seed: int, n: int) -> dict[str, Any]:
    """Raise Overlap where the recogniser may have been trained on a sentence; return what was compared."""
    said = _sentences(seed, n)
    if shared := [text for text in said if not is_held_out(text)]:
        raise Overlap(f"{len(shared)} sentences may be said in training: {shared[:3]}")
    return {"sentences": {"measured": len(said), "shared": 0}}


def jobs(models: Mapping[str, Shipped], seed: int, n: int) -> Sequence[Callable[[], list[Row]]]:
    """One piece of work."""
    return [partial(_read_back, models, seed, n)]


def _sentences(seed: int, n: int) -> list[str]:
    """Sentences of words that the recogniser knows."""
    found: list[str] = []
    number = seed * 1_000_003
    while len(found) < n:
        sentence = sample_sentence(stream(SPLIT, number, "read back"), SPLIT)
        number += 1
        if sentence.kind != "unknown":
            found.append(sentence.text)
    return found


def _read_back(models: Mapping[str, Shipped], seed: int, n: int) -> list[Row]:
    voice, asr = (models[role].adapter() for role in USES)
    said = _sentences(seed, n)
    return [word_errors(ROLE, "wer_read_back", said, asr.transcribe(voice.speak(said), language="en"))]

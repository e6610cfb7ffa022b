"""The voice: what it says, read back by the recogniser of the same profile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jiwer
import numpy as np

from ....tools.loaders.registry import get_loader
from ..world.scenes import stream
from ..world.sentences import is_held_out, sample_sentence
from .apart import Overlap
from .rows import Row, bootstrap
from .shipped import Shipped, shipped

ROLE = "tts"
DEFAULT_N = 100
"""Sentences."""
SPLIT = "test"


def apart(seed: int, n: int) -> dict[str, Any]:
    """Raise Overlap where the recogniser may have been trained on a sentence; return what was compared."""
    said = _sentences(seed, n)
    if shared := [text for text in said if not is_held_out(text)]:
        raise Overlap(f"{len(shared)} sentences may be said in training: {shared[:3]}")
    return {"sentences": {"measured": len(said), "shared": 0}}


def jobs(model: Shipped, seed: int, n: int) -> Sequence[Callable[[], list[Row]]]:
    """One piece of work."""
    return [partial(_read_back, model, seed, n)]


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


def _read_back(model: Shipped, seed: int, n: int) -> list[Row]:
    listener = shipped(["asr"], cache=model.spec.cache)["asr"]
    voice: Any = get_loader(model.spec.loader).load(model.spec).adapter(ROLE)
    asr: Any = get_loader(listener.spec.loader).load(listener.spec).adapter("asr")
    said = _sentences(seed, n)
    heard = [each.text for each in asr.transcribe(voice.speak(said), language="en")]
    found = [jiwer.process_words(*pair) for pair in zip(said, heard, strict=True)]
    wrong = np.array([each.substitutions + each.deletions + each.insertions for each in found])
    words = np.array([len(text.split()) for text in said])
    interval = bootstrap(n, lambda chosen: [float(wrong[chosen].sum() / words[chosen].sum())])[0]
    return [Row(ROLE, "wer_read_back", float(wrong.sum() / words.sum()), n, interval)]

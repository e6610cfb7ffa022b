"""The recogniser: word error rates on sentences that training never heard, word times, and silence.

The speech is the world's own (espeak-ng's formant synthesis): the figures say nothing about people.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import jiwer
import numpy as np

from ....tools.media.audio import Audio
from ....tools.media.transcript import Transcript
from ....tools.roles import Recogniser
from ..world.acoustics import RATE, Waveform
from ..world.sentences import is_held_out
from ..world.sounds import render_sounds
from ..world.speech import HELD_OUT_VOICES, VOICES, SpeechConfig, Utterance, render_speech
from .apart import Overlap
from .rows import Row, bootstrap, share
from .shipped import Shipped

ROLE = "asr"
DEFAULT_N = 150
"""Utterances of each set."""
SPLIT = "test"
_QUIET = SpeechConfig(noisy=0.0)
_NOISY = SpeechConfig(noisy=1.0, snr_db=(15.0, 15.0))
_LONG = 3.0  # seconds from which on a sentence is timed; a piece costs the same whatever its length
Wanted = Callable[[Utterance], bool]

# By name: how the speech is, and which of the utterances are taken.
SETS: dict[str, tuple[SpeechConfig, Wanted]] = {
    "sentences": (_QUIET, lambda said: said.sentence.kind != "unknown" and said.voice in VOICES),
    "voices": (_QUIET, lambda said: said.sentence.kind != "unknown" and said.voice in HELD_OUT_VOICES),
    "noise_15db": (_NOISY, lambda said: said.sentence.kind != "unknown" and said.voice in VOICES),
    "unseen_words": (_QUIET, lambda said: said.sentence.kind == "unknown" and said.voice in VOICES),
    "mixed": (SpeechConfig(), lambda said: True),
}


def apart(seed: int, n: int) -> dict[str, Any]:
    """Raise Overlap where a sentence or a held-out voice is one of training; return what was compared."""
    said = {one.sentence.text for name in SETS for one in _drawn(name, seed, n)}
    shared = [text for text in said if not is_held_out(text)]
    if shared or set(VOICES) & set(HELD_OUT_VOICES):
        raise Overlap(f"{len(shared)} sentences that measure the recogniser may be said in training: {shared[:3]}")
    return {"sentences": {"measured": len(said), "shared": 0}, "voices": {"held_out": len(HELD_OUT_VOICES)}}


def jobs(model: Shipped, seed: int, n: int) -> Sequence[Callable[[], list[Row]]]:
    """One piece of work a set, and one for what is no speech."""
    adapter = model.adapter()
    return [*(partial(_errors, adapter, name, seed, n) for name in SETS), partial(_nothing, adapter, seed, n)]


def _drawn(name: str, seed: int, n: int) -> Iterator[Utterance]:
    """The first n utterances of a set."""
    config, wanted = SETS[name]
    number, found = seed * 1_000_003, 0
    while found < n:
        said = render_speech(number, config, split=SPLIT)
        number += 1
        if wanted(said):
            found += 1
            yield said


def _errors(asr: Recogniser, name: str, seed: int, n: int) -> list[Row]:
    said = list(_drawn(name, seed, n))
    heard, seconds = [], []
    for one in said:
        start = time.perf_counter()
        heard += asr.transcribe([_audio(one.samples)], language="en")
        seconds.append(time.perf_counter() - start)
    rows = [word_errors(ROLE, f"wer_{name}", [one.sentence.text for one in said], heard)]
    if name == "sentences":
        slow = [time for one, time in zip(said, seconds, strict=True) if len(one.samples) >= _LONG * RATE] or seconds
        rows.append(Row(ROLE, "seconds_a_sentence", float(np.median(slow))))
        times = [found for found in _times(said, heard) if found]
        if times:
            middle = bootstrap(
                len(times), lambda chosen: [float(np.median(np.concatenate([times[i] for i in chosen])))]
            )[0]
            rows.append(Row(ROLE, "word_time_error_s", float(np.median(np.concatenate(times))), len(times), middle))
    return rows


def word_errors(role: str, name: str, said: Sequence[str], heard: Sequence[Transcript]) -> Row:
    """The row of the word error rate: words that are wrong, missing or too many, over those that were said."""
    found = [jiwer.process_words(text, each.text) for text, each in zip(said, heard, strict=True)]
    wrong = np.array([each.substitutions + each.deletions + each.insertions for each in found])
    words = np.array([len(text.split()) for text in said])
    interval = bootstrap(len(said), lambda chosen: [float(wrong[chosen].sum() / words[chosen].sum())])[0]
    return Row(role, name, float(wrong.sum() / words.sum()), len(said), interval)


def _times(said: Sequence[Utterance], heard: Sequence[Transcript]) -> list[list[float]]:
    """How far off the starts and ends of words are, in seconds, of each utterance whose every word is right."""
    found = []
    for one, each in zip(said, heard, strict=True):
        words = [word for segment in each.segments for word in segment.words]
        right = [word.text for word in words] == [span.text for span in one.words]
        pairs = zip(words, one.words, strict=True) if right else ()
        found.append([off for word, span in pairs for off in (abs(word.start - span.start), abs(word.end - span.end))])
    return found


def _nothing(asr: Recogniser, seed: int, n: int) -> list[Row]:
    """The share of recordings without speech of which nothing is written: sounds, and silence."""
    quiet = [np.zeros(round(seconds * RATE), np.float32) for seconds in np.linspace(0.5, 6, 10)]
    sounds = [render_sounds(seed * 1_000_003 + number, split=SPLIT).samples for number in range(n)]
    empty = [each.empty for each in asr.transcribe([_audio(each) for each in (*quiet, *sounds)])]
    return [share(ROLE, "nothing_in_no_speech", sum(empty), len(empty))]


def _audio(samples: Waveform) -> Audio:
    return Audio.from_samples(samples, RATE)

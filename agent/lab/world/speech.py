"""Spoken sentences of the world with exact truth: text, times of words and phonemes, voice, noise and room.

The speech is synthetic (espeak-ng's formant synthesis): a recogniser that hears this world understands it, and should
not be expected to understand people.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ....tools.loaders.espeak_speech import ACCENTS, VARIANTS, Span, speak
from .acoustics import (
    NOISES,
    RATE,
    Recording,
    Waveform,
    amplitude,
    convolved,
    decibels,
    headroom,
    noise_for,
    resampled,
    room_response,
    rounded,
    write_recordings,
)
from .scenes import stream
from .sentences import Sentence, sample_sentence

_HELD_OUT_ACCENT = "en-gb-x-gbclan"
_HELD_OUT_VARIANTS = ("f5", "m5", "linda")

_ALL_VOICES = tuple(f"{accent}+{variant}" for accent in ACCENTS for variant in VARIANTS)
HELD_OUT_VOICES = tuple(
    voice for voice in _ALL_VOICES if voice.startswith(_HELD_OUT_ACCENT) or voice.endswith(_HELD_OUT_VARIANTS)
)
"""Voices never heard in training: one accent in whole (Lancaster), and three speakers in all accents."""

VOICES = tuple(voice for voice in _ALL_VOICES if voice not in HELD_OUT_VOICES)
"""The voices of training; the other splits use them and the held-out ones in equal shares."""


@dataclass(frozen=True)
class SpeechConfig:
    """What utterances are drawn from. Ranges are inclusive; numbers are drawn uniformly."""

    rate: tuple[int, int] = (120, 230)
    """Words a minute."""
    pitch: tuple[int, int] = (20, 80)
    """espeak's pitch, 0 to 99."""
    noisy: float = 0.7
    """Probability of noise."""
    snr_db: tuple[float, float] = (5.0, 40.0)
    """Mean power of the speech, from the start of the first word to the end of the last, over that of the noise."""
    reverberant: float = 0.4
    """Probability of a room."""
    rt60: tuple[float, float] = (0.15, 0.8)
    """Seconds in which the room's reverberation decays by 60 dB."""
    direct_db: tuple[float, float] = (0.0, 10.0)
    """Energy of the direct sound over that of the reverberation."""
    gain_db: tuple[float, float] = (-20.0, -1.0)
    """Peak of the speech under full scale."""
    lead: tuple[float, float] = (0.0, 0.5)
    """Seconds before the speech; the same range again after it."""


@dataclass(frozen=True)
class Utterance:
    """One recording and everything that is true of it."""

    samples: Waveform
    """(N,) at 16 kHz, full scale -1 to 1: the speech and the noise."""
    speech: Waveform
    """(N,): the speech alone, in its room and at its level; ``samples - speech`` is the noise."""
    sentence: Sentence
    words: tuple[Span, ...]
    """In seconds from the first sample, of the direct sound."""
    phonemes: tuple[Span, ...]
    voice: str
    rate: int
    pitch: int
    noise: str | None
    snr_db: float | None
    """None without noise."""
    rt60: float | None
    """None without a room."""
    direct_db: float | None
    gain_db: float
    """Peak of the speech under full scale, as it is in ``samples``."""
    lead: float
    seed: int
    split: str


def render_speech(
    seed: int, config: SpeechConfig | None = None, *, split: str = "train", sentence: Sentence | None = None
) -> Utterance:
    """The utterance of a seed: never the same stream in two splits.

    It says ``sentence``, or one that is drawn. ``split`` is one of :data:`.scenes.SPLITS`; raises ValueError for
    another name.
    """
    config = config or SpeechConfig()
    rng = stream(split, seed, "speech")
    drawn = sample_sentence(rng, split)
    sentence = sentence or drawn
    voices = VOICES if split == "train" or rng.random() < 0.5 else HELD_OUT_VOICES
    voice = str(rng.choice(voices))
    rate, pitch = (int(rng.integers(low, high + 1)) for low, high in (config.rate, config.pitch))
    said = speak(sentence.text, voice, rate=rate, pitch=pitch)
    lead, trail = (float(rng.uniform(*config.lead)) for _ in range(2))
    before, after = round(lead * RATE), round(trail * RATE)
    speech = np.pad(resampled(said.samples, said.rate), (before, after))
    rt60 = direct_db = None
    if rng.random() < config.reverberant:
        rt60, direct_db = float(rng.uniform(*config.rt60)), float(rng.uniform(*config.direct_db))
        speech = convolved(speech, room_response(rng, rt60, direct_db))
    speech = speech * np.float32(amplitude(float(rng.uniform(*config.gain_db))) / np.max(np.abs(speech)))
    words, phonemes = (_later(spans, before / RATE) for spans in (said.words, said.phonemes))
    colour = snr_db = None
    samples = speech
    if rng.random() < config.noisy:
        colour, snr_db = str(rng.choice(list(NOISES))), float(rng.uniform(*config.snr_db))
        voiced = speech[round(words[0].start * RATE) : round(words[-1].end * RATE)]
        background = noise_for(rng, voiced, len(speech), colour, snr_db)
        factor = np.float32(headroom(speech, background))
        speech = speech * factor
        samples = speech + background * factor
    gain_db = decibels(float(np.max(np.abs(speech))) ** 2)
    return Utterance(
        samples, speech, sentence, words, phonemes, voice, rate, pitch,
        colour, snr_db, rt60, direct_db, gain_db, before / RATE, seed, split,
    )  # fmt: skip


def _later(spans: tuple[Span, ...], seconds: float) -> tuple[Span, ...]:
    return tuple(Span(span.text, span.start + seconds, span.end + seconds) for span in spans)


def speech_truth(utterance: Utterance) -> dict[str, Any]:
    """Return what is true of an utterance as JSON: times in seconds, ``rate`` in words a minute, ratios in dB.

    ``snr_db`` and ``noise`` are null without noise, ``rt60`` and ``direct_db`` null without a room.
    """
    optional = {name: getattr(utterance, name) for name in ("snr_db", "rt60", "direct_db")}
    return {
        "seed": utterance.seed,
        "split": utterance.split,
        "text": utterance.sentence.text,
        "kind": utterance.sentence.kind,
        "words": [_span("word", span) for span in utterance.words],
        "phonemes": [_span("phoneme", span) for span in utterance.phonemes],
        "voice": utterance.voice,
        "held_out_voice": utterance.voice in HELD_OUT_VOICES,
        "rate": utterance.rate,
        "pitch": utterance.pitch,
        "noise": utterance.noise,
        **{name: None if value is None else rounded(value, 3) for name, value in optional.items()},
        "gain_db": rounded(utterance.gain_db, 3),
        "lead": rounded(utterance.lead),
        "sample_rate": RATE,
        "seconds": rounded(len(utterance.samples) / RATE),
    }


def _span(name: str, span: Span) -> dict[str, Any]:
    return {name: span.text, "start": rounded(span.start), "end": rounded(span.end)}


def write_speech(
    out: Path,
    *,
    seed: int,
    count: int,
    split: str = "demo",
    config: SpeechConfig | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write ``count`` utterances as WAV (16 kHz, mono, 16 bits), and ``truth.jsonl``, whose path is returned.

    Raises InputError for a count, seed or split that cannot be, MissingExtra where speech cannot be synthesised.
    """

    def record(number: int) -> Recording:
        utterance = render_speech(number, config, split=split)
        return utterance.samples, speech_truth(utterance)

    return write_recordings(out, "speech", seed=seed, count=count, split=split, record=record, progress=progress)

"""Short recordings of sounds of the world with exact truth: which sounds, from when to when, over which noise.

All of it is synthetic (tools/loaders/timbres.py): a model that hears this world need not know a real siren.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ....tools.loaders.timbres import TIMBRES, synthesise
from .acoustics import (
    NOISES,
    RATE,
    Recording,
    Waveform,
    amplitude,
    decibels,
    headroom,
    noise_for,
    rounded,
    write_recordings,
)
from .scenes import stream

SOUNDS = tuple(TIMBRES)
"""The classes of sounds, in a recogniser's order."""

_MARGIN = 0.05  # seconds of background that are left before and after all sounds


@dataclass(frozen=True)
class SoundConfig:
    """What recordings are drawn from. Ranges are inclusive; numbers are drawn uniformly."""

    seconds: tuple[float, float] = (1.0, 4.0)
    count: tuple[int, int] = (1, 3)
    """Sounds of a recording, each of another class; they may overlap."""
    snr_db: tuple[float, float] = (5.0, 40.0)
    """Mean power of the sounds, where there are any, over that of the background."""
    gain_db: tuple[float, float] = (-18.0, -3.0)
    """Peak of each sound under full scale."""
    classes: tuple[str, ...] = SOUNDS


@dataclass(frozen=True)
class SoundEvent:
    """One sound of a recording."""

    label: str
    onset: float
    """Seconds from the first sample of the recording to the first of the sound."""
    offset: float
    """Seconds to the sample after the sound's last; a struck thing has faded by then."""
    gain_db: float
    """Peak under full scale."""


@dataclass(frozen=True)
class SoundClip:
    """A recording and everything that is true of it."""

    samples: Waveform
    """(N,) at 16 kHz, full scale -1 to 1: the sounds and the background."""
    sounds: Waveform
    """(N,): the sounds alone; ``samples - sounds`` is the background."""
    events: tuple[SoundEvent, ...]
    """By their onsets."""
    noise: str
    snr_db: float
    seed: int
    split: str


def render_sounds(seed: int, config: SoundConfig | None = None, *, split: str = "train") -> SoundClip:
    """The recording of a seed: never the same stream in two splits.

    ``split`` is one of :data:`.scenes.SPLITS`; raises ValueError for another name.
    """
    config = config or SoundConfig()
    rng = stream(split, seed, "sounds")
    length = round(float(rng.uniform(*config.seconds)) * RATE)
    count = min(int(rng.integers(config.count[0], config.count[1] + 1)), len(config.classes))
    labels = [str(label) for label in rng.choice(config.classes, count, replace=False)]
    sounds = np.zeros(length, np.float32)
    active = np.zeros(length, np.bool_)
    placed = []
    for label in labels:
        start, size = _place(rng, label, length)
        gain_db = float(rng.uniform(*config.gain_db))
        sounds[start : start + size] += synthesise(label, rng, size) * np.float32(amplitude(gain_db))
        active[start : start + size] = True
        placed.append((start, size, label, gain_db))
    colour, snr_db = str(rng.choice(list(NOISES))), float(rng.uniform(*config.snr_db))
    background = noise_for(rng, sounds[active], length, colour, snr_db)
    factor = headroom(sounds, background)
    events = tuple(
        SoundEvent(label, start / RATE, (start + size) / RATE, gain_db + decibels(factor**2))
        for start, size, label, gain_db in sorted(placed)
    )
    sounds = sounds * np.float32(factor)
    return SoundClip(sounds + background * np.float32(factor), sounds, events, colour, snr_db, seed, split)


def _place(rng: np.random.Generator, label: str, length: int) -> tuple[int, int]:
    """The first sample and the number of samples of a sound, so that background is left on both sides."""
    margin = round(_MARGIN * RATE)
    timbre = TIMBRES[label]
    size = min(round(float(rng.uniform(timbre.shortest, timbre.longest)) * RATE), length - 2 * margin)
    return int(rng.integers(margin, length - margin - size + 1)), size


def sounds_truth(clip: SoundClip) -> dict[str, Any]:
    """Return what is true of a recording as JSON: times in seconds, levels and ratios in dB."""
    return {
        "seed": clip.seed,
        "split": clip.split,
        "events": [
            {key: value if isinstance(value, str) else rounded(value) for key, value in asdict(event).items()}
            for event in clip.events
        ],
        "noise": clip.noise,
        "snr_db": rounded(clip.snr_db, 3),
        "sample_rate": RATE,
        "seconds": rounded(len(clip.samples) / RATE),
    }


def write_sounds(
    out: Path,
    *,
    seed: int,
    count: int,
    split: str = "demo",
    config: SoundConfig | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write ``count`` recordings as WAV (16 kHz, mono, 16 bits), and ``truth.jsonl``, whose path is returned.

    Raises InputError for a count, seed or split that cannot be.
    """

    def record(number: int) -> Recording:
        clip = render_sounds(number, config, split=split)
        return clip.samples, sounds_truth(clip)

    return write_recordings(out, "sounds", seed=seed, count=count, split=split, record=record, progress=progress)

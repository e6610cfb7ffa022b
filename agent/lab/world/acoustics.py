"""What happens to a sound on its way: noise at a stated ratio, a room with a stated decay, and files of it.

Samples are (N,) float32 mono, full scale -1 to 1; ratios are in dB of mean powers.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....tools.errors import InputError
from .samples import Sample, write_samples
from .scenes import SPLITS

RATE = 16_000
"""Samples a second of all the recordings of the world."""

NOISES = {"white": 0.0, "pink": 1.0, "brown": 2.0}
"""Colours of noise, and the power of the frequency by which their power falls."""

_LOWEST = 20.0  # Hz: below it pink and brown noise have no power, for there it would be without bound

Waveform = NDArray[np.float32]
Recording = tuple[Waveform, dict[str, Any]]
"""Samples at :data:`RATE`, and the line of truth."""


def decibels(power_ratio: float) -> float:
    """A ratio of powers in dB."""
    return 10 * float(np.log10(power_ratio))


def amplitude(level_db: float) -> float:
    """The factor of amplitude of a level in dB."""
    return float(10 ** (level_db / 20))


def power(samples: Waveform) -> float:
    """The mean square of the samples."""
    return float(np.mean(np.square(samples, dtype=np.float64)))


def rounded(value: float, digits: int = 4) -> float:
    """A number of the truth: times to a tenth of a millisecond."""
    return round(float(value), digits)


def noise(rng: np.random.Generator, length: int, colour: str, rate: int = RATE) -> Waveform:
    """``length`` samples of noise of a mean power of 1 and a colour of :data:`NOISES`, shaped in its spectrum."""
    size = _power_of_two(length)  # a transform of a prime length takes ten times as long
    spectrum = np.fft.rfft(rng.standard_normal(size))
    frequencies = np.fft.rfftfreq(size, 1 / rate)
    if NOISES[colour] > 0:
        shape = np.where(frequencies >= _LOWEST, np.maximum(frequencies, _LOWEST) ** (-NOISES[colour] / 2), 0.0)
        spectrum = spectrum * shape
    shaped = np.fft.irfft(spectrum, size)[:length]
    unit: Waveform = (shaped / np.sqrt(np.mean(shaped**2) + 1e-30)).astype(np.float32)
    return unit


def noise_for(rng: np.random.Generator, wanted: Waveform, length: int, colour: str, snr_db: float) -> Waveform:
    """Noise of ``length`` samples that lies ``snr_db`` under the mean power of ``wanted``."""
    factor = np.sqrt(power(wanted)) * amplitude(-snr_db)
    return noise(rng, length, colour) * np.float32(factor)


def room_response(rng: np.random.Generator, rt60: float, direct_db: float = 0.0, rate: int = RATE) -> Waveform:
    """The impulse response of a room: the direct sound at sample 0 and a tail that decays by 60 dB in ``rt60`` s.

    The tail is Gaussian noise under an exponential (J.-D. Polack's statistical model of late reverberation, 1988;
    J. A. Moorer, About This Reverberation Business, 1979), from 2 ms after the direct sound on, whose energy lies
    ``direct_db`` over that of the tail.
    """
    length, gap = round(rt60 * 1.1 * rate), round(0.002 * rate)
    time = np.arange(length) / rate
    tail = rng.standard_normal(length) * 10 ** (-3 * time / rt60)
    tail[:gap] = 0
    tail *= amplitude(-direct_db) / np.sqrt(np.sum(tail**2))
    tail[0] = 1
    return tail.astype(np.float32)


def decay_time(response: Waveform, rate: int = RATE) -> float:
    """The RT60 in seconds of an impulse response, its direct sound left out.

    By M. R. Schroeder's backward integration (New Method of Measuring Reverberation Time, 1965): the time from
    -5 to -25 dB of the energy still to come, times three (T20 of ISO 3382).
    """
    energy = np.cumsum(np.square(response[1:], dtype=np.float64)[::-1])[::-1]
    level = 10 * np.log10(energy / energy[0] + 1e-30)
    first, last = (int(np.argmax(level <= mark)) for mark in (-5, -25))
    return 3 * (last - first) / rate


def convolved(samples: Waveform, response: Waveform) -> Waveform:
    """The full convolution, N + M - 1 samples."""
    length = len(samples) + len(response) - 1
    size = _power_of_two(length)
    product = np.fft.rfft(samples, size) * np.fft.rfft(response, size)
    return np.fft.irfft(product, size)[:length].astype(np.float32)


def resampled(samples: Waveform, rate: int) -> Waveform:
    """The samples at :data:`RATE` instead of ``rate`` a second, nothing delayed, frequencies over 8 kHz cut off.

    The spectrum is cut and transformed back: exact, and faster than a filter that is designed at each call.
    """
    common = math.gcd(rate, RATE)
    step_in, step_out = rate // common, RATE // common
    blocks = -(-len(samples) // step_in) // 16 * 16 + 16  # of small factors, and silence between end and beginning
    spectrum = np.fft.rfft(samples, blocks * step_in)
    whole = np.fft.irfft(spectrum[: blocks * step_out // 2 + 1], blocks * step_out) * (step_out / step_in)
    return whole[: round(len(samples) * RATE / rate)].astype(np.float32)


def _power_of_two(length: int) -> int:
    return 1 << (length - 1).bit_length()


def headroom(*parts: Waveform) -> float:
    """The factor, 1 at most, at which the sum of the parts stays within 16 bits."""
    peak = float(np.max(np.abs(np.sum(parts, axis=0))))
    return min(1.0, 0.99 / peak) if peak > 0 else 1.0


def wav_bytes(samples: Waveform) -> bytes:
    """A WAV file of 16-bit integers at :data:`RATE`, the same bytes on each call."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def write_recordings(
    out: Path,
    name: str,
    *,
    seed: int,
    count: int,
    split: str,
    record: Callable[[int], Recording],
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write ``count`` WAV files called ``name``-00000.wav and on, and then ``truth.jsonl``, whose path is returned.

    ``record`` is given the seed of each sample: more samples are the same ones and more. Raises InputError for a
    count, seed or split that cannot be.
    """
    if split not in SPLITS:
        raise InputError(f"the world has no split {split!r}", hint=f"its splits are {', '.join(SPLITS)}")

    def sample(number: int, index: int) -> Sample:
        samples, line = record(number)
        file = f"{name}-{index:05d}.wav"
        return {file: wav_bytes(samples)}, {"audio": file, **line}

    return write_samples(out, seed, count, sample, progress)

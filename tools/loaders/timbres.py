"""Sixteen sounds, each a few lines of arithmetic: what it takes to tell them apart, and no more.

Every sound sets in at its first sample and is over at its last. They are recipes of sound synthesis (sines and
sweeps, decaying modes for struck things, filtered noise), not recordings. The procedural world is made of them and
``mini``'s sound generator makes them: a model that was trained on them knows them, and not what they are named after.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
"""Samples a second."""

Waveform = NDArray[np.float32]
_Signal = NDArray[np.float64]


class Timbre(NamedTuple):
    """How one class sounds, and for how many seconds at least and at most."""

    make: Callable[[np.random.Generator, int], _Signal]
    """Given the number of samples; of any level."""
    shortest: float
    longest: float


def _time(length: int) -> _Signal:
    return np.arange(length) / RATE


def _summed(parts: Sequence[_Signal]) -> _Signal:
    whole: _Signal = np.sum(parts, axis=0)
    return whole


def _sine(frequency: float | _Signal, length: int) -> _Signal:
    """A sine of a constant or a changing frequency in Hz."""
    steps = np.broadcast_to(np.asarray(frequency, np.float64), (length,))
    wave: _Signal = np.sin(2 * np.pi * np.cumsum(steps) / RATE)
    return wave


def _band(rng: np.random.Generator, length: int, low: float, high: float) -> _Signal:
    """Noise between two frequencies in Hz, of a mean power of 1."""
    size = 1 << (length - 1).bit_length()
    spectrum = np.fft.rfft(rng.standard_normal(size))
    frequencies = np.fft.rfftfreq(size, 1 / RATE)
    spectrum[(frequencies < low) | (frequencies > high)] = 0
    noise: _Signal = np.fft.irfft(spectrum, size)[:length]
    noise /= np.sqrt(np.mean(noise**2) + 1e-30)
    return noise


def _modes(frequencies: NDArray[np.float64], decays: NDArray[np.float64], length: int) -> _Signal:
    """A struck thing: modes in Hz, each weaker than the one before, falling by 60 dB in their ``decays`` seconds."""
    time = _time(length)
    parts = [
        np.sin(2 * np.pi * frequency * time) * 10 ** (-3 * time / decay) / (1 + i)
        for i, (frequency, decay) in enumerate(zip(frequencies, decays, strict=True))
    ]
    return _summed(parts)


def _struck(rng: np.random.Generator, base: float, ratios: tuple[float, ...], decay: float, length: int) -> _Signal:
    frequencies = base * np.array(ratios) * rng.uniform(0.99, 1.01, len(ratios))
    return _modes(frequencies, decay / np.sqrt(np.array(ratios) / ratios[0]), length)


def _repeated(strike: Callable[[int], _Signal], period: float, length: int) -> _Signal:
    """What ``strike`` gives for each number, one every ``period`` seconds from sample 0 on."""
    whole = np.zeros(length)
    for number, start in enumerate(range(0, length, max(1, round(period * RATE)))):
        sound = strike(number)[: length - start]
        whole[start : start + len(sound)] += sound
    return whole


def _beep(rng: np.random.Generator, length: int) -> _Signal:
    return _sine(rng.uniform(700, 2200), length)


def _siren(rng: np.random.Generator, length: int) -> _Signal:
    """A tone that wails up and down once or twice a second."""
    centre, swing = rng.uniform(650, 950), rng.uniform(0.25, 0.4)
    wail = np.sin(2 * np.pi * rng.uniform(1.0, 2.0) * _time(length))
    tone = centre * (1 + swing * wail)
    return _sine(tone, length) + 0.3 * _sine(3 * tone, length)


def _bell(rng: np.random.Generator, length: int) -> _Signal:
    """Hum, prime, tierce, quint and nominal of a church bell (ratios of A. Lehr's tuned bells: 1, 2, 2.4, 3, 4)."""
    return _struck(rng, rng.uniform(220, 420), (1.0, 2.0, 2.4, 3.0, 4.0, 5.33), length / RATE * 1.2, length)


def _clock(rng: np.random.Generator, length: int) -> _Signal:
    """Tick and tock."""
    base = rng.uniform(2200, 3200)
    return _repeated(
        lambda i: _struck(rng, base * (1.0, 0.8)[i % 2], (1.0, 1.6, 2.1), 0.03, 800), rng.uniform(0.2, 0.5), length
    )


def _rain(rng: np.random.Generator, length: int) -> _Signal:
    """A hiss and single drops."""
    drops = np.zeros(length)
    at = rng.integers(0, length, max(1, length // 400))
    drops[at] = rng.exponential(1.0, len(at))
    drop = _modes(np.array([rng.uniform(2500, 4500)]), np.array([0.008]), 160)
    return _band(rng, length, 1500, 7500) + 3 * np.convolve(drops, drop)[:length]


def _wind(rng: np.random.Generator, length: int) -> _Signal:
    """Low noise, in gusts."""
    gusts = 1 + 0.8 * np.sin(2 * np.pi * (rng.uniform(0.4, 0.9) * _time(length) + rng.random()))
    return _band(rng, length, 80, rng.uniform(350, 600)) * gusts


def _drum(rng: np.random.Generator, length: int) -> _Signal:
    """A membrane, whose modes are zeros of Bessel functions, struck again and again; the pitch falls at the stroke."""
    base = rng.uniform(80, 150)
    size = round(0.25 * RATE)
    fall = 1 + 0.6 * np.exp(-_time(size) / 0.02)

    def stroke(_: int) -> _Signal:
        tone = _sine(base * fall, size) + 0.5 * _sine(1.59 * base * fall, size) + 0.3 * _sine(2.14 * base * fall, size)
        return (tone + 0.3 * _band(rng, size, 200, 3000)) * 10 ** (-3 * _time(size) / 0.25)

    return _repeated(stroke, rng.uniform(0.25, 0.5), length)


def _whistle(rng: np.random.Generator, length: int) -> _Signal:
    """A referee's: a high tone that trills, and breath."""
    tone = rng.uniform(2300, 3200) * (1 + 0.03 * np.sin(2 * np.pi * rng.uniform(25, 40) * _time(length)))
    return _sine(tone, length) + 0.1 * _band(rng, length, 2000, 6000)


def _engine(rng: np.random.Generator, length: int) -> _Signal:
    """Harmonics of a low, slightly wavering pitch."""
    pitch = rng.uniform(45, 90) * (1 + 0.03 * np.sin(2 * np.pi * rng.uniform(0.5, 2) * _time(length)))
    parts = [_sine(k * pitch, length) * float(rng.uniform(0.5, 1.0)) / k**0.7 for k in range(1, 13)]
    return _summed(parts) + 0.2 * _band(rng, length, 60, 800)


def _alarm(rng: np.random.Generator, length: int) -> _Signal:
    """Two tones in turn, with the edge of a square wave."""
    low = rng.uniform(800, 1200)
    second = (np.floor(_time(length) / rng.uniform(0.1, 0.2)) % 2).astype(bool)
    tone = np.where(second, low * 1.33, low)
    return _sine(tone, length) + _sine(3 * tone, length) / 3 + _sine(5 * tone, length) / 5


def _bird(rng: np.random.Generator, length: int) -> _Signal:
    """Short chirps that sweep up or down."""

    def chirp(_: int) -> _Signal:
        size = round(rng.uniform(0.06, 0.1) * RATE)
        start, end = rng.uniform(3000, 5500, 2)
        return _sine(np.linspace(start, end, size), size) * np.sin(np.pi * np.arange(size) / size) ** 0.5

    return _repeated(chirp, rng.uniform(0.12, 0.22), length)


def _footsteps(rng: np.random.Generator, length: int) -> _Signal:
    """A thud of the heel and, a little later, the scrape of the sole."""
    size, delay = round(0.16 * RATE), round(0.06 * RATE)

    def step(_: int) -> _Signal:
        thud = _struck(rng, rng.uniform(90, 140), (1.0, 1.7, 2.9), 0.12, size)
        sole = _band(rng, size - delay, 800, 3500) * 10 ** (-3 * _time(size - delay) / 0.08)
        thud[delay:] += 0.25 * sole
        return thud

    return _repeated(step, rng.uniform(0.4, 0.65), length)


def _glass(rng: np.random.Generator, length: int) -> _Signal:
    """The clink of two glasses: high modes that are no harmonics."""
    return _struck(rng, rng.uniform(1600, 2600), (1.0, 1.53, 2.21, 2.9), length / RATE, length)


def _phone(rng: np.random.Generator, length: int) -> _Signal:
    """The trill of two small gongs, with a pause after each ring."""
    base, beat = rng.uniform(1000, 1500), rng.uniform(18, 25)
    trill = 0.5 + 0.5 * np.sign(np.sin(2 * np.pi * beat * _time(length) + 0.1))
    rings = _time(length) % 0.6 < 0.4
    return np.where(rings, _sine(base, length) * trill + _sine(1.26 * base, length) * (1 - trill), 0)


def _horn(rng: np.random.Generator, length: int) -> _Signal:
    """A car's: two low tones with many harmonics, a third apart."""
    base = rng.uniform(330, 440)
    return _summed([_sine(k * base * ratio, length) / k for ratio in (1.0, 1.25) for k in range(1, 8)])


def _knock(rng: np.random.Generator, length: int) -> _Signal:
    """Knuckles on wood."""
    base = rng.uniform(180, 320)
    return _repeated(
        lambda _: _struck(rng, base, (1.0, 2.3, 3.6, 5.1), 0.09, round(0.1 * RATE)), rng.uniform(0.15, 0.25), length
    )


TIMBRES: dict[str, Timbre] = {
    "beep": Timbre(_beep, 0.2, 0.8),
    "siren": Timbre(_siren, 0.8, 2.0),
    "bell": Timbre(_bell, 0.8, 2.0),
    "clock": Timbre(_clock, 0.8, 2.0),
    "rain": Timbre(_rain, 0.8, 2.0),
    "wind": Timbre(_wind, 0.8, 2.0),
    "drum": Timbre(_drum, 0.5, 1.5),
    "whistle": Timbre(_whistle, 0.3, 1.0),
    "engine": Timbre(_engine, 0.8, 2.0),
    "alarm": Timbre(_alarm, 0.5, 1.5),
    "bird": Timbre(_bird, 0.3, 1.2),
    "footsteps": Timbre(_footsteps, 0.8, 2.0),
    "glass": Timbre(_glass, 0.3, 0.8),
    "phone": Timbre(_phone, 0.8, 2.0),
    "horn": Timbre(_horn, 0.3, 1.2),
    "knock": Timbre(_knock, 0.3, 1.0),
}
"""The classes of sounds; their order is the order of a classifier's classes."""

_ATTACK, _RELEASE = 0.003, 0.01  # seconds: no click where a sound is cut off


def synthesise(label: str, rng: np.random.Generator, length: int) -> Waveform:
    """``length`` samples of a class of :data:`TIMBRES` at :data:`RATE`, its peak at full scale."""
    sound = TIMBRES[label].make(rng, length)
    attack, release = (min(length // 2, round(seconds * RATE)) for seconds in (_ATTACK, _RELEASE))
    sound[:attack] *= np.linspace(0, 1, attack)
    sound[length - release :] *= np.linspace(1, 0, release)
    wave: Waveform = (sound / np.max(np.abs(sound))).astype(np.float32)
    return wave

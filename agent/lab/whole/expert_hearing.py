"""Requests for the tools that hear, speak and change recordings, and when they are right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ....tools.hear.axes import LEFT, TOP
from ....tools.loaders.sound_words import sounds_in
from ....tools.media.audio import Audio
from ....tools.media.image import Image
from ....tools.media.spans import Spans
from ....tools.media.text import Text
from ....tools.media.transcript import Transcript
from ..world.acoustics import RATE, amplitude
from .case import Case, Given, Make
from .media import Draw, recording
from .senses import (
    WORD_ERRORS,
    Samples,
    Senses,
    alike,
    correlation,
    cut_from,
    envelope,
    level,
    mono,
    near,
    span_iou,
    spectrum,
    word_errors,
)

SOUNDS = {
    "siren": ("a siren", "警笛"), "rain": ("rain", "雨声"), "bell": ("a bell", "钟声"), "drum": ("a drum", "鼓声"),
    "whistle": ("a whistle", "口哨"), "wind": ("wind", "风声"), "knock": ("knocking", "敲门声"),
    "footsteps": ("footsteps", "脚步声"), "horn": ("a horn", "喇叭声"), "bird": ("birdsong", "鸟叫"),
}  # fmt: skip
"""Sounds of the world, as English and Chinese requests call them."""
_QUIET = -20.0  # decibels under full scale of a recording's peak, so that it can be made louder
_WINDOW = 4.0  # seconds at a time in which the classifier of mini listens
_TALK = 8.0  # seconds of a recording that is cut
_HEARD = 0.9  # correlation of what is the same recording
_AREA = {"waveform": (1000, 280), "spectrogram": (1000, 360)}  # pixels of the drawing area: width, height


def transcribe(draw: Draw) -> Case:
    """The words that were said, at most a fifth of them wrong."""
    audio, words = draw.speech()
    return Case((audio,), partial(written, words), words)


def written(words: str, given: Given, _: Senses) -> bool:
    """Whether the words of a result are these."""
    texts = [each.text for each in given.all(Transcript)] + [each.text for each in given.all(Text)]
    return any(word_errors(words, text) <= WORD_ERRORS for text in texts or [given.text])


def speak(draw: Draw) -> Case | None:
    """A recording in which the recogniser hears the text."""
    if draw.asks("rate"):
        return None  # what a rate is counted in differs from phrasing to phrasing
    words = draw.sentence()
    files = () if draw.asks("text") else (Text.of(words),)
    return Case(files, partial(spoken, words), words, {"text": words})


def spoken(words: str, given: Given, senses: Senses) -> bool:
    """Whether one recording was made, which says these words."""
    audio = given.one(Audio)
    return audio is not None and senses.says(audio, words)


def classify_sound(draw: Draw) -> Case:
    """The sound that is heard, and no other."""
    audio, label = draw.sound()
    return Case((audio,), partial(_heard, {label}, {label}), label)


def listen_for(draw: Draw) -> Case:
    """The sound that was asked for is told, of two that are heard one after the other."""
    audio, labels = _one_after_the_other(draw, 2)
    values = {"sound": _called(draw, labels[0])}
    return Case((audio,), partial(_heard, {labels[0]}, set(labels)), labels[0], values)


def _heard(wanted: set[str], there: set[str], given: Given, _: Senses) -> bool:
    """All sounds that are wanted are named, and none that is not there."""
    spans = given.one(Spans)
    named = set(spans.labels) if spans else set(sounds_in(given.text, tuple(SOUNDS)))
    return wanted <= named <= there


def _called(draw: Draw, label: str) -> str:
    return SOUNDS[label][1] if draw.language == "zh" else SOUNDS[label][0]


def _one_after_the_other(draw: Draw, count: int) -> tuple[Audio, list[str]]:
    """A recording with a sound in each window of the classifier, in random order; the first named is asked about."""
    labels = draw.rng.sample(tuple(SOUNDS), count)
    parts = [mono(draw.sound(_WINDOW, (label,))[0]) for label in labels]
    order = draw.rng.sample(range(count), count)
    return recording(np.concatenate([parts[index] for index in order])), labels


def generate_audio(draw: Draw) -> Case:
    """The classifier hears the sound that was asked for, for as long as was asked for."""
    label = draw.rng.choice(tuple(SOUNDS))
    seconds = float(draw.rng.randint(2, 4)) if draw.asks("seconds") else None
    values = {"prompt": _called(draw, label), "seconds": f"{seconds:g}" if seconds else ""}
    return Case((), partial(_sounds_like, label, seconds), label, values)


def _sounds_like(label: str, seconds: float | None, given: Given, senses: Senses) -> bool:
    audio = given.one(Audio)
    return (
        audio is not None and senses.sound(audio) == label and (seconds is None or near(audio.seconds, seconds, 0.05))
    )


def cut_audio(draw: Draw) -> Case:
    """The part between two times, to a tenth of a second; speech, since many a sound comes again and again."""
    said: list[Samples] = []
    while sum(map(len, said)) < _TALK * RATE:
        said.append(mono(draw.speech()[0]))
    audio = recording(np.concatenate(said)[: round(_TALK * RATE)])
    start = float(draw.rng.randint(1, 3)) if draw.asks("start") else 0.0
    end = float(draw.rng.randint(5, 7)) if draw.asks("end") else audio.seconds
    values = {"start": f"{start:g}", "end": f"{end:g}"}
    return Case((audio,), partial(_cut, audio, start, end), f"{start:g} to {end:g} s", values)


def _cut(audio: Audio, start: float, end: float, given: Given, _: Senses) -> bool:
    part = given.one(Audio)
    found = cut_from(mono(part), mono(audio)) if part else None
    return found is not None and abs(found[0] - start) <= 0.1 and abs(found[1] - end) <= 0.1


def keep_sound(draw: Draw) -> Case:
    """What is left is the stretch of the sound that was asked for."""
    audio, labels = _one_after_the_other(draw, 3)
    parts = [mono(audio)[round(_WINDOW * RATE) * k : round(_WINDOW * RATE) * (k + 1)] for k in range(3)]
    return Case((audio,), partial(_kept, audio, parts, labels[0]), labels[0], {"sound": _called(draw, labels[0])})


def _kept(audio: Audio, parts: Sequence[Samples], label: str, given: Given, senses: Senses) -> bool:
    part = given.one(Audio)
    found = cut_from(mono(part), mono(audio)) if part else None
    if found is None or part is None:
        return False
    heard = [senses.sound(recording(each)) for each in parts]
    true = (_WINDOW * heard.index(label), _WINDOW * (heard.index(label) + 1)) if label in heard else (0.0, 0.0)
    return span_iou(found, true) >= 0.5


def mix(draw: Draw) -> Case:
    """Both recordings are heard at once, from their beginnings."""
    one, other = draw.sound(2.5)[0], draw.speech()[0]
    return Case((one, other), partial(_mixed, (one, other)), "both")


def _mixed(parts: Sequence[Audio], given: Given, _: Senses) -> bool:
    audio = given.one(Audio)
    if audio is None:
        return False
    whole = mono(audio)
    length = max(len(mono(part)) for part in parts)
    if not near(len(whole), length, 0.02):
        return False
    tracks = np.stack([np.resize(np.pad(mono(part), (0, length)), length) for part in parts], axis=1)
    whole = np.resize(np.pad(whole, (0, length)), length)
    shares = np.linalg.lstsq(tracks, whole, rcond=None)[0]
    left = np.linalg.norm(whole - tracks @ shares) / max(1e-9, float(np.linalg.norm(whole)))
    return bool((shares > 0.2).all() and left < 0.2)


def change_audio(effect: str, draw: Draw) -> Case:
    """The recording again, changed as asked: its level, pace, ends or direction, measured; the rest as it was."""
    audio, _ = draw.speech()
    samples = mono(audio)
    loud = np.flatnonzero(np.abs(samples) > 0.1 * np.abs(samples).max())
    samples = samples[loud[0] : loud[-1] + 1]  # what is silent cannot be faded
    audio = recording(samples / np.abs(samples).max() * np.float32(amplitude(_QUIET)))
    least, most = {"louder": (4, 12), "quieter": (4, 12)}.get(
        effect, (2, 2) if effect in ("faster", "slower") else (1, 1)
    )
    amount = float(draw.rng.randint(least, most)) if draw.asks("amount") else None
    values = {"amount": f"{amount:g}" if amount else ""}
    right = partial(_EFFECTS[effect], audio, amount)
    return Case((audio,), partial(_changed, right), f"{effect} {values['amount']}".strip(), values)


def _changed(right: Callable[[Samples], bool], given: Given, _: Senses) -> bool:
    made = given.one(Audio)
    return made is not None and not made.empty and right(mono(made))


def _gains(made: Samples, before: Samples) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """By how much each twentieth of a second was made louder, and when it is, in seconds; silent ones are left out."""
    size = RATE // 20
    count = min(len(made), len(before)) // size
    now, then = (each[: count * size].reshape(count, size).astype(np.float64) for each in (made, before))
    power = (then**2).sum(axis=1)
    loud = power > 0.02 * power.mean()
    return ((now * then).sum(axis=1) / np.maximum(power, 1e-12))[loud], (np.flatnonzero(loud) + 0.5) / 20


def _levelled(sign: int, audio: Audio, amount: float | None, made: Samples) -> bool:
    before = mono(audio)
    gained = sign * (level(made) - level(before))
    as_asked = gained >= 2 if amount is None else abs(gained - amount) <= 1
    gains, _ = _gains(made, before)
    even = gains.std() <= 0.1 * abs(gains.mean())  # a fade is quieter too
    return bool(as_asked and even and near(len(made), len(before), 0.02) and alike(made, before) >= _HEARD)


def _paced(sign: int, audio: Audio, amount: float | None, made: Samples) -> bool:
    before = mono(audio)
    factor = (len(before) / len(made)) ** sign
    as_asked = factor >= 1.1 if amount is None else near(factor, amount, 0.05)
    course = correlation(envelope(made, 40), envelope(before, 40))
    pitch = correlation(spectrum(made), spectrum(before))  # another pace by resampling alone moves it
    return as_asked and course > 0.7 and pitch > 0.9


def _faded(audio: Audio, amount: float | None, made: Samples, *, start: bool) -> bool:
    before = mono(audio)
    if not near(len(made), len(before), 0.02):
        return False
    length = min(len(made), len(before))
    gains, times = _gains(*(each[:length] if start else each[:length][::-1] for each in (made, before)))
    seconds = min(amount or 1.0, length / RATE)
    on_the_way, behind = times < seconds, times > 1.3 * seconds
    rising = correlation(gains[on_the_way], times[on_the_way]) > 0.8 and gains[times < 0.4 * seconds].mean() < 0.5
    return bool(rising and (not behind.any() or np.abs(gains[behind] - 1).max() < 0.1))


def _reversed(audio: Audio, _: float | None, made: Samples) -> bool:
    return near(len(made), len(mono(audio)), 0.02) and alike(made[::-1], mono(audio)) >= _HEARD


def _normalised(audio: Audio, _: float | None, made: Samples) -> bool:
    peak = float(np.abs(made).max())
    return 0.7 <= peak <= 1.0 and alike(made, mono(audio)) >= _HEARD


_EFFECTS: dict[str, Callable[[Audio, float | None, Samples], bool]] = {
    "louder": partial(_levelled, 1), "quieter": partial(_levelled, -1), "faster": partial(_paced, 1),
    "slower": partial(_paced, -1), "fade_in": partial(_faded, start=True), "fade_out": partial(_faded, start=False),
    "reversed": _reversed, "normalised": _normalised,
}  # fmt: skip


def waveform(draw: Draw) -> Case:
    """A picture whose height follows the loudness."""
    audio, _ = draw.speech()
    return Case((audio,), partial(drawn_wave, audio), "its loudness over time")


def drawn_wave(audio: Audio, given: Given, _: Senses) -> bool:
    """Whether a picture's columns have as much ink as the recording is loud then."""
    area = _area(given, "waveform")
    if area is None:
        return False
    ink = (area.max(axis=2).astype(int) - area.min(axis=2) > 60).sum(axis=0)
    return correlation(ink, envelope(mono(audio), area.shape[1])) > 0.8


def spectrogram(draw: Draw) -> Case:
    """A picture that is bright where a frequency is loud."""
    audio, _ = draw.speech()
    return Case((audio,), partial(drawn_spectrum, audio), "its frequencies over time")


def drawn_spectrum(audio: Audio, given: Given, _: Senses) -> bool:
    """Whether a picture is as bright, time by time and frequency by frequency, as the recording is loud there."""
    area = _area(given, "spectrogram")
    if area is None:
        return False
    samples, size = audio.mono(audio.rate), audio.rate // 25
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(samples, size // 2), size)[:: max(1, len(samples) // 200)]
    power = np.abs(np.fft.rfft(windows * np.hanning(size), axis=1)).T ** 2
    true = 10 * np.log10(power / power.max() + 1e-8)[::-1]
    bright = area.mean(axis=2)
    return correlation(_grid(bright), _grid(true)) > 0.8


def _grid(field: NDArray[np.floating]) -> NDArray[np.float64]:
    """The means of 24 x 40 equal parts of a field."""
    rows = np.stack([part.mean(axis=0) for part in np.array_split(field, 24)])
    return np.stack([part.mean(axis=1) for part in np.array_split(rows, 40, axis=1)])


def _area(given: Given, form: str) -> NDArray[np.uint8] | None:
    """The drawing area of the one picture, None where there is no such picture."""
    image, (width, height) = given.one(Image), _AREA[form]
    if image is None or image.width < LEFT + width or image.height < TOP + height:
        return None
    return image.pixels[TOP : TOP + height, LEFT : LEFT + width]


CASES: dict[str, Make] = {
    "transcribe": transcribe, "translate_speech": transcribe, "speak": speak, "classify_sound": classify_sound,
    "classify_sound:labels": listen_for, "generate_audio": generate_audio, "cut_audio": cut_audio,
    "cut_audio:spans": keep_sound, "mix": mix, "waveform": waveform, "spectrogram": spectrogram,
    **{f"change_audio@{effect}": partial(change_audio, effect) for effect in _EFFECTS},
}  # fmt: skip

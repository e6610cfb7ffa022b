"""Speech from espeak-ng, in this process and without files, with the times of words and phonemes.

espeak-ng is free software under the GNU General Public License, version 3 or later. Panmodal neither contains nor
links it: the separate package ``espeakng-loader`` carries the library, which is loaded at run time, by ctypes, when
the first sentence is spoken. Functions and structures are those of espeak-ng's ``speak_lib.h``.

**Each sentence is spoken by a library loaded anew.** espeak-ng keeps the phase of its flutter, its echo and its wave
generator from one sentence to the next; neither espeak_Terminate nor a seed resets them, so that the same sentence
would have other samples, and another length, at each call. Unloading does, and costs about a millisecond.
"""

from __future__ import annotations

import ctypes
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import MissingExtra, ModelError, WrongArgument
from .espeak_files import library

if sys.platform == "win32":
    from _ctypes import FreeLibrary as _unload
else:
    from _ctypes import dlclose as _unload

ACCENTS = ("en-us", "en", "en-gb-scotland", "en-gb-x-rp", "en-029", "en-us-nyc", "en-gb-x-gbclan")
"""espeak's English: American, British, Scottish, Received Pronunciation, Caribbean, New York, Lancaster."""

VARIANTS = (
    "m1", "m2", "m3", "m4", "m5", "m7", "f1", "f2", "f3", "f4", "f5",
    "Andy", "Annie", "Lee", "Michael", "grandpa", "linda", "miguel",
)  # fmt: skip
"""Speakers. Some others of espeak's (Reed, caleb) use the C library's random numbers and cannot be repeated."""

RATES = (80, 400)
"""Words a minute that can be asked for, inclusive."""
PITCHES = (0, 99)
"""espeak's pitch, inclusive: 50 is the voice's own."""

_SYNCHRONOUS, _PHONEME_EVENTS, _DO_NOT_EXIT = 2, 0x0001, 0x8000
_RATE, _PITCH, _UTF8 = 1, 3, 1
_WORD, _PHONEME = 1, 7
_JOINT = "\u00a0"  # at a plain space espeak speaks "of the" as one word, with one event for both


class Span(NamedTuple):
    """A word or a phoneme and when it sounds, in seconds from the first sample."""

    text: str
    start: float
    end: float


class Speech(NamedTuple):
    """What was said, and when."""

    samples: NDArray[np.float32]
    """(N,) mono, full scale -1 to 1."""
    rate: int
    """Samples a second: 22050."""
    words: tuple[Span, ...]
    """In order; one for each word of the sentence as split at spaces."""
    phonemes: tuple[Span, ...]
    """In order, pauses left out, with espeak's names: ``'A@`` is a stressed vowel."""


class _Name(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("message", ctypes.c_uint),
        ("position", ctypes.c_int),  # in characters, the first is 1
        ("length", ctypes.c_int),
        ("milliseconds", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Name),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class _Mark(NamedTuple):
    """An event that has been copied out of the library's memory."""

    type: int
    position: int
    sample: int
    name: str


class _Recorder:
    """Collects what the library hands to its callback during one sentence."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.marks: list[_Mark] = []
        self.callback = _Callback(self._take)  # held here, for the library holds only its address

    def _take(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self.chunks.append(ctypes.string_at(samples, 2 * count))
        for event in iter(_events(events)):
            name = event.id.string.decode(errors="replace") if event.type == _PHONEME else ""
            self.marks.append(_Mark(event.type, event.position, event.sample, name))
        return 0


def _events(events: Any) -> list[Any]:
    """The events of one call, up to the one of type 0 that ends the list."""
    count = 0
    while events[count].type:
        count += 1
    return [events[i] for i in range(count)]


_lock = threading.Lock()  # espeak-ng has one global state; nothing of it may be used by two threads
_copies: list[tempfile.TemporaryDirectory[str]] = []


def speak(sentence: str, voice: str = "en-us", *, rate: int = 160, pitch: int = 50, timed: bool = True) -> Speech:
    """Say a sentence: the same arguments give the same samples, in any order of calls and from any thread.

    ``voice`` is one of :data:`ACCENTS`, alone or with ``+`` and one of :data:`VARIANTS`; ``rate`` is in words a
    minute, within :data:`RATES`; ``pitch`` within :data:`PITCHES`. Words are split at spaces; without ``timed`` no
    times are given, and any text can be said, even one of which espeak runs two words into one.

    Raises WrongArgument for what cannot be said, and MissingExtra where the library cannot be loaded.
    """
    words = sentence.split()
    _check(words, voice, rate, pitch)
    with _lock:
        recorder, sample_rate = _synthesise(_joined(words) if timed else " ".join(words), voice, rate, pitch)
    pcm = np.frombuffer(b"".join(recorder.chunks), np.int16)
    samples = pcm.astype(np.float32) / np.float32(32768)
    spans = _spans(words, recorder.marks, len(samples), sample_rate) if timed else ((), ())
    return Speech(samples, sample_rate, *spans)


def _joined(words: list[str]) -> str:
    """The text for espeak: a plain space after punctuation only, where it makes a pause."""
    joints = [" " if word.endswith((",", ".", ";", ":", "?", "!")) else _JOINT for word in words]
    return "".join(word + joint for word, joint in zip(words, joints, strict=True)).strip()


def _check(words: list[str], voice: str, rate: int, pitch: int) -> None:
    if not words or "\0" in "".join(words):
        raise WrongArgument("there is nothing to say", hint="give a sentence of one word at least", field="sentence")
    accent, plus, variant = voice.partition("+")
    if accent not in ACCENTS or (plus and variant not in VARIANTS):
        raise WrongArgument(
            f"there is no voice {voice!r}",
            hint=f"accents are {', '.join(ACCENTS)}; a variant follows a plus sign: {', '.join(VARIANTS)}",
            field="voice",
        )
    for field, value, (low, high) in (("rate", rate, RATES), ("pitch", pitch, PITCHES)):
        if not low <= value <= high:
            raise WrongArgument(f"a {field} of {value}", hint=f"give {low} to {high}", field=field)


def _synthesise(text: str, voice: str, rate: int, pitch: int) -> tuple[_Recorder, int]:
    path, data = _files()
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise MissingExtra(
            f"the speech library {path.name} cannot be loaded: {error}",
            hint="install it again: pip install --force-reinstall espeakng-loader",
        ) from error
    recorder = _Recorder()
    try:
        sample_rate = library.espeak_Initialize(_SYNCHRONOUS, 0, str(data).encode(), _PHONEME_EVENTS | _DO_NOT_EXIT)
        if sample_rate <= 0:
            raise MissingExtra(
                f"espeak-ng cannot read its data in {data}",
                hint="install it again: pip install --force-reinstall espeakng-loader",
            )
        library.espeak_SetSynthCallback(recorder.callback)
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ModelError(f"this build of espeak-ng has no voice {voice!r}", hint="update espeakng-loader")
        library.espeak_ng_SetRandSeed(ctypes.c_long(1))
        library.espeak_SetParameter(_RATE, rate, 0)
        library.espeak_SetParameter(_PITCH, pitch, 0)
        content = text.encode() + b"\0"
        if library.espeak_Synth(content, ctypes.c_size_t(len(content)), 0, 1, 0, _UTF8, None, None) != 0:
            raise ModelError(f"espeak-ng could not say {text!r}")
        library.espeak_Terminate()
    finally:
        _unload(library._handle)
    return recorder, sample_rate


def _files() -> tuple[Path, Path]:
    """A copy of the library's file, and its folder of data.

    The file is a copy of our own: were it the one that another package of the process has loaded, unloading it
    would reset nothing, and espeak_Terminate would end that package's work.
    """
    original = library()
    if not _copies or not (Path(_copies[-1].name) / original.name).exists():  # a forked process may have cleaned up
        try:
            folder = tempfile.TemporaryDirectory(prefix="panmodal-espeak-", ignore_cleanup_errors=True)
            shutil.copyfile(original, Path(folder.name) / original.name)
        except OSError as error:
            raise MissingExtra(
                f"the speech library {original} cannot be copied: {error}",
                hint="free space in the folder for temporary files, or install espeakng-loader again",
            ) from error
        _copies.append(folder)
    return Path(_copies[-1].name) / original.name, original.parent / "espeak-ng-data"


def _spans(words: list[str], marks: list[_Mark], length: int, rate: int) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """The times of words and phonemes. A word ends where the next begins, or with the pause before that."""
    begins: dict[int, int] = {}  # index of a word: its first sample
    ends: dict[int, int] = {}  # and the sample after its last
    phonemes: list[Span] = []
    # Where words begin in the text, less the space before: after a full stop espeak's positions are one too low.
    starts = np.cumsum([0, *(len(word) + 1 for word in words[:-1])])
    current = -1
    timed = [mark for mark in marks if mark.type in (_WORD, _PHONEME)]
    for i, mark in enumerate(timed):
        following = next((later.sample for later in timed[i + 1 :] if later.type == _PHONEME), length)
        if mark.type == _WORD:
            index = int(np.searchsorted(starts, mark.position, side="right")) - 1
            if index != current and current >= 0:
                ends.setdefault(current, mark.sample)
            current = index
            begins.setdefault(index, mark.sample)
        elif mark.name.startswith("_"):
            if current >= 0:
                ends.setdefault(current, mark.sample)
        else:
            ends.pop(current, None)  # the pause was inside the word
            phonemes.append(Span(mark.name, mark.sample / rate, following / rate))
    lost = [word for i, word in enumerate(words) if i not in begins]
    if lost:
        raise WrongArgument(
            f"espeak-ng gives no time for {lost[0]!r}", hint="leave out what is not a word", field="sentence"
        )
    if current >= 0:
        ends.setdefault(current, length)
    spans = tuple(Span(word, begins[i] / rate, ends[i] / rate) for i, word in enumerate(words))
    return spans, tuple(phonemes)

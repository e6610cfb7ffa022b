"""Voices of espeak-ng, for the role ``tts``: formant synthesis by rules, so there are no weights.

``checkpoint`` is a folder whose ``config.json`` states ``voice`` and ``rate``, or a voice itself: an accent of English,
alone or with ``+`` and a speaker (``en-us``, ``en-gb-scotland+f2``). The library comes with espeakng-loader.
"""

from collections.abc import Sequence
from pathlib import Path

from ..errors import ModelError, WrongArgument
from ..media.audio import Audio
from .base import Backbone, ModelSpec, cannot_serve, versions
from .checkpoints import broken, checked_digest, read_json
from .espeak_speech import ACCENTS, RATES, VARIANTS, library, speak

_RATE = 160
_SHORTEST = 0.05  # seconds that any word takes


class EspeakNgLoader:
    """Opens a voice of espeak-ng."""

    name = "espeak-ng"

    def resolve(self, spec: ModelSpec) -> Path:
        """The folder, or the library's file for a voice. Raises ``MissingExtra`` where its package is not installed."""
        return spec.path if spec.path.is_dir() else library()

    def measure(self, spec: ModelSpec) -> int:
        """Bytes of the library, which is loaded anew for each text."""
        return library().stat().st_size

    def load(self, spec: ModelSpec) -> Backbone:
        """The voice. Raises ``ModelError`` for one that espeak-ng does not have."""
        if not spec.path.is_dir():
            return EspeakNgBackbone(spec, spec.checkpoint, _RATE, checked_digest(spec, library()))
        stated = read_json(spec, spec.path / "config.json")
        voice, rate = str(stated.get("voice", "")), stated.get("rate", _RATE)
        if not isinstance(rate, int) or not RATES[0] <= rate <= RATES[1]:
            raise broken(spec, f"its rate {rate!r} is no number of words a minute from {RATES[0]} to {RATES[1]}")
        return EspeakNgBackbone(spec, voice, rate, checked_digest(spec, spec.path))


class EspeakNgBackbone:
    """A voice; serves the role ``tts``."""

    def __init__(self, spec: ModelSpec, voice: str, rate: int, digest: str) -> None:
        """``rate`` is in words a minute. Raises ``ModelError`` for a voice that there is not."""
        accent, plus, speaker = voice.partition("+")
        if accent not in ACCENTS or (plus and speaker not in VARIANTS):
            raise ModelError(
                f"the {spec.role} {voice!r} is no voice of espeak-ng that can be used here",
                hint=f"accents are {', '.join(ACCENTS)}; a speaker follows a plus sign: {', '.join(VARIANTS)}",
                role=spec.role,
            )
        self._spec, self._voice, self._rate = spec, voice, rate
        self.nbytes = library().stat().st_size
        self.digest = digest
        self.libraries = versions("espeakng-loader")

    def adapter(self, role: str) -> "EspeakVoice":
        """The voice."""
        if role != "tts":
            raise cannot_serve(self._spec, role, "the tts")
        return EspeakVoice(self._voice, self._rate)

    def close(self) -> None:
        """There is nothing to let go of between texts."""


class EspeakVoice:
    """Says texts with one voice, at one rate, unless others are asked for."""

    def __init__(self, voice: str, rate: int) -> None:
        self._voice, self._rate = voice, rate

    def speak(self, texts: Sequence[str], *, voice: str | None = None, rate: int | None = None) -> list[Audio]:
        """One recording per text, mono at 22,050 Hz; ``rate`` is in words a minute."""
        found = []
        for text in texts:
            if not text.strip():
                raise WrongArgument("there is nothing to say", hint="give a text with words", field="text")
            said = speak(text, voice or self._voice, rate=self._rate if rate is None else rate, timed=False)
            if len(said.samples) < _SHORTEST * said.rate:
                raise WrongArgument(f"nothing in {text!r} can be said", hint="give a text with words", field="text")
            found.append(Audio.from_samples(said.samples, said.rate))
        return found

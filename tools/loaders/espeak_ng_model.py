"""The working half of the espeak-ng loader: a voice."""

from collections.abc import Sequence
from typing import Any

from ..errors import ModelError, WrongArgument
from ..media.audio import Audio
from .base import ModelSpec, cannot_serve, versions
from .checkpoints import broken
from .espeak_files import library
from .espeak_speech import ACCENTS, RATES, VARIANTS, speak

_SHORTEST = 0.05  # seconds that any word takes


class EspeakNgBackbone:
    """A voice; serves the role ``tts``."""

    def __init__(self, spec: ModelSpec, voice: str, rate: Any, digest: str) -> None:
        """``rate`` is in words a minute. Raises ``ModelError`` for a voice or a rate that there is not."""
        if not isinstance(rate, int) or not RATES[0] <= rate <= RATES[1]:
            raise broken(spec, f"its rate {rate!r} is no number of words a minute from {RATES[0]} to {RATES[1]}")
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

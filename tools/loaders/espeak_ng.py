"""Voices of espeak-ng, for the role ``tts``: formant synthesis by rules, so there are no weights.

``checkpoint`` is a folder whose ``config.json`` states ``voice`` and ``rate``, or a voice itself: an accent of English,
alone or with ``+`` and a speaker (``en-us``, ``en-gb-scotland+f2``). The library comes with espeakng-loader.
"""

from pathlib import Path

from .base import Backbone, ModelSpec
from .checkpoints import checked_digest, read_json
from .espeak_files import library

_RATE = 160


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
        from .espeak_ng_model import EspeakNgBackbone

        if not spec.path.is_dir():
            return EspeakNgBackbone(spec, spec.checkpoint, _RATE, checked_digest(spec, library()))
        stated = read_json(spec, spec.path / "config.json")
        digest = checked_digest(spec, spec.path)
        return EspeakNgBackbone(spec, str(stated.get("voice", "")), stated.get("rate", _RATE), digest)

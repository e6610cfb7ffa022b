"""Synthesised sounds, for the role ``sound_generator``: formulas of our own, so there are no weights.

``checkpoint`` is a folder whose ``config.json`` states ``sounds``, the names of those that may be asked for.
"""

from pathlib import Path

from .base import Backbone, ModelSpec
from .checkpoints import checked_digest, find_file, read_json


class SynthesisLoader:
    """Opens a vocabulary of synthesised sounds."""

    name = "synthesis"

    def resolve(self, spec: ModelSpec) -> Path:
        """The folder."""
        return find_file(spec)

    def measure(self, spec: ModelSpec) -> int:
        """None: there are no weights."""
        self.resolve(spec)
        return 0

    def load(self, spec: ModelSpec) -> Backbone:
        """The synthesiser. Raises ``CheckpointBroken`` for a sound that there is no formula for."""
        from .synthesis_model import SynthesisBackbone

        folder = self.resolve(spec)
        stated = read_json(spec, folder / "config.json")
        return SynthesisBackbone(spec, stated.get("sounds"), checked_digest(spec, folder))

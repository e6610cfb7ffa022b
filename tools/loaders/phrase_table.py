"""A phrase table between English and Chinese, for the role ``translator``: words and patterns, so there are no weights.

``checkpoint`` is a folder whose ``phrases.yaml`` states both, side by side; the file says how it is written.
"""

from pathlib import Path

from .base import Backbone, ModelSpec
from .checkpoints import checked_digest, find_file

PHRASES = "phrases.yaml"


class PhraseTableLoader:
    """Opens a table of words and patterns in two languages."""

    name = "phrase-table"

    def resolve(self, spec: ModelSpec) -> Path:
        """The folder."""
        return find_file(spec)

    def measure(self, spec: ModelSpec) -> int:
        """None: there are no weights."""
        self.resolve(spec)
        return 0

    def load(self, spec: ModelSpec) -> Backbone:
        """The translator. Raises ``CheckpointBroken`` for a table that does not hold together."""
        from .phrase_table_model import PhraseTableBackbone

        folder = self.resolve(spec)
        return PhraseTableBackbone(spec, folder / PHRASES, checked_digest(spec, folder))

"""Extracts of texts, for the role ``summariser``: the most central sentences, so there are no weights.

``checkpoint`` is a folder whose ``config.json`` states ``damping``, the share of a sentence's rank that comes from
sentences like it, and ``alike``, the likeness from which a sentence says nothing new; both lie between 0 and 1.
"""

from pathlib import Path

from typing_extensions import TypeIs

from .base import Backbone, ModelSpec
from .checkpoints import broken, checked_digest, find_file, read_json


class ExtractiveLoader:
    """Opens the settings of an extractive summary."""

    name = "extractive"

    def resolve(self, spec: ModelSpec) -> Path:
        """The folder."""
        return find_file(spec)

    def measure(self, spec: ModelSpec) -> int:
        """None: there are no weights."""
        self.resolve(spec)
        return 0

    def load(self, spec: ModelSpec) -> Backbone:
        """The summariser. Raises ``CheckpointBroken`` for settings that are no shares."""
        from .extractive_model import ExtractiveBackbone

        folder = self.resolve(spec)
        stated = read_json(spec, folder / "config.json")
        damping, alike = (stated.get(name) for name in ("damping", "alike"))
        if not (_is_share(damping) and _is_share(alike)):
            raise broken(spec, f"its damping and alike are {damping} and {alike}", "state two shares between 0 and 1")
        return ExtractiveBackbone(spec, damping, alike, checked_digest(spec, folder))


def _is_share(value: object) -> TypeIs[float]:
    return isinstance(value, float) and 0 < value < 1

"""Models of transformers, from a local folder or a hub id, through its Auto classes.

One load serves several roles: a text model is ``planner`` and ``writer``, one that sees is these, ``mllm`` and
``captioner``. Models of the CLIP kind are the ``embedder``, audio classification models the ``sound_classifier``, image
classification models the ``cloud_classifier``. A ``panmodal.json`` beside the weights may state ``trained_tools``, the
only tools that the model plans with; for a ``cloud_classifier`` it states ``views``, ``{"count": 6, "side": 40}``: from
how many sides the model looks at a cloud, and the side of a view in pixels.
"""

from pathlib import Path
from typing import Any

from .base import Backbone, ModelSpec
from .checkpoints import (
    broken,
    checked_digest,
    find_folder,
    get_folder,
    is_url,
    measure_safetensors,
    read_json,
    weights_in,
)

FACTS = "panmodal.json"
_MOST_VIEWS, _MOST_SIDE = 64, 512  # of a cloud; what a damaged file states shall not fill the memory


class TransformersLoader:
    """Opens models of transformers. Options: ``max_side``, pixels to shrink pictures to; ``question`` that asks for a
    caption; ``threshold`` and ``multi_label`` of sounds."""

    name = "transformers"

    def resolve(self, spec: ModelSpec) -> Path:
        """The checkpoint's folder: given by path, or the hub's snapshot on this machine."""
        return find_folder(_checked(spec))

    def measure(self, spec: ModelSpec) -> int:
        """Bytes of the weights in the spec's dtype, from the safetensors headers."""
        return measure_safetensors(spec, weights_in(spec, get_folder(_checked(spec))))

    def load(self, spec: ModelSpec) -> Backbone:
        """Load safetensors only; code that comes with a checkpoint is never run."""
        folder = get_folder(_checked(spec))
        weights_in(spec, folder)
        read_json(spec, folder / "config.json")
        digest = checked_digest(spec, folder)
        if spec.role == "embedder":
            from .transformers_embedder import EmbedderBackbone

            return EmbedderBackbone(spec, folder, digest)
        if spec.role == "sound_classifier":
            from .transformers_audio import AudioClassifierBackbone

            return AudioClassifierBackbone(spec, folder, digest)
        if spec.role == "cloud_classifier":
            from .transformers_clouds import CloudClassifierBackbone

            return CloudClassifierBackbone(spec, folder, digest, *views(spec, folder))
        from .transformers_model import TransformersBackbone

        return TransformersBackbone(spec, folder, digest, trained_tools(spec, folder))


def trained_tools(spec: ModelSpec, folder: Path) -> tuple[str, ...] | None:
    """The tools that the checkpoint says it plans with; None where it says nothing. Raises ``CheckpointBroken``."""
    if not (folder / FACTS).is_file():
        return None
    facts: dict[str, Any] = read_json(spec, folder / FACTS)
    names = facts.get("trained_tools")
    if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise broken(spec, f"{FACTS} states the trained_tools {names!r}", "state a list of names of tools")
    return None if names is None else tuple(names)


def views(spec: ModelSpec, folder: Path) -> tuple[int, int]:
    """From how many sides the model looks at a cloud, and a view's side in pixels. Raises ``CheckpointBroken``."""
    stated = read_json(spec, folder / FACTS).get("views")
    count, side = (stated.get(name) if isinstance(stated, dict) else None for name in ("count", "side"))
    if not (type(count) is int and type(side) is int and 1 <= count <= _MOST_VIEWS and 1 <= side <= _MOST_SIDE):
        raise broken(
            spec,
            f"{FACTS} states the views {stated!r}",
            f'state "views": {{"count": 1 to {_MOST_VIEWS}, "side": 1 to {_MOST_SIDE}}} in it, as it was trained with',
        )
    return count, side


def _checked(spec: ModelSpec) -> ModelSpec:
    if is_url(spec.checkpoint):
        raise broken(spec, "a URL is one file, this loader opens folders", "give a folder or a hub id")
    return spec

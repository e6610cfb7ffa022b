"""Models of transformers, from a local folder or a hub id, through its Auto classes.

One load serves several roles: a text model is ``planner`` and ``writer``, a vision-language model is these and
``mllm``. Models of the CLIP kind are the ``embedder``, audio classification models the ``sound_classifier``. A
``panmodal.json`` beside the weights may state ``trained_tools``, the only tools that the model plans with.
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


class TransformersLoader:
    """Opens models of transformers. Options: ``max_side``, pixels to shrink pictures to; ``threshold`` and
    ``multi_label`` of sounds."""

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
        from .transformers_model import TransformersBackbone

        return TransformersBackbone(spec, folder, digest, trained_tools(spec, folder))


def trained_tools(spec: ModelSpec, folder: Path) -> tuple[str, ...] | None:
    """The tools that the checkpoint says it plans with; None where it says nothing."""
    if not (folder / FACTS).is_file():
        return None
    facts: dict[str, Any] = read_json(spec, folder / FACTS)
    names = facts.get("trained_tools")
    return tuple(str(name) for name in names) if names is not None else None


def _checked(spec: ModelSpec) -> ModelSpec:
    if is_url(spec.checkpoint):
        raise broken(spec, "a URL is one file, this loader opens folders", "give a folder or a hub id")
    return spec

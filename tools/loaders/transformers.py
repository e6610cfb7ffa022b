"""Models of transformers, from a local folder or a hub id, through its Auto classes.

One load serves several roles: a text model is ``planner``, ``writer``, ``summariser`` and ``translator``, one that sees
is these, ``mllm`` and ``captioner``. Models of the CLIP kind are the ``embedder``, audio classification models the
``sound_classifier``, image classification models the ``cloud_classifier``, those of (zero-shot) object detection the
``detector``, of mask generation the ``segmenter`` and of depth estimation the ``depth_estimator``. Whispers and CTC
models are the ``asr``, VITS models the ``tts``, MusicGen models the ``sound_generator``. A ``panmodal.json``
beside the weights may state ``trained_tools``, the only tools that the model plans with; for a ``cloud_classifier`` it
states ``views``, ``{"count": 6, "side": 40}``: from how many sides the model looks at a cloud, and the side of a view
in pixels.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
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
_BACKBONES = MappingProxyType(
    {
        "embedder": ".transformers_embedder:EmbedderBackbone",
        "sound_classifier": ".transformers_audio:AudioClassifierBackbone",
        "detector": ".transformers_detection:DetectorBackbone",
        "segmenter": ".transformers_segmentation:SegmenterBackbone",
        "depth_estimator": ".transformers_depth:DepthBackbone",
        "asr": ".transformers_speech:RecogniserBackbone",
        "tts": ".transformers_speech_made:WaveBackbone",
        "sound_generator": ".transformers_speech_made:WaveBackbone",
    }
)
"""What opens the models of a role that has a kind of its own."""
_MOST_VIEWS, _MOST_SIDE = 64, 512  # of a cloud; what a damaged file states shall not fill the memory


class TransformersLoader:
    """Opens models of transformers. Options: ``max_side``, pixels to shrink pictures to; ``question`` that asks for a
    caption; ``threshold`` and ``multi_label`` of sounds; ``threshold`` of a detector; ``points_per_side``,
    ``pred_iou_thresh`` and ``stability_score_thresh`` of a segmenter that cuts out everything; ``metric`` of depths;
    ``seconds`` that a generated sound lasts where no length is asked for."""

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
        if spec.role in _BACKBONES:
            module, _, attribute = _BACKBONES[spec.role].partition(":")
            opens: Callable[[ModelSpec, Path, str], Backbone]
            opens = getattr(importlib.import_module(module, __package__), attribute)
            return opens(spec, folder, digest)
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

"""Image generators of diffusers, from a local folder or a hub id, through its Auto classes.

Any pipeline that draws what a text says, as the library saves it: ``model_index.json`` and a folder for each of its
parts. A ``panmodal.json`` beside it may state what the model is best asked for: ``side`` (pixels), ``steps`` (of
sampling), ``guidance`` and ``guidance_rescale``; else the library's own defaults are used. Of a pipeline saved with a
ControlNet it may state what the control pictures show: ``control``, one of edges, boxes, masks and depth.
"""

from pathlib import Path

from .base import Backbone, ModelSpec
from .checkpoints import broken, checked_digest, find_folder, get_folder, is_url, measure_safetensors
from .diffusers_files import made_for_of, parts_of


class DiffusersLoader:
    """Opens pipelines of diffusers that make pictures from texts."""

    name = "diffusers"

    def resolve(self, spec: ModelSpec) -> Path:
        """The checkpoint's folder: given by path, or the hub's snapshot on this machine."""
        return find_folder(_checked(spec))

    def measure(self, spec: ModelSpec) -> int:
        """Bytes of the weights of all parts in the spec's dtype, from the safetensors headers."""
        parts = parts_of(spec, get_folder(_checked(spec)))
        return measure_safetensors(spec, [path for files in parts.weights.values() for path in files])

    def load(self, spec: ModelSpec) -> Backbone:
        """Load safetensors only; code that comes with a checkpoint is never run."""
        folder = get_folder(_checked(spec))
        parts, made_for = parts_of(spec, folder), made_for_of(spec, folder)
        digest = checked_digest(spec, folder)
        from .diffusers_model import DiffusersBackbone

        return DiffusersBackbone(spec, folder, digest, parts, made_for)


def _checked(spec: ModelSpec) -> ModelSpec:
    if is_url(spec.checkpoint) or spec.path.is_file():
        raise broken(spec, "it is one file, this loader opens folders", "give a folder or a hub id")
    return spec

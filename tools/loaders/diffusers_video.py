"""Video generators of diffusers, from a local folder or a hub id: any pipeline that films what a text says.

It is opened as the library saves it: ``model_index.json`` and a folder for each of its parts; the pipeline must take
``num_frames`` and nothing but a prompt. A ``panmodal.json`` beside it may state what the model was made for: ``width``,
``height``, ``frames``, ``rate`` (frames a second), ``steps`` (of sampling) and ``guidance``; else the library's own
defaults are used, and its models' usual rates.
"""

from .base import Backbone, ModelSpec
from .checkpoints import checked_digest
from .diffusers import DiffusersLoader
from .diffusers_files import parts_of
from .diffusers_video_files import filmed_for


class DiffusersVideoLoader(DiffusersLoader):
    """Opens pipelines of diffusers that make videos from texts."""

    name = "diffusers-video"

    def load(self, spec: ModelSpec) -> Backbone:
        """Load safetensors only; code that comes with a checkpoint is never run."""
        self.measure(spec)  # fetches it where that is allowed
        folder = self.resolve(spec)
        parts, made_for = parts_of(spec, folder), filmed_for(spec, folder)
        digest = checked_digest(spec, folder)
        from .diffusers_video_model import DiffusersVideoBackbone

        return DiffusersVideoBackbone(spec, folder, digest, parts, made_for)

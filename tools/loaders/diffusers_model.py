"""The working half of the diffusers loader: one pipeline in memory."""

from pathlib import Path
from typing import Any

from diffusers import AutoPipelineForText2Image

from .base import ModelSpec, cannot_serve, versions
from .checkpoints import broken
from .diffusers_files import MadeFor, Parts
from .diffusers_generator import PipelineGenerator
from .diffusers_opening import open_pipeline
from .diffusers_pipelines import denoiser_of
from .torch_parts import computing, device_of, free, nbytes_of


class DiffusersBackbone:
    """A pipeline of diffusers; serves ``image_generator``, and with a ControlNet ``controlled_generator`` too."""

    def __init__(self, spec: ModelSpec, folder: Path, digest: str, parts: Parts, made_for: MadeFor) -> None:
        """Load ``folder``; raises ``CheckpointBroken`` when the library cannot, or weights are missing."""
        self._spec, self._made_for, self._device = spec, made_for, device_of(spec)
        pipeline, modules = open_pipeline(spec, folder, parts, AutoPipelineForText2Image)
        if (
            denoiser_of(pipeline) is None
            or "vae" not in pipeline.components
            or not hasattr(pipeline, "image_processor")
        ):
            hint = "use a latent diffusion model: Stable Diffusion, PixArt, Flux or one like them"
            raise broken(spec, f"a {type(pipeline).__name__} works in a way that is not served", hint)
        with computing(spec):
            self._pipeline: Any = pipeline.to(self._device)
        self.digest = digest
        self.libraries = versions("diffusers", "transformers", "torch")
        self.nbytes = sum(map(nbytes_of, modules.values()))

    def adapter(self, role: str) -> PipelineGenerator:
        """The generator, the same for both roles."""
        controlled = getattr(self._pipeline, "controlnet", None) is not None
        served = ("image_generator", "controlled_generator") if controlled else ("image_generator",)
        if role not in served or self._pipeline is None:
            raise cannot_serve(self._spec, role, f"the {' and the '.join(served)}")
        return PipelineGenerator(self._spec, self._pipeline, self._made_for)

    def close(self) -> None:
        """Drop the weights."""
        self._pipeline = None
        free(self._device)

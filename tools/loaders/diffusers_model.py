"""The working half of the diffusers loader: one pipeline in memory."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoPipelineForText2Image
from safetensors import safe_open
from torch import nn

from .base import ModelSpec, cannot_serve, versions
from .checkpoints import broken
from .diffusers_files import MadeFor, Parts
from .diffusers_generator import PipelineGenerator
from .diffusers_pipelines import denoiser_of, quiet
from .torch_parts import computing, device_of, dtype_of, free, nbytes_of
from .transformers_files import LOCAL, some_of


class DiffusersBackbone:
    """A pipeline of diffusers; serves the role ``image_generator``."""

    def __init__(self, spec: ModelSpec, folder: Path, digest: str, parts: Parts, made_for: MadeFor) -> None:
        """Load ``folder``; raises ``CheckpointBroken`` when the library cannot, or weights are missing."""
        dtype, self._device = dtype_of(spec), device_of(spec)
        self._spec, self._made_for = spec, made_for
        without: dict[str, Any] = dict.fromkeys(parts.absent)
        if "safety_checker" in parts.absent:
            without["requires_safety_checker"] = False
        with _opening(spec):
            # Without `low_cpu_mem_usage`, which needs accelerate, a package that is not ours to require.
            pipeline: Any = AutoPipelineForText2Image.from_pretrained(
                folder, dtype=dtype, use_safetensors=True, low_cpu_mem_usage=False, **LOCAL, **without
            )
        if (
            denoiser_of(pipeline) is None
            or "vae" not in pipeline.components
            or not hasattr(pipeline, "image_processor")
        ):
            hint = "use a latent diffusion model: Stable Diffusion, PixArt, Flux or one like them"
            raise broken(spec, f"a {type(pipeline).__name__} works in a way that is not served", hint)
        modules = {name: part for name, part in pipeline.components.items() if isinstance(part, nn.Module)}
        for name, module in modules.items():
            _check_complete(spec, folder / name, module, parts.weights.get(name, ()))
        with computing(spec):
            self._pipeline: Any = pipeline.to(self._device)
        self.digest = digest
        self.libraries = versions("diffusers", "transformers", "torch")
        self.nbytes = sum(map(nbytes_of, modules.values()))

    def adapter(self, role: str) -> PipelineGenerator:
        """The generator."""
        if role != "image_generator" or self._pipeline is None:
            raise cannot_serve(self._spec, role, "the image_generator")
        return PipelineGenerator(self._spec, self._pipeline, self._made_for)

    def close(self) -> None:
        """Drop the weights."""
        self._pipeline = None
        free(self._device)


@contextmanager
def _opening(spec: ModelSpec) -> Iterator[None]:
    """Around opening a folder: raises ``CheckpointBroken`` when diffusers cannot."""
    try:
        with quiet():
            yield
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # damaged or foreign files make the library raise nearly anything
        told = " ".join(line.strip() for line in str(error).strip().splitlines()[:2])
        raise broken(spec, f"diffusers cannot open it: {type(error).__name__}: {told}") from error


def _check_complete(spec: ModelSpec, part: Path, module: nn.Module, files: Iterable[Path]) -> None:
    """Raise ``CheckpointBroken`` where files lack weights, in whose place the libraries leave random ones."""
    names: set[str] = set()
    for path in files:
        with safe_open(path, "pt") as file:
            names.update(file.keys())
    state = module.state_dict()
    there = {state[name].data_ptr() for name in names & state.keys()}
    missing = [name for name, value in state.items() if name not in names and value.data_ptr() not in there]  # nor tied
    if missing:
        # The libraries give weights of older versions their new names: they know what is missing all the same.
        kind: Any = type(module)
        with _opening(spec):
            _, told = kind.from_pretrained(
                part, use_safetensors=True, low_cpu_mem_usage=False, output_loading_info=True, **LOCAL
            )
        missing = [name for name in missing if name in told["missing_keys"]]
    if missing:
        raise broken(spec, f"the files of {part.name} lack {some_of(missing)}")

"""Open a folder that diffusers saved, with all its weights or not at all."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers.utils import is_accelerate_available
from safetensors import safe_open
from torch import nn

from ..errors import MissingExtra
from .base import ModelSpec
from .checkpoints import INDEX, broken, read_json
from .diffusers_files import Parts
from .diffusers_pipelines import quiet
from .torch_parts import dtype_of
from .transformers_files import LOCAL, some_of


def open_pipeline(spec: ModelSpec, folder: Path, parts: Parts, kind: Any) -> tuple[Any, dict[str, nn.Module]]:
    """The pipeline of a folder by a class of the library, and its networks by name.

    Raises ``CheckpointBroken`` when the library cannot open it, or weights are missing.
    """
    dtype, lazily = dtype_of(spec), _lazily(spec, folder)
    without: dict[str, Any] = dict.fromkeys(parts.absent)
    if "safety_checker" in parts.absent:
        without["requires_safety_checker"] = False
    with _opening(spec):
        pipeline = kind.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, low_cpu_mem_usage=lazily, **LOCAL, **without
        )
    modules = {name: part for name, part in pipeline.components.items() if isinstance(part, nn.Module)}
    for name, module in modules.items():
        _check_complete(spec, folder / name, module, parts.weights.get(name, ()), lazily)
    return pipeline, modules


def _lazily(spec: ModelSpec, folder: Path) -> bool:
    """Whether a part must be opened with accelerate, a package that is not ours to require, as the library has it.

    Raises ``MissingExtra`` where it is not installed.
    """
    for entry in read_json(spec, folder / INDEX).values():
        name = entry[1] if isinstance(entry, list) and len(entry) == 2 and entry[0] == "diffusers" else ""
        if getattr(getattr(diffusers, str(name), None), "_keep_in_fp32_modules", None):
            if not is_accelerate_available():
                raise MissingExtra(
                    f"the {spec.role} {spec.checkpoint} has a {name}, which diffusers opens with accelerate",
                    hint="pip install accelerate",
                )
            return True
    return False


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


def _check_complete(spec: ModelSpec, part: Path, module: nn.Module, files: Iterable[Path], lazily: bool) -> None:
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
                part, use_safetensors=True, low_cpu_mem_usage=lazily, output_loading_info=True, **LOCAL
            )
        missing = [name for name in missing if name in told["missing_keys"]]
    if missing:
        raise broken(spec, f"the files of {part.name} lack {some_of(missing)}")

"""Weights on disk as every recipe exports them: float16 safetensors, readable by all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor


@contextmanager
def whole(folder: Path) -> Iterator[Path]:
    """A folder to write a checkpoint into, whose files then take the place of those in ``folder``, each at once.

    So a killed run leaves a whole checkpoint, the last one.
    """
    part = folder.with_name(folder.name + ".part")
    part.mkdir(parents=True, exist_ok=True)
    yield part
    folder.mkdir(parents=True, exist_ok=True)
    for file in part.iterdir():
        file.chmod(0o644)  # the libraries write files that only their owner may read
        file.replace(folder / file.name)
    part.rmdir()


def halved(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict on the CPU, its floating-point tensors as float16."""
    half = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    return {name: value.cpu().contiguous() for name, value in half.items()}


def save_model(model: Any, folder: Path) -> None:
    """Write a model of transformers in float16; its configuration goes on to say float32, as which it opens.

    Stored halves are widened on loading, as halves are slow on a CPU.
    """
    model.save_pretrained(folder, state_dict=halved(model.state_dict()))


def save_half(state: Mapping[str, Tensor], path: Path) -> None:
    """Write a state dict with its floating-point tensors as float16."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(halved(state), path)
    path.chmod(0o644)  # the library writes files that only their owner may read


def load_full(path: Path) -> dict[str, Tensor]:
    """Read a state dict with its floating-point tensors as float32."""
    return {name: v.float() if v.is_floating_point() else v for name, v in load_file(path).items()}

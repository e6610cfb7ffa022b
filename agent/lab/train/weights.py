"""Weights on disk as every recipe exports them: float16 safetensors, readable by all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor


def save_half(state: Mapping[str, Tensor], path: Path) -> None:
    """Write a state dict with its floating-point tensors as float16."""
    half = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in half.items()}, path)
    path.chmod(0o644)  # the library writes files that only their owner may read


def load_full(path: Path) -> dict[str, Tensor]:
    """Read a state dict with its floating-point tensors as float32."""
    return {name: v.float() if v.is_floating_point() else v for name, v in load_file(path).items()}

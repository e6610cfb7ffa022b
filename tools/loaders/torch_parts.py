"""What the loaders of torch models share: devices, dtypes, sizes, and errors in Panmodal's terms."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from ..errors import ModelError, OutOfMemory
from .base import ModelSpec
from .checkpoints import broken

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def dtype_of(spec: ModelSpec, *allowed: str) -> torch.dtype:
    """The spec's dtype; raises ``ModelError`` for one that the loader (``allowed``, default all) cannot use."""
    if spec.dtype not in _DTYPES or (allowed and spec.dtype not in allowed):
        raise ModelError(
            f"the {spec.role} cannot run in dtype {spec.dtype!r}",
            hint=f"use {' or '.join(allowed or _DTYPES)}",
            role=spec.role,
        )
    return _DTYPES[spec.dtype]


def device_of(spec: ModelSpec) -> torch.device:
    """The spec's device; raises ``ModelError`` for one that this machine does not have."""
    try:
        device = torch.device(spec.device)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch asserts where it was built without the device
        raise ModelError(
            f"the {spec.role}'s device {spec.device!r} cannot be used here: {str(error).splitlines()[0]}",
            hint=f"--set {spec.role}.device=cpu",
            role=spec.role,
        ) from error
    return device


def nbytes_of(module: nn.Module) -> int:
    """Bytes of the distinct parameters and buffers; tied ones count once."""
    tensors = {each.data_ptr(): each for each in [*module.parameters(), *module.buffers()]}
    return sum(each.numel() * each.element_size() for each in tensors.values())


def free(device: torch.device) -> None:
    """Give the device's cached blocks back after a model was dropped."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


@contextmanager
def computing(spec: ModelSpec) -> Iterator[None]:
    """Around every call of a model: no gradients, and a full device or main memory is ``OutOfMemory``."""
    try:
        with torch.inference_mode():
            yield
    except RuntimeError as error:
        # On a CPU torch has no class of its own for it.
        if not isinstance(error, torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
            raise
        free(torch.device(spec.device))
        raise OutOfMemory(
            f"{spec.device} has no memory left for the {spec.role}",
            hint="use a smaller checkpoint, a smaller picture, or dtype float16",
            role=spec.role,
        ) from error


def load_state(spec: ModelSpec, path: Path) -> dict[str, torch.Tensor]:
    """A state dict from ``.safetensors`` or, by torch's safe unpickler, from ``.pt``/``.pth``."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, SafetensorError) as error:
        raise broken(spec, f"{path.name} cannot be read: {str(error).splitlines()[0]}") from error
    except Exception as error:  # pickle's errors, and what a damaged archive makes torch raise
        raise broken(spec, f"{path.name} is no plain state dict: {str(error).splitlines()[0]}") from error
    if not isinstance(state, dict):
        raise broken(spec, f"{path.name} holds a {type(state).__name__}, not a state dict")
    return state


def put_state(spec: ModelSpec, module: nn.Module, state: dict[str, torch.Tensor]) -> None:
    """Load a state dict strictly; raises ``CheckpointBroken`` when it does not fit the architecture."""
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise broken(spec, f"its weights do not fit its architecture: {str(error).splitlines()[-1].strip()}") from error

"""Tensors that belong together: they move to a device, and between processes, as one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import torch
from torch import Tensor


class Tensors:
    """Base of dataclasses of tensors (and of such dataclasses, and of plain values)."""

    def to(self, device: torch.device) -> Self:
        """The same tensors on a device."""
        moved = {name: v.to(device) for name, v in vars(self).items() if isinstance(v, Tensor | Tensors)}
        return replace(self, **moved)  # type: ignore[type-var]

    def __reduce__(self) -> tuple[Any, ...]:
        """By value: handles of shared memory run out where many small tensors travel, and some machines have little."""
        plain = {name: v.numpy() if isinstance(v, Tensor) else v for name, v in vars(self).items()}
        return _made, (type(self), plain, [name for name, v in vars(self).items() if isinstance(v, Tensor)])


def _made(kind: type[Any], values: dict[str, Any], tensors: list[str]) -> Any:
    return kind(**values | {name: torch.from_numpy(values[name]) for name in tensors})

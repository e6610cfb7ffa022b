"""What a video generator's folder says that it is best asked for."""

from pathlib import Path
from typing import Any, NamedTuple

from .base import ModelSpec
from .checkpoints import broken, read_json
from .transformers import FACTS


class FilmedFor(NamedTuple):
    """How a checkpoint is best asked; None where the library knows better."""

    width: int | None = None
    height: int | None = None
    frames: int | None = None
    rate: int | None = None
    """Frames a second."""
    steps: int | None = None
    guidance: float | None = None


_BOUNDS = FilmedFor(4096, 4096, 4096, 240, 1000, 100.0)


def filmed_for(spec: ModelSpec, folder: Path) -> FilmedFor:
    """What the checkpoint says of itself. Raises ``CheckpointBroken`` for what makes no sense."""
    if not (folder / FACTS).is_file():
        return FilmedFor()
    facts: dict[str, Any] = read_json(spec, folder / FACTS)
    stated: list[Any] = [facts.get(name) for name in FilmedFor._fields]
    for name, number, most in zip(FilmedFor._fields, stated, _BOUNDS, strict=True):
        least, kinds = (0, (int, float)) if name == "guidance" else (1, (int,))
        if number is not None and not (type(number) in kinds and least <= number <= most):
            kind = "number" if name == "guidance" else "whole number"
            raise broken(spec, f"{FACTS} states {name} {number!r}, which is no {kind} from {least} to {most:g}")
    return FilmedFor(*stated)

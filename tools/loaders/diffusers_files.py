"""What lies in a folder that diffusers saved: its parts with their weights, and what the model is best asked for."""

import re
from pathlib import Path
from typing import Any, NamedTuple, get_args

from ..roles import Control
from .base import ModelSpec
from .checkpoints import INDEX, broken, read_json
from .transformers import FACTS

# What the library opens unless it is asked for a variant: one file or numbered pieces.
_WEIGHTS = re.compile(r"(diffusion_pytorch_model|model)(-\d+-of-\d+)?\.safetensors")
_CONTROLS = get_args(Control)
_NEEDLESS = ("safety_checker", "feature_extractor")  # parts that may be missing though the index names them


class MadeFor(NamedTuple):
    """How a checkpoint is best asked; None where the library knows better."""

    side: int | None = None
    steps: int | None = None
    guidance: float | None = None
    guidance_rescale: float | None = None
    """How far contrast is brought back to what it is without guidance (Lin et al. 2024), where a pipeline can."""
    control: Control | None = None
    """What the pictures must show that its ControlNet takes."""


class Parts(NamedTuple):
    """The parts of a pipeline that have weights, each with its files, and those that are left out."""

    weights: dict[str, list[Path]]
    absent: tuple[str, ...]


def parts_of(spec: ModelSpec, folder: Path) -> Parts:
    """What the folder's index names. Raises ``CheckpointBroken`` for what is not there."""
    index = read_json(spec, folder / INDEX)
    if not isinstance(index.get("_class_name"), str):
        raise broken(spec, f"{INDEX} names no pipeline")
    weights: dict[str, list[Path]] = {}
    absent: list[str] = []
    for name, entry in index.items():
        if not isinstance(entry, list) or len(entry) != 2 or entry[0] is None:
            continue  # a setting of the pipeline, or a part that it does without
        part = folder / name
        if not part.is_dir():
            if name not in _NEEDLESS:
                raise broken(spec, f"there is no folder {name}, which {INDEX} names")
            absent.append(name)
            continue
        files = sorted(path for path in part.iterdir() if _WEIGHTS.fullmatch(path.name))
        described = (part / "config.json").is_file()
        if files and not described:
            raise broken(spec, f"there is no {name}/config.json")
        if described and not files:
            hint = "get its weights as safetensors, which run no code, and not as a variant of them alone"
            raise broken(spec, f"{name} holds no weights as safetensors", hint)
        if files:
            weights[name] = files
    return Parts(weights, tuple(absent))


def made_for_of(spec: ModelSpec, folder: Path) -> MadeFor:
    """What the checkpoint says of itself. Raises ``CheckpointBroken`` for what makes no sense."""
    if not (folder / FACTS).is_file():
        return MadeFor()
    facts: dict[str, Any] = read_json(spec, folder / FACTS)
    stated: list[Any] = [facts.get(name) for name in MadeFor._fields]
    side, steps, guidance, rescale, control = stated
    for name, given, sensible, kind in (
        ("side", side, type(side) is int and side > 0 and side % 8 == 0, "multiple of 8"),
        ("steps", steps, type(steps) is int and 1 <= steps <= 1000, "whole number from 1 to 1000"),
        ("guidance", guidance, type(guidance) in (int, float) and 0 <= guidance <= 100, "number from 0 to 100"),
        ("guidance_rescale", rescale, type(rescale) in (int, float) and 0 <= rescale <= 1, "number from 0 to 1"),
        ("control", control, control in _CONTROLS, f"word of {', '.join(_CONTROLS)}"),
    ):
        if given is not None and not sensible:
            raise broken(spec, f"{FACTS} states {name} {given!r}, which is no {kind}")
    return MadeFor(*stated)

"""How the loader of transformers opens a folder: its files alone, all weights of them, and errors in our terms."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging

from .base import ModelSpec
from .checkpoints import broken

LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
"""What every ``from_pretrained`` is told."""
_NAMED = 3  # weights that an error names


@contextmanager
def opening(spec: ModelSpec) -> Iterator[None]:
    """Around opening a folder: raises ``CheckpointBroken`` when transformers cannot.

    No bars and no reports of the library's own are shown: a load is told by events.
    """
    try:
        with silenced(logging):
            yield
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # damaged or foreign files make the library raise nearly anything
        raise broken(spec, f"transformers cannot open it: {type(error).__name__}: {_first_line(error)}") from error


@contextmanager
def silenced(*libraries: Any) -> Iterator[None]:
    """No bars and no remarks of libraries, given by their modules ``utils.logging`` as Hugging Face's have them."""
    before = [(each.get_verbosity(), each.is_progress_bar_enabled()) for each in libraries]
    for each in libraries:
        each.set_verbosity_error()
        each.disable_progress_bar()
    try:
        yield
    finally:
        for each, (verbosity, bars) in zip(libraries, before, strict=True):
            each.set_verbosity(verbosity)
            if bars:
                each.enable_progress_bar()


def some_of(names: Sequence[str]) -> str:
    """The first few names, and how many there are besides."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def opened(spec: ModelSpec, kind: Any, folder: Path, config: Any, dtype: torch.dtype) -> Any:
    """The model of an Auto class ``kind``, on the CPU, ready to compute.

    Raises ``CheckpointBroken`` unless the folder holds all its weights: the library fills gaps with random numbers.
    """
    with opening(spec):
        model, told = kind.from_pretrained(
            folder, config=config, dtype=dtype, use_safetensors=True, output_loading_info=True,
            ignore_mismatched_sizes=True, **LOCAL,
        )  # fmt: skip
    gaps = [f"there is no {name}" for name in sorted(told["missing_keys"])]
    gaps += [f"{name} is {list(found)}, not {list(wanted)}" for name, found, wanted in sorted(told["mismatched_keys"])]
    if gaps:
        raise broken(spec, f"its weights are not those of a {config.model_type}: {some_of(gaps)}")
    return model.eval()


def labels_of(model: Any) -> tuple[str, ...]:
    """The names of a classifier's classes, in the order of its scores."""
    names = model.config.id2label
    return tuple(names[place] for place in sorted(names))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0]

"""How the loader of transformers opens a folder: nothing but its files, and the library's errors in our terms."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers.utils import logging

from .base import ModelSpec
from .checkpoints import broken

LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
"""What every ``from_pretrained`` is told."""


@contextmanager
def opening(spec: ModelSpec) -> Iterator[None]:
    """Around opening a folder: raises ``CheckpointBroken`` when transformers cannot, and shows no bars of its own.

    A load is told by events.
    """
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # damaged or foreign files make the library raise nearly anything
        raise broken(spec, f"transformers cannot open it: {type(error).__name__}: {_first_line(error)}") from error
    finally:
        if shown:
            logging.enable_progress_bar()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0]

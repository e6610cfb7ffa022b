"""What keeping costs: naming an artifact by its samples, and writing it into the store."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ....tools.media.artifact import identity
from ....tools.media.image import Image
from ...store import ArtifactStore


def store_cost(image: Image, rounds: int) -> list[str]:
    """Lines that say what a picture of this size costs to name and to store, a new one each time."""
    named, stored = [], []
    with TemporaryDirectory(prefix="panmodal-bench-") as folder:
        store = ArtifactStore(Path(folder))
        for number in range(rounds):
            made = Image.from_array(np.roll(image.pixels, number, axis=1))
            named.append(_milliseconds(lambda made=made: identity("image", {}, made.pixels)))  # type: ignore[misc]
            stored.append(_milliseconds(lambda made=made: store.put(made)))  # type: ignore[misc]
        store.close()
    name, keep = statistics.median(named), statistics.median(stored)
    return [
        f"the store, not in the figures above: a picture of {image.width}x{image.height} takes {name:.2f} ms to be "
        f"named by its samples and {keep:.2f} ms to be kept (name, PNG and sidecar)"
    ]


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000

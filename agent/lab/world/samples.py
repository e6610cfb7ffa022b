"""Writing samples: the files of each, and what is true of all of them as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ....tools.errors import InputError

Progress = Callable[[int, int], None]
Sample = tuple[Mapping[str, bytes], Mapping[str, Any]]
"""The files of one sample by name, and its line of truth."""


def write_samples(
    out: Path, seed: int, count: int, sample: Callable[[int, int], Sample], progress: Progress | None
) -> Path:
    """Write what ``sample(seed of the sample, index)`` gives for each index, and then the truth of all.

    Returns the path of truth.jsonl, whose presence means that all files are there. Raises InputError for a count under
    1 or a seed under 0.
    """
    if count < 1 or seed < 0:
        raise InputError(f"{count} samples of seed {seed} cannot be written", hint="count from 1, seeds from 0")
    out.mkdir(parents=True, exist_ok=True)
    truth = out / "truth.jsonl"
    truth.unlink(missing_ok=True)  # what an earlier call left is no longer the truth
    lines = []
    for index in range(count):
        files, line = sample(seed * 1_000_003 + index, index)
        for name, content in files.items():
            (out / name).write_bytes(content)
        lines.append(json.dumps(line, ensure_ascii=False))
        if progress is not None:
            progress(index + 1, count)
    truth.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return truth

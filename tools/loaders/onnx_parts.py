"""What the loaders of ONNX models share: a runtime that keeps to itself, how many threads it takes, and sessions."""

import os
from pathlib import Path
from typing import Any

from .base import ModelSpec
from .checkpoints import broken


def runtime() -> Any:
    """onnxruntime, imported so that it keeps to itself.

    Left alone it writes an identifier of the machine into the user's home and reports to its maker, from native code,
    as soon as it is imported: libraries that import it themselves must come after this. What the user has set stands.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime  # type: ignore[import-untyped]

    return onnxruntime


def threads() -> int | None:
    """Threads of a model: as many as torch is told to take, which onnxruntime does not heed; None for all."""
    stated = os.environ.get("OMP_NUM_THREADS", "")
    return min(int(stated), os.cpu_count() or 1) if stated.isdecimal() and int(stated) else None


def looked_at(spec: ModelSpec, path: Path) -> Any:
    """A session to see what a file is, without the work that makes it fast. Raises ``CheckpointBroken``."""
    onnxruntime = runtime()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have nothing else in common
        raise broken(spec, f"{path.name} is no model of ONNX: {str(error).splitlines()[0]}") from error

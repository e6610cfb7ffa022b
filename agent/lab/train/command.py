"""The command line of a recipe's own, `python -m`: for machines where there is no tool registry and no `panmodal`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import cv2
import torch


def ordered(what: str, *, minutes: float) -> dict[str, Any]:
    """The arguments of a recipe's `train`, as the command line says; from here on each library takes one core."""
    parser = argparse.ArgumentParser(description=f"Train the {what} of the mini profile.")
    parser.add_argument("--minutes", type=float, default=minutes)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--resume-from", type=Path, default=None)
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    return {**vars(given), "log": lambda line: print(time.strftime("%H:%M:%S"), line, flush=True)}

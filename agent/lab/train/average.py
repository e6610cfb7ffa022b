"""`python -m panmodal.agent.lab.train.average MODEL MODEL --out FOLDER`: the mean of the weights of successive legs.

Legs of one training lie in one basin, and the mean of their weights is often a little better than the last
(model soups; Wortsman et al. 2022). Everything but the weights is the last model's.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

WEIGHTS = "model.safetensors"


def average(models: list[Path], out: Path) -> None:
    """Write the mean of exported models of the same form to the folder `out`.

    Raises ValueError where their weights differ in name or shape.
    """
    states = [load_file(model / WEIGHTS) for model in models]
    shapes = [{name: value.shape for name, value in state.items()} for state in states]
    if any(other != shapes[0] for other in shapes):
        raise ValueError(f"{' and '.join(map(str, models))} are not of the same form")
    shutil.copytree(models[-1], out, dirs_exist_ok=True)
    mean = {
        name: torch.stack([state[name].double() for state in states]).mean(0).to(value.dtype)
        for name, value in states[-1].items()
    }
    save_file(mean, out / WEIGHTS, metadata={"format": "pt"})


def main() -> None:
    """Read the command line and average."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path, nargs="+", help="folders of exported models, the last one last")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    average(options.models, options.out)


if __name__ == "__main__":
    main()

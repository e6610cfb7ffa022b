"""`python -m panmodal.agent.lab.train.planner --minutes 32 --out FOLDER`: train the planner LM of `mini`."""

from __future__ import annotations

import argparse
from pathlib import Path

from .train import Recipe, train


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for state and exported model")
    parser.add_argument("--minutes", type=float, default=32.0, help="CPU time of the whole learning-rate schedule")
    parser.add_argument("--wall", type=float, default=60.0, help="minutes of wall time after which it ends anyway")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="go on from OUT/state.pt")
    options = parser.parse_args()
    recipe = Recipe(minutes=options.minutes, wall=options.wall, seed=options.seed)
    folder = train(recipe, options.out, resume=options.resume, log=lambda line: print(line, flush=True))
    print(folder)


if __name__ == "__main__":
    main()

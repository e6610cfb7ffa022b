"""`python -m panmodal.agent.lab.train.generator --minutes 95 --out FOLDER`: train the image generator of `mini`.

On a GPU: `--minutes 10 --device cuda`. Neither the tool registry nor pydantic is needed. The measure is
`python -m panmodal.agent.lab.train.generator.evaluate FOLDER`.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

from .train import Setting, train


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=95.0)
    parser.add_argument("--out", type=Path, required=True, help="folder that the pipelines will open")
    parser.add_argument("--work", type=Path, help="folder for checkpoints (default: OUT.work beside it)")
    parser.add_argument(
        "--resume-from",
        type=Path,
        help="an exported folder to start from",
    )
    parser.add_argument("--scenes", type=int, help="rendered before training (default: what suits the device)")
    parser.add_argument("--prompts", type=int, help="of a step")
    parser.add_argument("--rate", type=float, help="peak of the learning rate; less to go on from a trained folder")
    parser.add_argument("--workers", type=int, help="processes that render")
    parser.add_argument("--threads", type=int, help="of torch, on a CPU")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    sizes = {name: getattr(given, name) for name in ("scenes", "prompts", "rate", "workers", "threads")}
    train(
        given.out,
        minutes=given.minutes,
        seed=given.seed,
        device=given.device,
        resume_from=given.resume_from,
        work=given.work,
        setting=replace(Setting.fitting(given.device), **{k: v for k, v in sizes.items() if v is not None}),
        log=lambda line: print(time.strftime("%H:%M:%S"), line, flush=True),
    )


if __name__ == "__main__":
    main()

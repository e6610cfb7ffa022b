"""`python -m panmodal.agent.lab.train.mllm --minutes 104 --out FOLDER`: train the small MLLM from nothing."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import torch

from .data import ALIKE_SEED, POOLS, Pool, alike, write_shard
from .model import export
from .runner import NEEDS, Runner
from .stages import Learner

SHARD = 1000  # scenes a file
# How the minutes are shared between the stages.
PARTS = {"vision": 44.0, "language": 36.0, "connector": 1.5, "joint": 22.0}


def make_scenes(folder: Path, shards: int, log_every: int = 4) -> None:
    """Render what is missing of the held-out shard and of `shards` training shards (about 75 scenes a second).

    For every four training shards there is one more of scenes of few classes.
    """
    held_out = folder / "val-000.npz"
    if not held_out.exists():
        write_shard(held_out, "val", 0, SHARD, lambda _: POOLS["few"])
    for index in range(shards // 4):
        path = folder / f"train-alike-{index:03d}.npz"
        if not path.exists():
            write_shard(path, "train", ALIKE_SEED + index * SHARD, SHARD, alike)
    for index in range(shards):
        path = folder / f"train-{index:03d}.npz"
        if not path.exists():
            write_shard(path, "train", index * SHARD, SHARD)
            if index % log_every == 0:
                print(f"scenes {(index + 1) * SHARD}", flush=True)


def train(
    out: Path,
    *,
    minutes: float,
    seed: int = 0,
    work: Path | None = None,
    shards: int = 60,
    stages: Sequence[str] = tuple(NEEDS),
    warm: Path | None = None,
    bfloat16: bool = False,
    rate: float = 1.0,
    device: str = "cpu",
    log: Callable[[str], None] = print,
) -> None:
    """Make the scenes, run the stages for `minutes` in all, and write a folder that the Auto classes open to `out`.

    `warm` is an exported model whose weights they start from, so that any stage may be the first. `bfloat16` computes
    the tower in halves; `rate` is the share of the stages' peak learning rates; `device` is torch's name of one.
    `work` holds scenes and checkpoints (default: OUT.work beside it); a stage that was killed goes on from there.
    Raises SystemExit where a stage lacks the checkpoints that it starts from and there is no `warm`.
    """
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    work = work or out.with_name(out.name + ".work")
    make_scenes(work / "scenes", shards)
    scenes, held_out = Pool(work / "scenes", "train-*.npz"), Pool(work / "scenes", "val-*.npz")
    learner = Learner(scenes, held_out.rows(range(SHARD)), seed, bfloat16, torch.device(device))
    if warm is not None:
        learner.warm_start(warm)
    runner = Runner(learner, work / "checkpoints", log=log, rate=rate)
    for name in stages:
        if warm is not None:  # whose weights stand in for the stages that were not run
            for earlier in NEEDS["connector"]:
                runner.load(earlier)
        missing = [needed for needed in NEEDS[name] if not runner.load(needed)]
        if missing and warm is None:
            raise SystemExit(f"stage {name} starts from {missing} in {work / 'checkpoints'}: run --stages {missing[0]}")
        runner.run(name, minutes * PARTS[name] / sum(PARTS[chosen] for chosen in stages))
        export(learner.model.eval(), learner.tokenizer, out)


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=104.0, help="of training, shared by the stages")
    parser.add_argument("--out", type=Path, required=True, help="folder that the Auto classes will open")
    parser.add_argument("--work", type=Path, help="folder for scenes and checkpoints (default: OUT.work beside it)")
    parser.add_argument("--shards", type=int, default=60, help=f"training files of {SHARD} scenes")
    parser.add_argument("--stages", nargs="+", choices=list(NEEDS), default=list(NEEDS), help="run these only")
    parser.add_argument("--warm", type=Path, help="folder of an exported model to start from (default: from nothing)")
    parser.add_argument("--bfloat16", action="store_true", help="compute the tower in halves (for processors with AMX)")
    parser.add_argument("--rate", type=float, default=1.0, help="share of the peak learning rates, e.g. with --warm")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    train(**vars(given), log=lambda line: print(time.strftime("%H:%M:%S"), line, flush=True))


if __name__ == "__main__":
    main()

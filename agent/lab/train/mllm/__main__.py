"""`python -m panmodal.agent.lab.train.mllm --minutes 104 --out FOLDER`: train the backbone of planner and MLLM.

`--warm` names folders of exported models to start from, e.g. a planner LM. `--device cuda` takes larger
steps, computes in halves and makes examples in as many processes as there are cores. `--catalog FILE` reads the tools
from a file that `python -m panmodal.agent.lab.train.planner --write-catalog FILE` wrote elsewhere: then neither the
registry nor pydantic is needed.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import torch
from transformers import PreTrainedTokenizerFast

from ..planner.catalog import Catalog
from ..planner.requests import Generator
from ..planner.train import Recipe, write_facts
from .data import held_out
from .learner import Learner, Setting
from .model import export
from .questions import vocabulary
from .runner import NEEDS, Runner
from .words import SPELLINGS

TOKENIZER = "tokenizer"  # of the folder beside the checkpoints: every start must read words alike
HELD_OUT = 400  # scenes that the stages are measured with
# How minutes given as a whole are shared between the stages.
PARTS = {"vision": 30.0, "language": 36.0, "connector": 2.0, "joint": 36.0}


def train(
    out: Path,
    catalog: Catalog,
    setting: Setting,
    *,
    minutes: Sequence[float],
    work: Path | None = None,
    stages: Sequence[str] = tuple(NEEDS),
    warm: Sequence[Path] = (),
    rate: float = 1.0,
    recipe: Recipe | None = None,
    log: Callable[[str], None] = print,
) -> None:
    """Run the stages and write a folder that the Auto classes open to `out` after each.

    Raises SystemExit where a stage lacks the checkpoints that it starts from and there is no `warm`.

    Args:
        out: the folder.
        catalog: the tools that plans are made of.
        setting: sizes of the steps, and what computes them.
        minutes: those of every stage, or one number for all together, which PARTS shares out.
        work: folder for checkpoints (default: OUT.work beside it); a stage that was killed goes on from there.
        stages: which to run.
        warm: exported models to start from, so that any stage may be the first.
        rate: share of the stages' peak learning rates.
        recipe: sizes of the planner LM.
        log: takes a line of progress.
    """
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    work = work or out.with_name(out.name + ".work")
    if len(minutes) == 1:
        minutes = [minutes[0] * PARTS[name] / sum(PARTS[chosen] for chosen in stages) for name in stages]
    if len(minutes) != len(stages):
        raise SystemExit(f"{len(minutes)} minutes for {len(stages)} stages: give one number, or one for each")
    tokenizer, start = _begun(work)
    learner = Learner(Generator(catalog), setting, warm, held_out(HELD_OUT), recipe, tokenizer, start)
    learner.tokenizer.save_pretrained(work / TOKENIZER)
    runner = Runner(learner, work / "checkpoints", log=log, rate=rate)
    for name, its_minutes in zip(stages, minutes, strict=True):
        if warm:  # whose weights stand in for the stages that were not run
            for earlier in NEEDS["connector"]:
                runner.load(earlier)
        missing = [needed for needed in NEEDS[name] if not runner.load(needed)]
        if missing and not warm:
            raise SystemExit(f"stage {name} starts from {missing} in {work / 'checkpoints'}: run --stages {missing[0]}")
        runner.run(name, its_minutes)
        export(learner.model.eval(), learner.tokenizer, out)
        total = sum(runner.counts.values(), Counter[str]())
        write_facts(out, catalog, {**total, "seed": setting.seed, "words": sorted({*vocabulary(), *SPELLINGS})})


def _begun(work: Path) -> tuple[PreTrainedTokenizerFast | None, int]:
    """The tokenizer that an earlier start in this folder left, and how many starts there were; counts this one."""
    work.mkdir(parents=True, exist_ok=True)
    count = work / "starts.txt"
    before = int(count.read_text(encoding="utf-8")) if count.exists() else 0
    count.write_text(str(before + 1), encoding="utf-8")
    kept = work / TOKENIZER
    return PreTrainedTokenizerFast.from_pretrained(kept) if kept.exists() else None, before


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, nargs="+", default=[104.0], help="of all stages together, or of each")
    parser.add_argument("--out", type=Path, required=True, help="folder that the Auto classes will open")
    parser.add_argument("--work", type=Path, help="folder for checkpoints (default: OUT.work beside it)")
    parser.add_argument("--stages", nargs="+", choices=list(NEEDS), default=list(NEEDS), help="run these only")
    parser.add_argument("--warm", type=Path, nargs="+", default=(), help="exported models to start from, see above")
    parser.add_argument("--rate", type=float, default=1.0, help="share of the peak learning rates, e.g. with --warm")
    parser.add_argument("--catalog", type=Path, help="the tools as a file (default: the registry's)")
    parser.add_argument("--pictures", type=int, help="pictures of a step (default: what suits the device)")
    parser.add_argument("--plans", type=int, help="requests of a step")
    parser.add_argument("--workers", type=int, help="processes that make pictures and requests")
    parser.add_argument("--layers", type=int, help="of the LM; those beyond a warm model's begin as the identity")
    parser.add_argument("--bfloat16", action="store_true", default=None, help="compute in halves: faster on some units")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    sizes = {name: getattr(given, name) for name in ("pictures", "plans", "workers", "bfloat16")}
    setting = Setting.fitting(given.device, given.seed)
    train(
        given.out,
        Catalog.read(given.catalog),
        replace(setting, **{name: size for name, size in sizes.items() if size is not None}),
        minutes=given.minutes,
        work=given.work,
        stages=given.stages,
        warm=given.warm,
        rate=given.rate,
        recipe=Recipe(layers=given.layers) if given.layers else None,
        log=lambda line: print(time.strftime("%H:%M:%S"), line, flush=True),
    )


if __name__ == "__main__":
    main()

"""`python -m panmodal.agent.lab.train.sharing --work FOLDER`: what one backbone for planner and MLLM would cost.

Two models go on from the planner of `mini` for equally many steps on the same requests: one learns plans alone, the
other a batch of questions about pictures at every step as well, through the same layers; each task keeps word
embeddings of its own. The pictures are told as a perfect tower would tell them (the MLLM's stage `language`), which is
easier than pixels: what this costs the plans is the least that sharing costs.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaForCausalLM, LlamaModel, PreTrainedTokenizerFast

from ....tools.registry import default_registry
from ..figures import Figures, wilson
from .mllm.__main__ import SHARD, make_scenes
from .mllm.data import Pool
from .mllm.stages import Language, Learner
from .planner.catalog import Catalog
from .planner.evaluate import Judge
from .planner.requests import Generator
from .planner.ship import PLACE
from .planner.train import FORMAT, Recipe, Worker, batches, export

SPLITS = ("forms", "nouns", "joined")
LEGS = ("alone", "shared")


def lend(planner: LlamaForCausalLM, learner: Learner) -> None:
    """Give the learner's MLLM the planner's layers; its word embeddings stay its own."""
    ours = learner.model.model.language_model
    config = type(planner.config)(**{**planner.config.to_dict(), "vocab_size": ours.config.vocab_size})
    twin = LlamaModel(config)
    twin.layers, twin.norm, twin.rotary_emb = planner.model.layers, planner.model.norm, planner.model.rotary_emb
    twin.embed_tokens = ours.embed_tokens
    learner.model.model.language_model = twin


def teach(planner: Path, learner: Learner | None, recipe: Recipe, steps: int, seed: int, out: Path) -> None:
    """Go on from `planner` for `steps` on plans, and where there is a learner on its questions too; export to `out`."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(planner)
    model = LlamaForCausalLM.from_pretrained(planner, dtype=torch.float32, local_files_only=True)
    worker, catalog = Worker(model, recipe), Catalog.of(default_registry())
    facts: dict[str, Any] = {"steps": steps, "seed": seed}
    parameters = list(model.parameters())
    questions = None
    if learner is not None:
        lend(worker.model, learner)
        questions = Language(learner)
        parameters.append(learner.model.model.language_model.embed_tokens.weight)
    optimiser = torch.optim.AdamW(parameters, betas=(0.9, 0.98), weight_decay=0.05, foreach=True)
    stream = batches(Generator(catalog), tokenizer, recipe, random.Random(f"sharing/{seed}"))
    means = [math.nan, math.nan]
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate_at(step, step / steps)
        answers = math.nan
        if questions is not None:
            with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bfloat16):
                loss = questions.loss()
            loss.backward()  # type: ignore[no-untyped-call]
            answers = float(loss.detach())
        losses = (worker.gradients(*next(stream)), answers)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        worker.update()
        for place, told in enumerate(losses):
            means[place] = told if step == 0 else 0.98 * means[place] + 0.02 * told
        if step % 100 == 99:
            cpu = time.process_time() / 60
            print(f"{out.name} step {step + 1} cpu {cpu:.1f} losses {' '.join(f'{m:.3f}' for m in means)}", flush=True)
    if questions is not None and learner is not None:
        learner.model.model.language_model.float().eval()
        with torch.no_grad():
            facts["answers"] = questions.measure()
    export(model, tokenizer, catalog, out, facts)


def measure(
    planner: Path, work: Path, recipe: Recipe, *, legs: Sequence[str], steps: int, count: int, seed: int
) -> Figures:
    """Teach the models of `legs` that are not there yet; where both are there, compare them on the same fresh requests.

    Args:
        planner: folder of the planner that both start from.
        work: folder for scenes and models.
        recipe: learning rate, batch and precision of both.
        legs: "alone", "shared" or both.
        steps: of each run.
        count: requests of each split.
        seed: of the requests and of the MLLM's word embeddings.
    """
    torch.set_num_threads(1)
    figures = Figures("sharing", seed)
    for name in legs:
        if (work / name / FORMAT).exists():
            continue
        learner = None
        if name == "shared":
            make_scenes(work / "scenes", 8)
            held_out = Pool(work / "scenes", "val-*.npz").rows(range(SHARD))
            learner = Learner(Pool(work / "scenes", "train-*.npz"), held_out, seed)
        teach(planner, learner, recipe, steps, seed, work / name)
    if not all((work / name / FORMAT).exists() for name in LEGS):
        return figures
    answers = json.loads((work / "shared" / FORMAT).read_text(encoding="utf-8"))["answers"]
    figures.values |= {f"answers_{kind}": share for kind, share in answers.items()}
    exact = {name: _exact(work / name, count, seed) for name in LEGS}
    for index, split in enumerate(SPLITS):
        alone, shared = exact["alone"][index], exact["shared"][index]
        low, high = wilson(shared, count)
        figures.values[f"{split}_alone"], figures.values[f"{split}_shared"] = alone / count, shared / count
        figures.lines.append(f"{split}: exact {alone}/{count} alone, {shared}/{count} shared [{low:.2f}, {high:.2f}]")
    total = len(SPLITS) * count
    figures.values["cost_in_points"] = 100 * (sum(exact["alone"]) - sum(exact["shared"])) / total
    return figures


def _exact(folder: Path, count: int, seed: int) -> list[int]:
    judge = Judge(folder, default_registry())
    return [judge.judge(split, count, seed + 1, constrained=True).exact for split in SPLITS]


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--planner", type=Path, default=PLACE, help="folder of the planner to start from")
    parser.add_argument("--work", type=Path, required=True, help="folder for scenes and models")
    parser.add_argument("--legs", nargs="+", choices=LEGS, default=LEGS, help="which to teach, where it is not there")
    parser.add_argument("--steps", type=int, default=3_500)
    parser.add_argument("--bfloat16", action="store_true", help="passes in bf16: faster on cores with units for it")
    parser.add_argument("--n", type=int, default=300, help="requests of each split")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    recipe = Recipe(bfloat16=given.bfloat16)
    figures = measure(given.planner, given.work, recipe, legs=given.legs, steps=given.steps, count=given.n,
                      seed=given.seed)  # fmt: skip
    print(figures.render())


if __name__ == "__main__":
    main()

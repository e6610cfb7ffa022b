"""`python -m panmodal.agent.lab.train.sharing --work FOLDER`: what one backbone for planner and MLLM would cost.

Two models go on from the planner of `mini` for equally many steps on the same requests: one learns plans alone, the
other a batch of questions about pictures at every step as well, through the same layers; each task keeps word
embeddings of its own. The pictures are told as a perfect tower would tell them (the MLLM's stage `language`), which is
easier than pixels: what this costs the plans is the least that sharing costs.
"""

from __future__ import annotations

import argparse
import math
import random
from pathlib import Path

import numpy as np
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
from .planner.train import Recipe, batches, export, plan_loss

SPLITS = ("forms", "nouns", "joined")
_RATE = 6e-4


def lend(planner: LlamaForCausalLM, learner: Learner) -> None:
    """Give the learner's MLLM the planner's layers; its word embeddings stay its own."""
    ours = learner.model.model.language_model
    config = type(planner.config)(**{**planner.config.to_dict(), "vocab_size": ours.config.vocab_size})
    twin = LlamaModel(config)
    twin.layers, twin.norm, twin.rotary_emb = planner.model.layers, planner.model.norm, planner.model.rotary_emb
    twin.embed_tokens = ours.embed_tokens
    learner.model.model.language_model = twin


def teach(planner: Path, learner: Learner | None, steps: int, seed: int, out: Path) -> list[float]:
    """Go on from `planner` for `steps` on plans, and where there is a learner on its questions too; export to `out`.

    Gives the last losses: of the plans, and of the answers.
    """
    tokenizer = PreTrainedTokenizerFast.from_pretrained(planner)
    model = LlamaForCausalLM.from_pretrained(planner, dtype=torch.float32, local_files_only=True)
    catalog = Catalog.of(default_registry())
    parameters = list(model.parameters())
    questions = None
    if learner is not None:
        lend(model, learner)
        questions = Language(learner)
        parameters.append(learner.model.model.language_model.embed_tokens.weight)
    optimiser = torch.optim.AdamW(parameters, lr=_RATE, betas=(0.9, 0.98), weight_decay=0.01, foreach=True)
    stream = batches(Generator(catalog), tokenizer, Recipe(), random.Random(f"sharing/{seed}"))
    means = [math.nan, math.nan]
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = _RATE * min(1.0, (step + 1) / 100) * (0.02 + 0.49 * (1 + math.cos(math.pi * step / steps)))
        losses = [plan_loss(model, *next(stream))] + ([questions.loss()] if questions is not None else [])
        torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        for place, loss in enumerate(losses):
            told = float(loss.detach())
            means[place] = told if step == 0 else 0.98 * means[place] + 0.02 * told
        if step % 100 == 99:
            print(f"{out.name} step {step + 1} losses {' '.join(f'{mean:.3f}' for mean in means)}", flush=True)
    export(model, tokenizer, catalog, out, {"seed": seed})
    return means


def measure(planner: Path, work: Path, *, steps: int = 1_200, count: int = 300, seed: int = 0) -> Figures:
    """Teach both models and compare them on the same fresh requests.

    Args:
        planner: folder of the planner that both start from.
        work: folder for scenes and models.
        steps: of each run.
        count: requests of each split.
        seed: of the requests and of the MLLM's word embeddings.
    """
    torch.set_num_threads(1)
    make_scenes(work / "scenes", 4)
    held_out = Pool(work / "scenes", "val-*.npz").rows(range(SHARD))
    learner = Learner(Pool(work / "scenes", "train-*.npz"), held_out, seed)
    figures = Figures("sharing", seed)
    teach(planner, None, steps, seed, work / "alone")
    teach(planner, learner, steps, seed, work / "shared")
    learner.model.eval()
    with torch.no_grad():
        answers = Language(learner).measure()
    figures.values["answers_right"] = float(np.mean([answers[kind] for kind in ("colour", "what", "count", "where")]))
    exact = {name: _exact(work / name, count, seed) for name in ("alone", "shared")}
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
    parser.add_argument("--steps", type=int, default=1_200)
    parser.add_argument("--n", type=int, default=300, help="requests of each split")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(measure(given.planner, given.work, steps=given.steps, count=given.n, seed=given.seed).render())


if __name__ == "__main__":
    main()

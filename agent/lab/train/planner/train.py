"""Training of the planner LM of `mini`: LlamaForCausalLM, loss on the plan only, cosine by the clock, resumable.

With `bfloat16`, forward and backward pass run on a copy of the weights in that type, the optimiser on the fp32 weights:
on cores with matrix units for it a step takes little more than half the time.

It starts from nothing, or from an earlier model: its word embeddings are taken over token by token (a new word's is the
mean of its parts'), and layers beyond those of the earlier model begin as the identity (their last projections are
zero), so that nothing learnt is lost.
"""

from __future__ import annotations

import copy
import json
import math
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info
from transformers import (
    AutoConfig,
    LlamaConfig,
    LlamaForCausalLM,
    LlavaConfig,
    LlavaForConditionalGeneration,
    PreTrainedTokenizerFast,
)

from .....planners.backends.prompt_format import END, FORM, MARKS, known_words, words
from .catalog import Catalog
from .requests import Example, Generator
from .tokenizer import IMAGE, build_tokenizer, skeleton, vocabulary, written

FORMAT = "panmodal.json"
_REMEMBERED = 200  # batches that a process draws from again


@dataclass(frozen=True)
class Recipe:
    """What the run is: sizes of the model and of the steps."""

    minutes: float = 90.0  # of process CPU time: on a busy machine the schedule does not shrink
    wall: float = 180.0  # minutes after which the schedule ends whatever the CPU time
    seed: int = 0
    batch: int = 24
    rate: float = 2e-3
    warmup: int = 200
    hidden: int = 192
    layers: int = 8
    heads: int = 4
    mlp: int = 512
    vocabulary: int = 6_900
    read: int = 20_000  # requests that the tokenizer is trained on
    bfloat16: bool = False
    device: str = "cpu"

    def done(self, spent: float, gone: float) -> float:
        """The share of the schedule behind us after so many CPU seconds and wall seconds."""
        return max(spent / 60 / self.minutes, gone / 60 / self.wall)

    def rate_at(self, step: int, done: float) -> float:
        """The learning rate of a step (from 0): warm-up, then a cosine over the share of the schedule behind us."""
        return self.rate * min(1.0, (step + 1) / self.warmup) * (0.02 + 0.49 * (1 + math.cos(math.pi * done)))


def new_model(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """An untrained planner LM (about 4 M parameters at the default sizes)."""
    torch.manual_seed(recipe.seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=recipe.hidden, intermediate_size=recipe.mlp,
        num_hidden_layers=recipe.layers, num_attention_heads=recipe.heads, num_key_value_heads=recipe.heads,
        max_position_embeddings=512, tie_word_embeddings=True, pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None, eos_token_id=tokenizer.eos_token_id)  # fmt: skip
    return LlamaForCausalLM(config)


def tokenizer_of(generator: Generator, recipe: Recipe, earlier: Iterable[Path] = ()) -> PreTrainedTokenizerFast:
    """The tokenizer of the first earlier model that has all tokens needed, or a new one."""
    needed = {*skeleton(generator.catalog), IMAGE}
    for folder in earlier:
        found = PreTrainedTokenizerFast.from_pretrained(folder)
        if known_words(found) is not None and needed <= found.get_vocab().keys():
            return found
    from ..mllm.questions import vocabulary as asked  # it knows the world, which needs OpenCV

    return build_tokenizer(generator, recipe.seed, recipe.read, recipe.vocabulary, asked())


def planner_of(folder: Path) -> LlamaForCausalLM:
    """The planner LM of an exported model in fp32; of a model that sees, its language model."""
    load: dict[str, Any] = {"dtype": torch.float32, "local_files_only": True}
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    if not isinstance(config, LlavaConfig):
        return LlamaForCausalLM.from_pretrained(folder, **load)
    whole = LlavaForConditionalGeneration.from_pretrained(folder, **load)
    planner = LlamaForCausalLM(config.text_config)
    planner.model, planner.lm_head = whole.model.language_model, whole.lm_head
    planner.generation_config = whole.generation_config
    return planner


def take_over(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, earlier: Path) -> bool:
    """Start `model` from the planner LM in the folder `earlier`, which may have fewer layers and other tokens.

    It may be the language model of a model that sees. False where the folder has no planner LM of this form. Raises
    ValueError where the two differ in width.
    """
    reader = PreTrainedTokenizerFast.from_pretrained(earlier)
    if known_words(reader) is None:
        return False
    source = planner_of(earlier).model
    if source.config.hidden_size != model.config.hidden_size:
        raise ValueError(f"{earlier} is {source.config.hidden_size} wide, the new model {model.config.hidden_size}")
    kept = {name: value for name, value in source.state_dict().items() if "embed_tokens" not in name}
    model.model.load_state_dict(kept, strict=False)
    old, new = reader.get_vocab(), tokenizer.get_vocab()
    rows = source.embed_tokens.weight
    with torch.no_grad():
        for token, row in new.items():
            if token in old:
                model.model.embed_tokens.weight[row] = rows[old[token]]
                continue
            said = tokenizer.convert_tokens_to_string([token])
            if said.startswith(" "):  # a word: the mean of what the earlier model would read in its place
                parts = reader("".join(f" {word.text}" for word in words(said)))["input_ids"]
                model.model.embed_tokens.weight[row] = rows[parts].mean(0)
        for layer in model.model.layers[source.config.num_hidden_layers :]:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
    return True


Rows = NDArray[np.int64]


def batches(
    generator: Generator, tokenizer: PreTrainedTokenizerFast, recipe: Recipe, rng: random.Random
) -> Iterator[tuple[Rows, Rows]]:
    """Endless (ids, labels), both B x T, right-padded; labels are -100 on prompt and padding.

    Examples of similar length share a batch, so that little of it is padding.
    """
    end, known = tokenizer.convert_tokens_to_ids(END), vocabulary(tokenizer)
    stream = examples(generator, rng)
    while True:
        pool = []
        drawn = [written(example, known, marks) for example, marks in islice(stream, max(recipe.batch * 8, 768))]
        prompts, plans = (tokenizer(list(texts))["input_ids"] for texts in zip(*drawn, strict=True))
        for asked, plan in zip(prompts, plans, strict=True):
            pool.append((asked + plan + [end], len(asked)))
        pool.sort(key=lambda row: len(row[0]))
        groups = [pool[i : i + recipe.batch] for i in range(0, len(pool), recipe.batch)]
        rng.shuffle(groups)
        for group in groups:
            width = max(len(ids) for ids, _ in group)
            ids = np.full((len(group), width), tokenizer.pad_token_id)
            labels = np.full((len(group), width), -100)
            for row, (tokens, prompt_length) in enumerate(group):
                ids[row, : len(tokens)] = tokens
                labels[row, prompt_length : len(tokens)] = tokens[prompt_length:]
            yield ids, labels


class Plans(IterableDataset[tuple[Rows, Rows]]):
    """The endless batches, made in the process that iterates; a DataLoader's workers make different ones.

    Args:
        generator: makes the requests.
        tokenizer: reads them.
        recipe: size of a batch.
        stream: name of the random stream, of which every worker has a part of its own.
        again: how many earlier batches come after each new one: where steps are quicker than requests are made.
    """

    def __init__(
        self, generator: Generator, tokenizer: PreTrainedTokenizerFast, recipe: Recipe, stream: str, again: int = 0
    ) -> None:
        self.made, self.stream, self.again = (generator, tokenizer, recipe), stream, again

    def __iter__(self) -> Iterator[tuple[Rows, Rows]]:
        worker = get_worker_info()
        rng = random.Random(f"{self.stream}/{worker.id if worker else 0}")
        memory: deque[tuple[Rows, Rows]] = deque(maxlen=_REMEMBERED)
        for batch in batches(*self.made, rng):
            yield batch
            memory.append(batch)
            yield from (rng.choice(memory) for _ in range(self.again))


def examples(generator: Generator, rng: random.Random) -> Iterator[tuple[Example, Sequence[str]]]:
    """Endless requests as training draws them, each with the marks that its unknown words get."""
    while True:
        yield generator.sample(rng), _turned(rng)


def _turned(rng: random.Random) -> Sequence[str]:
    """The marks, in half of the draws from another one on: few requests need many, and all are to be learnt."""
    first = rng.randrange(len(MARKS)) if rng.random() < 0.5 else 0
    return MARKS[first:] + MARKS[:first]


def plan_loss(model: LlamaForCausalLM, ids: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy over plan tokens; logits are computed for those positions only."""
    hidden = model.model(ids, use_cache=False).last_hidden_state[:, :-1]
    wanted = labels[:, 1:]
    keep = wanted != -100
    return torch.nn.functional.cross_entropy(model.lm_head(hidden[keep]).float(), wanted[keep])


class Worker:
    """The model that the passes run on: the trained one itself, or a copy of it in bf16."""

    def __init__(self, model: LlamaForCausalLM, recipe: Recipe) -> None:
        self.model, self.trained = model, list(model.parameters())
        if recipe.bfloat16:
            self.model = copy.deepcopy(model).to(torch.bfloat16)
            for copied, exact in zip(self.model.buffers(), model.buffers(), strict=True):
                copied.data = exact.data.clone()  # rotary frequencies, which bf16 is too coarse for
            if recipe.device == "cpu":  # the fused kernel's backward pass is slow in bf16 there
                self.model.set_attn_implementation("eager")
        self.own = list(self.model.parameters())

    def gradients(self, ids: Tensor, labels: Tensor) -> float:
        """The loss of a batch; its gradients become the trained model's."""
        loss = plan_loss(self.model, ids, labels)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.own[0] is not self.trained[0]:
            for weight, copied in zip(self.trained, self.own, strict=True):
                weight.grad, copied.grad = copied.grad.float() if copied.grad is not None else None, None
        return float(loss.detach())

    @torch.no_grad()
    def update(self) -> None:
        """Take over the trained weights."""
        if self.own[0] is not self.trained[0]:
            torch._foreach_copy_(self.own, self.trained)


def export(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, catalog: Catalog, out: Path, facts: dict[str, Any]
) -> None:
    """Write the checkpoint (save_pretrained layout, fp16) and `panmodal.json`: prompt form, trained tools, facts."""
    out.mkdir(parents=True, exist_ok=True)
    half = LlamaForCausalLM(model.config).to(torch.float16)
    half.load_state_dict(model.state_dict())
    half.save_pretrained(out)
    tokenizer.save_pretrained(out)
    write_facts(out, catalog, facts)


def write_facts(folder: Path, catalog: Catalog, facts: dict[str, Any]) -> None:
    """Write `panmodal.json` beside the weights: the prompt's form, the trained tools, and these facts."""
    form = {"prompt": FORM, "trained_tools": [tool.name for tool in catalog.tools], **facts}
    (folder / FORMAT).write_text(json.dumps(form, indent=1) + "\n", encoding="utf-8")


def train(
    recipe: Recipe,
    catalog: Catalog,
    out: Path,
    *,
    resume: bool = False,
    earlier: Path | None = None,
    log: Callable[[str], None] = print,
) -> Path:
    """Train for `recipe.minutes` of CPU time on requests over the catalogue's tools, and export to `out/model`.

    The state (`out/state.pt`) and an export are written every three minutes; `resume` goes on from there with the clock
    and the optimiser where they stood, and fresh requests. `earlier` is a model to start from.
    """
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    state_file, model_folder = out / "state.pt", out / "model"
    rng, generator = random.Random(recipe.seed), Generator(catalog)
    step, spent, gone, seen = 0, 0.0, 0.0, 0  # spent: CPU seconds, gone: wall seconds
    if resume and state_file.exists():
        tokenizer = PreTrainedTokenizerFast.from_pretrained(model_folder)
    else:
        tokenizer = tokenizer_of(generator, recipe, [earlier] if earlier else ())
    model = new_model(recipe, tokenizer)
    if earlier is not None and not take_over(model, tokenizer, earlier):
        raise ValueError(f"{earlier} has no planner LM that reads requests in the form {FORM}")
    model.to(torch.device(recipe.device))
    decay = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW([{"params": decay, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}],
                                  lr=recipe.rate, betas=(0.9, 0.98), foreach=True)  # fmt: skip
    if resume and state_file.exists():
        state = torch.load(state_file, weights_only=True, map_location=recipe.device)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        step, spent, gone, seen = state["step"], state["spent"], state["gone"], state["seen"]
        rng = random.Random(f"{recipe.seed}/{step}")  # a stream of its own: no request is seen twice
    log(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, {len(tokenizer)} tokens")
    worker, stream = Worker(model, recipe), batches(generator, tokenizer, recipe, rng)
    cpu_start, wall_start = time.process_time() - spent, time.monotonic() - gone
    saved, running = gone, math.nan
    done = recipe.done(spent, gone)
    while done < 1:
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate_at(step, done)
        ids, labels = (torch.from_numpy(part).to(recipe.device) for part in next(stream))
        loss = worker.gradients(ids, labels)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        worker.update()
        running = loss if math.isnan(running) else 0.98 * running + 0.02 * loss
        step, seen = step + 1, seen + ids.shape[0]
        spent, gone = time.process_time() - cpu_start, time.monotonic() - wall_start
        done = recipe.done(spent, gone)
        if step % 100 == 0:
            log(f"cpu {spent / 60:6.2f} min  wall {gone / 60:6.2f}  step {step}  requests {seen}  loss {running:.4f}")
        if gone - saved > 180 or done >= 1:
            saved = gone
            facts = {"requests_seen": seen, "cpu_minutes": round(spent / 60, 1), "seed": recipe.seed,
                     "loss": round(running, 4)}  # fmt: skip
            export(model, tokenizer, catalog, model_folder, facts)
            counts = {"step": step, "spent": spent, "gone": gone, "seen": seen}
            part = state_file.with_suffix(".part")
            torch.save({"model": model.state_dict(), "optimiser": optimiser.state_dict(), **counts}, part)
            part.replace(state_file)
    return model_folder

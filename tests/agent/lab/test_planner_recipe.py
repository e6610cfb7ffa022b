"""The planner's recipe: it takes steps, goes on where it stood, and starts from an earlier model without loss."""

import itertools
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from panmodal.agent.lab.train.average import average
from panmodal.agent.lab.train.planner.catalog import Catalog
from panmodal.agent.lab.train.planner.pruning import prune
from panmodal.agent.lab.train.planner.requests import Generator
from panmodal.agent.lab.train.planner.tokenizer import build_tokenizer, written
from panmodal.agent.lab.train.planner.train import (
    Plans,
    Recipe,
    Worker,
    batches,
    export,
    new_model,
    planner_of,
    take_over,
    train,
)
from panmodal.planners.backends.prompt_format import MARKS, known_words

CATALOG = Catalog.read(None)
GENERATOR = Generator(CATALOG)
SMALL = {"hidden": 32, "mlp": 48, "heads": 2, "vocabulary": 1_200, "batch": 8}


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer(GENERATOR, examples=400, size=1_200)


def test_a_run_goes_on_where_it_stood(tmp_path: Path) -> None:
    lines: list[str] = []
    recipe = Recipe(minutes=0.04, layers=1, read=400, bfloat16=True, **SMALL)
    train(recipe, CATALOG, tmp_path, log=lines.append)
    before = torch.load(tmp_path / "state.pt", weights_only=True)
    longer = Recipe(minutes=0.08, layers=1, read=400, bfloat16=True, **SMALL)
    folder = train(longer, CATALOG, tmp_path, resume=True, log=lines.append)
    after = torch.load(tmp_path / "state.pt", weights_only=True)
    assert after["step"] > before["step"] > 5 and after["seen"] == 8 * after["step"]
    name = "model.layers.0.mlp.up_proj.weight"
    assert after["model"][name].dtype == torch.float32
    assert not torch.equal(after["model"][name], before["model"][name])
    exported = LlamaForCausalLM.from_pretrained(folder)
    assert torch.allclose(exported.state_dict()[name].float(), after["model"][name], atol=1e-3)
    assert known_words(PreTrainedTokenizerFast.from_pretrained(folder))


def test_gradients_in_bf16_point_where_those_in_fp32_do(tokenizer: PreTrainedTokenizerFast) -> None:
    made = next(batches(GENERATOR, tokenizer, Recipe(**SMALL), random.Random(0)))
    ids, labels = map(torch.from_numpy, made)
    found: list[torch.Tensor] = []
    for bfloat16 in (False, True):
        recipe = Recipe(layers=2, bfloat16=bfloat16, **SMALL)
        model = new_model(recipe, tokenizer)
        worker = Worker(model, recipe)
        assert 5 < worker.gradients(ids, labels) < 9, "an untrained model's loss is about log 1200 = 7.1"
        found.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
        with torch.no_grad():
            model.model.norm.weight.add_(1)
        worker.update()
        assert (worker.model.model.norm.weight == 2).all()
    assert found[0].dtype == found[1].dtype == torch.float32
    assert torch.cosine_similarity(*found, dim=0) > 0.99


def test_more_layers_begin_as_the_earlier_model(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    shallow = new_model(Recipe(seed=1, layers=1, **SMALL), tokenizer).eval()
    shallow.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    other = build_tokenizer(GENERATOR, seed=5, examples=400, size=1_300)
    deep = new_model(Recipe(seed=2, layers=3, **SMALL), other).eval()
    take_over(deep, other, tmp_path)
    known = (known_words(tokenizer) or frozenset()) & (known_words(other) or frozenset())
    example = next(e for e in (GENERATOR.sample(random.Random(n), "seen") for n in itertools.count())
                   if all(other.tokenize(text) == tokenizer.tokenize(text) for text in written(e, known)))  # fmt: skip
    prompt, _ = written(example, known)
    with torch.no_grad():
        hidden = [m.model(t(prompt, return_tensors="pt")["input_ids"]).last_hidden_state
                  for m, t in ((shallow, tokenizer), (deep, other))]  # fmt: skip
    assert torch.allclose(*hidden, atol=1e-5)
    new = next(word for word in sorted(other.get_vocab().keys() - tokenizer.get_vocab().keys()) if word[1:].isalpha()
               and word[0] == "\u0120")  # fmt: skip
    parts = tokenizer(f" {new[1:]}")["input_ids"]
    rows = deep.model.embed_tokens.weight, shallow.model.embed_tokens.weight
    assert torch.allclose(rows[0][other.get_vocab()[new]], rows[1][parts].mean(0)), "a new word begins as its parts"
    with pytest.raises(ValueError, match="wide"):
        take_over(new_model(Recipe(layers=1, **{**SMALL, "hidden": 64}), other), other, tmp_path)


def test_rare_words_are_taken_out_and_all_else_stays(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    model = new_model(Recipe(layers=1, **SMALL), tokenizer)
    rare = tokenizer.init_kwargs["rare"]
    spoken = [word for word in rare if word.isascii()][-1]
    export(model, tokenizer, CATALOG, tmp_path / "whole", {"words": [spoken]})
    lost = prune(tmp_path / "whole", tmp_path / "pruned", 12)
    fewer = PreTrainedTokenizerFast.from_pretrained(tmp_path / "pruned")
    assert lost == 12 == len(tokenizer) - len(fewer)
    assert known_words(fewer) == known_words(tokenizer), "what it knows, it knows"
    gone = set(rare) - set(fewer.init_kwargs["rare"])
    assert len(gone) == 12 and spoken not in gone
    assert all(len(fewer.tokenize(f" {word}")) > 1 and fewer.decode(fewer(f" {word}")["input_ids"]) == f" {word}"
               for word in gone)  # fmt: skip
    prompt = "<|in|> image<|request|> count the circles<|plan|>"
    with torch.no_grad():
        hidden = [planner_of(folder).model(torch.tensor([reader(prompt)["input_ids"]])).last_hidden_state
                  for folder, reader in ((tmp_path / "whole", tokenizer), (tmp_path / "pruned", fewer))]  # fmt: skip
    assert torch.equal(*hidden)


def test_models_of_one_form_are_averaged_and_others_refused(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for seed, folder in enumerate(folders):
        model = new_model(Recipe(seed=seed, layers=1 + (seed == 2), **SMALL), tokenizer)
        export(model, tokenizer, CATALOG, folder, {})
    average(folders[:2], tmp_path / "mean")
    one, other, mean = (planner_of(folder).state_dict() for folder in (*folders[:2], tmp_path / "mean"))
    name = "model.layers.0.mlp.up_proj.weight"
    assert torch.allclose(mean[name], (one[name] + other[name]) / 2, atol=1e-4) and not one[name].equal(other[name])
    with pytest.raises(ValueError, match="not of the same form"):
        average(folders[1:], tmp_path / "none")


def test_earlier_batches_come_again(tokenizer: PreTrainedTokenizerFast) -> None:
    recipe = Recipe(layers=1, **SMALL)
    made = list(itertools.islice(Plans(GENERATOR, tokenizer, recipe, "s", again=1), 8))
    first = list(itertools.islice(Plans(GENERATOR, tokenizer, recipe, "s"), 1))
    assert np.array_equal(made[0][0], first[0][0])
    for i in range(0, 8, 2):
        assert any(made[i + 1][0] is new[0] for new in made[: i + 1 : 2])


def test_the_loss_counts_plan_tokens_only_and_a_mark_is_one_token(tokenizer: PreTrainedTokenizerFast) -> None:
    ids, labels = next(batches(GENERATOR, tokenizer, Recipe(**SMALL), random.Random(0)))
    plan = tokenizer.convert_tokens_to_ids("<|plan|>")
    for row, wanted in zip(ids, labels, strict=True):
        begun = int((row == plan).nonzero()[0][0])
        assert (wanted[: begun + 1] == -100).all() and wanted[begun + 1] != -100
    assert all(len(tokenizer(mark)["input_ids"]) == 1 for mark in MARKS)

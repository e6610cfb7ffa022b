"""The small MLLM's recipe: its questions tell the truth, and what it saves is what the Auto classes open."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from panmodal.agent.lab.train.mllm.data import GATE, TEXT, Packer, Pool, cells_of, scene_arrays, things_of, write_shard
from panmodal.agent.lab.train.mllm.evaluate import answers, evaluate
from panmodal.agent.lab.train.mllm.model import CELLS, build_model, export, normalise
from panmodal.agent.lab.train.mllm.questions import KINDS, Asker, place_of, plural, vocabulary
from panmodal.agent.lab.train.mllm.runner import Runner
from panmodal.agent.lab.train.mllm.stages import STAGES, Learner
from panmodal.agent.lab.train.mllm.words import build_tokenizer
from panmodal.agent.lab.world.scenes import CLASSES, COLOURS, render_scene


def words(text: str) -> list[str]:
    return text.replace("?", " ").replace(".", " ").replace(",", " ").split()


def askers(count: int = 40) -> list[tuple[object, Asker]]:
    made = []
    for seed in range(count):
        scene = render_scene(seed, GATE, split="val")
        row = scene_arrays(scene)
        made.append(
            (scene, Asker(things_of(row["labels"], row["colours"], row["centres"]), np.random.default_rng(seed)))
        )
    return made


def test_answers_agree_with_the_scene() -> None:
    asked = dict.fromkeys(KINDS, 0)
    for scene, asker in askers():
        objects = scene.objects  # type: ignore[attr-defined]
        for kind in KINDS:
            for _ in range(6):
                question = asker.ask(kind)
                if question is None:
                    continue
                asked[kind] += 1
                said = words(question.prompt)
                named = [o for o in objects if o.label in said]
                if kind == "colour":
                    assert [o.colour for o in named] == [question.answer]
                elif kind == "where":
                    x0, y0, x1, y1 = named[0].box
                    assert question.answer == " ".join(place_of((x0 + x1) / 2 / 384, (y0 + y1) / 2 / 384))
                elif kind == "count_all":
                    assert question.answer == str(len(objects))
                elif kind == "count" and "things" not in said:
                    noun = next(c for c in CLASSES if plural(c) in said)
                    assert question.answer == str(sum(o.label == noun for o in objects))
                elif kind == "what" and any(colour in said for colour in COLOURS):
                    assert [o.label for o in objects if o.colour in said] == [question.answer]
                elif kind == "caption":
                    assert all(f"{o.colour} {o.label}" in question.answer for o in objects)
    assert min(asked.values()) > 40


def test_yes_and_no_are_true_and_balanced() -> None:
    given = {"yes": 0, "no": 0}
    for scene, asker in askers(60):
        objects = scene.objects  # type: ignore[attr-defined]
        for _ in range(6):
            question = asker.ask("yes_no")
            if question is None:
                continue
            given[question.answer] += 1
            said = words(question.prompt)
            nouns = [c for c in CLASSES if c in said or plural(c) in said]
            numbers = [int(w) for w in said if w.isdigit()]
            matching = [o for o in objects if o.label in nouns]
            if any(colour in said for colour in COLOURS):
                matching = [o for o in matching if o.colour in said]
            truth = len(matching) == numbers[0] if numbers else bool(matching)
            assert question.answer == ("yes" if truth else "no"), question.prompt
    assert 0.4 < given["yes"] / sum(given.values()) < 0.6


def test_the_tokenizer_splits_as_the_generator_does_and_survives_foreign_words() -> None:
    tokenizer = build_tokenizer(vocabulary())
    ids = tokenizer.get_vocab()
    for _, asker in askers(10):
        for kind in KINDS:
            question = asker.ask(kind)
            if question is not None:
                for text in (question.prompt, question.answer):
                    assert tokenizer(text).input_ids == [ids[word] for word in text.split()]
    british, american = (tokenizer(f"What {word} is the STAR?").input_ids for word in ("colour", "color"))
    assert british == american == [ids[w] for w in ("what", "colour", "is", "the", "star", "?")]
    assert tokenizer("zeppelin").input_ids == [tokenizer.unk_token_id]
    assert tokenizer.decode(tokenizer("a red star, an orange cup and a cat.").input_ids).startswith(
        "a red star, an orange"
    )


def test_packed_questions_see_the_picture_and_themselves_only(tmp_path: Path) -> None:
    write_shard(tmp_path / "val-000.npz", "val", 0, 4, GATE)
    rows = Pool(tmp_path, "val-*.npz").rows(range(4))
    packed = Packer(build_tokenizer(vocabulary())).pack(rows, np.random.default_rng(0))
    mask = packed.mask()[0, 0]
    first, second = (packed.segment[0] == 1).nonzero()[0], (packed.segment[0] == 2).nonzero()[0]
    assert mask[CELLS + second, :CELLS].all() and not mask[CELLS + second, CELLS + first]
    assert packed.ids.shape == (4, TEXT) and not torch.triu(mask, 1).any()
    cells = cells_of(rows)
    assert cells.centre.sum(1).tolist() == [float((row["labels"] >= 0).sum()) for row in rows]


def test_an_untrained_model_saves_loads_and_answers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tokenizer = build_tokenizer(vocabulary())
    model = build_model(tokenizer).eval()
    export(model, tokenizer, tmp_path)
    loaded = AutoModelForImageTextToText.from_pretrained(tmp_path, local_files_only=True).eval()
    processor = AutoProcessor.from_pretrained(tmp_path, local_files_only=True)
    assert loaded.dtype is torch.float32
    picture = Image.fromarray(render_scene(3, GATE, split="val").image)
    inputs = processor(images=picture, text="<image> what is red ?<answer>", return_tensors="pt")
    small = torch.from_numpy(np.asarray(picture.resize((144, 144), Image.Resampling.BICUBIC)).copy())[None]
    assert (normalise(small) - inputs["pixel_values"]).abs().max() < 0.05  # training sees what use sees
    with torch.inference_mode():
        assert torch.allclose(model(**inputs).logits, loaded(**inputs).logits, atol=0.02)
    assert len(answers(loaded, processor, [picture, picture], ["what is red?", "How many zeppelins are there?"])) == 2


@pytest.mark.parametrize("name", list(STAGES))
def test_every_stage_takes_steps_and_resumes(tmp_path: Path, name: str) -> None:
    write_shard(tmp_path / "val-000.npz", "val", 0, 8, GATE)
    pool = Pool(tmp_path, "val-*.npz")
    lines: list[str] = []
    runner = Runner(Learner(pool, pool.rows(range(8)), 0), tmp_path, log=lines.append)
    measures = runner.run(name, 0.01)
    assert all(0 <= value <= 1 for kind, value in measures.items() if kind != "n") and f"{name} " in lines[-1]
    again = Runner(Learner(pool, pool.rows(range(8)), 1), tmp_path, log=lines.append)
    assert again.run(name, 0.01) == measures  # its minutes are spent, so the weights are the same


def test_the_shipped_model_names_colours_as_its_card_says() -> None:
    folder = Path(str(files("panmodal.agent.profiles"))) / "mini" / "mllm"
    found = evaluate(folder, 40, kinds=("colour",))["colour"]  # the card: .742 of 271
    assert found["n"] > 25 and found["right"] / found["n"] >= 0.6

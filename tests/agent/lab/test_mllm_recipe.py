"""The small MLLM's recipe: its questions tell the truth, and what it saves is what the Auto classes open."""

from __future__ import annotations

import json
from collections import Counter
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

import panmodal.agent.lab.train.mllm.__main__ as command
from panmodal.agent.lab.english import plural
from panmodal.agent.lab.train.mllm.cells import cells_of, distinct
from panmodal.agent.lab.train.mllm.data import ALIKE_SEED, POOLS, Pool, alike, mirrored, scene_arrays, write_shard
from panmodal.agent.lab.train.mllm.evaluate import answers, balanced_facts, f1, measure, mentions
from panmodal.agent.lab.train.mllm.model import CELLS, WIDTH, build_model, export, normalise
from panmodal.agent.lab.train.mllm.packing import TEXT, Packer, asker_of
from panmodal.agent.lab.train.mllm.phrasings import SLOTS, Phrasebook, phrasings, read
from panmodal.agent.lab.train.mllm.questions import GROUNDS, KINDS, Asker, Fact, phrase, place_of, vocabulary
from panmodal.agent.lab.train.mllm.runner import Runner
from panmodal.agent.lab.train.mllm.stages import STAGES, Learner
from panmodal.agent.lab.train.mllm.words import UNK, build_tokenizer, spaced
from panmodal.agent.lab.train.recipes import RECIPES, Order
from panmodal.agent.lab.world.scenes import BACKGROUNDS, CLASSES, COLOURS, Scene, SceneObject, render_scene
from panmodal.tools.errors import InputError

SHIPPED = Path(str(files("panmodal.agent.profiles"))) / "mini" / "mllm"
RANDOM_WORDS = {"plain": ("flat", "shaded")}  # textures that answers call otherwise


def askers(count: int = 40) -> list[tuple[Scene, Asker]]:
    scenes = [render_scene(seed, POOLS["few"], split="val") for seed in range(count)]
    return [(scene, asker_of(scene_arrays(scene), np.random.default_rng(scene.seed))) for scene in scenes]


def named(scene: Scene, name: str) -> list[SceneObject]:
    """The objects that a name such as "star", "red star", "stars" or "red things" means."""
    *colour, noun = name.split()
    nouns = CLASSES if noun == "things" else [c for c in CLASSES if noun in (c, plural(c))]
    return [o for o in scene.objects if o.label in nouns and o.colour in (colour or COLOURS)]


def centre(thing: SceneObject) -> tuple[float, float]:
    x0, y0, x1, y1 = thing.box
    return (x0 + x1) / 2 / 384, (y0 + y1) / 2 / 384


def truth(scene: Scene, fact: Fact) -> str | list[str]:
    """The answer, worked out from the scene by other means than the asker's."""
    found = named(scene, fact.slots["n"])[0] if "n" in fact.slots else None
    other = named(scene, fact.slots["n2"])[0] if "n2" in fact.slots else None
    if fact.kind in ("colour", "pattern", "size", "where", "left_of", "above", "bigger"):
        assert found is not None and len(named(scene, fact.slots["n"])) == 1
        if fact.kind == "pattern":
            return [
                p for p in ("plain", "striped", "dotted", "outlined") if found.texture in (p, *RANDOM_WORDS.get(p, ()))
            ]
        if other is None:
            return {"colour": found.colour, "size": found.size_word, "where": " ".join(place_of(*centre(found)))}[
                fact.kind
            ]
        if fact.kind == "bigger":
            return (found if found.size > other.size else other).label
        axis = 0 if fact.kind == "left_of" else 1
        return "yes" if centre(found)[axis] < centre(other)[axis] else "no"
    if fact.kind == "count":
        return str(len(named(scene, fact.slots["pl"])))
    if fact.kind == "what" and "c" in fact.slots:
        return [o.label for o in scene.objects if o.colour == fact.slots["c"]]
    if fact.kind == "what":
        place = {"middle": "middle centre", "centre": "middle centre"}.get(fact.slots["p"], fact.slots["p"])
        return [o.label for o in scene.objects if " ".join(place_of(*centre(o))) == place]
    if fact.kind == "sign":
        return [str(o.word).lower() for o in scene.objects if o.label == "sign"]
    return {"count_all": str(len(scene.objects)), "background": GROUNDS[BACKGROUNDS.index(scene.background)]}[fact.kind]


def test_answers_agree_with_the_scene() -> None:
    asked: Counter[str] = Counter()
    for scene, asker in askers(60):
        for kind in KINDS:
            for fact in filter(None, (asker.ask(kind) for _ in range(5))):
                asked[kind] += 1
                if kind == "caption":
                    assert mentions(fact.answer) == Counter((o.colour, o.label) for o in scene.objects)
                elif kind != "yes_no":
                    true = truth(scene, fact)
                    assert fact.answer == true or [fact.answer] == true, fact
    assert min(asked.values()) > 3 and set(asked) == set(KINDS)


def test_yes_and_no_are_true_and_balanced() -> None:
    given: Counter[str] = Counter()
    forms: Counter[str] = Counter()
    for scene, asker in askers(60):
        for fact in filter(None, (asker.ask("yes_no") for _ in range(6))):
            given[fact.answer] += 1
            forms[fact.form] += 1
            slots = fact.slots
            matching = named(scene, slots.get("pl") or slots.get("n") or slots["a"].split(" ", 1)[1])
            if fact.form == "is_colour":
                matching = [o for o in matching if o.colour == slots["c"]]
            right = len(matching) == int(slots["m"]) if "m" in slots else bool(matching)
            assert fact.answer == ("yes" if right else "no"), fact
    assert 0.42 < given["yes"] / given.total() < 0.58 and len(forms) == 3


def test_every_type_has_wordings_to_train_and_to_hold_out() -> None:
    counted = Counter((line.kind, line.held_out) for line in phrasings())
    assert all(counted[kind, False] > 20 and counted[kind, True] > 0 for kind in SLOTS)
    assert 0.05 < sum(line.held_out for line in phrasings()) / len(phrasings()) < 0.15
    assert len({(line.kind, line.tokens) for line in phrasings()}) == len(phrasings())


@pytest.mark.parametrize(
    "line",
    [
        "colour\tWhat colour is it?",
        "colour\tWhat colour are the {pl}?",
        "is_colour\tIs the {n} red?",
        "count\tHow many {pl}, {pl}?",
        "taste\tHow does the {n} taste?",
        "size\tHow big is the {n}s?",
        "just a text",
    ],
)
def test_lines_that_cannot_be_asked_are_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"slot|type"):
        read(line)


def test_training_never_speaks_in_held_out_wordings() -> None:
    book, rng = Phrasebook(), np.random.default_rng(0)
    fact = Fact("colour", "colour", {"n": "star"}, "red")
    held = {" ".join(line.tokens).format(n="star") for line in phrasings() if line.kind == "colour" and line.held_out}
    said = {f" {phrase(fact, book, rng).prompt} " for _ in range(500)}
    assert not [(text, line) for text in said for line in held if f" {line} " in text and len(line.split()) > 4]
    assert len(said) > 80


def test_the_tokenizer_splits_as_the_generator_does_and_survives_foreign_words() -> None:
    tokenizer, book = build_tokenizer(vocabulary()), Phrasebook()
    ids, rng = tokenizer.get_vocab(), np.random.default_rng(0)
    for _, asker in askers(10):
        for kind in KINDS:
            fact = asker.ask(kind)
            if fact is not None:
                question = phrase(fact, book, rng, held_out=bool(rng.random() < 0.5))
                for text in (question.prompt, question.answer):
                    assert tokenizer(text).input_ids == [ids[word] for word in text.split()]
    british, american = (tokenizer(f"What {word} is the STAR?").input_ids for word in ("colour", "color"))
    assert british == american == [ids[w] for w in ("what", "colour", "is", "the", "star", "?")]
    assert spaced("What\u2019s the {n}'s size?")[:3] == ["what", "is", "the"]
    assert tokenizer("zeppelin").input_ids == [tokenizer.unk_token_id]
    said = tokenizer.decode(tokenizer("a red star, an orange cup and a cat.").input_ids)
    assert said.startswith("a red star, an orange")


def test_packed_questions_see_the_picture_and_themselves_only(tmp_path: Path) -> None:
    write_shard(tmp_path / "val-000.npz", "val", 0, 4, lambda _: POOLS["few"])
    rows = Pool(tmp_path, "val-*.npz").rows(range(4))
    packed = Packer(build_tokenizer(vocabulary())).pack(rows, np.random.default_rng(0))
    mask = packed.mask()[0, 0]
    first, second = (packed.segment[0] == 1).nonzero()[0], (packed.segment[0] == 2).nonzero()[0]
    assert mask[CELLS + second, :CELLS].all() and not mask[CELLS + second, CELLS + first]
    assert packed.ids.shape == (4, TEXT) and not torch.triu(mask, 1).any()


def test_cells_carry_the_labels_of_the_thing_at_their_centre(tmp_path: Path) -> None:
    write_shard(tmp_path / "val-000.npz", "val", 0, 6, lambda _: POOLS["few"])
    rows = [row for row in Pool(tmp_path, "val-*.npz").rows(range(6)) if distinct(row)]
    for seen in (rows, [mirrored(row) for row in rows]):
        cells = cells_of(seen)
        for name, key in (("label", "labels"), ("colour", "colours"), ("pattern", "patterns")):
            told = [sorted(getattr(cells, name)[i][cells.centre[i] > 0].tolist()) for i in range(len(seen))]
            assert told == [sorted(int(v) for v in row[key] if v >= 0) for row in seen]
        assert all(
            set(b[b >= 0].tolist()) == {int(row["background"])} for b, row in zip(cells.background, seen, strict=True)
        )


def test_an_untrained_model_saves_loads_answers_and_lends_its_weights(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tokenizer = build_tokenizer(vocabulary())
    model = build_model(tokenizer).eval()
    export(model, tokenizer, tmp_path)
    loaded = AutoModelForImageTextToText.from_pretrained(tmp_path, local_files_only=True).eval()
    processor = AutoProcessor.from_pretrained(tmp_path, local_files_only=True)
    assert loaded.dtype is torch.float32
    picture = Image.fromarray(render_scene(3, POOLS["few"], split="val").image)
    inputs = processor(images=picture, text="<image> what is red ?<answer>", return_tensors="pt")
    small = torch.from_numpy(np.asarray(picture.resize((144, 144), Image.Resampling.BICUBIC)).copy())[None]
    assert (normalise(small) - inputs["pixel_values"]).abs().max() < 0.05  # training sees what use sees
    with torch.inference_mode():
        assert torch.allclose(model(**inputs).logits, loaded(**inputs).logits, atol=0.02)
    assert len(answers(loaded, processor, [picture, picture], ["what is red?", "How many zeppelins are there?"])) == 2
    write_shard(tmp_path / "val-000.npz", "val", 0, 2, lambda _: POOLS["few"])
    learner = Learner(Pool(tmp_path, "val-*.npz"), [], 1)
    learner.warm_start(tmp_path)
    assert torch.allclose(learner.model.lm_head.weight, model.lm_head.weight, atol=1e-3)


@pytest.mark.parametrize("name", list(STAGES))
def test_every_stage_takes_steps_and_resumes(tmp_path: Path, name: str) -> None:
    write_shard(tmp_path / "val-000.npz", "val", 0, 8, lambda _: POOLS["few"])
    pool = Pool(tmp_path, "val-*.npz")
    lines: list[str] = []
    runner = Runner(Learner(pool, pool.rows(range(8)), 0), tmp_path, log=lines.append)
    measures = runner.run(name, 0.01)
    assert all(0 <= value <= 1 for value in measures.values()) and f"{name} " in lines[-1]
    again = Runner(Learner(pool, pool.rows(range(8)), 1), tmp_path, log=lines.append)
    assert again.run(name, 0.01) == measures  # its minutes are spent, so the weights are the same


def test_scenes_of_few_classes_have_several_things_of_one(tmp_path: Path) -> None:
    write_shard(tmp_path / "train-000.npz", "train", ALIKE_SEED, 20, alike)
    labels = [row["labels"][row["labels"] >= 0] for row in Pool(tmp_path, "train-*.npz").rows(range(20))]
    assert all(len(set(each)) <= 3 for each in labels)
    assert {int(np.bincount(each).max()) for each in labels} >= {2, 3, 4}


def test_a_step_computes_on_the_learners_device(tmp_path: Path) -> None:
    write_shard(tmp_path / "val-000.npz", "val", 0, 3, lambda _: POOLS["few"])
    pool, device = Pool(tmp_path, "val-*.npz"), torch.device("meta")  # without numbers, but it refuses other devices'
    learner = Learner(pool, [], 0, device=device)
    cells, packed = learner.cells(pool.rows(range(3))), learner.packed(pool.rows(range(3)))
    features = torch.empty(3, CELLS, WIDTH, device=device)
    pictures = normalise(torch.empty(3, 144, 144, 3, dtype=torch.uint8, device=device))
    made = [learner.heads.loss(features, cells), learner.oracle(cells), learner.embed(packed.ids), packed.mask()]
    assert {each.device.type for each in (*made, packed.target, packed.weight, pictures)} == {"meta"}


def test_a_warm_joint_stage_starts_from_the_tower_trained_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "SHARD", 6)
    torch.manual_seed(0)
    tokenizer = build_tokenizer(vocabulary())
    export(build_model(tokenizer).eval(), tokenizer, tmp_path / "warm")
    write_shard(tmp_path / "work" / "scenes" / "train-000.npz", "train", 0, 6)
    write_shard(tmp_path / "work" / "scenes" / "val-000.npz", "val", 0, 6, lambda _: POOLS["few"])
    said: list[str] = []

    def run(stage: str, warm: Path | None) -> None:
        options = {"minutes": 0.001, "work": tmp_path / "work", "shards": 0, "stages": (stage,), "warm": warm}
        command.train(tmp_path / "out", **options, log=said.append)  # type: ignore[arg-type]

    with pytest.raises(SystemExit, match="connector"):
        run("joint", None)
    run("vision", tmp_path / "warm")
    run("joint", tmp_path / "warm")
    kept = [torch.load(tmp_path / "work" / "checkpoints" / f"{name}.pt")["heads"] for name in ("vision", "joint")]
    assert [line.split()[0] for line in said] == ["vision", "joint"]
    assert all(torch.allclose(kept[0][name], kept[1][name], atol=1e-2) for name in kept[0])


def test_the_recipe_takes_the_orders_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}
    monkeypatch.setattr(command, "train", lambda out, **options: given.update(options))
    RECIPES["mllm"](Order(tmp_path, 1, device="meta"))
    assert given["device"] == "meta" and given["work"] == tmp_path / "work"
    absent = "cuda" if not torch.cuda.is_available() else "abacus"
    with pytest.raises(InputError, match=f"cannot train on '{absent}' here") as caught:
        RECIPES["mllm"](Order(tmp_path, 1, device=absent))
    assert caught.value.facts["field"] == "device"


def test_measured_answers_are_balanced_and_captions_are_scored_by_their_mentions() -> None:
    kinds = ("yes_no", "background", "size")
    facts = [fact for _, fact in balanced_facts("few", 3, 30, kinds)]
    for kind in kinds:
        counted = Counter(fact.answer for fact in facts if fact.kind == kind)
        assert len(set(counted.values())) == 1 and counted.total() == 30
    said, true = mentions("a red star, a red star and an orange cup."), mentions("a red star and a blue cup .")
    assert f1((said & true).total(), said.total(), true.total()) == pytest.approx(2 / 5)


def test_the_shipped_model_answers_as_its_card_says() -> None:
    card = json.loads((SHIPPED / "accuracy.json").read_text(encoding="utf-8"))
    assert UNK not in card and set(card) <= set(KINDS)
    for kind, score in measure(SHIPPED, 7, 40, kinds=("colour", "background")).items():
        told = card[kind]["right"] / card[kind]["n"]
        assert score.n == 40 and score.share >= told - 0.15

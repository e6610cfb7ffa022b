"""The small MLLM's recipe: its questions tell the truth, and what it saves is what the Auto classes open."""

from __future__ import annotations

import json
import pickle
import re
from collections import Counter
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from jinja2 import TemplateError
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor, PreTrainedTokenizerFast

import panmodal.agent.lab.train.mllm.__main__ as command
from panmodal.agent.lab.train.mllm.cells import cells_of, distinct
from panmodal.agent.lab.train.mllm.data import POOLS, Batch, Scenes, alike, held_out, mirrored, scene_arrays
from panmodal.agent.lab.train.mllm.evaluate import answers, balanced_facts, f1, measure, mentions
from panmodal.agent.lab.train.mllm.learner import Learner, Setting
from panmodal.agent.lab.train.mllm.model import CELLS, WIDTH, build_model, build_processor, export, normalise
from panmodal.agent.lab.train.mllm.packing import TEXT, Packer, asker_of
from panmodal.agent.lab.train.mllm.phrasings import SLOTS, Phrasebook, phrasings, read
from panmodal.agent.lab.train.mllm.questions import GROUNDS, KINDS, Asker, Fact, Question, phrase, place_of, vocabulary
from panmodal.agent.lab.train.mllm.runner import Runner
from panmodal.agent.lab.train.mllm.stages import STAGES
from panmodal.agent.lab.train.mllm.words import SPELLINGS, spaced
from panmodal.agent.lab.train.planner.catalog import Catalog
from panmodal.agent.lab.train.planner.requests import Generator
from panmodal.agent.lab.train.planner.tokenizer import ANSWER, IMAGE, build_tokenizer
from panmodal.agent.lab.train.planner.train import Recipe, new_model, planner_of
from panmodal.agent.lab.train.planner.train import export as export_planner
from panmodal.agent.lab.train.recipes import RECIPES, Order
from panmodal.agent.lab.world.scenes import BACKGROUNDS, CLASSES, COLOURS, Scene, SceneObject, render_scene
from panmodal.tools.english import plural
from panmodal.tools.errors import InputError

SHIPPED = Path(str(files("panmodal.agent.profiles"))) / "mini" / "backbone"
CATALOG = Catalog.read(None)
GENERATOR = Generator(CATALOG)
RECIPE = Recipe(layers=1, mlp=48, heads=2, vocabulary=2_600, read=300, batch=4)
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


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer(GENERATOR, examples=RECIPE.read, size=RECIPE.vocabulary, asked=vocabulary())


@pytest.fixture(scope="module")
def planner(tokenizer: PreTrainedTokenizerFast, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of an untrained planner LM."""
    folder = tmp_path_factory.mktemp("planner")
    export_planner(new_model(RECIPE, tokenizer), tokenizer, CATALOG, folder, {})
    return folder


def learner_of(planner: Path, seed: int = 0, device: str = "cpu", scenes: int = 0) -> Learner:
    setting = Setting(seed, pictures=4, plans=4, device=torch.device(device))
    return Learner(GENERATOR, setting, [planner], held_out(scenes), RECIPE)


@pytest.mark.parametrize("name", ["phrasings.tsv", "variants.tsv"])
def test_every_wording_is_read_as_it_is_typed(tokenizer: PreTrainedTokenizerFast, name: str) -> None:
    """What the chat template makes of a raw line, in capitals too, is what training makes of it."""
    packer, processor = Packer(tokenizer), build_processor(tokenizer)
    lines = Path(str(files("panmodal.agent.lab.train.mllm"))).joinpath(name).read_text(encoding="utf-8").splitlines()
    slots = {"n": "star", "n2": "cup", "a": "a star", "pl": "stars", "c": "red", "p": "top left", "m": "2"}
    for line in filter(None, lines):
        text = re.sub(r"\{(\w+)\}", lambda slot: slots[slot[1]], line.partition("\t")[2])
        tokens = tuple(slots[t[1:-1]] if t[0] == "{" else t for t in read(line).tokens)
        question = Question("colour", " ".join(tokens), "red", cue="star")
        for typed in (text, text.upper(), f"  {text}\n"):
            said = processor.apply_chat_template([{"role": "user", "content": typed}], add_generation_prompt=True)
            ids, scored, cue = packer.encode(question)
            assert tokenizer(said).input_ids == ids[: scored.index(True)], typed
        assert cue < 0 or ids[cue] == packer.token("star")
        assert [ids[i] for i in range(len(ids)) if scored[i]] == [packer.token("red"), tokenizer.eos_token_id]


def test_spellings_are_folded_and_foreign_words_survive(tokenizer: PreTrainedTokenizerFast) -> None:
    assert spaced("What\u2019s the {n}'s color\uff1f") == ["what", "is", "the", "{", "n", "}", "'", "s", "colour", "?"]
    assert spaced("Is it <image> or grey? I see ONE object") == [
        "is", "it", "<", "picture", ">", "or", "grey", "?", "i", "see", "1", "thing"]  # fmt: skip
    assert set(SPELLINGS) >= {"color", "what", "two"}
    assert tokenizer.decode(Packer(tokenizer).tokens("zeppelin")) == " zeppelin"


def test_packed_questions_see_the_picture_and_themselves_only(tokenizer: PreTrainedTokenizerFast) -> None:
    packed = Packer(tokenizer).pack(held_out(4), np.random.default_rng(0))
    mask = packed.mask()[0, 0] == 0
    first, second = (packed.segment[0] == 1).nonzero()[0], (packed.segment[0] == 2).nonzero()[0]
    assert mask[CELLS + second, :CELLS].all() and not mask[CELLS + second, CELLS + first]
    assert packed.ids.shape == (4, TEXT) and not torch.triu(mask, 1).any()


def test_cells_carry_the_labels_of_the_thing_at_their_centre() -> None:
    rows = [row for row in held_out(6) if distinct(row)]
    for seen in (rows, [mirrored(row) for row in rows]):
        cells = cells_of(seen)
        for name, key in (("label", "labels"), ("colour", "colours"), ("pattern", "patterns")):
            told = [sorted(getattr(cells, name)[i][cells.centre[i] > 0].tolist()) for i in range(len(seen))]
            assert told == [sorted(int(v) for v in row[key] if v >= 0) for row in seen]
        assert all(
            set(b[b >= 0].tolist()) == {int(row["background"])} for b, row in zip(cells.background, seen, strict=True)
        )


def test_an_untrained_model_saves_loads_answers_and_lends_its_weights(
    tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = build_model(new_model(RECIPE, tokenizer), tokenizer).eval()
    export(model, tokenizer, tmp_path)
    loaded = AutoModelForImageTextToText.from_pretrained(tmp_path, local_files_only=True).eval()
    processor = AutoProcessor.from_pretrained(tmp_path, local_files_only=True)
    assert loaded.dtype is torch.float32
    picture = Image.fromarray(render_scene(3, POOLS["few"], split="val").image)
    inputs = processor(images=picture, text=f"{IMAGE} what is red ?{ANSWER}", return_tensors="pt")
    small = torch.from_numpy(np.asarray(picture.resize((144, 144), Image.Resampling.BICUBIC)).copy())[None]
    assert (normalise(small) - inputs["pixel_values"]).abs().max() < 0.05  # training sees what use sees
    with torch.inference_mode():
        assert torch.allclose(model(**inputs).logits, loaded(**inputs).logits, atol=0.02)
    assert len(answers(loaded, processor, [picture, picture], ["what is red?", "How many zeppelins are there?"])) == 2
    learner = learner_of(tmp_path)
    for name, value in learner.model.state_dict().items():
        assert torch.allclose(value, model.state_dict()[name], atol=1e-2), name
    ids = tokenizer("<|in|> image<|request|> blur it<|plan|>", return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        assert torch.equal(planner_of(tmp_path)(ids).logits, loaded(input_ids=ids).logits), "one model plans and sees"


def test_the_chat_template_asks_about_pictures_and_passes_a_planners_prompt_on(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    processor = build_processor(tokenizer)
    look = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is red?"}]}]
    said = [{"role": "assistant", "content": [{"type": "text", "text": "star"}]}]
    assert processor.apply_chat_template(look, add_generation_prompt=True) == f"{IMAGE} what is red ?{ANSWER}"
    assert processor.apply_chat_template(look + said) == f"{IMAGE} what is red ?{ANSWER} star<|end|>"
    with pytest.raises(TemplateError, match="no system message"):
        processor.apply_chat_template([{"role": "system", "content": "be brief"}, *look])
    prompt = "<|in|> image<|request|> blur it<|plan|>"
    for content in (prompt, [{"type": "text", "text": prompt}]):
        turn = [{"role": "user", "content": content}]
        assert processor.apply_chat_template(turn, add_generation_prompt=True) == prompt


@pytest.mark.parametrize("name", list(STAGES))
def test_every_stage_takes_steps_and_resumes(planner: Path, tmp_path: Path, name: str) -> None:
    lines: list[str] = []
    learner = learner_of(planner, scenes=8)
    measures = Runner(learner, tmp_path, log=lines.append).run(name, 0.02)
    assert all(0 <= value <= 1 for value in measures.values()) and f"{name} " in lines[-1]
    assert learner.seen["pictures"] > 0 and (learner.seen["requests"] > 0) == (name in ("language", "joint"))
    again = Runner(learner_of(planner, 1, scenes=8), tmp_path, log=lines.append)
    assert again.run(name, 0.02) == measures  # its minutes are spent, so the weights are the same


def test_a_learner_takes_the_tower_of_one_model_and_the_words_of_another(
    tokenizer: PreTrainedTokenizerFast, planner: Path, tmp_path: Path
) -> None:
    torch.manual_seed(3)
    seeing = build_model(new_model(RECIPE, tokenizer), tokenizer)
    export(seeing, tokenizer, tmp_path)
    learner = Learner(GENERATOR, Setting(5), [tmp_path, planner], [], RECIPE)
    towers = (learner.model.model.vision_tower, seeing.model.vision_tower)
    weights = [next(iter(tower.parameters())) for tower in towers]
    assert torch.allclose(*weights, atol=1e-3)
    assert torch.allclose(learner.planner.model.embed_tokens.weight, planner_of(planner).model.embed_tokens.weight)
    assert learner.planner.model is learner.model.model.language_model


def test_scenes_are_new_or_met_again_and_travel_between_processes_by_value(tokenizer: PreTrainedTokenizerFast) -> None:
    stream = iter(Scenes(Packer(tokenizer), 4, seed=3))
    batches = [next(stream) for _ in range(4)]
    assert all(len(batch.pictures) == len(batch.distinct) == 4 for batch in batches)
    again = next(iter(Scenes(Packer(tokenizer), 4, seed=3, start=1)))
    assert not torch.equal(again.pictures, batches[0].pictures), "a later start makes scenes of its own"
    things = [sorted(row[row < 16].tolist()) for batch in batches for row in batch.cells.label]
    assert len({tuple(each) for each in things}) < len(things), "three of four are drawn from those made before"
    sent = pickle.loads(pickle.dumps(batches[0]))
    assert isinstance(sent, Batch) and torch.equal(sent.packed.ids, batches[0].packed.ids)
    assert torch.equal(sent.cells.label, batches[0].cells.label) and sent.packed.kinds == batches[0].packed.kinds


def test_scenes_of_few_classes_have_several_things_of_one() -> None:
    rows = [scene_arrays(render_scene(seed, alike(seed), split="train")) for seed in range(20)]
    labels = [row["labels"][row["labels"] >= 0] for row in rows]
    assert all(len(set(each)) <= 3 for each in labels)
    assert {int(np.bincount(each).max()) for each in labels} >= {2, 3, 4}


def test_a_step_computes_on_the_learners_device(planner: Path) -> None:
    learner = learner_of(planner, device="meta")  # without numbers, but it refuses other devices'
    batch = learner.batch()
    features = torch.empty(4, CELLS, WIDTH, device="meta")
    made = [learner.heads.loss(features, batch.cells), learner.oracle(batch.cells), learner.embed(batch.packed.ids)]
    assert {each.device.type for each in (*made, batch.packed.mask(), normalise(batch.pictures))} == {"meta"}


def test_a_warm_joint_stage_starts_from_the_tower_trained_before_it(
    planner: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "HELD_OUT", 4)
    said: list[str] = []

    def run(stage: str, warm: list[Path]) -> None:
        setting = Setting(pictures=2, plans=2)
        command.train(
            tmp_path / "out", CATALOG, setting, minutes=[0.001], stages=(stage,), warm=warm, log=said.append,
            recipe=RECIPE,
        )  # fmt: skip

    with pytest.raises(SystemExit, match="connector"):
        run("joint", [])
    run("vision", [planner])
    run("joint", [planner])
    kept = [torch.load(tmp_path / "out.work" / "checkpoints" / f"{name}.pt")["heads"] for name in ("vision", "joint")]
    assert [line.split()[0] for line in said] == ["vision", "joint"]
    assert all(torch.allclose(kept[0][name], kept[1][name], atol=1e-2) for name in kept[0])
    facts = json.loads((tmp_path / "out" / "panmodal.json").read_text(encoding="utf-8"))
    assert facts["trained_tools"] and {"star", "color"} <= set(facts["words"]) and "zebra" not in facts["words"]
    assert facts["pictures"] > facts["requests"] > 0, "both stages are counted"
    with pytest.raises(SystemExit, match="2 minutes for 1 stages"):
        command.train(tmp_path / "out", CATALOG, Setting(), minutes=[1, 2], stages=("vision",))


def test_the_recipe_takes_the_orders_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}
    monkeypatch.setattr(command, "train", lambda out, catalog, setting, **rest: given.update(setting=setting, **rest))
    RECIPES["mllm"](Order(tmp_path, 1, device="meta"))
    setting = given["setting"]
    assert isinstance(setting, Setting) and setting.device.type == "meta" and setting.bfloat16 and setting.workers
    assert given["work"] == tmp_path / "work" and given["minutes"] == [1]
    absent = "cuda" if not torch.cuda.is_available() else "abacus"
    with pytest.raises(InputError, match=f"cannot train on '{absent}' here") as caught:
        RECIPES["mllm"](Order(tmp_path, 1, device=absent))
    assert caught.value.facts["field"] == "device"
    with pytest.raises(InputError, match="-1 minutes are no time"):
        RECIPES["mllm"](Order(tmp_path, -1))


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
    assert set(card) <= set(KINDS)
    for kind, score in measure(SHIPPED, 7, 40, kinds=("colour", "background")).items():
        told = card[kind]["right"] / card[kind]["n"]
        assert score.n == 40 and score.share >= told - 0.15

"""What `panmodal eval mini` prints is measured on the shipped models, apart from training, and against guessing."""

import json
import shutil
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from panmodal.agent.agent import Agent
from panmodal.agent.cli.app import app
from panmodal.agent.lab.figures import Target
from panmodal.agent.lab.mini import apart, detector, measuring, mllm, rows, segmenter, shipped
from panmodal.agent.lab.mini.apart import TRAINED, Drawn, Overlap
from panmodal.agent.lab.mini.rows import MiniFigures, Row
from panmodal.agent.lab.train import pictures
from panmodal.agent.lab.train import segmenter as segmenter_recipe
from panmodal.agent.lab.train.mllm import data
from panmodal.agent.lab.train.mllm.phrasings import Phrasing as Wording
from panmodal.agent.lab.train.planner.catalog import Catalog
from panmodal.agent.lab.train.planner.phrasings import FOLDER
from panmodal.agent.lab.world.scenes import render_scene, stream
from panmodal.agent.profiles.loading import load_profile
from panmodal.tools.errors import CheckpointBroken, ProfileError

KINDS = ("colour", "what", "count", "yes_no", "where", "caption", "above")
"""Those with a target, and one without: each answer of a kind costs a question."""


@pytest.fixture(scope="module")
def figures() -> MiniFigures:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mllm, "KINDS", KINDS)
        return measuring.measure(seed=77, n=1)


def test_every_figure_with_a_target_is_measured_on_the_shipped_models(figures: MiniFigures) -> None:
    assert figures.roles == measuring.ROLES
    assert set(figures.targets) <= set(figures.values)
    assert {"planner.b_joined_exact", "mllm.caption_f1", "detector.map50_95", "segmenter.point_iou"} < set(
        figures.targets
    )
    assert {"mllm.colour_new_words", "mllm.above_crowded", "mllm.caption_f1_crowded_new_words"} < set(figures.values)
    sampled = [row for row in figures.rows if row.n]
    assert all(0 <= row.value <= 1 for row in sampled)
    assert all(row.interval and row.interval[0] <= row.value + 1e-9 for row in sampled)
    assert figures.values["segmenter.box_iou"] > 0.7
    assert figures.values["detector.map50"] > 0.5


def test_a_role_that_the_profile_does_not_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    named = load_profile("mini").specs()
    without = SimpleNamespace(specs=lambda: {role: spec for role, spec in named.items() if role != "embedder"})
    monkeypatch.setattr(measuring, "load_profile", lambda *_: without)
    with pytest.raises(ProfileError, match="names no embedder"):
        measuring.measure(seed=77, n=1, roles=("embedder",))


def test_the_last_lines_are_the_figures_with_targets(figures: MiniFigures) -> None:
    last = figures.render().splitlines()[-len(figures.targets) :]
    assert {line.split()[0] for line in last} == set(figures.targets)
    assert all("met " in line or "MISSED" in line for line in last)


def test_digests_sizes_and_cards_are_shown_and_checked(
    figures: MiniFigures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for role, facts in figures.details["checkpoints"].items():
        assert facts["stated_by_the_profile"]
        assert facts["sha256"] in figures.render()
        folder = "backbone" if role in ("planner", "mllm", "captioner") else role
        assert facts["card"] == f"package:mini/{folder}/README.md"
        assert facts["bytes"] <= 16 * 2**20
    assert figures.values["profile.profile_mib"] <= 28
    bare = tmp_path / "segmenter"
    shutil.copytree(shipped.PACKAGED / "mini" / "segmenter", bare, ignore=shutil.ignore_patterns("README.md"))
    with pytest.raises(CheckpointBroken, match="no model card"):
        shipped.shipped(["segmenter"], [f"segmenter.checkpoint={bare}"])
    with pytest.raises(CheckpointBroken, match="the profile states 0000"):
        shipped.shipped(["segmenter"], [f"segmenter.sha256={'0' * 64}"])


def test_planner_and_mllm_are_one_model_in_memory(tmp_path: Path) -> None:
    models = shipped.shipped(["planner", "mllm"], cache=tmp_path)
    assert models["planner"].spec.key == models["mllm"].spec.key
    picture = render_scene(3, split="test").image
    with Agent(home=tmp_path / "home", cwd=tmp_path) as agent:
        result = agent.run("What is the background like? Then cut out the star.", picture)
        unknown, known = (agent.run(f"What colour is the {thing}?", picture) for thing in ("zebra", "star"))
        guessed = agent.run("What pattern does the zebra have?", picture)
    assert guessed.notes and "zebra" in guessed.notes[0] and "guess" in guessed.text
    assert not result.notes and not known.notes
    assert unknown.route["kind"] == "tools" and "zebra" in unknown.route["reason"], "the MLLM does not know the word"
    assert known.route["kind"] == "direct"
    assert result.plan is not None and {"perceive", "cut_out"} <= {step.tool for step in result.plan.steps}
    loads = [Path(load["model"]).name for load in result.usage["loads"]]
    assert sorted(loads) == ["backbone", "detector", "segmenter"]


def eval_mini(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["eval", "mini", *arguments])


def test_json_is_one_document_and_check_exits_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "targets", lambda name: {"box_iou": Target(at_least=1.0)} if "seg" in name else {})
    done = eval_mini("--role", "segmenter", "--n", "2", "--seed", "5", "--json", "--check")
    assert done.exit_code == 1
    document = json.loads(done.stdout)
    assert document["version"] == "panmodal.figures/1"
    assert document["seed"] == 5 and not document["ok"]
    box = document["figures"]["segmenter.box_iou"]
    assert box["target"] == "at least 1" and not box["met"] and box["counts"]
    assert box["interval"][0] <= box["value"] <= box["interval"][1]
    assert box["without_the_picture"] < box["value"]
    assert document["details"]["checkpoints"]["segmenter"]["card_sha256"]


def test_a_figure_near_guessing_meets_no_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "targets", lambda name: {"yes_no": Target(at_least=0.5)} if name == "mini-mllm" else {})
    for value, counts in ((0.59, False), (0.60, True)):
        found = MiniFigures("mini", 0, roles=("mllm",))
        found.add(Row("mllm", "yes_no", value, 200, frequent=0.5, blind=0.46))
        assert found.rows[0].counts is counts
        assert found.ok is counts
        assert ("no better than guessing" in found.render()) is not counts
    assert not MiniFigures("mini", 0, roles=("mllm",)).ok, "a target that was not measured is missed"


def test_the_best_constant_caption_repeats_what_is_frequent() -> None:
    red, blue = ("red", "star"), ("blue", "cup")
    true = [mllm.Mentions([red]), mllm.Mentions([red]), mllm.Mentions([blue])]
    assert mllm.best_constant(true) == pytest.approx(2 * 2 / (3 + 3))
    counts = np.array([[1, 2, 1], [0, 1, 1]])
    assert mllm.f1(counts) == pytest.approx(2 * 1 / (3 + 2)), "a wrong mention counts against"


@pytest.mark.parametrize("role", [mllm, detector, segmenter])
def test_measuring_on_trained_scenes_is_refused(role: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(role.evaluate if role is mllm else role, "SPLIT", "train")
    done = eval_mini("--role", role.ROLE, "--n", "1")
    assert done.exit_code == 1
    assert "which it is trained on" in done.output
    assert not done.stdout


def test_a_shared_stream_or_picture_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    measured, trained = [Drawn("test", range(5, 9))], [Drawn("train", range(6))]
    assert apart.check_scenes("detector", measured, trained)["streams"]["shared"] == 0
    with monkeypatch.context() as planted:
        planted.setattr(apart, "stream", lambda split, seed: stream("train", seed))
        with pytest.raises(Overlap, match="1 scenes .* random stream"):
            apart.check_scenes("detector", measured, trained)
    with monkeypatch.context() as planted:
        planted.setattr(apart, "render_scene", lambda seed, config, split: render_scene(seed, config))
        with pytest.raises(Overlap, match="1 pictures"):
            apart.check_scenes("detector", measured, trained)


def test_the_recipes_draw_what_is_stated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[str, int]] = []

    def noted(seed: int, config: Any = None, *, split: str = "train") -> Any:
        drawn.append((split, seed))
        return render_scene(seed, config, split=split)

    for module in (data, pictures, segmenter_recipe):
        monkeypatch.setattr(module, "render_scene", noted)
    data._rendered(0)
    for kind in ("images", "labels"):
        (tmp_path / kind / "train").mkdir(parents=True)
    pictures._write_one(0, folder=tmp_path, split="train", side=64)
    next(segmenter_recipe._stream(0))
    stated = {split for each in TRAINED.values() for split in (one.split for one in each)}
    assert stated == {"train", "val"}
    assert {split for split, _ in drawn} == {"train"}
    assert all(seed in TRAINED["segmenter"][0].seeds for _, seed in drawn)


CATALOG = Catalog.read(None)


def test_the_planner_is_asked_what_it_was_not_taught() -> None:
    facts = apart.check_requests(CATALOG)
    assert facts["set_a"]["requests"] > 100 and facts["set_b"]["requests"] > 100


def test_planted_requests_nouns_and_wordings_are_found(tmp_path: Path) -> None:
    folder = shutil.copytree(FOLDER, tmp_path / "phrasings")
    line = next(one for one in apart.own(folder) if apart._is_request(one, CATALOG) and not one.held_out)
    with (folder / "independent-en.tsv").open("a", encoding="utf-8") as file:
        file.write(f"\n{'+'.join(line.intents)}\t{line.text.upper()} !\n")
    with pytest.raises(Overlap, match="set \\(b\\)") as caught:
        apart.check_requests(CATALOG, folder)
    assert line.words in caught.value.facts["shared"]
    with pytest.raises(Overlap, match="dog"):
        apart.check_nouns({"dog", "cat"}, ["zebra", "dog"])
    taught = Wording("colour", ("what", "colour", "is", "the", "{n}", "?"), False)
    with pytest.raises(Overlap, match="what colour"):
        apart.check_wordings([taught, Wording("colour", taught.tokens[:-1], True)])
    assert apart.check_texts({"Blur it"}, ["zoom"] * 100 + ["blur it"])["shared"] == 1
    with pytest.raises(Overlap, match="word for word"):
        apart.check_texts({"Blur it"}, ["blur it", "zoom"])

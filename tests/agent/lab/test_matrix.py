"""From any modality to any: every cell that must be served is, and the judge says no where the content is another."""

from dataclasses import replace
from pathlib import Path

import pytest

from panmodal.agent.home import Home
from panmodal.agent.lab.matrix.judging import Judge
from panmodal.agent.lab.matrix.samples import Sample, samples
from panmodal.agent.lab.matrix.table import SOURCES, WANTED, measure, requests, ways
from panmodal.agent.lab.mini.shipped import shipped
from panmodal.agent.profiles.loading import load_profile
from panmodal.tools.registry import BUILTIN, default_registry


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    models = shipped(("detector", "asr"), (), tmp_path_factory.mktemp("cache"))
    return Judge(models["detector"].adapter(), models["asr"].adapter())


def test_chains_that_keep_the_meaning_serve_every_cell_that_must_be_served(tmp_path: Path) -> None:
    served = load_profile("mini", (), home=Home(tmp_path), cwd=tmp_path)
    found = ways(default_registry().subset(BUILTIN), frozenset(served.specs()))
    assert set(found) == {(source, wanted) for source in SOURCES for wanted in WANTED}
    asked = requests()
    assert len(asked) == 17 and ("point_cloud", "text") in asked
    for cell in asked:
        way = found[cell]
        assert way is not None and way.loss == 0 and len(way.tools) >= 1, cell
    assert found["audio", "image"].tools == ("transcribe", "transcript_text", "generate_image")  # type: ignore[union-attr]


def test_a_cell_without_its_tool_has_another_chain_or_none(tmp_path: Path) -> None:
    roles = frozenset(load_profile("mini", (), home=Home(tmp_path), cwd=tmp_path).specs())
    without = ways(default_registry().subset(set(BUILTIN) - {"speak", "soundtrack"}), roles)
    assert all(without[source, "audio"] is None or without[source, "audio"].loss for source in SOURCES)  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["image", "audio", "video"])
def test_the_judge_knows_the_thing_and_no_other(kind: str, judge: Judge) -> None:
    right = wrong = 0
    some = samples(kind, 4, 0)
    for sample in some:
        assert sample.attachment is not None
        made = {"it": sample.attachment}
        right += judge.right(sample, kind, "", made, chinese=False)
        other = replace(sample, label="cup" if sample.label != "cup" else "star")
        wrong += judge.right(other, kind, "", made, chinese=False)
        wrong += judge.right(sample, kind, "", {}, chinese=False)
    assert right >= 3 and wrong == 0


def test_texts_must_name_the_thing_its_colour_and_what_it_does(judge: Judge) -> None:
    sample = Sample("star", "red", "left")

    def told(text: str, *, chinese: bool = False) -> bool:
        return judge.right(sample, "text", text, {}, chinese=chinese)

    assert told("A red star moves left.") and told("一颗红色的星星", chinese=True)
    assert not told("A red star moves right.") and not told("A blue star moves left.") and not told("It moves left.")
    assert not told("一颗蓝色的星星", chinese=True)


@pytest.mark.slow
def test_every_cell_gives_what_was_asked_for() -> None:
    figures = measure(1, n=2)
    assert figures.values["chains_that_keep_meaning"] == 1
    assert figures.values["cells_right"] >= 0.9 and figures.values["runs_right"] >= 0.7, figures.details["runs"]

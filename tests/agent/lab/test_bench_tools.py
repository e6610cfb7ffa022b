"""The benchmark of tools: every tool is accounted for, both sides give the same, and the arithmetic is right."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from panmodal.agent.cli.app import app
from panmodal.agent.lab.bench import tool_batches, tools
from panmodal.agent.lab.bench.tool_media import Bench, media
from panmodal.agent.lab.bench.tool_models import COMPOSED, Models, ModelTools
from panmodal.agent.lab.bench.tool_pairs import Cost, Pair, alike, compare
from panmodal.agent.lab.bench.tool_plain import NOT_SERVED, OURS, PlainTools
from panmodal.agent.lab.bench.tool_prompts import PROMPTS, Reuse
from panmodal.agent.lab.figures import targets
from panmodal.tools.registry import BUILTIN, default_registry

QUICK = ("detect", "segment", "classify", "transcribe", "speak", "name_cloud", "classify_sound", "search_folder")


@pytest.fixture(scope="module")
def bench() -> Bench:
    return media(1)


@pytest.fixture(scope="module")
def model_tools(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelTools]:
    found = ModelTools(bench, Models(tmp_path_factory.mktemp("cache")))
    yield found
    found.close()


def pair(ours: object, direct: object) -> Pair:
    return Pair("tool", "library", lambda: ours, lambda: direct)


def test_every_tool_is_measured_or_named_once(bench: Bench, model_tools: ModelTools) -> None:
    groups = [model_tools.names(), PlainTools(bench).names(), OURS, NOT_SERVED, tools.unserved()]
    named = [name for group in groups for name in group]
    assert sorted(named) == sorted(set(named))
    assert set(BUILTIN) <= set(named) <= set(default_registry().names())
    assert set(model_tools.names()) >= COMPOSED


@pytest.mark.parametrize("name", QUICK)
def test_a_models_tool_and_its_library_give_the_same(model_tools: ModelTools, name: str) -> None:
    cost = compare(model_tools.pair(name), 1, 0)
    assert cost.pair.composed == (name in COMPOSED)
    assert len(cost.ours) == len(cost.direct) == 1 and min(cost.direct_clock) > 0


@pytest.mark.slow
def test_every_models_tool_and_its_library_give_the_same(model_tools: ModelTools) -> None:
    for name in set(model_tools.names()) - set(QUICK):
        assert math.isfinite(compare(model_tools.pair(name), 1, 0).over), name


@pytest.mark.slow
def test_every_other_tool_and_its_library_give_the_same(bench: Bench) -> None:
    plain_tools = PlainTools(bench)
    for name in plain_tools.names():
        assert math.isfinite(compare(plain_tools.pair(name), 1, 0).over), name


def test_unequal_results_are_an_error_and_no_figure() -> None:
    with pytest.raises(RuntimeError, match="do not give the same"):
        compare(pair(np.zeros(3), np.ones(3)), 1, 0)


def test_a_tool_may_cost_a_share_or_a_millisecond_whichever_is_more() -> None:
    def cost(direct: float, over: float) -> Cost:
        return Cost(pair(0, 0), [direct + over] * 3, [direct] * 3, [direct + over] * 3, [direct] * 3)

    assert cost(10, 0.9).met and not cost(10, 1.1).met
    assert cost(100, 4.9).met and not cost(100, 5.1).met
    assert Cost(pair(0, 0), [2, 9, 30], [1, 10, 20], [1], [1]).over == 1


def test_only_numbers_that_are_kept_rounded_may_differ_a_little() -> None:
    assert alike([0.5, {"a": np.float32([1])}], [0.5 + 4e-7, {"a": np.float32([1 + 2e-7])}])
    assert not alike(np.array([1], np.uint8), np.array([2], np.uint8))
    assert not alike(np.array([1.0]), np.array([1]))
    assert not alike({"a": 1}, {"b": 1}) and not alike("a", "b") and not alike([1], [1, 2])


def test_batches_answer_as_single_calls_do(tmp_path: Path) -> None:
    assert {name.partition(".")[0] for name in tool_batches.ASKS} >= tool_batches.declared() & set(Models.served())
    models = Models(tmp_path)
    for name in ("detector", "segmenter", "embedder.images", "embedder.texts", "cloud_classifier", "translator"):
        items = tool_batches.items_of(name, 4, 3)
        curve = tool_batches.curve(name, models.ours(name.partition(".")[0]), items, (1, 2, 4), 1, True)
        assert curve.gains[1] == 1 and set(curve.gains) == {1, 2, 4} and curve.rate > 0
        assert not any(curve.different.values()), name


def test_the_share_of_reuse_is_that_of_one_encoding() -> None:
    found = Reuse("segmenter", [10.0], [1.0], [15.0], 55.0)
    assert found.ideal == PROMPTS * 11 / 15 and found.share == 1
    assert Reuse("segmenter", [10.0], [1.0], [55.0], 55.0).share == pytest.approx(15 / 55)


def test_the_command_measures_parts_at_their_smallest() -> None:
    parts = ["--part", "overhead", "--part", "prompts", "--part", "map", "--tool", "crop", "--tool", "detect"]
    asked = CliRunner().invoke(app, ["bench", "tools", "--small", "--no-vit-b", "--json", *parts])
    assert asked.exit_code == 0, asked.output
    import json

    told = json.loads(asked.stdout)
    assert set(told["figures"]) == {
        "tools_over", "composed_over", "mini_share", "mini_windows_share", "map_count", "map_blur"
    }  # fmt: skip
    assert set(told["details"]["tools"]) == {"crop", "detect"}
    assert all(each["value"] > 0 for name, each in told["figures"].items() if not name.endswith("over"))


def test_every_stated_target_is_one_that_a_part_measures() -> None:
    assert set(targets("tools")) == {name for part in tools.PARTS for name in tools.FIGURES[part]}
    assert set(tools.ToolFigures("tools", 0, wanted=frozenset({"map_blur"})).targets) == {"map_blur"}

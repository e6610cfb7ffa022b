"""The request generator: gold plans hold against the real registry, spans are spans, splits are apart."""

import random
import re
import subprocess
import sys

import pytest

from panmodal.agent.lab.train.planner import wording
from panmodal.agent.lab.train.planner.build import MAX_STEPS, TOOLS
from panmodal.agent.lab.train.planner.requests import SPLITS, Example, sample
from panmodal.planners.canonical import canonical
from panmodal.planners.checker import check
from panmodal.planners.plan import Plan
from panmodal.tools.registry import default_registry

REGISTRY = default_registry()


def drawn(split: str, count: int, seed: int = 3) -> list[Example]:
    rng = random.Random(f"{split}/{seed}")
    return [sample(rng, split) for _ in range(count)]


def test_the_trained_tools_are_the_registrys() -> None:
    assert {tool.name: tuple(param.name for param in tool.params) for tool in REGISTRY.tools()} == TOOLS
    options = {param.name: param.schema.get("enum") for tool in REGISTRY.tools() for param in tool.params}
    assert set(options["by"] or ()) == set(wording.SELECT)
    assert set(options["colour"] or ()) == set(wording.COLOURS)


@pytest.mark.parametrize("split", SPLITS)
def test_gold_plans_pass_the_checker(split: str) -> None:
    for example in drawn(split, 150):
        thread = {name: name for name in example.thread}
        plan = Plan.from_data(example.plan)
        assert not check(plan, REGISTRY, attachments=example.attachments, thread=thread), example
        assert len(plan.steps) <= MAX_STEPS
        assert all(step.args.get("by") != "largest" for step in plan.steps), "a default is not written"


def test_free_strings_are_spans_of_the_request() -> None:
    for example in drawn("train", 300):
        for step in example.plan["steps"]:
            for span in [*step["args"].get("labels", []), step["args"].get("question", "")]:
                assert span in example.text, example


def test_joined_intents_share_one_detection() -> None:
    rng = random.Random(0)
    asked = [sample(rng, "joined") for _ in range(300)]
    found = [e for e in asked if re.search(r"^How many (\w+) .*\? Cut out the largest one\.?$", e.text)]
    shared = [
        e for e in asked if [s["tool"] for s in e.plan["steps"]][:2] == ["detect", "count"] and len(e.plan["steps"]) > 3
    ]
    for example in found:
        assert [step["tool"] for step in example.plan["steps"]] == ["detect", "count", "select", "segment", "cut_out"]
        assert example.plan["answer"] == ["$s2", "$s5"]
    assert any(sum(step["tool"] == "detect" for step in e.plan["steps"]) == 1 for e in shared)


def test_seeds_repeat_and_splits_differ() -> None:
    assert drawn("train", 20) == drawn("train", 20)
    known = {*wording.CLASSES, *wording.NOUNS}
    assert not known & set(wording.HELD_OUT_NOUNS)
    seen = {e.text for e in drawn("train", 400)}
    assert not seen & {e.text for e in drawn("nouns", 100)}


def test_no_held_out_form_is_a_trained_one() -> None:
    tables = [value for value in vars(wording).values() if _is_pair(value)]
    assert len(tables) > 15
    for trained, held_out in tables:
        assert not set(trained) & set(held_out)


def test_equal_plans_have_one_canonical_form() -> None:
    for example in drawn("train", 30):
        plan = Plan.from_data(example.plan)
        once = canonical(plan, REGISTRY)
        assert canonical(once, REGISTRY) == once


def test_generating_takes_the_standard_library_only() -> None:
    code = (
        "import sys, random; from panmodal.agent.lab.train.planner.requests import sample; sample(random.Random(0));"
        "print([m for m in ('torch', 'pydantic', 'numpy', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _is_pair(value: object) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(isinstance(part, tuple) and part and isinstance(part[0], str) for part in value)
    )

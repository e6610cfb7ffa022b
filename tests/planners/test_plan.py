from pathlib import Path
from typing import Any

import pytest

from panmodal.planners.canonical import canonical
from panmodal.planners.order import cycles, topological
from panmodal.planners.plan import Plan, Step
from panmodal.tools.errors import MissingFile, PlanError
from panmodal.tools.registry import default_registry

DEMO: dict[str, Any] = {
    "version": 1,
    "request": "How many circles are there? Cut out the largest one.",
    "steps": [
        {"id": "s1", "tool": "detect", "args": {"image": "$in.image", "labels": ["circles"]}},
        {"id": "s2", "tool": "count", "args": {"boxes": "$s1"}},
        {"id": "s3", "tool": "select", "args": {"boxes": "$s1"}, "note": "the one to cut"},
        {"id": "s4", "tool": "segment", "args": {"image": "$in.image", "boxes": "$s3"}, "timeout": 5.0},
        {"id": "s5", "tool": "cut_out", "args": {"image": "$in.image", "masks": "$s4"}},
    ],
    "answer": ["$s2", "$s5"],
}


def faults(data: object) -> list[tuple[str, str]]:
    with pytest.raises(PlanError) as caught:
        Plan.from_data(data)
    return [(violation["path"], violation["code"]) for violation in caught.value.violations]


def test_a_plan_survives_every_spelling() -> None:
    plan = Plan.from_data(DEMO)
    assert plan.to_data() == DEMO
    assert Plan.from_json(plan.to_json()) == plan
    assert Plan.from_json(plan.to_json(compact=False)) == plan
    assert Plan.from_yaml(plan.to_yaml()) == plan


def test_a_saved_plan_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(Plan.from_data(DEMO).to_yaml(), encoding="utf-8")
    assert Plan.from_yaml(file) == Plan.from_data(DEMO)
    with pytest.raises(MissingFile, match="nowhere"):
        Plan.from_yaml(tmp_path / "nowhere.yaml")


def test_compact_json_is_what_small_planners_write() -> None:
    plan = Plan(steps=[Step(id="s1", tool="count", args={"boxes": "$thread.boxes"})], answer=["$s1"])
    expected = '{"version":1,"steps":[{"id":"s1","tool":"count","args":{"boxes":"$thread.boxes"}}],"answer":["$s1"]}'
    assert plan.to_json() == expected


def test_every_fault_of_shape_is_told_with_its_path() -> None:
    broken = {
        "version": 1,
        "steps": [{"id": "1", "args": [], "noet": "x"}, {"id": "a", "tool": "t", "on_error": "stop", "timeout": -1}],
        "anser": [],
    }
    assert set(faults(broken)) == {
        ("steps[0].id", "wrong-shape"),
        ("steps[0].tool", "missing"),
        ("steps[0].args", "wrong-shape"),
        ("steps[0].noet", "unknown-field"),
        ("steps[1].on_error", "wrong-shape"),
        ("steps[1].timeout", "wrong-shape"),
        ("anser", "unknown-field"),
    }


def test_an_unknown_version_is_refused_as_such() -> None:
    assert faults(DEMO | {"version": 2}) == [("version", "unknown-version")]


@pytest.mark.parametrize("text", ["{", "a: [", "- 1", "just words", "", "steps: " + "[" * 3000])
def test_text_that_is_no_plan_is_a_plan_error(text: str) -> None:
    with pytest.raises(PlanError):
        Plan.from_yaml(text)


@pytest.mark.parametrize("value", ["2001-01-01", ".nan", "!!binary aGk=", "{? [1, 2] : 3}"])
def test_values_that_json_does_not_know_are_refused_when_read(value: str) -> None:
    with pytest.raises(PlanError):
        Plan.from_yaml(f"version: 1\nsteps: [{{id: a, tool: count, args: {{boxes: {value}}}}}]\nanswer: [$a]")


def test_a_plan_file_that_is_no_text_is_a_plan_error(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(PlanError, match="is no text"):
        Plan.from_yaml(tmp_path / "plan.yaml")


def test_canonical_forms_ignore_ids_order_defaults_and_remarks() -> None:
    registry = default_registry()
    other = Plan.from_data(
        {
            "version": 1,
            "planner": "somebody",
            "steps": [
                {"id": "cut", "tool": "cut_out", "args": {"masks": "$m", "image": "$in.image[0]"}},
                {"id": "big", "tool": "select", "args": {"boxes": "$found", "by": "largest"}},
                {"id": "m", "tool": "segment", "args": {"boxes": "$big", "image": "$in.image"}, "timeout": 5},
                {"id": "n", "tool": "count", "args": {"boxes": "$found"}},
                {"id": "found", "tool": "detect", "args": {"labels": ["circles"], "image": "$in.image"}},
            ],
            "answer": ["$n", "$cut"],
        }
    )
    assert canonical(other, registry) == canonical(Plan.from_data(DEMO), registry)
    assert [step.id for step in canonical(other, registry).steps] == ["s1", "s2", "s3", "s4", "s5"]


def test_canonical_forms_keep_what_matters() -> None:
    registry = default_registry()
    plan = canonical(Plan.from_data(DEMO), registry)
    smallest = {"id": "s3", "tool": "select", "args": {"boxes": "$s1", "by": "smallest"}}
    steps = [smallest if step["id"] == "s3" else step for step in DEMO["steps"]]
    for changed in (DEMO | {"answer": ["$s5", "$s2"]}, DEMO | {"steps": steps}):
        assert canonical(Plan.from_data(changed), registry) != plan


def test_order_puts_steps_after_what_they_read_and_names_cycles() -> None:
    def step(name: str, *reads: str) -> Step:
        return Step(id=name, tool="t", args={"x": [f"${one}" for one in reads]})

    plan = Plan(steps=[step("c", "b"), step("b", "a"), step("a"), step("x", "y"), step("y", "x"), step("z", "x")])
    order, stuck = topological(plan)
    assert order[:3] == ["a", "b", "c"]
    assert set(stuck) == {"x", "y", "z"}
    assert [set(cycle) for cycle in cycles(plan)] == [{"x", "y"}]

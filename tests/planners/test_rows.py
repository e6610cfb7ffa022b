"""`each` along several lists in step: `$item[0]` of the first, `$item[1]` of the second."""

import pytest

from panmodal.planners.checker import check
from panmodal.planners.plan import Plan, Step
from panmodal.planners.references import resolve, rounds
from panmodal.tools.registry import default_registry


def test_lists_are_run_along_in_step() -> None:
    each = ["$in.image[*]", "$s1"]
    value = resolve(each, inputs={"image": ["a", "b"]}, thread={}, outputs={"s1": [1, 2]})
    items = rounds(each, value)
    assert items == [["a", 1], ["b", 2]]
    assert [resolve("$item[1]", inputs={}, thread={}, outputs={}, item=item) for item in items] == [1, 2]


def test_a_list_of_single_values_is_run_over_as_before() -> None:
    assert rounds(["$in.image", "$in.image[1]"], ["a", "b"]) == ["a", "b"]


def test_lists_of_different_lengths_are_an_error() -> None:
    with pytest.raises(LookupError, match="different lengths: 2, 1"):
        rounds(["$in.image[*]", "$s1"], [["a", "b"], [1]])


@pytest.mark.parametrize(("image", "boxes", "codes"), [
    ("$item[0]", "$item[1]", []),
    ("$item[1]", "$item[0]", ["wrong-kind", "wrong-kind"]),
    ("$item[0]", "$item[2]", ["no-elements"]),
    ("$item", "$item[1]", ["wrong-kind"]),
])  # fmt: skip
def test_the_checker_knows_what_an_item_of_a_row_is(image: str, boxes: str, codes: list[str]) -> None:
    found = Step(id="s1", tool="detect", args={"image": "$item"}, each="$in.image[*]")
    cut = Step(id="s2", tool="segment", args={"image": image, "boxes": boxes}, each=["$in.image[*]", "$s1"])
    faults = check(Plan(steps=[found, cut], answer=["$s2"]), default_registry(), attachments=["image", "image"])
    assert [fault.code for fault in faults] == codes

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import BaseModel

from panmodal.planners.checker import check, ensure, plan_types
from panmodal.planners.plan import Plan
from panmodal.planners.violation import Violation
from panmodal.tools.contract import tool
from panmodal.tools.errors import PlanError
from panmodal.tools.media.image import Image
from panmodal.tools.media.text import Text
from panmodal.tools.registry import default_registry


class Poster(BaseModel):
    picture: Image
    title: str


@tool
def collage(images: list[Image], title: str = "", gap: int = 3) -> Image:
    """Put pictures side by side."""
    raise NotImplementedError


@tool
def entitle(image: Image) -> Poster:
    """Give a picture a title."""
    raise NotImplementedError


@tool
def utter(text: Text) -> Text:
    """Give the text back."""
    return text


REGISTRY = default_registry().with_tools([collage, entitle, utter])
DETECT = {"id": "d", "tool": "detect", "args": {"image": "$in.image", "labels": ["cars"]}}


def found(steps: list[dict[str, Any]], answer: Sequence[str] = ("$x",), **surroundings: Any) -> list[Violation]:
    plan = Plan.from_data({"version": 1, "steps": steps, "answer": list(answer)})
    return check(plan, REGISTRY, **({"attachments": ["image"]} | surroundings))


def only(step: dict[str, Any], **surroundings: Any) -> Violation:
    """The one violation of a plan in which `step` (id x) follows a detection."""
    violations = found([DETECT, {"id": "x"} | step], **surroundings)
    assert len(violations) == 1, violations
    return violations[0]


def test_whole_numbers_of_more_than_64_bits_are_refused() -> None:
    wide = {"tool": "collage", "args": {"images": ["$in.image"], "gap": 10**30}}
    assert only(wide).path == "steps[1].args.gap"
    large = only({"tool": "utter", "args": {"text": "no"}, "seed": 2**64})
    assert (large.path, large.code, large.hint) == ("steps[1].seed", "wrong-value", "write a number of at most 64 bits")
    assert not found([{"id": "x", "tool": "utter", "args": {"text": "no"}, "seed": 2**64 - 1}])


def test_a_sound_plan_has_no_violation() -> None:
    steps = [
        DETECT,
        {"id": "s", "tool": "select", "args": {"boxes": "$d", "by": "smallest"}},
        {"id": "m", "tool": "segment", "args": {"image": "$in.image", "boxes": "$s"}},
        {"id": "c", "tool": "colour", "args": {"image": "$in.image", "masks": "$m"}},
        {"id": "r", "tool": "recolour", "args": {"image": "$in.image", "masks": "$m", "colour": "$c[0]"}},
        {"id": "p", "tool": "entitle", "args": {"image": "$r"}},
        {
            "id": "x",
            "tool": "collage",
            "args": {"images": ["$r", "$p.picture"], "title": "$p.title", "gap": "$d.width"},
        },
    ]
    assert found(steps, ["$x", "$c[0]", "$d.labels[0]"], roles={"detector", "segmenter"}) == []


def call(name: str, /, **args: Any) -> dict[str, Any]:
    return {"tool": name, "args": args}


IMAGE = "$in.image"
FAULTS = [
    (call("cuont", boxes="$d"), "tool", "unknown-tool", "did you mean count"),
    (call("count", boxs="$d", boxes="$d"), "args.boxs", "unknown-argument", "boxes"),
    (call("count"), "args.boxes", "missing-argument", "use $d"),
    (call("count", boxes=IMAGE), "args.boxes", "wrong-kind", "use $d"),
    (call("count", boxes="all"), "args.boxes", "not-a-reference", "use $d"),
    (call("count", boxes="$dd"), "args.boxes", "unknown-step", "did you mean $d"),
    (call("count", boxes="$thread.boxs"), "args.boxes", "unknown-thread-name", "boxes"),
    (call("count", boxes="$d.width"), "args.boxes", "wrong-kind", "use $d"),
    (call("count", boxes="$d."), "args.boxes", "bad-reference", ""),
    (call("blur", image="$in.image[2]"), "args.image", "unknown-attachment", "the last one"),
    (call("blur", image="$in.audio"), "args.image", "unknown-attachment", IMAGE),
    (call("blur", image="$in.image.pixels"), "args.image", "unknown-field", "fields"),
    (call("blur", image="$in.image.width[1]"), "args.image", "no-elements", "index"),
    (call("blur", image="$item"), "args.image", "item-outside-each", "each"),
    (call("select", boxes="$d", by="bigest"), "args.by", "wrong-value", "did you mean"),
    (call("select", boxes="$d", by=3), "args.by", "wrong-value", ""),
    (call("detect", image=IMAGE, labels="cars"), "args.labels", "wrong-value", '["cars"]'),
    (call("detect", image=IMAGE, labels=[4]), "args.labels[0]", "wrong-value", ""),
    (call("collage", images=IMAGE), "args.images", "wrong-kind", '["$in.image"]'),
    (call("collage", images=["$d"]), "args.images[0]", "wrong-kind", IMAGE),
    (call("collage", images=[], gap=True), "args.gap", "wrong-value", ""),
    (call("collage", images=[], title="$d.width"), "args.title", "wrong-type", ""),
    (call("collage", images=[], gap="$d"), "args.gap", "wrong-type", "$d.width"),
    (call("blur", image="$item") | {"each": IMAGE}, "each", "not-a-collection", "leave out"),
    (call("count", boxes="$item") | {"each": "$in.image[*]"}, "args.boxes", "wrong-kind", "$d"),
]


@pytest.mark.parametrize(("step", "path", "code", "hint"), FAULTS)
def test_each_fault_is_told_with_path_code_and_hint(step: dict[str, Any], path: str, code: str, hint: str) -> None:
    violation = only(step, thread={"boxes": "boxes"})
    assert (violation.path, violation.code) == (f"steps[1].{path}", code)
    assert hint in violation.hint, violation.hint


def test_a_missing_attachment_says_how_many_there_are() -> None:
    violation = only({"tool": "blur", "args": {"image": "$in.image[2]"}}, attachments=["image", "audio", "image"])
    assert violation.message == "$in.image[2]: only 2 image are attached"
    assert violation.hint == "the last one is $in.image[1]"


def test_everything_wrong_is_reported_at_once_in_order() -> None:
    steps = [
        {"id": "item", "tool": "detcet", "args": {"image": "$in.image[7]"}},
        {"id": "a", "tool": "select", "args": {"boxes": "$b"}},
        {"id": "b", "tool": "select", "args": {"boxes": "$a"}},
        {"id": "c", "tool": "count", "args": {}},
        {"id": "c", "tool": "blur", "args": {"image": "$in.image"}},
    ]
    codes = [violation.code for violation in found(steps, ["$nobody", "b"])]
    assert codes == [
        "reserved-id", "duplicate-id", "cycle", "unknown-tool", "unknown-attachment", "missing-argument",
        "unknown-step", "not-a-reference",
    ]  # fmt: skip


def test_a_cycle_is_named() -> None:
    steps = [
        {"id": "a", "tool": "select", "args": {"boxes": "$b"}},
        {"id": "b", "tool": "select", "args": {"boxes": "$c"}},
        {"id": "c", "tool": "select", "args": {"boxes": "$a"}},
    ]
    (violation,) = found(steps, ["$a"])
    assert violation.code == "cycle" and "a → b → c → a" in violation.message


def test_an_empty_plan_and_an_empty_answer_are_faults() -> None:
    assert [violation.code for violation in found([], [])] == ["no-steps", "empty-answer"]


def test_a_text_may_be_said_in_the_plan_and_no_other_kind_may() -> None:
    said = [{"id": "x", "tool": "utter", "args": {"text": "$$5 for two"}}]
    seen = [{"id": "s", "tool": "perceive", "args": {"image": "$in.image", "question": "what is it"}}]
    read = {"id": "x", "tool": "utter", "args": {"text": "$s"}}
    assert found(said) == [] and found([*seen, read]) == []
    assert only({"tool": "utter", "args": {"text": "$d"}}).code == "wrong-kind"
    assert only({"tool": "utter", "args": {"text": 5}}).code == "not-a-reference"
    assert only({"tool": "count", "args": {"boxes": "three boxes"}}).code == "not-a-reference"


def test_each_gives_lists_and_lists_do_not_pass_for_one() -> None:
    steps = [
        {"id": "d", "tool": "detect", "each": "$in.image[*]", "args": {"image": "$item"}},
        {"id": "n", "tool": "count", "each": "$d", "args": {"boxes": "$item"}},
        {"id": "one", "tool": "count", "each": "$d[0]", "args": {"boxes": "$item"}},
        {"id": "x", "tool": "count", "args": {"boxes": "$d[1]"}},
    ]
    assert found(steps, ["$n", "$one", "$d[0].labels"], attachments=["image", "image"]) == []
    steps[3] = {"id": "x", "tool": "count", "args": {"boxes": "$d"}}
    (wrong,) = found(steps, attachments=["image", "image"])
    assert wrong.code == "wrong-kind" and '"each": "$d"' in wrong.hint and "$d[0]" in wrong.hint


def test_roles_that_nobody_serves_and_models_that_do_not_fit_are_told_before_the_run() -> None:
    step = {"tool": "segment", "args": {"image": "$in.image", "boxes": "$d"}}
    violation = only(step, roles={"detector"})
    assert (violation.path, violation.code) == ("steps[1].tool", "role-not-served") and "segmenter" in violation.message

    def fits(roles: Sequence[str]) -> Violation | None:
        if "segmenter" in roles:
            return Violation("", "pool-limit-too-small", "the segmenter takes 9 MB, the pool has 4 MB")
        return None

    violation = only(step, roles={"detector", "segmenter"}, fits=fits)
    assert (violation.path, violation.code) == ("steps[1].tool", "pool-limit-too-small")


def test_attachments_that_are_not_known_yet_are_not_held_against_a_plan() -> None:
    step = {"tool": "blur", "args": {"image": "$in.image[4]"}}
    assert found([DETECT, {"id": "x"} | step], attachments=None) == []


def test_ensure_raises_one_error_with_every_violation() -> None:
    plan = Plan.from_data({"version": 1, "steps": [{"id": "x", "tool": "cuont"}], "answer": []})
    with pytest.raises(PlanError) as caught:
        ensure(plan, REGISTRY)
    assert [violation["code"] for violation in caught.value.violations] == ["unknown-tool", "empty-answer"]
    assert "did you mean count" in str(caught.value)


def test_types_of_steps_are_told() -> None:
    steps = [
        {"id": "d", "tool": "detect", "each": "$in.image[*]", "args": {"image": "$item"}},
        {"id": "n", "tool": "count", "args": {"boxes": "$d[0]"}},
        {"id": "p", "tool": "entitle", "args": {"image": "$in.image"}},
        {"id": "u", "tool": "unheard_of"},
    ]
    plan = Plan.from_data({"version": 1, "steps": steps, "answer": ["$n"]})
    types = plan_types(plan, REGISTRY, attachments=["image"])
    assert (types["d"].kind, types["d"].many) == ("boxes", True)
    assert (types["n"].kind, types["n"].schema) == (None, {"type": "integer"})
    assert types["p"].fields["picture"].kind == "image" and types["p"].fields["title"].schema["type"] == "string"
    assert "u" not in types


def test_each_may_run_along_several_lists_at_once() -> None:
    steps = [
        {"id": "d", "tool": "detect", "each": "$in.image[*]", "args": {"image": "$item"}},
        {
            "id": "m",
            "tool": "segment",
            "each": ["$in.image[*]", "$d"],
            "args": {"image": "$item[0]", "boxes": "$item[1]"},
        },
        {"id": "x", "tool": "blur", "each": ["$in.image[*]", "$m"], "args": {"image": "$item[0]", "masks": "$item[1]"}},
    ]
    assert found(steps, attachments=["image", "image"]) == []
    steps[2]["args"] = {"image": "$item[0]", "masks": "$item[2]"}
    (violation,) = found(steps, attachments=["image", "image"])
    assert (violation.path, violation.code) == ("steps[2].args.masks", "no-elements")
    assert violation.hint == "the last one is [1]"

import numpy as np
import pytest

from panmodal.planners.base import Request, language_of
from panmodal.planners.checker import check
from panmodal.planners.router import Router, Via, direct_plan, question_type, wilson_lower
from panmodal.tools.errors import UnknownRole
from panmodal.tools.media.image import Image
from panmodal.tools.registry import default_registry

REGISTRY = default_registry()
PICTURE = Image.from_array(np.zeros((4, 4, 3), np.uint8))
ROLES = frozenset({"mllm", "detector", "segmenter"})
MEASURED = {"colour": {"n": 100, "right": 88}, "where": {"n": 100, "right": 31}, "yes_no": {"n": 5, "right": 4}}


def routed(text: str, pictures: int = 1, via: Via = "auto", roles: frozenset[str] = ROLES, want: str | None = None):  # type: ignore[no-untyped-def]
    request = Request(text, [PICTURE] * pictures, want, language_of(text))
    return Router(MEASURED).route(request, REGISTRY, roles, via)


def test_a_colour_question_goes_direct_and_says_why() -> None:
    route = routed("What colour is the star?")
    assert (route.kind, route.question_type, route.confidence) == ("direct", "colour", 0.88)
    assert "88 of 100" in route.reason


def test_where_experts_answer_too_looking_must_be_as_good() -> None:
    measured = {kind: {"n": 200, "right": 150} for kind in ("where", "size")} | {"yes_no": {"n": 200, "right": 170}}

    def way(text: str) -> str:
        return Router(measured).route(Request(text, [PICTURE]), REGISTRY, ROLES).kind

    assert [way("Where is the car?"), way("How big is the car?"), way("Is there a car?")] == [
        "tools",
        "direct",
        "direct",
    ]


def test_the_reason_is_in_the_language_of_the_request() -> None:
    route = routed("星星是什么颜色？")
    assert route.kind == "direct" and "看图就够了" in route.reason


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("How many circles are in the picture? Cut out the largest one.", "2 parts"),
        ("How many circles are there?", "exact"),
        ("Blur the car", "image"),
        ("Find the houses", "boxes"),
        ("What colour is the largest star?", "largest"),
        ("Where is the car?", "31 of 100"),
        ("Is there a moon?", "4 of 5"),
        ("What is in the picture?", "never measured"),
        ("Rotate the picture", "no question"),
        ("What is the exact colour of the star?", "exact"),
        ("图里有几个圆？", "计数"),
    ],
)
def test_the_rest_goes_to_tools_and_says_why(text: str, told: str) -> None:
    route = routed(text)
    assert route.kind == "tools" and told in route.reason


def test_several_pictures_none_at_all_or_a_wanted_medium_go_to_tools() -> None:
    text = "What colour is the star?"
    assert "2 pictures" in routed(text, pictures=2).reason
    assert "no picture" in routed(text, pictures=0).reason
    assert routed(text, want="image").kind == "tools"
    assert "no mllm" in routed(text, roles=frozenset({"detector"})).reason


def test_without_any_measurement_looking_is_trusted_half() -> None:
    route = Router(None).route(Request("What colour is the star?", [PICTURE]), REGISTRY, ROLES)
    assert (route.kind, route.confidence) == ("direct", 0.5)


def test_the_user_decides_where_the_user_says_so() -> None:
    assert [routed("Blur the car", via=via).kind for via in ("direct", "tools", "both")] == ["direct", "tools", "both"]
    with pytest.raises(UnknownRole, match="mllm"):
        routed("Blur the car", via="both", roles=frozenset())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("how many things are there", "count_all"),
        ("what is the number of cars", "count"),
        ("which color does it have", "colour"),
        ("in which corner is the cup", "where"),
        ("what's going on", "caption"),
        ("are there any boats", "yes_no"),
        ("what shape is it", "what"),
        ("图里有没有车？", "yes_no"),
        ("What is the backdrop like?", "background"),
        ("is the star striped or dotted?", "pattern"),
        ("how big is the car", "size"),
        ("Which is bigger, the star or the car?", "bigger"),
        ("What does the sign say?", "sign"),
        ("Is the star to the left of the car?", "left_of"),
        ("Is the star above the car?", "above"),
        ("say where the sign is", None),
        ("have the triangles outlined", None),
        ("has the picture got a star in it", "yes_no"),
        ("where is the lower star", "where"),
        ("is there a striped ball", "yes_no"),
        ("cut it out", None),
    ],
)
def test_types_of_questions_are_told_apart(text: str, expected: str | None) -> None:
    assert question_type(text) == expected


def test_the_direct_plan_is_one_step_that_looks_and_passes_the_checker() -> None:
    plan = direct_plan(Request("What costs $5?", [PICTURE]))
    assert plan.steps[0].args == {"image": "$in.image", "question": "What costs $5?"}
    assert check(plan, REGISTRY, attachments=["image"], roles=ROLES) == []
    assert direct_plan(Request("$5?", thread={"image": "image"})).steps[0].args["question"] == "$$5?"


def test_the_score_interval_is_wide_for_few_and_narrow_for_many() -> None:
    assert wilson_lower(4, 5) == pytest.approx(0.376, abs=1e-3)
    assert wilson_lower(80, 100) == pytest.approx(0.711, abs=1e-3)


def test_a_model_of_closed_vocabulary_is_not_asked_with_words_it_never_learned() -> None:
    words = frozenset(["is", "there", "a", "star", "what", "colour", "the", "color"])
    picky = Router(MEASURED, words)
    known = picky.route(Request("What color is the star?", [PICTURE]), REGISTRY, ROLES)
    assert known.kind == "direct"
    for text, word in (("Is there a cat?", "cat"), ("星星是什么颜色？", "星星是什么颜色")):
        route = picky.route(Request(text, [PICTURE]), REGISTRY, ROLES)
        assert route.kind == "tools"
        assert word in route.reason

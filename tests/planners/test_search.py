from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from panmodal.planners.base import PlannerContext, Request, language_of
from panmodal.planners.canonical import canonical
from panmodal.planners.chains import Way, chain, way
from panmodal.planners.checker import check
from panmodal.planners.plan import Plan, Step
from panmodal.planners.reading import clauses, reads_like
from panmodal.planners.retrieval import rank, relevant
from panmodal.planners.search import SearchPlanner
from panmodal.tools.card import Card
from panmodal.tools.contract import tool
from panmodal.tools.errors import PlanError
from panmodal.tools.media.image import Image
from panmodal.tools.media.text import Text
from panmodal.tools.registry import Registry, default_registry

REGISTRY = default_registry()
ROLES = frozenset({"detector", "segmenter", "mllm"})
PICTURE = Image.from_array(np.zeros((4, 4, 3), np.uint8))


@tool
def sharpen(image: Image, amount: float = 1.0) -> Image:
    """Make edges crisper."""
    return image


@tool(card=Card(examples=("write a poem about {subject}",), keeps="meaning"))
def poem(image: Image, subject: str) -> Text:
    """Write verses."""
    return Text.of(subject)


def planned(
    text: str,
    pictures: int = 1,
    thread: Mapping[str, str] | None = None,
    want: str | None = None,
    registry: Registry = REGISTRY,
    roles: frozenset[str] = ROLES,
) -> Plan:
    """Search's plan for a request; it must pass the checker."""
    request = Request(text, [PICTURE] * pictures, want, language_of(text), thread or {})
    plan = SearchPlanner().plan(request, PlannerContext(registry, roles))
    assert check(plan, registry, attachments=request.kinds, thread=request.thread, roles=roles) == []
    assert plan.planner == "search" and plan.request == text
    return plan


def chained(text: str, **more: object) -> list[str]:
    """The plan's calls in short: tool and its literals."""
    steps = planned(text, **more).steps  # type: ignore[arg-type]
    return [" ".join([step.tool, *_literals(step)]) for step in steps]


def _literals(step: Step) -> list[str]:
    values = step.args.values()
    words = [",".join(value) if isinstance(value, list) else str(value) for value in values]
    return [word for word in words if not word.startswith("$")]


def test_the_demo_request_gets_the_plan_that_a_person_would_write() -> None:
    steps = [
        Step(id="s1", tool="detect", args={"image": "$in.image", "labels": ["circles"]}),
        Step(id="s2", tool="count", args={"boxes": "$s1"}),
        Step(id="s3", tool="select", args={"boxes": "$s1"}),
        Step(id="s4", tool="segment", args={"image": "$in.image", "boxes": "$s3"}),
        Step(id="s5", tool="cut_out", args={"image": "$in.image", "masks": "$s4"}),
    ]
    gold = Plan(steps=steps, answer=["$s2", "$s5"])
    found = planned("How many circles are in the picture? Cut out the largest one.")
    assert canonical(found, REGISTRY) == canonical(gold, REGISTRY)


REQUESTS = {
    "What colour is the star?": ["detect star", "segment", "colour"],
    "Count the red cars": ["detect cars", "filter red", "count"],
    "Where is the biggest tree?": ["detect tree", "select", "locate"],
    "Is there a moon?": ["detect moon", "count"],
    "count the cars and trees": ["detect cars,trees", "count"],
    "Please could you tell me how many fish there are?": ["detect fish", "count"],
    "Describe the picture": ["perceive Describe the picture"],
    "Draw boxes around the houses": ["detect houses", "annotate"],
    "outline the boat": ["detect boat", "segment", "annotate"],
    "Crop to the flower on the far left": ["detect flower", "select leftmost", "crop"],
    "Turn the blue star red": ["detect star", "filter blue", "segment", "recolour red"],
    "Make the heart black and white": ["detect heart", "segment", "greyscale"],
    "make it gray": ["greyscale"],
    "find the smallest cup, then cut it out": ["detect cup", "select smallest", "segment", "cut_out"],
    "Blur the circles and count them": ["detect circles", "segment", "blur", "count"],
    "which circles are red?": ["detect circles", "filter red"],
    "图里有几个圆形？把最大的抠出来。": ["detect 圆形", "count", "select", "segment", "cut_out"],
    "红色的星星在哪里？": ["detect 星星", "filter red", "locate"],
    "把汽车变成黑白": ["detect 汽车", "segment", "greyscale"],
}


@pytest.mark.parametrize("text", REQUESTS)
def test_requests_are_planned_by_the_words_of_the_cards(text: str) -> None:
    assert chained(text) == REQUESTS[text]


def test_things_said_apart_are_worked_apart() -> None:
    plan = planned("cut out the largest circle and the smallest star")
    assert chained("cut out the largest circle and the smallest star") == [
        "detect circle", "select", "segment", "cut_out", "detect star", "select smallest", "segment", "cut_out",
    ]  # fmt: skip
    assert plan.answer == ["$s4", "$s8"]


def test_edits_follow_each_other_and_only_the_last_picture_is_reported() -> None:
    plan = planned("Blur the circles and make the picture black and white")
    assert plan.steps[-1].args == {"image": "$s3"} and plan.answer == ["$s4"]


def test_it_stands_for_the_picture_just_made() -> None:
    plan = planned("Crop to the largest star, then blur it")
    assert plan.steps[-1] == Step(id="s4", tool="blur", args={"image": "$s3"}) and plan.answer == ["$s4"]


def test_several_pictures_run_side_by_side_unless_one_is_named() -> None:
    plan = planned("Cut out the largest circle", pictures=2)
    assert [step.each for step in plan.steps] == [
        "$in.image[*]",
        "$s1",
        ["$in.image[*]", "$s2"],
        ["$in.image[*]", "$s3"],
    ]
    assert plan.steps[3].args == {"image": "$item[0]", "masks": "$item[1]"} and plan.answer == ["$s4"]
    second = planned("Blur the star in the second picture and count the moons", pictures=3)
    assert {step.args["image"] for step in second.steps if "image" in step.args} == {"$in.image[1]"}
    assert planned("blur picture number 3", pictures=3).steps[0].args == {"image": "$in.image[2]"}


def test_the_thread_is_used_where_nothing_is_attached() -> None:
    assert planned("now blur it", 0, {"image": "image", "boxes": "boxes"}).steps[0].args == {"image": "$thread.image"}
    plan = planned("cut out the largest one", 0, {"image": "image", "boxes": "boxes"})
    assert [step.tool for step in plan.steps] == ["select", "segment", "cut_out"]
    assert plan.steps[0].args == {"boxes": "$thread.boxes"}


def test_somebody_elses_tool_is_found_by_name_by_example_and_by_kind() -> None:
    more = REGISTRY.with_tools([sharpen, poem])
    assert chained("Count the stars and sharpen the picture", registry=more) == ["detect stars", "count", "sharpen"]
    assert chained("Write a poem about the sea", registry=more) == ["poem the sea"]
    assert chained("whatever you like", want="text", registry=Registry([sharpen, poem])) == ["poem whatever you like"]


def test_tools_whose_roles_nobody_serves_are_not_used() -> None:
    with pytest.raises(PlanError, match="no tool at hand"):
        planned("Cut out the star", roles=frozenset({"detector"}))


@pytest.mark.parametrize(("text", "pictures"), [("Rotate the picture by 90 degrees", 1), ("count the circles", 0)])
def test_what_no_tool_does_is_refused_with_what_could_be_done(text: str, pictures: int) -> None:
    with pytest.raises(PlanError) as caught:
        planned(text, pictures)
    assert text in str(caught.value)
    assert ("blur" in caught.value.hint) == bool(pictures)


def test_a_failed_tool_is_avoided_when_the_plan_is_revised() -> None:
    request = Request("Find the star", [PICTURE])
    plan = planned("Find the star")
    with pytest.raises(PlanError):
        SearchPlanner().revise(plan, [{"step": "s1", "error": "broken"}], request, PlannerContext(REGISTRY, ROLES))


def test_chains_go_the_cheapest_way_and_keep_the_meaning() -> None:
    assert chain(["image"], "masks", REGISTRY) == ["detect", "segment"]
    assert chain(["image"], "image", REGISTRY) == []
    assert chain(["audio"], "masks", REGISTRY) is None

    @tool(card=Card(cost="instant", keeps="part"))
    def initials(image: Image) -> Text:
        """Cheap, but little of the meaning is left."""
        return Text.of("a")

    assert chain(["image"], "text", REGISTRY.with_tools([initials])) == ["caption"]


def test_of_many_tools_the_relevant_ones_come_with_what_they_need() -> None:
    def another(number: int) -> object:
        @tool(name=f"filler_{number}")
        def filler(image: Image) -> Image:
            """Do something that nobody asked for."""
            return image

        return filler

    many: Sequence[object] = [another(number) for number in range(40)]
    few = relevant("cut out the star", REGISTRY.with_tools(many), ["image"], 8)  # type: ignore[arg-type]
    assert {"detect", "segment", "cut_out"} <= set(few.names()) and len(few) <= 12
    assert rank("cut out the star", REGISTRY.tools())[0][1].name == "cut_out"


@pytest.mark.parametrize(
    ("text", "pictures", "want", "steps"),
    [
        ("Draw a red star on a plain background", 0, None, ["generate_image a red star on a plain background"]),
        ("a red star", 0, "image", ["generate_image a red star"]),
        ("draw a blue cat", 1, None, ["generate_image a blue cat"]),
        ("draw this picture again", 1, None, ["caption", "generate_image"]),
    ],
)
def test_a_text_is_what_the_wish_says_or_what_it_points_to(
    text: str, pictures: int, want: str | None, steps: list[str]
) -> None:
    assert chained(text, pictures=pictures, want=want, roles=ROLES | {"image_generator", "captioner"}) == steps


ALL_ROLES = ROLES | {"image_generator", "captioner", "tts", "asr", "summariser", "translator"}


@pytest.mark.parametrize(
    ("text", "steps", "answer"),
    [
        # What a wish made is what the next one points to, made once; both are answers where they are of two kinds.
        ("describe the picture, then draw it and read it aloud",
         ["perceive describe the picture", "generate_image", "speak"], ["$s1", "$s2", "$s3"]),
        ("caption the picture and translate it into French", ["caption", "translate french"], ["$s2"]),
        ("draw a red star and enlarge it", ["generate_image a red star", "upscale"], ["$s2"]),
        ("blur the star and make it larger", ["detect star", "segment", "blur", "upscale"], ["$s4"]),
    ],
)  # fmt: skip
def test_wishes_take_up_what_others_made(text: str, steps: list[str], answer: list[str]) -> None:
    pictures = 0 if text.startswith("draw") else 1
    assert chained(text, pictures=pictures, roles=ALL_ROLES) == steps
    plan = planned(text, pictures=pictures, roles=ALL_ROLES)
    assert plan.answer == answer
    made = {"perceive": "$s1", "caption": "$s1", "blur": "$s3"}.get(plan.steps[-2].tool)
    assert made is None or made in plan.steps[-1].args.values()


def test_a_way_has_one_tool_at_least_and_says_what_it_loses() -> None:
    tools = REGISTRY.tools()
    again = way(["image"], "image", tools)
    assert again == Way(("caption", "generate_image"), 0)  # an edit is shorter and keeps the form alone
    assert way(["image"], "boxes", tools) == Way(("detect",), 2)
    assert way(["image"], "masks", tools) == Way(("detect", "segment"), 4)  # whatever there is, is not what was named
    assert way(["table"], "audio", tools) is None


@tool(card=Card(examples=("erase the {labels}", "make the {labels} vanish", "把{labels}擦掉")))
def erase(image: Image, labels: list[str]) -> Image:
    """Make things vanish."""
    return image


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Erase the red star.", True),
        ("please erase all my stars", True),
        ("make the star vanish", True),
        ("把星星擦掉", True),
        ("请把这些星星擦掉", True),
        ("erase", True),
        ("the star should vanish", False),
        ("draw what I could erase", False),
        ("make the star bigger", False),
    ],
)
def test_a_wish_reads_like_an_example_or_it_does_not(text: str, meant: bool) -> None:
    wish = clauses(text, [erase])
    assert len(wish) == 1 and reads_like(erase, wish[0]) is meant

"""Answers say what the steps gave, and tell apart nothing found, failed and not run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from panmodal.planners.answer import Answer, compose
from panmodal.planners.base import Language, Request
from panmodal.planners.phrases import phrasebook
from panmodal.planners.plan import Plan
from panmodal.planners.rows import rows_of, unquoted
from panmodal.tools.card import Card
from panmodal.tools.contract import tool
from panmodal.tools.errors import EmptyInput, PanmodalError, StepTimeout
from panmodal.tools.media.boxes import Boxes
from panmodal.tools.media.image import Image
from panmodal.tools.media.spans import Spans
from panmodal.tools.media.table import Table
from panmodal.tools.media.text import Text
from panmodal.tools.registry import Registry
from panmodal.tools.see.colour import colour
from panmodal.tools.see.count import count
from panmodal.tools.see.detect import detect
from panmodal.tools.see.filter import filter_colour
from panmodal.tools.see.locate import locate
from panmodal.tools.see.perceive import perceive
from panmodal.tools.see.segment import segment
from panmodal.tools.see.select import select

CUT = Card(answer={"en": "The {labels} {is|are} cut out.", "zh": "已抠出{labels}。"})


@tool(card=CUT)
def cut(image: Image, boxes: Boxes) -> Image:
    """Cut things out."""
    return image


@tool
def mirror(image: Image) -> Image:
    """Mirror a picture."""
    return image


@tool
def sharpness(image: Image) -> float:
    """Measure how sharp a picture is."""
    return 0.51234


REGISTRY = Registry([detect, count, select, filter_colour, segment, colour, locate, perceive, cut, mirror, sharpness])
SCENE = Image.from_array(np.zeros((40, 60, 3), np.uint8))


@dataclass
class Done:
    status: str = "done"
    error: dict[str, Any] | None = None


def boxes(*labels: str) -> Boxes:
    return Boxes.of([[0, 0, 9, 9]] * len(labels), labels, [0.9] * len(labels), SCENE)


def failed(error: PanmodalError) -> Done:
    return Done("failed", error.to_dict())


def not_run(*causes: str) -> Done:
    return Done("not_run", {"code": "not-run", "message": "not run", "facts": {"causes": list(causes)}})


def tell(
    steps: Sequence[tuple[str, dict[str, Any], Any]],
    answer: Sequence[str],
    language: Language = "en",
    notes: Sequence[str] = (),
    each: dict[str, str] | None = None,
) -> Answer:
    """Compose over steps given as (tool, arguments, value or Done), numbered s1, s2, …"""
    data = [
        {"id": f"s{n}", "tool": name, "args": args, "each": (each or {}).get(f"s{n}")}
        for n, (name, args, _) in enumerate(steps, 1)
    ]
    plan = Plan.from_data({"version": 1, "steps": data, "answer": list(answer)})
    values = {f"s{n}": value for n, (_, _, value) in enumerate(steps, 1) if not isinstance(value, Done)}
    outcomes = {f"s{n}": value if isinstance(value, Done) else Done() for n, (_, _, value) in enumerate(steps, 1)}
    request = Request("?", [SCENE, SCENE], language=language)
    return compose(request, plan, outcomes, values, REGISTRY, language, notes=notes)


DETECT = ("detect", {"image": "$in.image", "labels": ["circles"]})


@pytest.mark.parametrize(
    ("number", "english", "chinese"),
    [
        (0, "No circle was found.", "没有找到圆形。"),
        (1, "There is 1 circle.", "有1个圆形。"),
        (3, "There are 3 circles.", "有3个圆形。"),
    ],
)
def test_numbers_agree(number: int, english: str, chinese: str) -> None:
    steps = [(*DETECT, boxes(*["circle"] * number)), ("count", {"boxes": "$s1"}, number)]
    told = tell(steps, ["$s2"])
    assert (told.text, told.status) == (english, "answered")
    assert tell(steps, ["$s2"], "zh").text == chinese


@pytest.mark.parametrize(
    ("label", "one", "many"),
    [
        ("boxes", "box", "boxes"),
        ("fish", "fish", "fish"),
        ("people", "person", "people"),
        ("cherry", "cherry", "cherries"),
    ],
)
def test_nouns_take_the_number_of_the_sentence(label: str, one: str, many: str) -> None:
    for number, noun in ((1, f"is 1 {one}"), (2, f"are 2 {many}")):
        steps = [("detect", {"image": "$in.image", "labels": [label]}, boxes()), ("count", {"boxes": "$s1"}, number)]
        assert tell(steps, ["$s2"]).text == f"There {noun}."


def test_narrowing_steps_become_adjectives() -> None:
    steps = [
        (*DETECT, boxes("circle", "circle", "circle")),
        ("filter", {"image": "$in.image", "boxes": "$s1", "colour": "red"}, boxes("circle", "circle")),
        ("select", {"boxes": "$s2", "by": "largest"}, boxes("circle")),
        ("locate", {"boxes": "$s3"}, ["top left"]),
        ("count", {"boxes": "$s2"}, 2),
        ("cut", {"image": "$in.image", "boxes": "$s3"}, SCENE),
    ]
    told = tell(steps, ["$s5", "$s4", "$s6"])
    assert told.text == (
        "There are 2 red circles. The largest red circle is at the top left. The largest red circle is cut out."
    )
    assert (
        tell(steps, ["$s5", "$s4", "$s6"], "zh").text
        == "有2个红色的圆形。最大的红色的圆形在左上。已抠出最大的红色的圆形。"
    )
    assert list(told.artifacts) == ["image_s6"]


@pytest.mark.parametrize(
    ("places", "text"),
    [
        (["left", "left"], "The circles are at the left."),
        (["left", "right", "left"], "The circles are at the left (2) and right."),
    ],
)
def test_equal_words_of_several_things_are_told_once(places: list[str], text: str) -> None:
    steps = [(*DETECT, boxes(*["circle"] * len(places))), ("locate", {"boxes": "$s1"}, places)]
    assert tell(steps, ["$s2"]).text == text


def test_evidence_names_step_and_artifacts() -> None:
    found = boxes("circle")
    told = tell([(*DETECT, found), ("count", {"boxes": "$s1"}, 1)], ["$s2"])
    assert [(each.step, each.tool, each.artifacts) for each in told.citations] == [("s2", "count", (found,))]
    assert told.citations[0].to_dict()["artifacts"] == [{"kind": "boxes", "id": found.id}]


def test_everything_found_is_told_by_class() -> None:
    told = tell([("detect", {"image": "$in.image"}, boxes("circle", "star", "circle"))], ["$s1"])
    assert told.text == "There are 3 objects: 2 circles and 1 star."
    told = tell([("detect", {"image": "$in.image"}, boxes("circle", "star"))], ["$s1"], "zh")
    assert told.text == "图中有2个物体：1个圆形和1个星星。"


def test_several_nouns_are_joined() -> None:
    steps = [("detect", {"image": "$in.image", "labels": ["cars", "tree"]}, boxes()), ("count", {"boxes": "$s1"}, 4)]
    assert tell(steps, ["$s2"]).text == "There are 4 cars and trees."
    steps[1] = ("count", {"boxes": "$s1"}, 0)
    assert tell(steps, ["$s2"]).text == "No car or tree was found."


def test_a_looked_up_text_is_the_sentence() -> None:
    told = tell([("perceive", {"image": "$in.image", "question": "what colour is it?"}, Text.of("red"))], ["$s1"])
    assert told.text == "Red."
    assert told.citations[0].artifacts[0] == SCENE


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("it says “stop”", "It says “stop”."),
        ("上面写着“STOP”", "上面写着“STOP”。"),
        ("两只猫", "两只猫。"),
        ("Done!", "Done!"),
    ],
)
def test_a_sentence_ends_as_its_language_does(text: str, told: str) -> None:
    assert phrasebook("en").sentence(text) == told


def test_tools_without_a_sentence_are_told_by_kind() -> None:
    told = tell([("mirror", {"image": "$in.image"}, SCENE), ("sharpness", {"image": "$s1"}, 0.51234)], ["$s1", "$s2"])
    assert told.text == "The tool mirror made image_s1. The tool sharpness gives 0.5123."


def test_a_chain_of_pictures_is_told_from_its_start() -> None:
    steps = [
        (*DETECT, boxes("circle")),
        ("cut", {"image": "$in.image", "boxes": "$s1"}, SCENE),
        ("mirror", {"image": "$s2"}, SCENE),
    ]
    assert tell(steps, ["$s3"]).text == "The circle is cut out. The tool mirror made image_s3."


def test_failed_and_not_run_are_told_apart_with_the_cause() -> None:
    steps = [
        (*DETECT, failed(StepTimeout("step s1 ran longer than 2 s", hint="raise the step's timeout"))),
        ("count", {"boxes": "$s1"}, not_run("s1")),
        ("cut", {"image": "$in.image", "boxes": "$s1"}, not_run("s1")),
        ("sharpness", {"image": "$in.image"}, 0.5),
    ]
    told = tell(steps, ["$s2", "$s3", "$s4"])
    assert told.text == (
        "The tool sharpness gives 0.5. The tool detect failed: step s1 ran longer than 2 s (raise the step's timeout). "
        "Not run because of that: count and cut."
    )
    assert told.status == "partial"
    assert tell(steps, ["$s2"]).status == "failed"
    assert tell(steps, ["$s2"], "zh").text.startswith("工具 detect 失败：")


def test_nothing_to_work_on_is_an_answer_not_a_fault() -> None:
    steps = [
        (*DETECT, boxes()),
        ("count", {"boxes": "$s1"}, 0),
        ("cut", {"image": "$in.image", "boxes": "$s1"}, failed(EmptyInput("nothing to cut out: no circle was found"))),
        ("mirror", {"image": "$s3"}, not_run("s3")),
    ]
    told = tell(steps, ["$s2", "$s4"])
    assert told.text == "No circle was found. So mirror had nothing to work on."
    assert told.status == "answered"
    assert told.artifacts == {}


def test_elements_are_numbered_and_failed_ones_said() -> None:
    lost = {
        "code": "tool",
        "message": "1 of 3 elements failed",
        "facts": {"elements": [{"item": 2, "message": "too dark"}]},
    }
    steps: list[tuple[str, dict[str, Any], Any]] = [("sharpness", {"image": "$item"}, [0.5, 0.25])]
    told = tell(steps, ["$s1"], each={"s1": "$in.image[*]"})
    assert told.text == "Number 1: The tool sharpness gives 0.5. Number 2: The tool sharpness gives 0.25."
    plan = Plan.from_data(
        {
            "version": 1,
            "steps": [{"id": "s1", "tool": "sharpness", "args": {"image": "$item"}, "each": "$in.image[*]"}],
            "answer": ["$s1"],
        }
    )
    told = compose(Request("?", [SCENE]), plan, {"s1": Done("done", lost)}, {"s1": [0.5, 0.25]}, REGISTRY, "en")
    assert told.text.endswith("The tool sharpness failed on 1 of 3 elements: too dark.")
    assert told.status == "partial"


def test_a_field_of_a_step_can_be_answered() -> None:
    told = tell([(*DETECT, boxes("circle", "circle"))], ["$s1.labels"])
    assert told.text == "The tool detect $s1.labels gives circle and circle."


def test_notes_follow_the_facts() -> None:
    told = tell([("sharpness", {"image": "$in.image"}, 0.5)], ["$s1"], notes=["Search made the plan."])
    assert told.text == "The tool sharpness gives 0.5. Search made the plan."


def test_given_attachments_are_passed_on() -> None:
    told = tell([], ["$in.image"])
    assert told.artifacts == {"image_in": SCENE}


def test_rows_of_what_was_heard_read_or_tabled_are_told() -> None:
    spans = Spans.of([[0, 1.25], [1.25, 3]], ["bell", "red star moves left"])
    assert rows_of(spans) == (["bell (0.0–1.2 s)", "red star moves left (1.2–3.0 s)"], 0)
    assert rows_of(Table.of([{"what": "star", "score": 0.98765}])) == (["star 0.988"], 0)
    assert rows_of(Table.of([{"start": 0, "end": 1.5, "text": "a black sign."}])) == (["0 1.5 a black sign"], 0)
    sizes = {"thing": "star", "width": 30.0, "area": 1234.5, "centre_x": 7, "aspect": None}
    assert rows_of([Table.of([sizes] * 6)]) == (["star: width 30, area 1234, centre x 7"] * 4, 2)
    assert rows_of(Spans.of([[n, n + 1] for n in range(20)]))[1] == 8


def test_elements_with_nothing_to_work_on_are_told_as_left_out() -> None:
    data = {
        "version": 1,
        "steps": [
            {"id": "s1", "tool": "cut", "args": {"image": "$item", "boxes": "$in.boxes"}, "each": "$in.image[*]"},
            {"id": "s2", "tool": "sharpness", "args": {"image": "$s1[0]"}},
        ],
        "answer": ["$s2"],
    }
    element = {"item": 1, **EmptyInput("nothing to sharpen").to_dict()}
    steps = {"s1": Done(error={**element, "facts": {"elements": [element]}}), "s2": Done()}
    values = {"s1": [SCENE], "s2": 0.5}
    request = Request("?", [SCENE, SCENE, boxes("star")], language="en")
    told = compose(request, Plan.from_data(data), steps, values, REGISTRY, "en")
    assert "In 1 of 2 there was nothing for cut to work on" in told.text and told.status == "answered"


def test_long_texts_are_told_by_their_beginning() -> None:
    assert unquoted(f"the detector does not know '{'a' * 5000}'") == f"the detector does not know '{'a' * 80}…'"
    assert unquoted("it doesn't know 'it'") == "it doesn't know 'it'"
    found = tell([("detect", {"image": "$in.image", "labels": ["b" * 5000]}, boxes())], ["$s1"])
    assert len(found.text) < 120


def test_empty_labels_mean_anything_and_none_is_told_as_none() -> None:
    found = tell([("detect", {"image": "$in.image", "labels": [""]}, boxes("star", "car"))], ["$s1"])
    assert "objects" in found.text and " s " not in found.text
    assert tell([("count", {"boxes": "$in.image"}, 0)], ["$s1"]).text == "No object was found."

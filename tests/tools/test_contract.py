import asyncio
import threading
import timeit
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pytest
from pydantic import BaseModel

from panmodal.tools.card import Card
from panmodal.tools.contract import Tool, tool
from panmodal.tools.errors import ToolError, WrongArgument
from panmodal.tools.media.artifact import Artifact
from panmodal.tools.media.boxes import Boxes
from panmodal.tools.media.image import Image
from panmodal.tools.media.text import Text
from panmodal.tools.roles import Detector, LanguageModel, Mllm, StepContext


class Report(BaseModel):
    best: Image
    names: list[str]
    sure: float


@tool(card=Card(bad_at="crowds", cost="model", examples=("find the {labels}",)))
def look(
    image: Image,
    labels: Sequence[str] = (),
    how: Literal["fast", "well"] = "fast",
    marks: Boxes | None = None,
    *,
    detector: Detector,
    eyes: Mllm,
    ctx: StepContext,
) -> Report:
    """Look at a picture.

    More about looking.

    Args:
        image: the picture to look at
        labels (words): what to look for,
            in any number
    """
    return Report(best=image, names=[*labels, how], sure=float(ctx.seed))


@pytest.fixture
def picture() -> Image:
    return Image.from_array(np.zeros((4, 6, 3), np.uint8))


def test_schema_roles_and_manual_come_from_the_function() -> None:
    assert (look.name, look.doc) == ("look", "Look at a picture.")
    assert look.description == "Look at a picture.\n\nMore about looking."
    assert [(each.name, each.kind, each.many, each.optional) for each in look.params] == [
        ("image", "image", False, False),
        ("labels", None, True, True),
        ("how", None, False, True),
        ("marks", "boxes", False, True),
    ]
    assert look.roles == ("detector", "mllm")
    assert look.role_params == {"detector": "detector", "eyes": "mllm"}
    schema = look.json_schema()
    assert schema["required"] == ["image"]
    assert schema["properties"]["labels"] == {
        "type": "array",
        "items": {"type": "string"},
        "default": [],
        "description": "what to look for, in any number",
    }
    assert schema["properties"]["how"]["enum"] == ["fast", "well"]
    described = look.describe()
    assert described["returns"] == "object with best, names, sure"
    assert described["bad_at"] == "crowds"


def test_fields_of_a_result_can_be_referred_to() -> None:
    assert look.returns.kind is None
    assert {name: (each.kind, each.many) for name, each in look.returns.fields.items()} == {
        "best": ("image", False),
        "names": (None, True),
        "sure": (None, False),
    }

    @tool
    def find(image: Image) -> Boxes:
        return Boxes.of([], [], [], image)

    assert find.returns.kind == "boxes"
    assert find.returns.fields["labels"].many
    assert "id" not in find.returns.fields


def test_validation_fills_defaults_and_names_what_is_wrong(picture: Image) -> None:
    assert look.validate({"image": picture, "labels": ["cat"]}) == {
        "image": picture,
        "labels": ["cat"],
        "how": "fast",
        "marks": None,
    }
    with pytest.raises(WrongArgument, match="'image' must be one image") as caught:
        look.validate({"image": "cat.png"})
    assert caught.value.facts["field"] == "image"
    with pytest.raises(WrongArgument, match=r"'image' \(one image\) is missing; 'colour' is not an argument") as caught:
        look.validate({"colour": "red"})
    assert caught.value.facts["fields"] == ["image", "colour"]
    with pytest.raises(WrongArgument, match="'labels'"):
        look.validate({"image": picture, "labels": "cat"})
    with pytest.raises(WrongArgument, match="'how': .*'fast' or 'well'"):
        look.validate({"image": picture, "how": "badly"})
    with pytest.raises(WrongArgument, match="'marks' must be one boxes"):
        look.validate({"image": picture, "marks": picture})


def test_validation_of_two_arguments_is_quick(picture: Image) -> None:
    @tool
    def find(image: Image, labels: Sequence[str] = ()) -> int:
        return 0

    args = {"image": picture, "labels": ["cat", "dog"]}
    # 20 us is the aim; the bound is wide because machines are shared.
    assert min(timeit.repeat(lambda: find.validate(args), number=200, repeat=5)) / 200 < 100e-6


def test_models_and_context_are_injected_by_role(picture: Image) -> None:
    seen: list[object] = []

    @tool
    def ask(image: Image, *, one: Detector, writer: LanguageModel, other: LanguageModel, here: StepContext) -> int:
        seen.extend([one, writer, other])
        return here.seed

    assert ask.role_params == {"one": "detector", "writer": "writer", "other": "writer"}
    models = {"detector": object(), "writer": object()}
    assert ask.call(ask.validate({"image": picture}), models, StepContext(seed=7)) == 7
    assert seen == [models["detector"], models["writer"], models["writer"]]


def test_a_tool_stays_a_plain_function() -> None:
    @tool
    def double(number: int) -> int:
        """Double it."""
        return number * 2

    assert double(21) == 42
    assert double.__doc__ == "Double it."
    assert double.validate({"number": "4"}) == {"number": 4}


def test_three_lines_make_a_tool() -> None:
    @tool
    def shout(text: str) -> str:
        return text.upper()

    assert (shout.doc, shout.roles, shout.returns.python) == ("shout", (), str)
    assert shout.call({"text": "hey"}, {}) == "HEY"


def test_a_text_may_be_given_as_the_words_themselves(picture: Image) -> None:
    @tool
    def say(text: Text, then: Text | None = None) -> str:
        """Say a text."""
        return text.text

    assert say.params[0].literal and say.params[0].kind == "text"
    assert say.json_schema()["properties"]["text"] == {"type": "string"}
    checked = say.validate({"text": "good day"})
    assert checked["text"] == Text.of("good day") and checked["then"] is None
    assert say.call(checked, {}) == "good day"
    with pytest.raises(WrongArgument, match="'text' must be one text"):
        say.validate({"text": picture})

    @tool
    def told(text: Text) -> Text:
        """Return what is no text."""
        return "words"  # type: ignore[return-value]

    with pytest.raises(ToolError, match="returned str, not the text"):
        told.call(told.validate({"text": "x"}), {})


def test_async_tools_are_awaited_and_checked() -> None:
    @tool
    async def wait(seconds: float) -> int:
        return "no number"  # type: ignore[return-value]

    assert wait.is_async
    with pytest.raises(ToolError, match="returned str, not the int"):
        asyncio.run(wait.call({"seconds": 0.0}, {}))


def test_a_result_of_the_wrong_kind_is_a_tool_error(picture: Image) -> None:
    @tool
    def find(image: Image) -> Boxes:
        return image  # type: ignore[return-value]

    with pytest.raises(ToolError, match="'find' returned Image, not the boxes that it declares"):
        find.call({"image": picture}, {})


def bare(image) -> int:
    return 0  # type: ignore[no-untyped-def]


def nothing(image: Image) -> None: ...
def spread(*images: Image) -> int:
    return 0  # noqa: E704


def positional(image: Image, /) -> int:
    return 0  # noqa: E704


def injected(image: Image, *, depth: int) -> int:
    return 0  # noqa: E704


def mixed(media: Image | Boxes) -> int:
    return 0  # noqa: E704


def hidden(media: dict[str, Image]) -> int:
    return 0  # noqa: E704


def abstract(media: Artifact) -> int:
    return 0  # noqa: E704


def opaque(lock: threading.Thread) -> int:
    return 0  # noqa: E704


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (bare, "'image' has no type hint"),
        (nothing, "no return type"),
        (spread, "'images': a plan cannot fill"),
        (positional, "'image': plans pass arguments by name"),
        (injected, "'depth' is keyword-only"),
        (mixed, "'media': plans cannot express"),
        (hidden, "'media': plans cannot express"),
        (abstract, "'media': Artifact is no concrete kind"),
        (opaque, "'lock': .* neither an artifact nor a value"),
    ],
)
def test_a_bad_definition_fails_when_decorated(function: object, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        Tool(function)  # type: ignore[arg-type]


def test_version_follows_the_source_and_signature_does_not_follow_wording() -> None:
    @tool(name="same")
    def first(number: int) -> int:
        """One wording."""
        return number

    @tool(name="same")
    def second(number: int) -> int:
        """Another wording."""
        return number + 1

    assert first.signature() == second.signature()
    assert first.version != second.version


def test_a_card_refuses_what_it_does_not_know() -> None:
    with pytest.raises(TypeError, match="cost='free' is none of instant"):
        Card(cost="free")  # type: ignore[arg-type]

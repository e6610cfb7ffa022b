import json
from enum import Enum

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from panmodal.planners.plan import Plan
from panmodal.planners.schema import plan_schema, without_nulls
from panmodal.tools.contract import tool
from panmodal.tools.media.image import Image
from panmodal.tools.registry import Registry, default_registry

REGISTRY = default_registry()
PLAN = {
    "version": 1,
    "steps": [
        {"id": "s1", "tool": "detect", "args": {"image": "$item", "labels": ["cars"]}, "each": "$in.image[*]"},
        {"id": "s2", "tool": "select", "args": {"boxes": "$s1[0]", "by": "largest"}},
    ],
    "answer": ["$s2"],
}


class Corner(Enum):
    LEFT = "left"
    RIGHT = "right"


class Stamp(BaseModel):
    text: str
    corner: Corner = Corner.LEFT


@tool
def stamp(image: Image, stamp: Stamp, opacity: float = 1.0) -> Image:
    """Print a stamp on a picture."""
    return image


def faults(data: object, strict: bool = False, registry: Registry = REGISTRY) -> list[str]:
    schema = plan_schema(registry, strict=strict)
    Draft202012Validator.check_schema(schema)
    return [error.message for error in Draft202012Validator(schema).iter_errors(data)]


def test_plans_satisfy_the_schema_of_their_tools() -> None:
    assert faults(PLAN) == []


@pytest.mark.parametrize(
    "step",
    [
        {"id": "s2", "tool": "selct", "args": {}},
        {"id": "s2", "tool": "select", "args": {}},
        {"id": "s2", "tool": "select", "args": {"boxes": "cars"}},
        {"id": "s2", "tool": "select", "args": {"boxes": "$s1", "by": "bigest"}},
        {"id": "s2", "tool": "select", "args": {"boxes": "$s1", "colour": "red"}},
        {"id": "2", "tool": "select", "args": {"boxes": "$s1"}},
        {"id": "s2", "tool": "select", "args": {"boxes": "$s1"}, "if": "$s1"},
    ],
)
def test_what_no_plan_may_say_does_not(step: dict[str, object]) -> None:
    assert faults(PLAN | {"steps": [step]})


def test_strict_plans_require_every_property_and_lose_their_nulls() -> None:
    def check(schema: object) -> None:
        if isinstance(schema, dict):
            if schema.get("type") == "object":
                assert set(schema["required"]) == set(schema["properties"]) and schema["additionalProperties"] is False
            assert not schema.keys() & {"default", "minItems", "minimum", "oneOf"}
            for part in schema.values():
                check(part)
        elif isinstance(schema, list):
            for part in schema:
                check(part)

    check(plan_schema(REGISTRY, strict=True))
    steps = [
        {"id": "s1", "tool": "detect", "args": {"image": "$item", "labels": ["cars"]}, "each": "$in.image[*]"},
        {"id": "s2", "tool": "select", "args": {"boxes": "$s1[0]", "by": None}, "each": None},
    ]
    assert faults(PLAN | {"steps": steps}, strict=True) == []
    assert Plan.from_data(without_nulls(PLAN | {"steps": steps})).steps[1].args == {"boxes": "$s1[0]"}


def test_arguments_with_definitions_of_their_own_keep_them() -> None:
    registry = Registry([stamp])
    step = {"id": "s1", "tool": "stamp", "args": {"image": "$in.image", "stamp": {"text": "hi", "corner": "right"}}}
    plan = {"version": 1, "steps": [step], "answer": ["$s1"]}
    assert faults(plan, registry=registry) == []
    wrong = json.loads(json.dumps(plan).replace('"right"', '"middle"'))
    assert faults(wrong, registry=registry)

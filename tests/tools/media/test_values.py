"""Values of steps as JSON and back."""

import dataclasses
import enum
import json
import math
import time
from typing import NamedTuple

import numpy as np
import pytest
from pydantic import BaseModel

from panmodal.tools.errors import WrongArgument
from panmodal.tools.media.kinds import Boxes, Image, Text
from panmodal.tools.media.values import artifacts_in, dump_value, handles_in, is_empty, load_value


def there_and_back(value):
    stored = {}

    def put(artifact):
        stored[artifact.id] = artifact.encode()[0]

    return load_value(json.loads(json.dumps(dump_value(value, put))), stored.__getitem__)


@pytest.mark.parametrize(
    "value",
    [
        None, True, False, 0, -3, 2**70, 1.5, "", "text", "$in.image", [], {}, [1, [2, [None]]],
        {"a": {"b": [1, "x"]}}, {"$artifact": "a literal"}, {"$float": 1, "x": 2}, {"$dict": []}, {1: "a", "b": 2},
    ],
)  # fmt: skip
def test_plain_values_come_back_as_they_were(value):
    again = there_and_back(value)
    assert again == value and type(again) is type(value)


def test_numbers_that_json_lacks_come_back():
    assert there_and_back([math.inf, -math.inf]) == [math.inf, -math.inf]
    assert math.isnan(there_and_back(math.nan))


def test_artifacts_become_handles_and_come_back_with_their_payload():
    image = Image.from_array(np.full((3, 4, 3), 7, np.uint8))
    value = {"picture": image, "all": [image, Text.of("seven")], "count": 7}
    again = there_and_back(value)
    assert again == value and (again["picture"].pixels == 7).all() and again["all"][1].text == "seven"
    dumped = dump_value(value, lambda artifact: None)
    assert [handle["kind"] for handle in handles_in(dumped)] == ["image", "image", "text"]
    assert artifacts_in(value) == [image, Text.of("seven")]


def test_records_become_dicts_and_numpy_numbers_become_plain():
    class Colour(enum.Enum):
        RED = "red"

    class Size(NamedTuple):
        width: int

    class Model(BaseModel):
        score: float

    @dataclasses.dataclass
    class Found:
        size: Size
        colour: Colour

    assert there_and_back(Found(Size(3), Colour.RED)) == {"size": {"width": 3}, "colour": "red"}
    assert there_and_back((np.int64(3), np.float32(0.5), np.bool_(True), Model(score=1))) == [
        3,
        0.5,
        True,
        {"score": 1},
    ]
    assert type(there_and_back(np.float32(0.5))) is float


@pytest.mark.parametrize("value", [b"bytes", np.zeros(3), object(), {1, 2}, 1j, [lambda: 0]])
def test_what_json_cannot_hold_is_refused_by_name(value):
    with pytest.raises(WrongArgument, match="type"):
        dump_value(value, lambda artifact: None)


def test_emptiness_is_neither_zero_nor_false():
    image = Image.from_array(np.zeros((3, 4, 3), np.uint8))
    nothing = Boxes.of([], [], [], image)
    assert all(is_empty(value) for value in (None, [], {}, "", "  ", nothing, Text.of("")))
    assert not any(is_empty(value) for value in (0, 0.0, False, "0", [nothing], image, Text.of("no")))


def test_plain_values_cost_microseconds():
    value = {"count": 3, "names": ["red", "blue"]}
    best = min(_timed(lambda: load_value(dump_value(value, print), bytes.fromhex)) for _ in range(5))
    assert best < 200e-6


def _timed(call) -> float:
    start = time.perf_counter()
    for _ in range(100):
        call()
    return (time.perf_counter() - start) / 100

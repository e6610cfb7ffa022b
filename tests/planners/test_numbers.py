"""Numbers of the plan grammar: exactly those that the schema allows."""

import random
import re
from typing import Any

import pytest

from panmodal.planners.backends.numbers import digits, number_pattern


@pytest.mark.parametrize(("least", "most"), [(0, 0), (0, 9), (1, 24), (7, 7), (5, 105), (80, 450), (199, 2_001)])
def test_whole_numbers_of_a_range(least: int, most: int) -> None:
    pattern = re.compile(digits(least, most))
    assert [n for n in range(most * 2 + 20) if pattern.fullmatch(str(n))] == list(range(least, most + 1))
    assert not pattern.fullmatch(f"0{most}") and not pattern.fullmatch("")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "number"},
        {"type": "number", "minimum": 0},
        {"type": "number", "minimum": 0, "maximum": 1},
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "number", "exclusiveMinimum": 0, "maximum": 30},
        {"type": "number", "minimum": 0.1, "maximum": 5},
        {"type": "integer"},
        {"type": "integer", "minimum": 1, "maximum": 20},
        {"type": "integer", "exclusiveMinimum": 2},
    ],
)
def test_a_number_is_in_the_pattern_where_the_schema_allows_it(schema: dict[str, Any]) -> None:
    pattern, rng = re.compile(number_pattern(schema)), random.Random(0)
    texts = [f"{rng.uniform(-3, 40):.{rng.randint(1, 4)}f}" for _ in range(2_000)] + [str(n) for n in range(-5, 60)]
    for text in (*texts, "0.0001", "0.9999", "30.0001", "999999"):
        value = float(text)
        fits = schema.get("minimum", -9e9) <= value <= schema.get("maximum", 9e9)
        fits = fits and value > schema.get("exclusiveMinimum", -9e9) and ("." not in text or schema["type"] == "number")
        if text.startswith("-") and value == 0:
            continue
        # What equals the upper bound is written as a whole number.
        if not ("." in text and value == schema.get("maximum")):
            assert bool(pattern.fullmatch(text)) == fits, (text, schema, pattern.pattern)

"""Two answers to one request are compared by number and name, in both languages."""

import pytest

from panmodal.planners.base import Language
from panmodal.planners.compare import compare


@pytest.mark.parametrize(
    ("direct", "tools", "language", "differs", "comparable"),
    [
        ("3", "There are 3 circles.", "en", False, True),
        ("Three.", "There are 3 circles.", "en", False, True),
        ("four circles", "There are 3 circles.", "en", True, True),
        ("Red.", "The star is red.", "en", False, True),
        ("Red.", "The star is blue.", "en", True, True),
        ("A star.", "There are 2 objects: 1 star and 1 car.", "en", True, True),
        ("On the left.", "The star is at the top left.", "en", True, True),
        ("It is nice.", "There are 3 circles.", "en", False, False),
        ("红色", "星星是红色的。", "zh", False, True),
        ("有三个圆形", "有3个圆形。", "zh", False, True),
        ("两个", "有3个圆形。", "zh", True, True),
    ],
)
def test_comparison(direct: str, tools: str, language: Language, differs: bool, comparable: bool) -> None:
    found = compare(direct, tools, language)
    assert (bool(found.differences), found.comparable) == (differs, comparable)


def test_the_difference_is_said_with_both_values() -> None:
    told = compare("four circles", "There are 3 circles.", "en").sentence("en")
    assert told == "They differ: on the number, direct 4, tools 3."
    assert compare("3", "3", "en").sentence("en") == "Both agree."

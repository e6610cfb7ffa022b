import pytest

from panmodal.planners.references import (
    Reference,
    ReferenceSyntaxError,
    follow,
    literal,
    parse_reference,
    quote,
    references_in,
    resolve,
    rewrite,
    rounds,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$in.image", Reference("in", "image")),
        ("$in.image[2]", Reference("in", "image", 2)),
        ("$in.image[*]", Reference("in", "image", every=True)),
        ("$in.image[1].width", Reference("in", "image", 1, path=("width",))),
        ("$thread.boxes_1", Reference("thread", "boxes_1")),
        ("$s1", Reference("step", "s1")),
        ("$s1[0].labels[3]", Reference("step", "s1", path=(0, "labels", 3))),
        ("$item.labels[0]", Reference("item", path=("labels", 0))),
    ],
)
def test_a_reference_is_read_and_written_alike(text: str, expected: Reference) -> None:
    assert parse_reference(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize("text", ["$$5", "a $s1", "", 3, None, ["$s1"]])
def test_anything_else_is_a_literal(text: object) -> None:
    assert parse_reference(text) is None


BROKEN = ["$", "$5", "$in", "$in.", "$thread", "$s1.", "$s1[x]", "$in.image[-1]", "$s 1", "$s1 "]


@pytest.mark.parametrize("text", BROKEN)
def test_a_lone_dollar_sign_that_starts_no_reference_is_refused(text: str) -> None:
    with pytest.raises(ReferenceSyntaxError, match="double the sign"):
        parse_reference(text)


@pytest.mark.parametrize("text", ["plain", "$5", "$$", "", "$in.image"])
def test_quoting_makes_any_text_a_literal(text: str) -> None:
    assert parse_reference(quote(text)) is None
    assert literal(quote(text)) == text


def test_references_are_found_in_nested_lists_with_their_paths() -> None:
    found = list(references_in(["$a", ["x", "$b[1]"]], "args.of"))
    assert [(path, ref.name) for path, ref in found] == [("args.of[0]", "a"), ("args.of[1][1]", "b")]


def test_renaming_touches_step_references_only() -> None:
    value = ["$a.labels[0]", "$in.image[0]", "$thread.a", "$item", "a", "$$a", 1]
    assert rewrite(value, {"a": "s1"}) == ["$s1.labels[0]", "$in.image", "$thread.a", "$item", "a", "$$a", 1]


def test_resolving_replaces_references_and_unescapes_literals() -> None:
    surroundings = {
        "inputs": {"image": ["cat", "dog"]},
        "thread": {"boxes": "old"},
        "outputs": {"s1": {"labels": ["x", "y"]}},
        "item": [7, 8],
    }
    value = ["$in.image[1]", "$in.image[*]", "$thread.boxes", "$s1.labels[1]", "$item[0]", "$$5", 2.5]
    assert resolve(value, **surroundings) == ["dog", ["cat", "dog"], "old", "y", 7, "$5", 2.5]


@pytest.mark.parametrize("text", ["$in.image[2]", "$in.audio", "$thread.masks", "$s2", "$s1.scores", "$s1.labels[2]"])
def test_what_names_nothing_is_told_with_the_reference(text: str) -> None:
    with pytest.raises(LookupError) as caught:
        resolve(text, inputs={"image": [1, 2]}, thread={"boxes": 1}, outputs={"s1": {"labels": ["x", "y"]}})
    assert text in str(caught.value)


def test_private_attributes_cannot_be_followed() -> None:
    with pytest.raises(LookupError):
        follow(Reference("step", "s1"), ["__class__"])


def test_rounds_run_along_lists_of_one_length() -> None:
    assert rounds("$s1", [1, 2]) == [1, 2]
    assert rounds(["$in.image[0]", "$in.image[2]"], ["a", "c"]) == ["a", "c"]
    assert rounds(["$in.image[*]", "$s1"], [["a", "b"], [1, 2]]) == [["a", 1], ["b", 2]]
    with pytest.raises(LookupError, match="different lengths"):
        rounds(["$in.image[*]", "$s1"], [["a", "b"], [1]])

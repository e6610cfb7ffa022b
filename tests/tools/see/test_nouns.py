import pytest

from panmodal.tools.errors import UnknownLabel
from panmodal.tools.see.nouns import resolve

WORLD = (
    "circle", "square", "triangle", "star", "heart", "cross", "moon", "ring",
    "house", "car", "tree", "fish", "cup", "flower", "boat", "sign",
)  # fmt: skip
STREET = ("person", "bus", "traffic light", "couch", "knife", "tv", "Cell_Phone")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("circles", "circle"), ("the Circles", "circle"), ("all of the stars", "star"), ("crosses", "cross"),
        ("houses", "house"), ("fish", "fish"), ("fishes", "fish"), ("automobiles", "car"), ("mugs", "cup"),
        ("blossoms", "flower"), ("crescent moons", "moon"), ("heart shapes", "heart"), ("star-shaped things", "star"),
        ("圆形", "circle"), ("所有的圆", "circle"), ("星星", "star"), ("汽车", "car"), ("圆环", "ring"),
        ("标志牌", "sign"),
    ],
)  # fmt: skip
def test_words_of_a_request_become_classes(said: str, meant: str) -> None:
    assert resolve([said], WORLD) == (meant,)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("people", "person"), ("buses", "bus"), ("traffic lights", "traffic light"), ("sofas", "couch"),
        ("knives", "knife"), ("televisions", "tv"), ("mobile phones", "Cell_Phone"), ("手机", "Cell_Phone"),
    ],
)  # fmt: skip
def test_any_vocabulary_is_matched_in_its_own_spelling(said: str, meant: str) -> None:
    assert resolve([said], STREET) == (meant,)


def test_labels_keep_their_order_and_do_not_repeat() -> None:
    assert resolve(["stars", "circle", "star"], WORLD) == ("star", "circle")


@pytest.mark.parametrize("said", ["objects", "things", "everything", "the shapes", "所有物体", "东西"])
def test_generic_nouns_mean_no_restriction(said: str) -> None:
    assert resolve([said], WORLD) == ()
    assert resolve([said, "circles"], WORLD) == ()


def test_a_vocabulary_that_has_a_generic_word_means_it() -> None:
    assert resolve(["figures"], ("figure", "table")) == ("figure",)


def test_unknown_words_are_all_named_with_near_misses() -> None:
    with pytest.raises(UnknownLabel, match="'cirles' or 'dogs'") as caught:
        resolve(["cirles", "stars", "dogs"], WORLD)
    assert caught.value.facts["near"] == ["circle"]
    assert "it knows circle, square" in caught.value.hint


def test_an_adjective_is_not_dropped_silently() -> None:
    with pytest.raises(UnknownLabel, match="did you mean circle"):
        resolve(["red circles"], WORLD)


def test_similar_things_are_not_synonyms() -> None:
    for said in ("donuts", "balls", "planets"):
        with pytest.raises(UnknownLabel):
            resolve([said], WORLD)


def test_an_open_vocabulary_takes_any_noun_in_the_singular() -> None:
    assert resolve(["the ponies", "blue vases"], None) == ("pony", "blue vase")
    assert resolve(["things"], None) == ()

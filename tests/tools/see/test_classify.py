"""Pictures are named among names that are given, as well as the embedder of the profile knows them."""

from typing import Any

import numpy as np
import pytest

from panmodal.agent.lab.mini.shipped import shipped
from panmodal.agent.lab.world.scenes import CLASSES, SceneConfig, render_scene
from panmodal.tools.errors import WrongArgument
from panmodal.tools.media.image import Image
from panmodal.tools.see.classify import COLUMNS, TEMPLATES, classify


@pytest.fixture(scope="module")
def embedder() -> Any:
    return shipped(["embedder"])["embedder"].adapter()


def thing(seed: int, label: str) -> Image:
    config = SceneConfig(side=192, count=(1, 1), size=(0.2, 0.4), classes=(label,))
    return Image.from_array(render_scene(seed, config, split="test").image)


def test_single_things_are_named_among_eight(embedder: Any) -> None:
    """The embedder was trained to find scenes by captions; of single things it names four in five.

    Of 320 such scenes it names .81 (.77 to .85) where guessing gets .12: less than the .9 that were wanted of it.
    """
    right = 0
    for seed in range(40):
        label = CLASSES[seed % len(CLASSES)]
        others = np.random.default_rng(seed).choice([name for name in CLASSES if name != label], 7, replace=False)
        right += classify(thing(seed, label), [label, *others.tolist()], embedder=embedder).rows[0]["label"] == label
    assert right >= 28, f"{right} of 40"


def test_scores_are_shares_and_the_likeliest_comes_first(embedder: Any) -> None:
    image = thing(8, "circle")
    table = classify(image, ["circle", "house", "tree", "fish"], embedder=embedder)
    scores = [row["score"] for row in table.rows]
    assert table.columns == COLUMNS and {row["label"] for row in table.rows} == {"circle", "house", "tree", "fish"}
    assert scores == sorted(scores, reverse=True) and sum(scores) == pytest.approx(1, abs=1e-5)
    turned = classify(image, ["fish", "tree", "house", "circle"], embedder=embedder)
    assert [row["label"] for row in turned.rows] == [row["label"] for row in table.rows]
    two = classify(image, ["circle", "house"], embedder=embedder).rows
    by_name = {row["label"]: row["score"] for row in table.rows}
    expected = by_name["circle"] / (by_name["circle"] + by_name["house"])
    assert two[0]["label"] == "circle" and two[0]["score"] == pytest.approx(expected, abs=1e-4)


def test_names_are_captions_whatever_form_they_are_given_in(embedder: Any) -> None:
    image = thing(3, "star")
    plain, given = (
        classify(image, labels, embedder=embedder) for labels in (["star", "house"], ["the stars ", "房子"])
    )
    assert {row["label"] for row in given.rows} == {"the stars", "房子"}
    assert [row["score"] for row in given.rows] == [row["score"] for row in plain.rows]
    texts = [template.format(name) for name in ("a star", "a house") for template in TEMPLATES]
    vectors = embedder.embed_texts(texts).vectors.reshape(2, len(TEMPLATES), -1).mean(axis=1)
    cosines = vectors @ embedder.embed_images([image]).vectors[0] / np.linalg.norm(vectors, axis=1)
    fits = np.exp(100 * (cosines - cosines.max()))
    assert sorted(row["score"] for row in plain.rows) == pytest.approx(sorted(fits / fits.sum()), abs=1e-3)


def test_odd_pictures_have_a_likeliest_name_too(embedder: Any) -> None:
    pixels = np.zeros((1, 900, 3), np.uint8)
    for image in (Image.from_array(pixels), Image.from_array(pixels[:, :1]), Image.from_array(pixels, pixels[..., 0])):
        scores = [row["score"] for row in classify(image, ["star", "cup"], embedder=embedder).rows]
        assert len(scores) == 2 and sum(scores) == pytest.approx(1)


@pytest.mark.parametrize("labels", [[], ["", "  "], ["star"], ["star", "Stars", "a star"]])
def test_fewer_than_two_names_are_no_choice(embedder: Any, labels: list[str]) -> None:
    with pytest.raises(WrongArgument, match="nothing to choose from") as caught:
        classify(thing(0, "star"), labels, embedder=embedder)
    assert caught.value.facts["field"] == "labels"

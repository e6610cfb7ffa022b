"""The demo's requests on fifty unseen scenes, through the whole agent, against the world's truth."""

import pytest

from panmodal.agent.lab.figures import Figures
from panmodal.agent.lab.spine import measure


@pytest.fixture(scope="module")
def figures() -> Figures:
    return measure(seed=1, scenes=50, profile="mini")


def test_the_scenes_are_as_hard_as_stated(figures: Figures) -> None:
    about = figures.details
    assert about["scenes"] == 50
    assert about["classes"] >= 8
    assert about["backgrounds"] >= 3
    assert about["several_of_a_class"] >= 0.5
    assert about["most_hidden"] <= 0.36, "an edge pixel more than the bound may be covered"


def test_every_target_is_met(figures: Figures) -> None:
    assert figures.ok, figures.render()


def test_the_demo_takes_the_routes_it_says(figures: Figures) -> None:
    routes = figures.details["routes"]
    assert routes["count and cut out: tools"] == 50
    assert routes.get("colour: direct", 0) >= 0.9 * figures.details["asked"]["colour_right"], routes

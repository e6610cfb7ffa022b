"""The pool's limit in whole runs on the real checkpoints of ``mini``: too small is told first, small enough evicts."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from panmodal import Agent, Plan
from panmodal.agent.events import Event, ModelEvicted, ModelLoading, StepStarted
from panmodal.agent.profiles.loading import load_profile
from panmodal.tools.errors import PlanError, PoolLimitTooSmall
from panmodal.tools.loaders.registry import get_loader
from panmodal.tools.media.image import Image

CUT_OUT = Plan.from_data(
    {
        "version": 1,
        "steps": [
            {"id": "s1", "tool": "detect", "args": {"image": "$in.image"}},
            {"id": "s2", "tool": "segment", "args": {"image": "$in.image", "boxes": "$s1"}},
            {"id": "s3", "tool": "colour", "args": {"image": "$in.image", "masks": "$s2"}},
        ],
        "answer": ["$s3"],
    }
)


@pytest.fixture(scope="module")
def sizes() -> dict[str, int]:
    """Bytes that each expert of ``mini`` takes when loaded; read from the weights, nothing is loaded."""
    specs = {role: each[0] for role, each in load_profile("mini").specs().items()}
    return {role: get_loader(specs[role].loader).measure(specs[role]) for role in ("detector", "segmenter")}


@pytest.fixture
def circle() -> Image:
    """A red disc on pale ground."""
    rows, columns = np.mgrid[:160, :160]
    pixels = np.full((160, 160, 3), 225, np.uint8)
    pixels[(rows - 80) ** 2 + (columns - 80) ** 2 < 45**2] = (210, 30, 30)
    return Image.from_array(pixels)


@contextmanager
def limited(limit: int, tmp_path: Path) -> Iterator[tuple[Agent, list[Event]]]:
    with Agent("mini", home=tmp_path / "home", cwd=tmp_path, overrides=[f"pool.limit={limit}"]) as agent:
        events: list[Event] = []
        agent.subscribe(events.append)
        yield agent, events


def test_a_limit_below_the_largest_model_names_both_before_anything_runs(
    sizes: dict[str, int], circle: Image, tmp_path: Path
) -> None:
    limit = max(sizes.values()) - 1
    role = max(sizes, key=lambda each: sizes[each])
    with limited(limit, tmp_path) as (agent, events):
        with pytest.raises(PlanError) as caught:
            agent.run("What colours are there?", circle, plan=CUT_OUT)
        (violation,) = caught.value.violations
        assert violation["code"] == PoolLimitTooSmall.code
        assert f"{limit:,}" in violation["message"] and f"mini/{role}" in violation["message"]
        assert f"{sizes[role]:,}" in violation["hint"]
        assert not [event for event in events if isinstance(event, StepStarted | ModelLoading)]
        blur = Plan.from_data(
            {
                "version": 1,
                "steps": [{"id": "s1", "tool": "blur", "args": {"image": "$in.image"}}],
                "answer": ["$s1"],
            }
        )
        assert agent.run(image=circle, plan=blur).status == "answered", "what needs no model still runs"


@pytest.mark.slow
def test_a_limit_that_holds_one_of_two_models_evicts_and_answers_the_same(
    sizes: dict[str, int], circle: Image, tmp_path: Path
) -> None:
    roomy, tight = 2 * sum(sizes.values()), int(max(sizes.values()) * 1.05)
    assert tight < sum(sizes.values())
    texts = []
    for limit in (roomy, tight):
        with limited(limit, tmp_path) as (agent, events):
            results = [agent.run("What colours are there?", circle, plan=CUT_OUT) for _ in range(2)]
            assert {result.status for result in results} == {"answered"}
            texts += [result.text for result in results]
            evicted = [event.model for event in events if isinstance(event, ModelEvicted)]
        assert len(evicted) == (0 if limit == roomy else 3)  # for the segmenter, then for each of both again
    assert len(set(texts)) == 1

"""Clips are made of drawn pictures that are moved, and say so; detector and motions recognise them."""

import io
from typing import Any

import av
import numpy as np
import pytest

from panmodal.agent.lab.mini.video import recognised
from panmodal.tools.errors import EmptyInput, WrongArgument
from panmodal.tools.roles import StepContext
from panmodal.tools.video.animate import METHOD, Animation, animate
from panmodal.tools.video.track import follow, sampled


@pytest.fixture
def make(painter: Any, detector: Any, segmenter: Any) -> Any:
    def made(*arguments: Any, seed: int = 0, **more: Any) -> Animation:
        return animate(
            *arguments, image_generator=painter, detector=detector, segmenter=segmenter, ctx=StepContext(seed), **more
        )

    return made


@pytest.mark.parametrize(
    ("colour", "label", "motion"),
    [("red", "star", "left"), ("blue", "car", "bounce"), ("green", "heart", "spin"), ("orange", "cup", "appears")],
)
def test_a_named_thing_does_what_was_named(make: Any, detector: Any, colour: str, label: str, motion: str) -> None:
    made = make(f"{colour} {label}", motion)
    assert made.video.seconds == 3 and len(made.keyframes) == 1
    assert recognised(made, label, colour, motion, detector) == (True, True)


def test_it_says_how_it_was_made(make: Any, painter: Any) -> None:
    made = make("orange cup", "right", seconds=2)
    assert made.note == METHOD and "image generator" in METHOD
    assert painter.prompts == ["an orange cup on a plain background"]
    with av.open(io.BytesIO(made.video.encode()[0])) as container:
        assert container.metadata["comment"] == f"{METHOD}: orange cup, right"
    assert make("orange cup", "right", seconds=2) == made
    assert make("orange cup", "right", seconds=2, seed=1) != made


def test_a_thing_turns_into_another(make: Any, detector: Any) -> None:
    made = make("red star", "right", "blue circle")
    pictures = sampled(made.video)
    first, last = (
        follow(some, detector=detector)[0] for some in (pictures[: len(pictures) // 3], pictures[-len(pictures) // 3 :])
    )
    assert (first.label, last.label) == ("star", "circle")
    assert first.boxes[0, 0] < last.boxes[-1, 0]
    assert len(made.keyframes) == 2


def test_behind_the_thing_is_what_was_around_it(make: Any) -> None:
    for frame in sampled(make("red star", "blink").video):
        assert np.abs(np.median(frame.pixels.reshape(-1, 3), axis=0) - 150).max() < 6
    unseen = sampled(make("red star", "appears").video)[0].pixels
    assert np.abs(unseen.astype(int) - 150).max() < 25  # nothing of the thing is left where it was drawn


def test_what_cannot_be_made_is_said(make: Any) -> None:
    with pytest.raises(EmptyInput, match="4 pictures drawn of a gloomy mood"):
        make("gloomy mood", "left")
    with pytest.raises(WrongArgument, match="'sideways'"):
        make("red star", "sideways")
    with pytest.raises(WrongArgument, match="60 s"):
        make("red star", "left", seconds=60)
    with pytest.raises(WrongArgument, match="nothing to draw"):
        make(" ", "left")

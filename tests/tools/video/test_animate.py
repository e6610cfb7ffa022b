"""Clips are made of drawn pictures that are moved, and say so; detector and motions recognise them."""

import io
from collections.abc import Sequence
from typing import Any

import av
import numpy as np
import pytest

from panmodal.agent.lab.mini.video import recognised
from panmodal.tools.errors import EmptyInput, UnknownLabel, WrongArgument
from panmodal.tools.media.boxes import Boxes
from panmodal.tools.media.image import Image
from panmodal.tools.media.masks import Masks
from panmodal.tools.roles import StepContext
from panmodal.tools.video.animate import METHOD, Animation, animate
from panmodal.tools.video.track import follow, sampled


@pytest.fixture
def make(painter: Any, detector: Any, segmenter: Any) -> Any:
    def made(*arguments: Any, ctx: StepContext | None = None, seed: int = 0, **more: Any) -> Animation:
        ctx = ctx or StepContext(seed)
        models = {"image_generator": painter, "detector": detector, "segmenter": segmenter}
        return animate(*arguments, ctx=ctx, **(models | more))

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
    again, other = (make("orange cup", "right", seconds=2, seed=seed) for seed in (0, 1))
    assert again.keyframes == made.keyframes and other.keyframes != made.keyframes
    pairs = zip(sampled(again.video), sampled(made.video), strict=True)
    # The segmenter's rounding may move the edge of the thing by a pixel, and the file with it.
    assert all(np.abs(one.pixels.astype(int) - two.pixels).mean() < 1 for one, two in pairs)


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
    with pytest.raises(UnknownLabel, match="'gloomy mood'.*it knows circle"):
        make("gloomy mood", "left")
    with pytest.raises(UnknownLabel, match="'owl'"):
        make("red star", "left", "an owl")
    with pytest.raises(EmptyInput, match="4 pictures drawn of a gloomy star"):
        make("gloomy star", "left")
    with pytest.raises(WrongArgument, match="'sideways'"):
        make("red star", "sideways")
    with pytest.raises(WrongArgument, match="60 s"):
        make("red star", "left", seconds=60)
    with pytest.raises(WrongArgument, match="nothing to draw"):
        make(" ", "left")
    with pytest.raises(WrongArgument, match="nothing to draw"):
        make("!", "left", "red star")


@pytest.mark.parametrize("said", ["red stars", "A red star!", "the red stars."])
def test_articles_plurals_and_points_make_no_difference(make: Any, painter: Any, said: str) -> None:
    make(said, "left", seconds=2)
    assert set(painter.prompts) == {"a red star on a plain background"}


@pytest.mark.parametrize("seed", [-1, 2**70])
def test_any_seed_will_do_and_progress_is_told(make: Any, seed: int) -> None:
    told: list[float] = []
    make("red star", "left", seconds=2, ctx=StepContext(seed, progress=lambda share, _: told.append(share)))
    assert told == sorted(told) and told[0] == 0.5 and told[-1] == 1 and len(told) == 25


class Speck:
    """A ``Segmenter`` that finds a few pixels of a thing."""

    def __init__(self, width: int) -> None:
        self.width = width

    def segment(self, images: Sequence[Image], boxes: Sequence[Boxes]) -> list[Masks]:
        found = []
        for image, own in zip(images, boxes, strict=True):
            pixels = np.zeros((len(own), image.height, image.width), np.bool_)
            pixels[:, 100, 100 : 100 + self.width] = True
            found.append(Masks.of(pixels, image=image))
        return found


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("motion", ["spin", "grow"])
def test_a_thing_of_a_few_pixels_is_moved(make: Any, width: int, motion: str) -> None:
    assert make("red star", motion, seconds=2, segmenter=Speck(width)).video.seconds == 2

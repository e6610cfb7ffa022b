"""The looking tools on made values: order, ties, emptiness, and what is handed to the models."""

from collections.abc import Sequence

import numpy as np
import pytest

from panmodal.agent.lab.world.captions import PLACES as WORLD_PLACES
from panmodal.agent.lab.world.captions import place_of
from panmodal.agent.lab.world.scenes import SceneConfig, render_scene
from panmodal.tools.errors import UnknownLabel, WrongArgument
from panmodal.tools.frames import shown
from panmodal.tools.media.boxes import Boxes
from panmodal.tools.media.image import Image
from panmodal.tools.media.masks import Masks
from panmodal.tools.roles import NEVER, Reply, StepContext
from panmodal.tools.see.count import count
from panmodal.tools.see.detect import detect
from panmodal.tools.see.locate import PLACES, locate
from panmodal.tools.see.perceive import perceive
from panmodal.tools.see.segment import segment
from panmodal.tools.see.select import select


@pytest.fixture
def image() -> Image:
    return Image.from_array(np.zeros((90, 90, 3), np.uint8))


class TruthDetector:
    """Knows where three things are; says them in the order that a model happens to."""

    vocabulary = ("star", "circle")

    def __init__(self) -> None:
        self.asked: list[Sequence[Sequence[str]]] = []

    def detect(self, images: Sequence[Image], labels: Sequence[Sequence[str]]) -> list[Boxes]:
        self.asked.append(labels)
        found = Boxes.of(
            [[50, 0, 60, 10], [10, 0, 20, 10], [30, 30, 60, 60]], ["star", "star", "circle"], [0.5, 0.5, 0.9], images[0]
        )
        return [found.take([n for n, label in enumerate(found.labels) if not labels[0] or label in labels[0]])]


def test_detect_asks_for_classes_and_orders_by_score_then_place(image: Image) -> None:
    detector = TruthDetector()
    found = detect(image, ["Stars", "圆形"], detector=detector)
    assert detector.asked == [[("star", "circle")]]
    assert found.labels == ("circle", "star", "star")
    assert found.xyxy[:, 0].tolist() == [30, 10, 50]
    assert len(detect(image, detector=detector)) == 3
    with pytest.raises(UnknownLabel, match="'cats'"):
        detect(image, ["cats"], detector=detector)


class FullSegmenter:
    """Takes the whole box; fails the test when it is asked for nothing."""

    def segment(self, images: Sequence[Image], boxes: Sequence[Boxes]) -> list[Masks]:
        assert len(boxes[0])
        bitmaps = np.zeros((len(boxes[0]), images[0].height, images[0].width), np.bool_)
        for bitmap, (x0, y0, x1, y1) in zip(bitmaps, boxes[0].xyxy.astype(int), strict=True):
            bitmap[y0:y1, x0:x1] = True
        return [Masks.of(bitmaps, images[0], boxes[0].labels, boxes[0].scores)]


def test_segment_leaves_the_model_alone_when_nothing_was_found(image: Image) -> None:
    empty = segment(image, Boxes.of([], [], [], image), segmenter=FullSegmenter())
    assert (len(empty), empty.bitmaps.shape) == (0, (0, 90, 90))
    one = segment(image, Boxes.of([[1, 2, 4, 6]], ["star"], [0.5], image), segmenter=FullSegmenter())
    assert (one.labels, int(one.bitmaps.sum())) == (("star",), 12)


def test_segment_refuses_boxes_of_another_picture(image: Image) -> None:
    other = Image.from_array(np.zeros((50, 90, 3), np.uint8))
    with pytest.raises(WrongArgument, match="90x50"):
        segment(image, Boxes.of([[0, 0, 9, 9]], ["star"], [0.5], other), segmenter=FullSegmenter())


@pytest.mark.parametrize(
    ("by", "left"),
    [("largest", 60), ("smallest", 30), ("leftmost", 0), ("rightmost", 60), ("topmost", 0), ("bottommost", 30)],
)
def test_select_by_size_and_place(image: Image, by: str, left: int) -> None:
    boxes = Boxes.of([[0, 0, 10, 10], [30, 70, 35, 75], [60, 30, 90, 60]], ["a", "b", "c"], [0.5, 0.9, 0.7], image)
    assert select(boxes, by).xyxy[0, 0] == left  # type: ignore[arg-type]
    assert select(boxes, "surest").labels == ("b",)


def test_select_breaks_ties_by_score_then_left_then_top(image: Image) -> None:
    equal = [[50, 10, 60, 20], [10, 50, 20, 60], [10, 10, 20, 20]]
    assert select(Boxes.of(equal, ["a", "b", "c"], [0.5, 0.5, 0.5], image)).labels == ("c",)
    assert select(Boxes.of(equal, ["a", "b", "c"], [0.9, 0.5, 0.5], image)).labels == ("a",)


def test_nothing_stays_nothing(image: Image) -> None:
    none = Boxes.of([], [], [], image)
    assert select(none) is none
    assert count(none) == 0
    assert locate(none) == []


def test_places_are_those_of_the_worlds_truth() -> None:
    assert PLACES == WORLD_PLACES
    for seed in range(10):
        scene = render_scene(seed, SceneConfig(side=192, count=(1, 6)), split="test")
        image = Image.from_array(scene.image)
        boxes = Boxes.of([each.box for each in scene.objects], [each.label for each in scene.objects],
                         [0.5] * len(scene.objects), image)  # fmt: skip
        assert locate(boxes) == [place_of(each, 192) for each in scene.objects]


def test_a_middle_on_or_over_the_edge_still_has_a_place(image: Image) -> None:
    boxes = Boxes.of([[80, 80, 120, 120], [-30, -30, 10, 10], [45, 45, 45, 45]], ["a", "b", "c"], [1, 1, 1], image)
    assert locate(boxes) == ["bottom right", "top left", "centre"]


class Parrot:
    """Says the question back, with the white space that models like to add."""

    def answer(
        self, images: Sequence[Sequence[Image]], questions: Sequence[str], *, max_tokens: int = 64, stop: object = None
    ) -> list[Reply]:
        assert stop is NEVER
        return [Reply(f" {question}\n", 0.5) for question in questions]


def test_perceive_gives_the_answer_as_text(image: Image) -> None:
    assert perceive(image, "what is it?", mllm=Parrot(), ctx=StepContext()).text == "what is it?"
    hidden = Image.from_array(image.pixels, np.zeros((image.height, image.width), np.uint8))
    assert (shown(hidden).pixels == 255).all() and shown(image) is image, "nothing is told of colours that are hidden"
    for question in ("", "?", "😀😀"):
        with pytest.raises(WrongArgument, match="nothing is asked"):
            perceive(image, question, mllm=Parrot(), ctx=StepContext())

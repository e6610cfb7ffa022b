"""Pictures and the things in them in words, by mini's captioner on scenes whose truth is known."""

from collections import Counter
from threading import Event

import numpy as np
import pytest

from panmodal.agent.lab.mini.shipped import shipped
from panmodal.agent.lab.world.scenes import Scene, SceneConfig, render_scene
from panmodal.planners.chains import sources
from panmodal.tools.errors import Cancelled, EmptyInput, WrongArgument
from panmodal.tools.media.boxes import Boxes
from panmodal.tools.media.image import Image
from panmodal.tools.media.text import Text
from panmodal.tools.roles import Captioner, Detector, StepContext
from panmodal.tools.see.caption import caption
from panmodal.tools.see.caption_densely import Described, caption_densely
from panmodal.tools.see.describe_region import describe_region

STEP = StepContext()


@pytest.fixture(scope="module")
def captioner() -> Captioner:
    made: Captioner = shipped(["captioner"])["captioner"].adapter()
    return made


@pytest.fixture(scope="module")
def detector() -> Detector:
    made: Detector = shipped(["detector"])["detector"].adapter()
    return made


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [render_scene(920_000 + seed, SceneConfig(count=(2, 4)), split="test") for seed in range(6)]


def true_boxes(scene: Scene, image: Image) -> Boxes:
    xyxy = [thing.box for thing in scene.objects]
    return Boxes.of(xyxy, [thing.label for thing in scene.objects], [1.0] * len(xyxy), image)


def test_a_caption_names_the_things_by_colour_and_class(captioner: Captioner, scenes: list[Scene]) -> None:
    named = there = 0
    for scene in scenes[:4]:
        said = caption(Image.from_array(scene.image), captioner=captioner, step=STEP)
        assert isinstance(said, Text) and not said.empty
        there += len(scene.objects)
        named += sum(f"{thing.colour} {thing.label}" in said.text for thing in scene.objects)
    assert named / there > 0.75


def test_a_caption_leads_from_a_picture_to_what_is_made_from_words() -> None:
    found = sources(["image"], [caption])["text"]
    assert found.tool is caption and found.cost[0] == 0, "a chain through it keeps the meaning"


def test_each_box_is_described_by_itself_and_in_order(captioner: Captioner, scenes: list[Scene]) -> None:
    right = there = alone = 0
    told: list[float] = []
    step = StepContext(progress=lambda fraction, text: told.append(fraction))
    for scene in scenes[:4]:
        image = Image.from_array(scene.image)
        captions = describe_region(image, true_boxes(scene, image), captioner=captioner, step=step)
        assert len(captions) == len(scene.objects)
        there += len(captions)
        right += sum(f"{t.colour} {t.label}" in said for t, said in zip(scene.objects, captions, strict=True))
        alone += sum(said.count(" and ") + said.count(",") == 0 for said in captions)
    assert right / there > 0.85
    assert alone / there > 0.5, "most sentences speak of one thing only"
    assert told == [1.0] * 4


def test_no_box_asks_nothing_and_what_is_outside_is_refused(captioner: Captioner) -> None:
    image = Image.from_array(np.full((40, 60, 3), 90, np.uint8))
    assert describe_region(image, Boxes.of([], [], [], image), captioner=captioner, step=STEP) == []
    outside = Boxes.of([[0, 0, 9, 9], [70, 0, 90, 20]], ["a", "b"], [1, 1], image)
    with pytest.raises(EmptyInput, match="box 2 of 2"):
        describe_region(image, outside, captioner=captioner, step=STEP)
    larger = Image.from_array(np.zeros((80, 60, 3), np.uint8))
    with pytest.raises(WrongArgument, match="60x40"):
        describe_region(larger, outside, captioner=captioner, step=STEP)


def test_pictures_at_the_edge_of_what_is_one_are_described(captioner: Captioner) -> None:
    for shape in ((1, 1), (2, 3000)):
        image = Image.from_array(np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.uint8))
        assert not caption(image, captioner=captioner, step=STEP).empty
        whole = Boxes.of([[0, 0, image.width, image.height], [0.5, 0.5, 0.5, 0.5]], ["all", "speck"], [1, 1], image)
        assert len(describe_region(image, whole, captioner=captioner, step=STEP)) == 2


def test_dense_captions_have_a_place_each_and_come_as_one_reads(
    captioner: Captioner, detector: Detector, scenes: list[Scene]
) -> None:
    named = there = 0
    for scene in scenes[:3]:
        image = Image.from_array(scene.image)
        found = caption_densely(image, detector=detector, captioner=captioner, step=STEP)
        assert isinstance(found, Described) and len(found.text.split("; ")) == len(found.boxes)
        middles = ((found.boxes.xyxy[:, 1] + found.boxes.xyxy[:, 3]) / 2 * 3 // image.height).tolist()
        assert middles == sorted(middles)
        true = Counter(f"{thing.colour} {thing.label}" for thing in scene.objects)
        there += true.total()
        named += sum(min(count, found.text.count(name)) for name, count in true.items())
    assert named / there > 0.75


def test_nothing_to_describe_is_an_answer(captioner: Captioner, detector: Detector) -> None:
    blank = Image.from_array(np.full((96, 96, 3), 128, np.uint8))
    found = caption_densely(blank, detector=detector, captioner=captioner, step=STEP)
    assert found.text == "nothing was found" and found.boxes.empty


def test_describing_stops_when_it_is_told_to(captioner: Captioner, scenes: list[Scene]) -> None:
    stop = Event()
    stop.set()
    image = Image.from_array(scenes[0].image)
    with pytest.raises(Cancelled):
        describe_region(image, true_boxes(scenes[0], image), captioner=captioner, step=StepContext(stop=stop))
    with pytest.raises(Cancelled):
        caption(image, captioner=captioner, step=StepContext(stop=stop))

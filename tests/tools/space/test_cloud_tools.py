"""Clouds drawn, named and asked about, by mini's models on clouds whose truth is known."""

from collections.abc import Sequence

import numpy as np
import pytest

from panmodal.agent.lab.mini.shipped import shipped
from panmodal.agent.lab.world.clouds import CLOUD_CLASSES, Cloud, CloudConfig, render_cloud
from panmodal.planners.chains import sources
from panmodal.tools.errors import EmptyInput, NotDecodable, WrongArgument
from panmodal.tools.media.image import Image
from panmodal.tools.media.point_cloud import PointCloud
from panmodal.tools.roles import CloudClassifier, Mllm, StepContext
from panmodal.tools.see.colours import COLOURS, shares
from panmodal.tools.space.ask_cloud import ask_cloud
from panmodal.tools.space.name_cloud import name_cloud
from panmodal.tools.space.render_views import render_views

STEP = StepContext()
EMPTY = PointCloud.from_points(np.zeros((0, 3)))
DOT = PointCloud.from_points([[3.0, 4.0, 5.0]])
LINE = PointCloud.from_points(np.linspace(0, 1, 40)[:, None] * (1.0, 2.0, 3.0))


@pytest.fixture(scope="module")
def classifier() -> CloudClassifier:
    made: CloudClassifier = shipped(["cloud_classifier"])["cloud_classifier"].adapter()
    return made


@pytest.fixture(scope="module")
def mllm() -> Mllm:
    made: Mllm = shipped(["mllm"])["mllm"].adapter()
    return made


def alone(label: str, seed: int) -> Cloud:
    return render_cloud(940_000 + seed, CloudConfig(count=(1, 1), classes=(label,)), split="test")


def as_cloud(cloud: Cloud, coloured: bool = True) -> PointCloud:
    return PointCloud.from_points(cloud.points, cloud.colours if coloured else None)


def test_solids_are_named_and_so_is_their_colour(classifier: CloudClassifier) -> None:
    clouds = [alone(label, seed) for seed, label in enumerate(CLOUD_CLASSES * 2)]
    named = [name_cloud(as_cloud(cloud), cloud_classifier=classifier).text for cloud in clouds]
    words = [text.removeprefix("perhaps ").split() for text in named]
    assert np.mean([word[-1] == cloud.things[0].label for word, cloud in zip(words, clouds, strict=True)]) > 0.9
    assert np.mean([word[1] == cloud.things[0].colour for word, cloud in zip(words, clouds, strict=True)]) > 0.9
    assert {word[0] for word in words} <= {"a", "an"}
    bare = name_cloud(as_cloud(clouds[0], coloured=False), cloud_classifier=classifier).text
    assert bare == "a sphere"


def test_a_name_leads_from_a_cloud_to_what_is_made_from_words() -> None:
    found = sources(["point_cloud"], [render_views, ask_cloud, name_cloud])["text"]
    assert found.tool is name_cloud and found.cost[0] == 0, "a chain through it keeps the meaning"


def test_views_show_the_cloud_in_its_colours_from_several_sides() -> None:
    cloud = alone("torus", 3)
    views = render_views(as_cloud(cloud), 6, 128)
    assert len(views) == len(set(views)) == 6
    for view in views:
        assert isinstance(view, Image) and (view.width, view.height) == (128, 128)
        drawn = view.pixels[(view.pixels < 250).any(axis=2)]
        assert 0.1 < len(drawn) / 128**2 < 0.9
        assert COLOURS[int(shares(drawn).argmax())] == cloud.things[0].colour
    assert (views[5].pixels[64, 64] == 250).all(), "one sees through the torus from above"
    assert render_views(as_cloud(cloud), 6, 128) == views


def test_near_points_hide_far_ones() -> None:
    rng = np.random.default_rng(0)
    plate = np.column_stack([rng.uniform(-1, 1, (4000, 2)), np.zeros(4000)])
    small = np.column_stack([rng.uniform(-0.5, 0.5, (4000, 2)), np.full(4000, 0.3)])
    paint = np.repeat(np.array([[200, 30, 30], [30, 60, 200]], np.uint8), 4000, axis=0)
    above = render_views(PointCloud.from_points(np.concatenate([plate, small]), paint), 4, 96)[-1].pixels.astype(int)
    blue = above[..., 2] > above[..., 0] + 40
    red = above[..., 0] > above[..., 2] + 40
    assert blue[48, 48] and 0.15 < blue.sum() / (blue | red).sum() < 0.45


def test_degenerate_clouds_are_drawn_rightly_or_refused(classifier: CloudClassifier) -> None:
    with pytest.raises(EmptyInput, match="without points"):
        render_views(EMPTY)
    dot, line = (render_views(cloud, 1, 64)[0].pixels for cloud in (DOT, LINE))
    rows, columns = np.nonzero((dot < 250).any(axis=2))
    assert (rows.mean().round(), columns.mean().round()) == (32, 32) and len(rows) < 64
    rows, columns = np.nonzero((line < 250).any(axis=2))
    assert abs(np.corrcoef(rows, columns)[0, 1]) > 0.9 and np.ptp(rows) > 32
    with pytest.raises(EmptyInput, match="no points"):
        name_cloud(EMPTY, cloud_classifier=classifier)
    with pytest.raises(WrongArgument, match="fewer than 4"):
        name_cloud(DOT, cloud_classifier=classifier)
    with pytest.raises(WrongArgument, match="one line"):
        name_cloud(LINE, cloud_classifier=classifier)
    with pytest.raises(WrongArgument, match="finite"):
        PointCloud.from_points([[0.0, 0.0, float("nan")]])
    broken = (
        b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\nend_header\n"
    )
    with pytest.raises(NotDecodable, match="finite"):
        PointCloud.open(broken + b"0 0 nan\n")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How many points does the cloud have?", "The cloud has 5 points."),
        ("how tall is it?", "It is 2 wide (x), 4 deep (y) and 0.5 high (z), in the unit of the file."),
        ("What are its dimensions?", "It is 2 wide (x), 4 deep (y) and 0.5 high (z), in the unit of the file."),
        ("What color is it?", "It is red and blue."),
        ("点云有多少个点？", "点云有5个点。"),
        ("它有多大？", "宽2（x），深4（y），高0.5（z），以文件的单位计。"),
        ("是什么颜色？", "它是红色和蓝色的。"),
    ],
)
def test_geometry_is_computed(question: str, answer: str, classifier: CloudClassifier, mllm: Mllm) -> None:
    points = [[0, 0, 0], [2, 0, 0], [0, 4, 0], [2, 4, 0.5], [1, 1, 0.25]]
    paint = np.array([[210, 30, 30]] * 3 + [[30, 60, 200]] * 2, np.uint8)
    cloud = PointCloud.from_points(points, paint)
    assert ask_cloud(cloud, question, cloud_classifier=classifier, mllm=mllm, step=STEP).text == answer


def test_what_it_is_says_the_classifier(classifier: CloudClassifier, mllm: Mllm) -> None:
    cloud = alone("cone", 5)
    colour = cloud.things[0].colour
    for question in ("What is it?", "which solid is this", "is it a cone or a cube?", "identify the thing"):
        told = ask_cloud(as_cloud(cloud), question, cloud_classifier=classifier, mllm=mllm, step=STEP).text
        assert told == f"It is a {colour} cone." or told == f"It is an {colour} cone."
    chinese = ask_cloud(as_cloud(cloud, False), "这是什么？", cloud_classifier=classifier, mllm=mllm, step=STEP)
    assert chinese.text == "它是圆锥。"


def test_any_other_question_is_looked_at_and_the_answer_says_so(classifier: CloudClassifier, mllm: Mllm) -> None:
    cloud = as_cloud(alone("sphere", 7))
    told = ask_cloud(cloud, "what pattern does it have", cloud_classifier=classifier, mllm=mllm, step=STEP).text
    reply, _, rest = told.partition(" (so it looks in ")
    votes = int(rest[0])
    views = render_views(cloud)
    replies = [each.text.strip().rstrip(".") for each in answers(mllm, views, "what pattern does it have")]
    assert (
        reply and rest[1:] == " of 4 drawn views)" and votes == replies.count(reply) == max(map(replies.count, replies))
    )


def answers(mllm: Mllm, views: Sequence[Image], question: str) -> Sequence[object]:
    return mllm.answer([[view] for view in views], [question] * len(views))


def test_questions_that_have_no_answer_are_refused(classifier: CloudClassifier, mllm: Mllm) -> None:
    def ask(cloud: PointCloud, question: str) -> str:
        return ask_cloud(cloud, question, cloud_classifier=classifier, mllm=mllm, step=STEP).text

    assert ask(EMPTY, "how many points are there") == "The cloud has 0 points." or ask(EMPTY, "number of points")
    assert ask(DOT, "how many points does it have") == "The cloud has 1 point."
    assert ask(DOT, "how large is it").startswith("It is 0 wide")
    assert ask(DOT, "what colour is it") == "The cloud has no colours."
    with pytest.raises(WrongArgument, match="nothing is asked"):
        ask(DOT, "?")
    for question in ("how large is it", "what is it", "is it striped"):
        with pytest.raises(EmptyInput, match="no points"):
            ask(EMPTY, question)

"""The whole agent judged: requests are held out and their truth is the scene's; judging reads answers as people do."""

import re

import pytest

from panmodal.agent.lab.whole import judging
from panmodal.agent.lab.whole.routes import measure
from panmodal.agent.lab.whole.sheet import COLUMNS, Shown, contact_sheet
from panmodal.agent.lab.whole.tasks import LOOKED, SHARES, Task, Tasks
from panmodal.agent.lab.world.captions import place_of


@pytest.fixture(scope="module")
def tasks() -> list[Task]:
    return Tasks(5).draw(90)


def test_kinds_come_in_the_stated_shares(tasks: list[Task]) -> None:
    made = {kind: sum(task.kind == kind for task in tasks) for kind in SHARES}
    assert sum(made.values()) == 90
    assert all(abs(made[kind] - 90 * share / 300) < 1 for kind, share in SHARES.items())
    both = sum(share for kind, share in SHARES.items() if kind in ("count", "exist", "colour", "where"))
    looked = sum(SHARES[kind] for kind in LOOKED)
    assert sum(SHARES.values()) == 300 and looked >= 90 and 300 - looked - both >= 90


def test_the_truth_is_the_scenes(tasks: list[Task]) -> None:
    for task in tasks:
        things, side = task.scene.objects, task.scene.image.shape[0]
        if task.kind == "count":
            assert len({things[i].label for i in task.things}) == 1
            assert task.truth == len(task.scene.labelled(things[task.things[0]].label))
        elif task.kind == "what_place":
            assert sum(t.label == task.truth and place_of(t, side) in task.text for t in things) == 1
        elif task.kind == "what_colour":
            assert [t.label for t in things if t.colour in re.findall(r"\w+", task.text.lower())] == [task.truth]
        elif task.kind == "recolour":
            assert task.colour and all(things[i].colour != task.colour for i in task.things)


def test_no_request_is_worded_as_in_training(tasks: list[Task]) -> None:
    maker = Tasks(5)
    for kind in SHARES:
        if kind not in LOOKED:
            for language in ("en", "zh"):
                assert all(maker._line(kind, language).held_out for _ in range(20))
    assert len(maker.taught) > 500
    assert all(len(lines) >= 3 for lines in maker.looks.values())


def test_a_seed_gives_the_same_tasks(tasks: list[Task]) -> None:
    again = Tasks(5).draw(90)
    assert [(t.text, t.truth, t.scene.seed) for t in again] == [(t.text, t.truth, t.scene.seed) for t in tasks]
    assert {t.scene.seed for t in Tasks(6).draw(20)}.isdisjoint(t.scene.seed for t in tasks)


@pytest.mark.parametrize(
    ("text", "number", "yes"),
    [
        ("There are 3 stars.", 3, True),
        ("No star was found.", 0, False),
        ("yes", None, True),
        ("No.", 0, False),
        ("图中有2个星星。", 2, True),
        ("没有找到星星。", 0, False),
    ],
)
def test_numbers_and_affirmations_are_read(text: str, number: int | None, yes: bool) -> None:
    assert judging._number(text.lower()) == number
    assert judging._yes(text.lower()) is yes


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("The star is at the top left.", "top left"),
        ("Middle left.", "left"),
        ("The car is at the centre.", "centre"),
        ("bottom center", "bottom"),
        ("Top-left, I think.", "top left"),
        ("星星在右上。", "top right"),
        ("nowhere", None),
    ],
)
def test_places_are_read(text: str, place: str | None) -> None:
    assert judging.place_said(text.lower()) == place


def test_a_wrong_mention_makes_an_answer_wrong() -> None:
    assert judging._named("a striped star", ["plain", "striped"]) == {"striped"}
    assert judging._named("plain or striped", ["plain", "striped"]) == {"plain", "striped"}
    assert judging._named("粉红色", ["红色", "粉红色"], {"红色": "red", "粉红色": "pink"}) == {"pink"}


def test_three_routes_are_compared_on_the_same_requests() -> None:
    done: list[int] = []
    figures = measure(3, requests=20, n=0, progress=lambda number, of: done.append(number))
    assert done == list(range(1, 21))
    values = figures.values
    assert values["oracle_right"] >= max(values["direct_right"], values["tools_right"])
    assert values["only_direct_right"] > 0 and values["only_tools_right"] > 0
    assert values["auto_right"] > max(values["direct_right"], values["tools_right"])
    assert sum(figures.details["pairs"].values()) == 20
    assert all(miss["way"] in ("direct", "tools", "auto") for miss in figures.details["misses"])


def test_the_sheet_has_a_tile_for_each_result(tasks: list[Task]) -> None:
    tiles = [Shown(t.scene.image, t.text, "yes", "direct", True) for t in tasks[: COLUMNS + 1] if t.language == "en"]
    sheet = contact_sheet(tiles)
    assert sheet.width > COLUMNS * 200 and sheet.height > 300

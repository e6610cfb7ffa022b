"""Texts summarised, translated and written anew: by mini's methods, and by a model that says recorded replies."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from panmodal.agent.lab.mini.shipped import shipped
from panmodal.tools.errors import Cancelled, EmptyInput, ModelError, WrongArgument
from panmodal.tools.media.kinds import Segment, Text, Transcript
from panmodal.tools.roles import StepContext
from panmodal.tools.text.extract_entities import COLUMNS, extract_entities
from panmodal.tools.text.rewrite import rewrite
from panmodal.tools.text.sentiment import sentiment
from panmodal.tools.text.summarise import summarise
from panmodal.tools.text.transcript_text import transcript_text
from panmodal.tools.text.translate import translate

STEP = StepContext()
EMPTY = Text.of(" \n")
REVIEW = Text.of(
    "Anna Berg runs the Café Nord in Bergen. Since 2019 Anna Berg has baked 300 loaves a day, and they are superb."
)
Speaking = Callable[..., Any]


def stopped() -> StepContext:
    stop = threading.Event()
    stop.set()
    return StepContext(stop=stop)


@pytest.fixture(scope="module")
def mini() -> dict[str, Any]:
    return {role: each.adapter() for role, each in shipped(["summariser", "translator"]).items()}


def test_mini_summarises_and_says_how(mini: dict[str, Any]) -> None:
    text = Text.of("The car is red. Two boats lie in the harbour. The harbour has room for many boats. It rained.")
    said = summarise(text, 1, summariser=mini["summariser"], step=STEP)
    assert said.text in ("Two boats lie in the harbour.", "The harbour has room for many boats.")
    assert said.method == "extract: the most central sentences, by LexRank"
    assert Text.from_handle(said.handle(), lambda _: said.encode()[0]).method == said.method  # type: ignore[attr-defined]
    assert summarise(text, 9, summariser=mini["summariser"], step=STEP).text == text.text


def test_mini_translates_and_says_how(mini: dict[str, Any]) -> None:
    said = translate(Text.of("There are two red boats."), "chinese", translator=mini["translator"], step=STEP)
    assert said.text == "有两艘红色船。" and said.method.startswith("phrase table")
    assert translate(said, "english", translator=mini["translator"], step=STEP).text == "There are two red boats."
    with pytest.raises(WrongArgument, match="cannot write 'fr'"):
        translate(said, "french", translator=mini["translator"], step=STEP)


def test_a_plan_may_say_the_words_itself(mini: dict[str, Any]) -> None:
    args = translate.validate({"text": "a star", "to": "chinese"})
    assert translate.call(args, mini).text == "一颗星星"
    assert summarise.call(summarise.validate({"text": "One. Two."}), mini).text == "One. Two."
    for wrong in ({"text": "a", "to": "it"}, {"text": "a"}, {"text": 3, "to": "english"}):
        with pytest.raises(WrongArgument):
            translate.validate(wrong)
    for count in (0, 21, "many"):
        with pytest.raises(WrongArgument, match="sentences"):
            summarise.validate({"text": "a", "sentences": count})


def test_nothing_to_work_on_is_said(mini: dict[str, Any], speaking: Speaking) -> None:
    server = speaking("never asked")
    writer = server.adapter("writer")
    with pytest.raises(EmptyInput, match="nothing to summarise"):
        summarise(EMPTY, summariser=mini["summariser"], step=STEP)
    with pytest.raises(EmptyInput, match="nothing to translate"):
        translate(EMPTY, "chinese", translator=mini["translator"], step=STEP)
    with pytest.raises(EmptyInput, match="nothing to rewrite"):
        rewrite(EMPTY, "shorter", writer=writer, step=STEP)
    with pytest.raises(EmptyInput, match="nothing to judge"):
        sentiment(EMPTY, writer=writer, step=STEP)
    assert extract_entities(EMPTY, writer=writer, step=STEP).columns == COLUMNS
    assert server.asked == []


def test_a_transcript_becomes_lines_of_text() -> None:
    heard = Transcript.of(
        [
            Segment(text=" there are two boats ", start=0, end=1),
            Segment(text="", start=1, end=2),
            Segment(text="find them", start=2, end=3, speaker="Anna"),
        ],
        "en",
    )
    assert transcript_text(heard) == Text.of("there are two boats\nAnna: find them")
    assert transcript_text(Transcript.of([])).empty


def test_rewriting(speaking: Speaking) -> None:
    server = speaking({"able": True, "text": "  Anna bakes superb bread.\n"})
    said = rewrite(REVIEW, "in five words", writer=server.adapter("writer"), step=STEP)
    assert said.text == "Anna bakes superb bread." and "language model" in said.method
    assert "Rewrite the text: in five words." in server.asked[0]["messages"][0]["content"]
    with pytest.raises(WrongArgument, match="how to rewrite"):
        rewrite(REVIEW, " ", writer=server.adapter("writer"), step=STEP)
    with pytest.raises(Cancelled):
        rewrite(REVIEW, "shorter", writer=server.adapter("writer"), step=stopped())


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ({"able": True, "text": ""}, "wrote nothing"),
        ({"able": True, "text": "I’m sorry, but I cannot rewrite this."}, "a refusal"),
        ({"able": True, "text": "bread " * 500}, "plenty"),
        ({"able": False, "text": "It praises bread."}, "praises bread"),
        ("Of course! Here it is.", "no JSON object"),
    ],
)
def test_rewriting_gone_wrong(speaking: Speaking, reply: object, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        rewrite(REVIEW, "shorter", writer=speaking(reply).adapter("writer"), step=STEP)


def test_sentiment_is_one_of_four_words(speaking: Speaking) -> None:
    writer = speaking({"able": True, "feeling": "positive"}).adapter("writer")
    assert sentiment(REVIEW, writer=writer, step=STEP) == "positive"
    for reply in (
        {"able": True, "feeling": "ecstatic"},
        {"able": True, "feeling": None},
        {"able": False, "feeling": "mixed"},
    ):
        with pytest.raises(ModelError):
            sentiment(REVIEW, writer=speaking(reply).adapter("writer"), step=STEP)


def test_entities_are_those_that_the_text_holds(speaking: Speaking) -> None:
    named = [
        ("Bergen", "place"), ("Anna Berg", "person"), ("Oslo", "place"), ("2019", "date"), ("300", "amount"),
        (" ", "other"), ("Café Nord", "organisation"), ("Anna Berg", "other"),
    ]  # fmt: skip
    server = speaking({"able": True, "entities": [{"name": name, "kind": kind} for name, kind in named]})
    table = extract_entities(REVIEW, writer=server.adapter("writer"), step=STEP)
    assert [tuple(row.values()) for row in table.rows] == [
        ("Anna Berg", "person", 2, 0),
        ("Café Nord", "organisation", 1, 19),
        ("Bergen", "place", 1, 32),
        ("2019", "date", 1, 46),
        ("300", "amount", 1, 71),
    ]
    none = speaking({"able": True, "entities": []}).adapter("writer")
    assert extract_entities(REVIEW, writer=none, step=STEP).empty


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ({"able": True, "entities": [{"name": "Oslo", "kind": "place"}]}, "only what the text does not hold"),
        ({"able": True, "entities": [{"name": "Anna Berg", "kind": "baker"}]}, "no such answer"),
        ({"able": True, "entities": [["Anna Berg", "person"]]}, "no such answer"),
        ({"able": True, "entities": {"Anna Berg": "person"}}, "no such answer"),
        ('{"able": true, "entities": [{"name": "Anna', "no JSON object"),
    ],
)
def test_entities_gone_wrong(speaking: Speaking, reply: object, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        extract_entities(REVIEW, writer=speaking(reply).adapter("writer"), step=STEP)

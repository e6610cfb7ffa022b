"""Extractive summaries through the profile: what a text is about is found, quoted and put in order."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest

from panmodal.agent.lab.mini.shipped import shipped
from panmodal.tools.errors import Cancelled, CheckpointBroken, UnknownRole, WrongArgument
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.extractive import ExtractiveLoader
from panmodal.tools.loaders.extractive_model import METHOD
from panmodal.tools.roles import Summariser
from panmodal.tools.text.words import ends, joined, sentences_of, words_of

MUSEUM = (
    "The Harbour Museum\n\nThe harbour museum reopened on Monday after a two-year renovation of its main hall. "
    "Visitors queued along the pier from early morning. The renovation of the museum cost nine million euros and "
    "doubled the size of the main hall. A brass band played. The museum now shows forty restored boats in the main "
    "hall, among them a lifeboat from 1898. Coffee is sold at the entrance."
)
MUSEUM_ZH = (
    "港口博物馆周一在翻修两年后重新开放。一支铜管乐队演奏了乐曲。翻修花费九百万欧元，博物馆主展厅的面积扩大了一倍。"
    "博物馆的主展厅现在展出四十艘修复的船。天气很好。"
)
SYLLABLES = [f"{first}{last}" for first in "bdfgklmnprstvz" for last in "aou"]


@pytest.fixture(scope="module")
def summariser() -> Summariser:
    found: Summariser = shipped(["summariser"])["summariser"].adapter()
    return found


def one(summariser: Summariser, text: str, count: int) -> str:
    return summariser.summarise([text], [count])[0].text


def planted(rng: np.random.Generator) -> tuple[str, list[str]]:
    """A text of made-up words: four sentences on one thing, among eight that share no word with any other."""

    drawn = iter(rng.integers(len(SYLLABLES), size=600).tolist())
    words = ("".join(SYLLABLES[next(drawn)] for _ in range(3)) + "n" for _ in range(200))
    topic = [next(words) for _ in range(6)]
    about = [[topic[place] for place in rng.permutation(6)[:3]] + [next(words) for _ in range(4)] for _ in range(4)]
    beside = [[next(words) for _ in range(size)] for size in rng.integers(4, 10, size=8)]
    said = [f"The {' '.join(each)}." for each in [*about, *beside]]
    return " ".join(said[place] for place in rng.permutation(12)), said[:4]


def test_what_a_text_is_about_is_found(summariser: Summariser) -> None:
    rng = np.random.default_rng(7)
    texts, topics = zip(*(planted(rng) for _ in range(100)), strict=True)
    summaries = summariser.summarise(texts, [3] * 100)
    hits = [
        sum(each in topic for each in sentences_of(said.text)) for said, topic in zip(summaries, topics, strict=True)
    ]
    assert sum(hits) >= 290  # of 300; the share is stated on the model card


def test_a_summary_quotes_in_the_order_of_the_text(summariser: Summariser) -> None:
    assert one(summariser, MUSEUM, 2) == (
        "The harbour museum reopened on Monday after a two-year renovation of its main hall. The renovation of the "
        "museum cost nine million euros and doubled the size of the main hall."
    )
    assert one(summariser, MUSEUM_ZH, 2) == (
        "翻修花费九百万欧元，博物馆主展厅的面积扩大了一倍。博物馆的主展厅现在展出四十艘修复的船。"
    )
    assert summariser.method == METHOD


def test_texts_of_a_call_do_not_change_each_other(summariser: Summariser) -> None:
    together = summariser.summarise([MUSEUM, MUSEUM_ZH, ""], [1, 3, 2])
    assert [each.text for each in together] == [one(summariser, MUSEUM, 1), one(summariser, MUSEUM_ZH, 3), ""]
    assert summariser.summarise([], []) == []


def test_what_is_repeated_counts_once(summariser: Summariser) -> None:
    pages = "\n\n".join(f"[page {number}]\n\n{sentence} Copyright by the harbour office of the harbour."
                        for number, sentence in enumerate(sentences_of(MUSEUM)[1:], 1))  # fmt: skip
    said = one(summariser, pages, 2)
    assert "[page" not in said and said.count("Copyright") <= 1
    nearly = f"{MUSEUM} The museum now shows forty restored boats in the main hall, among them a lifeboat of 1898."
    assert one(summariser, nearly, 3).count("lifeboat") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ""),
        (" \n\t\n", ""),
        ("no full stop at all", "no full stop at all"),
        ("there are two red stars\nthere is a boat\nthe red stars are large", "there are two red stars"),
        ("...", "..."),
        ("One.", "One."),
        ("😀 😀. 😀.", "😀 😀."),
        ("x" * 5000, "x" * 5000),
    ],
)
def test_texts_with_little_in_them(summariser: Summariser, text: str, said: str) -> None:
    assert one(summariser, text, 1) == said


def test_a_book_takes_no_matrix(summariser: Summariser) -> None:
    rng = np.random.default_rng(0)
    book = " ".join(planted(rng)[0] for _ in range(400))
    assert len(sentences_of(one(summariser, book, 5))) == 5


def test_stopping_and_wrong_numbers(summariser: Summariser) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        summariser.summarise([MUSEUM], [1], stop=stop)
    with pytest.raises(WrongArgument, match="no sentence"):
        summariser.summarise([MUSEUM], [0])


@pytest.mark.parametrize(
    "stated",
    ["{}", '{"damping": 1.5, "alike": 0.7}', '{"damping": "much", "alike": 0.7}', "[]", "{", '{"damping": true}'],
)
def test_broken_settings(tmp_path: Path, stated: str) -> None:
    (tmp_path / "config.json").write_text(stated)
    with pytest.raises(CheckpointBroken):
        ExtractiveLoader().load(ModelSpec("summariser", "extractive", str(tmp_path)))


def test_it_serves_one_role_and_the_stated_digest_only(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"damping": 0.5, "alike": 0.9}))
    spec = ModelSpec("summariser", "extractive", str(tmp_path))
    loaded = ExtractiveLoader().load(spec)
    assert (loaded.nbytes, ExtractiveLoader().measure(spec)) == (0, 0)
    with pytest.raises(UnknownRole, match="serves the summariser"):
        loaded.adapter("writer")
    with pytest.raises(CheckpointBroken, match="sha256"):
        ExtractiveLoader().load(ModelSpec("summariser", "extractive", str(tmp_path), sha256="0" * 64))


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Dr. Smith met J. Brown at 3.5 km. He left.", ["Dr. Smith met J. Brown at 3.5 km.", "He left."]),
        ('He said "Go!" and left. Then? Yes!', ['He said "Go!" and left.', "Then?", "Yes!"]),
        ("A heading\n\n- one\n- two\n\nThe end.", ["A heading", "- one", "- two", "The end."]),
        ("A line that\ngoes on. Next.", ["A line that goes on.", "Next."]),
        ("星星在左边。它是红\n色的！真的吗？", ["星星在左边。", "它是红色的！", "真的吗？"]),
        ("", []),
    ],
)
def test_texts_are_cut_into_sentences(text: str, sentences: list[str]) -> None:
    assert sentences_of(text) == sentences


def test_words_are_compared_without_inflection() -> None:
    assert words_of("opened opens opening open") == ["open"] * 4
    assert words_of("The boats' boat's boats") == ["boat"] * 3
    assert words_of("closed closes close closing") == ["clos"] * 4
    assert words_of("灯塔有多高？") == ["灯塔", "高"]
    assert words_of("is it the one, then?") == words_of("…") == []
    assert joined(["一。", "二。", "Three.", "Four."]) == "一。二。Three. Four."
    assert ends("So.") and ends("“好。”") and not ends("[page 2]") and not ends("Anna | 1898")

"""The phrase table through the profile: what the world says is translated both ways, what it lacks is marked."""

import threading
from pathlib import Path

import numpy as np
import pytest
import yaml

from panmodal.agent.lab.mini.shipped import shipped
from panmodal.agent.lab.world.captions import caption, long_caption
from panmodal.agent.lab.world.questions import questions_of
from panmodal.agent.lab.world.scenes import CLASSES, COLOURS, render_scene
from panmodal.agent.lab.world.sentences import VOCABULARY, sample_sentence
from panmodal.agent.profiles.loading import PACKAGED
from panmodal.tools.errors import Cancelled, CheckpointBroken, CheckpointMissing, UnknownRole, WrongArgument
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.phrase_table import PhraseTableLoader
from panmodal.tools.loaders.phrase_table_model import METHOD
from panmodal.tools.roles import Translator
from panmodal.tools.see.nouns import NOUNS

FOLDER = PACKAGED / "mini" / "translator"


@pytest.fixture(scope="module")
def translator() -> Translator:
    found: Translator = shipped(["translator"])["translator"].adapter()
    return found


def one(translator: Translator, text: str, to: str) -> str:
    return translator.translate([text], [to])[0].text


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("two red stars", "两颗红色星星"),
        ("There is a small green star below the house.", "这座房子下面有一颗绿色的小星星。"),
        ("How many boats are there?", "有多少艘船？"),
        ("cut out the largest fish", "抠出最大的鱼"),
        ("make the car blue", "把这辆汽车变成蓝色"),
        ("Is there a yellow boat to the left of the fish?", "这条鱼左边有一艘黄色船吗？"),
        ("a green moon is to the left of a blue cross", "一个绿色月亮在一个蓝色十字的左边"),
        ("what colour is the cup", "这个杯子是什么颜色的"),
        ("there are six rings and five boats", "有六个圆环和五艘船"),
        ("Draw an orange cat beside the dog.", "在这只狗旁边画一只橙色猫。"),
        ("3 white birds", "3只白色鸟"),
        ("A red boat, a moon and a cup on a plain background.", "纯色的背景上有一艘红色船、一个月亮和一个杯子。"),
    ],
)  # fmt: skip
def test_sentences_both_ways(translator: Translator, english: str, chinese: str) -> None:
    assert one(translator, english, "zh") == chinese
    assert one(translator, chinese, "en") == english


@pytest.mark.parametrize(
    ("chinese", "english"),
    [
        ("图里有多少颗星星？", "How many stars are there in the picture?"),
        ("把红色的星星模糊一下", "blur the red star"),
        ("星星在哪里", "where is the star"),
        ("左边有三只猫。", "There are three cats on the left."),
        ("找出所有的汽车，然后数一数。", "Find all the cars, then count."),
    ],
)
def test_chinese_as_people_write_it(translator: Translator, chinese: str, english: str) -> None:
    assert one(translator, chinese, "en") == english


def test_what_the_world_says_is_known_and_mostly_comes_back(translator: Translator) -> None:
    rng = np.random.default_rng(7)
    drawn = (sample_sentence(rng, "test") for _ in range(200))
    said = [each.text for each in drawn if each.kind == "sentence"][:80]
    chinese = [reply.text for reply in translator.translate(said, ["zh"] * len(said))]
    assert not any(letter.isascii() and letter.isalpha() for text in chinese for letter in text)
    back = [reply.text for reply in translator.translate(chinese, ["en"] * len(said))]
    # "big" comes back as "large", "one" as "a".
    assert sum(one == other for one, other in zip(said, back, strict=True)) >= 0.9 * len(said)


def test_captions_and_questions_are_known(translator: Translator) -> None:
    for seed in range(8):
        scene = render_scene(seed, split="test")
        for text in (caption(scene), long_caption(scene), *(each.question for each in questions_of(scene))):
            said = one(translator, text, "zh")
            for thing in scene.objects:
                said = said.replace(f"⟦{thing.word}⟧", "")  # what is written on a sign
            assert "⟦" not in said, text


def test_every_word_of_the_world_and_every_noun_and_colour_is_there(translator: Translator) -> None:
    words = {*VOCABULARY, *CLASSES, *COLOURS, *(word for each in NOUNS.values() for word in each["en"])}
    # What Chinese says by nothing stays as it is where it stands alone.
    assert {word for word in words if "⟦" in one(translator, word, "zh")} == {"a", "an", "the", "do", "does"} & words
    chinese = {word for each in NOUNS.values() for word in each["zh"]}
    assert [word for word in chinese if "⟦" in one(translator, word, "en")] == []


def test_unknown_words_are_kept_and_marked(translator: Translator) -> None:
    assert one(translator, "there are six crosses and six pencils", "zh") == "有六个十字和六个⟦pencils⟧"
    assert one(translator, "Remove the large silver cross.", "zh") == "去掉这个⟦silver⟧的大十字。"
    assert one(translator, "画一个红色的灯笼", "en") == "draw a red ⟦灯笼⟧"
    assert (
        one(translator, "The committee postponed Wednesday's decision.", "zh")
        == "⟦committee⟧⟦postponed⟧⟦Wednesday's⟧⟦decision⟧。"
    )
    # What is marked once comes back as it was.
    assert one(translator, "有六个⟦pencils⟧", "en") == "there are six ⟦pencils⟧"


@pytest.mark.parametrize(
    ("text", "to", "said"),
    [
        ("", "zh", ""),
        (" \n ", "en", ""),
        ("...", "zh", "。。。"),
        ("a", "zh", "⟦a⟧"),
        ("12", "zh", "12"),
        ("😀 star", "zh", "😀星星"),
        ("the star", "en", "the star"),
        ("星星", "zh", "星星"),
        ("{thing}", "zh", "{thing}"),
        ("one star\n\ntwo boats\n", "zh", "一颗星星\n\n两艘船"),
        ("x" * 3000, "zh", f"⟦{'x' * 3000}⟧"),
        ("red " * 300, "zh", "红色" * 300),
        ("红" * 300, "en", " ".join(["red"] * 300)),
        ("a star, " * 65 + "a star", "zh", "、".join(["一颗星星"] * 66)),
        ("a star, " * 200 + "a star", "zh", "，".join(["一颗星星"] * 201)),
    ],
)
def test_texts_that_are_no_sentences(translator: Translator, text: str, to: str, said: str) -> None:
    assert one(translator, text, to) == said


def test_texts_of_a_call_are_apart_and_languages_are_limited(translator: Translator) -> None:
    replies = translator.translate(["a star", "一艘船", ""], ["zh", "en", "zh"])
    assert [each.text for each in replies] == ["一颗星星", "a boat", ""]
    assert translator.method == METHOD
    with pytest.raises(WrongArgument, match="cannot write 'de'") as caught:
        translator.translate(["a star"], ["de"])
    assert caught.value.facts["field"] == "to"
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        translator.translate(["a star"], ["zh"], stop=stop)


def spec(folder: Path) -> ModelSpec:
    return ModelSpec("translator", "phrase-table", str(folder))


GOOD = {
    "measures": ["个"],
    "words": {"noun": [["star", "星星", "个"]], "word": []},
    "phrases": {"sentence": [["{noun}", "{noun}"]]},
}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"phrases": {"sentence": [["find {noun}", "找"]]}}, "its sides differ"),
        ({"phrases": {"sentence": [["find {thing}", "找{thing}"]]}}, "there is no {thing}"),
        ({"phrases": {"sentence": [["find it", ""]]}}, "its sides differ"),
        ({"phrases": {"request": [["find", "找"]]}}, "lacks the phrase 'sentence'"),
        ({"words": {"noun": [["star"]], "word": []}}, "words.noun.0"),
        ({"words": {"noun": {"star": "星星"}}}, "words.noun"),
        ({"colours": ["red"]}, "colours"),
    ],
)
def test_tables_that_do_not_hold_together(tmp_path: Path, change: dict[str, object], told: str) -> None:
    (tmp_path / "phrases.yaml").write_text(yaml.safe_dump({**GOOD, **change}, allow_unicode=True), encoding="utf-8")
    with pytest.raises(CheckpointBroken, match=told):
        PhraseTableLoader().load(spec(tmp_path))


@pytest.mark.parametrize("content", [b"", b"a: [", b"\xff\xfe\x00", b"- 1", b"!!python/object:os.system {}"])
def test_files_that_are_no_table(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "phrases.yaml").write_bytes(content)
    with pytest.raises(CheckpointBroken):
        PhraseTableLoader().load(spec(tmp_path))


def test_a_small_table_works_and_serves_one_role(tmp_path: Path) -> None:
    with pytest.raises(CheckpointMissing):
        PhraseTableLoader().measure(spec(tmp_path / "nowhere"))
    with pytest.raises(CheckpointBroken, match="phrases.yaml cannot be read"):
        PhraseTableLoader().load(spec(tmp_path))
    (tmp_path / "phrases.yaml").write_text(yaml.safe_dump(GOOD, allow_unicode=True), encoding="utf-8")
    loaded = PhraseTableLoader().load(spec(tmp_path))
    small: Translator = loaded.adapter("translator")  # type: ignore[assignment]
    assert [one(small, text, "zh") for text in ("star", "Star!", "stars")] == ["星星", "星星！", "⟦stars⟧"]
    with pytest.raises(UnknownRole, match="serves the translator"):
        loaded.adapter("summariser")


def test_a_phrase_that_begins_with_itself_does_no_harm(tmp_path: Path) -> None:
    looped = {**GOOD, "phrases": {"sentence": [["{sentence} too", "{sentence}也"], ["{noun}", "{noun}"]]}}
    (tmp_path / "phrases.yaml").write_text(yaml.safe_dump(looped, allow_unicode=True), encoding="utf-8")
    small: Translator = PhraseTableLoader().load(spec(tmp_path)).adapter("translator")  # type: ignore[assignment]
    assert one(small, "star too", "zh") == "星星⟦too⟧"

"""The request generator: gold plans hold against the real registry, spans are spans, splits are apart."""

import random
import re
import subprocess
import sys
from collections import Counter

import pytest

from panmodal.agent.lab.train.planner import words
from panmodal.agent.lab.train.planner.build import MAX_STEPS
from panmodal.agent.lab.train.planner.catalog import LOOKING, Catalog, taught_registry
from panmodal.agent.lab.train.planner.disturb import beside
from panmodal.agent.lab.train.planner.phrasings import (
    FOLDER,
    PHRASES,
    Aside,
    Phrasing,
    Phrasings,
    asides,
    fault,
    independent,
    of_cards,
    own,
    read,
)
from panmodal.agent.lab.train.planner.requests import SPLITS, Example, Generator
from panmodal.planners.canonical import canonical
from panmodal.planners.checker import check
from panmodal.planners.plan import Plan
from panmodal.tools.card import Card
from panmodal.tools.contract import tool
from panmodal.tools.media.audio import Audio
from panmodal.tools.media.image import Image
from panmodal.tools.registry import Registry

REGISTRY = taught_registry()
CATALOG = Catalog.of(REGISTRY)
GENERATOR = Generator(CATALOG)
LOOKERS = taught_registry(LOOKING)
FILES = (
    "en.tsv", "zh.tsv", "more-en.tsv", "more-zh.tsv", "tools-en.tsv", "tools-zh.tsv", "independent-en.tsv",
    "independent-zh.tsv",
)  # fmt: skip


def drawn(split: str, count: int, seed: int = 3) -> list[Example]:
    rng = random.Random(f"{split}/{seed}")
    return [GENERATOR.sample(rng, split) for _ in range(count)]


def is_request(line: Phrasing) -> bool:
    return not line.intents[0].startswith(PHRASES)


@pytest.mark.parametrize("name", FILES)
def test_every_line_of_the_files_makes_a_request(name: str) -> None:
    lines = list(read(FOLDER / name))
    assert len(lines) > 150
    assert not {line: fault(line, CATALOG) for line in lines if is_request(line) and fault(line, CATALOG)}


def test_asides_say_where_they_stand_and_fill_no_slot() -> None:
    lines = list(asides())
    assert len(lines) > 2_500 and len(set(lines)) == len(lines)
    for line in lines:
        assert line.place in ("before", "after", "either") and line.build in ("sentence", "phrase"), line
        assert line.text.strip() == line.text and not re.search(r"[{}\[\].。]$|[{}\[\]]", line.text), line


def test_an_aside_stands_beside_the_request() -> None:
    rng = random.Random(0)
    said = {beside("Is it a dog?", Aside("after", "sentence", "my aunt asks"), rng) for _ in range(20)}
    assert said == {"Is it a dog? my aunt asks"}
    said = {beside("Count the dogs.", Aside("before", "phrase", "for my thesis"), rng) for _ in range(60)}
    assert said == {f"for my thesis{between}count the dogs." for between in (", ", " ", " - ")}
    said = {beside("数一数狗", Aside("after", "phrase", "我好交差"), rng) for _ in range(60)}
    assert said == {"数一数狗，我好交差", "数一数狗,我好交差", "数一数狗我好交差"}
    trained = [example.text for example in drawn("train", 600)]
    spoken = [text for text in trained if any(line.text.lower() in text.lower() for line in asides())]
    assert 60 < len(spoken) < 200  # one in five, some of them written in American afterwards
    # But for texts to be spoken or translated, and for phrasings that happen to begin like one.
    measured = [example for example in drawn("forms", 300) if "text" not in example.plan["steps"][0]["args"]]
    said = [e.text for e in measured if any(len(a.text) > 8 and a.text.lower() in e.text.lower() for a in asides())]
    assert len(said) <= 3, said


def test_a_bad_line_is_told() -> None:
    assert fault(Phrasing(("blur",), "blur it"), CATALOG) == "blur: nothing is named"
    assert fault(Phrasing(("recolour",), "paint {np}"), CATALOG) == "recolour: no {colour}"
    assert fault(Phrasing(("rotate",), "turn {np}"), CATALOG) == "no tool 'rotate'"
    assert fault(Phrasing(("perceive",), "What is this?"), CATALOG) == "perceive: no [bracket] for question"
    assert fault(Phrasing(("count",), "how many {pl} of {np}"), CATALOG) == "count: too many things are named"
    assert fault(Phrasing(("count", "blur"), "how many {pl}; blur {ref}"), CATALOG) is None
    assert fault(Phrasing(("generate_image",), "draw something"), CATALOG) == "generate_image: no {prompt}"
    assert fault(Phrasing(("transcribe", "generate_image"), "draw what is said"), CATALOG) is None
    assert fault(Phrasing(("translate",), "say it in {to}, {seconds} s"), CATALOG) == "translate: no argument 'seconds'"
    assert fault(Phrasing(("paste",), "put it onto {other}"), CATALOG) == "paste: no {piece}"
    assert fault(Phrasing(("cut_out", "paste"), "cut out {np} and put {ref} onto {other}"), CATALOG) is None
    assert fault(Phrasing(("change_audio",), "change it"), CATALOG) == "change_audio: no {effect}"
    assert fault(Phrasing(("change_audio@louder",), "louder, please"), CATALOG) is None


def test_phrasings_are_many_and_the_held_out_ones_apart() -> None:
    count = Phrasings(CATALOG).count()
    assert count["train"] + count["held_out"] >= 3000 and count["held_out"] >= 250
    trained = {line.words for line in own() if not line.held_out}
    held_out = {line.words for line in own() if line.held_out}
    assert not trained & held_out and len(held_out) > 2_500
    assert {line.words for line in read(FOLDER / "more-en.tsv")} <= trained, "set (a) stays as it is"
    apart = [line for line in independent() if is_request(line)]
    written = Counter(line.language for line in apart)
    assert written["en"] >= 150 and written["zh"] >= 100
    assert not {line.words for line in apart} & (trained | held_out)


@pytest.mark.parametrize("split", SPLITS)
def test_gold_plans_pass_the_checker(split: str) -> None:
    for example in drawn(split, 150):
        thread = {name: name for name in example.thread}
        plan = Plan.from_data(example.plan)
        assert not check(plan, REGISTRY, attachments=example.attachments, thread=thread), example
        assert len(plan.steps) <= MAX_STEPS
        assert all(step.args.get("by") != "largest" for step in plan.steps), "a default is not written"


def test_free_strings_are_spans_of_the_request() -> None:
    for example in drawn("train", 300):
        for step in example.plan["steps"]:
            closed = {arg.name for arg in CATALOG[step["tool"]].args if arg.options}
            told = [value for name, value in step["args"].items() if name not in closed]
            for span in [one for value in told for one in (value if isinstance(value, list) else [value])]:
                assert str(span).removesuffix(".0") in example.text or str(span).startswith("$"), example


def test_every_tool_and_both_languages_are_asked_for() -> None:
    examples = drawn("train", 2_500)
    used = {step["tool"] for example in examples for step in example.plan["steps"]}
    assert used == set(REGISTRY.names())
    chinese = sum(example.language == "zh" for example in examples) / len(examples)
    assert 0.2 < chinese < 0.5
    assert all((example.language == "zh") == bool(re.search("[一-鿿]", example.text)) for example in examples)
    assert {example.kind for example in examples} == {"single", "joined", "each", "nth", "thread", "all", "pair"}
    assert any("each" in step for example in examples for step in example.plan["steps"])


def test_a_later_wish_takes_up_what_an_earlier_one_made() -> None:
    steps = [step for example in drawn("joined", 2_500) for step in example.plan["steps"]]
    makers = {"speak": "text", "summarise": "text", "upscale": "image", "waveform": "audio", "compose": "images"}
    for name, argument in makers.items():
        assert any("$s" in str(step["args"].get(argument)) for step in steps if step["tool"] == name), name
    chains = [[step["tool"] for step in example.plan["steps"]] for example in drawn("joined", 2_500)]
    spoken = [tools for tools in chains if "speak" in tools]
    assert any(tools[0] == "caption" for tools in spoken) and any(tools[0] == "read_text" for tools in spoken)
    assert ["transcribe", "transcript_text", "summarise"] in chains, "speech is written out before it is summed up"
    assert ["read_text", "written_text", "translate"] in chains


def test_media_that_go_together_are_taken_together() -> None:
    found = [example for example in drawn("train", 2_500) if example.kind in ("all", "pair")]
    for example in found:
        for step in example.plan["steps"]:
            if step["tool"] in ("compose", "mix", "search_images") and "$s" not in str(step["args"]):
                kind = "audio" if step["tool"] == "mix" else "image"
                assert f"$in.{kind}[*]" in step["args"].values() and example.attachments.count(kind) > 1, example
            if step["tool"] == "paste":
                assert step["args"]["image"] != step["args"]["piece"], example
    assert {example.kind for example in found} == {"all", "pair"}


def test_later_wishes_share_the_steps_of_earlier_ones() -> None:
    shared = 0
    for example in drawn("joined", 300):
        tools = [step["tool"] for step in example.plan["steps"]]
        wishes = len(example.plan["answer"])
        shared += tools.count("detect") == 1 and wishes > 1
    assert shared > 30


def test_seeds_repeat_and_splits_differ() -> None:
    assert drawn("train", 20) == drawn("train", 20)
    for language in words.LANGUAGES:
        assert not {*words.CLASSES[language], *words.NOUNS[language]} & set(words.HELD_OUT[language])
    seen = {e.text for e in drawn("train", 400)}
    assert not seen & {e.text for e in drawn("nouns", 100)}
    with pytest.raises(ValueError, match="no split"):
        GENERATOR.sample(random.Random(0), "other")


def test_equal_plans_have_one_canonical_form() -> None:
    for example in drawn("train", 30):
        plan = Plan.from_data(example.plan)
        once = canonical(plan, REGISTRY)
        assert canonical(once, REGISTRY) == once


@tool(card=Card(cost="cpu", keeps="form", examples=("turn it by {degrees} degrees", "rotate the picture by {degrees}")))
def rotate(image: Image, degrees: int) -> Image:
    """Turn a picture."""
    return image


@tool(card=Card(cost="cpu", keeps="part", examples=("how long is the recording", "录音有多长")))
def duration(audio: Audio) -> float:
    """Seconds of a recording."""
    return audio.seconds


def test_a_new_tool_needs_nothing_but_its_card() -> None:
    registry = Registry([*LOOKERS.tools(), rotate, duration])
    catalog = Catalog.of(registry)
    whole = [line for line in of_cards(catalog) if line.intents[0].startswith(("rotate", "duration"))]
    assert [fault(line, catalog) for line in whole] == [None] * 4
    generator, rng = Generator(catalog), random.Random(2)
    found: dict[str, list[Example]] = {"rotate": [], "duration": []}
    for _ in range(4_000):
        example = generator.sample(rng)
        for step in example.plan["steps"]:
            if step["tool"] in found:
                found[step["tool"]].append(example)
    assert all(len(examples) > 5 for examples in found.values())
    for example in [*found["rotate"], *found["duration"]]:
        plan = Plan.from_data(example.plan)
        thread = {name: name for name in example.thread}
        assert not check(plan, registry, attachments=example.attachments, thread=thread), example
    for example in found["rotate"]:
        degrees = next(s["args"]["degrees"] for s in example.plan["steps"] if s["tool"] == "rotate")
        assert str(degrees) in example.text
    assert {kind for example in found["duration"] for kind in example.attachments} == {"audio"}


@pytest.mark.parametrize("without", ["perceive", "blur", "recolour", "select", "filter", "segment"])
def test_a_registry_may_lack_a_tool(without: str) -> None:
    registry = REGISTRY.subset([name for name in REGISTRY.names() if name != without])
    generator, rng = Generator(Catalog.of(registry)), random.Random(without)
    for _ in range(120):
        example = generator.sample(rng)
        thread = {name: name for name in example.thread}
        assert not check(Plan.from_data(example.plan), registry, attachments=example.attachments, thread=thread)


def test_two_questions_are_two_steps() -> None:
    rng = random.Random(8)
    generator = Generator(Catalog.of(LOOKERS))
    found = [e for e in (generator.sample(rng, "joined") for _ in range(1500))
             if sum(step["tool"] == "perceive" for step in e.plan["steps"]) > 1]  # fmt: skip
    assert found
    for example in found:
        questions = [step["args"]["question"] for step in example.plan["steps"] if step["tool"] == "perceive"]
        assert len(set(questions)) == len(questions)


def test_a_catalogue_travels_as_json() -> None:
    assert Catalog.from_json(CATALOG.to_json()) == CATALOG


def test_generating_takes_the_standard_library_only() -> None:
    code = (
        "import sys, random; from panmodal.agent.lab.train.planner.requests import Generator;"
        "from panmodal.agent.lab.train.planner.catalog import Catalog;"
        "Generator(Catalog.from_json(sys.stdin.read())).sample(random.Random(0));"
        "print([m for m in ('torch', 'pydantic', 'numpy', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=CATALOG.to_json(), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"

"""Synthesised sounds through the loader: what is named is made, as long as asked, the same for the same seed."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from panmodal.agent.profiles.loading import PACKAGED
from panmodal.tools.errors import CheckpointBroken, CheckpointMissing, UnknownRole, WrongArgument
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.checkpoints import digest
from panmodal.tools.loaders.registry import get_loader
from panmodal.tools.loaders.sound_words import SILENT, WORDS, sounds_in
from panmodal.tools.loaders.synthesis import SynthesisLoader
from panmodal.tools.loaders.synthesis_model import Synthesiser
from panmodal.tools.loaders.timbres import RATE, TIMBRES, synthesise
from panmodal.tools.roles import SoundClassifier

LOADER = SynthesisLoader()
FOLDER = PACKAGED / "mini" / "sound_generator"
MEANS = [
    0.6325, 0.7561, 0.0698, 0.0069, 0.0432, 0.1673, 0.0354, 0.4685,
    0.2623, 0.7801, 0.207, 0.0299, 0.0514, 0.5051, 0.3083, 0.0275,
]  # fmt: skip


def spec(folder: Path = FOLDER) -> ModelSpec:
    return ModelSpec("sound_generator", "synthesis", str(folder))


@pytest.fixture(scope="module")
def generator() -> Synthesiser:
    loaded = LOADER.load(spec())
    assert (loaded.nbytes, loaded.digest) == (LOADER.measure(spec()), digest(FOLDER)) == (0, digest(FOLDER))
    adapter = loaded.adapter("sound_generator")
    assert isinstance(adapter, Synthesiser)
    return adapter


@pytest.fixture(scope="module")
def classifier() -> SoundClassifier:
    told = ModelSpec(
        "sound_classifier", "transformers", str(PACKAGED / "mini" / "sound_classifier"), options={"threshold": 0.0}
    )
    found: SoundClassifier = get_loader("transformers").load(told).adapter("sound_classifier")
    return found


def one(generator: Synthesiser, prompt: str, seconds: float | None = None, seed: int = 0) -> np.ndarray:
    return generator.make([prompt], seconds=[seconds], seeds=[seed])[0].samples[:, 0]


def test_formulas_need_numpy_alone_and_the_loader_not_even_that() -> None:
    script = (
        "import sys\nimport panmodal.tools.loaders.{}\n"
        "print([name for name in ('numpy', 'pydantic', 'scipy', 'torch') if name in sys.modules])\n"
    )
    for module, loaded in (("timbres", "['numpy']"), ("sound_words", "[]"), ("synthesis", "[]")):
        command = [sys.executable, "-c", script.format(module)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout.strip() == loaded


def test_the_formulas_are_those_that_the_classifier_was_trained_on() -> None:
    """Mean absolute amplitudes as they were in that training: a change of a formula asks for a new one."""
    means = [float(np.abs(synthesise(label, np.random.default_rng(i), RATE)).mean()) for i, label in enumerate(TIMBRES)]
    assert means == pytest.approx(MEANS, rel=5e-3)


def test_the_vocabulary_is_all_that_there_are_formulas_and_words_for(generator: Synthesiser) -> None:
    assert generator.vocabulary == tuple(TIMBRES) == tuple(WORDS)
    assert all(sounds_in(name, TIMBRES) == [name] for name in TIMBRES)
    names = [name.strip() for listed in WORDS.values() for name in listed.split(",")]
    assert len(names) == len(set(names)), "a name belongs to one sound"
    for sound, listed in WORDS.items():
        assert all(sounds_in(name, TIMBRES) == [sound] for name in listed.split(",")), sound


@pytest.mark.parametrize(
    ("text", "sounds"),
    [
        ("the sound of rain", ["rain"]),
        ("Rain, and church bells!", ["bell", "rain"]),
        ("an alarm clock", ["alarm"]),
        ("a car horn; a car engine", ["engine", "horn"]),
        ("somebody KNOCKED", ["knock"]),
        ("the bird's song", ["bird"]),
        ("电话铃声", ["phone"]),
        ("窗外有风声和雨声", ["rain", "wind"]),
        ("风铃", ["bell"]),
        ("听到bell声", ["bell"]),
        ("ｒａｉｎ", ["rain"]),
        ("an alarm-clock", ["alarm"]),
        ("tick-tock", ["clock"]),
        ("a motor-bike", ["engine"]),
        ("铃木摩托车", ["engine"]),
        ("古典风格的鼓声", ["drum"]),
        ("a train of brainstorming windows", []),
        ("a dog barking", []),
        ("", []),
    ],
)
def test_words_name_sounds(text: str, sounds: list[str]) -> None:
    assert sounds_in(text, TIMBRES) == sounds


def test_words_that_only_look_like_sounds_are_silent() -> None:
    assert [word for word in SILENT.split(",") if sounds_in(word, TIMBRES)] == []


@pytest.mark.parametrize("label", TIMBRES)
def test_every_sound_is_as_long_as_asked_and_goes_on_or_comes_again(generator: Synthesiser, label: str) -> None:
    usual, short, long = (one(generator, label, seconds) for seconds in (None, 0.2, 6.0))
    assert TIMBRES[label].shortest <= len(usual) / RATE <= TIMBRES[label].longest
    assert (len(short), len(long)) == (3200, 96_000)
    assert all(np.abs(each).max() == pytest.approx(10 ** (-3 / 20), abs=1e-4) for each in (usual, short, long))
    assert max(abs(each[-1]) for each in (usual, short, long)) < 1e-6, "no click at the end"
    loud = np.abs(long).reshape(-1, 1600).max(axis=1) > 0.02  # tenths of a second
    heard = np.flatnonzero(loud)
    assert heard[-1] > 40 and max(later - earlier for earlier, later in pairwise(heard)) <= 19


def test_a_seed_gives_the_same_sound_whatever_else_is_made(generator: Synthesiser) -> None:
    prompts, seconds, seeds = ["a bell", "rain", "a bird"], [4.0, None, 2.5], [3, 4, 3]
    together = generator.make(prompts, seconds=seconds, seeds=seeds)
    alone = [generator.make([p], seconds=[s], seeds=[n])[0] for p, s, n in zip(prompts, seconds, seeds, strict=True)]
    assert together == alone and all(each.rate == RATE and each.channels == 1 for each in together)
    assert not np.array_equal(one(generator, "a bell", 4.0, 4), one(generator, "a bell", 4.0, 3))
    assert generator.make([], seconds=[], seeds=[]) == []


def test_several_sounds_are_heard_together(generator: Synthesiser) -> None:
    rain, bell, both = (one(generator, text, 3.0, 5) for text in ("rain", "a bell", "a bell in the rain"))
    gain = float(both @ (rain + bell)) / float((rain + bell) @ (rain + bell))
    assert np.abs(both - gain * (rain + bell)).max() < 1e-3


def test_the_shipped_classifier_hears_what_was_asked_for(generator: Synthesiser, classifier: SoundClassifier) -> None:
    wanted = [*TIMBRES] * 2
    lengths = [None] * len(TIMBRES) + [4.0] * len(TIMBRES)
    made = generator.make([f"the sound of a {name}" for name in wanted], seconds=lengths, seeds=range(32))
    best = [max(zip(spans.scores, spans.labels, strict=True))[1] for spans in classifier.classify(made)]
    assert sum(heard == name for heard, name in zip(best, wanted, strict=True)) >= 29


def test_what_cannot_be_made_is_told(generator: Synthesiser) -> None:
    with pytest.raises(WrongArgument, match=r"'a dog barking' names no sound .*beep, siren, bell") as caught:
        generator.make(["rain", "a dog barking"], seconds=[None, None], seeds=[0, 0])
    assert caught.value.facts["field"] == "prompt"
    for seconds in (0.1, 31.0, float("nan")):
        with pytest.raises(WrongArgument, match=r"ask for 0.2 to 30 s") as caught:
            one(generator, "rain", seconds)
        assert caught.value.facts["field"] == "seconds"
    with pytest.raises(WrongArgument, match="a seed of -1"):
        one(generator, "rain", seed=-1)
    for seed in (1.5, "1"):
        with pytest.raises(WrongArgument, match="a seed of") as caught:
            one(generator, "rain", seed=seed)  # type: ignore[arg-type]
        assert caught.value.facts["field"] == "seed"
    with pytest.raises(WrongArgument, match="1 prompts, 0 lengths and 1 seeds"):
        generator.make(["rain"], seconds=[], seeds=[0])


def test_a_folder_may_offer_fewer_sounds_and_none_that_there_are_not(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"sounds": ["rain", "bell"]}')
    few = LOADER.load(spec(tmp_path)).adapter("sound_generator")
    assert isinstance(few, Synthesiser) and few.vocabulary == ("rain", "bell")
    with pytest.raises(WrongArgument, match="the sounds are rain, bell"):
        one(few, "a siren")
    for stated in ({"sounds": ["rain", "dog"]}, {"sounds": []}, {"sounds": "rain"}, {}):
        (tmp_path / "config.json").write_text(json.dumps(stated))
        with pytest.raises(CheckpointBroken, match="are not all synthesised here"):
            LOADER.load(spec(tmp_path))
    with pytest.raises(CheckpointMissing, match="there is no"):
        LOADER.measure(spec(tmp_path / "nowhere"))
    with pytest.raises(UnknownRole, match="serves the sound_generator"):
        LOADER.load(spec()).adapter("tts")

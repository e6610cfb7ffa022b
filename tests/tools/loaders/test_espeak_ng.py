"""Voices of espeak-ng through the loader: recordings that say the text, and errors that name what there is."""

from pathlib import Path

import numpy as np
import pytest

from panmodal.tools.errors import CheckpointBroken, ModelError, UnknownRole, WrongArgument
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.checkpoints import digest
from panmodal.tools.loaders.espeak_ng import EspeakNgLoader
from panmodal.tools.loaders.espeak_speech import speak

LOADER = EspeakNgLoader()


def spec(voice: str = "en-us") -> ModelSpec:
    return ModelSpec("tts", "espeak-ng", voice)


def test_texts_are_said_with_the_profiles_voice_or_another() -> None:
    loaded = LOADER.load(spec("en-gb-scotland+f2"))
    assert loaded.nbytes == LOADER.measure(spec()) > 100_000 and len(loaded.digest) == 64
    voice = loaded.adapter("tts")
    first, again, faster = (
        voice.speak(["Good morning. What a day!"], rate=rate)[0] for rate in (None, None, 300)
    )  # fmt: skip
    assert first == again and first.channels == 1 and first.rate == 22_050
    assert faster.seconds < 0.7 * first.seconds
    assert np.abs(first.samples).max() > 0.1
    american = voice.speak(["Good morning. What a day!"], voice="en-us")[0]
    assert american != first
    long, short = voice.speak(["one two three four five six", "one"])
    assert long.seconds > 2 * short.seconds


def test_a_folder_states_voice_and_rate(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"voice": "en-us+m3", "rate": 250}')
    loaded = LOADER.load(spec(str(tmp_path)))
    said = loaded.adapter("tts").speak(["hello there"])
    assert said == LOADER.load(spec()).adapter("tts").speak(["hello there"], voice="en-us+m3", rate=250)
    assert loaded.digest == digest(tmp_path) and LOADER.resolve(spec(str(tmp_path))) == tmp_path
    (tmp_path / "config.json").write_text('{"voice": "nobody"}')
    with pytest.raises(ModelError, match="'nobody' is no voice"):
        LOADER.load(spec(str(tmp_path)))
    (tmp_path / "config.json").write_text('{"voice": "en-us", "rate": "fast"}')
    with pytest.raises(CheckpointBroken, match="its rate 'fast' is no number"):
        LOADER.load(spec(str(tmp_path)))


def test_a_text_whose_words_espeak_runs_together_can_be_said_without_times() -> None:
    with pytest.raises(WrongArgument, match="gives no time for"):
        for text in ("the hue of it", "it says hue", "what hue", "hue", "a different hue is nice"):
            speak(text)
            speak(f"1 {text} 2 , ' {text}")
    voice = LOADER.load(spec()).adapter("tts")
    assert all(each.seconds > 0.2 for each in voice.speak(["1 hue 2 , ' hue", "3.5 km/h & more..."]))


def test_what_cannot_be_said_is_told() -> None:
    voice = LOADER.load(spec()).adapter("tts")
    with pytest.raises(WrongArgument, match="nothing to say"):
        voice.speak(["hello", "  "])
    with pytest.raises(WrongArgument, match=r"nothing in '\.\.\.' can be said"):
        voice.speak(["..."])
    with pytest.raises(WrongArgument, match="there is no voice 'klingon'"):
        voice.speak(["hello"], voice="klingon")
    with pytest.raises(WrongArgument, match="a rate of 1000"):
        voice.speak(["hello"], rate=1000)
    with pytest.raises(ModelError, match="'klingon' is no voice"):
        LOADER.load(spec("klingon"))
    with pytest.raises(UnknownRole, match="serves the tts"):
        LOADER.load(spec()).adapter("asr")

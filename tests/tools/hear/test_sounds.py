"""Sounds are named and made, texts are said, and what is made is heard as what was asked for."""

import threading
from collections.abc import Callable
from typing import Any

import jiwer
import numpy as np
import pytest

from panmodal.agent.lab.mini.sound_generator import strongest
from panmodal.agent.lab.world.acoustics import RATE
from panmodal.agent.lab.world.sounds import SOUNDS, SoundConfig, render_sounds
from panmodal.agent.lab.world.speech import Utterance
from panmodal.planners.chains import chain
from panmodal.tools.errors import Cancelled, EmptyInput, NotDecodable, UnknownLabel, WrongArgument
from panmodal.tools.hear.classify_sound import classify_sound
from panmodal.tools.hear.generate_audio import generate_audio
from panmodal.tools.hear.speak import _parts, speak
from panmodal.tools.hear.transcribe import transcribe
from panmodal.tools.media.audio import Audio
from panmodal.tools.media.text import Text
from panmodal.tools.registry import Registry
from panmodal.tools.roles import StepContext
from panmodal.tools.text.transcript_text import transcript_text

from .conftest import recording

STEP = StepContext()
Model = Callable[[str], Any]


def test_each_sound_of_the_world_is_named(model: Model) -> None:
    config = SoundConfig(seconds=(3.0, 4.0), count=(1, 1), snr_db=(20.0, 40.0))
    for seed in range(12):
        clip = render_sounds(810_000 + seed, config, split="test")
        heard = classify_sound(recording(clip.samples), sound_classifier=model("sound_classifier"))
        assert strongest(heard) == clip.events[0].label
        assert heard.seconds.tolist()[0] == [0, pytest.approx(len(clip.samples) / RATE, abs=1e-6)]


def test_only_the_sounds_that_were_asked_for_are_kept(model: Model) -> None:
    classifier = model("sound_classifier")
    made = {name: render_sounds(5, SoundConfig((4.0, 4.0), (1, 1), (30.0, 30.0), classes=(name,))).samples
            for name in ("bell", "rain")}  # fmt: skip
    audio = recording(np.concatenate([made["bell"], made["rain"]]))
    everything = classify_sound(audio, sound_classifier=classifier)
    assert everything.labels == ("bell", "rain") and everything.seconds.tolist() == [[0, 4], [4, 8]]
    for label in ("church bells", "the Bell", "钟声"):
        assert classify_sound(audio, [label], sound_classifier=classifier).labels == ("bell",)
    assert classify_sound(audio, ["rain"], sound_classifier=classifier).seconds.tolist() == [[4, 8]]
    assert classify_sound(audio, ["horn"], sound_classifier=classifier).empty
    assert classify_sound(audio, ["any sound"], sound_classifier=classifier) == everything
    with pytest.raises(UnknownLabel, match="the sound classifier does not know 'violin'"):
        classify_sound(audio, ["bell", "violin"], sound_classifier=classifier)


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(1), np.zeros(2 * RATE), np.zeros((RATE, 2))])
def test_in_nothing_nothing_is_heard(model: Model, samples: np.ndarray) -> None:
    assert classify_sound(recording(samples), sound_classifier=model("sound_classifier")).empty


def test_a_damaged_recording_is_told(model: Model) -> None:
    import io

    import soundfile

    file = io.BytesIO()
    soundfile.write(file, np.array([0, np.nan, 0.1], np.float32), 8_000, format="WAV", subtype="FLOAT")
    with pytest.raises(NotDecodable, match="1 of 3 samples are no numbers"):
        classify_sound(Audio.open(file.getvalue()), sound_classifier=model("sound_classifier"))


def test_made_sounds_are_heard_as_what_they_are(model: Model) -> None:
    for number, name in enumerate(SOUNDS[::3]):
        step = StepContext(seed=number)
        made = generate_audio(f"the sound of a {name}", 3.0, sound_generator=model("sound_generator"), step=step)
        assert made.seconds == 3
        assert strongest(classify_sound(made, sound_classifier=model("sound_classifier"))) == name
        assert made == generate_audio(
            f"the sound of a {name}", 3.0, sound_generator=model("sound_generator"), step=step
        )
    usual = generate_audio("a bell", sound_generator=model("sound_generator"), step=STEP)
    assert 0.2 <= usual.seconds <= 3
    assert usual != generate_audio("a bell", sound_generator=model("sound_generator"), step=StepContext(seed=2**40 + 1))


def test_sounds_that_cannot_be_made_are_told(model: Model) -> None:
    generator = model("sound_generator")
    for prompt, seconds, told in (("an opera", 0.0, "names no sound"), ("rain", 31.0, "a sound of 31 s")):
        with pytest.raises(WrongArgument, match=told):
            generate_audio(prompt, seconds, sound_generator=generator, step=STEP)
    for prompt in ("rain\0dog", "\x1b[31mrain"):
        with pytest.raises(WrongArgument, match="control characters") as caught:
            generate_audio(prompt, sound_generator=generator, step=STEP)
        assert caught.value.facts["field"] == "prompt" and prompt not in caught.value.message
    with pytest.raises(EmptyInput, match="nothing to make"):
        generate_audio("  ", sound_generator=generator, step=STEP)
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        generate_audio("rain", sound_generator=generator, step=StepContext(stop=stop))


def test_what_is_said_is_understood(model: Model, said: list[Utterance]) -> None:
    texts = [one.sentence.text for one in said]
    spoken = [speak(Text.of(text), tts=model("tts"), step=STEP) for text in texts]
    heard = [transcribe(audio, asr=model("asr"), step=STEP).text for audio in spoken]
    assert jiwer.wer(texts, heard) <= 0.1  # the profile's bound
    again = speak(transcript_text(transcribe(spoken[0], asr=model("asr"), step=STEP)), tts=model("tts"), step=STEP)
    assert transcribe(again, asr=model("asr"), step=STEP).text == heard[0]


def test_a_text_and_a_transcript_lead_to_speech() -> None:
    registry = Registry([speak, transcript_text, transcribe])
    assert chain(["text"], "audio", registry) == ["speak"]
    assert chain(["transcript"], "audio", registry) == ["transcript_text", "speak"]
    assert chain(["audio"], "text", registry) == ["transcribe", "transcript_text"]


def test_voices_and_rates(model: Model) -> None:
    text, voice = Text.of("Good morning, everybody."), model("tts")
    usual = speak(text, tts=voice, step=STEP)
    assert usual.channels == 1 and usual == voice.speak([text.text])[0]
    assert speak(text, rate=300, tts=voice, step=STEP).seconds < 0.8 * usual.seconds
    assert speak(text, "en-gb-scotland+f2", tts=voice, step=STEP) != usual
    with pytest.raises(WrongArgument, match="no voice 'klingon'"):
        speak(text, "klingon", tts=voice, step=STEP)
    with pytest.raises(WrongArgument, match="a rate of 999"):
        speak(text, rate=999, tts=voice, step=STEP)
    assert speak(Text.of("hello\0world again"), tts=voice, step=STEP) == voice.speak(["hello world again"])[0]
    for nothing in ("", " \n", "... !", "\0\x1b[31m"):
        with pytest.raises(EmptyInput, match="the text has no words"):
            speak(Text.of(nothing), tts=voice, step=STEP)


def test_a_long_text_is_said_in_parts(model: Model) -> None:
    text = "\n\n".join(f"Paragraph {number} is about the red boat. It sails; it comes back." for number in range(60))
    told: list[float] = []
    said = speak(Text.of(text), tts=model("tts"), step=StepContext(progress=lambda share, _: told.append(share)))
    assert len(told) > 1 and told == sorted(told) and told[-1] == 1
    assert said.seconds > 60 * 2.5
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        speak(Text.of(text), tts=model("tts"), step=StepContext(stop=stop))


@pytest.mark.parametrize("text", [
    "One. Two! Three? " * 90, "词语。" * 300, "word " * 300, "x" * 1000, "字" * 950,
    "Ends: so; … and so\nnew line. " * 40,
])  # fmt: skip
def test_parts_are_short_and_leave_nothing_out(text: str) -> None:
    parts = _parts(text)
    assert all(0 < len(part) <= 400 for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert len(parts) <= 2 * len(text) // 400 + 2
    assert _parts("A text.\n\nAs it is.") == ["A text.\n\nAs it is."]

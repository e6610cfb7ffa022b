"""What is said is written down with its times, what is no speech says nothing, and speech is translated."""

import json
import sys
import threading
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file
from whisper.model import ModelDimensions, Whisper

from panmodal.agent.lab.world.acoustics import RATE, noise
from panmodal.agent.lab.world.sounds import render_sounds
from panmodal.agent.lab.world.speech import Utterance
from panmodal.tools.errors import Cancelled, ModelError, NotDecodable, WrongArgument
from panmodal.tools.hear import speech
from panmodal.tools.hear.speech import Stretch, pieces, speech_in
from panmodal.tools.hear.transcribe import transcribe
from panmodal.tools.hear.translate_speech import translate_speech
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.whisper import WhisperLoader
from panmodal.tools.loaders.whisper_letters import Alphabet
from panmodal.tools.media.audio import Audio
from panmodal.tools.roles import NEVER, StepContext
from panmodal.tools.video.encoding import mp4

from .conftest import Talk, recording

STEP = StepContext()
# The library's vocabulary, windows and mel bands, all else as small as it goes.
DIMS = {
    "n_mels": 80, "n_audio_ctx": 1500, "n_audio_state": 8, "n_audio_head": 2, "n_audio_layer": 1, "n_vocab": 51865,
    "n_text_ctx": 24, "n_text_state": 8, "n_text_head": 2, "n_text_layer": 1,
}  # fmt: skip


def network(dims: dict[str, int]) -> Whisper:
    torch.manual_seed(0)
    made = Whisper(ModelDimensions(**dims))
    torch.nn.init.normal_(made.decoder.positional_embedding)
    return made


def whisper(folder: Path, **other: int) -> Any:
    """A recogniser in openai-whisper's own format that was taught nothing."""
    path = folder / "tiny.pt"
    torch.save({"dims": DIMS | other, "model_state_dict": network(DIMS | other).state_dict()}, path)
    return WhisperLoader().load(ModelSpec("asr", "whisper", str(path)))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return whisper(tmp_path_factory.mktemp("published"))


def test_the_words_of_sentences_and_when_they_are_said(model: Callable[[str], Any], said: list[Utterance]) -> None:
    heard = [transcribe(recording(one.samples), asr=model("asr"), step=STEP) for one in said]
    assert jiwer.wer([one.sentence.text for one in said], [each.text for each in heard]) <= 0.05
    assert all(each.language == "en" for each in heard)
    found = [word for each in heard for segment in each.segments for word in segment.words]
    truth = [word for one in said for word in one.words]
    assert [word.text for word in found] == [word.text for word in truth]
    assert np.median([abs(one.start - two.start) for one, two in zip(found, truth, strict=True)]) < 0.05


def test_a_long_recording_is_cut_at_pauses_and_its_times_are_those_of_the_whole(
    model: Callable[[str], Any], talk: Talk
) -> None:
    told: list[float] = []
    step = StepContext(progress=lambda share, text: told.append(share))
    found = transcribe(talk.audio, asr=model("asr"), step=step)
    assert jiwer.wer(" ".join(one.sentence.text for one in talk.said), found.text) <= 0.05
    # Without the cutting half of the words are wrong.
    assert jiwer.wer(found.text, model("asr").transcribe([talk.audio])[0].text) > 0.2
    words = [word for segment in found.segments for word in segment.words]
    assert [word.start for word in words] == sorted(word.start for word in words)
    for one, start in zip(talk.said, talk.starts, strict=True):
        first = one.words[0]
        assert any(word.text == first.text and abs(word.start - first.start - start) < 0.15 for word in words)
    assert told == sorted(told) and told[-1] == 1


def test_sentences_that_are_spoken_one_after_the_other_are_all_written_down(model: Callable[[str], Any]) -> None:
    text = "There are two red hearts at the bottom. There are four orange moons on the left. There is a blue cup."
    found = transcribe(model("tts").speak([text])[0], asr=model("asr"), step=STEP)
    assert jiwer.wer(text.lower().replace(".", ""), found.text) <= 0.1


@pytest.fixture(scope="module")
def babbler(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A small recogniser that writes letters about anything."""
    folder = tmp_path_factory.mktemp("babbler")
    dims = DIMS | {"n_audio_ctx": 100, "n_vocab": 30}
    save_file(network(dims).state_dict(), folder / "model.safetensors")
    stated = {"dims": dims, "letters": Alphabet().letters, "alignment_heads": [[0, 0]], "language": "en"}
    (folder / "config.json").write_text(json.dumps(stated))
    return WhisperLoader().load(ModelSpec("asr", "whisper", str(folder))).adapter("asr")


def test_silence_noise_and_sounds_say_nothing(babbler: Any) -> None:
    hiss = noise(np.random.default_rng(0), 3 * RATE, "pink") * np.float32(0.05)
    assert not babbler.transcribe([recording(hiss)])[0].empty  # which is what must not come through
    quiet = [np.zeros(2 * RATE), hiss, render_sounds(800_001, split="test").samples, np.zeros(0), [0.5], np.ones(RATE)]
    for samples in quiet:
        assert transcribe(recording(samples), asr=babbler, step=STEP).empty
        assert translate_speech(recording(samples), asr=babbler, step=STEP).empty


def test_other_rates_channels_and_bits_are_heard_as_well(model: Callable[[str], Any], said: list[Utterance]) -> None:
    one = min(said, key=lambda each: len(each.samples))
    telephone = recording(recording(one.samples).mono(8_000), 8_000)
    stereo = recording(np.stack([one.samples, np.zeros_like(one.samples)], axis=1))
    file = BytesIO()
    soundfile.write(file, one.samples, RATE, format="WAV", subtype="PCM_24")
    for audio in (stereo, Audio.open(file.getvalue())):
        assert transcribe(audio, asr=model("asr"), step=STEP).text == one.sentence.text
    assert not transcribe(telephone, asr=model("asr"), step=STEP).empty  # in half the band it is found, not understood


def test_a_language_goes_by_its_code_or_its_name(model: Callable[[str], Any], said: list[Utterance]) -> None:
    audio = recording(said[0].samples)
    first = transcribe(audio, "en", asr=model("asr"), step=STEP)
    assert transcribe(audio, " English ", asr=model("asr"), step=STEP) == first
    for none in ("Klingon", "xx", "zz", "\U0001f600", "\0"):
        with pytest.raises(WrongArgument, match="no language") as caught:
            transcribe(audio, none, asr=model("asr"), step=STEP)
        assert caught.value.facts["field"] == "language" and "\0" not in caught.value.message


def test_what_is_damaged_or_stopped_is_told(model: Callable[[str], Any], said: list[Utterance]) -> None:
    broken = np.array(said[0].samples)
    broken[8_000:8_004] = np.nan
    file = BytesIO()
    soundfile.write(file, broken, RATE, format="WAV", subtype="FLOAT")
    with pytest.raises(NotDecodable, match=r"4 of \d+ samples are no numbers, the first at 0.5 s"):
        transcribe(Audio.open(file.getvalue()), asr=model("asr"), step=STEP)
    frames = [np.full((32, 32, 3), 128, np.uint8)] * 4
    with pytest.raises(NotDecodable, match="no sound that can be decoded"):
        Audio.open(mp4(frames, 4))
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        transcribe(recording(said[0].samples), asr=model("asr"), step=StepContext(stop=stop))


def test_pieces_end_at_pauses_and_keep_a_margin() -> None:
    speech = [Stretch(1.0, 2.0), Stretch(2.1, 4.0), Stretch(5.0, 9.0), Stretch(9.1, 12.0), Stretch(12.5, 30.0)]
    found = pieces(speech, 6.2, 30.1)
    assert [tuple(np.round(each, 3)) for each in found] == [(0.8, 4.2), (4.8, 9.05), (9.05, 12.2), (12.3, 30.1)]
    assert len(pieces([Stretch(1.0, 2.0), Stretch(2.3, 4.0)], 6.2, 5.0)) == 2  # as far apart as spoken sentences are
    assert pieces(speech, 60.0, 30.1) == [Stretch(0.8, 30.1)]
    assert pieces([], 6.2, 3.0) == []
    assert pieces([Stretch(0.1, 0.9)], 6.2, 1.0) == [Stretch(0.0, 1.0)]


def test_a_long_search_forgets_nothing_between_its_stretches(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = talk.audio.mono(RATE)
    whole = speech_in(samples, NEVER)
    assert sum(each.end - each.start for each in whole) == pytest.approx(
        sum(len(one.samples) / RATE for one in talk.said), rel=0.35
    )
    monkeypatch.setattr(speech, "_STRETCH", 64)  # about two seconds
    apart = speech_in(samples, NEVER)
    assert len(apart) == len(whole) and np.allclose(apart, whole, atol=0.1)


def test_the_detector_leaves_torchs_threads_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("silero_vad")]:
        monkeypatch.delitem(sys.modules, name)
    speech._detector.cache_clear()
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert speech_in(np.zeros(RATE, np.float32), NEVER) == []
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.slow
def test_translated_speech_is_what_whispers_own_task_writes(published: Any, said: list[Utterance]) -> None:
    audio = recording(said[0].samples)
    found = translate_speech(audio, asr=published.adapter("asr"), step=STEP)
    (piece,) = pieces(speech_in(audio.mono(RATE), NEVER), 30.0, audio.seconds)
    torch.manual_seed(0)  # what it draws where greedy letters make no sense
    own = published._model.transcribe(
        np.array(audio.mono(RATE)[round(piece.start * RATE) : round(piece.end * RATE)]), task="translate", fp16=False,
        word_timestamps=True, condition_on_previous_text=False,
    )  # fmt: skip
    assert found.language == "en" and not found.empty
    assert found.text == " ".join(each["text"].strip() for each in own["segments"] if each["text"].strip())
    assert found.text != transcribe(audio, asr=published.adapter("asr"), step=STEP).text


def test_recognisers_that_cannot_translate_say_so(
    model: Callable[[str], Any], said: list[Utterance], tmp_path: Path
) -> None:
    english = whisper(tmp_path, n_vocab=51864).adapter("asr")
    turbo = whisper(tmp_path, n_audio_layer=2).adapter("asr")  # a decoder cut short
    for asr in (model("asr"), english, turbo):
        with pytest.raises(ModelError, match="does not translate what it hears"):
            translate_speech(recording(said[0].samples), asr=asr, step=STEP)

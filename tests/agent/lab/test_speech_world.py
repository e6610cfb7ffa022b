"""Spoken sentences: the words are where the truth says, as loud, as noisy and as reverberant as it says."""

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from panmodal.agent.lab.world import sentences, speech
from panmodal.agent.lab.world.acoustics import RATE, convolved, decay_time, power, resampled, room_response
from panmodal.agent.lab.world.speech import HELD_OUT_VOICES, VOICES, SpeechConfig, render_speech, write_speech
from panmodal.tools.errors import InputError, MissingExtra, WrongArgument
from panmodal.tools.loaders.espeak_speech import Span, speak
from panmodal.tools.media.audio import Audio

SENTENCE = "there is a picture of the two boats on the left of the red star"
DRY = SpeechConfig(noisy=0, reverberant=0)


def inside(spans: tuple[Span, ...], length: int, rate: int) -> np.ndarray:
    """Which of the samples lie in one of the spans."""
    mask = np.zeros(length, bool)
    for span in spans:
        mask[round(span.start * rate) : round(span.end * rate)] = True
    return mask


def test_every_word_has_its_time_and_the_energy_lies_in_the_words() -> None:
    said = speak(SENTENCE, "en-us+f2")
    assert [word.text for word in said.words] == SENTENCE.split()  # espeak itself takes "of the" for one word
    times = [time for word in said.words for time in (word.start, word.end)]
    assert times == sorted(times) and times[0] >= 0 and times[-1] <= len(said.samples) / said.rate
    assert all(word.end - word.start > 0.03 for word in said.words)
    energy = np.square(said.samples)
    assert energy[inside(said.words, len(energy), said.rate)].sum() > 0.999 * energy.sum()
    assert all(np.abs(said.samples[inside((word,), len(energy), said.rate)]).max() > 0.01 for word in said.words)


def test_phonemes_follow_each_other_within_the_words() -> None:
    said = speak("red star")
    assert [phoneme.text for phoneme in said.phonemes] == ["r", "'E", "d", "s", "t", "'A@"]
    assert all(phoneme.start < phoneme.end for phoneme in said.phonemes)
    star = said.words[1]
    assert all(star.start <= phoneme.start and phoneme.end <= star.end + 1e-9 for phoneme in said.phonemes[3:])


def test_a_pause_ends_a_word() -> None:
    what, no = speak("what? no").words
    assert no.start - what.end > 0.1
    assert [word.text for word in speak("cup. here it is, in the house!").words][2:] == [
        "it",
        "is,",
        "in",
        "the",
        "house!",
    ]


def test_a_slower_rate_takes_longer_and_a_higher_pitch_is_higher() -> None:
    slow, fast = (speak(SENTENCE, rate=rate).words[-1].end for rate in (120, 240))
    assert 1.6 < slow / fast < 2.4
    low, high = (pitch_of(speak("moon", pitch=pitch).samples, 22050) for pitch in (20, 80))
    assert high > 1.2 * low


def pitch_of(samples: np.ndarray, rate: int) -> float:
    """The fundamental in Hz, from the first large peak of the autocorrelation."""
    middle = samples[len(samples) // 4 : len(samples) * 3 // 4]
    correlation = np.correlate(middle, middle, "full")[len(middle) - 1 :]
    low, high = rate // 400, rate // 60
    return rate / (low + int(np.argmax(correlation[low:high])))


def test_nothing_of_one_sentence_is_left_in_the_next() -> None:
    asked = [("red star", voice, rate) for voice in ("en-us+f2", "en+grandpa", "en-029+m3") for rate in (120, 200)]
    first = [speak(text, voice, rate=rate).samples for text, voice, rate in asked]
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(lambda each: speak(each[0], each[1], rate=each[2]).samples, reversed(asked)))
    assert all(np.array_equal(a, b) for a, b in zip(first, reversed(again), strict=True))
    assert len({samples.tobytes() for samples in first}) == len(asked)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: speak(" "), "nothing to say"),
        (lambda: speak("hello", "en-us+nobody"), "accents are en-us"),
        (lambda: speak("hello", rate=1000), "give 80 to 400"),
        (lambda: speak("red ... star"), "no time for '...'"),
    ],
)
def test_what_cannot_be_said_is_told(call: Callable[[], object], what: str) -> None:
    with pytest.raises(WrongArgument, match=what):
        call()


def test_without_the_library_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(MissingExtra, match="pip install espeakng-loader"):
        speak("hello")


@pytest.mark.parametrize("seed", range(4))
def test_the_noise_is_as_strong_as_stated(seed: int) -> None:
    said = render_speech(seed, SpeechConfig(noisy=1))
    assert said.snr_db is not None
    voiced = slice(round(said.words[0].start * RATE), round(said.words[-1].end * RATE))
    measured = 10 * np.log10(power(said.speech[voiced]) / power(said.samples - said.speech))
    assert measured == pytest.approx(said.snr_db, abs=1)
    assert np.abs(said.samples).max() <= 1
    assert 20 * np.log10(np.abs(said.speech).max()) == pytest.approx(said.gain_db, abs=0.01)


@pytest.mark.parametrize("rt60", [0.2, 0.5, 0.8])
def test_a_room_decays_in_the_time_stated(rt60: float) -> None:
    rng = np.random.default_rng(0)
    response = room_response(rng, rt60, 6)
    assert decay_time(response) == pytest.approx(rt60, rel=0.15)
    assert 10 * np.log10(response[0] ** 2 / np.square(response[1:]).sum()) == pytest.approx(6, abs=0.1)
    # The same seen from a sound: after a click and silence, the level falls by 30 dB in half of the time.
    heard = convolved(np.pad(rng.standard_normal(1600).astype(np.float32), (0, 1600)), response)
    early, late = (heard[1600 + start : 1600 + start + 800] for start in (160, 160 + round(rt60 / 2 * RATE)))
    assert 10 * np.log10(power(early) / power(late)) == pytest.approx(30, abs=4)


def test_reverberation_sounds_on_after_the_last_word() -> None:
    config = {"noisy": 0.0, "lead": (0.2, 0.2)}
    dry = render_speech(3, SpeechConfig(**config, reverberant=0))
    wet = render_speech(3, SpeechConfig(**config, reverberant=1, rt60=(0.8, 0.8), direct_db=(0, 0)))
    after = round((dry.words[-1].end + 0.02) * RATE)
    assert dry.words == wet.words and wet.rt60 == 0.8
    assert power(dry.speech[after : after + 1600]) < 1e-3 * power(dry.speech)
    assert power(wet.speech[after : after + 1600]) > 1e-2 * power(wet.speech)


def test_resampling_keeps_time_and_level() -> None:
    time = np.arange(22050) / 22050
    sine = np.sin(2 * np.pi * 440 * time).astype(np.float32) * np.hanning(22050).astype(np.float32)
    there = resampled(sine, 22050)
    assert len(there) == RATE
    wanted = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE) * np.interp(
        np.arange(RATE) / RATE, time, np.hanning(22050)
    )
    assert np.abs(there - wanted).max() < 1e-3


def test_a_seed_says_the_same_again_and_splits_differ() -> None:
    once, again, other = (render_speech(7, split=split) for split in ("train", "train", "val"))
    assert np.array_equal(once.samples, again.samples) and once.words == again.words
    assert once.sentence != other.sentence


def test_training_never_hears_what_is_held_out() -> None:
    said = {split: {} for split in ("train", "val", "test", "demo")}
    for split, texts in said.items():
        rng = np.random.default_rng(len(split))
        for _ in range(300 if split == "train" else 60):
            text, kind = sentences.sample_sentence(rng, split)
            texts[text] = kind
    assert not any(map(sentences.is_held_out, said["train"]))
    assert all(sentences.is_held_out(text) for split in ("val", "test", "demo") for text in said[split])
    heard = {split: {word for text in texts for word in text.split()} for split, texts in said.items()}
    assert all(heard[split] <= set(sentences.VOCABULARY) for split in ("train", "val", "demo"))
    assert heard["test"] & set(sentences.HELD_OUT_WORDS)
    assert not set(sentences.VOCABULARY) & set(sentences.HELD_OUT_WORDS)
    assert {"sentence", "words", "unknown"} == set(said["test"].values())
    splits = list(said.values())
    assert not any(set(a) & set(b) for i, a in enumerate(splits) for b in splits[i + 1 :])


def test_held_out_voices_are_heard_outside_of_training_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not set(VOICES) & set(HELD_OUT_VOICES)
    said = speak("star")
    asked: list[str] = []

    def fake(text: str, voice: str, **_: int) -> object:
        asked.append(voice)
        return said

    monkeypatch.setattr(speech, "speak", fake)  # which voices are drawn is seen without hearing them
    for seed in range(150):
        render_speech(seed, DRY)
    assert set(asked) <= set(VOICES)
    asked.clear()
    for seed in range(40):
        render_speech(seed, DRY, split="val")
    assert 8 < sum(voice in HELD_OUT_VOICES for voice in asked) < 32


def test_files_read_back_and_their_words_are_where_the_truth_says(tmp_path: Path) -> None:
    truth = write_speech(tmp_path, seed=2, count=4)
    lines = [json.loads(line) for line in truth.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 4 and lines[0]["split"] == "demo"
    for line in lines:
        audio = Audio.open(tmp_path / line["audio"])
        assert (audio.rate, audio.channels) == (16000, 1) == (line["sample_rate"], 1)
        assert audio.seconds == pytest.approx(line["seconds"], abs=1e-4)
        assert [word["word"] for word in line["words"]] == line["text"].split()
        assert line["lead"] <= line["words"][0]["start"] and line["words"][-1]["end"] <= line["seconds"]
        sound = audio.samples[:, 0]
        first, last = (round(line["words"][i][key] * RATE) for i, key in ((0, "start"), (-1, "end")))
        if line["lead"] > 0.05:
            assert power(sound[first:last]) > 1.5 * power(sound[: round(line["lead"] * RATE)])
    more = write_speech(tmp_path / "more", seed=2, count=1)
    assert json.loads(more.read_text(encoding="utf-8")) == lines[0]
    assert (tmp_path / "more/speech-00000.wav").read_bytes() == (tmp_path / "speech-00000.wav").read_bytes()


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="its splits are train"):
        write_speech(tmp_path, seed=0, count=1, split="all")
    with pytest.raises(InputError, match="count from 1"):
        write_speech(tmp_path, seed=0, count=0)

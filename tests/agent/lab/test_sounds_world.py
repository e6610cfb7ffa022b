"""Sounds: each begins and ends when the truth says, as loud as it says, and no two classes sound alike."""

import json
from pathlib import Path

import numpy as np
import pytest

from panmodal.agent.lab.world.acoustics import RATE, noise, power
from panmodal.agent.lab.world.sounds import SOUNDS, SoundConfig, render_sounds, write_sounds
from panmodal.tools.errors import InputError
from panmodal.tools.loaders import timbres
from panmodal.tools.loaders.timbres import synthesise
from panmodal.tools.media.audio import Audio


@pytest.mark.parametrize("label", SOUNDS)
def test_a_sound_begins_at_its_onset_and_is_over_at_its_offset(label: str) -> None:
    clip = render_sounds(1, SoundConfig(count=(1, 1), classes=(label,), snr_db=(30, 30)))
    (event,) = clip.events
    start, end = round(event.onset * RATE), round(event.offset * RATE)
    assert event.label == label and 0 < start < end < len(clip.samples)
    assert not clip.sounds[:start].any() and not clip.sounds[end:].any()
    peak = np.abs(clip.sounds).max()
    assert 20 * np.log10(peak) == pytest.approx(event.gain_db, abs=0.01)
    assert np.abs(clip.sounds[start : start + 480]).max() > 0.05 * peak  # within 30 ms
    background = clip.samples - clip.sounds
    assert power(clip.samples[start : start + 800]) > 2 * power(background)


@pytest.mark.parametrize("seed", range(6))
def test_the_background_is_as_strong_as_stated(seed: int) -> None:
    clip = render_sounds(seed)
    active = np.zeros(len(clip.samples), bool)
    for event in clip.events:
        active[round(event.onset * RATE) : round(event.offset * RATE)] = True
    measured = 10 * np.log10(power(clip.sounds[active]) / power(clip.samples - clip.sounds))
    assert measured == pytest.approx(clip.snr_db, abs=1)
    assert np.abs(clip.samples).max() <= 1
    assert 1 <= len(clip.events) <= 3 and 1 <= len(clip.samples) / RATE <= 4
    assert [event.onset for event in clip.events] == sorted(event.onset for event in clip.events)
    assert len({event.label for event in clip.events}) == len(clip.events)


def test_classes_are_told_apart_by_their_spectra_over_time() -> None:
    """The nearest of two renderings of each class, by mean and spread of log energies in bands, is mostly its own."""
    known = {label: features(synthesise(label, np.random.default_rng(i), RATE)) for i, label in enumerate(SOUNDS)}
    right = 0
    for i, label in enumerate(SOUNDS):
        heard = features(synthesise(label, np.random.default_rng(100 + i), RATE))
        right += label == min(known, key=lambda other: float(np.abs(known[other] - heard).sum()))
    assert len(SOUNDS) >= 12 and right >= 0.6 * len(SOUNDS)


def features(samples: np.ndarray) -> np.ndarray:
    frames = samples[: len(samples) // 400 * 400].reshape(-1, 400) * np.hanning(400)
    edges = np.unique(np.geomspace(2, 200, 17).round().astype(int))
    bands = np.add.reduceat(np.abs(np.fft.rfft(frames)) ** 2, edges[:-1], axis=1)
    levels = 10 * np.log10(bands + 1e-4)
    return np.concatenate([levels.mean(axis=0), levels.std(axis=0)])


@pytest.mark.parametrize(("colour", "fall"), [("white", 0), ("pink", 3), ("brown", 6)])
def test_noise_falls_by_its_colour(colour: str, fall: int) -> None:
    spectrum = np.abs(np.fft.rfft(noise(np.random.default_rng(0), RATE * 4, colour))) ** 2
    low, high = (10 * np.log10(spectrum[4 * f : 8 * f].mean()) for f in (500, 2000))  # octaves, two apart
    assert low - high == pytest.approx(2 * fall, abs=0.5)


def test_a_seed_sounds_the_same_again_and_splits_differ() -> None:
    once, again, other = (render_sounds(3, split=split) for split in ("train", "train", "val"))
    assert np.array_equal(once.samples, again.samples) and once.events == again.events
    assert once.events != other.events


def test_sounds_are_made_at_the_rate_of_the_worlds_recordings() -> None:
    assert timbres.RATE == RATE


def test_every_class_is_heard() -> None:
    assert {event.label for seed in range(60) for event in render_sounds(seed).events} == set(SOUNDS)


def test_files_read_back_and_the_truth_comes_last(tmp_path: Path) -> None:
    def seen(done: int, of: int) -> None:
        assert of == 5 and not (tmp_path / "truth.jsonl").exists()
        assert len(list(tmp_path.glob("*.wav"))) == done

    truth = write_sounds(tmp_path, seed=4, count=5, progress=seen)
    lines = [json.loads(line) for line in truth.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        audio = Audio.open(tmp_path / line["audio"])
        assert (audio.rate, audio.channels) == (line["sample_rate"], 1)
        assert audio.seconds == pytest.approx(line["seconds"], abs=1e-4)
        assert all(0 < event["onset"] < event["offset"] < line["seconds"] for event in line["events"])
        assert all(event["label"] in SOUNDS for event in line["events"])
    more = write_sounds(tmp_path / "more", seed=4, count=1)
    assert json.loads(more.read_text(encoding="utf-8")) == lines[0]


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="its splits are train"):
        write_sounds(tmp_path, seed=0, count=1, split="all")
    with pytest.raises(InputError, match="seeds from 0"):
        write_sounds(tmp_path, seed=-1, count=1)

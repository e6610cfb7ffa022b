"""The sound classifier's recipe: it learns from what a recording would sound like, and is measured on recordings."""

import itertools
import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoFeatureExtractor, AutoModelForAudioClassification, pipeline

from panmodal.agent.lab.train import sound_classifier as recipe
from panmodal.agent.lab.train.sound_classifier import FRAMES, MELS, PATCHES, Batch, Mixtures, mel_power, train
from panmodal.agent.lab.train.sound_evaluate import average_precision, evaluate, measure, micro_f1, scores
from panmodal.agent.lab.world.acoustics import RATE
from panmodal.agent.lab.world.sounds import SOUNDS, SoundConfig, render_sounds

torch.set_num_threads(1)


@pytest.fixture(scope="module", autouse=True)
def few_sounds():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe, "_FIRST", 3)
        yield


@pytest.fixture(scope="module")
def batch() -> Batch:
    return next(iter(Mixtures(48, 0)))


def test_what_is_added_in_the_mel_bands_is_what_the_extractor_hears() -> None:
    clip = render_sounds(3, split="val")
    added = mel_power(clip.sounds) + mel_power(clip.samples - clip.sounds)
    heard = recipe.extractor()(clip.samples, sampling_rate=RATE, return_tensors="np")["input_values"][0]
    frames = recipe.frames_of(len(clip.samples))
    assert added.shape == (frames, MELS) and heard.shape == (FRAMES, MELS)
    learnt = recipe.extractor().normalize(np.log(added))
    assert np.median(np.abs(learnt - heard[:frames])) < 0.05  # the waves' product averages out
    assert np.allclose(heard[frames:], recipe.extractor().normalize(np.zeros(1)))


def test_examples_look_like_the_worlds_recordings(batch: Batch) -> None:
    world = [mel_power(render_sounds(seed).samples) for seed in range(10)]
    heard = np.concatenate([recipe.extractor().normalize(np.log(powers)).ravel() for powers in world])
    learnt = batch.features[batch.features != recipe.extractor().normalize(np.zeros(1))[0]].numpy()
    assert batch.features.shape == (48, FRAMES, MELS) and np.isfinite(batch.features).all()
    # Training reaches further down, for there are quiet recordings, and hardly further up.
    assert np.quantile(learnt, 0.05) < np.quantile(heard, 0.05)
    assert abs(np.quantile(learnt, 0.99) - np.quantile(heard, 0.99)) < 0.6


def test_labels_are_the_sounds_and_the_patches_that_they_reach(batch: Batch) -> None:
    assert batch.labels.shape == (48, 1 + PATCHES, len(SOUNDS))
    counts = batch.labels[:, 0].sum(1)
    assert set(counts.tolist()) == {0, 1, 2, 3}
    assert (batch.labels[:, 1:].amax(1) <= batch.labels[:, 0]).all()
    active = np.zeros((FRAMES, len(SOUNDS)), bool)
    active[100:200, 4] = True
    labels = recipe._labels(active)
    assert labels[0].tolist() == [float(i == 4) for i in range(len(SOUNDS))]
    reached = [100 - MELS < start < 200 for start in range(0, FRAMES - MELS + 1, recipe.STRIDE)]
    assert not (labels[1:, 4] > reached).any() and labels[1:, 4].sum() >= sum(reached) - 2


def test_a_sound_that_is_cut_keeps_most_of_itself() -> None:
    rng, cut = np.random.default_rng(0), 0
    for size, frames in itertools.product((20, 90, 200), (98, 250, 399)):
        for _ in range(60):
            into, of = recipe.placed(rng, size, frames)
            assert into.stop - into.start == of.stop - of.start >= min(frames // 3, size * 2 // 3)
            assert 0 <= into.start < into.stop <= frames and 0 <= of.start < of.stop <= size
            cut += size < frames and of.stop - of.start < size
    assert 10 < cut < 150


def test_batches_follow_from_the_seed_and_each_start_renders_sounds_of_its_own(batch: Batch) -> None:
    first, later = Mixtures(48, 0), Mixtures(4, 0, start=1)
    again, _ = next(iter(first)), next(iter(later))
    assert torch.equal(again.features, batch.features) and torch.equal(again.labels, batch.labels)
    powers = [{piece.power for kept in made.sounds for piece in kept} for made in (first, later)]
    assert len(powers[0]) > 40 and not powers[0] & powers[1]


def test_a_few_steps_on_one_batch_teach_it(batch: Batch) -> None:
    torch.manual_seed(0)
    few = Batch(batch.features[:12], batch.labels[:12])
    model = recipe.fresh_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses = [recipe._step(model, optimizer, few) for _ in range(25)]
    assert losses[-1] < 0.5 * losses[0]


def test_it_exports_what_the_auto_classes_open_and_goes_on_from_it(tmp_path: Path, monkeypatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(recipe, "HELD_OUT", 2)
    train(tmp_path / "a", minutes=0.01, seed=0, device="cpu", resume_from=None, log=said.append)
    train(tmp_path / "b", minutes=0.01, seed=0, device="cpu", resume_from=tmp_path / "a", log=said.append)
    assert sum(line.startswith("held out: {") for line in said) == 2
    facts = [json.loads((tmp_path / name / recipe.FACTS).read_text()) for name in ("a", "b")]
    assert [fact["starts"] for fact in facts] == [1, 2] and 0 < facts[0]["examples"] < facts[1]["examples"]
    folder = tmp_path / "b"
    assert (folder / "model.safetensors").stat().st_size < 0.6 * 2**20
    assert {value.dtype for value in load_file(folder / "model.safetensors").values()} == {torch.float16}
    model = AutoModelForAudioClassification.from_pretrained(folder)
    assert model.dtype == torch.float32 and tuple(model.config.id2label.values()) == SOUNDS
    extractor = AutoFeatureExtractor.from_pretrained(folder)
    assert (extractor.num_mel_bins, extractor.max_length, extractor.mean) == (MELS, FRAMES, recipe._MEAN)
    (best, *_) = pipeline("audio-classification", model=model, feature_extractor=extractor)(render_sounds(0).samples)
    assert best["label"] in SOUNDS and 0 < best["score"] < 1
    figures = evaluate(folder, seed=1, n=2)
    assert figures["milliseconds"] > 0 and set(figures["accuracy_of"]) <= set(SOUNDS)


class Stand:
    """In a model's place: knows each recording of the test by heart, and answers by ``hears``."""

    def __init__(self, hears) -> None:
        self.device, self.hears, self.known = torch.device("cpu"), hears, {}
        for seed in range(100_003, 100_003 + 32):
            single = SoundConfig(count=(1, 1), classes=(SOUNDS[seed % len(SOUNDS)],))
            for config in (single, None):
                clip = render_sounds(seed, config, split="test")
                true = {event.label for event in clip.events}
                self.known[clip.samples.tobytes()] = [float(name in true) for name in SOUNDS]

    def eval(self) -> None: ...

    def extract(self, recordings, **_):
        silence = [0.0] * len(SOUNDS)
        return {"input_values": [self.known.get(samples.tobytes(), silence) for samples in recordings]}

    def __call__(self, features):
        return SimpleNamespace(logits=self.hears(features))


def test_figures_tell_who_hears_all_from_who_hears_nothing() -> None:
    stand = Stand(lambda features: 8 * features - 4)
    found = measure(partial(scores, stand, stand.extract), seed=1, n=32, split="test")
    shares = (found.accuracy, found.exact, found.micro_f1, found.mean_average_precision, found.silent)
    assert shares == (1, 1, 1, 1, 1) and found.accuracy_of == dict.fromkeys(SOUNDS, 1)
    stand.hears = lambda features: -torch.ones_like(features)
    deaf = measure(partial(scores, stand, stand.extract), seed=1, n=32, split="test")
    assert (deaf.exact, deaf.micro_f1, deaf.silent) == (0, 0, 1) and deaf.accuracy == 1 / len(SOUNDS)
    stand.hears = torch.ones_like
    eager = measure(partial(scores, stand, stand.extract), seed=1, n=32, split="test")
    assert eager.silent == 0 and eager.micro_f1 < 0.3


def test_f1_and_average_precision_are_those_of_their_definitions() -> None:
    true = np.array([[1, 0], [1, 1], [0, 1], [0, 0]], bool)
    heard = np.array([[1, 0], [0, 1], [0, 0], [1, 0]], bool)
    assert micro_f1(heard, true) == pytest.approx(2 * 2 / (3 + 4))
    assert average_precision(np.array([0.9, 0.8, 0.3, 0.1], np.float32), np.array([True, False, True, False])) == (
        pytest.approx((1 / 1 + 2 / 3) / 2)
    )

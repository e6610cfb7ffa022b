"""The recogniser's recipe: what it hears is what was said, it begins by looking near, and a run goes on."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from whisper.audio import log_mel_spectrogram

from panmodal.agent.lab.train.asr import train as recipe
from panmodal.agent.lab.train.asr.learner import _OFFSETS, CONTEXT, HEADS, IGNORED, STATE, Learner
from panmodal.agent.lab.train.asr.train import Stream, train
from panmodal.agent.lab.train.asr.utterances import MELS, SECONDS, Speaker, logarithm, mel_power
from panmodal.agent.lab.world.acoustics import RATE
from panmodal.agent.lab.world.sentences import HELD_OUT_WORDS, is_held_out
from panmodal.agent.lab.world.speech import VOICES, SpeechConfig, render_speech
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.whisper import WhisperLoader
from panmodal.tools.loaders.whisper_letters import FRAME, Alphabet
from panmodal.tools.media.audio import Audio


@pytest.fixture(scope="module")
def speaker() -> Speaker:
    return Speaker(5)


def test_mel_power_is_what_the_library_takes_the_logarithm_of() -> None:
    said = render_speech(3, SpeechConfig(noisy=0), split="val")
    own = logarithm(mel_power(said.samples)[None])[0]
    assert torch.allclose(own, log_mel_spectrogram(said.samples, MELS), atol=1e-4)


def test_utterances_are_of_training_short_enough_and_timed(speaker: Speaker) -> None:
    alphabet = Alphabet()
    empty = 0
    for _ in range(40):
        example = speaker.example()
        text = alphabet.decode(example.letters)
        frames = example.root.shape[1] // 2
        assert example.root.shape[0] == MELS and frames * FRAME < SECONDS + FRAME
        assert len(example.at) == len(example.letters) + 1 and (np.diff(example.at) >= 0).all()
        assert len(example.phonemes) == frames and example.at[-1] <= frames + 1
        if text:
            assert not is_held_out(text) and set(text.split()).isdisjoint(HELD_OUT_WORDS)
            assert len(set(example.phonemes.tolist())) > 1
        empty += not text
    assert empty < 8
    assert speaker.phonemes[""] == 0 and len(speaker.phonemes) > 30


def test_letters_are_where_the_words_sound(speaker: Speaker) -> None:
    said = render_speech(11, SpeechConfig(noisy=0), split="train")
    assert said.voice in VOICES
    example = speaker._of(said)
    place = 0
    for word in said.words:
        frames = example.at[place : place + len(word.text)] * FRAME
        assert (frames >= word.start - 1e-6).all() and (frames <= word.end + 1e-6).all()
        place += len(word.text) + 1


def test_noise_is_added_and_silence_fills_up(speaker: Speaker) -> None:
    example = next(each for each in iter(speaker.example, None) if each.letters)
    rng = np.random.default_rng(0)
    heard = [speaker.heard(example, rng, 640) for _ in range(12)]
    length = example.root.shape[1]
    assert all(each.shape == (MELS, 640) and not each[:, length:].any() for each in heard)
    quietest = torch.stack([each[:, :length].amin() / each.amax() for each in heard])
    assert quietest.max() > 10 * quietest.min()  # some have noise in every band


def test_batches_hold_what_the_losses_ask_for() -> None:
    batch = next(iter(Stream(Speaker(6))))
    n, longest = len(batch.mel), int(batch.lengths.max())
    assert batch.tokens.shape == (n, longest + 2) and batch.at.shape == (n, longest + 1)
    assert (batch.tokens[:, 0] == Alphabet.BEGIN).all() and (batch.tokens[:, -1] == Alphabet.END).all()
    assert batch.phonemes.shape == (n, batch.mel.shape[2] // 2) and batch.mel.shape[2] <= 2 * CONTEXT
    losses = Learner(Alphabet()).losses(batch, writes=True)
    assert losses.keys() == {"ctc", "phonemes", "letters", "guided"}
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert ((batch.phonemes == IGNORED).sum(1) > 0).any()


def test_the_first_layers_begin_by_looking_near() -> None:
    torch.manual_seed(0)
    encoder = Learner(Alphabet()).model.encoder
    size = STATE // HEADS
    positions = encoder.positional_embedding[:200]
    for block, offsets in zip(encoder.blocks, _OFFSETS, strict=False):
        for head, offset in enumerate(offsets):
            rows = slice(head * size, (head + 1) * size)
            query = positions @ block.attn.query.weight[rows].T
            key = positions @ block.attn.key.weight[rows].T
            looks = (query @ key.T)[20:180].argmax(1) - torch.arange(20, 180)
            assert (looks - offset).abs().float().mean() < 1


def test_a_run_learns_exports_what_the_loader_opens_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"_FIRST": 24, "_WRITES": 3, "_SAVE": 1e9}.items():
        monkeypatch.setattr(recipe, name, value)
    train(tmp_path / "one", minutes=0.1, seed=2, resume_from=None)
    facts = json.loads((tmp_path / "one" / "facts.json").read_text())
    assert facts["rendered"] > 24 and facts["phonemes"][0] == ""
    loaded = WhisperLoader().load(ModelSpec("asr", "whisper", str(tmp_path / "one")))
    said = render_speech(1, split="val")
    heard = loaded.adapter("asr").transcribe([Audio.from_samples(said.samples, RATE)])
    assert heard[0].language == "en"
    train(tmp_path / "two", minutes=0.03, seed=2, resume_from=tmp_path / "one")
    later = json.loads((tmp_path / "two" / "facts.json").read_text())
    assert later["rendered"] > facts["rendered"]
    assert later["phonemes"][: len(facts["phonemes"])] == facts["phonemes"]
    for name in ("heads.safetensors", "facts.json"):  # as a folder is shipped
        (tmp_path / "two" / name).unlink()
    train(tmp_path / "three", minutes=0.02, seed=3, resume_from=tmp_path / "two")
    assert (tmp_path / "three" / "heads.safetensors").exists()

"""Recognisers of openai-whisper: a tiny one in the library's own file, and small ones that write letters."""

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from whisper.model import ModelDimensions, Whisper

from panmodal.tools.errors import Cancelled, CheckpointBroken, CheckpointMissing, UnknownRole, WrongArgument
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.espeak_speech import speak
from panmodal.tools.loaders.whisper import WhisperLoader
from panmodal.tools.loaders.whisper_letters import Alphabet, _path, _words, pieces
from panmodal.tools.media.audio import Audio

LOADER = WhisperLoader()
# The library's vocabulary, windows and mel bands, all else as small as it goes.
PUBLIC = {
    "n_mels": 80, "n_audio_ctx": 1500, "n_audio_state": 8, "n_audio_head": 2, "n_audio_layer": 1, "n_vocab": 51865,
    "n_text_ctx": 448, "n_text_state": 8, "n_text_head": 2, "n_text_layer": 2,
}  # fmt: skip
SMALL = PUBLIC | {"n_audio_ctx": 100, "n_vocab": 30, "n_text_ctx": 24}


def spec(path: Path, **more: Any) -> ModelSpec:
    return ModelSpec("asr", "whisper", str(path), **more)


def model(dims: dict[str, int], seed: int = 0) -> Whisper:
    torch.manual_seed(seed)
    made = Whisper(ModelDimensions(**dims))
    torch.nn.init.normal_(made.decoder.positional_embedding)
    return made


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("published") / "tiny.pt"
    state = {name: value.half() for name, value in model(PUBLIC).state_dict().items()}
    torch.save({"dims": PUBLIC, "model_state_dict": state}, path)
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    save_file({name: value.contiguous() for name, value in model(SMALL).state_dict().items()},
              folder / "model.safetensors")  # fmt: skip
    config = {"dims": SMALL, "letters": Alphabet().letters, "alignment_heads": [[1, 0]], "language": "en"}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="module")
def spoken() -> Audio:
    said = speak("count the dogs in the garden and tell me where they are", "en-us")
    return Audio.from_samples(said.samples, said.rate)


@pytest.mark.slow
def test_a_published_file_goes_through_the_librarys_transcribe(published: Path, spoken: Audio) -> None:
    loaded = LOADER.load(spec(published))
    mask = 4 * PUBLIC["n_text_ctx"] ** 2  # which is made, not loaded
    assert loaded.nbytes - mask == pytest.approx(LOADER.measure(spec(published)), rel=0.05)  # halves are widened
    assert loaded.libraries.keys() == {"openai-whisper", "torch"}
    found = loaded.adapter("asr").transcribe([spoken, spoken], language="en")
    torch.manual_seed(0)  # what it draws where greedy letters make no sense
    own = loaded._model.transcribe(
        np.array(spoken.mono(16_000)), language="en", fp16=False, word_timestamps=True, condition_on_previous_text=False
    )
    assert found[0] == found[1] and found[0].language == "en"
    assert found[0].text == " ".join(each["text"].strip() for each in own["segments"] if each["text"].strip())
    for segment in found[0].segments:
        assert all(word.start <= word.end for word in segment.words)


def test_its_well_known_heads_tell_word_times(published: Path, tmp_path: Path) -> None:
    dims = PUBLIC | {"n_text_head": 6, "n_text_layer": 4, "n_text_state": 12, "n_audio_state": 12, "n_audio_head": 6}
    path = tmp_path / "tiny.pt"
    torch.save({"dims": dims, "model_state_dict": model(dims).state_dict()}, path)
    heads = LOADER.load(spec(path))._model.alignment_heads.to_dense()
    assert heads.shape == (4, 6) and 0 < int(heads.sum()) < 12  # the library's table, not half of all heads


def test_a_small_model_writes_letters_with_times_piece_by_piece(small: Path, spoken: Audio) -> None:
    loaded = LOADER.load(spec(small))
    assert LOADER.measure(spec(small)) + 4 * SMALL["n_text_ctx"] ** 2 == loaded.nbytes  # and the causal mask
    asr = loaded.adapter("asr")
    first, again = asr.transcribe([spoken, spoken])
    assert first == again and first.language == "en"
    assert first.text and set(first.text) <= set(Alphabet().letters)
    assert len(first.segments) >= spoken.seconds // 1.8 - 1  # a context of 2 s
    words = [word for segment in first.segments for word in segment.words]
    assert all(0 <= word.start <= word.end <= spoken.seconds + 1e-3 for word in words)
    assert [word.start for word in words] == sorted(word.start for word in words)


def test_letters_are_placed_by_the_best_path_that_never_goes_back() -> None:
    looks = np.full((4, 30), -5.0)
    for letter, frame in enumerate((4, 9, 14, 20)):
        looks[letter, frame] = 0
    looks[1, 28] = 0.5  # a letter that looks far ahead too would drag all behind it along
    assert _path(looks).tolist() == [4, 9, 14, 20]
    (first, second) = _words(Alphabet(), list(Alphabet().encode("ab a")), [1.0] * 4, np.array([4, 6, 9, 11, 13.0]), 9.0)
    assert (first.start, first.end) == pytest.approx((0.06, 0.14))
    assert (second.start, second.end) == pytest.approx((0.18, 0.26))  # from the space to the end
    assert _words(Alphabet(), [4], [0.5], np.array([400, 410.0]), 1.0)[0].end == 1.0


def test_nothing_said_is_an_empty_transcript(small: Path) -> None:
    loaded = LOADER.load(spec(small))
    with torch.no_grad():  # an end at once
        loaded._model.decoder.ln.weight.zero_()
        loaded._model.decoder.ln.bias.zero_()
        loaded._model.decoder.token_embedding.weight.zero_()
        loaded._model.decoder.ln.bias[0] = 1
        loaded._model.decoder.token_embedding.weight[Alphabet.END, 0] = 1
    (found,) = loaded.adapter("asr").transcribe([Audio.from_samples(np.zeros(8000, np.float32), 16_000)])
    assert found.empty and found.text == ""


def test_recordings_are_cut_where_they_are_quiet() -> None:
    rng = np.random.default_rng(0)
    wave = rng.normal(0, 0.3, 16_000 * 10).astype(np.float32)
    for second in (2.5, 5.0, 7.7):
        wave[round((second - 0.2) * 16_000) : round((second + 0.2) * 16_000)] = 0
    parts = list(pieces(wave, 3.0))
    assert np.array_equal(np.concatenate([samples for _, samples in parts]), wave)
    assert [start for start, _ in parts][1:] == pytest.approx([2.5, 5.0, 7.7], abs=0.15)
    assert list(pieces(wave[:100], 3.0))[0][0] == 0


def test_a_transcription_can_be_cancelled(small: Path, published: Path, spoken: Audio) -> None:
    stop = threading.Event()
    stop.set()
    for path in (small, published):
        with pytest.raises(Cancelled):
            LOADER.load(spec(path)).adapter("asr").transcribe([spoken], stop=stop)


def test_a_language_that_there_is_not_is_told(published: Path, spoken: Audio) -> None:
    with pytest.raises(WrongArgument, match="no language 'klingon'"):
        LOADER.load(spec(published)).adapter("asr").transcribe([spoken], language="klingon")


def test_what_cannot_be_opened_says_what_to_do(small: Path, published: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointMissing, match="whisper.load_model\\('base', device='cpu'"):
        LOADER.load(spec(tmp_path / "base.pt"))
    with pytest.raises(UnknownRole, match="cannot be the tts: loaded by whisper it serves the asr"):
        LOADER.load(spec(small)).adapter("tts")
    config = json.loads((small / "config.json").read_text())
    broken = tmp_path / "small"
    broken.mkdir()
    (broken / "model.safetensors").write_bytes((small / "model.safetensors").read_bytes())
    for changed, told in (
        ({"letters": ""}, "states no letters"),
        ({"dims": {"n_mels": 80}}, "its dims describe no model"),
        ({"dims": SMALL | {"n_text_layer": 3}}, "do not fit its architecture"),
        ({"letters": "abc"}, "3 letters and two ends are not 30 tokens"),
        ({"alignment_heads": [[7, 0]]}, "alignment_heads name no heads"),
    ):
        (broken / "config.json").write_text(json.dumps(config | changed))
        with pytest.raises(CheckpointBroken, match=told):
            LOADER.load(spec(broken))
    other = tmp_path / "weights.pt"
    torch.save({"a": torch.zeros(1)}, other)
    with pytest.raises(CheckpointBroken, match="no dims and model_state_dict"):
        LOADER.load(spec(other))
    other.write_bytes(published.read_bytes()[:1000])
    with pytest.raises(CheckpointBroken):
        LOADER.load(spec(other))

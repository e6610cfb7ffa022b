"""Recognisers, voices and generators of sounds of transformers: tiny random ones, saved by the library and opened by
the loader through a profile."""

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AddedToken,
    AutoFeatureExtractor,
    AutomaticSpeechRecognitionPipeline,
    AutoModelForCTC,
    AutoModelForSpeechSeq2Seq,
    AutoModelForTextToWaveform,
    AutoTokenizer,
    EncodecConfig,
    MusicgenConfig,
    MusicgenDecoderConfig,
    MusicgenForConditionalGeneration,
    T5Config,
    VitsConfig,
    VitsModel,
    VitsTokenizer,
    Wav2Vec2Config,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
    Wav2Vec2Processor,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperProcessor,
    WhisperTokenizer,
)
from transformers.convert_slow_tokenizer import bytes_to_unicode

from panmodal.agent.profiles.loading import load_profile
from panmodal.tools.errors import Cancelled, CheckpointBroken, ModelError, ProfileError, UnknownRole, WrongArgument
from panmodal.tools.hear.generate_audio import generate_audio
from panmodal.tools.hear.speak import speak
from panmodal.tools.hear.transcribe import transcribe
from panmodal.tools.hear.translate_speech import translate_speech
from panmodal.tools.loaders.espeak_speech import speak as espeak
from panmodal.tools.loaders.registry import get_loader
from panmodal.tools.media.audio import Audio
from panmodal.tools.media.text import Text
from panmodal.tools.roles import StepContext

from ...conftest import word_tokenizer

STEP = StepContext()
RATE = 16_000
LANGUAGES = ("en", "de", "zh")


def loaded(role: str, folder: Path, *settings: str) -> Any:
    """The model of a folder, as a user's profile names it."""
    named = (f"{role}.loader=transformers", f"{role}.checkpoint={folder}", *(f"{role}.{each}" for each in settings))
    spec = load_profile("mini", named).specs()[role][0]
    return get_loader(spec.loader).load(spec)


def adapter(role: str, folder: Path, *settings: str) -> Any:
    return loaded(role, folder, *settings).adapter(role)


@pytest.fixture(scope="module")
def spoken() -> Audio:
    said = espeak("count the dogs in the garden", "en-us")
    return Audio.from_samples(said.samples, said.rate)


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Whisper that writes single bytes, with the library's windows and timestamps."""
    folder = tmp_path_factory.mktemp("whisper")
    tokenizer = WhisperTokenizer(vocab={letter: k for k, letter in enumerate(bytes_to_unicode().values())}, merges=[])
    named = ["endoftext", "startoftranscript", *LANGUAGES, "translate", "transcribe", "startofprev", "notimestamps"]
    tokenizer.add_special_tokens({"extra_special_tokens": [f"<|{name}|>" for name in named]})
    tokenizer.add_tokens([AddedToken(f"<|{k * 0.02:.2f}|>", special=False, normalized=False) for k in range(1501)])
    ids = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in named}
    torch.manual_seed(0)
    model = WhisperForConditionalGeneration(WhisperConfig(
        vocab_size=len(tokenizer), num_mel_bins=80, encoder_layers=1, encoder_attention_heads=2, decoder_layers=2,
        decoder_attention_heads=2, d_model=16, encoder_ffn_dim=16, decoder_ffn_dim=16, max_target_positions=32,
        pad_token_id=ids["endoftext"], bos_token_id=ids["endoftext"], eos_token_id=ids["endoftext"],
        decoder_start_token_id=ids["startoftranscript"], begin_suppress_tokens=None,
    ))  # fmt: skip
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    stated = {
        "is_multilingual": True, "lang_to_id": {f"<|{name}|>": ids[name] for name in LANGUAGES}, "max_length": 32,
        "task_to_id": {name: ids[name] for name in ("translate", "transcribe")}, "alignment_heads": [[0, 0], [1, 1]],
        "no_timestamps_token_id": ids["notimestamps"], "prev_sot_token_id": ids["startofprev"],
        "max_initial_timestamp_index": 50, "_from_model_config": False,
    }  # fmt: skip
    for name, value in stated.items():
        setattr(model.generation_config, name, value)
    model.save_pretrained(folder)
    WhisperProcessor(WhisperFeatureExtractor(feature_size=80), tokenizer).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Wav2Vec2 for CTC: a letter every 10 ms."""
    folder = tmp_path_factory.mktemp("ctc")
    letters = ["<pad>", "<s>", "</s>", "<unk>", "|", *"abcdefghijklmnopqrstuvwxyz'"]
    (folder / "letters.json").write_text(json.dumps({letter: k for k, letter in enumerate(letters)}))
    tokenizer = Wav2Vec2CTCTokenizer(str(folder / "letters.json"))
    (folder / "letters.json").unlink()
    torch.manual_seed(0)
    model = Wav2Vec2ForCTC(Wav2Vec2Config(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        conv_dim=(8, 8), conv_stride=(10, 16), conv_kernel=(10, 16), num_feat_extract_layers=2,
        num_conv_pos_embedding_groups=2, num_conv_pos_embeddings=4,
    ))  # fmt: skip
    torch.nn.init.normal_(model.lm_head.weight, std=3)
    model.save_pretrained(folder)
    Wav2Vec2Processor(Wav2Vec2FeatureExtractor(), tokenizer).save_pretrained(folder)
    return folder


def save_vits(folder: Path, speakers: int) -> None:
    (folder / "letters.json").write_text(json.dumps({c: k for k, c in enumerate("_abcdefghijklmnopqrstuvwxyz' -")}))
    tokenizer = VitsTokenizer(str(folder / "letters.json"), pad_token="_", unk_token="_", phonemize=False)
    (folder / "letters.json").unlink()
    torch.manual_seed(0)
    VitsModel(VitsConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, ffn_dim=16, flow_size=16,
        spectrogram_bins=9, prior_encoder_num_flows=2, prior_encoder_num_wavenet_layers=1, wavenet_kernel_size=3,
        posterior_encoder_num_wavenet_layers=1, duration_predictor_num_flows=1, duration_predictor_filter_channels=16,
        depth_separable_num_layers=1, upsample_initial_channel=16, upsample_rates=[8, 8],
        upsample_kernel_sizes=[16, 16], resblock_kernel_sizes=[3], resblock_dilation_sizes=[[1]], num_speakers=speakers,
        speaker_embedding_size=8 if speakers > 1 else 0,
    )).save_pretrained(folder)  # fmt: skip
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="module")
def vits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vits")
    save_vits(folder, 1)
    return folder


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A MusicGen of 100 frames and 800 samples a second."""
    folder = tmp_path_factory.mktemp("music")
    tokenizer = word_tokenizer()
    text = T5Config(
        vocab_size=len(tokenizer),
        d_model=16,
        d_ff=16,
        d_kv=8,
        num_layers=1,
        num_heads=2,
        pad_token_id=0,
        eos_token_id=1,
    )
    sound = EncodecConfig(
        sampling_rate=800, num_filters=4, hidden_size=8, codebook_size=16, codebook_dim=8, upsampling_ratios=[4, 2],
        num_lstm_layers=1, target_bandwidths=[4.0], kernel_size=3, last_kernel_size=3,
    )  # fmt: skip
    decoder = MusicgenDecoderConfig(
        vocab_size=16, max_position_embeddings=64, num_hidden_layers=1, ffn_dim=16, num_attention_heads=2,
        hidden_size=16, num_codebooks=4, pad_token_id=16, bos_token_id=16,
    )  # fmt: skip
    torch.manual_seed(0)
    parts = {"text_encoder": text.to_dict(), "audio_encoder": sound.to_dict(), "decoder": decoder.to_dict()}
    model = MusicgenForConditionalGeneration(MusicgenConfig(**parts))
    model.generation_config.update(
        do_sample=True, guidance_scale=3.0, pad_token_id=16, bos_token_id=16, decoder_start_token_id=16
    )
    model.generation_config._from_model_config = False  # as in every published one
    for layer in model.audio_encoder.quantizer.layers:
        layer.codebook.embed.normal_()  # all zero in a new one, so that every code would sound alike
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def pipeline(folder: Path, kind: Any) -> Any:
    """The library's own pipeline."""
    return AutomaticSpeechRecognitionPipeline(
        model=kind.from_pretrained(folder).eval(),
        tokenizer=AutoTokenizer.from_pretrained(folder),
        feature_extractor=AutoFeatureExtractor.from_pretrained(folder),
    )


def test_a_whisper_writes_what_its_pipeline_writes_with_word_times(whisper: Path, spoken: Audio) -> None:
    asr = adapter("asr", whisper)
    assert asr.window == 30
    own = pipeline(whisper, AutoModelForSpeechSeq2Seq)
    told = own(
        np.array(spoken.mono(RATE)), return_timestamps="word", num_beams=1, do_sample=False,
        generate_kwargs={"task": "transcribe"},
    )  # fmt: skip
    first, again = asr.transcribe([spoken, spoken])
    assert first == again and first.text == told["text"].strip()
    (segment,) = first.segments
    assert [word.text for word in segment.words] == [text for c in told["chunks"] if (text := c["text"].strip())]
    assert all(0 <= word.start <= word.end <= spoken.seconds for word in segment.words)
    assert first.language in LANGUAGES
    assert asr.transcribe([spoken], language="zh")[0].language == "zh"
    assert transcribe(spoken, "Chinese", asr=asr, step=STEP).language == "zh"


def test_a_whisper_translates_by_its_own_task(whisper: Path, spoken: Audio, tmp_path: Path) -> None:
    asr = adapter("asr", whisper)
    own = pipeline(whisper, AutoModelForSpeechSeq2Seq)
    asked = {"task": "translate", "language": "de"}
    told = own(
        np.array(spoken.mono(RATE)), return_timestamps="word", num_beams=1, do_sample=False, generate_kwargs=asked
    )
    found = asr.transcribe([spoken], language="de", translate=True)[0]
    assert found.text == told["text"].strip() and found.language == "en"
    assert found.text != asr.transcribe([spoken], language="de")[0].text
    assert translate_speech(spoken, asr=asr, step=STEP).language == "en"
    english = changed(whisper, tmp_path / "english", "generation_config.json", is_multilingual=False)
    with pytest.raises(ModelError, match="does not translate"):
        adapter("asr", english).transcribe([spoken], translate=True)
    assert adapter("asr", english).transcribe([spoken], language="de")[0].language == "en"


def test_without_heads_a_whisper_times_its_segments(whisper: Path, spoken: Audio, tmp_path: Path) -> None:
    folder = changed(whisper, tmp_path / "headless", "generation_config.json", alignment_heads=None)
    found = adapter("asr", folder).transcribe([spoken])[0]
    assert found.segments and not any(segment.words for segment in found.segments)
    assert all(0 <= segment.start <= segment.end <= spoken.seconds for segment in found.segments)


def test_letters_by_frames_are_those_of_the_pipeline(frames: Path, spoken: Audio) -> None:
    asr = adapter("asr", frames)
    told = pipeline(frames, AutoModelForCTC)(np.array(spoken.mono(RATE)), return_timestamps="word")
    found = asr.transcribe([spoken])[0]
    assert found.text == told["text"].strip() and found.language is None
    words = found.segments[0].words
    assert [word.text for word in words] == [chunk["text"] for chunk in told["chunks"]]
    assert [word.start for word in words] == pytest.approx([float(chunk["timestamp"][0]) for chunk in told["chunks"]])
    assert transcribe(spoken, asr=asr, step=STEP).count >= 1
    rng = np.random.default_rng(0)
    long = Audio.from_samples(rng.normal(0, 0.1, 40 * RATE).astype(np.float32), RATE)
    spread = asr.transcribe([long])[0].segments[0].words
    assert spread[-1].end > 39 and [word.start for word in spread] == sorted(word.start for word in spread)
    with pytest.raises(ModelError, match="does not translate"):
        asr.transcribe([spoken], translate=True)


@pytest.mark.parametrize("name", ["whisper", "frames"])
def test_recordings_that_are_too_short_say_nothing(name: str, request: pytest.FixtureRequest) -> None:
    asr = adapter("asr", request.getfixturevalue(name))
    for count in (0, 1, 500):
        assert asr.transcribe([Audio.from_samples(np.full(count, 0.5, np.float32), RATE)])[0].empty
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        asr.transcribe([Audio.from_samples(np.zeros(RATE, np.float32), RATE)], stop=stop)


def test_languages_that_a_checkpoint_does_not_list_are_told(whisper: Path, spoken: Audio) -> None:
    with pytest.raises(WrongArgument, match="knows no language 'fr'"):
        adapter("asr", whisper).transcribe([spoken], language="fr")


def test_a_voice_says_what_the_model_says(vits: Path) -> None:
    voice = adapter("tts", vits)
    said = voice.speak(["hello there", "one more"])
    model, tokenizer = AutoModelForTextToWaveform.from_pretrained(vits).eval(), AutoTokenizer.from_pretrained(vits)
    for text, audio in zip(("hello there", "one more"), said, strict=True):
        torch.manual_seed(0)
        with torch.no_grad():
            wave = model(**tokenizer(text, return_tensors="pt")).waveform
        assert np.array_equal(audio.samples[:, 0], wave[0].numpy()) and audio.rate == model.config.sampling_rate
    assert voice.speak(["one more"]) == said[1:]  # whatever is said beside it
    before = torch.random.get_rng_state()
    assert speak(Text.of("hello there"), tts=voice, step=STEP) == said[0]
    assert torch.equal(before, torch.random.get_rng_state())
    for text in ("", "你好", "…"):
        with pytest.raises(WrongArgument, match="can be said"):
            voice.speak([text])
    with pytest.raises(WrongArgument, match="cannot be told 200 words a minute"):
        voice.speak(["hello"], rate=200)
    with pytest.raises(WrongArgument, match="has no voice '1'"):
        voice.speak(["hello"], voice="1")


def test_speakers_go_by_their_numbers(tmp_path: Path) -> None:
    save_vits(tmp_path, 3)
    voice = adapter("tts", tmp_path)
    assert voice.speak(["hello"]) == voice.speak(["hello"], voice="0") != voice.speak(["hello"], voice="2")
    for name in ("3", "-1", "anna"):
        with pytest.raises(WrongArgument, match="its voices are 0 to 2"):
            voice.speak(["hello"], voice=name)


def test_sounds_are_those_of_the_librarys_own_call(music: Path) -> None:
    generator = adapter("sound_generator", music)
    assert generator.vocabulary is None
    (found,) = generator.make(["red star"], seconds=[0.5], seeds=[7])
    model, tokenizer = AutoModelForTextToWaveform.from_pretrained(music).eval(), AutoTokenizer.from_pretrained(music)
    torch.manual_seed(7)
    wave = model.generate(**tokenizer(["red star"], return_tensors="pt"), max_new_tokens=53)[0]
    assert (found.rate, found.channels, found.seconds) == (800, 1, 0.5)
    assert np.allclose(found.samples.T, wave.numpy().clip(-1, 1), atol=1e-5)
    both = generator.make(["blue", "red star"], seconds=[0.2, 0.5], seeds=[0, 7])
    assert np.allclose(both[1].samples, found.samples, atol=1e-5) and both[0].seconds == pytest.approx(0.2)
    assert generator.make(["red star"], seconds=[0.5], seeds=[8])[0] != found
    assert np.allclose(
        generate_audio("red star", 0.5, sound_generator=generator, step=StepContext(seed=7)).samples,
        found.samples,
        atol=1e-5,
    )
    short = adapter("sound_generator", music, "options.seconds=0.3")
    assert short.make(["red"], seconds=[None], seeds=[0])[0].seconds == pytest.approx(0.3)
    for seconds in (-1.0, 0.001, 31.0):
        with pytest.raises(WrongArgument, match="ask for up to 30 s"):
            generator.make(["red"], seconds=[seconds], seeds=[0])
    with pytest.raises(ProfileError, match="options.seconds is 99, not a length"):
        adapter("sound_generator", music, "options.seconds=99")
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        generator.make(["red"], seconds=[1.0], seeds=[0], stop=stop)


def changed(source: Path, target: Path, name: str, **facts: Any) -> Path:
    """A copy of a checkpoint with other facts in one of its files."""
    shutil.copytree(source, target)
    (target / name).write_text(json.dumps(json.loads((target / name).read_text()) | facts))
    return target


@pytest.mark.parametrize(("role", "name", "weight"), [
    ("asr", "whisper", "model.decoder.layer_norm.weight"), ("asr", "frames", "lm_head.weight"),
    ("tts", "vits", "decoder.conv_pre.weight"), ("sound_generator", "music", "decoder.model.decoder.layer_norm.weight"),
])  # fmt: skip
def test_broken_checkpoints_are_refused(
    role: str, name: str, weight: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    whole: Path = request.getfixturevalue(name)
    folder = tmp_path / "gap"
    shutil.copytree(whole, folder)
    weights = load_file(folder / "model.safetensors")
    del weights[weight]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointBroken, match=f"there is no {weight}"):
        loaded(role, folder)
    (folder / "model.safetensors").write_bytes((whole / "model.safetensors").read_bytes()[:1000])
    with pytest.raises(CheckpointBroken):
        loaded(role, folder)
    shutil.copy(whole / "model.safetensors", folder)
    (folder / "tokenizer_config.json").write_text("{")
    with pytest.raises(CheckpointBroken, match="transformers cannot open it"):
        loaded(role, folder)


def test_a_model_of_another_kind_is_refused(
    whisper: Path, vits: Path, music: Path, llama_folder: Path, tmp_path: Path
) -> None:
    for role, folder, told in (
        ("asr", llama_folder, "a llama writes down no speech"), ("tts", music, "a musicgen cannot be the tts"),
        ("sound_generator", vits, "a vits cannot be the sound_generator"),
    ):  # fmt: skip
        with pytest.raises(CheckpointBroken, match=told):
            loaded(role, folder)
    for role, folder in (("asr", whisper), ("tts", vits), ("sound_generator", music)):
        with pytest.raises(UnknownRole, match=f"serves the {role}"):
            loaded(role, folder).adapter("mllm")
    stated = changed(whisper, tmp_path / "old", "generation_config.json", no_timestamps_token_id=None)
    with pytest.raises(CheckpointBroken, match="states no no_timestamps_token_id"):
        loaded("asr", stated)


def test_a_voice_that_computes_no_numbers_is_told(vits: Path, tmp_path: Path) -> None:
    folder = tmp_path / "nan"
    shutil.copytree(vits, folder)
    weights = load_file(folder / "model.safetensors")
    weights["decoder.conv_pre.weight"] *= float("nan")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="computes no numbers"):
        adapter("tts", folder).speak(["hello"])


@pytest.mark.parametrize(("role", "name"), [("asr", "whisper"), ("asr", "frames"), ("tts", "vits"),
                                            ("sound_generator", "music")])  # fmt: skip
def test_sizes_are_known_before_loading(role: str, name: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(name)
    spec = load_profile("mini", (f"{role}.loader=transformers", f"{role}.checkpoint={folder}")).specs()[role][0]
    assert loaded(role, folder).nbytes == pytest.approx(get_loader("transformers").measure(spec), rel=0.1)

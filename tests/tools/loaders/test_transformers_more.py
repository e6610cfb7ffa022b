"""Embedders and sound classifiers of transformers: tiny random ones, saved by the library and opened by the loader."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    ASTConfig,
    ASTFeatureExtractor,
    ASTForAudioClassification,
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPProcessor,
    CLIPTextConfig,
    CLIPVisionConfig,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForSequenceClassification,
)

from panmodal.tools.errors import CheckpointBroken, UnknownRole
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.transformers import TransformersLoader
from panmodal.tools.media.audio import Audio
from panmodal.tools.media.image import Image

from ...conftest import word_tokenizer

LOADER = TransformersLoader()
SOUNDS = ("bell", "dog", "rain")


def spec(folder: Path, role: str, **more: Any) -> ModelSpec:
    return ModelSpec(role, "transformers", str(folder), **more)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    torch.manual_seed(0)
    tokenizer = word_tokenizer()
    shared: dict[str, Any] = {
        "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
    }  # fmt: skip
    text = CLIPTextConfig(
        vocab_size=len(tokenizer), max_position_embeddings=6, pad_token_id=0, bos_token_id=2, eos_token_id=1, **shared
    )
    sight = CLIPVisionConfig(image_size=16, patch_size=8, **shared)
    CLIPModel(CLIPConfig(text_config=text, vision_config=sight, projection_dim=12)).half().save_pretrained(folder)
    tokenizer.model_max_length = 6
    pictures = CLIPImageProcessor(size={"height": 16, "width": 16}, do_center_crop=False)
    CLIPProcessor(image_processor=pictures, tokenizer=tokenizer).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def ast(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ast")
    torch.manual_seed(0)
    config = ASTConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, num_mel_bins=32,
        max_length=100, id2label=dict(enumerate(SOUNDS)), label2id={name: i for i, name in enumerate(SOUNDS)},
        problem_type="multi_label_classification",
    )  # fmt: skip
    ASTForAudioClassification(config).save_pretrained(folder)
    ASTFeatureExtractor(num_mel_bins=32, max_length=100, mean=-4, std=2).save_pretrained(folder)
    return folder


def test_pictures_and_texts_get_unit_vectors_in_one_space(clip: Path) -> None:
    loaded = LOADER.load(spec(clip, "embedder"))
    assert abs(loaded.nbytes - LOADER.measure(spec(clip, "embedder"))) < 200  # but for the position ids
    embedder = loaded.adapter("embedder")
    rng = np.random.default_rng(0)
    images = [Image.from_array(rng.integers(0, 256, (20 + i, 30, 3), dtype=np.uint8)) for i in range(3)]
    seen, read = embedder.embed_images(images), embedder.embed_texts(["red star", "what colour is the blue star red"])
    assert seen.vectors.shape == (3, 12) and read.vectors.shape == (2, 12)
    assert seen.model == read.model == spec(clip, "embedder").key
    for vectors in (seen.vectors, read.vectors):
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.allclose(embedder.embed_images(images[1:2]).vectors, seen.vectors[1:2], atol=1e-5)
    assert np.allclose(embedder.embed_texts(["red star"]).vectors, read.vectors[:1], atol=1e-5)
    thin = Image.from_array(rng.integers(0, 256, (3, 30, 3), dtype=np.uint8))  # no axis of three but the colours'
    assert embedder.embed_images([thin]).vectors.shape == (1, 12)
    assert embedder.embed_images([]).empty and embedder.embed_texts([]).vectors.shape == (0, 12)


def test_sounds_are_told_window_by_window(ast: Path) -> None:
    loaded = LOADER.load(spec(ast, "sound_classifier", options={"threshold": 0.0}))
    classifier = loaded.adapter("sound_classifier")
    assert classifier.vocabulary == SOUNDS
    rng = np.random.default_rng(0)
    long, short, none = (
        Audio.from_samples(rng.normal(0, 0.1, n).astype(np.float32), 16_000) for n in (328_000, 8_000, 0)
    )
    heard, brief, nothing = classifier.classify([long, short, none])
    # With a threshold of nothing every sound is everywhere: neighbouring windows, of 1 s here, are one span.
    assert heard.seconds.tolist() == [[0, 20.5]] * 3 and set(heard.labels) == set(SOUNDS)
    assert heard.scores == tuple(sorted(heard.scores, reverse=True))
    assert brief.seconds.tolist() == [[0, 0.5]] * 3
    assert nothing.empty
    deaf = LOADER.load(spec(ast, "sound_classifier", options={"threshold": 1.0})).adapter("sound_classifier")
    assert deaf.classify([long])[0].empty
    shared = LOADER.load(spec(ast, "sound_classifier", options={"threshold": 0.0, "multi_label": False}))
    assert sum(shared.adapter("sound_classifier").classify([short])[0].scores) == pytest.approx(1, abs=1e-4)


def test_recordings_need_not_be_filled_up(tmp_path: Path) -> None:
    config = Wav2Vec2Config(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, conv_dim=(8, 8),
        conv_stride=(10, 16), conv_kernel=(10, 16), num_feat_extract_layers=2, num_conv_pos_embedding_groups=2,
        num_conv_pos_embeddings=4, classifier_proj_size=8, id2label=dict(enumerate(SOUNDS)),
        label2id={name: i for i, name in enumerate(SOUNDS)},
    )  # fmt: skip
    Wav2Vec2ForSequenceClassification(config).save_pretrained(tmp_path)
    Wav2Vec2FeatureExtractor().save_pretrained(tmp_path)
    classifier = LOADER.load(spec(tmp_path, "sound_classifier", options={"threshold": 0.0})).adapter("sound_classifier")
    heard = classifier.classify([Audio.from_samples(np.ones(200_000, np.float32) * 0.1, 16_000)])[0]
    assert heard.seconds.tolist() == [[0, 12.5]] * 3  # windows of 10 s and 2.5 s; shares of 1, as no config says else
    assert 1 <= sum(heard.scores) < 1.5


def test_missing_weights_are_named(clip: Path, ast: Path, tmp_path: Path) -> None:
    for source, role, lost in ((clip, "embedder", "text_projection"), (ast, "sound_classifier", "classifier.dense")):
        folder = tmp_path / role
        shutil.copytree(source, folder)
        weights = load_file(folder / "model.safetensors")
        del weights[f"{lost}.weight"]
        save_file(weights, folder / "model.safetensors", {"format": "pt"})
        with pytest.raises(CheckpointBroken, match=f"there is no {lost}.weight"):
            LOADER.load(spec(folder, role))


def test_another_kind_of_model_is_refused(clip: Path, ast: Path, llama_folder: Path) -> None:
    for folder, role, told in (
        (llama_folder, "embedder", "a llama has no towers"),
        (clip, "sound_classifier", "a clip classifies no sounds"),
    ):
        with pytest.raises(CheckpointBroken, match=told):
            LOADER.load(spec(folder, role))
    with pytest.raises(UnknownRole, match="serves the embedder"):
        LOADER.load(spec(clip, "embedder")).adapter("mllm")
    with pytest.raises(UnknownRole, match="serves the sound_classifier"):
        LOADER.load(spec(ast, "sound_classifier")).adapter("asr")


@pytest.fixture(scope="module")
def blip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A caption model of the kind that no one talks to."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        BlipConfig,
        BlipForConditionalGeneration,
        BlipImageProcessor,
        BlipProcessor,
        PreTrainedTokenizerFast,
    )

    folder = tmp_path_factory.mktemp("blip")
    words = ["[PAD]", "[UNK]", "[DEC]", "[SEP]", "a", "red", "star", "over", "house"]
    tokenizer = Tokenizer(models.WordLevel({word: k for k, word in enumerate(words)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", bos_token="[DEC]", sep_token="[SEP]"
    )
    torch.manual_seed(0)
    shared = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {
        **shared, "vocab_size": len(words), "encoder_hidden_size": 16, "max_position_embeddings": 32,
        "bos_token_id": 2, "sep_token_id": 3, "eos_token_id": 3, "pad_token_id": 0,
    }  # fmt: skip
    model = BlipForConditionalGeneration(
        BlipConfig(text_config=text, vision_config={**shared, "image_size": 32, "patch_size": 16}, projection_dim=16)
    )
    model.save_pretrained(folder)
    BlipProcessor(BlipImageProcessor(size={"height": 32, "width": 32}), fast).save_pretrained(folder)
    return folder


def test_a_caption_model_writes_of_each_picture_what_it_writes_of_it_alone(blip_folder: Path) -> None:
    from transformers import BlipForConditionalGeneration, BlipProcessor

    captioner = LOADER.load(ModelSpec("captioner", "transformers", str(blip_folder))).adapter("captioner")
    rng = np.random.default_rng(0)
    images = [Image.from_array(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)) for _ in range(3)]
    found = captioner.caption(images, max_tokens=6)
    model, processor = (kind.from_pretrained(blip_folder) for kind in (BlipForConditionalGeneration, BlipProcessor))
    for image, reply in zip(images, found, strict=True):
        made = model.eval().generate(
            **processor(images=[image.pixels], return_tensors="pt"), max_new_tokens=6, do_sample=False
        )
        assert reply.text == processor.decode(made[0], skip_special_tokens=True).strip()
        assert captioner.caption([image], max_tokens=6)[0].text == reply.text
        assert reply.confidence is not None and 0 < reply.confidence <= 1
        assert 1 <= reply.tokens_out <= 6
    assert captioner.caption([]) == []

"""Text and image-text models of transformers: tiny random ones, saved by the library and opened by the loader."""

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from panmodal.tools.errors import (
    Cancelled,
    CheckpointBroken,
    CheckpointMissing,
    ModelError,
    ProfileError,
    TooLarge,
    UnknownRole,
    WrongArgument,
)
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.checkpoints import digest
from panmodal.tools.loaders.transformers import TransformersLoader
from panmodal.tools.media.image import Image
from panmodal.tools.roles import Message

LOADER = TransformersLoader()


def spec(folder: Path, role: str = "planner", **more: Any) -> ModelSpec:
    return ModelSpec(role, "transformers", str(folder), **more)


@pytest.fixture(scope="module")
def llama(llama_folder: Path) -> Any:
    return LOADER.load(spec(llama_folder))


@pytest.fixture(scope="module")
def llava(llava_folder: Path) -> Any:
    return LOADER.load(spec(llava_folder))


@pytest.fixture
def pictures() -> list[Image]:
    rng = np.random.default_rng(0)
    return [Image.from_array(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)) for _ in range(3)]


def test_weights_are_measured_from_headers_as_they_will_lie_in_memory(llama_folder: Path, llama: Any) -> None:
    on_disk = sum(each.stat().st_size for each in llama_folder.glob("*.safetensors"))
    assert LOADER.measure(spec(llama_folder)) > 1.5 * on_disk - 4096  # halves on disk are widened
    assert LOADER.measure(spec(llama_folder, dtype="float16")) * 2 == LOADER.measure(spec(llama_folder))
    assert abs(llama.nbytes - LOADER.measure(spec(llama_folder))) < 100  # but for the rotary buffer
    assert llama.libraries.keys() == {"transformers", "torch"}
    assert llama.digest == digest(llama_folder)


def test_a_text_model_plans_and_writes_but_does_not_see(llama: Any) -> None:
    planner = llama.adapter("planner")
    assert planner.trained_tools == ("detect", "count")
    first = planner.generate([Message("user", "how many star")], max_tokens=5)
    again = llama.adapter("writer").generate([Message("user", "how many star")], max_tokens=5, seed=3)
    assert first == again
    assert first.tokens_in == 3
    assert 1 <= first.tokens_out <= 5
    with pytest.raises(UnknownRole, match="cannot be the mllm: loaded by transformers it serves planner and writer"):
        llama.adapter("mllm")


class OnlyWords:
    """Lets nothing but a fixed text through."""

    schema: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, words: list[str]) -> None:
        self.words = words

    def processor(self, tokenizer: Any) -> Any:
        script = iter([*tokenizer.convert_tokens_to_ids(self.words), tokenizer.eos_token_id])

        def forced(input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
            masked = torch.full_like(scores, float("-inf"))
            masked[:, next(script)] = 0
            return masked

        return forced


def test_a_constraint_decides_every_token(llama: Any) -> None:
    planner = llama.adapter("planner")
    for words in (["red", "star"], ["how", "many", "blue"]):
        said = planner.generate([Message("user", "what")], constraint=OnlyWords(words))
        assert said.text.split() == words
        assert said.tokens_out == len(words) + 1


def test_one_load_of_a_vision_language_model_serves_every_role(llava: Any, llava_folder: Path, pictures: Any) -> None:
    assert spec(llava_folder, "planner").key == spec(llava_folder, "mllm").key
    assert spec(llava_folder, "planner").key != spec(llava_folder, "planner", dtype="float16").key
    planner, mllm = llava.adapter("planner"), llava.adapter("mllm")
    assert planner.trained_tools is None
    assert planner.generate([Message("user", "how many")], max_tokens=3).tokens_out
    (reply,) = mllm.answer([pictures[:1]], ["what colour is the star"], max_tokens=6)
    assert reply.tokens_in == 2 + 4 + 5  # two marks, four cells of the picture, five words
    assert 0 < reply.confidence < 1


def test_a_batch_answers_as_one_by_one(llava: Any, pictures: list[Image]) -> None:
    mllm = llava.adapter("mllm")
    shown = [pictures[:1], [], pictures[1:]]
    asked = ["what colour is the star", "how many", "what is the colour"]
    together = mllm.answer(shown, asked, max_tokens=5)
    for images, question, reply in zip(shown, asked, together, strict=True):
        (alone,) = mllm.answer([images], [question], max_tokens=5)
        assert alone.text == reply.text
        assert alone.tokens_in == reply.tokens_in
        assert alone.confidence == pytest.approx(reply.confidence, abs=1e-3)
    assert mllm.answer([], []) == []


def test_what_is_seen_changes_how_sure_it_is(llava: Any, pictures: list[Image]) -> None:
    mllm = llava.adapter("mllm")
    first, second = (mllm.answer([[each]], ["what colour"], max_tokens=4)[0] for each in pictures[:2])
    assert first.confidence != second.confidence


def test_a_stop_flag_ends_a_generation(llama: Any, llava: Any, pictures: list[Image]) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        llama.adapter("planner").generate([Message("user", "how many")], stop=stop)
    with pytest.raises(Cancelled):
        llava.adapter("mllm").answer([pictures[:1]], ["how many"], stop=stop)


def test_a_request_longer_than_the_context_is_refused_with_the_limit(llama: Any) -> None:
    with pytest.raises(TooLarge, match=r"80 tokens long, .* reads 64"):
        llama.adapter("planner").generate([Message("user", "star " * 80)])
    assert llama.adapter("planner").generate([Message("user", "star " * 60)], max_tokens=50).tokens_out <= 4


def test_missing_checkpoints_come_with_the_command_that_gets_them(tmp_path: Path) -> None:
    with pytest.raises(CheckpointMissing, match="hf download someone/model --revision v2") as caught:
        LOADER.resolve(ModelSpec("mllm", "transformers", "someone/model", revision="v2", cache=tmp_path))
    assert caught.value.facts["role"] == "mllm"
    with pytest.raises(CheckpointMissing, match="there is no .*nowhere.*--set planner.checkpoint=PATH"):
        LOADER.measure(spec(tmp_path / "nowhere"))
    assert list(tmp_path.iterdir()) == []  # looking makes nothing


def test_broken_checkpoints_are_told_apart(llama_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(llama_folder, folder)
    weights = folder / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointBroken, match="transformers cannot open it"):
        LOADER.load(spec(folder))
    weights.write_bytes(b"nothing")
    with pytest.raises(CheckpointBroken, match="model.safetensors is no safetensors file"):
        LOADER.measure(spec(folder))
    weights.unlink()
    with pytest.raises(CheckpointBroken, match="holds no .safetensors file"):
        LOADER.load(spec(folder))
    weights.write_bytes(content)
    (folder / "config.json").write_text(json.dumps({"model_type": "no-such-thing"}))
    with pytest.raises(CheckpointBroken, match="transformers cannot open it"):
        LOADER.load(spec(folder))


def changed(folder: Path, source: Path, file: str, content: str) -> Path:
    """A copy with another text in one of its files."""
    shutil.copytree(source, folder)
    (folder / file).write_text(content)
    return folder


def test_a_checkpoint_without_all_its_weights_does_not_answer(llava_folder: Path, tmp_path: Path, capfd: Any) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(llava_folder, folder)
    weights = load_file(folder / "model.safetensors")
    assert not any("lm_head" in name for name in weights)  # tied, so it is no gap
    kept = {name: value for name, value in weights.items() if "vision" not in name}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointBroken, match=r"of a llava: there is no \S*vision.* and \d+ more"):
        LOADER.load(spec(folder, "captioner"))
    assert capfd.readouterr().err == ""


def test_weights_that_are_no_numbers_give_no_confidence(llava_folder: Path, tmp_path: Path, pictures: Any) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(llava_folder, folder)
    weights = load_file(folder / "model.safetensors")
    save_file({name: value * np.nan for name, value in weights.items()}, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="computes no numbers"):
        LOADER.load(spec(folder, "captioner")).adapter("captioner").caption(pictures[:1])


@pytest.mark.parametrize(
    ("template", "said"),
    [("{% for", "cannot be used"), ("{{ raise_exception('no') }}", "cannot be used: no"), ("hello", "leaves pictures")],
)
def test_a_template_that_shows_no_picture_is_broken(
    llava_folder: Path, tmp_path: Path, template: str, said: str
) -> None:
    loaded = LOADER.load(spec(changed(tmp_path / "copy", llava_folder, "chat_template.jinja", template), "captioner"))
    for role in ("captioner", "mllm"):
        with pytest.raises(CheckpointBroken, match=said):
            loaded.adapter(role)


def test_who_must_be_asked_and_has_no_template_is_broken(llava_folder: Path, tmp_path: Path, pictures: Any) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(llava_folder, folder)
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(CheckpointBroken, match="cannot write unasked .*chat template"):
        LOADER.load(spec(folder, "captioner")).adapter("captioner").caption(pictures[:1])


def test_settings_of_a_captioner_are_checked(llava: Any, llava_folder: Path, pictures: list[Image]) -> None:
    for tokens in (0, -1):
        with pytest.raises(WrongArgument, match="say nothing") as caught:
            llava.adapter("captioner").caption(pictures[:1], max_tokens=tokens)
        assert caught.value.facts["field"] == "max_tokens"
    for side in (0, -5, "a", 2.5, True):
        with pytest.raises(ProfileError, match=r"captioner.options.max_side is") as refused:
            LOADER.load(spec(llava_folder, "captioner", options={"max_side": side})).adapter("captioner")
        assert refused.value.facts["field"] == "captioner.options.max_side"
    small = LOADER.load(spec(llava_folder, "captioner", options={"max_side": 8})).adapter("captioner")
    assert small.caption(pictures[:1])[0].confidence != llava.adapter("captioner").caption(pictures[:1])[0].confidence


def test_tools_that_are_no_list_of_names_are_broken(llama_folder: Path, tmp_path: Path) -> None:
    for number, stated in enumerate(("5", '"detect"', "[5]")):
        facts = f'{{"trained_tools": {stated}}}'
        folder = changed(tmp_path / str(number), llama_folder, "panmodal.json", facts)
        with pytest.raises(CheckpointBroken, match="states the trained_tools"):
            LOADER.load(spec(folder))


def test_the_stated_digest_is_checked(llama_folder: Path) -> None:
    stated = digest(llama_folder)
    assert LOADER.load(spec(llama_folder, sha256=stated)).digest == stated
    with pytest.raises(CheckpointBroken, match="its sha256 is .*, the profile states 000"):
        LOADER.load(spec(llama_folder, sha256="0" * 64))


def test_a_device_or_dtype_that_is_not_here_is_said(llama_folder: Path) -> None:
    with pytest.raises(ModelError, match="device 'warp' cannot be used here.*--set planner.device=cpu"):
        LOADER.load(spec(llama_folder, device="warp"))
    with pytest.raises(ModelError, match="dtype 'int3'"):
        LOADER.load(spec(llama_folder, dtype="int3"))

"""Video pipelines of diffusers: tiny random ones of three families, saved by the library and opened by the loader."""

import io
import json
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from diffusers import (
    AnimateDiffPipeline,
    AutoencoderKLCogVideoX,
    AutoencoderKLWan,
    CogVideoXPipeline,
    CogVideoXTransformer3DModel,
    DDIMScheduler,
    MotionAdapter,
    TextToVideoSDPipeline,
    UNet3DConditionModel,
    UniPCMultistepScheduler,
    WanPipeline,
    WanTransformer3DModel,
)
from safetensors.torch import load_file, save_file
from transformers import T5Config, T5EncoderModel

from panmodal.agent.profiles.loading import load_profile
from panmodal.tools.errors import Cancelled, CheckpointBroken, MissingExtra, ModelError, UnknownRole, WrongArgument
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.registry import get_loader
from panmodal.tools.media.text import Text
from panmodal.tools.media.video import Video
from panmodal.tools.roles import Drawing, StepContext
from panmodal.tools.video.encoding import encoded
from panmodal.tools.video.generate_video import generate_video

from .test_diffusers import autoencoder, stable, text, tokenizer, unet

LOADER = get_loader("diffusers-video")


def spec(folder: Path, **more: Any) -> ModelSpec:
    return ModelSpec("video_generator", "diffusers-video", str(folder), **more)


def filmer(folder: Path, **more: Any) -> Any:
    return LOADER.load(spec(folder, **more)).adapter("video_generator")


def film(folder: Path, *drawings: Drawing, seconds: float | None = None, **more: Any) -> list[Video]:
    return filmer(folder).generate(drawings, seconds=[seconds] * len(drawings), **more)


def model_scope() -> Any:
    torch.manual_seed(0)
    network = UNet3DConditionModel(
        sample_size=8, block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=2, cross_attention_dim=16,
        down_block_types=("CrossAttnDownBlock3D", "DownBlock3D"), up_block_types=("UpBlock3D", "CrossAttnUpBlock3D"),
        attention_head_dim=4,
    )  # fmt: skip
    return TextToVideoSDPipeline(
        vae=autoencoder(), text_encoder=text(), tokenizer=tokenizer(), unet=network, scheduler=DDIMScheduler()
    )


def animate_diff() -> Any:
    torch.manual_seed(0)
    adapter = MotionAdapter(
        block_out_channels=(8, 16), motion_layers_per_block=1, motion_norm_num_groups=4, motion_num_attention_heads=2,
        motion_max_seq_length=12,
    )  # fmt: skip
    return AnimateDiffPipeline(
        vae=autoencoder(), text_encoder=text(), tokenizer=tokenizer(), unet=unet(), motion_adapter=adapter,
        scheduler=DDIMScheduler(),
    )  # fmt: skip


def cog() -> Any:
    torch.manual_seed(0)
    t5 = T5EncoderModel(T5Config(vocab_size=len(tokenizer()), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2))
    transformer = CogVideoXTransformer3DModel(
        num_attention_heads=2, attention_head_dim=16, in_channels=4, out_channels=4, time_embed_dim=2,
        text_embed_dim=16, num_layers=1, sample_width=2, sample_height=2, sample_frames=9, patch_size=2,
        temporal_compression_ratio=4, max_text_seq_length=226,
    )  # fmt: skip
    vae = AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * 4, up_block_types=("CogVideoXUpBlock3D",) * 4,
        block_out_channels=(8, 8, 8, 8), latent_channels=4, layers_per_block=1, norm_num_groups=2,
        temporal_compression_ratio=4,
    )  # fmt: skip
    return CogVideoXPipeline(
        vae=vae, text_encoder=t5, tokenizer=tokenizer(), transformer=transformer, scheduler=DDIMScheduler()
    )


def wan() -> Any:
    torch.manual_seed(0)
    t5 = T5EncoderModel(T5Config(vocab_size=len(tokenizer()), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2))
    transformer = WanTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=12, in_channels=16, out_channels=16,
        text_dim=16, freq_dim=32, ffn_dim=16, num_layers=1, rope_max_seq_len=32,
    )  # fmt: skip
    vae = AutoencoderKLWan(
        base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
    )
    return WanPipeline(
        vae=vae, text_encoder=t5, tokenizer=tokenizer(), transformer=transformer, scheduler=UniPCMultistepScheduler()
    )


STATED = {"frames": 6, "rate": 8, "steps": 2, "guidance": 3.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("model-scope")
    model_scope().save_pretrained(found)
    (found / "panmodal.json").write_text(json.dumps(STATED))
    return found


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def shown(video: Video) -> list[Any]:
    with av.open(io.BytesIO(video.encode()[0])) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def off(first: Video, second: Video) -> float:
    """The mean difference of pixels, of which x264 makes up to one: it writes the same frames in more than one way."""
    return float(np.mean(np.abs(np.array(shown(first), int) - np.array(shown(second)))))


def test_it_is_what_the_library_films(folder: Path) -> None:
    pipeline = TextToVideoSDPipeline.from_pretrained(folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    wanted = pipeline(
        ["red star", "blue star"], num_frames=6, num_inference_steps=2, guidance_scale=3.0,
        generator=[torch.Generator().manual_seed(seed) for seed in (1, 2)],
    ).frames  # fmt: skip
    made = film(folder, Drawing("red star", seed=1), Drawing("blue star", seed=2))
    for video, frames, said in zip(made, wanted, ("red star", "blue star"), strict=True):
        assert off(video, encoded((255 * frames).round().astype(np.uint8), 8)) < 2
        with av.open(io.BytesIO(video.encode()[0])) as container:
            assert container.metadata["comment"] == f"made by a TextToVideoSDPipeline: {said}"
        assert (video.width, video.height, video.seconds, video.rate) == (32, 32, 6 / 8, 8)
    assert off(*made) > 5


def test_a_seed_is_a_video_whatever_is_filmed_beside_it(folder: Path) -> None:
    asked = Drawing("red star", seed=5)
    (first,) = film(folder, asked)
    adapter = filmer(folder)
    again, wide, long, other = adapter.generate(
        [asked, Drawing("red star", seed=5, width=40, height=24), asked, Drawing("red star", seed=6)],
        seconds=[None, None, 1.0, 0.75],
    )
    assert off(again, first) < 2 and off(other, first) > 5
    assert (wide.width, wide.height) == (40, 24) and len(shown(long)) == 8 and len(shown(other)) == 6
    assert adapter.generate([], seconds=[]) == []


def test_a_profile_names_it_and_the_tool_films(folder: Path) -> None:
    profile = [f"video_generator.checkpoint={folder}", "video_generator.loader=diffusers-video"]
    named = load_profile("mini", profile).specs(None)["video_generator"][0]
    model = get_loader(named.loader).load(named).adapter("video_generator")
    told: list[tuple[float, str]] = []
    step = StepContext(seed=5, progress=lambda share, doing: told.append((share, doing)))
    video = generate_video(Text.of("red star"), 0.5, video_generator=model, step=step)
    assert len(shown(video)) == 4 and off(video, film(folder, Drawing("red star", seed=5), seconds=0.5)[0]) < 2
    assert told == [(pytest.approx(k / 3), "filming") for k in (1, 2, 3)]
    assert off(generate_video(Text.of("red star"), 0.5, seed=6, video_generator=model, step=step), video) > 5


def test_frames_that_stand_for_intervals_are_cut_to_the_length_asked(tmp_path: Path) -> None:
    cog().save_pretrained(tmp_path)
    (tmp_path / "panmodal.json").write_text('{"width": 16, "height": 16, "steps": 2}')
    adapter = filmer(tmp_path)
    usual, longer = adapter.generate([Drawing("red star", seed=3)] * 2, seconds=[None, 7 / 8])
    assert (usual.width, usual.rate) == (16, 8) and len(shown(usual)) == 9 and len(shown(longer)) == 7
    with pytest.raises(WrongArgument, match="a width of 24 pixels is no multiple of 16"):
        adapter.generate([Drawing("red star", width=24)], seconds=[None])


def test_what_the_library_opens_with_accelerate_alone_needs_it(tmp_path: Path) -> None:
    wan().save_pretrained(tmp_path)
    (tmp_path / "panmodal.json").write_text('{"width": 16, "height": 16, "frames": 5, "steps": 2}')
    if find_spec("accelerate") is None:
        with pytest.raises(MissingExtra, match="a WanTransformer3DModel, which diffusers opens with accelerate"):
            filmer(tmp_path)
        return
    (video,) = film(tmp_path, Drawing("red star", seed=3), seconds=7 / 16)
    assert (video.width, video.rate) == (16, 16) and len(shown(video)) == 7


def test_a_motion_adapter_sets_the_longest_video(tmp_path: Path) -> None:
    animate_diff().save_pretrained(tmp_path)
    adapter = filmer(tmp_path)
    (video,) = adapter.generate([Drawing("red star", seed=1, steps=1)], seconds=[0.5])
    assert (video.width, video.height, video.rate) == (32, 32, 8) and len(shown(video)) == 4
    with pytest.raises(WrongArgument, match="a video of 2 s cannot be made") as wrong:
        adapter.generate([Drawing("red star")], seconds=[2.0])
    assert wrong.value.facts == {"field": "seconds", "limit": 1.5}


def test_the_weights_are_as_large_as_the_files_say(folder: Path) -> None:
    numbers = sum(value.numel() for path in folder.rglob("*.safetensors") for value in load_file(path).values())
    assert LOADER.measure(spec(folder)) == 4 * numbers
    assert 4 * numbers <= LOADER.load(spec(folder)).nbytes < 4 * numbers + 100


def test_progress_rises_to_one_and_a_flag_ends_it(folder: Path) -> None:
    drawings = [Drawing("red star", seed=seed) for seed in range(3)]
    told: list[float] = []
    film(folder, *drawings, progress=told.append)
    assert told == sorted(set(told)) and told[-1] == 1 and len(told) == 2 * 3

    class Third:
        asked = 0

        def is_set(self) -> bool:
            self.asked += 1
            return self.asked >= 3

    with pytest.raises(Cancelled):
        film(folder, *drawings, stop=Third())


@pytest.mark.parametrize(
    ("drawing", "seconds", "field"),
    [
        (Drawing("star", width=36), None, "width"),
        (Drawing("star", height=4096), None, "height"),
        (Drawing("star", steps=0), None, "steps"),
        (Drawing("star", steps=2.5), None, "steps"),  # type: ignore[arg-type]
        (Drawing("star", guidance=float("nan")), None, "guidance"),
        (Drawing("star", seed="1"), None, "seed"),  # type: ignore[arg-type]
        (Drawing("star"), 0.0, "seconds"),
        (Drawing("star"), 3.1, "seconds"),
        (Drawing("star"), float("nan"), "seconds"),
    ],
)
def test_what_cannot_be_filmed_is_said(folder: Path, drawing: Drawing, seconds: float | None, field: str) -> None:
    with pytest.raises(WrongArgument) as wrong:
        film(folder, drawing, seconds=seconds)
    assert wrong.value.facts["field"] == field
    with pytest.raises(WrongArgument, match="1 drawings with 2 lengths"):
        filmer(folder).generate([Drawing("star")], seconds=[None, None])


def _fewer_weights(folder: Path) -> None:
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    save_file(dict(list(load_file(path).items())[1:]), path, metadata={"format": "pt"})


def _index(name: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        index = json.loads((folder / "model_index.json").read_text())
        (folder / "model_index.json").write_text(json.dumps({**index, "_class_name": name}))

    return change


def _stated(facts: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "panmodal.json").write_text(facts) and None


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda folder: (folder / "model_index.json").unlink(), "model_index.json cannot be read"),
        (lambda folder: (folder / "vae/diffusion_pytorch_model.safetensors").unlink(), "vae holds no weights"),
        (_fewer_weights, "the files of unet lack conv_in.bias"),
        (_index("WonderPipeline"), "diffusers has no pipeline WonderPipeline"),
        (_index("StableDiffusionPipeline"), "a StableDiffusionPipeline makes no videos from texts alone"),
        (_index("CogVideoXImageToVideoPipeline"), "makes no videos from texts alone"),
        (_index(["my_code", "Pipeline"]), "model_index.json names no pipeline"),
        (_stated('{"rate": 7.5}'), "panmodal.json states rate 7.5, which is no whole number from 1 to 240"),
        (_stated('{"frames": true}'), "states frames True"),
        (_stated('{"width": 0}'), "states width 0"),
        (_stated('{"guidance": NaN}'), "states guidance nan, which is no number from 0 to 100"),
    ],
)
def test_a_broken_folder_is_said_to_be_broken(copied: Path, harm: Callable[[Path], None], told: str) -> None:
    harm(copied)
    with pytest.raises(CheckpointBroken, match=told):
        LOADER.load(spec(copied))


def test_a_pipeline_of_pictures_is_no_video_generator(tmp_path: Path) -> None:
    stable().save_pretrained(tmp_path)
    with pytest.raises(CheckpointBroken, match="use a pipeline from text to video"):
        LOADER.load(spec(tmp_path))


def test_videos_of_no_numbers_are_not_given(copied: Path) -> None:
    path = copied / "unet" / "diffusion_pytorch_model.safetensors"
    state = load_file(path)
    state["conv_out.bias"][0] = float("nan")
    save_file(state, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match="pixels are no numbers"):
        film(copied, Drawing("red star"))


def test_the_digest_is_checked_and_other_roles_are_refused(copied: Path) -> None:
    loaded = LOADER.load(spec(copied))
    assert LOADER.load(spec(copied, sha256=loaded.digest)).digest == loaded.digest
    with pytest.raises(UnknownRole, match="serves the video_generator"):
        loaded.adapter("image_generator")
    loaded.close()
    with pytest.raises(UnknownRole):
        loaded.adapter("video_generator")
    (copied / "tokenizer" / "merges.txt").write_text("a part")
    with pytest.raises(CheckpointBroken, match="its sha256 is"):
        LOADER.load(spec(copied, sha256=loaded.digest))


def test_nothing_is_printed(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    film(folder, Drawing("red star " * 40, seed=1))
    assert capfd.readouterr() == ("", "")

"""Pipelines of diffusers: tiny random ones of four families, saved by the library and opened by the loader."""

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    PixArtAlphaPipeline,
    PixArtTransformer2DModel,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from safetensors.torch import load_file, save_file
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    T5Config,
    T5EncoderModel,
)

from panmodal.tools.errors import Cancelled, CheckpointBroken, ModelError, OutOfMemory, UnknownRole, WrongArgument
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.diffusers import DiffusersLoader
from panmodal.tools.loaders.diffusers_pixels import in_cells
from panmodal.tools.loaders.torch_parts import computing
from panmodal.tools.media.image import Image
from panmodal.tools.media.masks import Masks
from panmodal.tools.roles import Drawing

from ...conftest import word_tokenizer

LOADER = DiffusersLoader()


def spec(folder: Path, **more: Any) -> ModelSpec:
    return ModelSpec("image_generator", "diffusers", str(folder), **more)


def generator(folder: Path, **more: Any) -> Any:
    return LOADER.load(spec(folder, **more)).adapter("image_generator")


def tokenizer() -> Any:
    found = word_tokenizer()
    found.model_max_length = 8
    return found


def autoencoder(channels: int = 4, *, attention: bool = False) -> AutoencoderKL:
    return AutoencoderKL(
        latent_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(8, 8, 8), layers_per_block=1, norm_num_groups=4, sample_size=32,
        mid_block_add_attention=attention,
    )  # fmt: skip


def unet(**more: Any) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        **{
            "sample_size": 8, "in_channels": 4, "block_out_channels": (8, 16), "layers_per_block": 1,
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"), "attention_head_dim": 2,
            "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"), "norm_num_groups": 4, "cross_attention_dim": 16,
            **more,
        }
    )  # fmt: skip


def text(kind: Any = CLIPTextModel) -> Any:
    config = CLIPTextConfig(
        vocab_size=len(tokenizer()), max_position_embeddings=8, hidden_size=16, intermediate_size=32,
        num_hidden_layers=1, num_attention_heads=2, projection_dim=16, pad_token_id=0, bos_token_id=2, eos_token_id=1,
    )  # fmt: skip
    return kind(config)


def stable(kind: Any = StableDiffusionPipeline, **more: Any) -> Any:
    torch.manual_seed(0)
    parts: dict[str, Any] = {
        "vae": autoencoder(), "text_encoder": text(), "tokenizer": tokenizer(), "unet": unet(),
        "scheduler": DPMSolverMultistepScheduler(steps_offset=1), "safety_checker": None, "feature_extractor": None,
        "requires_safety_checker": False,
    }  # fmt: skip
    return kind(**{**parts, **more})


def xl() -> Any:
    torch.manual_seed(0)
    network = unet(
        cross_attention_dim=32, addition_embed_type="text_time", addition_time_embed_dim=4,
        projection_class_embeddings_input_dim=6 * 4 + 16,
    )  # fmt: skip
    return StableDiffusionXLPipeline(
        vae=autoencoder(), text_encoder=text(), text_encoder_2=text(CLIPTextModelWithProjection),
        tokenizer=tokenizer(), tokenizer_2=tokenizer(), unet=network, scheduler=DDIMScheduler(),
        add_watermarker=False,
    )  # fmt: skip


def pixart() -> Any:
    torch.manual_seed(0)
    t5 = T5EncoderModel(T5Config(vocab_size=len(tokenizer()), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2))
    transformer = PixArtTransformer2DModel(
        sample_size=8, num_layers=1, patch_size=2, attention_head_dim=8, num_attention_heads=2, caption_channels=16,
        cross_attention_dim=16, in_channels=4, out_channels=8, use_additional_conditions=False,
    )  # fmt: skip
    return PixArtAlphaPipeline(
        vae=autoencoder(), text_encoder=t5, tokenizer=tokenizer(), transformer=transformer, scheduler=DDIMScheduler()
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Stable Diffusion, stored in halves as ours is."""
    found = tmp_path_factory.mktemp("stable")
    stable().save_pretrained(found)
    for path in found.rglob("*.safetensors"):
        save_file({name: value.half() for name, value in load_file(path).items()}, path, metadata={"format": "pt"})
    (found / "panmodal.json").write_text(
        json.dumps({"side": 32, "steps": 4, "guidance": 3.0, "guidance_rescale": 0.6, "words": ["red"]})
    )
    return found


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def noise(width: int, height: int, seed: int = 0) -> Image:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (-(-height // 8), -(-width // 8), 3), dtype=np.uint8)
    return Image.from_array(small.repeat(8, 0).repeat(8, 1)[:height, :width])


def off(first: Image, second: Image) -> float:
    return float(np.abs(first.pixels.astype(int) - second.pixels).mean())


def most_off(first: Image, second: Image) -> int:
    return int(np.abs(first.pixels.astype(int) - second.pixels).max())


def test_a_seed_is_a_picture_whatever_is_drawn_beside_it(folder: Path) -> None:
    draw = generator(folder).generate
    asked = Drawing("red star", seed=5)
    first, again, other = draw([asked, asked, Drawing("red star", seed=6)])
    assert (first.width, first.height) == (32, 32)
    assert first == again and off(first, other) > 1
    mixed = draw(
        [
            Drawing("blue star", seed=1), Drawing("red star", seed=2, width=40, height=24), asked,
            Drawing("red star", seed=5, steps=2), Drawing("red star", seed=5, guidance=1.0),
            Drawing("red star", seed=5, negative="blue blue"),
        ]
    )  # fmt: skip
    assert most_off(mixed[2], first) <= 1  # rounding
    assert [(each.width, each.height) for each in mixed] == [(32, 32), (40, 24), *[(32, 32)] * 4]
    assert len({each.id for each in mixed}) == 6
    assert draw([]) == []


def test_it_is_what_the_library_draws(folder: Path) -> None:
    pipeline = StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    wanted = pipeline(
        ["red star", "blue star"], num_inference_steps=4, guidance_scale=3.0, guidance_rescale=0.6, height=32, width=32,
        generator=[torch.Generator().manual_seed(seed) for seed in (1, 2)],
    ).images  # fmt: skip
    made = generator(folder).generate([Drawing("red star", seed=1), Drawing("blue star", seed=2)])
    for image, picture in zip(made, wanted, strict=True):
        assert np.array_equal(image.pixels, np.asarray(picture))


def test_an_edit_keeps_the_size_and_more_the_weaker_it_is(folder: Path) -> None:
    edit = generator(folder).edit
    images, drawings = [noise(50, 30), noise(32, 32, 1)], [Drawing("red star", seed=3)] * 2
    weak, strong = edit(images, drawings, strength=0.25), edit(images, drawings, strength=1.0)
    for image, little, much in zip(images, weak, strong, strict=True):
        assert (little.width, little.height) == (much.width, much.height) == (image.width, image.height)
    # Random weights decode anything to mush: what is compared is what nearly no strength at all would give.
    nothing = edit(images, drawings, strength=0.001)
    for base, little, much in zip(nothing, weak, strong, strict=True):
        assert off(base, little) < off(base, much)
    clear = Image.from_array(images[1].pixels, np.arange(1024, dtype=np.uint8).reshape(32, 32))
    kept = edit([clear], drawings[:1])[0].alpha
    assert kept is not None and np.array_equal(kept, clear.alpha)


def test_inpainting_changes_nothing_outside_the_masks(folder: Path) -> None:
    inpaint = generator(folder).inpaint
    images = [noise(70, 45), noise(32, 32, 1), noise(24, 24, 2)]
    covered = [np.zeros((2, image.height, image.width), np.bool_) for image in images]
    covered[0][0, 10:30, 20:40] = covered[0][1, 25:41, 33:60] = covered[1][1, 3, 5] = True  # one pixel of the second
    masks = [Masks.of(some, image) for some, image in zip(covered, images, strict=True)]
    made = inpaint(images, masks, [Drawing("red star", seed=3)] * 3)
    for image, some, each in zip(images, covered, made, strict=True):
        inside = some.any(0)
        assert np.array_equal(each.pixels[~inside], image.pixels[~inside])
        assert not inside.any() or not np.array_equal(each.pixels[inside], image.pixels[inside])
    assert made[2] == images[2]
    clear = Image.from_array(images[1].pixels, np.zeros((32, 32), np.uint8))
    opaque = inpaint([clear], masks[1:2], [Drawing("red star")])[0].alpha
    assert opaque is not None and opaque[3, 5] == 255 and opaque.sum() == 255
    with pytest.raises(WrongArgument, match="belong to a picture of 32x32") as wrong:
        inpaint(images[:1], masks[1:2], [Drawing("red star")])
    assert wrong.value.facts["field"] == "masks"


def test_the_weights_are_in_memory_once_and_as_large_as_the_files_say(folder: Path) -> None:
    loaded = LOADER.load(spec(folder))
    files = [load_file(path) for path in folder.rglob("*.safetensors")]
    assert len(files) == 3
    numbers = sum(value.numel() for file in files for value in file.values())
    assert LOADER.measure(spec(folder)) == 4 * numbers
    assert 4 * numbers <= loaded.nbytes < 4 * numbers + 100  # the text encoder's numbers of positions
    assert LOADER.measure(spec(folder, dtype="float16")) == 2 * numbers
    pipelines = [loaded.adapter("image_generator")._of_task(task) for task in ("draw", "edit", "inpaint")]
    assert len({type(each) for each in pipelines}) == 3
    for name in ("unet", "vae", "text_encoder"):
        places = {next(getattr(each, name).parameters()).data_ptr() for each in pipelines}
        kinds = {next(getattr(each, name).parameters()).dtype for each in pipelines}
        assert len(places) == 1 and kinds == {torch.float32}


def test_progress_rises_to_one_and_a_flag_ends_it(folder: Path) -> None:
    adapter = generator(folder)
    drawings = [Drawing("red star", seed=seed, steps=3 + seed % 2) for seed in range(11)]
    told: list[float] = []
    adapter.generate(drawings, progress=told.append)
    assert len(told) == (4 + 1) + (3 + 1) and told == sorted(set(told)) and told[-1] == 1
    assert all(0 < share <= 1 for share in told)
    told.clear()
    adapter.edit([noise(32, 32)], drawings[:1], strength=0.7, progress=told.append)
    assert told == pytest.approx([1 / 3, 2 / 3, 1])  # two of three steps, and decoding

    class Third:
        asked = 0

        def is_set(self) -> bool:
            self.asked += 1
            return self.asked >= 3

    told.clear()
    with pytest.raises(Cancelled):
        adapter.generate(drawings, progress=told.append, stop=Third())
    assert len(told) == 1
    assert adapter.generate(drawings[:1]) == generator(folder).generate(drawings[:1])  # as good as new


@pytest.mark.parametrize(
    ("drawing", "field", "limit"),
    [
        (Drawing("star", width=36), "width", 8),
        (Drawing("star", height=0), "height", 8),
        (Drawing("star", steps=0), "steps", 1),
        (Drawing("star", steps=1001), "steps", 1000),
        (Drawing("star", guidance=float("nan")), "guidance", 100),
        (Drawing("star", width=2056), "width", 2048),
        (Drawing("star", height=10**9 * 8), "height", 2048),
    ],
)
def test_what_cannot_be_drawn_is_said(folder: Path, drawing: Drawing, field: str, limit: float) -> None:
    with pytest.raises(WrongArgument, match=field) as wrong:
        generator(folder).generate([Drawing("star"), drawing])
    assert wrong.value.facts == {"field": field, "limit": limit} and str(limit) in wrong.value.hint


@pytest.mark.parametrize("number", [True, 8.0, "8", None])
@pytest.mark.parametrize("field", ["seed", "width", "height", "steps"])
def test_numbers_must_be_whole(folder: Path, field: str, number: Any) -> None:
    if number is None and field != "seed":
        return  # as the model likes it best
    with pytest.raises(WrongArgument, match=f"a {field} of {number!r}") as wrong:
        generator(folder).generate([Drawing("star", **{field: number})])
    assert wrong.value.facts == {"field": field}


def test_any_whole_number_is_a_seed(folder: Path) -> None:
    draw = generator(folder).generate
    seeds: list[Any] = [5, np.int64(5), np.uint8(5), 5 + 2**63, 5 - 2**63, -1, 2**63 - 1, 10**40]
    made = draw([Drawing("red star", seed=seed, steps=np.int32(1), width=np.int64(32)) for seed in seeds])
    assert all(each == made[0] for each in made[1:5])
    assert made[5] == made[6] and off(made[0], made[5]) > 1 and off(made[5], made[7]) > 1


def test_threads_draw_one_after_the_other(folder: Path) -> None:
    adapter = generator(folder)
    asked = [[Drawing("red star", seed=seed, steps=3 + seed % 3)] for seed in range(6)]
    alone = [adapter.generate(each) for each in asked]
    with ThreadPoolExecutor(3) as threads:
        together = list(threads.map(adapter.generate, asked))
    for (made,), (own,) in zip(together, alone, strict=True):
        assert most_off(made, own) <= 1  # rounding: threads may add in another order


def test_one_drawing_and_mask_for_each_image(folder: Path) -> None:
    adapter, images = generator(folder), [noise(32, 32), noise(32, 32, 1)]
    masks = [Masks.of(np.ones((1, 32, 32), np.bool_), image) for image in images]
    one, two = [Drawing("star")], [Drawing("star")] * 2
    for call, field in (
        (lambda: adapter.edit(images, one), "drawings"),
        (lambda: adapter.edit(images[:1], two), "drawings"),
        (lambda: adapter.inpaint(images, masks, one), "drawings"),
        (lambda: adapter.inpaint(images, masks[:1], two), "masks"),
    ):
        with pytest.raises(WrongArgument, match=f"[12] {field} for [12] images") as wrong:
            call()
        assert wrong.value.facts["field"] == field


@pytest.mark.parametrize(("width", "height"), [(1000, 700), (400, 9), (9, 400), (5, 5)])
def test_every_pixel_under_a_mask_is_seen(folder: Path, width: int, height: int) -> None:
    adapter, drawings = generator(folder), [Drawing("red star", seed=1, steps=2, width=32, height=32)]
    image = Image.from_array(np.full((height, width, 3), 128, np.uint8))
    for x, y in ((0, 0), (width // 2, height // 2), (width - 1, height - 1)):
        mask = np.zeros((1, height, width), np.bool_)
        mask[0, y, x] = True
        cells = in_cells(mask[0], 32, 32, 4)[::4, ::4] > 0
        rows, columns = (
            [k * size < 8 * (at + 1) and 8 * at < (k + 1) * size for k in range(8)]  # cell and pixel overlap
            for at, size in ((y, height), (x, width))
        )
        assert cells.any() and (cells == np.outer(rows, columns)).all()
    made = adapter.inpaint([image], [Masks.of(mask, image)], drawings)[0].pixels
    assert np.array_equal(made[~mask[0]], image.pixels[~mask[0]])


def test_a_strip_is_drawn_no_longer_than_is_allowed(folder: Path) -> None:
    made = generator(folder).edit([noise(20000, 3)], [Drawing("star", steps=1)])[0]
    assert (made.width, made.height) == (20000, 3)


def test_a_strength_is_a_share(folder: Path) -> None:
    for strength in (0.0, 1.5):
        with pytest.raises(WrongArgument, match=f"a strength of {strength}") as wrong:
            generator(folder).edit([noise(32, 32)], [Drawing("star")], strength=strength)
        assert wrong.value.facts["field"] == "strength"


@pytest.mark.parametrize("family", [xl, pixart])
def test_other_families_are_opened_by_their_names(family: Callable[[], Any], tmp_path: Path) -> None:
    family().save_pretrained(tmp_path)
    loaded = LOADER.load(spec(tmp_path))
    assert 0 <= loaded.nbytes - LOADER.measure(spec(tmp_path)) < 2000  # tables of positions are in no file
    adapter, told = loaded.adapter("image_generator"), list[float]()
    asked = [Drawing("red star", seed=seed, steps=2) for seed in (1, 2)]
    first, other = adapter.generate(asked, progress=told.append)
    assert (first.width, first.height) == (32, 32) and first != other  # as its config says
    assert told == pytest.approx([1 / 3, 2 / 3, 1])
    if family is xl:
        image = noise(40, 40)
        mask = np.zeros((1, 40, 40), np.bool_)
        mask[0, 8:20, 8:20] = True
        assert adapter.edit([image], asked[:1], strength=0.5)[0] != image
        filled = adapter.inpaint([image], [Masks.of(mask, image)], asked[:1])[0].pixels
        assert np.array_equal(filled[~mask[0]], image.pixels[~mask[0]]) and not np.array_equal(filled, image.pixels)
    else:
        with pytest.raises(ModelError, match="a PixArtAlphaPipeline, cannot edit"):
            adapter.edit([noise(32, 32)], asked[:1])
        with pytest.raises(WrongArgument, match="a width of 36 pixels is no multiple of 8"):
            adapter.generate([Drawing("star", width=36)])


def test_a_model_for_inpainting_alone_inpaints(tmp_path: Path) -> None:
    stable(StableDiffusionInpaintPipeline, unet=unet(in_channels=9)).save_pretrained(tmp_path)
    adapter, image = generator(tmp_path), noise(32, 32)
    mask = np.zeros((1, 32, 32), np.bool_)
    mask[0, :16] = True
    made = adapter.inpaint([image], [Masks.of(mask, image)], [Drawing("red star", steps=2)])[0].pixels
    assert np.array_equal(made[16:], image.pixels[16:]) and not np.array_equal(made, image.pixels)
    with pytest.raises(ModelError, match="cannot draw: it is made for inpainting alone"):
        adapter.generate([Drawing("red star")])


def test_latents_that_the_library_does_not_inpaint_are_refused(tmp_path: Path) -> None:
    stable(vae=autoencoder(6), unet=unet(in_channels=6, out_channels=6)).save_pretrained(tmp_path)
    adapter, image = generator(tmp_path), noise(32, 32)
    assert adapter.generate([Drawing("red star", steps=2)])[0].width == 32
    masks = Masks.of(np.ones((1, 32, 32), np.bool_), image)
    with pytest.raises(ModelError, match="cannot inpaint: its latents have 6 channels, the library inpaints 4"):
        adapter.inpaint([image], [masks], [Drawing("red star")])


def test_a_safety_checker_is_asked_where_there_is_one(tmp_path: Path) -> None:
    sight = {"image_size": 16, "patch_size": 8, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    config = CLIPConfig(vision_config={**sight, "num_attention_heads": 2}, projection_dim=8)
    checker = StableDiffusionSafetyChecker(config)
    checker.concept_embeds_weights.data.fill_(-2)  # any likeness at all is too much
    eye = CLIPImageProcessor(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16})
    stable(safety_checker=checker, feature_extractor=eye, requires_safety_checker=True).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="withholds a picture"):
        generator(tmp_path).generate([Drawing("red star", steps=1)])
    shutil.rmtree(tmp_path / "safety_checker")
    shutil.rmtree(tmp_path / "feature_extractor")
    assert generator(tmp_path).generate([Drawing("red star", steps=1)])[0].width == 32


def _without(path: str) -> Callable[[Path], None]:
    return lambda folder: (folder / path).unlink()


def _fewer_weights(folder: Path) -> None:
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    save_file(dict(list(load_file(path).items())[1:]), path, metadata={"format": "pt"})


def _renamed(path: str) -> Callable[[Path], None]:
    def rename(folder: Path) -> None:
        state = load_file(folder / path)
        save_file({f"net.{name}": value for name, value in state.items()}, folder / path, metadata={"format": "pt"})

    return rename


def _another_shape(folder: Path) -> None:
    path = folder / "vae" / "diffusion_pytorch_model.safetensors"
    save_file({name: value.flatten() for name, value in load_file(path).items()}, path, metadata={"format": "pt"})


def _index(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        index = json.loads((folder / "model_index.json").read_text())
        (folder / "model_index.json").write_text(json.dumps({**index, **changes}))

    return change


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (_without("model_index.json"), "model_index.json cannot be read"),
        (_without("unet/config.json"), "there is no unet/config.json"),
        (_without("vae/diffusion_pytorch_model.safetensors"), "vae holds no weights as safetensors"),
        (lambda folder: shutil.rmtree(folder / "text_encoder"), "there is no folder text_encoder"),
        (_without("scheduler/scheduler_config.json"), "scheduler_config.json"),
        (_without("tokenizer/tokenizer.json"), "okenizer"),
        (_fewer_weights, "the files of unet lack conv_in.bias"),
        (
            _renamed("unet/diffusion_pytorch_model.safetensors"),
            r"the files of unet lack conv_in.weight, .* and \d+ more",
        ),
        (_renamed("vae/diffusion_pytorch_model.safetensors"), "the files of vae lack encoder.conv_in.weight, "),
        (_renamed("text_encoder/model.safetensors"), "the files of text_encoder lack .*embedding.weight, "),
        (_another_shape, "diffusers cannot open it: .*shape"),
        (_index(_class_name="DDPMPipeline"), "AutoPipeline can't find a pipeline linked to DDPMPipeline"),
        (_index(_class_name=None), "model_index.json names no pipeline"),
        (lambda folder: (folder / "panmodal.json").write_text('{"steps": "few"}'), "panmodal.json states steps 'few'"),
        *(
            (lambda folder, facts=facts: (folder / "panmodal.json").write_text(facts), f"panmodal.json states {told}")
            for facts, told in (
                ('{"side": Infinity}', "side inf, which is no multiple of 8"),
                ('{"side": true}', "side True"),
                ('{"side": 33}', "side 33"),
                ('{"side": 0}', "side 0"),
                ('{"steps": 1001}', "steps 1001"),
                ('{"steps": 2.5}', "steps 2.5"),
                ('{"guidance": NaN}', "guidance nan"),
                ('{"guidance": 101}', "guidance 101"),
                ('{"guidance": true}', "guidance True"),
                ('{"guidance_rescale": 1.5}', "guidance_rescale 1.5"),
            )
        ),
        (
            lambda folder: (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"short"),
            "diffusion_pytorch_model.safetensors",
        ),
    ],
)
def test_a_broken_folder_is_said_to_be_broken(copied: Path, harm: Callable[[Path], None], told: str) -> None:
    harm(copied)
    with pytest.raises(CheckpointBroken, match=told):
        LOADER.load(spec(copied))


def test_weights_by_their_older_names_are_there(tmp_path: Path) -> None:
    stable(vae=autoencoder(attention=True)).save_pretrained(tmp_path)
    made = generator(tmp_path).generate([Drawing("red star", steps=1)])
    path = tmp_path / "vae" / "diffusion_pytorch_model.safetensors"
    older = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
    state = {}
    for name, value in load_file(path).items():
        for now, before in older.items():
            name = name.replace(now, before)
        state[name] = value
    save_file(state, path, metadata={"format": "pt"})
    assert any(".proj_attn." in name for name in state)
    assert generator(tmp_path).generate([Drawing("red star", steps=1)]) == made


@pytest.mark.parametrize("part", ["unet", "vae"])
def test_pictures_of_no_numbers_are_not_given(copied: Path, part: str) -> None:
    path = copied / part / "diffusion_pytorch_model.safetensors"
    state = load_file(path)
    name = "conv_out.bias" if part == "unet" else "decoder.conv_out.bias"
    state[name][0] = float("nan")
    save_file(state, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match="pixels are no numbers"):
        generator(copied).generate([Drawing("red star")])


def test_a_full_main_memory_is_out_of_memory(folder: Path) -> None:
    with pytest.raises(OutOfMemory, match="cpu has no memory left"), computing(spec(folder)):
        torch.empty(1 << 60, dtype=torch.uint8)
    with pytest.raises(RuntimeError, match="shape"), computing(spec(folder)):
        torch.empty(2, 3) @ torch.empty(2, 3)


def test_a_closed_model_serves_nothing(folder: Path) -> None:
    loaded = LOADER.load(spec(folder))
    loaded.close()
    with pytest.raises(UnknownRole):
        loaded.adapter("image_generator")


def test_other_roles_and_single_files_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownRole, match="serves the image_generator"):
        LOADER.load(spec(folder)).adapter("captioner")
    (tmp_path / "all.safetensors").write_bytes(b"")
    for checkpoint in (str(tmp_path / "all.safetensors"), "https://example.org/all.safetensors"):
        with pytest.raises(CheckpointBroken, match="it is one file, this loader opens folders"):
            LOADER.resolve(ModelSpec("image_generator", "diffusers", checkpoint))


def test_every_file_of_every_part_is_in_the_digest(copied: Path, folder: Path) -> None:
    stated = LOADER.load(spec(folder)).digest
    (copied / "README.md").write_text("a model card")
    assert LOADER.load(spec(copied, sha256=stated)).digest == stated
    (copied / "tokenizer" / "merges.txt").write_text("a part")
    with pytest.raises(CheckpointBroken, match="its sha256 is"):
        LOADER.load(spec(copied, sha256=stated))


def test_nothing_is_printed(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    adapter = generator(folder)
    long = Drawing("red star " * 40, seed=1)
    adapter.generate([long])
    adapter.edit([noise(20, 20)], [long])
    assert capfd.readouterr() == ("", "")

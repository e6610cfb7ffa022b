"""Pipelines with a ControlNet: a tiny random one, saved by the library and opened by the loader."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    DDIMScheduler,
    StableDiffusionControlNetPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel

from panmodal.agent.profiles.loading import load_profile
from panmodal.tools.draw.control import generate_controlled
from panmodal.tools.draw.control_pictures import areas, edges, nearness, outlines
from panmodal.tools.errors import Cancelled, CheckpointBroken, EmptyInput, ModelError, UnknownRole, WrongArgument
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.diffusers_pipelines import pipeline_for
from panmodal.tools.loaders.registry import get_loader
from panmodal.tools.media.boxes import Boxes
from panmodal.tools.media.depth import Depth
from panmodal.tools.media.image import Image
from panmodal.tools.media.masks import Masks
from panmodal.tools.media.text import Text
from panmodal.tools.roles import Drawing, StepContext

from ...conftest import word_tokenizer

LOADER = get_loader("diffusers")
ROLE = "controlled_generator"


def pipeline() -> StableDiffusionControlNetPipeline:
    torch.manual_seed(0)
    tokenizer = word_tokenizer()
    tokenizer.model_max_length = 8
    unet = UNet2DConditionModel(
        sample_size=8, block_out_channels=(8, 16), layers_per_block=1, attention_head_dim=2, cross_attention_dim=16,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), norm_num_groups=4,
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    control = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8, 16))
    for name, weight in control.named_parameters():
        if "controlnet_" in name:  # they begin as zeros, which change nothing
            torch.nn.init.normal_(weight, std=0.2)
    return StableDiffusionControlNetPipeline(
        vae=AutoencoderKL(
            latent_channels=4, down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
            block_out_channels=(8, 8), norm_num_groups=4, sample_size=16, mid_block_add_attention=False,
        ),
        text_encoder=CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(tokenizer), max_position_embeddings=8, hidden_size=16, intermediate_size=32,
                num_hidden_layers=1, num_attention_heads=2, projection_dim=16, pad_token_id=0, bos_token_id=2,
                eos_token_id=1,
            )
        ),
        tokenizer=tokenizer, unet=unet, controlnet=control, scheduler=DDIMScheduler(steps_offset=1, clip_sample=False),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("controlled")
    pipeline().save_pretrained(found)
    (found / "panmodal.json").write_text(json.dumps({"side": 16, "steps": 3, "guidance": 3.0, "control": "edges"}))
    return found


def spec(folder: Path, role: str = ROLE) -> ModelSpec:
    return ModelSpec(role, "diffusers", str(folder))


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    """As a user names it in a profile."""
    named = (f"{ROLE}.loader=diffusers", f"{ROLE}.checkpoint={folder}")
    (chosen,) = load_profile("mini", named).specs(folder / "cache")[ROLE]
    return get_loader(chosen.loader).load(chosen).adapter(ROLE)


@pytest.fixture
def image() -> Image:
    pixels = np.full((24, 24, 3), 40, np.uint8)
    pixels[6:18, 6:18] = 220
    return Image.from_array(pixels)


def test_it_is_what_the_library_draws(folder: Path, model: Any, image: Image) -> None:
    library = StableDiffusionControlNetPipeline.from_pretrained(folder)
    library.set_progress_bar_config(disable=True)
    control = edges(image)
    for weight in (1.0, 0.5):
        wanted = library(
            "red star", control.to_pil(), num_inference_steps=3, guidance_scale=3.0, width=16, height=16,
            generator=torch.Generator().manual_seed(4), controlnet_conditioning_scale=weight,
        ).images[0]  # fmt: skip
        made = generate_controlled(
            Text.of("red star"), image, weight=weight, controlled_generator=model, ctx=StepContext(seed=4)
        )
        assert np.array_equal(made.pixels, np.asarray(wanted))


def test_the_forms_decide_and_the_weight_says_how_much(model: Any, image: Image) -> None:
    def off(weight: float, control: Image) -> float:
        plain, made = (
            model.generate_controlled([each], [Drawing("red star", seed=1)], weight=share)[0].pixels.astype(int)
            for each, share in ((control, 0.0), (control, weight))
        )
        return float(np.abs(plain - made).mean())

    control = edges(image)
    assert 0 < off(0.3, control) < off(1.0, control)
    assert off(0.0, control) == 0
    with pytest.raises(WrongArgument, match="a weight of 3") as wrong:
        off(3.0, control)
    assert wrong.value.facts == {"field": "weight", "limit": 2.0}


def test_it_has_the_proportions_of_its_forms(model: Any) -> None:
    wide, square = (
        Image.from_array(np.random.default_rng(0).integers(0, 256, (20, width, 3), dtype=np.uint8))
        for width in (80, 20)
    )
    drawings = [Drawing("red star", seed=1), Drawing("red star", seed=2)]
    made = model.generate_controlled([wide, square], drawings)
    assert [(each.width, each.height) for each in made] == [(32, 8), (16, 16)]
    alone = model.generate_controlled([square], drawings[1:])[0]
    assert np.abs(alone.pixels.astype(int) - made[1].pixels).max() <= 1  # rounding
    with pytest.raises(WrongArgument, match="1 drawings for 2 images"):
        model.generate_controlled([wide, square], drawings[:1])


def test_the_same_weights_draw_edit_and_inpaint_without_forms(folder: Path, image: Image) -> None:
    loaded = LOADER.load(spec(folder, "image_generator"))
    assert LOADER.measure(spec(folder)) <= loaded.nbytes < LOADER.measure(spec(folder)) + 100
    generator: Any = loaded.adapter("image_generator")
    parts = StableDiffusionControlNetPipeline.from_pretrained(folder).components
    plain = StableDiffusionPipeline(
        **{name: part for name, part in parts.items() if name not in ("controlnet", "image_encoder")},
        requires_safety_checker=False,
    )
    plain.set_progress_bar_config(disable=True)
    wanted = plain(
        "red star", num_inference_steps=3, guidance_scale=3.0, width=16, height=16,
        generator=torch.Generator().manual_seed(2),
    ).images[0]  # fmt: skip
    drawing = Drawing("red star", seed=2)
    assert np.array_equal(generator.generate([drawing])[0].pixels, np.asarray(wanted))
    assert generator.edit([image], [drawing])[0] != image
    mask = np.zeros((1, 24, 24), np.bool_)
    mask[0, :8] = True
    filled = generator.inpaint([image], [Masks.of(mask, image)], [drawing])[0]
    assert np.array_equal(filled.pixels[8:], image.pixels[8:]) and filled != image


def test_progress_and_cancelling(model: Any, image: Image) -> None:
    told: list[float] = []

    class Second:
        asked = 0

        def is_set(self) -> bool:
            self.asked += 1
            return self.asked > 2

    def draw(stop: Any = None) -> Image:
        ctx = StepContext(progress=lambda share, _: told.append(share), **({"stop": stop} if stop else {}))
        return generate_controlled(Text.of("red star"), image, controlled_generator=model, ctx=ctx)

    draw()
    assert told == pytest.approx([0.25, 0.5, 0.75, 1])
    told.clear()
    with pytest.raises(Cancelled):
        draw(Second())
    assert len(told) == 1


def test_control_pictures_show_what_they_say(image: Image) -> None:
    drawn = edges(image).pixels[..., 0]
    assert set(np.unique(drawn)) == {0, 255} and drawn[:4].max() == 0 and drawn[9:15, 9:15].max() == 0
    assert drawn[4:8, 12].any() and drawn[12, 16:20].any()
    outlined = outlines(Boxes.of([[2, 3, 12, 20], [-5, -5, 90, 90]], ["a", "b"], [1, 1], image)).pixels[..., 0]
    assert outlined[3, 2:12].min() == outlined[19, 2:12].min() == outlined[3:20, 2].min() == 255
    assert outlined[4:19, 3:11].max() == 0 and outlined[0].min() == outlined[:, 23].min() == 255
    bitmaps = np.zeros((2, 24, 24), np.bool_)
    bitmaps[0, :3], bitmaps[1, 20:] = True, True
    assert np.array_equal(areas(Masks.of(bitmaps, image)).pixels[..., 1] == 255, bitmaps.any(0))
    values = np.full((24, 24), 4.0, np.float32)
    values[0], values[1], values[2] = 1.0, np.inf, np.nan
    metres, relative = (nearness(Depth.of(values, image, unit)).pixels[:, 0, 2] for unit in ("metres", "relative"))
    assert metres[[0, 1, 2, 3]].tolist() == [255, 0, 0, 64]  # a quarter as near
    assert relative[[0, 1, 2, 3]].tolist() == [255, 0, 0, 0]


def test_what_cannot_be_drawn_by_is_said(model: Any, image: Image) -> None:
    def draw(**forms: Any) -> Image:
        return generate_controlled(Text.of("red star"), controlled_generator=model, ctx=StepContext(), **forms)

    boxes = Boxes.of([[2, 3, 12, 20]], ["a"], [1], image)
    with pytest.raises(WrongArgument, match="no forms are given"):
        draw()
    with pytest.raises(WrongArgument, match="image and boxes are given"):
        draw(image=image, boxes=boxes)
    with pytest.raises(WrongArgument, match="draws by edges, not by boxes") as wrong:
        draw(boxes=boxes)
    assert wrong.value.facts["field"] == "boxes" and wrong.value.hint == "give image"
    for nothing, form in (
        (lambda: outlines(Boxes.of([], [], [], image)), "boxes"),
        (lambda: areas(Masks.of(np.zeros((1, 24, 24), np.bool_), image)), "masks"),
        (lambda: nearness(Depth.of(np.full((24, 24), np.nan, np.float32), image, "metres")), "depth"),
    ):
        with pytest.raises(EmptyInput, match="nothing to draw by") as empty:
            nothing()
        assert empty.value.facts["kind"] == form
    one = Image.from_array(np.zeros((1, 1, 3), np.uint8))
    assert draw(image=one).width == 16


def test_models_without_a_controlnet_and_broken_ones_are_named(folder: Path, tmp_path: Path) -> None:
    plain = pipeline()
    StableDiffusionPipeline(
        **{name: part for name, part in plain.components.items() if name not in ("controlnet", "image_encoder")},
        requires_safety_checker=False,
    ).save_pretrained(tmp_path / "plain")
    with pytest.raises(UnknownRole, match=r"it serves the image_generator \("):
        LOADER.load(spec(tmp_path / "plain")).adapter(ROLE)
    two = StableDiffusionControlNetPipeline(
        **{**plain.components, "controlnet": [plain.controlnet] * 2}, requires_safety_checker=False
    )
    with pytest.raises(ModelError, match="cannot control: its MultiControlNetModel is none of Stable Diffusion's"):
        pipeline_for(spec(folder), two, "control")
    plain.save_pretrained(tmp_path / "broken")
    weights = tmp_path / "broken" / "controlnet" / "diffusion_pytorch_model.safetensors"
    state = load_file(weights)
    state.pop("conv_in.bias")
    save_file(state, weights, metadata={"format": "pt"})
    with pytest.raises(CheckpointBroken, match="the files of controlnet lack conv_in.bias"):
        LOADER.load(spec(tmp_path / "broken"))
    weights.unlink()
    with pytest.raises(CheckpointBroken, match="controlnet holds no weights as safetensors"):
        LOADER.load(spec(tmp_path / "broken"))
    facts = tmp_path / "plain" / "panmodal.json"
    facts.write_text('{"control": "smells"}')
    with pytest.raises(CheckpointBroken, match="states control 'smells', which is no word of edges, boxes"):
        LOADER.load(spec(tmp_path / "plain"))

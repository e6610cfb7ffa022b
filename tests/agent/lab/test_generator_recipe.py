"""The image generator's recipe: prompts are true, latents standard, and diffusers' pipelines open what it writes."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoPipelineForImage2Image, AutoPipelineForInpainting, AutoPipelineForText2Image
from PIL import Image as Pil

import panmodal.agent.lab.train.generator.train as recipe
from panmodal.agent.lab.train.generator import autoencoder as coder
from panmodal.agent.lab.train.generator.data import config_of, read, reduced, render_pool, told
from panmodal.agent.lab.train.generator.denoiser import STEPS, Denoiser, Widths, build_text, build_unet, spread_steps
from panmodal.agent.lab.train.generator.evaluate import KINDS, cases, judge, shown
from panmodal.agent.lab.train.generator.prompts import (
    HELD_OUT,
    SIDES,
    SIZES,
    UNKNOWN,
    UNSAID,
    Book,
    Prompt,
    build_tokenizer,
    is_held_out,
    packed,
    truth_of,
    unpacked,
    wordings,
)
from panmodal.agent.lab.world.captions import PATTERN_WORDS, PLACES, place_of
from panmodal.agent.lab.world.relations import relations_of
from panmodal.agent.lab.world.scenes import BACKGROUNDS, CLASSES, COLOURS, Scene, render_scene
from panmodal.tools.media.boxes import Boxes

TINY = recipe.Setting(
    (8, 8, 8), Widths((16, 16, 16), 1, (False, True, True)), scenes=48, pictures=4, prompts=8, rates=(2e-3, 2e-3),
    workers=0, bfloat16=False,
)  # fmt: skip


def told_scenes(count: int) -> Iterator[tuple[Scene, Prompt]]:
    book, rng = Book(), np.random.default_rng(0)
    for number in range(count):
        scene = render_scene(number, config_of(number, kind=number % 4), split="val")
        truth = truth_of(scene)
        if truth is None:  # no place for anything
            continue
        assert unpacked(packed(truth)) == truth
        yield scene, book.say(truth, rng, held_out=number % 3 == 0)


def test_prompts_say_what_is_true() -> None:
    sides = 0
    for scene, prompt in told_scenes(240):
        assert prompt.background in (UNSAID, BACKGROUNDS.index(scene.background))
        for thing in prompt.things:
            assert any(
                one.label == CLASSES[thing.label]
                and thing.colour in (UNSAID, COLOURS.index(one.colour))
                and (thing.pattern == UNSAID or thing.pattern == list(PATTERN_WORDS).index(one.texture) - 1)
                and (thing.size == UNSAID or one.size_word == SIZES[thing.size])
                and (thing.place == UNSAID or place_of(one, 128) == PLACES[thing.place])
                for one in scene.objects
            ), prompt
            assert CLASSES[thing.label] in prompt.text
            assert thing.colour == UNSAID or COLOURS[thing.colour] in prompt.text
        if prompt.side != UNSAID:
            sides += 1
            pairs = relations_of(scene)[SIDES[prompt.side]]
            first, second = (CLASSES[thing.label] for thing in prompt.things)
            assert (first, second) in [(scene.objects[i].label, scene.objects[j].label) for i, j in pairs]
            assert prompt.text.index(first) < prompt.text.rindex(second)
    assert sides > 25


def test_training_says_no_held_out_wording_and_knows_every_word_that_it_says() -> None:
    book, tokenizer, rng = Book(), build_tokenizer(), np.random.default_rng(0)
    for kind in HELD_OUT:
        held = {line for line in wordings()[kind] if is_held_out(kind, line)}
        assert held == set(book.held[kind]) and not held & set(book.taught[kind]) and book.taught[kind]
    truth = truth_of(render_scene(1, config_of(1, kind=3)))
    assert truth is not None
    said = [book.say(truth, rng).text for _ in range(300)]
    for text in said:
        strange = {word for word in text.split() if word in book.strange}
        assert (UNKNOWN in tokenizer.tokenize(text)) == bool(strange), text
    assert len(set(said)) > 290


def test_marks_capitals_and_spellings_do_not_matter() -> None:
    tokenizer = build_tokenizer()
    assert tokenizer.tokenize("Draw 2 Red-Stars, COLOR!") == ["draw", "two", "red", "stars", "colour"]
    tokens = read(tokenizer, ["a red star", ""])
    assert tokens.shape == (2, 32) and tokens[1, :2].tolist() == [tokenizer.bos_token_id, tokenizer.eos_token_id]


def test_standard_latents_show_the_same_pictures() -> None:
    torch.manual_seed(0)
    model, pictures = coder.build_autoencoder((8, 8, 8)).eval(), render_pool(0, 16, split="val").pictures
    before = coder.signal_to_noise(model, pictures)
    coder.standardise(model, pictures)
    latents = coder.encoded(model, pictures).float()
    assert latents.shape == (16, 4, 16, 16)
    assert torch.allclose(latents.mean((0, 2, 3)), torch.zeros(4), atol=1e-2)
    assert torch.allclose(latents.std((0, 2, 3)), torch.ones(4), atol=1e-2)
    assert coder.signal_to_noise(model, pictures) == pytest.approx(before, abs=1e-3)


def test_the_denoiser_learns_a_batch_by_heart() -> None:
    torch.manual_seed(0)
    tokenizer, rng = build_tokenizer(), np.random.default_rng(0)
    pool = render_pool(0, 8, split="val").tellable()
    batch = told(np.arange(len(pool.rows)), pool.rows.numpy(), tokenizer, Book(), rng)
    model = Denoiser(build_text(tokenizer), build_unet(TINY.unet))
    latents, random = torch.randn(len(pool.rows), 4, 1, 1).repeat(1, 1, 16, 16), torch.Generator().manual_seed(0)
    steps = spread_steps(len(latents), random, torch.device("cpu"))
    assert steps.tolist() == sorted(steps.tolist()) and steps.min() >= 0 and steps.max() < STEPS
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
    found = []
    for _ in range(30):
        losses = model.losses(latents, batch.tokens, batch.facts, torch.randn_like(latents), steps)
        optimiser.zero_grad()
        (losses["denoising"] + losses["facts"]).backward()
        optimiser.step()
        found.append((losses["denoising"].item(), losses["facts"].item()))
    assert found[-1][0] < 0.9 * found[0][0] and found[-1][1] < 0.7 * found[0][1]


def test_true_pictures_are_judged_right_and_others_wrong() -> None:
    right = []
    for scene, prompt in told_scenes(60):
        if any(thing.colour == UNSAID for thing in prompt.things):
            continue
        picture = reduced(scene)
        image, turned = shown(picture), shown(picture[::-1, ::-1])
        corners = np.array([thing.box for thing in scene.objects]) * 3
        labels = [thing.label for thing in scene.objects]
        scores = [1.0] * len(labels)
        right.append(judge(prompt, image, Boxes.of(corners, labels, scores, image)))
        assert right[-1]["thing"]
        around = Boxes.of(384 - corners[:, [2, 3, 0, 1]], labels, scores, turned)
        assert "side" not in right[-1] or not judge(prompt, turned, around)["side"]
        assert not judge(prompt, image, Boxes.of(corners[1:], labels[1:], scores[1:], image))["thing"]
    for name in ("colour", "place", "side"):
        verdicts = [verdict[name] for verdict in right if name in verdict]
        assert len(verdicts) > 2 and np.mean(verdicts) > 0.9, name
    for kind in KINDS:
        for prompt, picture in cases(kind, 3, 0, held_out=False):
            assert picture.shape == (64, 64, 3) and all(thing.colour != UNSAID for thing in prompt.things)
            assert (prompt.side != UNSAID) == (kind == "related") and len(prompt.things) == (1 if kind == "one" else 2)


@pytest.mark.slow
def test_a_run_exports_what_the_pipelines_open_and_goes_on_after_a_kill(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(recipe, "_HELD_OUT", 8)
    said: list[str] = []

    def run(out: str, seed: int = 0, minutes: float = 0.02, earlier: Path | None = None) -> None:
        shares = [minutes] if earlier else [minutes, minutes]
        recipe.train(tmp_path / out, minutes=shares, seed=seed, device="cpu", resume_from=earlier, setting=TINY,
                     log=said.append)  # fmt: skip

    run("a")
    state = tmp_path / "a.work" / "denoiser.pt"
    killed = torch.load(state, weights_only=True)
    torch.save(killed | {"done": False}, state)
    run("a", minutes=0.03)
    assert torch.load(state, weights_only=True)["step"] > killed["step"] > 0
    run("b", seed=1, earlier=tmp_path / "a")
    assert sum("autoencoder held out: psnr" in line for line in said) == 1
    facts = json.loads((tmp_path / "b" / "panmodal.json").read_text())
    assert facts["seed"] == 1 and facts["prompts"] % 8 == 0 and "star" in facts["words"]

    pipeline = AutoPipelineForText2Image.from_pretrained(tmp_path / "b")
    assert {module.dtype for module in (pipeline.unet, pipeline.vae, pipeline.text_encoder)} == {torch.float32}
    pipeline.set_progress_bar_config(disable=True)
    asked = {"prompt": "a red star on a plain background", "num_inference_steps": 4, "guidance_scale": 4.0}
    first, again, other = (
        np.array(pipeline(**asked, generator=torch.Generator().manual_seed(seed)).images[0]) for seed in (1, 1, 2)
    )
    assert first.shape == (64, 64, 3) and np.array_equal(first, again) and not np.array_equal(first, other)
    picture, mask = Pil.fromarray(first), Pil.new("L", (64, 64), 255)
    changed = AutoPipelineForImage2Image.from_pipe(pipeline)(**asked, image=picture, strength=0.5).images[0]
    filled = AutoPipelineForInpainting.from_pipe(pipeline)(**asked, image=picture, mask_image=mask, height=64, width=64)
    assert changed.size == filled.images[0].size == (64, 64)


def test_minutes_are_of_all_stages_or_of_each() -> None:
    assert sum(recipe._shared([10], 2)) == pytest.approx(10) and recipe._shared([3, 4], 2) == [3, 4]
    assert recipe._shared([5], 1) == [5]
    with pytest.raises(ValueError, match="2 minutes for 1"):
        recipe._shared([1, 2], 1)

"""The image generator's recipe: prompts are true, pixels are kept, and diffusers' pipelines open what it writes."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoPipelineForImage2Image, AutoPipelineForText2Image
from PIL import Image as Pil

import panmodal.agent.lab.mini.image_generator as part
import panmodal.agent.lab.train.generator.train as recipe
from panmodal.agent.lab.mini.apart import Overlap
from panmodal.agent.lab.mini.shipped import shipped
from panmodal.agent.lab.train.generator.data import SIDE, config_of, read, reduced, render_pool, told
from panmodal.agent.lab.train.generator.denoiser import STEPS, Denoiser, build_text, build_unet, spread_steps
from panmodal.agent.lab.train.generator.judge import KINDS, Compared, cases, judge, numbers, shown
from panmodal.agent.lab.train.generator.pixels import CHANNELS, build_autoencoder, encoded
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
from panmodal.tools.errors import InputError, MissingFile
from panmodal.tools.media.boxes import Boxes

TINY = recipe.Setting(scenes=48, prompts=8, rate=2e-3, workers=0, bfloat16=False)
CELLS = (CHANNELS, SIDE, SIDE)


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


def test_the_autoencoder_hands_pixels_on() -> None:
    pictures = torch.cat([render_pool(0, 16, split="val").pictures, torch.randint(0, 256, (4, SIDE, SIDE, 3)).byte()])
    made = build_autoencoder()
    latents = encoded(made, pictures).float()
    assert latents.shape == (20, *CELLS)
    assert 0.5 < latents.std() < 1.5
    shown = made.decode(latents / made.config.scaling_factor).sample.clamp(-1, 1)
    back = ((shown + 1) * 127.5).round().permute(0, 2, 3, 1)
    assert (back - pictures.float()).abs().max() <= 2


def test_the_denoiser_learns_a_batch_by_heart() -> None:
    torch.manual_seed(0)
    tokenizer, rng = build_tokenizer(), np.random.default_rng(0)
    pool = render_pool(0, 8, split="val").tellable()
    batch = told(np.arange(len(pool.rows)), pool.rows.numpy(), tokenizer, Book(), rng)
    model = Denoiser(build_text(tokenizer), build_unet())
    latents, random = torch.randn(len(pool.rows), *CELLS)[..., :1, :1].expand(-1, *CELLS), torch.Generator()
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
    for scene, prompt in told_scenes(120):
        if any(thing.colour == UNSAID for thing in prompt.things):
            continue
        picture = reduced(scene)
        image, turned = shown(picture), shown(picture[::-1, ::-1])
        corners = np.array([thing.box for thing in scene.objects]) * (384 / len(scene.image))
        labels = [thing.label for thing in scene.objects]
        scores = [1.0] * len(labels)
        right.append(judge(prompt, image, Boxes.of(corners, labels, scores, image)))
        assert right[-1]["thing"]
        around = Boxes.of(384 - corners[:, [2, 3, 0, 1]], labels, scores, turned)
        assert "side" not in right[-1] or not judge(prompt, turned, around)["side"]
        assert not judge(prompt, image, Boxes.of(corners[1:], labels[1:], scores[1:], image))["thing"]
    for name in ("colour", "place", "side"):
        verdicts = [verdict[name] for verdict in right if name in verdict]
        assert len(verdicts) > 5 and np.mean(verdicts) > 0.8, name  # some colours cannot be told at this size
    for kind in KINDS:
        for prompt, picture, _ in cases(kind, 3, 0):
            assert picture.shape == (SIDE, SIDE, 3) and all(thing.colour != UNSAID for thing in prompt.things)
            assert (prompt.side != UNSAID) == (kind == "related") and len(prompt.things) == (1 if kind == "one" else 2)


@pytest.mark.slow
def test_a_run_exports_what_the_pipelines_open_and_goes_on_after_a_kill(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(recipe, "_HELD_OUT", 8)
    said: list[str] = []

    def run(out: str, seed: int = 0, minutes: float = 0.02, earlier: Path | None = None) -> None:
        recipe.train(tmp_path / out, minutes=minutes, seed=seed, device="cpu", resume_from=earlier, setting=TINY,
                     log=said.append)  # fmt: skip

    run("a")
    state = tmp_path / "a.work" / "denoiser.pt"
    killed = torch.load(state, weights_only=True)
    torch.save(killed | {"done": False}, state)
    run("a", minutes=0.03)
    assert torch.load(state, weights_only=True)["step"] > killed["step"] > 0
    run("b", seed=1, earlier=tmp_path / "a")
    assert sum("held out: denoising" in line for line in said) == 3
    facts = json.loads((tmp_path / "b" / "panmodal.json").read_text())
    assert facts["seed"] == 1 and facts["prompts"] % 8 == 0 and "star" in facts["words"]

    pipeline = AutoPipelineForText2Image.from_pretrained(tmp_path / "b")
    assert {module.dtype for module in (pipeline.unet, pipeline.vae, pipeline.text_encoder)} == {torch.float32}
    pipeline.set_progress_bar_config(disable=True)
    asked = {"prompt": "a red star on a plain background", "num_inference_steps": 4, "guidance_scale": 4.0}
    first, again, other = (
        np.array(pipeline(**asked, generator=torch.Generator().manual_seed(seed)).images[0]) for seed in (1, 1, 2)
    )
    assert first.shape == (SIDE, SIDE, 3) and np.array_equal(first, again) and not np.array_equal(first, other)
    change = AutoPipelineForImage2Image.from_pipe(pipeline)
    assert change(**asked, image=Pil.fromarray(first), strength=0.5).images[0].size == (SIDE, SIDE)

    (tmp_path / "b" / "README.md").write_text("a card")
    named = [f"image_generator.{name}" for name in ("loader=diffusers", f"checkpoint={tmp_path / 'b'}")]
    rows = {row.name: row for job in part.jobs(shipped(part.USES, named), 0, 3) for row in job()}
    assert {*part.FIGURES, "edited", "inpainted", "seconds_a_picture"} < {*rows}
    assert rows["inpainted_outside_kept"].value == 1 and rows["one_thing_colour_true"].value > 0.5
    assert rows["one_thing_colour"].value < 0.5 and not rows["one_thing_colour"].counts  # it learned next to nothing


def test_changes_ask_for_what_the_true_picture_does_not_show() -> None:
    rng = np.random.default_rng(0)
    for case in cases("one", 12, 0, background="plain"):
        before, truth = case.scene.objects[0], truth_of(case.scene)
        assert case.scene.background == "plain" and truth is not None
        asked = part._other(case, rng, label=True, colour=True, placed=True)
        after = asked.things[0]
        assert CLASSES[after.label] != before.label and COLOURS[after.colour] != before.colour
        assert after.place == truth.things[0].place and PLACES[after.place] == place_of(before, len(case.scene.image))
        recoloured = part._other(case, rng, label=False, colour=True).things[0]
        assert CLASSES[recoloured.label] == before.label and COLOURS[recoloured.colour] != before.colour
        mask = part._around(case)
        assert mask[case.scene.mask(0)].all() and mask.mean() < 0.5


def test_ratios_are_to_what_is_found_in_true_pictures() -> None:
    found = Compared(*(np.array(some, np.bool_) for some in ([1, 1, 0, 1], [1, 0, 1, 0], [0, 0, 0, 1])))
    assert found.ratio() == pytest.approx(2 / 3) and found.ratio(guessed=True) == pytest.approx(1 / 3)
    assert found.ratio(np.array([0, 0])) == 1


def test_what_measures_the_generator_was_not_trained_on(monkeypatch) -> None:
    monkeypatch.setattr(part, "_TRAINED_SCENES", 500)
    facts = part.apart(0, 5)
    assert facts["splits"] == {"trained": ["train", "val"], "measured": ["test"]}
    assert facts["streams"] == {"trained": 1256, "measured": 200, "shared": 0}
    assert facts["wordings"]["held_out_wordings"] > 20
    assert {case.scene.seed for kind in KINDS for case in cases(kind, 5, 0)} <= {*numbers(0, 5)}
    monkeypatch.setattr(part, "SPLIT", "val")
    with pytest.raises(Overlap, match="on the split val, which it is trained on"):
        part.apart(0, 5)


def test_folders_are_looked_at_before_anything_is_rendered(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out, earlier, error, field in (
        ("out", tmp_path / "none", MissingFile, "resume_from"), ("file/out", None, InputError, "out"),
    ):  # fmt: skip
        with pytest.raises(error) as wrong:
            recipe.train(tmp_path / out, minutes=1, seed=0, device="cpu", resume_from=earlier)
        assert wrong.value.facts["field"] == field

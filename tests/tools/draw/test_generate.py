"""Drawing and changing pictures with the small models of `mini`, judged by its detector on true scenes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from panmodal.agent.lab.mini.shipped import shipped
from panmodal.agent.lab.world.scenes import Scene, SceneConfig, render_scene
from panmodal.planners.chains import chain
from panmodal.tools.draw.drawing import LONGEST
from panmodal.tools.draw.edit_image import edit_image
from panmodal.tools.draw.generate_image import generate_image
from panmodal.tools.draw.inpaint import inpaint
from panmodal.tools.draw.margins import extent, grown
from panmodal.tools.draw.remove import remove
from panmodal.tools.draw.replace import replace
from panmodal.tools.draw.restyle import restyle
from panmodal.tools.draw.upscale import upscale
from panmodal.tools.errors import Cancelled, EmptyInput, WrongArgument
from panmodal.tools.media.image import Image
from panmodal.tools.media.masks import Masks
from panmodal.tools.media.text import Text
from panmodal.tools.media.transcript import Segment, Transcript
from panmodal.tools.registry import Registry
from panmodal.tools.roles import Drawing, StepContext
from panmodal.tools.see.detect import detect
from panmodal.tools.see.filter import filter_colour
from panmodal.tools.see.segment import segment
from panmodal.tools.text.transcript_text import transcript_text

SMALL = SceneConfig(side=128, count=(1, 1), size=(0.3, 0.4), backgrounds=("plain",))
EVEN = SceneConfig(side=256, count=(2, 3), size=(0.14, 0.4), backgrounds=("plain", "gradient"))
STAR = Text.of("a red star on a plain background")


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    found = shipped(("image_generator", "detector", "segmenter"))
    return {role: model.adapter() for role, model in found.items()}


@pytest.fixture(scope="module")
def generator(models: dict[str, Any]) -> Any:
    return models["image_generator"]


@pytest.fixture(scope="module")
def sees(models: dict[str, Any]) -> Callable[..., int]:
    """How many things of a class and colour the detector finds in a picture, of small ones once they are enlarged."""

    def found(image: Image, label: str, colour: Any = None) -> int:
        image = upscale(image, 4) if image.width < 128 else image
        boxes = detect(image, [label], detector=models["detector"])
        return len(boxes if colour is None else filter_colour(image, boxes, colour))

    return found


@pytest.fixture(scope="module")
def scenes() -> list[tuple[Scene, Image, Masks]]:
    """Pictures with even backgrounds, and the mask of one thing whose class nothing else has."""
    found = []
    for seed in range(200, 240):
        scene = render_scene(seed, EVEN, split="test")
        alone = [k for k, each in enumerate(scene.objects) if len(scene.labelled(each.label)) == 1]
        if alone:
            image = Image.from_array(scene.image)
            label = scene.objects[alone[0]].label
            found.append((scene, image, Masks.of(scene.mask(alone[0])[None], image, [label], [1.0])))
    return found[:8]


def only(seed: int) -> tuple[Scene, Image]:
    scene = render_scene(seed, SMALL, split="test")
    return scene, Image.from_array(scene.image)


def block(image: Image) -> Masks:
    bitmap = np.zeros((1, image.height, image.width), np.bool_)
    bitmap[0, image.height // 4 : image.height // 2, image.width // 4 : image.width // 2] = True
    return Masks.of(bitmap, image)


def test_what_was_asked_for_is_drawn(generator: Any, sees: Callable[..., int]) -> None:
    made = [generate_image(STAR, image_generator=generator, ctx=StepContext(seed)) for seed in range(5)]
    assert {(each.width, each.height) for each in made} == {(64, 64)}  # the model's own size: nothing is enlarged
    assert sum(sees(each, "star", "red") == 1 for each in made) >= 3  # 24 of 30 when it was measured
    assert sum(sees(each, "car") for each in made) == 0


def test_a_seed_is_a_picture(generator: Any) -> None:
    def draw(seed: int | None, run: int) -> Image:
        return generate_image(STAR, seed=seed, steps=2, image_generator=generator, ctx=StepContext(run))

    assert draw(5, 0) == draw(5, 1) == draw(None, 5) != draw(None, 6)
    sized = generate_image(STAR, width=48, height=80, steps=2, image_generator=generator, ctx=StepContext())
    assert (sized.width, sized.height) == (48, 80)


def test_what_is_said_can_be_drawn(generator: Any) -> None:
    registry = Registry([transcript_text, generate_image])
    assert chain(["transcript"], "image", registry) == ["transcript_text", "generate_image"]
    said = Transcript.of([Segment(text=" a red star ", start=0, end=1), Segment(text="on grey", start=1, end=2)])
    ctx, models = StepContext(3), {"image_generator": generator}
    heard = generate_image.call({"prompt": transcript_text(said), "steps": 2}, models, ctx)
    written = generate_image.call(generate_image.validate({"prompt": "a red star on grey", "steps": 2}), models, ctx)
    assert (heard.width, heard.height) == (written.width, written.height)
    assert np.abs(heard.pixels.astype(int) - written.pixels).max() <= 1  # line ends are spaces to it
    with pytest.raises(EmptyInput, match="the prompt has no words"):
        generate_image(transcript_text(Transcript.of([])), image_generator=generator, ctx=ctx)


def test_a_picture_is_changed_as_a_whole(generator: Any, sees: Callable[..., int]) -> None:
    right = 0
    for seed in range(3):
        scene, image = only(seed)
        thing = scene.objects[0]
        wanted = "blue" if thing.colour != "blue" else "red"
        prompt = Text.of(f"a {wanted} {thing.label} on a plain background")
        made = edit_image(image, prompt, 0.8, image_generator=generator, ctx=StepContext(seed))
        assert (made.width, made.height) == (128, 128)
        right += sees(made, thing.label, wanted) > 0 and sees(image, thing.label, wanted) == 0
    assert right >= 1  # 25 of 30 when it was measured


def test_pixels_outside_the_masks_stay(generator: Any) -> None:
    _, image = only(3)
    clear = Image.from_array(image.pixels, np.arange(128 * 128, dtype=np.uint32).reshape(128, 128).astype(np.uint8))
    masks = block(image)
    outside = ~masks.bitmaps[0]
    made = inpaint(clear, masks, STAR, image_generator=generator, ctx=StepContext(1))
    assert made.alpha is not None and clear.alpha is not None
    assert np.array_equal(made.pixels[outside], image.pixels[outside])
    assert np.array_equal(made.alpha[outside], clear.alpha[outside])
    assert not np.array_equal(made.pixels[~outside], image.pixels[~outside]) and made.alpha[~outside].min() == 255
    assert inpaint(clear, masks, STAR, image_generator=generator, ctx=StepContext(1)) == made


def test_a_small_part_of_a_large_picture_is_drawn_as_asked(generator: Any, sees: Callable[..., int]) -> None:
    config = SceneConfig(count=(1, 1), size=(0.18, 0.28), backgrounds=("plain",))
    right = 0
    for seed in range(40, 48):
        scene = render_scene(seed, config, split="test")
        thing, image = scene.objects[0], Image.from_array(scene.image)
        wanted = "blue" if thing.colour != "blue" else "red"
        prompt = Text.of(f"a {wanted} {thing.label}")
        masks = Masks.of(scene.mask(0)[None], image)
        made = inpaint(image, masks, prompt, image_generator=generator, ctx=StepContext(seed))
        right += sees(made, thing.label, wanted) > 0
    assert right >= 4  # a fifth of them are, where the model is shown the whole picture


def test_a_removed_thing_is_found_no_more(
    models: dict[str, Any], sees: Callable[..., int], scenes: list[tuple[Scene, Image, Masks]]
) -> None:
    for scene, image, truth in scenes:
        (label,) = truth.labels
        found = detect(image, [label], detector=models["detector"])
        masks = segment(image, found, segmenter=models["segmenter"])
        assert len(masks) == 1
        for each in (masks, truth):
            made = remove(image, each)
            assert sees(made, label) == 0
            kept = ~grown(each)
            assert np.array_equal(made.pixels[kept], image.pixels[kept])
            others = {thing.label for thing in scene.objects} - {label}
            assert all(sees(made, other) >= sees(image, other) for other in others)


def test_a_hole_is_filled_with_what_is_around_it() -> None:
    ramp = np.repeat(np.linspace(40, 200, 90).astype(np.uint8)[None, :, None], 60, 0).repeat(3, 2)
    spoilt = ramp.copy()
    spoilt[20:40, 30:60] = (255, 0, 0)
    alpha = np.full((60, 90), 255, np.uint8)
    alpha[:10] = 100
    image = Image.from_array(spoilt, alpha)
    bitmap = (spoilt != ramp).any(2)
    made = remove(image, Masks.of(bitmap[None], image))
    assert np.abs(made.pixels.astype(int) - ramp).max() < 25
    assert made.alpha is not None and np.array_equal(made.alpha, alpha)
    assert remove(image, Masks.of(bitmap[None], image)) == made
    # A cut-out's own edge: what is removed from it becomes as clear as what is around it.
    island = Image.from_array(spoilt, np.where(bitmap, 255, 0).astype(np.uint8))
    gone = remove(island, Masks.of(bitmap[None], island)).alpha
    assert gone is not None and gone.max() == 0


def test_a_large_hole_is_filled_like_a_small_one() -> None:
    def filled(side: int) -> np.ndarray:
        ground = np.full((side, side, 3), (30, 90, 150), np.uint8)
        ground[:, side // 2 :] = (60, 120, 180)
        middle = slice(side // 4, side - side // 4)
        ground[middle, middle] = 255
        image = Image.from_array(ground)
        made = remove(image, Masks.of((ground == 255).all(2)[None], image)).pixels
        outside = np.s_[: side // 6]
        assert np.array_equal(made[outside], ground[outside])
        return made[:: side // 300, :: side // 300].astype(int)

    small, large = filled(300), filled(1500)  # the second in a copy, for one by one its pixels would take minutes
    assert np.abs(small - large).mean() < 2 and large.max() < 200


def test_another_thing_takes_the_place(
    generator: Any, sees: Callable[..., int], scenes: list[tuple[Scene, Image, Masks]]
) -> None:
    found = 0
    for number, (scene, image, masks) in enumerate(scenes):
        there = {each.label for each in scene.objects}
        new = next(label for label in ("star", "heart", "circle", "moon", "square") if label not in there)
        made = replace(image, masks, Text.of(f"a blue {new}"), image_generator=generator, ctx=StepContext(number))
        left, top, right, bottom = extent((made.pixels != image.pixels).any(2))
        x0, y0, x1, y1 = extent(grown(masks))
        assert max(right - left, bottom - top) <= max(x1 - x0, y1 - y0)  # every pixel outside the square is as it was
        assert left <= x1 and x0 <= right and top <= y1 and y0 <= bottom
        found += sees(made, new, "blue") == 1
    assert found >= 3  # 21 of 30 when it was measured


def test_each_thing_is_replaced_and_empty_masks_are_passed_over(generator: Any) -> None:
    image = Image.from_array(np.full((100, 300, 3), 120, np.uint8), np.full((100, 300), 9, np.uint8))
    bitmaps = np.zeros((3, 100, 300), np.bool_)
    bitmaps[0, 40:60, 20:40] = bitmaps[2, 90:, 290:] = True
    made = replace(image, Masks.of(bitmaps, image), STAR, seed=2, image_generator=generator, ctx=StepContext())
    changed = (made.pixels != image.pixels).any(2)
    assert changed[40:60, 20:40].any() and changed[90:, 290:].any() and not changed[:, 60:270].any()
    assert made.alpha is not None and made.alpha[50, 30] == made.alpha[99, 299] == 255 and made.alpha[50, 150] == 9
    whole = Masks.of(np.ones((1, 100, 300), np.bool_), image)
    assert replace(image, whole, STAR, image_generator=generator, ctx=StepContext()) != image


def test_another_style_is_an_edit_that_names_the_style(generator: Any, sees: Callable[..., int]) -> None:
    scene, image = only(5)
    made = restyle(image, " watercolour ", 0.2, image_generator=generator, ctx=StepContext(4))
    drawing = Drawing("in the style of watercolour", seed=4)
    assert made == generator.edit([image], [drawing], strength=0.2)[0] != image
    assert sees(made, scene.objects[0].label) == 1  # what it showed is still there
    with pytest.raises(EmptyInput, match="the prompt has no words"):
        restyle(image, "  ", image_generator=generator, ctx=StepContext())


def test_progress_is_told_and_a_flag_ends_it_within_a_step(generator: Any) -> None:
    _, image = only(1)
    told: list[tuple[float, str]] = []

    class Second:
        asked = 0

        def is_set(self) -> bool:
            self.asked += 1
            return self.asked > 2

    def context(**more: Any) -> StepContext:
        return StepContext(progress=lambda share, doing: told.append((share, doing)), **more)

    generate_image(STAR, steps=3, image_generator=generator, ctx=context())
    assert told == [(pytest.approx(share), "drawing") for share in (0.25, 0.5, 0.75, 1)]
    masks = block(image)
    for call, doing in (
        (lambda ctx: generate_image(STAR, image_generator=generator, ctx=ctx), "drawing"),
        (lambda ctx: edit_image(image, STAR, image_generator=generator, ctx=ctx), "editing"),
        (lambda ctx: inpaint(image, masks, STAR, image_generator=generator, ctx=ctx), "inpainting"),
        (lambda ctx: replace(image, masks, STAR, image_generator=generator, ctx=ctx), "replacing"),
        (lambda ctx: restyle(image, "oil", image_generator=generator, ctx=ctx), "restyling"),
    ):
        told.clear()
        with pytest.raises(Cancelled):
            call(context(stop=Second()))
        assert [each for _, each in told] == [doing]  # one step was taken


def test_bad_input_is_said(generator: Any) -> None:
    _, image = only(2)
    ctx = StepContext()
    none, blank = (Masks.of(np.zeros((count, 128, 128), np.bool_), image) for count in (0, 1))
    for masks in (none, blank):
        for call, doing in (
            (lambda masks: inpaint(image, masks, STAR, image_generator=generator, ctx=ctx), "inpaint"),
            (lambda masks: replace(image, masks, STAR, image_generator=generator, ctx=ctx), "replace"),
            (lambda masks: remove(image, masks), "remove"),
        ):
            with pytest.raises(EmptyInput, match=f"nothing to {doing}"):
                call(masks)
    with pytest.raises(WrongArgument, match="the masks cover the whole picture"):
        remove(image, Masks.of(np.ones((1, 128, 128), np.bool_), image))
    other = Image.from_array(image.pixels[:50])
    with pytest.raises(WrongArgument, match="belong to a picture of 128x50"):
        remove(image, block(other))
    for words, field in (({"prompt": Text.of("x" * (LONGEST + 1))}, "prompt"), ({"negative": "y" * 5000}, "negative")):
        with pytest.raises(WrongArgument, match=f"a {field} of [45]00[01] characters") as wrong:
            generate_image(**{"prompt": STAR, **words}, image_generator=generator, ctx=ctx)
        assert wrong.value.facts == {"field": field, "limit": LONGEST}
    for more in ({"steps": 0}, {"width": 63}, {"guidance": -1.0}):
        with pytest.raises(WrongArgument, match=f"a {next(iter(more))} of"):
            generate_image(STAR, **more, image_generator=generator, ctx=ctx)
    with pytest.raises(WrongArgument, match="a strength of 0"):
        edit_image(image, STAR, 0.0, image_generator=generator, ctx=ctx)


def test_the_smallest_picture_is_a_picture(generator: Any) -> None:
    one = Image.from_array(np.full((1, 1, 3), 7, np.uint8))
    whole, ctx = Masks.of(np.ones((1, 1, 1), np.bool_), one), StepContext()
    for made in (
        edit_image(one, STAR, 0.1, image_generator=generator, ctx=ctx),
        inpaint(one, whole, STAR, image_generator=generator, ctx=ctx),
        replace(one, whole, STAR, image_generator=generator, ctx=ctx),
    ):
        assert (made.width, made.height) == (1, 1)
    with pytest.raises(WrongArgument, match="cover the whole picture"):
        remove(one, whole)

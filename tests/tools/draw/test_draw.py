"""The picture tools, pixel by pixel: what changes, what must not, and what emptiness means."""

import numpy as np
import pytest

from panmodal.agent.lab.world.scenes import SceneConfig, render_scene
from panmodal.tools.draw.annotate import annotate
from panmodal.tools.draw.blur import blur
from panmodal.tools.draw.crop import crop
from panmodal.tools.draw.cut_out import cut_out
from panmodal.tools.draw.greyscale import greyscale
from panmodal.tools.draw.recolour import recolour
from panmodal.tools.errors import EmptyInput, WrongArgument
from panmodal.tools.media.boxes import Boxes
from panmodal.tools.media.image import Image
from panmodal.tools.media.masks import Masks
from panmodal.tools.see.colour import colour
from panmodal.tools.see.colours import COLOURS


@pytest.fixture
def image() -> Image:
    return Image.from_array(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))


@pytest.fixture
def masks(image: Image) -> Masks:
    bitmaps = np.zeros((2, 40, 60), np.bool_)
    bitmaps[0, 5:15, 10:20] = True
    bitmaps[1, 20:30, 12:40] = True
    return Masks.of(bitmaps, image)


def none_of(image: Image) -> Masks:
    return Masks.of(np.zeros((0, image.height, image.width), np.bool_), image)


def test_cut_out_keeps_masked_pixels_clears_the_rest_and_shrinks(image: Image, masks: Masks) -> None:
    cut = cut_out(image, masks)
    assert (cut.width, cut.height) == (30, 25)
    kept = masks.bitmaps.any(axis=0)[5:30, 10:40]
    assert cut.alpha is not None
    assert np.array_equal(cut.alpha, np.where(kept, 255, 0))
    assert np.array_equal(cut.pixels[kept], image.pixels[5:30, 10:40][kept])


def test_cut_out_respects_the_pictures_own_alpha(image: Image, masks: Masks) -> None:
    half = Image.from_array(image.pixels, np.full((40, 60), 128, np.uint8))
    cut = cut_out(half, masks.take([0]))
    assert cut.alpha is not None
    assert set(cut.alpha.ravel().tolist()) == {128}


@pytest.mark.parametrize("change", [cut_out, blur, greyscale])
def test_empty_masks_never_become_a_change_of_everything(change: object, image: Image) -> None:
    assert callable(change)
    with pytest.raises(EmptyInput, match="nothing to .*: nothing was found before"):
        change(image, none_of(image))
    with pytest.raises(EmptyInput, match="no mask has a pixel"):
        change(image, Masks.of(np.zeros((1, 40, 60), np.bool_), image))
    with pytest.raises(EmptyInput, match="nothing to recolour"):
        recolour(image, none_of(image), "red")


def test_crop_takes_the_union_in_whole_pixels_inside_the_picture(image: Image) -> None:
    boxes = Boxes.of([[10.4, 5.5, 20.2, 15.0], [30, 20, 75, 30.1]], ["a", "b"], [0.9, 0.8], image)
    cropped = crop(image, boxes)
    assert np.array_equal(cropped.pixels, image.pixels[5:31, 10:60])
    with pytest.raises(EmptyInput, match="nothing to crop to"):
        crop(image, Boxes.of([], [], [], image))
    with pytest.raises(EmptyInput, match="no box has a pixel inside"):
        crop(image, Boxes.of([[70, 5, 80, 9]], ["a"], [0.9], image))


@pytest.mark.parametrize("change", [blur, greyscale])
def test_changes_stay_inside_their_masks(change: object, image: Image, masks: Masks) -> None:
    assert callable(change)
    inside = masks.bitmaps.any(axis=0)
    part, whole = change(image, masks), change(image)
    assert np.array_equal(part.pixels[~inside], image.pixels[~inside])
    assert np.array_equal(part.pixels[inside], whole.pixels[inside])
    assert not np.array_equal(whole.pixels[~inside], image.pixels[~inside])


def test_blur_smooths_and_keeps_the_mean(image: Image) -> None:
    blurred = blur(image)
    assert blurred.pixels.std() < image.pixels.std() / 2
    assert abs(float(blurred.pixels.mean()) - float(image.pixels.mean())) < 2


def test_greyscale_is_luma(image: Image) -> None:
    grey = greyscale(image).pixels
    assert (grey[..., 0] == grey[..., 1]).all()
    assert (grey[..., 1] == grey[..., 2]).all()
    red, green, blue = image.pixels[3, 4].astype(float)
    assert grey[3, 4, 0] == round(0.299 * red + 0.587 * green + 0.114 * blue)


def test_recoloured_things_have_the_new_colour_and_their_shading() -> None:
    for seed in range(4):
        scene = render_scene(seed, SceneConfig(side=192, count=(1, 4)), split="test")
        image = Image.from_array(scene.image)
        bitmaps = np.stack([scene.mask(index) for index in range(len(scene.objects))])
        masks = Masks.of(bitmaps, image)
        for name in COLOURS:
            painted = recolour(image, masks, name)
            assert colour(painted, masks) == [name] * len(masks)
            assert np.array_equal(painted.pixels[~bitmaps.any(axis=0)], image.pixels[~bitmaps.any(axis=0)])


def test_annotate_marks_things_and_keeps_the_rest(image: Image, masks: Masks) -> None:
    boxes = Boxes.of([[10, 25, 40, 38]], ["star"], [0.83], image)
    marked = annotate(image, boxes, masks)
    assert (marked.width, marked.height) == (image.width, image.height)
    assert not np.array_equal(marked.pixels, image.pixels)
    assert np.array_equal(annotate(image, boxes=boxes).pixels[:5, 45:], image.pixels[:5, 45:])
    assert annotate(image, boxes, none_of(image)).pixels.tobytes() == annotate(image, boxes).pixels.tobytes()
    with pytest.raises(WrongArgument, match="give boxes, masks, or both"):
        annotate(image)


def test_nothing_to_mark_is_told_and_not_called_marked(image: Image) -> None:
    no_boxes, no_pixels = Boxes.of([], [], [], image), Masks.of(np.zeros((1, 40, 60), np.bool_), image)
    for boxes, masks in ((no_boxes, None), (None, none_of(image)), (no_boxes, no_pixels)):
        with pytest.raises(EmptyInput, match="nothing to mark: nothing was found before"):
            annotate(image, boxes, masks)
    with pytest.raises(EmptyInput, match="no mask has a pixel"):
        annotate(image, masks=no_pixels)


def test_a_large_picture_is_blurred_as_a_small_copy_of_it_would_be(image: Image) -> None:
    import cv2

    pixels = np.asarray(cv2.resize(image.pixels, (3000, 2000), interpolation=cv2.INTER_NEAREST), np.uint8)
    blurred = blur(Image.from_array(pixels)).pixels
    plain = cv2.GaussianBlur(pixels, (0, 0), 60, borderType=cv2.BORDER_REPLICATE)
    assert np.abs(blurred.astype(int) - plain).max() <= 3


def test_alpha_survives_changes(image: Image, masks: Masks) -> None:
    clear = Image.from_array(image.pixels, np.full((40, 60), 9, np.uint8))
    for changed in (blur(clear), greyscale(clear, masks), recolour(clear, masks, "red"), annotate(clear, masks=masks)):
        assert changed.alpha is not None
        assert int(changed.alpha.max()) == 9

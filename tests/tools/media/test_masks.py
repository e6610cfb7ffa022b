"""Masks, and their run lengths against COCO's own implementation."""

import json

import numpy as np
import pytest
from pycocotools import mask as coco

from panmodal.tools.errors import WrongArgument
from panmodal.tools.media import rle
from panmodal.tools.media.image import Image
from panmodal.tools.media.masks import Masks


def bitmaps():
    random = np.random.default_rng(0)
    for _ in range(120):
        height, width = random.integers(1, 70, 2)
        yield random.random((height, width)) < random.choice([0.0, 0.02, 0.5, 0.98, 1.0])
    large = np.zeros((700, 900), bool)  # long runs need several characters, and differences of either sign
    large[100:600, 200:701] = True
    large[300, 300:400] = False
    yield large


def test_run_lengths_are_those_of_pycocotools_both_ways():
    for bitmap in bitmaps():
        theirs = coco.encode(np.asfortranarray(bitmap.astype(np.uint8)))["counts"].decode()
        assert rle.encode(bitmap) == theirs
        assert (rle.decode(theirs, *bitmap.shape) == bitmap).all()


@pytest.mark.parametrize("text", ["", "o", "1", "~~~", "0" * 30, "ooooooooooooooooooo1", "L2", "é"])
def test_run_lengths_that_do_not_fill_the_mask_are_refused(text):
    with pytest.raises(ValueError):
        rle.decode(text, 4, 4)


def test_random_run_lengths_never_do_worse_than_value_errors():
    random = np.random.default_rng(1)
    for _ in range(500):
        text = bytes(random.integers(48, 112, random.integers(1, 12)).astype(np.uint8)).decode()
        try:
            assert rle.decode(text, 5, 7).shape == (5, 7)
        except ValueError:
            continue


def test_stored_masks_are_readable_by_coco_tools():
    image = Image.from_array(np.zeros((30, 40, 3), np.uint8))
    array = np.random.default_rng(2).random((2, 30, 40)) > 0.7
    stored = json.loads(Masks.of(array, image, ["a", "b"]).encode()[0])
    assert (stored["width"], stored["height"], stored["labels"]) == (40, 30, ["a", "b"])
    for text, bitmap in zip(stored["rle"], array, strict=True):
        assert (coco.decode({"size": [30, 40], "counts": text.encode()}) == bitmap).all()


def test_taking_some_masks_keeps_their_labels_and_scores():
    image = Image.from_array(np.zeros((3, 4, 3), np.uint8))
    array = np.zeros((3, 3, 4), bool)
    array[2, 1, 1] = True
    masks = Masks.of(array, image, ["a", "b", "c"], [0.1, 0.2, 0.3]).take([2, 0])
    assert masks.labels == ("c", "a") and masks.scores == (0.3, 0.1) and masks.image_id == image.id
    assert masks.bitmaps.sum(axis=(1, 2)).tolist() == [1, 0]
    assert Masks.of(array, image).take(np.array([], int)).empty


def test_masks_that_do_not_fit_are_refused():
    image = Image.from_array(np.zeros((3, 4, 3), np.uint8))
    for array, labels in (
        (np.zeros((1, 4, 3), bool), ()),
        (np.zeros((1, 3, 4), np.uint8), ()),
        (np.zeros((3, 4), bool), ()),
        (np.zeros((2, 3, 4), bool), ["only one"]),
    ):
        with pytest.raises(WrongArgument):
            Masks.of(array, image, labels)

"""The way from a box to its enlarged view and back, and the small models that are asked there."""

import numpy as np
import pytest
import torch

from panmodal.tools.loaders.sam_builder import (
    SAM_MINI_DIMS,
    Window,
    box_prompt_logits,
    build_sam,
    decode,
    encode,
    segment_boxes,
)

TINY = SAM_MINI_DIMS | {"img_size": 64, "embed_dim": 32, "depth": 2, "prompt_dim": 32, "mlp_dim": 32}


@pytest.fixture(scope="module")
def sam():
    torch.manual_seed(0)
    return build_sam(TINY).eval()


@pytest.mark.parametrize("box", [(40, 60, 90, 80), (0, 0, 20, 50), (170, 100, 200, 150), (-5, -5, 230, 160)])
def test_what_a_view_shows_is_pasted_back_where_it_was(box: tuple[int, int, int, int]) -> None:
    picture = np.zeros((150, 200, 3), np.uint8)
    rows, columns = slice(max(0, box[1]), max(0, box[3])), slice(max(0, box[0]), max(0, box[2]))
    picture[rows, columns] = 255
    window = Window(np.array(box, float))
    seen = window.view(picture, 128)
    mask = window.paste(seen[:, :, 0].astype(np.float32) - 127.5, 150, 200)
    true = picture[:, :, 0] > 0
    assert (mask & true).sum() / (mask | true).sum() > 0.93


def test_a_box_fills_the_same_share_of_its_view_whatever_its_size() -> None:
    for side in (12, 60, 240):
        x0, y0, x1, y1 = Window(np.array([30, 40, 30 + side, 40 + side], float), zoom=1.5).box
        assert x1 - x0 == pytest.approx(1 / 1.5, abs=0.03)
        assert (x0 + x1) / 2 == pytest.approx(0.5, abs=0.05)
        assert (y0 + y1) / 2 == pytest.approx(0.5, abs=0.05)


def test_the_coarse_prompt_is_positive_inside_the_box_only() -> None:
    logits = box_prompt_logits(torch.tensor([[0.25, 0.5, 0.75, 1.0]]), 8)
    assert logits.shape == (1, 1, 8, 8)
    assert (logits[0, 0, 4:, 2:6] == 4).all()
    assert (logits == 4).sum() == 16
    assert logits.min() == -4


def test_pairs_decode_as_they_do_one_by_one(sam) -> None:
    views = torch.randint(0, 255, (3, 64, 64, 3), dtype=torch.uint8)
    boxes = torch.tensor([[0.1, 0.2, 0.8, 0.9], [0.3, 0.3, 0.7, 0.6], [0.0, 0.1, 0.5, 0.5]])
    with torch.inference_mode():
        embeddings = encode(sam, views)
        together, quality = decode(sam, embeddings, boxes)
        for k in range(3):
            sparse, dense = sam.prompt_encoder(
                points=None, boxes=boxes[k : k + 1] * 64, masks=box_prompt_logits(boxes[k : k + 1], 32)
            )
            alone, scores = sam.mask_decoder(
                image_embeddings=embeddings[k : k + 1],
                image_pe=sam.prompt_encoder.get_dense_pe(),
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                multimask_output=False,
            )
            assert torch.allclose(together[k], alone[0, 0], atol=1e-4)
            assert torch.allclose(quality[k], scores[0, 0], atol=1e-4)


def test_masks_have_the_size_of_the_picture_and_no_box_gives_no_mask(sam) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    boxes = np.array([[10, 10, 50, 60], [80, 5, 130, 40]], np.float32)
    masks, quality = segment_boxes(sam, picture, boxes, batch=1)
    assert masks.shape == (2, 90, 120)
    assert masks.dtype == np.bool_
    assert ((quality >= 0) & (quality <= 1)).all()
    masks, quality = segment_boxes(sam, picture, np.zeros((0, 4), np.float32))
    assert masks.shape == (0, 90, 120)
    assert len(quality) == 0


def test_a_side_that_patches_do_not_fill_is_refused() -> None:
    with pytest.raises(ValueError, match="no multiple"):
        build_sam(TINY | {"img_size": 60})

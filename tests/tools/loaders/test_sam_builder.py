"""The way from a box to its enlarged view and back, and the small models that are asked there."""

import numpy as np
import pytest
import torch

from panmodal.tools.loaders.sam_builder import (
    SAM_MINI_DIMS,
    Marks,
    Window,
    box_prompt_logits,
    box_prompts,
    build_sam,
    decode,
    encode,
    point_prompt_logits,
    point_prompts,
    segment_boxes,
    segment_points,
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


def test_a_window_around_a_point_has_it_in_its_middle() -> None:
    for side in (11, 40, 500):
        point = np.array([33.3, 7.9])
        window = Window.around(point, side)
        assert window.side == side
        assert np.allclose(window.shares(point), 0.5, atol=0.51 / side)
        assert np.allclose(window.shares(point + [side / 4, 0]), window.shares(point) + [0.25, 0])


def test_the_coarse_prompt_of_a_point_peaks_there_and_says_nothing_elsewhere() -> None:
    logits = point_prompt_logits(torch.tensor([[0.25, 0.75]]), 32)
    assert logits.shape == (1, 1, 32, 32)
    row, column = divmod(int(logits.argmax()), 32)
    assert {row, column} <= {7, 8, 23, 24}
    assert row > 20 > column
    assert 3.5 < logits.max() <= 4
    assert logits[0, 0, :12].max() < 0.01
    assert logits.min() >= 0


@pytest.mark.parametrize("kind", ["box", "point"])
def test_pairs_decode_as_they_do_one_by_one(sam, kind: str) -> None:
    views = torch.randint(0, 255, (3, 64, 64, 3), dtype=torch.uint8)
    boxes = torch.tensor([[0.1, 0.2, 0.8, 0.9], [0.3, 0.3, 0.7, 0.6], [0.0, 0.1, 0.5, 0.5]])
    points = boxes[:, :2]
    with torch.inference_mode():
        embeddings = encode(sam, views)
        prompts = box_prompts(sam, boxes) if kind == "box" else point_prompts(sam, points)
        together, quality = decode(sam, embeddings, prompts)
        for k in range(3):
            one = slice(k, k + 1)
            sparse, dense = sam.prompt_encoder(
                points=(points[one, None] * 64, torch.ones(1, 1)) if kind == "point" else None,
                boxes=boxes[one] * 64 if kind == "box" else None,
                masks=box_prompt_logits(boxes[one], 32) if kind == "box" else point_prompt_logits(points[one], 32),
            )
            alone, scores = sam.mask_decoder(
                image_embeddings=embeddings[one],
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


def marks(*points: tuple[float, float, bool]) -> Marks:
    return Marks(np.array([each[:2] for each in points], np.float32), np.array([each[2] for each in points]))


def test_each_marked_thing_gets_a_mask_whatever_the_batch(sam) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    things = [marks((10, 10, True)), marks((119, 89, True), (3, 3, False)), marks((50, 40, True), (60, 40, True))]
    masks, quality = segment_points(sam, picture, things)
    assert masks.shape == (3, 90, 120)
    assert masks.dtype == np.bool_
    assert ((quality >= 0) & (quality <= 1)).all()
    for k, thing in enumerate(things):
        alone, _ = segment_points(sam, picture, [thing], batch=1)
        assert np.mean(alone[0] != masks[k]) < 0.002
    masks, quality = segment_points(sam, picture, [])
    assert masks.shape == (0, 90, 120)
    assert len(quality) == 0
    with pytest.raises(ValueError, match="at least one point on it"):
        segment_points(sam, picture, [marks((10, 10, False))])


def test_the_window_is_taken_whose_mask_agrees_with_the_marks_and_is_thought_best(sam, monkeypatch) -> None:
    """Of three windows one finds nothing at the point; of the others the better estimate wins and becomes a box."""
    asked: list[np.ndarray] = []

    def ask(_sam, pixels, windows, shares, prompts, batch):
        masks = np.zeros((len(windows), 100, 100), np.bool_)
        if prompts is box_prompts:
            asked.extend(window.box * window.side + [window.left, window.top] * 2 for window in windows)
            return masks, np.ones(len(windows), np.float32)
        assert [window.side for window in windows] == [20, 40, 80]
        assert np.allclose(shares, 0.5)
        masks[0, 70:90, 70:90] = True
        masks[1, 40:60, 45:65] = True
        masks[2, 30:70, 30:80] = True
        masks[2, 5:8, 90:95] = True  # a speck, which the box leaves out
        return masks, np.array([0.9, 0.4, 0.6], np.float32)

    monkeypatch.setattr("panmodal.tools.loaders.sam_builder._ask", ask)
    picture = np.zeros((100, 100, 3), np.uint8)
    segment_points(sam, picture, [marks((50, 50, True)), marks((50, 50, True), (32, 32, False))])
    assert np.allclose(asked, [[30, 30, 80, 70], [45, 40, 65, 60]], atol=0.01)


def test_a_side_that_patches_do_not_fill_is_refused() -> None:
    with pytest.raises(ValueError, match="no multiple"):
        build_sam(TINY | {"img_size": 60})

"""Small models of segment-anything's classes: how one is built, and how one is asked.

The public checkpoints come in three sizes, the smallest with 94 M parameters. The same classes (Kirillov et al. 2023,
"Segment Anything") with a hundredth of that make a usable segmenter if it is asked in ways that fit its size:

- every box is shown *enlarged*: the model sees a square window around the box, so that a thing fills the view
  whatever its size in the picture;
- a point says nothing of the thing's size, so windows of several sizes are shown around it; the mask of the highest
  estimated IoU (the paper's way of ranking an ambiguous prompt's masks) gives a box, which is then asked as a box;
- every prompt is given twice, as SAM's prompt tokens and as a coarse mask (a box +4 inside and -4 outside, a point a
  Gaussian of height 4), because a model this small does not learn the way from point embeddings to places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from functools import partial
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
from torch import Tensor, nn

SAM_MINI_DIMS: dict[str, int | list[int]] = {
    "img_size": 128,
    "patch_size": 8,
    "embed_dim": 96,
    "depth": 4,
    "num_heads": 4,
    "window_size": 8,
    "global_attn": [1, 3],
    "prompt_dim": 96,
    "mlp_dim": 256,
    "decoder_depth": 2,
    "multimask": 1,
}
"""Dimensions of `mini`'s segmenter, 1 M parameters; a checkpoint's config.json carries its own."""

ZOOM = 1.4
"""Side of the window that the model sees over the longer side of the box."""

POINT_WINDOWS = (0.2, 0.4, 0.8)
"""Sides of the windows around a point, as shares of the picture's longer side."""

PROMPT_LOGIT = 4.0
_POINT_SPREAD = 0.06  # standard deviation of a point's Gaussian, as a share of the view's side


def _whole(dims: Mapping[str, int | list[int]], name: str) -> int:
    value = dims[name]
    if not isinstance(value, int):
        raise ValueError(f"{name} must be a whole number, not {value!r}")
    return value


def build_sam(dims: Mapping[str, int | list[int]]) -> Sam:
    """A Sam of these dimensions with fresh weights (names as in :data:`SAM_MINI_DIMS`).

    Raises ValueError where the picture's side is no multiple of the patch's.
    """
    side, patch, width = (_whole(dims, name) for name in ("img_size", "patch_size", "prompt_dim"))
    if side % patch:
        raise ValueError(f"img_size {side} is no multiple of patch_size {patch}")
    grid = side // patch
    global_attn = dims["global_attn"]
    encoder = ImageEncoderViT(
        img_size=side,
        patch_size=patch,
        embed_dim=_whole(dims, "embed_dim"),
        depth=_whole(dims, "depth"),
        num_heads=_whole(dims, "num_heads"),
        mlp_ratio=4,
        out_chans=width,
        qkv_bias=True,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=_whole(dims, "window_size"),
        global_attn_indexes=tuple(global_attn) if isinstance(global_attn, list) else (global_attn,),
    )
    prompts = PromptEncoder(
        embed_dim=width, image_embedding_size=(grid, grid), input_image_size=(side, side), mask_in_chans=16
    )
    transformer = TwoWayTransformer(
        depth=_whole(dims, "decoder_depth"), embedding_dim=width, mlp_dim=_whole(dims, "mlp_dim"), num_heads=4
    )
    decoder = MaskDecoder(
        transformer_dim=width,
        transformer=transformer,
        num_multimask_outputs=_whole(dims, "multimask"),
        iou_head_depth=3,
        iou_head_hidden_dim=width,
    )
    return Sam(encoder, prompts, decoder)


def box_prompt_logits(boxes_xyxy: Tensor, size: int) -> Tensor:
    """Boxes (N x 4, as shares of the model's view, 0-1) as coarse masks N x 1 x size x size of +-4 logits."""
    centres = (torch.arange(size, device=boxes_xyxy.device) + 0.5) / size
    x0, y0, x1, y1 = (boxes_xyxy[:, k, None] for k in range(4))
    across = (centres >= x0) & (centres < x1)
    down = (centres >= y0) & (centres < y1)
    inside = down[:, :, None] & across[:, None, :]
    return ((inside.float() * 2 - 1) * PROMPT_LOGIT)[:, None]


def point_prompt_logits(points_xy: Tensor, size: int) -> Tensor:
    """Points (N x 2, as shares of the model's view, 0-1) as coarse masks N x 1 x size x size of 0 to +4 logits.

    Unlike outside a box, nothing is known away from a point: the logit there is 0, not -4.
    """
    centres = (torch.arange(size, device=points_xy.device) + 0.5) / size
    across, down = (((centres - points_xy[:, k, None]) / _POINT_SPREAD) ** 2 for k in range(2))
    return PROMPT_LOGIT * torch.exp(-(down[:, :, None] + across[:, None, :]) / 2)[:, None]


class Prompts(NamedTuple):
    """What the decoder reads of N prompts: ``sparse`` N x 2 x C tokens, ``dense`` N x C x g x g."""

    sparse: Tensor
    dense: Tensor


def box_prompts(sam: Sam, boxes_xyxy: Tensor) -> Prompts:
    """Boxes N x 4, as shares (0-1) of the view, given as their two corners and as coarse masks."""
    encoder = sam.prompt_encoder
    coarse = box_prompt_logits(boxes_xyxy, encoder.mask_input_size[0])
    return Prompts(*encoder(points=None, boxes=boxes_xyxy * encoder.input_image_size[0], masks=coarse))


def point_prompts(sam: Sam, points_xy: Tensor) -> Prompts:
    """Points N x 2 on N things, as shares (0-1) of the view; SAM pads each with an empty second token."""
    encoder = sam.prompt_encoder
    coarse = point_prompt_logits(points_xy, encoder.mask_input_size[0])
    places = points_xy[:, None] * encoder.input_image_size[0]
    on_thing = torch.ones(places.shape[:2], device=places.device)
    return Prompts(*encoder(points=(places, on_thing), boxes=None, masks=coarse))


def encode(sam: Sam, views: Tensor) -> Tensor:
    """Embeddings N x C x g x g of views N x side x side x 3 uint8 RGB."""
    pixels = views.permute(0, 3, 1, 2).to(sam.pixel_mean.dtype)
    embeddings: Tensor = sam.image_encoder((pixels - sam.pixel_mean) / sam.pixel_std)
    return embeddings


def decode(sam: Sam, embeddings: Tensor, prompts: Prompts) -> tuple[Tensor, Tensor]:
    """One mask for each pair of a view's embedding (N x C x g x g) and a prompt in that view.

    Returns mask logits N x 4g x 4g (g: tokens to the side) and the estimated IoU of each, N.
    """
    # The decoder takes one picture and many prompts. Its first act is to add the picture's embedding to the dense
    # prompt, so N pairs go through at once when the sum is handed in as the prompt of an empty picture.
    masks, quality = sam.mask_decoder.predict_masks(
        image_embeddings=torch.zeros_like(embeddings[:1]),
        image_pe=sam.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=prompts.sparse,
        dense_prompt_embeddings=prompts.dense + embeddings,
    )
    return masks[:, 0], quality[:, 0]


class Window:
    """A square view of a box or around a point, in whole pixels: where it lies in the picture, and the ways back."""

    def __init__(self, box: NDArray[np.floating[Any]], zoom: float = ZOOM) -> None:
        """``box`` is x0, y0, x1, y1 in pixels of the picture; the window may reach over the picture's edges."""
        x0, y0, x1, y1 = (float(v) for v in box)
        self.side = max(4, round(max(x1 - x0, y1 - y0) * zoom))
        self.left, self.top = round((x0 + x1 - self.side) / 2), round((y0 + y1 - self.side) / 2)
        corner = np.array([self.left, self.top] * 2)
        self.box = ((np.asarray(box) - corner) / self.side).astype(np.float32)
        """The box as shares of the window, 0-1."""

    @classmethod
    def around(cls, point: NDArray[np.floating[Any]], side: float) -> Window:
        """The window of about ``side`` pixels whose middle is the point (x, y)."""
        x, y = (float(v) for v in point)
        return cls(np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2]), zoom=1.0)

    def shares(self, points_xy: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Points (..., 2) in pixels of the picture as shares of the window, 0-1 inside of it."""
        return ((np.asarray(points_xy) - (self.left, self.top)) / self.side).astype(np.float32)

    def shifted(self, by: int) -> Window:
        """The same window in a picture that was padded by so many pixels on every side."""
        moved = copy(self)
        moved.left, moved.top = self.left + by, self.top + by
        return moved

    def _overlap(self, height: int, width: int) -> tuple[slice, slice]:
        rows = slice(max(0, self.top), max(0, min(height, self.top + self.side)))
        return rows, slice(max(0, self.left), max(0, min(width, self.left + self.side)))

    def view(self, pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
        """The window's pixels (H x W x 3 or H x W) resized to ``side``; beyond an edge, the edge goes on."""
        rows, columns = self._overlap(*pixels.shape[:2])
        inside = pixels[rows, columns]
        above, left = rows.start - self.top, columns.start - self.left
        below, right = self.side - above - inside.shape[0], self.side - left - inside.shape[1]
        padded = cv2.copyMakeBorder(inside, above, below, left, right, cv2.BORDER_REPLICATE)
        how = cv2.INTER_AREA if self.side > side else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(padded, (side, side), interpolation=how), np.uint8)

    def paste(self, logits: NDArray[np.float32], height: int, width: int) -> NDArray[np.bool_]:
        """Mask logits of the view (square) as a mask of the whole picture, height x width."""
        return self.spread(logits, height, width) > 0

    def spread(self, logits: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
        """Mask logits of the view (square) as those of the whole picture, height x width; -inf beyond the window."""
        full = cv2.resize(logits, (self.side, self.side), interpolation=cv2.INTER_LINEAR)
        rows, columns = self._overlap(height, width)
        whole = np.full((height, width), -np.inf, np.float32)
        part = full[rows.start - self.top : rows.stop - self.top, columns.start - self.left : columns.stop - self.left]
        whole[rows, columns] = part
        return whole


def answers(
    sam: Sam,
    pixels: NDArray[np.uint8],
    windows: Sequence[Window],
    shares: NDArray[np.float32],
    prompts: Callable[[Sam, Tensor], Prompts],
    batch: int,
) -> Iterator[tuple[NDArray[np.float32], float]]:
    """Mask logits in its view and the estimated IoU of each of N prompts, one a window, ``batch`` of them at a time.

    ``shares`` are the prompts' coordinates in their windows (N x 2 or N x 4, 0-1), ``prompts`` how they are given.
    """
    side = sam.image_encoder.img_size
    for start in range(0, len(windows), batch):
        some = windows[start : start + batch]
        views = torch.from_numpy(np.stack([window.view(pixels, side) for window in some]))
        given = prompts(sam, torch.from_numpy(shares[start : start + batch]).to(sam.device))
        logits, scores = decode(sam, encode(sam, views.to(sam.device)), given)
        yield from zip(logits.float().cpu().numpy(), scores.float().clamp(0, 1).tolist(), strict=True)


def _ask(
    sam: Sam,
    pixels: NDArray[np.uint8],
    windows: Sequence[Window],
    shares: NDArray[np.float32],
    prompts: Callable[[Sam, Tensor], Prompts],
    batch: int,
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Masks (N, H, W) and estimated IoUs (N,) of N prompts, as ``answers`` takes them."""
    height, width = pixels.shape[:2]
    masks = np.zeros((len(windows), height, width), np.bool_)
    quality = np.zeros(len(windows), np.float32)
    for k, (logits, score) in enumerate(answers(sam, pixels, windows, shares, prompts, batch)):
        masks[k], quality[k] = windows[k].paste(logits, height, width), score
    return masks, quality


@torch.inference_mode()
def segment_boxes(
    sam: Sam,
    pixels: NDArray[np.uint8],
    boxes_xyxy: NDArray[np.float32],
    *,
    zoom: float = ZOOM,
    batch: int = 8,
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Masks (N, H, W) and estimated IoUs (N,) of boxes (N x 4 pixels) in a picture (H, W, 3) uint8 RGB.

    Every box is shown to the model enlarged (``zoom`` as the model was trained), ``batch`` of them at a time.
    """
    windows = [Window(box, zoom) for box in boxes_xyxy]
    shares = np.array([window.box for window in windows], np.float32).reshape(-1, 4)
    return _ask(sam, pixels, windows, shares, box_prompts, batch)


class Marks(NamedTuple):
    """Points that mean one thing: ``xy`` P x 2 pixels of the picture; ``on`` P, True on the thing and False off it."""

    xy: NDArray[np.float32]
    on: NDArray[np.bool_]


@torch.inference_mode()
def segment_points(
    sam: Sam,
    pixels: NDArray[np.uint8],
    things: Sequence[Marks],
    *,
    zoom: float = ZOOM,
    sides: Sequence[float] = POINT_WINDOWS,
    batch: int = 8,
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Masks (N, H, W) and estimated IoUs (N,) of N marked things in a picture (H, W, 3) uint8 RGB.

    Each point on a thing is shown in windows of ``sides`` times the picture's longer side. The mask that agrees with
    most of the thing's marks is taken, of equal ones that of the highest estimated IoU, and its box is asked as a box.
    Raises ValueError for a thing without a point on it.
    """
    height, width = pixels.shape[:2]
    boxes = np.zeros((len(things), 4), np.float32)
    for k, marks in enumerate(things):
        points = marks.xy[marks.on]
        if not len(points):
            raise ValueError("a thing is meant by at least one point on it")
        pairs = [(point, Window.around(point, side * max(height, width))) for point in points for side in sides]
        windows = [window for _, window in pairs]
        shares = np.stack([window.shares(point) for point, window in pairs])
        masks, quality = _ask(sam, pixels, windows, shares, point_prompts, batch)
        best = max(range(len(windows)), key=lambda i: (_agreement(masks[i], marks), quality[i]))
        boxes[k] = _box_of(masks[best], windows[best])
    return segment_boxes(sam, pixels, boxes, zoom=zoom, batch=batch)


def _agreement(mask: NDArray[np.bool_], marks: Marks) -> int:
    """How many marks lie on the side of the mask's edge that they are meant to lie on."""
    height, width = mask.shape
    columns = np.clip(marks.xy[:, 0].astype(int), 0, width - 1)
    rows = np.clip(marks.xy[:, 1].astype(int), 0, height - 1)
    return int((mask[rows, columns] == marks.on).sum())


def _box_of(mask: NDArray[np.bool_], window: Window) -> NDArray[np.float32]:
    """x0, y0, x1, y1 around a mask, right and bottom open; where nothing was marked, the window itself.

    Parts under a tenth of the largest do not count: a speck far off would make the box that of nothing.
    """
    count, _, facts, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count < 2:
        corner = np.array([window.left, window.top], np.float32)
        return np.concatenate([corner, corner + window.side])
    areas = facts[1:, cv2.CC_STAT_AREA]  # part 0 is the background
    counted = facts[1:][areas >= 0.1 * areas.max()]
    corners = counted[:, [cv2.CC_STAT_LEFT, cv2.CC_STAT_TOP]]
    sides = counted[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]]
    return np.concatenate([corners.min(axis=0), (corners + sides).max(axis=0)]).astype(np.float32)

"""A small FCOS of torchvision: the architecture in one place, for its loader and for the recipe that trains it.

FCOS (Tian et al. 2019) needs no anchors; the backbone here is five strided stages and a feature pyramid of three
levels, about 0.9 M parameters at the widths of ``FCOS_MINI_DIMS``.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torchvision.models.detection import FCOS
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops import FeaturePyramidNetwork

FCOS_MINI_DIMS: dict[str, Any] = {"side": 192, "widths": [24, 48, 96, 128], "pyramid": 64}


class Backbone(nn.Module):
    """Strides 2, 4, 8, 16, 32, of which the last three become a pyramid of equal width."""

    def __init__(self, widths: list[int], pyramid: int) -> None:
        super().__init__()
        first, *rest = widths
        self.stem = _stage(3, first, first)
        self.stages = nn.ModuleList(_stage(a, b, b) for a, b in zip(widths, [*rest, rest[-1]], strict=True))
        self.pyramid = FeaturePyramidNetwork([*widths[2:], widths[-1]], pyramid)
        self.out_channels = pyramid

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Pictures N x 3 x H x W to three maps N x pyramid x H/8, H/16, H/32."""
        x = self.stem(x)
        maps: OrderedDict[str, Tensor] = OrderedDict()
        for k, stage in enumerate(self.stages):
            x = stage(x)
            if k >= 1:
                maps[str(k)] = x
        found: dict[str, Tensor] = self.pyramid(maps)
        return found


def _stage(before: int, width: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.SiLU(),
        nn.Conv2d(width, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after), nn.SiLU(),
    )  # fmt: skip


def build_fcos(dims: Mapping[str, Any], classes: int, *, score: float = 0.3, nms: float = 0.5, most: int = 50) -> FCOS:
    """An FCOS of these dimensions with fresh weights; ``score`` and ``nms`` are thresholds in 0 to 1."""
    anchors = AnchorGenerator(sizes=((8,), (16,), (32,)), aspect_ratios=((1.0,),) * 3)
    backbone = Backbone(list(dims["widths"]), int(dims["pyramid"]))
    side = int(dims["side"])
    return FCOS(
        backbone, classes, min_size=side, max_size=side, anchor_generator=anchors,
        score_thresh=score, nms_thresh=nms, detections_per_img=most,
    )  # fmt: skip

"""Measure found things in pixels."""

import numpy as np

from ..card import Card
from ..contract import tool
from ..errors import WrongArgument
from ..media.boxes import Boxes
from ..media.masks import Masks
from ..media.table import Table

COLUMNS = ("thing", "width", "height", "area", "share", "centre_x", "centre_y", "aspect")

CARD = Card(
    bad_at="lengths in metres, and how large a thing is that is only partly in the picture",
    cost="instant",
    examples=(
        "measure the {labels}", "how large is the {labels}", "how big are the {labels} in pixels",
        "what is the size of the {labels}", "what are the width and height of the {labels}",
        "what share of the picture does the {labels} cover", "how many pixels does the {labels} have",
        "what is the aspect ratio of the {labels}", "at which coordinates is the {labels}",
        "测量{labels}", "{labels}有多大", "{labels}占图片多大比例", "{labels}的宽和高是多少",
    ),
    answer={"en": "The measures of the {labels} in pixels: {rows}.", "zh": "{labels}的尺寸（像素）：{rows}。"},
)  # fmt: skip


@tool(card=CARD)
def measure(boxes: Boxes, masks: Masks | None = None) -> Table:
    """Measure things, one a row in the order of the boxes.

    ``width``, ``height`` and the place of the middle (``centre_x``, ``centre_y``, from the upper left corner) are those
    of the box, in pixels to a hundredth. ``area`` is in pixels: the mask's where masks are given, else the box's;
    ``share`` is the part of the picture that this is, from 0 to 1. ``aspect`` is width over height, None for a box
    without height. Raises ``WrongArgument`` for masks that are not one for each box in the same picture.

    Args:
        boxes: the things to measure
        masks: which pixels are theirs, in the order of the boxes
    """
    if masks is not None and (len(masks), masks.width, masks.height) != (len(boxes), boxes.width, boxes.height):
        raise WrongArgument(
            f"{len(masks)} masks of a picture of {masks.width}x{masks.height} pixels do not fit "
            f"{len(boxes)} boxes of one of {boxes.width}x{boxes.height}",
            hint="give the masks that were made of these boxes",
            field="masks",
        )
    x0, y0, x1, y1 = boxes.xyxy.astype(np.float64).T
    width, height = x1 - x0, y1 - y0
    areas = width * height if masks is None else masks.bitmaps.sum(axis=(1, 2))
    rows = [
        {
            "thing": label,
            "width": round(float(wide), 2),
            "height": round(float(high), 2),
            "area": round(float(area), 2),
            "share": round(float(area) / (boxes.width * boxes.height), 6),
            "centre_x": round(float(left + wide / 2), 2),
            "centre_y": round(float(top + high / 2), 2),
            "aspect": round(float(wide / high), 4) if high else None,
        }
        for label, wide, high, area, left, top in zip(boxes.labels, width, height, areas, x0, y0, strict=True)
    ]
    return Table.of(rows, COLUMNS)

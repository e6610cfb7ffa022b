"""Draw a point cloud as pictures from several sides."""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..card import Card
from ..contract import tool
from ..errors import EmptyInput
from ..media.image import Image
from ..media.point_cloud import PointCloud
from .views import projected

CARD = Card(
    bad_at="surfaces: it draws points, between which one may see through a thin cloud; what lies inside",
    cost="cpu",
    keeps="form",
    examples=(
        "render the point cloud", "draw the point cloud", "show the point cloud from several sides",
        "show the cloud from {count} sides", "make pictures of the point cloud", "render {count} views of the cloud",
        "what does the cloud look like from the side",
        "把点云画成图片", "渲染点云", "从{count}个角度显示点云",
    ),
    answer={
        "en": "The cloud is drawn from {count} {side|sides}.",
        "zh": "已从{count}个角度画出点云。",
    },
)  # fmt: skip

_GROUND = 250  # of 255, the tone behind the cloud
_PLAIN = (104, 134, 176)  # RGB of points without colours
_MOST = 100_000  # points; more than a picture has room for are not drawn
_REACH = 0.73  # a point's radius over side / sqrt(points): so the near side of a ball closes up
_SHADE = 0.45  # how much darker the farthest points are than the nearest


@tool(card=CARD)
def render_views(
    cloud: PointCloud,
    count: Annotated[int, Field(ge=1, le=24)] = 4,
    side: Annotated[int, Field(ge=32, le=2048)] = 384,
) -> list[Image]:
    """Draw a point cloud from several sides, which lie around and above it with z up.

    Points have the cloud's colours, or one tone where it has none, and are the darker the farther they are away. The
    cloud fills the picture, whatever its size. Raises ``EmptyInput`` for a cloud without points.

    Args:
        cloud: what to draw
        count: from how many sides
        side: pixels of the square pictures

    Example:
        first, *_ = render_views(PointCloud.open("lamp.ply"), count=6)
    """
    if cloud.empty:
        raise EmptyInput("a cloud without points cannot be drawn", kind="point_cloud")
    chosen = np.linspace(0, len(cloud) - 1, min(len(cloud), _MOST)).astype(np.intp)
    points = cloud.points[chosen].astype(np.float64)
    paint = np.full((len(points), 3), _PLAIN, np.uint8) if cloud.colours is None else cloud.colours[chosen]
    views = np.moveaxis(projected(points, count), 0, 1)
    return [Image.from_array(_drawn(view, paint, side)) for view in views]


def _drawn(view: NDArray[np.float64], paint: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """(side, side, 3): every point of a view (3, N) as a disc, the nearest ones over the others."""
    view, paint = view[:, order := np.argsort(view[2], kind="stable")], paint[order]
    light = 1 - _SHADE * (1 - np.clip(view[2], -1, 1)) / 2
    shown = np.round(paint * light[:, None]).astype(np.uint8)
    column, row = (np.floor(side * (1 + place) / 2).astype(np.intp) for place in (view[0], -view[1]))
    radius = float(np.clip(_REACH * side / np.sqrt(len(paint)), 1, side / 24))
    reach = np.arange(-int(radius), int(radius) + 1)
    dy, dx = (each.ravel() for each in np.meshgrid(reach, reach, indexing="ij"))
    disc = np.hypot(dx, dy) <= radius
    rows, columns = row[:, None] + dy[disc], column[:, None] + dx[disc]
    inside = (rows >= 0) & (rows < side) & (columns >= 0) & (columns < side)
    picture = np.full((side * side, 3), _GROUND, np.uint8)
    # Where an index comes again the last one counts, which is the nearest point's.
    picture[(rows * side + columns)[inside]] = np.repeat(shown, inside.sum(axis=1), axis=0)
    return picture.reshape(side, side, 3)

"""Say which thing a point cloud shows."""

import numpy as np

from ..card import Card
from ..contract import tool
from ..english import with_article
from ..errors import WrongArgument
from ..media.point_cloud import PointCloud
from ..media.text import Text
from ..roles import CloudClassifier
from ..see.colours import COLOURS, shares

CARD = Card(
    bad_at="clouds of several things, and things that its classifier does not know, for which it names the likest one",
    cost="model",
    batch=True,
    keeps="meaning",
    examples=(
        "what is this point cloud", "name the solid", "which solid is it", "what does the point cloud show",
        "which thing is in the cloud", "classify the point cloud", "recognise the thing in the scan",
        "点云里是什么", "这个点云是什么物体", "识别点云",
    ),
    answer={"en": "It is {value}.", "zh": "这是{value}。"},
)  # fmt: skip

_SURE = 0.5  # from this score on a name is said without "perhaps"
_THIN = 1e-3  # breadth over length up to which points are a line
_SAMPLE = 10_000  # points that tell whether a cloud is a line
_MOSTLY = 0.5  # share of the points that must have a colour for it to be said


@tool(card=CARD)
def name_cloud(cloud: PointCloud, *, cloud_classifier: CloudClassifier) -> Text:
    """Name the thing that a point cloud shows, with the colour that most of its points have: "a red cone".

    A name that the classifier is not sure of comes with "perhaps". Raises ``EmptyInput`` for a cloud without points
    and ``WrongArgument`` for one with too few to show anything, or with all of them on one line.

    Args:
        cloud: points of one thing

    Example:
        name_cloud(PointCloud.open("lamp.ply"), cloud_classifier=classifier).text
    """
    if _in_line(cloud):
        raise WrongArgument("all points of the cloud lie on one line, so it shows no thing", field="cloud")
    likeliest = cloud_classifier.classify([cloud])[0][0]
    named = with_article(" ".join([*main_colours(cloud)[:1], likeliest.label]))
    return Text.of(named if likeliest.score >= _SURE else f"perhaps {named}")


def main_colours(cloud: PointCloud, least: float = _MOSTLY) -> list[str]:
    """The colours that at least a share ``least`` of the points have, most first; none of a cloud without colours."""
    if cloud.colours is None:
        return []
    found = shares(cloud.colours)
    return [COLOURS[index] for index in np.argsort(-found, kind="stable") if found[index] >= least]


def _in_line(cloud: PointCloud) -> bool:
    """Whether the points lie on one line, though not all in one place."""
    if cloud.empty:
        return False
    points = cloud.points[:: max(1, len(cloud) // _SAMPLE)].astype(np.float64)
    spread = points - points.mean(axis=0)
    breadth, length = np.sqrt(np.clip(np.linalg.eigvalsh(spread.T @ spread)[1:], 0, None)).tolist()
    return bool(length > 0 and breadth <= _THIN * length)

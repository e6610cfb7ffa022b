"""Answer a question about a point cloud: by arithmetic where that is enough, else by looking at it."""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..asked import check_question
from ..card import Card
from ..contract import tool
from ..errors import EmptyInput
from ..media.point_cloud import PointCloud
from ..media.text import Text
from ..roles import CloudClassifier, Mllm, Reply, StepContext
from .name_cloud import main_colours, name_cloud
from .render_views import render_views

CARD = Card(
    bad_at="clouds of several things; what cannot be seen from outside; volumes and distances within the cloud",
    cost="model",
    examples=(
        "how large is the point cloud", "how many points does the cloud have", "what colour is the cloud",
        "how tall is the thing in the cloud", "what are the dimensions of the scan",
        "answer about the cloud: {question}", "look at the point cloud and tell me {question}",
        "点云有多大", "点云有多少个点", "点云是什么颜色", "点云的尺寸是多少",
    ),
    answer={"en": "{value}", "zh": "{value}"},
)  # fmt: skip

_VIEWS = 4
_SOME = 0.15  # share of the points from which on a colour is told
_HAN = re.compile(r"[\u3400-\u9fff]")
_POINTS = re.compile(r"\b(how many|number of|count( of)?)( the)? points\b|(多少|几)个?点|点数|点的(数量|个数)", re.I)
_COLOUR = re.compile(r"\bcolou?rs?\b|颜色|什么色", re.I)
_SIZE = re.compile(
    r"\bhow (big|large|small|long|tall|wide|high|deep)\b"
    r"|\b(size|extents?|dimensions?|bounding box|height|width|length)\b|多[大高长宽深]|尺寸|大小|高度|长度|宽度|深度",
    re.I,
)
_NAME = re.compile(
    r"\bwhat('s| is) (it|this|that|(shown )?in (it|the (point )?cloud)|(the|this) (point )?(cloud|thing|object))\W*$"
    r"|\b(what|which) ((kind|sort|type) of )?(solid|shape|object|thing)\b"
    r"|\b(name|identify|recogni[sz]e) (it|this|the)\b|是什么\W*$|什么(形状|物体|东西|立体)",
    re.I,
)
_ZH = {
    "red": "红色", "orange": "橙色", "yellow": "黄色", "green": "绿色", "blue": "蓝色", "purple": "紫色",
    "pink": "粉色", "brown": "棕色", "black": "黑色", "white": "白色",
    "sphere": "球", "cube": "立方体", "cylinder": "圆柱", "cone": "圆锥", "torus": "圆环体", "pyramid": "棱锥",
    "table": "桌子", "chair": "椅子", "staircase": "楼梯", "lamp": "灯", "bottle": "瓶子", "mug": "杯子",
    "a": "", "an": "", "perhaps": "可能是",
}  # fmt: skip
"""Words of answers about colours and solids; others stay as they are."""
_SAID = {
    "en": {
        "points": "The cloud has {count} {points}.",
        "size": "It is {x:.3g} wide (x), {y:.3g} deep (y) and {z:.3g} high (z), in the unit of the file.",
        "colour": "It is {colours}.",
        "no colour": "The cloud has no colours.",
        "name": "It is {name}.",
        "seen": "{reply} (so it looks in {votes} of {views} drawn views)",
        "and": " and ",
    },
    "zh": {
        "points": "点云有{count}个点。",
        "size": "宽{x:.3g}（x），深{y:.3g}（y），高{z:.3g}（z），以文件的单位计。",
        "colour": "它是{colours}的。",
        "no colour": "点云没有颜色。",
        "name": "它是{name}。",
        "seen": "{reply}（在画出的{views}个视图中有{votes}个看来如此）",
        "and": "和",
    },
}


@tool(card=CARD)
def ask_cloud(
    cloud: PointCloud, question: str, *, cloud_classifier: CloudClassifier, mllm: Mllm, step: StepContext
) -> Text:
    """Answer a question about a point cloud, in English or Chinese.

    How many points it has, how large it is and which colour, is computed from the points; what it shows says the
    classifier; any other question is put to the MLLM for pictures of the cloud from several sides, and the reply that
    comes most often is the answer, which then says so. Raises ``WrongArgument`` for a question without words, and
    ``EmptyInput`` for one about points that are not there.

    Args:
        cloud: what the question is about
        question: the question, as it stands in the request

    Example:
        ask_cloud(cloud, "how tall is it", cloud_classifier=classifier, mllm=mllm, step=StepContext()).text
    """
    check_question(question, "say what is to be known of the cloud")
    language = "zh" if _HAN.search(question) else "en"
    said = _SAID[language]
    if _POINTS.search(question):
        return Text.of(said["points"].format(count=len(cloud), points="point" if len(cloud) == 1 else "points"))
    if cloud.empty:
        raise EmptyInput("the cloud has no points, so there is nothing to tell of it", kind="point_cloud")
    if _COLOUR.search(question):
        colours = [_worded(colour, language) for colour in main_colours(cloud, _SOME)]
        return Text.of(said["colour"].format(colours=said["and"].join(colours)) if colours else said["no colour"])
    if _SIZE.search(question):
        x, y, z = np.ptp(cloud.points, axis=0).tolist()
        return Text.of(said["size"].format(x=x, y=y, z=z))
    if _NAME.search(question) or _names_one(question, cloud_classifier.vocabulary):
        name = name_cloud(cloud, cloud_classifier=cloud_classifier).text
        return Text.of(said["name"].format(name=_worded(name, language)))
    views = render_views(cloud, _VIEWS)
    reply, votes = _most_said(mllm.answer([[view] for view in views], [question] * len(views), stop=step.stop))
    return Text.of(said["seen"].format(reply=reply, votes=votes, views=len(views)))


def _worded(phrase: str, language: str) -> str:
    """An English phrase in the language of the answer."""
    return phrase if language == "en" else "".join(_ZH.get(word, word) for word in phrase.split())


def _names_one(question: str, vocabulary: tuple[str, ...]) -> bool:
    """Whether the question is about one of the things that the classifier knows: "is it a cone or a cube"."""
    words = "|".join(re.escape(name) for name in vocabulary)
    return re.search(rf"\b({words})s?\b", question, re.I) is not None


def _most_said(replies: Sequence[Reply]) -> tuple[str, int]:
    """The reply that comes most often, of equally many the one that the model is surest of, and how often it comes."""
    texts = [reply.text.strip().rstrip(".。") for reply in replies]
    votes = Counter(texts)
    best = max(zip(texts, replies, strict=True), key=lambda pair: (votes[pair[0]], pair[1].confidence or 0.0))[0]
    return best, votes[best]

"""Find the pictures among several that are most like another one."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from ..card import Card
from ..contract import tool
from ..media.image import Image
from ..roles import Embedder, StepContext
from .picture_index import ranked, vectors_of

CARD = Card(
    bad_at="telling one thing from another of its kind, such as two faces; saying that none is alike",
    cost="model",
    batch=True,
    examples=(
        "which pictures are similar to the first one", "find pictures like this one", "find similar pictures",
        "find pictures like the first one", "which pictures look like the first one",
        "which picture looks most like the first", "find near duplicates of the picture",
        "which of them is most alike", "sort the pictures by likeness to the first",
        "找出相似的图片", "哪张图片和第一张最像", "找和这张图类似的图片",
    ),
    answer={
        "en": "{count} {picture is|pictures are} most like it, the likest first.",
        "zh": "最相似的有{count}张图片，最像的在前。",
    },
)  # fmt: skip


@tool(card=CARD)
def find_similar(
    image: Image,
    images: Sequence[Image],
    count: Annotated[int, Field(ge=1)] = 5,
    *,
    embedder: Embedder,
    step: StepContext,
) -> list[Image]:
    """Find the pictures that are most like another one, the likest first.

    The picture itself is left out where it is among them. No other pictures give none.

    Args:
        image: the picture that the others are compared with
        images: where to look
        count: how many pictures to give at most
    """
    others = [other for other in images if other != image]
    if not others:
        return []
    vectors = vectors_of([image, *others], embedder, step)
    return [other for other, _ in ranked(others, vectors[1:], vectors[0], count)]

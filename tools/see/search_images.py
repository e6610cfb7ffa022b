"""Find the pictures among several that fit a description."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from ..card import Card
from ..contract import tool
from ..media.image import Image
from ..roles import Embedder, StepContext
from .picture_index import ranked, vectors_of, worded

CARD = Card(
    bad_at="saying that none fits: it ranks, and the best may be bad; counts and where things are",
    cost="model",
    batch=True,
    examples=(
        "which picture shows {query}", "which of the pictures shows {query}", "find the picture with {query}",
        "search the pictures for {query}", "pick the picture that fits {query} best",
        "which image is of {query}", "sort the pictures by how well they fit {query}",
        "哪张图片里有{query}", "从这些图片里找出{query}", "哪一张是{query}", "在这些图片中搜索{query}",
    ),
    answer={
        "en": "{count} {picture|pictures} {fits|fit} “{query}” best, the best first.",
        "zh": "最符合“{query}”的有{count}张图片，最好的在前。",
    },
)  # fmt: skip


@tool(card=CARD)
def search_images(
    images: Sequence[Image],
    query: str,
    count: Annotated[int, Field(ge=1)] = 5,
    *,
    embedder: Embedder,
    step: StepContext,
) -> list[Image]:
    """Find the pictures that fit a description best, the best first.

    It ranks what it is given, and does not judge whether any of it fits. No pictures give none. Raises
    ``WrongArgument`` for a description without words.

    Args:
        images: where to look
        query: what the picture shows, in the words of the request
        count: how many pictures to give at most
    """
    return [image for image, _ in scored(images, query, count, embedder=embedder, step=step)]


def scored(
    images: Sequence[Image], query: str, count: int = 5, *, embedder: Embedder, step: StepContext
) -> list[tuple[Image, float]]:
    """What ``search_images`` gives, each picture with how well it fits: the cosine of the two vectors, -1 to 1."""
    query = worded(query)
    if not images:
        return []
    return ranked(images, vectors_of(images, embedder, step), embedder.embed_texts([query]).vectors[0], count)

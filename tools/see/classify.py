"""Say which of several names fits a picture as a whole."""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from ..card import Card
from ..contract import tool
from ..english import with_article
from ..errors import UnknownLabel, WrongArgument
from ..media.image import Image
from ..media.table import Table
from ..roles import Embedder
from .nouns import NOUNS, clean, resolve, singulars

COLUMNS = ("label", "score")
TEMPLATES = ("a picture of {}", "this image shows {}", "a photo of {}")
"""What a picture of a thing may be captioned; models of the CLIP kind know captions, not names."""

CARD = Card(
    bad_at="saying that no name fits: it ranks those given; pictures of several things; counts and places",
    cost="model",
    batch=True,
    examples=(
        "classify the picture as {labels}", "which of {labels} does the picture show",
        "which label fits the picture best: {labels}", "decide between {labels}", "sort the picture into {labels}",
        "what kind of picture is it, {labels}", "is it rather {labels}",
        "判断图片是{labels}", "图片属于{labels}中的哪一类", "给图片分类：{labels}",
    ),
    answer={"en": "Likeliest first: {rows}.", "zh": "从最像的开始：{rows}。"},
)  # fmt: skip

_SHARPNESS = 100.0  # times the cosine: what the published models of the CLIP kind were trained with, at their bound


@tool(card=CARD)
def classify(image: Image, labels: Sequence[str], *, embedder: Embedder) -> Table:
    """Say which of several names fits a picture as a whole, one a row, the likeliest first.

    ``score`` is how well a name fits beside the others, from 0 to 1; all of them sum to 1, so they say nothing about
    names that were not given, and they are sharper than the model is right. Names are nouns or short phrases; Chinese
    nouns of the tools' table are read in English, which most embedders were taught. Raises ``WrongArgument`` for fewer
    than two different names.

    Args:
        image: the picture to name
        labels: the names to choose from, as they stand in the request

    Example:
        classify(image, ["a car", "a boat"], embedder=embedder).rows[0]["label"]
    """
    names = {_spoken(label): label.strip() for label in reversed(labels) if label.strip()}
    if len(names) < 2:
        raise WrongArgument(
            f"there is nothing to choose from: {', '.join(map(repr, labels)) or 'no name was given'}",
            hint="name two classes or more, such as car and boat",
            field="labels",
        )
    spoken = list(reversed(names))
    texts = embedder.embed_texts([template.format(name) for name in spoken for template in TEMPLATES]).vectors
    means = _unit(texts.reshape(len(spoken), len(TEMPLATES), -1).mean(axis=1))
    likeness = _SHARPNESS * (means @ embedder.embed_images([image]).vectors[0]).astype(np.float64)
    fits = np.exp(likeness - likeness.max())
    scores = fits / fits.sum()
    order = np.argsort(-scores, kind="stable")
    return Table.of([{"label": names[spoken[n]], "score": round(float(scores[n]), 6)} for n in order], COLUMNS)


def _spoken(label: str) -> str:
    """A name as a caption has it: "a star", whatever number or language it was given in."""
    noun = singulars(clean(label))[0]
    if not noun.isascii():
        with suppress(UnknownLabel):
            noun = (*resolve([label], tuple(NOUNS)), noun)[0]
    return with_article(noun)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), np.float32)

"""How often a caption finds its scene among others, half of which have a near twin; and what an embedding costs.

python -m panmodal.agent.lab.train.embedder.evaluate runs/embedder --galleries 5
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import CLIPModel, CLIPProcessor

from ...world.scenes import Scene, render_scene
from .model import opened
from .twins import ATTRIBUTES, FEW, facts_of, render_pair
from .wordings import HELD_OUT, TRAINED, Wording, describe

_TIMED = 15  # embeddings of one picture, or text, whose median time is told
_APART = 100_003  # between the scenes of two seeds


class Gallery(NamedTuple):
    """Scenes of which no two are the same to a caption, and by what each differs from its twin ("": it has none)."""

    scenes: list[Scene]
    changed: list[str]


def gallery(seed: int, n: int, split: str) -> Gallery:
    """``n`` scenes of 1 to 4 things: about half are the world's own, the others stand in pairs of twins."""
    scenes: list[Scene] = []
    changed: list[str] = []
    known: set[tuple[Any, ...]] = set()
    number, twins = seed * _APART, n // 4
    while len(scenes) < n:
        number += 1
        if len(scenes) < 2 * twins:
            first, second, by = render_pair(number, split=split)
            made = [first, second]
        else:
            made, by = [render_scene(number, FEW, split=split)], ""
        told = [tuple(sorted(fact[: len(ATTRIBUTES)] for fact in facts_of(scene))) for scene in made]
        if known.isdisjoint(told):
            known.update(told)
            scenes += made
            changed += [by] * len(made)
    return Gallery(scenes, changed)


@torch.no_grad()
def embed_pictures(model: CLIPModel, processor: CLIPProcessor, pictures: Sequence[NDArray[np.uint8]]) -> Tensor:
    """Unit vectors (N x D) of RGB pictures."""
    pixels = processor(images=list(pictures), return_tensors="pt").to(model.device)
    found: Tensor = model.get_image_features(**pixels).pooler_output
    return torch.nn.functional.normalize(found, dim=-1)


@torch.no_grad()
def embed_texts(model: CLIPModel, processor: CLIPProcessor, texts: Sequence[str]) -> Tensor:
    """Unit vectors (N x D) of texts."""
    tokens = processor(text=list(texts), padding=True, truncation=True, return_tensors="pt").to(model.device)
    found: Tensor = model.get_text_features(**tokens).pooler_output
    return torch.nn.functional.normalize(found, dim=-1)


def ranks(texts: Tensor, pictures: Tensor) -> NDArray[np.int64]:
    """For each text how many of the pictures are as near as its own (the one at the same index) or nearer; 0 is best.

    So a model that gives all the same vector finds nothing.
    """
    scores = texts @ pictures.T
    found: NDArray[np.int64] = ((scores >= scores.diagonal()[:, None]).sum(1) - 1).cpu().numpy()
    return found


def recalls(model: CLIPModel, processor: CLIPProcessor, galleries: Sequence[Gallery], seed: int) -> dict[str, float]:
    """Recall at 1 and 5 of scenes by their captions, each within its gallery; shares.

    Captions say colour, class, size and place of everything, in wordings of training, and once more in held-out ones.
    ``twins`` counts scenes that have a twin only, and then by what sets them apart.
    """
    rng = np.random.default_rng(seed)
    found: dict[str, list[NDArray[np.int64]]] = {}
    for scenes, changed in galleries:
        pictures = torch.cat([embed_pictures(model, processor, [scene.image for scene in part])
                              for part in _chunks(scenes)])  # fmt: skip
        by = np.array(changed)
        for name, wordings in (("", TRAINED), ("new_wordings_", HELD_OUT)):
            texts = [_caption(scene, wordings, rng) for scene in scenes]
            vectors = torch.cat([embed_texts(model, processor, part) for part in _chunks(texts)])
            at = ranks(vectors, pictures)
            found.setdefault(name, []).append(at)
            found.setdefault(f"{name}twins_", []).append(at[by != ""])
            if not name:
                for attribute in ATTRIBUTES:
                    found.setdefault(f"twins_{attribute}_", []).append(at[by == attribute])
    joined = {name: np.concatenate(parts) for name, parts in found.items()}
    return {
        f"{name}recall_at_{k}": round(float((at < k).mean()), 4)
        for name, at in joined.items()
        if len(at)
        for k in (1, 5)
    }


def _caption(scene: Scene, wordings: Sequence[Wording], rng: np.random.Generator) -> str:
    full = [wording for wording in wordings if set(wording.says) == set(ATTRIBUTES)]
    return describe(facts_of(scene), scene.background, full[int(rng.integers(len(full)))], rng)


def _chunks(items: Sequence[Any], size: int = 50) -> list[Sequence[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def evaluate(folder: Path, *, seed: int = 0, n: int = 100, galleries: int = 1, split: str = "test") -> dict[str, float]:
    """What the model in ``folder`` does on held-out scenes.

    Returns recalls (see :func:`recalls`) over so many galleries of ``n`` scenes, and ``picture_ms`` and ``text_ms``,
    the median milliseconds that one core computes for an embedding, processor included. ``seed`` picks scenes and
    wordings. Raises ValueError for fewer than four scenes, which hold no twins.
    """
    if n < 4:
        raise ValueError(f"a gallery of {n} scenes holds no twins: take four or more")
    model, processor = opened(folder)
    shown = [gallery(seed * galleries + k, n, split) for k in range(galleries)]
    scene = shown[0].scenes[0]
    text = _caption(scene, TRAINED, np.random.default_rng(seed))
    return {
        **recalls(model, processor, shown, seed),
        "picture_ms": _milliseconds(lambda: embed_pictures(model, processor, [scene.image])),
        "text_ms": _milliseconds(lambda: embed_texts(model, processor, [text])),
    }


def _milliseconds(embed: Callable[[], Tensor]) -> float:
    """Of this thread's own time, so that a busy machine changes little."""
    times, threads = [], torch.get_num_threads()
    torch.set_num_threads(1)
    for _ in range(_TIMED):
        start = time.thread_time()
        embed()
        times.append(time.thread_time() - start)
    torch.set_num_threads(threads)
    return round(1000 * statistics.median(times), 2)


def main() -> None:
    """Command line of the measure."""
    parser = argparse.ArgumentParser(description="Measure an embedder on held-out scenes.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--n", type=int, default=100, help="scenes of a gallery")
    parser.add_argument("--galleries", type=int, default=5)
    parser.add_argument("--split", default="test")
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    print(json.dumps(evaluate(**vars(given)), indent=2))


if __name__ == "__main__":
    main()

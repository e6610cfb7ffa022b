"""Which thing is where beside which, read from a scene's pixels; cases that people could argue about are left out."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from .scenes import Scene

Relations = dict[str, list[tuple[int, int]]]

RELATIONS = (
    "left of", "right of", "above", "below", "bigger than", "in front of", "overlapping", "inside",
)  # fmt: skip
"""Overlapping is told once a pair, the thing in front first; all others are told in the direction that they hold."""

_GAP = 0.02  # share of the picture's side that must lie between two boxes
_BIGGER = 1.25  # how many times longer, and how many times more pixels
_OVERLAP = 0.02  # share of the smaller thing that must be seen to lie on the other
_INSIDE = 0.95  # share of a thing that lies on the other


def relations_of(scene: Scene) -> Relations:
    """Pairs (subject, object) of object indices for each of :data:`RELATIONS`.

    Sides go by the boxes of the visible pixels, which must not touch; *bigger than* by length and by pixels, which
    must agree; the rest by which thing is seen where the two would both be.
    """
    gap = _GAP * scene.image.shape[0]
    found: Relations = {name: [] for name in RELATIONS}
    things = scene.objects
    pixels = [int(solid.sum()) for _, _, solid in scene.silhouettes]
    for i, j in permutations(range(len(things)), 2):
        first, second = things[i].box, things[j].box
        if first[2] + gap <= second[0]:
            found["left of"].append((i, j))
            found["right of"].append((j, i))
        if first[3] + gap <= second[1]:
            found["above"].append((i, j))
            found["below"].append((j, i))
        if things[i].size >= _BIGGER * things[j].size and pixels[i] >= _BIGGER * pixels[j]:
            found["bigger than"].append((i, j))
        if i > j:  # later things were painted over earlier ones
            shared, seen = overlap(scene, front=i, behind=j)
            if seen >= max(_OVERLAP * min(pixels[i], pixels[j]), 12):
                found["in front of"].append((i, j))
                found["overlapping"].append((i, j))
                if shared >= _INSIDE * pixels[i]:
                    found["inside"].append((i, j))
    return {name: sorted(pairs) for name, pairs in found.items()}


def overlap(scene: Scene, *, front: int, behind: int) -> tuple[int, int]:
    """Pixels that both things would fill, and on how many of those the front one is seen."""
    (ax, ay, a), (bx, by, b) = scene.silhouettes[front], scene.silhouettes[behind]
    left, top = max(ax, bx), max(ay, by)
    right, bottom = min(ax + a.shape[1], bx + b.shape[1]), min(ay + a.shape[0], by + b.shape[0])
    if left >= right or top >= bottom:
        return 0, 0
    both = a[top - ay : bottom - ay, left - ax : right - ax] & b[top - by : bottom - by, left - bx : right - bx]
    seen = both & (scene.instances[top:bottom, left:right] == front)
    return int(np.count_nonzero(both)), int(np.count_nonzero(seen))


def depth_order(scene: Scene) -> list[int]:
    """Object indices from the nearest to the furthest."""
    return list(range(len(scene.objects)))[::-1]

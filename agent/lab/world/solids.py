"""Surfaces in space that point clouds are sampled from, exact and without meshes.

Coordinates are unit coordinates: z up, the solid some 2 units wide. A solid is a list of
parts; a part samples points evenly over its surface and says how deep a point lies inside it, so that what one part
hides within another is left out of the union's surface.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

_EPSILON = 1e-9


class Samples(NamedTuple):
    """Points (N, 3) on a surface and the unit normals (N, 3) there, which point outwards."""

    points: Points
    normals: Points


class Part(Protocol):
    """A closed or open surface."""

    @property
    def area(self) -> float:
        """Of the surface."""
        ...

    def reach(self, direction: Points) -> float:
        """How far the part goes along a direction (3,) from the origin: its support function."""
        ...

    def sample(self, rng: np.random.Generator, n: int) -> Samples:
        """``n`` points, evenly distributed."""
        ...

    def contains(self, points: Points) -> NDArray[np.bool_]:
        """Which points (N, 3) lie inside or on the surface; none for an open one."""
        ...


@dataclass(frozen=True)
class Box:
    """A box with its sides along the axes, from corner ``low`` to corner ``high``."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]

    @property
    def _faces(self) -> Points:
        """Area of the faces across x, y and z."""
        x, y, z = np.subtract(self.high, self.low)
        return np.array([y * z, x * z, x * y])

    @property
    def area(self) -> float:
        """Of all six faces."""
        return float(2 * self._faces.sum())

    def reach(self, direction: Points) -> float:
        """Of the furthest corner."""
        return float(np.maximum(direction * self.low, direction * self.high).sum())

    def sample(self, rng: np.random.Generator, n: int) -> Samples:
        """Points on the faces."""
        low, high = np.array(self.low), np.array(self.high)
        axis = rng.choice(3, n, p=self._faces / self._faces.sum())
        upper = rng.random(n) < 0.5
        points, normals = rng.uniform(low, high, (n, 3)), np.zeros((n, 3))
        points[np.arange(n), axis] = np.where(upper, high[axis], low[axis])
        normals[np.arange(n), axis] = np.where(upper, 1, -1)
        return Samples(points, normals)

    def contains(self, points: Points) -> NDArray[np.bool_]:
        """Inside or on a face."""
        inside = (points >= np.array(self.low) - _EPSILON) & (points <= np.array(self.high) + _EPSILON)
        return np.asarray(inside.all(axis=1))


@dataclass(frozen=True)
class Turned:
    """A surface of revolution about the vertical: a profile of (radius, z), from top to bottom along the outside."""

    profile: tuple[tuple[float, float], ...]

    @property
    def _pieces(self) -> tuple[Points, Points, Points]:
        line = np.array(self.profile)
        first, second = line[:-1], line[1:]
        length = np.hypot(*(second - first).T)
        return first, second, np.pi * (first[:, 0] + second[:, 0]) * length  # lateral area of a frustum

    @property
    def area(self) -> float:
        """Of all frustums of the profile."""
        return float(self._pieces[2].sum())

    def reach(self, direction: Points) -> float:
        """Of the furthest of the circles between two frustums."""
        return float((np.array(self.profile) @ (np.hypot(direction[0], direction[1]), direction[2])).max())

    def sample(self, rng: np.random.Generator, n: int) -> Samples:
        """Points on the frustums, denser towards the wider end, as the surface is."""
        first, second, areas = self._pieces
        piece = rng.choice(len(areas), n, p=areas / areas.sum())
        (r0, z0), (r1, z1), u = first[piece].T, second[piece].T, rng.random(n)
        # The radius grows along the piece, so u has to follow a distribution that grows with it.
        radius = np.sqrt(r0**2 + u * (r1**2 - r0**2))
        flat = np.abs(r1 - r0) < 1e-12
        share = np.where(flat, u, (radius - r0) / np.where(flat, 1, r1 - r0))
        turn = rng.uniform(0, 2 * np.pi, n)
        points = np.stack([radius * np.cos(turn), radius * np.sin(turn), z0 + share * (z1 - z0)], axis=1)
        length = np.hypot(r1 - r0, z1 - z0)
        out, up = (z0 - z1) / length, (r1 - r0) / length
        return Samples(points, np.stack([out * np.cos(turn), out * np.sin(turn), up], axis=1))

    def contains(self, points: Points) -> NDArray[np.bool_]:
        """None: parts that are turned do not hide others."""
        return np.zeros(len(points), np.bool_)


@dataclass(frozen=True)
class Ball:
    """A sphere about the origin."""

    radius: float = 1.0

    @property
    def area(self) -> float:
        """Of the sphere."""
        return float(4 * np.pi * self.radius**2)

    def reach(self, direction: Points) -> float:
        """The same on all sides."""
        return float(self.radius * np.linalg.norm(direction))

    def sample(self, rng: np.random.Generator, n: int) -> Samples:
        """Normal deviates have no direction that they prefer."""
        normals = rng.normal(size=(n, 3))
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        return Samples(normals * self.radius, normals)

    def contains(self, points: Points) -> NDArray[np.bool_]:
        """Inside or on the sphere."""
        return np.asarray(np.linalg.norm(points, axis=1) <= self.radius + _EPSILON)


@dataclass(frozen=True)
class Tube:
    """A torus: a circle of radius ``minor`` led around a circle of radius ``major``.

    The axis is z; ``upright`` puts it along y, and then only the half with x over ``shift`` is there (a handle).
    """

    major: float
    minor: float
    upright: bool = False
    shift: float = 0.0
    """x of its middle."""

    @property
    def area(self) -> float:
        """Of what is there of it."""
        whole = 4 * np.pi**2 * self.major * self.minor
        return float(whole / 2 if self.upright else whole)

    def reach(self, direction: Points) -> float:
        """A torus is a ball led around a circle; where a half of it was cut off, the cut's edge is the furthest."""
        x, y, z = direction if not self.upright else direction[[0, 2, 1]]
        if self.upright and x < 0:
            return float(self.shift * x + self.major * abs(y) + self.minor * np.hypot(y, z))
        return float(self.shift * x + self.major * np.hypot(x, y) + self.minor * np.linalg.norm(direction))

    def sample(self, rng: np.random.Generator, n: int) -> Samples:
        """Points more often on the outside, where there is more surface: drawn evenly, then refused by the inside."""
        kept, normals = [np.empty((0, 3))], [np.empty((0, 3))]
        while sum(map(len, kept)) < n:
            u, v = rng.uniform(0, 2 * np.pi, (2, 2 * n + 16))
            spread = self.major + self.minor * np.cos(v)
            fits = rng.random(len(u)) < spread / (self.major + self.minor)
            ring = np.stack([spread * np.cos(u), spread * np.sin(u), self.minor * np.sin(v)], axis=1)
            normal = np.stack([np.cos(v) * np.cos(u), np.cos(v) * np.sin(u), np.sin(v)], axis=1)
            if self.upright:
                ring, normal = ring[:, [0, 2, 1]], normal[:, [0, 2, 1]]
                fits &= ring[:, 0] >= 0
            ring = ring + (self.shift, 0, 0)
            kept.append(ring[fits])
            normals.append(normal[fits])
        return Samples(np.concatenate(kept)[:n], np.concatenate(normals)[:n])

    def contains(self, points: Points) -> NDArray[np.bool_]:
        """None: a handle hides nothing."""
        return np.zeros(len(points), np.bool_)


@dataclass(frozen=True)
class Pyramid:
    """Four triangles that meet at (0, 0, height), over a square base from -1 to 1 at z = 0."""

    height: float

    @property
    def area(self) -> float:
        """Of the base and the four sides."""
        return float(4 + 4 * np.hypot(1, self.height))

    def reach(self, direction: Points) -> float:
        """Of a corner of the base, or of the tip."""
        return float(max(abs(direction[0]) + abs(direction[1]), self.height * direction[2]))

    def sample(self, rng: np.random.Generator, n: int) -> Samples:
        """Points on the base or on a side, each by its area."""
        base = rng.random(n) < 4 / self.area
        # A point of a side: (1, s, 0) with s evenly in -1..1, drawn towards the tip; more of them lie near the base.
        toward = 1 - np.sqrt(rng.random(n))
        along = rng.uniform(-1, 1, n) * (1 - toward)
        side = np.stack([1 - toward, along, self.height * toward], axis=1)
        normal = np.broadcast_to(np.array([self.height, 0, 1]) / np.hypot(1, self.height), (n, 3)).copy()
        quarter = rng.integers(0, 4, n) * np.pi / 2
        c, s = np.round(np.cos(quarter)), np.round(np.sin(quarter))
        for vectors in (side, normal):
            x, y = vectors[:, 0].copy(), vectors[:, 1].copy()
            vectors[:, 0], vectors[:, 1] = c * x - s * y, s * x + c * y
        floor = np.column_stack([rng.uniform(-1, 1, (n, 2)), np.zeros(n)])
        points = np.where(base[:, None], floor, side)
        return Samples(points, np.where(base[:, None], np.array([0.0, 0.0, -1.0]), normal))

    def contains(self, points: Points) -> NDArray[np.bool_]:
        """Inside or on the surface."""
        reach = 1 - points[:, 2] / self.height
        return np.asarray((points[:, 2] >= 0) & (np.abs(points[:, :2]).max(axis=1) <= reach))


def _boxes(*corners: tuple[float, ...]) -> list[Part]:
    """Boxes from x0, y0, z0, x1, y1, z1 each."""
    return [Box((c[0], c[1], c[2]), (c[3], c[4], c[5])) for c in corners]


def _legs(x: float, y: float, thick: float, top: float) -> list[Part]:
    """Four legs within -x..x and -y..y, from the ground up to ``top``."""
    spots = [(a * (x - thick), b * (y - thick)) for a in (-1, 1) for b in (-1, 1)]
    return _boxes(*((a - thick, b - thick, 0, a + thick, b + thick, top) for a, b in spots))


def _cube(rng: np.random.Generator) -> list[Part]:
    return _boxes((-1, -1, -1, 1, 1, 1))


def _cylinder(rng: np.random.Generator) -> list[Part]:
    r, h = 1.0, float(rng.uniform(1.8, 3.2))
    return [Turned(((0, h), (r, h), (r, 0), (0, 0)))]


def _cone(rng: np.random.Generator) -> list[Part]:
    return [Turned(((0, float(rng.uniform(1.8, 3.0))), (1, 0), (0, 0)))]


def _table(rng: np.random.Generator) -> list[Part]:
    x, y, top = 1.0, float(rng.uniform(0.55, 1.0)), float(rng.uniform(0.9, 1.3))
    return [*_boxes((-x, -y, top, x, y, top + 0.12)), *_legs(x, y, 0.08, top)]


def _chair(rng: np.random.Generator) -> list[Part]:
    seat, back = float(rng.uniform(0.75, 0.95)), float(rng.uniform(1.7, 2.1))
    return [*_boxes((-0.6, -0.6, seat, 0.6, 0.6, seat + 0.12), (-0.6, 0.48, seat + 0.12, 0.6, 0.6, back)),
            *_legs(0.6, 0.6, 0.07, seat)]  # fmt: skip


def _staircase(rng: np.random.Generator) -> list[Part]:
    steps = int(rng.integers(3, 6))
    return _boxes(*((k * 2 / steps - 1, -0.6, 0, (k + 1) * 2 / steps - 1, 0.6, (k + 1) * 1.6 / steps)
                    for k in range(steps)))  # fmt: skip


def _lamp(rng: np.random.Generator) -> list[Part]:
    wide, high = float(rng.uniform(0.6, 0.8)), float(rng.uniform(2.2, 2.7))
    foot = ((0, 0.1), (0.45, 0.1), (0.45, 0), (0, 0))
    shade = ((wide * 0.5, high), (wide, high - 0.75))
    pole = ((0.05, high - 0.2), (0.05, 0.1))
    return [Turned(foot), Turned(pole), Turned(shade)]


def _bottle(rng: np.random.Generator) -> list[Part]:
    r, shoulder = float(rng.uniform(0.5, 0.65)), float(rng.uniform(1.4, 1.7))
    return [Turned(((0, 2.5), (0.18, 2.5), (0.18, shoulder + 0.4), (r, shoulder), (r, 0), (0, 0)))]


def _mug(rng: np.random.Generator) -> list[Part]:
    h = float(rng.uniform(1.0, 1.25))
    wall = Turned(((0.7, h), (0.7, -h / 2), (0, -h / 2)))
    handle = Tube(0.42, 0.09, upright=True, shift=0.7)
    return [wall, handle]


SOLIDS: dict[str, Callable[[np.random.Generator], list[Part]]] = {
    "sphere": lambda rng: [Ball()],
    "cube": _cube,
    "cylinder": _cylinder,
    "cone": _cone,
    "torus": lambda rng: [Tube(1.0, float(rng.uniform(0.25, 0.42)))],
    "pyramid": lambda rng: [Pyramid(float(rng.uniform(1.2, 2.0)))],
    "table": _table,
    "chair": _chair,
    "staircase": _staircase,
    "lamp": _lamp,
    "bottle": _bottle,
    "mug": _mug,
}
"""The classes of solids and what builds one of each; shapes vary a little within a class."""


def reach_of(parts: list[Part], direction: Points) -> float:
    """How far a whole solid goes along a direction (3,) from the origin."""
    return max(part.reach(direction) for part in parts)


def bounds_of(parts: list[Part]) -> Points:
    """Lowest and highest x, y, z of a whole solid, (2, 3)."""
    axes = np.eye(3)
    return np.array([[-reach_of(parts, -axis) for axis in axes], [reach_of(parts, axis) for axis in axes]])


def sample_surface(parts: list[Part], rng: np.random.Generator, n: int) -> Samples:
    """``n`` points evenly over the outer surface of the union of the parts."""
    areas = np.array([part.area for part in parts])
    points, normals = np.empty((0, 3)), np.empty((0, 3))
    while len(points) < n:
        for k, share in enumerate(rng.multinomial(n, areas / areas.sum())):
            fresh = parts[k].sample(rng, int(share))
            hidden = np.zeros(len(fresh.points), np.bool_)
            for other in (*parts[:k], *parts[k + 1 :]):
                hidden |= other.contains(fresh.points)
            points = np.concatenate([points, fresh.points[~hidden]])
            normals = np.concatenate([normals, fresh.normals[~hidden]])
    chosen = rng.permutation(len(points))[:n]
    return Samples(points[chosen], normals[chosen])

"""Point clouds of solids that stand on a floor, with exact truth: seen from one side, noisy, and coloured.

Coordinates are right-handed, z up, the floor at z = 0; lengths in units of which a thing is 0.5 to 1.2 long.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ....tools.english import with_article
from . import draw
from .captions import listed, sentence
from .scenes import COLOURS, stream
from .solids import SOLIDS, Part, bounds_of, reach_of, sample_surface

CLOUD_CLASSES = tuple(SOLIDS)
"""The solids; their order is the order of a classifier's classes."""

_LIGHT = np.array([0.45, -0.55, 0.7])
_LEAST = 24  # points that even the smallest thing of a scene gets
_TRIES = 200


@dataclass(frozen=True)
class CloudConfig:
    """What clouds are drawn from; ranges are inclusive."""

    points: int = 1024
    """Number of points of the whole cloud."""
    count: tuple[int, int] = (1, 4)
    """Number of things; a full floor may hold fewer."""
    length: tuple[float, float] = (0.5, 1.2)
    """Longest side of a thing."""
    tilt: float = 8.0
    """Largest lean from the vertical, degrees."""
    noise: float = 0.012
    """Largest standard deviation of a point's place over the longest side of its thing."""
    dropped: float = 0.4
    """Largest share of a thing's points that is not seen, on its far side; half of the clouds lack none."""
    classes: tuple[str, ...] = CLOUD_CLASSES


@dataclass(frozen=True)
class CloudThing:
    """One thing of a cloud, as it is, seen or not."""

    label: str
    colour: str
    centre: tuple[float, float, float]
    """Middle of its oriented box."""
    size: tuple[float, float, float]
    """Sides of its box along its own x, y and z."""
    rotation: tuple[tuple[float, float, float], ...]
    """3 x 3: own coordinates times this give the cloud's."""
    yaw: float
    """Degrees of the turn about the vertical, anticlockwise seen from above; the tilt comes after it."""
    tilt: float
    """Degrees between its own z and the vertical."""
    rows: tuple[int, int]
    """Its points are the rows from the first up to the second."""


@dataclass(frozen=True)
class Cloud:
    """Points and everything that is true of them."""

    points: NDArray[np.float32]
    """(N, 3) x, y, z."""
    colours: NDArray[np.uint8]
    """(N, 3) RGB, 0-255: the thing's colour, lit from one side."""
    things: tuple[CloudThing, ...]
    view: tuple[float, float, float]
    """Unit vector towards the eye; what is dropped lies on the other side."""
    dropped: float
    """Share of each thing's points that is not seen."""
    noise: float
    """Standard deviation of a point's place over the longest side of its thing."""
    seed: int
    split: str


@dataclass(frozen=True)
class _Pose:
    """A solid's parts and where they go: scaled, turned, and put at ``centre``."""

    label: str
    parts: list[Part]
    scale: float
    yaw: float
    tilt: float
    rotation: NDArray[np.float64]
    centre: NDArray[np.float64]
    radius: float
    """Of the circle on the floor that holds it however it is turned."""

    @property
    def size(self) -> NDArray[np.float64]:
        low, high = bounds_of(self.parts)
        return np.asarray((high - low) * self.scale)

    @property
    def area(self) -> float:
        return sum(part.area for part in self.parts) * self.scale**2

    def to_cloud(self, own: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (N, 3) of the unit solid in the cloud's coordinates."""
        middle = bounds_of(self.parts).mean(axis=0)
        return np.asarray((own - middle) * self.scale @ self.rotation.T + self.centre)


def render_cloud(seed: int, config: CloudConfig | None = None, *, split: str = "train") -> Cloud:
    """The cloud of a seed: the same on every machine, and never the same stream in two splits.

    ``split`` is one of ``scenes.SPLITS``; raises ValueError for another name.
    """
    config = config or CloudConfig()
    rng = stream(split, seed, "clouds")
    poses: list[_Pose] = []
    for label in rng.choice(config.classes, int(rng.integers(config.count[0], config.count[1] + 1))):
        pose = _pose(rng, str(label), poses, config)
        if pose is not None:
            poses.append(pose)
    azimuth, elevation = float(rng.uniform(0, 2 * np.pi)), float(np.radians(rng.uniform(15, 40)))
    level = np.cos(elevation)
    view = np.array([level * np.cos(azimuth), level * np.sin(azimuth), np.sin(elevation)])
    dropped = float(rng.uniform(0.1, config.dropped)) if rng.random() < 0.5 else 0.0
    noise = float(rng.uniform(0, config.noise))
    colours = [str(c) for c in rng.choice(COLOURS, len(poses), replace=False)]
    points, paint, things, row = [], [], [], 0
    for pose, colour, n in zip(poses, colours, _shares(poses, config.points), strict=True):
        seen, normals = _seen(rng, pose, n, view, dropped)
        light = 0.74 + 0.3 * np.clip(normals @ (_LIGHT / np.linalg.norm(_LIGHT)), -0.6, 1)
        points.append(seen + rng.normal(0, noise * float(pose.size.max()), seen.shape))
        paint.append(np.clip(np.array(draw.jitter(colour, rng)) * light[:, None], 0, 255))
        things.append(_truth(pose, colour, (row, row + n)))
        row += n
    return Cloud(
        points=np.concatenate([np.empty((0, 3)), *points]).astype(np.float32),
        colours=np.concatenate([np.empty((0, 3)), *paint]).astype(np.uint8),
        things=tuple(things),
        view=(float(view[0]), float(view[1]), float(view[2])),
        dropped=dropped,
        noise=noise,
        seed=seed,
        split=split,
    )


def _pose(rng: np.random.Generator, label: str, others: list[_Pose], config: CloudConfig) -> _Pose | None:
    """A thing standing on the floor beside the others, or None if no room was found."""
    parts = SOLIDS[label](rng)
    low, high = bounds_of(parts)
    scale = float(rng.uniform(*config.length)) / float((high - low).max())
    half = (high - low) * scale / 2
    yaw, lean, toward = (float(v) for v in rng.uniform((0, 0, 0), (2 * np.pi, np.radians(config.tilt), 2 * np.pi)))
    rotation = _about_z(toward) @ _about_y(lean) @ _about_z(-toward) @ _about_z(yaw)
    radius = float(np.hypot(half[0], half[1]) + half[2] * np.sin(lean))
    # Its lowest point touches the floor.
    height = (reach_of(parts, -rotation[2]) + float(rotation[2] @ (low + high) / 2)) * scale
    spread = 0.3 + 0.55 * np.sqrt(config.count[1])
    for _ in range(_TRIES):
        spot = rng.uniform(-spread, spread, 2)
        if all(np.hypot(*(spot - other.centre[:2])) > radius + other.radius for other in others):
            centre = np.array([*spot, height])
            return _Pose(label, parts, scale, yaw, lean, rotation, centre, radius)
    return None


def _about_z(turn: float) -> NDArray[np.float64]:
    c, s = np.cos(turn), np.sin(turn)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def _about_y(turn: float) -> NDArray[np.float64]:
    c, s = np.cos(turn), np.sin(turn)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _shares(poses: list[_Pose], total: int) -> list[int]:
    """How many points each thing gets: a few for each, the rest by their surface, all together the total."""
    if not poses:
        return []
    areas = np.array([pose.area for pose in poses])
    least = min(_LEAST, total // len(poses))
    counts = least + (areas / areas.sum() * (total - least * len(poses))).astype(int)
    counts[int(counts.argmax())] += total - int(counts.sum())
    return [int(count) for count in counts]


def _seen(
    rng: np.random.Generator, pose: _Pose, n: int, view: NDArray[np.float64], dropped: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``n`` points of the surface and their normals, (n, 3) each, without the share on the far side."""
    sampled = sample_surface(pose.parts, rng, int(np.ceil(n / (1 - dropped))))
    points, normals = pose.to_cloud(sampled.points), sampled.normals @ pose.rotation.T
    depth = points @ view + rng.normal(0, 0.04 * pose.scale, len(points))  # no cut is as sharp as a knife's
    kept = np.sort(np.argsort(-depth, kind="stable")[:n])
    return points[kept], normals[kept]


def _truth(pose: _Pose, colour: str, rows: tuple[int, int]) -> CloudThing:
    x, y, z = (float(v) for v in pose.centre)
    w, d, h = (float(v) for v in pose.size)
    rotation = tuple((float(a), float(b), float(c)) for a, b, c in pose.rotation)
    return CloudThing(
        label=pose.label,
        colour=colour,
        centre=(x, y, z),
        size=(w, d, h),
        rotation=rotation,
        yaw=float(np.degrees(pose.yaw)),
        tilt=float(np.degrees(pose.tilt)),
        rows=rows,
    )


def caption(cloud: Cloud) -> str:
    """Every thing by colour and class."""
    phrases = [with_article(f"{thing.colour} {thing.label}") for thing in cloud.things]
    return sentence(listed(phrases)) if phrases else "Nothing."


def ply_bytes(cloud: Cloud) -> bytes:
    """The cloud as a binary PLY file: x, y, z as float32 and red, green, blue as bytes."""
    header = (
        f"ply\nformat binary_little_endian 1.0\nelement vertex {len(cloud.points)}\n"
        "property float x\nproperty float y\nproperty float z\n"
        "property uchar red\nproperty uchar green\nproperty uchar blue\nend_header\n"
    )
    rows = np.empty(len(cloud.points), [("xyz", "<f4", 3), ("rgb", "u1", 3)])
    rows["xyz"], rows["rgb"] = cloud.points, cloud.colours
    return header.encode("ascii") + rows.tobytes()

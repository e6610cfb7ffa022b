"""Point clouds: points in space, with colours where they are known."""

import io
import re
import zipfile
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError, NotDecodable, TooLarge, WrongArgument
from .arrays import frozen, rows_of
from .artifact import Artifact, identity
from .limits import Limits
from .source import read_source

_POINT_BYTES = 15  # three float32 and three colour bytes
_FINE = 1e-4  # of a cloud's breadth: steps of float32 up to here leave its shape alone


class _Cloud(NamedTuple):
    points: NDArray[np.float32]
    colours: NDArray[np.uint8] | None


class PointCloud(Artifact):
    """``count`` points in space, in the unit of their source (metres where a sensor made them)."""

    kind: ClassVar[str] = "point_cloud"
    count: int
    has_colours: bool = False

    @classmethod
    def from_points(cls, xyz: ArrayLike, colours: NDArray[np.uint8] | None = None) -> Self:
        """A cloud of ``xyz`` (N x 3 finite numbers, kept as float32) and ``colours`` (N x 3 uint8 RGB). Copies.

        Points so far off that float32 would lose their shape, as those of surveys are, are moved to around 0.
        Raises WrongArgument for another shape or dtype.
        """
        points = rows_of(_near(xyz), 3, np.float32, "xyz")
        cloud = _Cloud(points, None if colours is None else frozen(np.asarray(colours)))
        if cloud.colours is not None and (cloud.colours.dtype != np.uint8 or cloud.colours.shape != points.shape):
            raise WrongArgument(f"colours need {len(points)} x 3 uint8, got {cloud.colours.shape}", field="colours")
        facts = {"count": len(points), "has_colours": colours is not None}
        arrays = [array for array in cloud if array is not None]
        return cls._made(cloud, id=partial(identity, cls.kind, {}, *arrays), mime="application/x-npz", **facts)

    @classmethod
    def open(cls, source: str | Path | bytes, limits: Limits | None = None, *, name: str = "") -> Self:
        """The points of a PLY file (a mesh gives its vertices), or of an ``.npz`` with ``points`` and ``colours``.

        Raises MissingFile, TooLarge (from the header), or NotDecodable, each naming the file.
        """
        limits = limits or Limits()
        name, content = read_source(source, limits, name)
        cloud, mime = _open(content, name, limits)
        return cls._read(content, cloud, mime=mime, count=len(cloud.points), has_colours=cloud.colours is not None)

    @property
    def points(self) -> NDArray[np.float32]:
        """N x 3 float32, (x, y, z), read-only."""
        cloud: _Cloud = self._loaded()
        return cloud.points

    @property
    def colours(self) -> NDArray[np.uint8] | None:
        """N x 3 uint8 RGB, read-only; None where the cloud has no colours."""
        cloud: _Cloud = self._loaded()
        return cloud.colours

    @property
    def empty(self) -> bool:
        """Whether there is no point."""
        return self.count == 0

    def __len__(self) -> int:
        return self.count

    def _decode(self, content: bytes) -> _Cloud:
        return _open(content, self._name, Limits(max_bytes=max(self.count * 64, 2 * len(content) + 4096)))[0]

    def _encode(self, payload: Any) -> bytes:
        buffer = io.BytesIO()
        cloud: _Cloud = payload
        arrays = {name: array for name, array in cloud._asdict().items() if array is not None}
        np.savez(buffer, allow_pickle=False, **arrays)
        return buffer.getvalue()


def _open(content: bytes, name: str, limits: Limits) -> tuple[_Cloud, str]:
    try:
        if content.startswith(b"PK"):
            return _from_npz(content, name, limits), "application/x-npz"
        if content.startswith(b"ply"):
            return _from_ply(content, name, limits), "application/x-ply"
    except InputError:
        raise
    except MemoryError as error:
        raise TooLarge(f"{name} does not fit in memory", name=name) from error
    except Exception as error:  # damaged bytes make trimesh and zipfile raise nearly every type there is
        raise NotDecodable(f"{name} is a damaged point cloud: {error}", name=name) from error
    raise NotDecodable(f"{name} is not a point cloud", hint="point clouds are PLY or npz", name=name)


def _from_npz(content: bytes, name: str, limits: Limits) -> _Cloud:
    limits.check_depth(1, name)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        limits.check_bytes(sum(member.file_size for member in archive.infolist()), name)
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return _cloud(arrays["points"], arrays.get("colours"))


def _from_ply(content: bytes, name: str, limits: Limits) -> _Cloud:
    import trimesh

    header = content[: content.find(b"end_header") + 1]
    declared = {name: int(count) for name, count in re.findall(rb"element\s+(\w+)\s+(\d+)", header)}
    elements = sum(declared.values())
    limits.check_bytes(elements * _POINT_BYTES, name)
    # Every element takes a byte or more in either form of PLY.
    if b"vertex" not in declared or elements > len(content):
        raise NotDecodable(f"{name} is incomplete: its header tells of {elements} elements", name=name)
    shape = trimesh.load(io.BytesIO(content), file_type="ply", process=False)
    if len(shape.vertices) != declared[b"vertex"]:
        raise NotDecodable(f"{name} is incomplete: {len(shape.vertices)} of {declared[b'vertex']} points", name=name)
    colours = getattr(shape, "colors", None)
    return _cloud(shape.vertices, None if colours is None or not len(colours) else np.asarray(colours)[:, :3])


def _near(xyz: ArrayLike) -> ArrayLike:
    """The points, with their middle at 0 where float32 is too coarse at the place where they are."""
    if np.asarray(xyz).dtype == np.float32:  # what it lost is lost
        return xyz
    wide = rows_of(xyz, 3, np.float64, "xyz")
    if not len(wide):
        return wide
    low, high = wide.min(axis=0), wide.max(axis=0)
    breadth = (high / 2 - low / 2).max() * 2
    step = max(np.abs(low).max(), np.abs(high).max()) * np.finfo(np.float32).eps
    return wide - (low / 2 + high / 2) if 0 < breadth * _FINE < step else wide


def _cloud(points: Any, colours: Any) -> _Cloud:
    made = PointCloud.from_points(points, colours)
    return _Cloud(made.points, made.colours)

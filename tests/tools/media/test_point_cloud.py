"""Point clouds from PLY and npz."""

import io

import numpy as np
import pytest
import trimesh

from panmodal.tools.errors import NotDecodable, TooLarge, WrongArgument
from panmodal.tools.media.limits import Limits
from panmodal.tools.media.point_cloud import PointCloud

POINTS = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
COLOURS = np.random.default_rng(1).integers(0, 256, (50, 3), dtype=np.uint8)


def npz(**arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def test_ply_files_are_read_in_both_forms():
    for colours in (None, COLOURS):
        for encoding in ("binary", "ascii"):
            content = trimesh.PointCloud(POINTS, colors=colours).export(file_type="ply", encoding=encoding)
            cloud = PointCloud.open(content if isinstance(content, bytes) else content.encode())
            assert np.allclose(cloud.points, POINTS, atol=1e-6) and cloud.mime == "application/x-ply"
            assert (cloud.colours is None) if colours is None else (cloud.colours == colours).all()


def test_of_a_mesh_the_vertices_are_taken():
    cloud = PointCloud.open(trimesh.creation.box().export(file_type="ply"))
    assert cloud.count == 8 and np.abs(cloud.points).max() == 0.5


def test_npz_files_are_read_without_pickles():
    cloud = PointCloud.open(npz(points=POINTS, colours=COLOURS))
    assert (cloud.points == POINTS).all() and cloud.colours is not None and (cloud.colours == COLOURS).all()
    for content in (npz(points=np.array([{}], object)), npz(other=POINTS), npz(points=POINTS)[:300]):
        with pytest.raises(NotDecodable):
            PointCloud.open(content)


def test_limits_are_checked_from_the_headers():
    buffer = io.BytesIO()
    np.savez_compressed(buffer, points=np.zeros((100_000, 3), np.float32))  # 1.2 MB in a few kB
    with pytest.raises(TooLarge, match="bytes"):
        PointCloud.open(buffer.getvalue(), Limits(max_bytes=1_000_000))
    with pytest.raises(TooLarge, match="archive"):
        PointCloud.open(npz(points=POINTS), Limits(archive_depth=0))
    header = b"ply\nformat ascii 1.0\nelement vertex 900000000000\nproperty float x\nend_header\n"
    with pytest.raises(TooLarge, match="bytes"):
        PointCloud.open(header)
    with pytest.raises(NotDecodable, match="incomplete"):
        PointCloud.open(header.replace(b"900000000000", b"9000"))


@pytest.mark.parametrize("far", [(5e6, 4e5, 100.0), (1e8, -1e8, 0.0)])
def test_a_cloud_far_off_keeps_its_shape(far):
    there = POINTS.astype(np.float64) + far
    ply = trimesh.PointCloud(there).export(file_type="ply")  # trimesh itself writes float32
    header = b"ply\nformat binary_little_endian 1.0\nelement vertex 50\n"
    header += b"".join(b"property double %s\n" % axis for axis in (b"x", b"y", b"z")) + b"end_header\n"
    shape = POINTS - POINTS.mean(axis=0)
    for cloud in (
        PointCloud.from_points(there),
        PointCloud.open(npz(points=there)),
        PointCloud.open(header + there.astype("<f8").tobytes()),
    ):
        assert np.allclose(cloud.points - cloud.points.mean(axis=0), shape, atol=1e-5)
        assert (PointCloud.open(cloud.encode()[0]).points == cloud.points).all()
    assert PointCloud.open(ply).count == 50
    near = POINTS.astype(np.float64) + (100.0, 0.0, 0.0)
    assert np.allclose(PointCloud.from_points(near).points, near, atol=1e-4)  # these stay where they are


def test_clouds_that_cannot_be_are_refused():
    for points, colours in ((np.zeros((3, 2)), None), ([[0, 0, np.nan]], None), (POINTS, COLOURS[:3])):
        with pytest.raises(WrongArgument):
            PointCloud.from_points(points, colours)
    assert PointCloud.from_points([]).empty

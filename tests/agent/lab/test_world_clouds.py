"""The truth of clouds is true: points lie on the surface that the truth describes, on the side that is seen."""

import numpy as np
import pytest
from numpy.typing import NDArray

from panmodal.agent.lab.world.clouds import (
    CLOUD_CLASSES,
    Cloud,
    CloudConfig,
    caption,
    ply_bytes,
    render_cloud,
)
from panmodal.agent.lab.world.scenes import SPLITS
from panmodal.agent.lab.world.solids import SOLIDS, Box, Turned, bounds_of, sample_surface
from panmodal.tools.media.point_cloud import PointCloud


def alone(label: str, seed: int = 0, *, points: int = 3000, dropped: float = 0.0) -> Cloud:
    """A cloud of one thing without noise."""
    config = CloudConfig(points=points, count=(1, 1), noise=0.0, dropped=dropped, classes=(label,))
    return render_cloud(seed, config, split="val")


def own_points(cloud: Cloud) -> NDArray[np.float64]:
    """The points of its only thing in the thing's own coordinates, its box being -1 to 1 along each axis."""
    thing = cloud.things[0]
    own = (cloud.points - np.array(thing.centre)) @ np.array(thing.rotation)
    return np.asarray(own / (np.array(thing.size) / 2))


def complete(label: str) -> Cloud:
    """The first such cloud that lacks no side."""
    return next(cloud for seed in range(20) if (cloud := alone(label, seed, dropped=0.1)).dropped == 0)


def test_a_seed_gives_the_same_cloud_every_time_and_no_two_splits_share_one() -> None:
    first, second = render_cloud(7), render_cloud(7)
    assert np.array_equal(first.points, second.points)
    assert np.array_equal(first.colours, second.colours)
    assert first.things == second.things
    assert len({ply_bytes(render_cloud(3, split=split)) for split in SPLITS}) == len(SPLITS)
    with pytest.raises(ValueError, match="training"):
        render_cloud(3, split="training")


@pytest.mark.parametrize("label", CLOUD_CLASSES)
def test_the_box_of_a_thing_holds_its_points_tightly_and_stands_on_the_floor(label: str) -> None:
    cloud = complete(label)
    own = own_points(cloud)
    assert np.abs(own).max() <= 1 + 1e-5
    assert (own.max(axis=0) > 0.93).all()
    assert (own.min(axis=0) < -0.93).all()
    assert -1e-5 <= cloud.points[:, 2].min() < 0.06
    assert cloud.things[0].tilt <= CloudConfig().tilt
    assert cloud.things[0].rows == (0, 3000)


def test_points_lie_on_the_surface_that_the_class_names() -> None:
    on = np.abs(np.linalg.norm(own_points(complete("sphere")), axis=1) - 1)
    assert on.max() < 1e-5
    on = np.abs(np.abs(own_points(complete("cube"))).max(axis=1) - 1)
    assert on.max() < 1e-5
    x, y, z = own_points(complete("cylinder")).T
    assert np.minimum(np.abs(np.hypot(x, y) - 1), np.abs(np.abs(z) - 1)).max() < 1e-5
    x, y, z = own_points(complete("cone")).T
    assert np.minimum(np.abs(np.hypot(x, y) - (1 - z) / 2), np.abs(z + 1)).max() < 1e-5
    x, y, z = own_points(complete("pyramid")).T
    assert np.minimum(np.abs(np.maximum(abs(x), abs(y)) - (1 - z) / 2), np.abs(z + 1)).max() < 1e-5
    torus = complete("torus")
    wide, _, high = torus.things[0].size
    x, y, z = own_points(torus).T * np.array([wide, wide, high])[:, None] / 2
    minor, major = high / 2, (wide - high) / 2
    assert np.abs(np.hypot(np.hypot(x, y) - major, z) - minor).max() < 1e-5


def test_points_are_spread_evenly_over_the_surface() -> None:
    rng = np.random.default_rng(0)
    points = sample_surface([Box((0, 0, 0), (1, 2, 3))], rng, 20000).points
    for axis, area in ((0, 6), (1, 3), (2, 2)):
        share = np.mean(np.isin(points[:, axis], (0, 3 - 2 * (axis == 0) - (axis == 1))))
        assert share == pytest.approx(2 * area / 22, abs=0.02)
    cone = sample_surface([Turned(((0, 1), (1, 0)))], rng, 20000).points
    # Half of a cone's side lies within 1/sqrt(2) of its tip.
    assert np.mean(cone[:, 2] > 1 - np.sqrt(0.5)) == pytest.approx(0.5, abs=0.02)
    ball = sample_surface(SOLIDS["sphere"](rng), rng, 20000).points
    assert np.histogram(ball[:, 2], 4, (-1, 1))[0] == pytest.approx([5000] * 4, rel=0.05)  # Archimedes
    ring = sample_surface(SOLIDS["torus"](rng), rng, 20000)
    assert np.abs(ring.points.mean(axis=0)).max() < 0.03


def test_what_one_part_hides_in_another_is_no_surface() -> None:
    rng = np.random.default_rng(1)
    boxes = [Box((0, 0, 0), (2, 2, 2)), Box((1, 1, 1), (3, 3, 3))]
    points, normals = sample_surface(list(boxes), rng, 4000)
    for box in boxes:
        inside = ((points > np.array(box.low) + 1e-6) & (points < np.array(box.high) - 1e-6)).all(axis=1)
        assert not inside.any()
    assert np.allclose(np.linalg.norm(normals, axis=1), 1)
    assert bounds_of(list(boxes)).tolist() == [[0, 0, 0], [3, 3, 3]]


@pytest.mark.parametrize("label", CLOUD_CLASSES)
def test_normals_are_units_that_stand_on_the_surface(label: str) -> None:
    rng = np.random.default_rng(2)
    points, normals = sample_surface(SOLIDS[label](rng), rng, 1500)
    assert np.allclose(np.linalg.norm(normals, axis=1), 1)
    # Near neighbours lie in the tangent plane, but for those around an edge.
    flat = []
    for k in range(0, 1500, 25):
        away = points - points[k]
        near = np.argsort(np.linalg.norm(away, axis=1))[1:4]
        flat.append(np.abs(away[near] @ normals[k]).max() / np.linalg.norm(away[near], axis=1).max())
    assert np.median(flat) < 0.2


def test_what_is_dropped_lies_on_the_far_side() -> None:
    partial = next(c for seed in range(40) if (c := alone("sphere", seed, dropped=0.4)).dropped > 0.3)
    thing, view = partial.things[0], np.array(partial.view)
    height = (partial.points - np.array(thing.centre)) @ view / (thing.size[0] / 2)
    # By Archimedes, a sphere that lacks a share s of its surface on one side ends at 2 s - 1.
    assert np.quantile(height, 0.02) == pytest.approx(2 * partial.dropped - 1, abs=0.12)
    assert height.max() > 0.97
    assert len(partial.points) == 3000


def test_noise_is_as_large_as_the_truth_says() -> None:
    config = CloudConfig(points=4000, count=(1, 1), noise=0.02, classes=("sphere",))
    cloud = next(c for seed in range(20) if (c := render_cloud(seed, config)).noise > 0.01)
    off = np.linalg.norm(cloud.points - np.array(cloud.things[0].centre), axis=1) - cloud.things[0].size[0] / 2
    assert off.std() == pytest.approx(cloud.noise * cloud.things[0].size[0], rel=0.06)


def test_things_of_a_scene_own_their_rows_and_stand_apart() -> None:
    for seed in range(30):
        cloud = render_cloud(seed, CloudConfig(count=(2, 5)), split="test")
        assert len(cloud.points) == len(cloud.colours) == 1024
        ends = [row for thing in cloud.things for row in thing.rows]
        assert ends == sorted(ends)
        assert (ends[0], ends[-1]) == (0, 1024)
        for i, thing in enumerate(cloud.things):
            own = (cloud.points - np.array(thing.centre)) @ np.array(thing.rotation) / (np.array(thing.size) / 2)
            inside = (np.abs(own) < 1.0).all(axis=1)
            rows = np.arange(*thing.rows)
            others = np.setdiff1d(np.arange(1024), rows)
            assert not inside[others].any(), f"{seed}: another thing's points lie in the box of thing {i}"
        assert all(f"{thing.colour} {thing.label}" in caption(cloud).lower() for thing in cloud.things)


def test_few_points_are_shared_by_many_things() -> None:
    for seed in range(40):
        cloud = render_cloud(seed, CloudConfig(points=64, count=(8, 8)))
        assert len(cloud.points) == 64
        assert min(thing.rows[1] - thing.rows[0] for thing in cloud.things) >= 64 // 8


def test_a_cloud_reads_back_as_a_medium_of_panmodal() -> None:
    cloud = render_cloud(5, CloudConfig(points=512))
    read = PointCloud.open(ply_bytes(cloud), name="cloud.ply")
    assert read.count == 512
    assert np.array_equal(read.points, cloud.points)
    assert np.array_equal(read.colours, cloud.colours)

"""Views of clouds: from which sides, and what their three channels say."""

import numpy as np
import pytest

from panmodal.tools.errors import EmptyInput, WrongArgument
from panmodal.tools.space.views import CHANNELS, LEAST, directions, render_views

RNG = np.random.default_rng(0)


def ball(n: int) -> np.ndarray:
    points = RNG.normal(size=(n, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def test_the_eyes_lie_apart_on_the_upper_half() -> None:
    for count in (1, 4, 6, 12):
        eyes = directions(count)
        assert eyes.shape == (count, 3) and np.allclose(np.linalg.norm(eyes, axis=1), 1)
        assert (eyes[:, 2] > 0).all() and (eyes[:, 2] < 1).all()
        assert count == 1 or (eyes @ eyes.T - 2 * np.eye(count)).max() < np.cos(np.radians(25))
    with pytest.raises(WrongArgument, match="0 sides"):
        directions(0)


def test_a_ball_looks_the_same_from_all_sides() -> None:
    views = render_views(ball(20_000), 6, 40)
    assert views.shape == (6, CHANNELS, 40, 40) and views.dtype == np.float32
    assert views.min() == 0 and 0.9 < views.max() <= 1
    disc = views[:, 0] > 0
    rows, columns = np.mgrid[:40, :40] - 19.5
    radius = np.hypot(rows, columns)
    assert disc[:, radius < 17].all() and not disc[:, radius > 20.5].any()
    near, far, density = np.moveaxis(views, 1, 0)
    assert np.abs(near[:, 19:21, 19:21] - 0.96).max() < 0.02 and np.abs(near - far).max() < 0.35
    assert near[:, 20, 4].max() < 0.85, "the rim is further away than the middle"
    rim = (radius > 15) & (radius < 17)
    assert density[:, rim].mean() > density[:, radius < 8].mean(), "along the rim the ball is seen edge on"


def test_near_and_far_are_the_two_sides() -> None:
    eye = directions(6)[2]
    across = np.linalg.svd(eye[None])[2][1:]  # two directions that the eye sees at right angles
    plates = [RNG.uniform(-1, 1, (4000, 2)) @ across * size + eye * place for size, place in ((1, -0.5), (0.5, 0.5))]
    near, far, _ = render_views(np.concatenate(plates), 6, 40)[2]
    front = near == near.max()
    assert 0.2 < front.sum() / (near > 0).sum() < 0.4, "the small plate hides a quarter of the large one"
    assert far[near > 0].min() > far[front].min() - 0.05 and np.ptp(far[near > 0]) < 0.05, "behind it is the large one"


def test_place_size_and_number_of_points_play_no_part() -> None:
    cloud = ball(1500) * (1, 1, 0.4)
    views = render_views(cloud)
    assert np.abs(render_views(cloud.astype(np.float32)) - views).mean() < 1e-3
    moved = render_views(cloud * 700 + (5000, -20, 3))
    assert np.mean(np.abs(moved - views) > 0.02) < 0.005
    dense = render_views(ball(12_000) * (1, 1, 0.4))
    both = (dense[:, 0] > 0) & (views[:, 0] > 0)
    assert both.sum() > 0.9 * (views[:, 0] > 0).sum()
    assert abs(dense[:, 2][both].mean() - views[:, 2][both].mean()) < 0.05
    stray = render_views(np.concatenate([cloud, [[9, 9, 9]]]))
    assert np.mean(np.abs(stray - views) > 0.02) < 0.05, "a stray point does not make the thing small"


def test_up_is_up() -> None:
    cone = ball(3000)
    cone[:, :2] *= (1 - cone[:, 2:]) / 2
    silhouette = (render_views(cone, 6, 40)[0, 0] > 0).sum(1)  # the first eye is nearly level
    assert silhouette[:20].sum() < silhouette[20:].sum()


def test_nearly_all_points_in_one_place_still_have_a_size() -> None:
    points = np.concatenate([np.zeros((990, 3)), ball(10)])
    views = render_views(points)
    assert np.abs(render_views(points * 100) - views).max() < 0.02
    assert (np.count_nonzero(views[:, 0], axis=(1, 2)) > 9).all(), "more is seen than the one place"


def test_what_has_no_shape_is_an_error() -> None:
    corner = np.eye(LEAST - 1, 3)
    for points in (np.zeros((1, 3)), np.full((500, 3), 7.0), np.repeat(corner, 9, axis=0)):
        with pytest.raises(WrongArgument, match="fewer than 4 different points") as raised:
            render_views(points, 4, 16)
        assert raised.value.facts["field"] == "points"
    assert render_views(np.concatenate([corner, [[1, 1, 1]]]), 4, 16).any()
    for bad in (np.nan, np.inf):
        with pytest.raises(WrongArgument, match="finite numbers") as raised:
            render_views(np.concatenate([ball(9), [[0, 0, bad]]]))
        assert raised.value.facts["field"] == "points"
    for count, side, field in ((0, 40, "count"), (6, 0, "side"), (6, -1, "side")):
        with pytest.raises(WrongArgument) as raised:
            render_views(ball(9), count, side)
        assert raised.value.facts["field"] == field
    with pytest.raises(EmptyInput, match="without points"):
        render_views(np.zeros((0, 3)))

"""The truth of clips is true: motions, boxes and events are checked against the pixels of every frame."""

import numpy as np
import pytest
from numpy.typing import NDArray

from panmodal.agent.lab.world.clips import EVENTS, Clip, ClipConfig, ClipThing, caption, render_clip
from panmodal.agent.lab.world.motions import MOTIONS
from panmodal.agent.lab.world.scenes import SPLITS

SIDE = 128
ALONE = ClipConfig(side=SIDE, seconds=(2, 3), count=(1, 1))
TOGETHER = ClipConfig(side=SIDE, seconds=(2, 3.5), count=(2, 4))


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return [render_clip(seed, TOGETHER, split="val") for seed in range(40)]


@pytest.fixture(scope="module")
def alone() -> dict[str, tuple[Clip, ClipThing]]:
    """One clip of a single thing for each main motion."""
    found: dict[str, tuple[Clip, ClipThing]] = {}
    for seed in range(120):
        clip = render_clip(seed, ALONE, split="val")
        found.setdefault(clip.things[0].motion, (clip, clip.things[0]))
        if len(found) == len(MOTIONS):
            break
    return found


def boxes_in(thing: ClipThing, motion: str) -> NDArray[np.float64]:
    """Boxes of the frames in which a thing does this."""
    span = next(span for span in thing.spans if span.motion == motion)
    return np.array([box for box in thing.boxes[span.start : span.end] if box is not None], float)


def centres(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def test_a_seed_gives_the_same_clip_every_time_and_no_two_splits_share_one() -> None:
    first, second = render_clip(7, ALONE), render_clip(7, ALONE)
    assert np.array_equal(first.frames, second.frames)
    assert (first.things, first.events) == (second.things, second.events)
    assert len({render_clip(3, ALONE, split=split).frames.tobytes() for split in SPLITS}) == len(SPLITS)
    with pytest.raises(ValueError, match="training"):
        render_clip(3, split="training")


def test_boxes_are_the_extents_of_the_visible_pixels_of_each_frame(clips: list[Clip]) -> None:
    for clip in clips[:15]:
        assert clip.frames.shape == (len(clip.instances), SIDE, SIDE, 3)
        for i, thing in enumerate(clip.things):
            assert len(thing.boxes) == len(clip.frames)
            for t in range(0, len(clip.frames), 3):
                rows, columns = np.nonzero(clip.instances[t] == i)
                box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) if len(rows) else None
                assert thing.boxes[t] == box
                assert (thing.visible[t] > 0) == (box is not None)


def test_every_motion_occurs_and_its_spans_adjoin(alone: dict[str, tuple[Clip, ClipThing]]) -> None:
    assert set(alone) == set(MOTIONS)
    for clip, thing in alone.values():
        assert all(before.end == after.start for before, after in zip(thing.spans, thing.spans[1:], strict=False))
        assert 0 <= thing.spans[0].start < thing.spans[-1].end <= len(clip.frames)


@pytest.mark.parametrize(("motion", "way"), [("left", (-1, 0)), ("right", (1, 0)), ("up", (0, -1)), ("down", (0, 1))])
def test_what_moves_one_way_moves_that_way_only(
    alone: dict[str, tuple[Clip, ClipThing]], motion: str, way: tuple[int, int]
) -> None:
    path = centres(boxes_in(alone[motion][1], motion))
    along, across = path @ way, path @ way[::-1]
    assert (np.diff(along) > -0.6).all()  # a box is whole pixels wide, its middle half ones
    assert along[-1] - along[0] > 0.2 * SIDE
    assert np.ptp(across) <= 1


def test_diagonals_circles_and_bounces_have_their_paths(alone: dict[str, tuple[Clip, ClipThing]]) -> None:
    path = centres(boxes_in(alone["diagonal"][1], "diagonal"))
    dx, dy = np.abs(path[-1] - path[0])
    assert min(dx, dy) > 0.14 * SIDE
    assert abs(dx - dy) <= 2
    path = centres(boxes_in(alone["circle"][1], "circle"))
    width, height = np.ptp(path, axis=0)
    radius = np.hypot(*(path - (path.max(axis=0) + path.min(axis=0)) / 2).T)
    assert abs(width - height) <= 3
    assert np.ptp(radius) <= 4, "all places on a circle are as far from its middle"
    path = centres(boxes_in(alone["bounce"][1], "bounce"))
    assert np.ptp(path[:, 0]) <= 1
    turns = np.diff(np.sign(np.diff(path[:, 1])))
    assert np.count_nonzero(turns) >= 3, "up, down, and up again"


def test_growing_shrinking_spinning_and_standing_still(alone: dict[str, tuple[Clip, ClipThing]]) -> None:
    for motion, low, high in (("grow", 1.4, 2.1), ("shrink", 0.45, 0.75)):
        boxes = boxes_in(alone[motion][1], motion)
        wide = boxes[:, 2] - boxes[:, 0]
        assert low < wide[-1] / wide[0] < high
        assert np.abs(centres(boxes) - centres(boxes)[0]).max() <= 1.5
    boxes = boxes_in(alone["still"][1], "still")
    assert (boxes == boxes[0]).all()
    clip, thing = alone["spin"]
    span = next(span for span in thing.spans if span.motion == "spin")
    first, later = (clip.instances[t] == 0 for t in (span.start, span.start + 3))
    assert np.count_nonzero(first ^ later) > 0.05 * np.count_nonzero(first)
    assert abs(np.count_nonzero(first) - np.count_nonzero(later)) < 0.1 * np.count_nonzero(first)


def test_blinking_coming_and_going(alone: dict[str, tuple[Clip, ClipThing]]) -> None:
    thing = alone["blink"][1]
    span = next(span for span in thing.spans if span.motion == "blink")
    seen = np.array([box is not None for box in thing.boxes[span.start : span.end]])
    assert np.count_nonzero(np.diff(seen.astype(int))) >= 2
    for motion, before in (("appears", False), ("disappears", True)):
        clip, thing = alone[motion]
        event = next(event for event in clip.events if event.kind == motion)
        frame = round(event.time * clip.rate)
        assert (thing.boxes[frame - 1] is not None) == before
        assert (thing.boxes[frame] is not None) != before


def test_starts_and_stops_are_where_the_pixels_begin_and_cease_to_change(clips: list[Clip]) -> None:
    checked = 0
    for clip in clips:
        for event in clip.events:
            if event.motion in ("left", "right", "up", "down", "diagonal", "circle"):
                frame, boxes = round(event.time * clip.rate), clip.things[event.thing].boxes
                still, moving = (frame - 2, frame + 2) if event.kind == "starts" else (frame + 2, frame - 2)
                if clip.things[event.thing].visible[still] == clip.things[event.thing].visible[moving] == 1:
                    assert boxes[still] == boxes[frame] != boxes[moving]
                    checked += 1
    assert checked >= 5


def test_things_that_collide_touch_at_the_time_said_and_part_again(clips: list[Clip]) -> None:
    checked = 0
    for clip in clips:
        for event in (event for event in clip.events if event.kind == "collides"):
            assert event.other is not None
            first, second = clip.things[event.thing].boxes, clip.things[event.other].boxes
            axis = 0 if clip.things[event.thing].spans[0].motion == "right" else 1
            moment = round(event.time * clip.rate)
            middles = [np.array([(b[axis] + b[axis + 2]) / 2 for b in boxes if b]) for boxes in (first, second)]
            apart = middles[1] - middles[0]
            assert abs(int(apart.argmin()) - moment) <= 1
            assert (np.diff(apart[: moment + 1]) < 1).all()
            assert (np.diff(apart[moment:]) > -1).all()
            masks = [clip.instances[moment] == i for i in (event.thing, event.other)]
            near = np.min([distance(masks[0], masks[1])])
            assert near <= 3, "at the moment of the collision they touch"
            checked += 1
    assert checked >= 3


def distance(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Pixels between the nearest two pixels of two masks."""
    a, b = np.argwhere(first), np.argwhere(second)
    return float(min(np.hypot(*(b - point).T).min() for point in a))


def test_what_passes_behind_is_hidden_then_and_comes_out_again(clips: list[Clip]) -> None:
    behind = in_front = 0
    for clip in clips:
        for event in (event for event in clip.events if event.kind.startswith("passes")):
            assert event.other is not None
            hidden, front = (event.thing, event.other) if event.kind == "passes behind" else (event.other, event.thing)
            assert front > hidden, "later things are painted over earlier ones"
            visible, frame = clip.things[hidden].visible, round(event.time * clip.rate)
            assert visible[frame - 1] == 1 > visible[frame]
            assert 1 in visible[frame:]
            behind += event.kind == "passes behind"
            in_front += event.kind == "passes in front"
    assert behind >= 3
    assert in_front >= 1


def test_events_come_by_time_and_captions_name_things_and_meetings(clips: list[Clip]) -> None:
    for clip in clips:
        times = [event.time for event in clip.events]
        assert times == sorted(times)
        assert {event.kind for event in clip.events} <= set(EVENTS)
        assert all(0 < time < clip.seconds for time in times)
        said = caption(clip)
        assert all(f"{thing.colour} {thing.label}" in said.lower() for thing in clip.things)
        assert ("bounce off" in said) == any(event.kind == "collides" for event in clip.events)
        assert len({thing.colour for thing in clip.things}) == len(clip.things), "a colour names a thing of a clip"

"""Things are followed through crossings, blinking and turning; nothing is made of nothing."""

from collections.abc import Callable
from time import process_time
from typing import Any

import numpy as np
import pytest

from panmodal.agent.lab.mini.video import overlap
from panmodal.agent.lab.world.clips import render_clip
from panmodal.tools.errors import EmptyInput, UnknownLabel, WrongArgument
from panmodal.tools.media.boxes import Boxes
from panmodal.tools.media.image import Image
from panmodal.tools.video.encoding import encoded
from panmodal.tools.video.track import follow, joined, sampled

GREY = Image.from_array(np.full((224, 224, 3), 128, np.uint8))


def boxes(*rows: tuple[float, float, float, float, str, float]) -> Boxes:
    return Boxes.of(
        np.array([row[:4] for row in rows]).reshape(-1, 4), [row[4] for row in rows], [row[5] for row in rows], GREY
    )


def star(x: float, y: float = 80, side: float = 30, label: str = "star", score: float = 0.9) -> Any:
    return (x, y, x + side, y + side, label, score)


@pytest.mark.parametrize("seed", [26, 77, 81], ids=["collision", "blinking", "coming and going"])
def test_every_thing_of_a_clip_has_a_track_of_its_own(watched: Callable[[int], Any], seed: int) -> None:
    clip, _, tracks = vars(watched(seed)).values()
    found = np.array([[overlap(track, thing) for track in tracks] for thing in clip.things])
    assert (found.max(axis=1) > 0.8).all()
    assert len(set(found.argmax(axis=1))) == len(clip.things)
    for thing, row in zip(clip.things, found, strict=True):
        track = tracks[row.argmax()]
        assert track.label == thing.label and 0.3 < track.score <= 1
        shown = np.array([box is not None for box in thing.boxes])
        assert (track.seen == shown).mean() > 0.8
    assert [int(track.seen.argmax()) for track in tracks] == sorted(int(track.seen.argmax()) for track in tracks)


def test_only_the_asked_classes_are_followed(watched: Callable[[int], Any], detector: Any) -> None:
    pictures = watched(77).pictures
    for said in ("moon", "the moons"):
        assert {track.label for track in follow(pictures, [said], detector=detector)} == {"moon"}
    with pytest.raises(UnknownLabel, match="'zebra'"):
        follow(pictures, ["zebra"], detector=detector)
    with pytest.raises(WrongArgument, match="not one text"):
        follow(pictures, "moon", detector=detector)


def test_a_thing_keeps_its_track_through_gaps_and_jumps() -> None:
    crossing = [boxes(star(4 * k)) if not 10 <= k < 20 else boxes() for k in range(40)]
    (track,) = joined(crossing)
    assert track.seen.tolist() == [not 10 <= k < 20 for k in range(40)]
    assert track.boxes[30].tolist() == [120, 80, 150, 110]
    falling = [boxes(star(50, 150 - 45 * (2 - abs(k % 4 - 2)))) for k in range(16)]  # one and a half sizes at once
    assert [int(track.seen.sum()) for track in joined(falling)] == [16]


def test_two_names_of_one_thing_are_one_track_and_a_passing_thing_keeps_its_name() -> None:
    doubled = [boxes(star(60), star(61, label="flower", score=0.4)) for _ in range(8)]
    assert [track.label for track in joined(doubled)] == ["star"]
    unsure = [boxes(star(60, label="star" if k % 3 else "flower", score=0.6)) for k in range(12)]
    assert [track.label for track in joined(unsure)] == ["star"]
    passing = [boxes(star(6 * k), (90, 75, 130, 115, "cup", 0.8)) for k in range(36)]
    assert sorted((track.label, int(track.seen.sum())) for track in joined(passing)) == [("cup", 36), ("star", 36)]


def test_things_far_apart_are_two_although_they_take_turns() -> None:
    turns = [boxes(star(10)) if k < 10 else boxes() if k < 12 else boxes(star(180)) for k in range(24)]
    assert [int(track.seen.sum()) for track in joined(turns)] == [10, 12]


def test_many_boxes_without_a_path_are_soon_done_with() -> None:
    rng = np.random.default_rng(0)
    scenes = [boxes(*(star(*rng.uniform(0, 190, 2)) for _ in range(5))) for _ in range(72)]
    places = rng.uniform(0, 190, (60, 2))
    flickering = [boxes(*(star(*place) for place in places if rng.random() < 0.5)) for _ in range(36)]
    joined([])  # loads the library
    start = process_time()
    joined(scenes)
    joined(flickering)
    assert process_time() - start < 4


def test_short_looks_at_different_scenes_are_not_one_thing() -> None:
    cut = [boxes(star(40)) if k < 2 else boxes(star(150)) if k > 27 else boxes() for k in range(30)]
    assert [int(track.seen.sum()) for track in joined(cut)] == [2, 2]


def test_nothing_gives_no_track(detector: Any) -> None:
    assert joined([]) == [] == joined([boxes()] * 5)
    assert joined([boxes(star(60))]) == []  # seen in one picture only, a thing has no path
    assert follow([GREY] * 3, detector=detector) == []
    with pytest.raises(EmptyInput, match="no picture"):
        follow([], detector=detector)
    with pytest.raises(WrongArgument, match="differ in size"):
        follow([GREY, Image.from_array(np.zeros((10, 10, 3), np.uint8))], detector=detector)


def test_a_video_is_looked_at_at_an_even_rate() -> None:
    clip = render_clip(0, split="val")
    video = encoded(clip.frames, clip.rate, "of the world")
    assert (video.width, video.height, video.seconds, video.rate) == (224, 224, clip.seconds, 12)
    assert encoded(clip.frames, clip.rate, "of the world") == video
    pictures = sampled(video)
    assert len(pictures) == len(clip.frames)
    off = [np.abs(a.pixels.astype(int) - b).mean() for a, b in zip(pictures, clip.frames, strict=True)]
    assert max(off) < 4
    assert len(sampled(video, 4)) == 9
    for rate in (0, -1, np.nan, np.inf, 241):
        with pytest.raises(WrongArgument, match="pictures a second"):
            sampled(video, rate)
    assert len(sampled(encoded(clip.frames[:1], 12))) == 1
    with pytest.raises(EmptyInput, match="no frame"):
        encoded([], 12)
    for odd in (clip.frames[:1, :33], [clip.frames[0], clip.frames[0, :100]]):
        with pytest.raises(WrongArgument, match="does not fit"):
            encoded(odd, 12)


@pytest.mark.parametrize("rate", [0, -1, 241, 12.5])
def test_a_rate_that_no_video_has_is_refused(rate: float) -> None:
    with pytest.raises(WrongArgument) as caught:
        encoded([GREY.pixels], rate)  # type: ignore[arg-type]
    assert caught.value.facts["field"] == "rate"


@pytest.mark.parametrize(
    "frame", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3)), np.zeros((0, 8, 3), "u1")]
)
def test_what_is_no_frame_is_refused(frame: np.ndarray) -> None:
    with pytest.raises(WrongArgument, match="is no frame") as caught:
        encoded([frame], 12)
    assert caught.value.facts["field"] == "frames"

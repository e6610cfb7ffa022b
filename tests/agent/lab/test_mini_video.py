"""What the figures of video rest on: as many things of each motion, what they mainly do, and how tracks are matched."""

from collections import Counter

import numpy as np
import pytest

from panmodal.agent.lab.mini import measuring, video
from panmodal.agent.lab.world.clips import render_clip
from panmodal.tools.errors import ProfileError
from panmodal.tools.video.motions import MOTIONS, Span
from panmodal.tools.video.track import Track


def test_every_motion_has_its_share_of_things_in_clips_of_the_test_split() -> None:
    drawn = video.chosen(5, 1)
    clips = {number: render_clip(number, video.CONFIG, split="test") for number in drawn}
    told = Counter(
        video.true_span(clips[number].things[index], len(clips[number].frames)).motion
        for number, things in drawn.items()
        for index in things
    )
    assert told == Counter(MOTIONS)
    assert video.apart(5, 1)["clips"] == {"measured": len(drawn), "trained": 11_150, "shared": 0}


def test_what_a_thing_mainly_does_is_its_longest_motion() -> None:
    clip = render_clip(26, split="val")
    frames = len(clip.frames)
    assert [video.true_span(thing, frames) for thing in clip.things] == [
        Span("right", 0, 22), Span("left", 0, 22), Span("disappears", 0, 9),
    ]  # fmt: skip


def test_overlap_counts_frames_in_which_either_is_seen() -> None:
    thing = render_clip(26, split="val").things[2]  # disappears after 9 of 33 frames
    boxes = np.full((33, 4), np.nan, np.float32)
    boxes[:9] = [box for box in thing.boxes if box is not None]
    assert video.overlap(Track("car", 1, boxes), thing) == 1
    boxes[9:18] = boxes[8]
    assert video.overlap(Track("car", 1, boxes), thing) == pytest.approx(0.5)
    assert video.overlap(Track("car", 1, boxes + 200), thing) == 0


def test_a_part_is_measured_where_the_profile_has_the_roles_that_it_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "USES", ("detector", "writer"))
    with pytest.raises(ProfileError, match="names no writer"):
        measuring.measure(roles=("video",))

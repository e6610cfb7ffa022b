"""What things do is told of whole videos, in words and seconds."""

from threading import Event
from typing import Any

import numpy as np
import pytest

from panmodal.agent.lab.world.clips import Clip, render_clip
from panmodal.tools.errors import Cancelled, UnknownLabel
from panmodal.tools.media.video import Video
from panmodal.tools.roles import StepContext
from panmodal.tools.video.encoding import encoded
from panmodal.tools.video.follow import track
from panmodal.tools.video.motions import VERBS

RATE = 12


@pytest.fixture(scope="module")
def clip() -> Clip:
    return render_clip(26, split="val")


@pytest.fixture(scope="module")
def video(clip: Clip) -> Video:
    return encoded(list(clip.frames), RATE)


def still(frames: int) -> Video:
    return encoded([np.full((96, 128, 3), 128, np.uint8)] * frames, RATE)


def test_things_of_a_video_are_told_with_their_times(clip: Clip, video: Video, detector: Any) -> None:
    told: list[float] = []
    step = StepContext(progress=lambda fraction, _: told.append(fraction))
    spans = track(video, detector=detector, step=step)
    starts = spans.seconds[:, 0].tolist()
    assert starts == sorted(starts) and spans.seconds.max() <= video.seconds
    assert len(spans.scores) == len(spans.labels) and 0.3 < min(spans.scores) <= max(spans.scores) <= 1
    found = dict(zip(spans.labels, spans.seconds.tolist(), strict=True))
    for thing in clip.things:
        for true in thing.spans:
            if true.motion != "still" and true.end - true.start > 6:
                times = found[f"{thing.colour} {thing.label} {VERBS[true.motion]}"]
                assert times == pytest.approx([true.start / RATE, true.end / RATE], abs=0.35)
    assert told == sorted(told) and told[-1] == 1.0


def test_nouns_narrow_what_is_followed(clip: Clip, detector: Any) -> None:
    video, wanted = encoded(list(clip.frames[:15]), RATE), clip.things[0].label
    spans = track(video, [f"the {wanted}s"], detector=detector, step=StepContext())
    assert len(spans) and all(f" {wanted} " in label for label in spans.labels)
    assert len(track(video, detector=detector, step=StepContext())) > len(spans)
    with pytest.raises(UnknownLabel, match="'zebra'"):
        track(video, ["zebra"], detector=detector, step=StepContext())


def test_a_video_in_which_nothing_is_seen_has_no_span(detector: Any) -> None:
    for frames in (1, 18):
        spans = track(still(frames), detector=detector, step=StepContext())
        assert spans.empty and spans.labels == ()


def test_following_stops_when_it_is_told_to(video: Video, detector: Any) -> None:
    stop = Event()
    stop.set()
    with pytest.raises(Cancelled):
        track(video, detector=detector, step=StepContext(stop=stop))

"""What things do, and when, is told from their boxes and pixels."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest

from panmodal.agent.lab.mini.video import overlap, true_span
from panmodal.tools.errors import EmptyInput, WrongArgument
from panmodal.tools.media.image import Image
from panmodal.tools.video.motion import main, motions
from panmodal.tools.video.motions import MOTIONS, VERBS, Span
from panmodal.tools.video.naming import colour_of, told
from panmodal.tools.video.paths import Stage, path_of
from panmodal.tools.video.track import Track
from panmodal.tools.video.turning import turns

CLIPS = (3, 26, 56, 77, 81, 90)
"""Of the split val; together they have every motion."""


def found_of(watched: Any) -> list[tuple[Any, Track, tuple[Span, ...]]]:
    """Each thing of a clip with its track and what was told of it."""
    spans = motions(watched.tracks, watched.pictures, watched.clip.rate)
    best = [int(np.argmax([overlap(track, thing) for track in watched.tracks])) for thing in watched.clip.things]
    return [(thing, watched.tracks[k], spans[k]) for thing, k in zip(watched.clip.things, best, strict=True)]


def test_every_motion_of_the_world_is_named_in_time(watched: Callable[[int], Any]) -> None:
    seen, overlaps = set(), []
    for seed in CLIPS:
        clip = watched(seed).clip
        for thing, _, spans in found_of(watched(seed)):
            true, named = true_span(thing, len(clip.frames)), main(spans)
            assert named.motion == true.motion, (seed, thing.label, spans)
            both = min(named.end, true.end) - max(named.start, true.start)
            overlaps.append(both / (max(named.end, true.end) - min(named.start, true.start)))
            seen |= {span.motion for span in spans}
            assert all(a.end == b.start for a, b in zip(spans, spans[1:], strict=False))
    assert seen == set(MOTIONS) == set(VERBS)
    assert np.mean(overlaps) > 0.9 and min(overlaps) > 0.6


def test_a_clip_is_told_in_words_and_seconds(watched: Callable[[int], Any]) -> None:
    clip, pictures, tracks = vars(watched(26)).values()
    assert [colour_of(track, pictures) for _, track, _ in found_of(watched(26))] == [t.colour for t in clip.things]
    spans = told(tracks, motions(tracks, pictures, clip.rate), pictures, clip.rate)
    words = dict(zip(spans.labels, spans.seconds.tolist(), strict=True))
    assert words["red heart moves right"] == pytest.approx([0, 22 / 12], abs=0.2)
    assert words["red heart moves left"] == pytest.approx([22 / 12, 33 / 12], abs=0.2)
    assert words["green car disappears"] == pytest.approx([0, 9 / 12], abs=0.1)
    assert len(spans.scores) == len(spans) and spans.seconds[:, 0].tolist() == sorted(spans.seconds[:, 0])
    assert told([], [], pictures).empty


def track_of(spans: Sequence[Span], *, rate: int = 12, side: int = 224, size: float = 40, noise: float = 0.4) -> Track:
    """The boxes of a thing on a path, a little off, as a detector's are."""
    rng = np.random.default_rng(3)
    frames = spans[-1].end
    path = path_of(rng, spans, frames, Stage(side, rate))
    middle = np.stack([path.x, path.y], axis=1) + side / 2
    half = (path.scale * size / 2)[:, None]
    boxes = np.concatenate([middle - half, middle + half], axis=1) + rng.normal(0, noise, (frames, 4))
    boxes[~path.shown] = np.nan
    return Track("star", 0.9, boxes.astype(np.float32))


@pytest.mark.parametrize(("rate", "side"), [(12, 224), (6, 224), (25, 640)])
@pytest.mark.parametrize("motion", [each for each in MOTIONS[:-2] if each != "spin"])
def test_a_motion_between_standing_is_found_at_other_rates_and_sizes(motion: str, rate: int, side: int) -> None:
    if (motion, rate) == ("blink", 6):
        pytest.skip("things blink faster than six pictures a second show")
    spans = [Span("still", 0, 2 * rate), Span(motion, 2 * rate, 5 * rate), Span("still", 5 * rate, 6 * rate)]
    track = track_of(spans, rate=rate, side=side, size=side / 5, noise=side / 560)
    pictures = [Image.from_array(np.full((side, side, 3), 128, np.uint8))] * (6 * rate)
    named = main(motions([track], pictures, rate)[0])
    assert named.motion == motion
    if motion != "still":
        assert abs(named.start - 2 * rate) <= 0.4 * rate and abs(named.end - 5 * rate) <= 0.4 * rate


def test_turning_is_measured_in_degrees(watched: Callable[[int], Any]) -> None:
    _, pictures, tracks = vars(watched(56)).values()
    speed = np.nanmedian(np.abs(turns(pictures, tracks[0].boxes)))
    assert speed == pytest.approx(2 * 360 / 32, abs=1.5)  # two turns in the clip's 32 frames
    _, pictures, tracks = vars(watched(90)).values()
    long = [track for track in tracks if track.seen.mean() > 0.5]
    assert len(long) == 4
    for track in long:
        assert np.nanmedian(np.abs(turns(pictures, track.boxes))) < 1


def test_short_and_empty_input(watched: Callable[[int], Any]) -> None:
    pictures = watched(77).pictures
    assert motions([], pictures) == []
    short = np.full((len(pictures), 4), np.nan, np.float32)
    short[4:6] = [10, 10, 30, 30]
    assert motions([Track("star", 0.5, short)], pictures) == [(Span("appears", 4, 6),)]
    two = Track("star", 0.5, np.array([[10, 10, 30, 30], [10, 10, 30, 30]], np.float32))
    assert motions([two], pictures[:2]) == [(Span("still", 0, 2),)]


def test_what_is_seen_once_stands_and_of_what_is_never_seen_nothing_is_told(watched: Callable[[int], Any]) -> None:
    pictures = watched(77).pictures[:6]
    once, never = (np.full((6, 4), np.nan, np.float32) for _ in range(2))
    once[2] = [10, 10, 30, 30]
    tracks = [Track("star", 0.5, once), Track("star", 0.5, never)]
    assert motions(tracks, pictures) == [(Span("disappears", 0, 3),), ()]
    assert motions([Track("star", 0.5, once[2:3])], pictures[:1]) == [(Span("still", 0, 1),)]
    assert len(told(tracks, motions(tracks, pictures), pictures)) == 1
    with pytest.raises(EmptyInput, match="no colour"):
        colour_of(tracks[1], pictures)
    with pytest.raises(EmptyInput, match="nothing is known"):
        main([])


def test_what_does_not_fit_together_is_said(watched: Callable[[int], Any]) -> None:
    _, pictures, tracks = vars(watched(77)).values()
    spans = [(Span("still", 0, 2),)] * len(tracks)
    wrong: list[tuple[str, Callable[[], Any]]] = [
        ("pictures", lambda: motions(tracks, pictures[:5])),
        ("pictures", lambda: told(tracks, spans, [])),
        ("pictures", lambda: colour_of(tracks[0], pictures[:1])),
        ("found", lambda: told(tracks, spans[1:], pictures)),
    ]
    for rate in (0, -1, np.nan, np.inf, 241):
        wrong += [
            ("rate", partial(motions, tracks, pictures, rate)),
            ("rate", partial(told, [], [], pictures, rate)),
        ]
    for field, call in wrong:
        with pytest.raises(WrongArgument) as caught:
            call()
        assert caught.value.facts["field"] == field

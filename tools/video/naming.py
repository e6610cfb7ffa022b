"""What is said of things in a video: their names, and what each does when."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..errors import EmptyInput, WrongArgument
from ..media.boxes import Boxes
from ..media.image import Image
from ..media.spans import Spans
from ..see.colours import COLOURS, Colour
from ..see.filter import filter_colour
from .motions import VERBS, Span
from .track import RATE, Track, check_pictures, check_rate

_LOOKS = 5  # pictures in which a thing's colour is read


def colour_of(track: Track, pictures: Sequence[Image]) -> Colour:
    """The colour that a thing has in most of a few pictures, spread over the time in which it is seen.

    Raises ``EmptyInput`` where it is never seen.
    """
    check_pictures([track], pictures)
    seen = track.frames
    if not len(seen):
        raise EmptyInput(f"the {track.label} is seen in no picture, so it has no colour", kind="boxes")
    frames = seen[np.linspace(0, len(seen) - 1, min(_LOOKS, len(seen))).astype(int)]
    votes: Counter[Colour] = Counter()
    for frame in frames:
        picture = pictures[frame]
        box = Boxes.of(track.boxes[frame][None], [track.label], [track.score], picture)
        votes.update(colour for colour in COLOURS if len(filter_colour(picture, box, colour)))
    return votes.most_common(1)[0][0]


def told(
    tracks: Sequence[Track], found: Sequence[Sequence[Span]], pictures: Sequence[Image], rate: float = RATE
) -> Spans:
    """What all things do, by time, each span labelled like "red star moves left" and scored as the thing's boxes are.

    ``found`` are the spans of the tracks as ``motions`` gives them, in frames of ``rate`` a second.
    Raises ``WrongArgument`` where they are not one for each track, and as ``check_rate`` and ``check_pictures`` do.
    """
    check_rate(rate)
    check_pictures(tracks, pictures)
    if len(found) != len(tracks):
        raise WrongArgument(f"{len(tracks)} tracks with spans of {len(found)}", field="found")
    doing = [(track, spans) for track, spans in zip(tracks, found, strict=True) if spans]
    rows = sorted(
        (span.start / rate, span.end / rate, f"{name} {VERBS[span.motion]}", track.score)
        for track, spans in doing
        for name in [f"{colour_of(track, pictures)} {track.label}"]
        for span in spans
    )
    times = np.array([row[:2] for row in rows]).reshape(-1, 2)
    return Spans.of(times, [row[2] for row in rows], [row[3] for row in rows])

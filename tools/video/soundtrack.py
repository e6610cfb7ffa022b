"""Take the sound out of a video."""

import numpy as np

from ..card import Card
from ..contract import tool
from ..errors import EmptyInput
from ..media.audio import Audio
from ..media.containers import opened, samples_of, track
from ..media.limits import Limits
from ..media.video import Video

CARD = Card(
    bad_at="videos of several sound tracks: it takes the first",
    cost="cpu",
    keeps="part",
    examples=(
        "get the sound of the video", "extract the audio from the clip", "take the soundtrack out of the video",
        "give me the sound of the clip", "save the audio of the video",
        "提取视频的声音", "把视频里的音频取出来", "视频的音轨",
    ),
    answer={"en": "The sound of the clip was taken out.", "zh": "已取出视频的声音。"},
)  # fmt: skip


@tool(card=CARD)
def soundtrack(video: Video) -> Audio:
    """Take the sound of a video out as a recording that begins with its pictures.

    Sound that starts later than the pictures has silence before it, what is earlier is cut off. A silent track is
    silence. Raises ``EmptyInput`` for a video without sound track, ``NotDecodable`` for a damaged one.

    Args:
        video: the video whose sound is wanted
    """
    found = sound_of(video)
    if found is None:
        raise EmptyInput("the video has no sound track", hint="give a video with sound", kind="audio")
    return found


def sound_of(video: Video) -> Audio | None:
    """The sound of a video, from its first picture on; None where it has no sound track."""
    if not video.has_audio:
        return None
    content, name = video.encode()[0], "the video"
    with opened(content, name) as container:
        tracks = track(container.streams.video, name, "pictures"), track(container.streams.audio, name, "sound")
        first, heard = (float((each.start_time or 0) * each.time_base) for each in tracks)
        samples, rate = samples_of(container, name, Limits())
    later = round((heard - first) * rate)
    if later:
        before = np.zeros((max(0, later), samples.shape[1]), np.float32)
        samples = np.concatenate([before, samples[max(0, -later) :]])
    return Audio.from_samples(samples, rate)

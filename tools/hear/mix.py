"""Lay recordings over each other."""

from collections.abc import Sequence

import numpy as np

from ..card import Card
from ..contract import tool
from ..errors import EmptyInput
from ..media.audio import Audio
from .samples import Samples, fitted, resampled, some, within

CARD = Card(
    bad_at="playing one after the other, balancing levels: all begin at once and stay as loud as they are",
    cost="cpu",
    keeps="form",
    examples=(
        "mix the recordings", "mix the audio files", "put the recordings on top of each other", "overlay the sounds",
        "play them at the same time", "combine the voice with the music", "blend the recordings into one",
        "把录音混在一起", "混音", "把两段音频叠加",
    ),
    answer={"en": "The recordings are mixed.", "zh": "已将录音混合。"},
)  # fmt: skip


@tool(card=CARD)
def mix(audio: Sequence[Audio]) -> Audio:
    """Lay recordings over each other from their beginnings, as long as the longest.

    The result has the highest of their rates and the most of their channels; one channel is heard on all, two on the
    first two. Where the sum would go beyond full scale it is made softer as a whole, so that nothing is clipped. Raises
    ``EmptyInput`` for no recording or one without samples, ``NotDecodable`` for damaged samples.

    Args:
        audio: what to mix
    """
    if not audio:
        raise EmptyInput("nothing to mix: there is no recording", kind=Audio.kind)
    rate = max(each.rate for each in audio)
    channels = max(each.channels for each in audio)
    tracks = [resampled(_spread(some(each, "mix"), channels), each.rate, rate) for each in audio]
    whole = np.zeros((max(map(len, tracks)), channels), np.float32)
    for track in tracks:
        whole += fitted(track, len(whole))
    return Audio.from_samples(within(whole), rate)


def _spread(samples: Samples, channels: int) -> Samples:
    """The samples on so many channels: one on all, several on the first, which files keep for left and right."""
    if samples.shape[1] == 1:
        return np.repeat(samples, channels, axis=1)
    return np.pad(samples, ((0, 0), (0, channels - samples.shape[1])))

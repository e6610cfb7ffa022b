"""Say which sounds are in a recording."""

from collections.abc import Sequence

from ..card import Card
from ..contract import tool
from ..errors import UnknownLabel
from ..loaders.sound_words import sounds_in
from ..media.audio import Audio
from ..media.spans import Spans
from ..roles import SoundClassifier
from ..see.nouns import clean, resolve, singulars
from .samples import checked

CARD = Card(
    bad_at="when within its window of some seconds a sound is heard; sounds under others",
    cost="model",
    batch=True,
    keeps="meaning",
    examples=(
        "which sounds are in the recording", "what can be heard", "what do you hear", "what is this sound",
        "what makes this noise", "identify the sounds", "classify the sound", "is there a {labels} in the recording",
        "when does the {labels} sound", "do you hear a {labels}",
        "录音里有什么声音", "这是什么声音", "能听到{labels}吗", "识别这段声音",
    ),
    answer={"en": "Heard: {rows}.", "zh": "听到：{rows}。"},
)  # fmt: skip

_GENERIC = frozenset({"sound", "noise", "声音"})  # labels that mean any sound


@tool(card=CARD)
def classify_sound(audio: Audio, labels: Sequence[str] = (), *, sound_classifier: SoundClassifier) -> Spans:
    """Name the sounds of a recording and say when they are heard, by their starts.

    Times are those of the classifier's windows (4 s in mini). With ``labels`` only these sounds are kept. Nothing heard
    gives empty spans. Raises ``UnknownLabel`` for a sound that the classifier does not know, ``NotDecodable`` for
    damaged samples.

    Args:
        audio: the recording to listen to
        labels: which sounds to listen for, as they stand in the request; none are all
    """
    wanted = _wanted(labels, sound_classifier.vocabulary)
    found = sound_classifier.classify([checked(audio)])[0]
    kept = [place for place, label in enumerate(found.labels) if not wanted or label in wanted]
    if len(kept) == len(found):
        return found
    return Spans.of(
        found.seconds[kept], [found.labels[place] for place in kept], [found.scores[place] for place in kept]
    )


def _wanted(labels: Sequence[str], vocabulary: Sequence[str]) -> frozenset[str]:
    """The names in the vocabulary; none where any sound is meant."""
    named: set[str] = set()
    other: list[str] = []
    for label in labels:
        if _GENERIC.intersection(singulars(clean(label))):
            return frozenset()
        known = sounds_in(label, vocabulary)
        named.update(known)
        other += [] if known else [label]
    try:
        return frozenset({*named, *resolve(other, vocabulary)})
    except UnknownLabel as error:
        told = " or ".join(map(repr, error.facts["labels"]))
        raise UnknownLabel(f"the sound classifier does not know {told}", hint=error.hint, **error.facts) from None

"""Requests that take several experts in a row and begin or end with something that is heard."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import partial
from itertools import combinations

import numpy as np

from ....tools.media.audio import Audio
from ....tools.media.image import Image
from ....tools.media.text import Text
from ....tools.media.video import Video
from ....tools.text.words import sentences_of
from ....tools.video.encoding import SOUND_RATE
from ....tools.video.motions import VERBS
from ..matrix.samples import Sample
from ..mini.video import true_span
from ..world.acoustics import RATE
from ..world.clips import Clip
from ..world.scenes import SceneObject
from .case import Case, Given, Make
from .expert_chains import sign
from .expert_drawing import shows
from .expert_filming import MOVES, animated, spoken_clip
from .expert_hearing import drawn_spectrum, drawn_wave, spoken, written
from .expert_reading import LANGUAGES, translation
from .media import LARGE, Draw, filmed, picture, recording, scanned
from .papers import docx
from .senses import Senses, difference, mono, plain, word_errors

_LIKE = 0.8  # of the letters of a translation that must be as they should
_SHARE = 0.1  # of words that may be heard wrong: other sentences have other words, but not many
_FRAME = 6.0  # grey levels by which a coded picture may differ


def say_what_it_shows(draw: Draw) -> Case:
    """``caption+speak``: the thing and its colour are heard."""
    scene = draw.scene(LARGE)
    thing = scene.objects[0]
    return Case((picture(scene),), partial(_heard_of, thing), f"{thing.colour} {thing.label}")


def _heard_of(thing: SceneObject, given: Given, senses: Senses) -> bool:
    audio = given.one(Audio)
    return audio is not None and senses.utters(audio, f"{thing.colour} {thing.label}")


def narrated(draw: Draw) -> Case:
    """``caption+speak+assemble``: a clip of the picture in which the thing and its colour are heard."""
    scene = draw.scene(LARGE)
    return Case((picture(scene),), partial(_narrated, picture(scene), scene.objects[0]), "picture and its caption")


def _narrated(before: Image, thing: SceneObject, given: Given, senses: Senses) -> bool:
    video = given.one(Video)
    if video is None or not video.has_audio:
        return False
    shown = video.frames([video.seconds / 2])[0]
    sound = Audio.open(video.encode()[0], name="the clip")
    return difference(shown.pixels, before.pixels) <= _FRAME and _heard_of(thing, Given("", (sound,)), senses)


def say_solid(draw: Draw) -> Case:
    """``name_cloud+speak``: what is heard is as somebody says the solid with its colour."""
    cloud = draw.cloud()
    thing = cloud.things[0]
    named = f"a {thing.colour} {thing.label}".replace("a orange", "an orange")
    return Case((scanned(cloud),), partial(_as_said, (named, f"perhaps {named}")), named)


def _as_said(words: Sequence[str], given: Given, senses: Senses) -> bool:
    audio = given.one(Audio)
    return audio is not None and any(senses.pronounces(audio, each) for each in words)


def read_paper_aloud(draw: Draw) -> Case:
    """``read_document+speak``: the document's sentences are heard."""
    story = draw.story(2, "en")
    return Case((docx(story),), partial(spoken, " ".join(story)), " ".join(story))


def say_sign(draw: Draw) -> Case:
    """``read_text+speak``: what is heard is as somebody says the sign's word."""
    image, word = sign(draw)
    return Case((image,), partial(_as_said, (word, word.lower())), word)


def sound_of_clip(judge: str, draw: Draw) -> Case:
    """``soundtrack+…``: what is right of the sound of a clip."""
    clip, sound, words = spoken_clip(draw)
    heard = recording_of(clip, sound)
    right = {
        "wave": partial(drawn_wave, heard),
        "spectrum": partial(drawn_spectrum, heard),
        "words": partial(written, words),
    }
    return Case((filmed(clip, sound),), right[judge], words)


def recording_of(clip: Clip, sound: Audio) -> Audio:
    """A sound as a clip has it: at the rate of videos, with silence up to its end."""
    samples = sound.mono(SOUND_RATE)
    whole = np.zeros((round(clip.seconds * SOUND_RATE), 1), np.float32)
    whole[: len(samples), 0] = samples[: len(whole)]
    return Audio.from_samples(whole, SOUND_RATE)


def sum_up_clip(draw: Draw) -> Case:
    """``soundtrack+transcribe+summarise``: what is said in the clip, not all of it where that is much."""
    clip, sound, words = spoken_clip(draw)
    return Case((filmed(clip, sound),), partial(_summed_up, [words]), words)


def sum_up_speech(draw: Draw) -> Case:
    """``transcribe+summarise``: some of the sentences that were said, in their order."""
    said = [draw.speech() for _ in range(2)]
    pause = np.zeros(RATE, np.float32)
    whole = np.concatenate([part for audio, _ in said for part in (mono(audio), pause)])
    words = [words for _, words in said]
    return Case((recording(whole),), partial(_summed_up, words), " / ".join(words))


def _summed_up(sentences: Sequence[str], given: Given, _: Senses) -> bool:
    text = given.one(Text)
    return text is not None and _some_of(sentences, text.text)


def _some_of(sentences: Sequence[str], said: str) -> bool:
    """Whether words are those of one to three of the sentences, in their order."""
    chosen = [some for count in range(1, 4) for some in combinations(sentences, count)]
    return any(word_errors(" ".join(some), said) <= _SHARE for some in chosen)


def say_summary(draw: Draw) -> Case:
    """``summarise+speak``: some sentences of the text are heard, and not all."""
    story = draw.story(8, "en")
    values = {"sentences": str(draw.rng.randint(1, 3))}
    return Case((Text.of(" ".join(story)),), partial(_summary_heard, story), "a few sentences", values)


def _summary_heard(story: Sequence[str], given: Given, senses: Senses) -> bool:
    audio = given.one(Audio)
    return audio is not None and _some_of(story, senses.heard(audio))


def translate_summary(draw: Draw) -> Case:
    """``summarise+translate``: translations of some sentences of the text."""
    story = draw.story(8, "en")
    values = {"to": LANGUAGES[draw.language]["chinese"]}
    return Case((Text.of(" ".join(story)),), partial(_summary_translated, story), "a few sentences", values)


def _summary_translated(story: Sequence[str], given: Given, senses: Senses) -> bool:
    text = given.one(Text)
    if text is None:
        return False
    true = {plain(translation(each, "chinese", senses)) for each in story}
    said = [plain(each) for each in sentences_of(text.text)]
    return 1 <= len(said) <= 3 and set(said) <= true


def say_what_happens(draw: Draw) -> Case:
    """``summarise_video+speak``: the thing, its colour and what it does are heard."""
    clip = draw.clip(MOVES)
    thing = clip.things[0]
    verb = VERBS[true_span(thing, len(clip.frames)).motion]
    words = f"a {thing.colour} {thing.label} {verb}"
    return Case((filmed(clip),), partial(_story_heard, thing.label, thing.colour, verb), words)


def _story_heard(label: str, colour: str, verb: str, given: Given, senses: Senses) -> bool:
    audio = given.one(Audio)
    return audio is not None and senses.utters(audio, f"{colour} {label} {verb}")


def film_what_is_said(draw: Draw) -> Case:
    """``transcribe+animate``: a clip of the thing that is spoken of."""
    label, colour = draw.other()
    audio, words = draw.speech(f"there is one {colour} {label}")
    return Case((audio,), partial(animated, Sample(label, colour), None), words)


def draw_what_is_said(draw: Draw) -> Case:
    """``transcribe+generate_image``: a picture of the thing that is spoken of."""
    label, colour = draw.other()
    audio, words = draw.speech(f"there is one {colour} {label}")
    return Case((audio,), partial(shows, label, colour), words)


def translate_speech(draw: Draw) -> Case:
    """``transcribe+translate``: the phrase table's translation of what was said, but for a word heard wrong."""
    label, colour = draw.other()
    audio, words = draw.speech(f"there are two {colour} {label if label == 'fish' else label + 's'}")
    values = {"to": LANGUAGES[draw.language]["chinese"]}
    return Case((audio,), partial(_nearly_translated, words), words, values)


def _nearly_translated(words: str, given: Given, senses: Senses) -> bool:
    text = given.one(Text)
    if text is None:
        return False
    true = plain(translation(words, "chinese", senses))
    return SequenceMatcher(None, plain(text.text), true, autojunk=False).ratio() >= _LIKE


def say_in_english(draw: Draw) -> Case:
    """``translate+speak``: the phrase table's translation of a Chinese text is heard."""
    story = draw.story(2, "zh")
    text = "".join(story)
    values = {"to": LANGUAGES[draw.language]["english"]}
    return Case((Text.of(text),), partial(_translation_heard, text), text, values)


def _translation_heard(text: str, given: Given, senses: Senses) -> bool:
    audio = given.one(Audio)
    return audio is not None and senses.says(audio, translation(text, "english", senses))


CASES: dict[str, Make] = {
    "caption+speak": say_what_it_shows,
    "caption+speak+assemble": narrated,
    "name_cloud+speak": say_solid,
    "read_document+speak": read_paper_aloud,
    "read_text+speak": say_sign,
    "soundtrack+spectrogram": partial(sound_of_clip, "spectrum"),
    "soundtrack+transcribe": partial(sound_of_clip, "words"),
    "soundtrack+transcribe+summarise": sum_up_clip,
    "soundtrack+waveform": partial(sound_of_clip, "wave"),
    "summarise+speak": say_summary,
    "summarise+translate": translate_summary,
    "summarise_video+speak": say_what_happens,
    "transcribe+animate": film_what_is_said,
    "transcribe+generate_image": draw_what_is_said,
    "transcribe+summarise": sum_up_speech,
    "transcribe+translate": translate_speech,
    "translate+speak": say_in_english,
}

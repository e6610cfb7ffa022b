"""Every expert is asked for in words never trained on, and judged by content: the right answer passes, no other does.

Right answers are made from the truth of each case, with tools that need no model or none at all. The answer of every
other request is fed to each judge, and so are those of the same request about other media, the media that came, and
nothing.
"""

import random
from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from panmodal.agent.lab.figures import Figures
from panmodal.agent.lab.matrix.samples import Sample
from panmodal.agent.lab.mini.video import true_span
from panmodal.agent.lab.train.planner.catalog import LOOKING, taught_registry
from panmodal.agent.lab.train.planner.phrasings import own
from panmodal.agent.lab.whole import experts
from panmodal.agent.lab.whole.case import Case, Given
from panmodal.agent.lab.whole.expert_filming import animated
from panmodal.agent.lab.whole.expert_reading import translation
from panmodal.agent.lab.whole.expert_table import Verdict, add
from panmodal.agent.lab.whole.media import Draw, numbers
from panmodal.agent.lab.whole.senses import Senses, resized
from panmodal.tools.draw.blur import blur
from panmodal.tools.draw.compose import compose
from panmodal.tools.draw.cut_out import cut_out
from panmodal.tools.draw.greyscale import greyscale
from panmodal.tools.draw.paste import paste
from panmodal.tools.draw.remove import remove
from panmodal.tools.hear.change_audio import change_audio
from panmodal.tools.hear.cut_audio import cut_audio
from panmodal.tools.hear.spectrogram import spectrogram
from panmodal.tools.hear.waveform import waveform
from panmodal.tools.media.audio import Audio
from panmodal.tools.media.image import Image

from .whole_answers import RIGHT, drawn, made, masked, said

BESIDE = {"select", "filter", "transcript_text", "written_text"}
"""Tools that no wish names: they stand between others, in requests for "the red star" and in chains."""


class Remembering(Senses):
    """Senses that look at, and listen to, each thing once."""

    def __init__(self, models: dict[str, Any]) -> None:
        super().__init__(models)
        self.heard = cache(super().heard)  # type: ignore[method-assign]
        self.found = cache(super().found)  # type: ignore[method-assign]
        self.sound = cache(super().sound)  # type: ignore[method-assign]


@pytest.fixture(scope="module")
def senses(tmp_path_factory: pytest.TempPathFactory) -> Senses:
    return Remembering(Senses.of(tmp_path_factory.mktemp("cache")).models)


Answered = Callable[[str], list[tuple[Case, Given]]]
FILMED = ("animate", "transcribe+animate")
"""Their right answers are clips of the world, so their judges are asked about those (below)."""


def cases(intent: str, home: Path) -> Iterator[Case]:
    """Cases of an intent about different media, in English."""
    lines = experts.held_out()["en", intent]
    for number in range(100):
        rng, media = random.Random(f"{intent}/{number}"), numbers(77, 10 * list(experts.CASES).index(intent) + number)
        case = experts.CASES[intent](Draw(rng, rng.choice(lines), media, home / f"{intent}{number}"))
        if case is not None and not (intent == "ask_cloud" and isinstance(case.right.args[0], str)):  # type: ignore[attr-defined]
            yield case


@pytest.fixture(scope="module")
def answered(senses: Senses, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[tuple[Case, Given]]]:
    """By intent two cases about different media, of different truth where that can be, each with its right answer."""

    @cache
    def of(intent: str) -> list[tuple[Case, Given]]:
        first, *others = islice(cases(intent, tmp_path_factory.mktemp("files")), 8)
        second = next((each for each in others if each.truth != first.truth), others[0])
        return [(case, RIGHT[intent](case, senses)) for case in (first, second)]

    return of


def _share(one: str, other: str) -> bool:
    """Whether what is true of one request is so of another one by chance: both are about a horn."""
    return one in other or other in one


def test_every_tool_that_is_served_is_asked_for() -> None:
    asked = {tool for row in experts.rows() for tool in row.split("+")}
    assert {*LOOKING, *asked, *BESIDE} == {tool.name for tool in taught_registry().tools()}
    assert set(RIGHT) | set(FILMED) == set(experts.CASES)


def test_requests_are_held_out_filled_and_the_same_for_a_seed(tmp_path: Path) -> None:
    some = list(experts.drawn(3, 1, tmp_path / "a"))
    assert len(some) == experts.amount(1) and all("{" not in each.text and "[" not in each.text for each in some)
    chinese = sum(each.language == "zh" for each in some) / len(some)
    assert 0.25 <= chinese <= 0.4
    again = islice(experts.drawn(3, 1, tmp_path / "b"), 9)
    assert [each.text for each in again] == [each.text for each in some[:9]]
    trained = {line.words for line in own() if not line.held_out}
    assert all(line.words not in trained for lines in experts.held_out().values() for line in lines)


@pytest.mark.parametrize("intent", RIGHT)
def test_the_right_answer_passes(intent: str, answered: Answered, senses: Senses) -> None:
    for case, given in answered(intent):
        assert case.right(given, senses), (case.truth, given)


# Its judge looks at every picture of a folder for every answer.
SLOWER = ("search_folder",)


@pytest.mark.parametrize(
    "intent", [pytest.param(intent, marks=pytest.mark.slow) if intent in SLOWER else intent for intent in RIGHT]
)
def test_no_other_answer_passes(intent: str, answered: Answered, senses: Senses) -> None:
    (case, _), (_, other) = answered(intent)
    handed_back = [Given("Done.", case.files), Given("Done.", case.files[:1])]
    assert not any(case.right(each, senses) for each in (other, Given(""), said("Done."), *handed_back)), case.truth
    others = {name: answered(name)[0] for name in RIGHT if name != intent}
    others = {name: each for name, each in others.items() if not _share(case.truth, each[0].truth)}
    passed = [name for name, (_, given) in others.items() if case.right(given, senses)]
    assert not passed, case.truth


EFFECTS = ("louder", "quieter", "faster", "slower", "fade_in", "fade_out", "reversed", "normalised")


@pytest.mark.parametrize("asked", EFFECTS)
def test_a_recording_changed_in_another_way_is_wrong(asked: str, answered: Answered, senses: Senses) -> None:
    for case, _ in answered(f"change_audio@{asked}"):
        audio: Any = case.files[0]
        passed = [name for name in EFFECTS if case.right(made(change_audio(audio, name)), senses)]
        expected = {asked} if case.truth == asked else set()  # with an amount, perhaps not even that
        assert expected <= set(passed) <= {asked, *(["normalised"] if case.truth == "louder" else [])}, case.truth


@pytest.mark.parametrize(("asked", "other"), [("waveform", spectrogram), ("spectrogram", waveform)])
def test_another_picture_of_the_same_sound_is_wrong(
    asked: str, other: Callable[[Audio], Image], answered: Answered, senses: Senses
) -> None:
    for intent in (asked, f"soundtrack+{asked}"):
        for case, _ in answered(intent):
            assert not case.right(made(other(case.right.args[0])), senses)  # type: ignore[attr-defined]


@pytest.mark.parametrize("asked", ["remove", "replace", "inpaint", "restyle", "edit_image", "upscale"])
def test_another_edit_of_the_same_picture_is_wrong(asked: str, answered: Answered, senses: Senses) -> None:
    for case, _ in answered(asked):
        image: Any = case.files[0]
        corner = masked(image, (4, 4, 60, 60))
        edits = [image, greyscale(image), blur(image), remove(image, corner), cut_out(image, corner)]
        edits += [] if asked == "upscale" else [resized(image, 2 * image.width, 2 * image.height)]
        assert not [each for each in edits if case.right(made(each), senses)], case.truth
    gone: Any = answered("remove")[0]
    assert not answered("replace")[0][0].right(gone[1], senses)


def test_the_right_things_in_another_order_or_number_are_wrong(answered: Answered, senses: Senses) -> None:
    for intent in ("search_images", "search_folder", "find_similar", "document_pages", "document_pictures"):
        case, given = answered(intent)[0]
        if len(given.made) > 1:
            assert not case.right(made(*given.made[1:], given.made[0]), senses), intent
        assert not case.right(made(*given.made, drawn("star", "red", 96), drawn("star", "red", 97)), senses) or (
            intent in ("search_images", "search_folder", "find_similar")
        ), intent
    for intent, layout in (("compose@row", "column"), ("compose@column", "row")):
        case, _ = answered(intent)[0]
        pictures: Any = case.files
        assert not case.right(made(compose(pictures, layout)), senses)  # type: ignore[arg-type]
        assert not case.right(made(compose(pictures[::-1], intent.partition("@")[2])), senses)  # type: ignore[arg-type]
    for case, given in answered("sample_frames"):
        assert not case.right(made(*given.made[::-1]), senses) and not case.right(made(given.made[0]), senses)


def test_a_piece_at_another_place_and_a_part_of_other_seconds_are_wrong(answered: Answered, senses: Senses) -> None:
    for case, _ in answered("paste"):
        piece, ground, place = case.right.args  # type: ignore[attr-defined]
        if place:
            others = [each for each in ("top left", "centre", "bottom") if each != place]
            assert not [each for each in others if case.right(made(paste(ground, piece, each)), senses)]  # type: ignore
        assert not case.right(made(paste(piece, ground)), senses)
    for case, _ in answered("cut_audio"):
        audio, start, end = case.right.args  # type: ignore[attr-defined]
        assert not case.right(made(cut_audio(audio, start + 0.5, end)), senses)
        assert not case.right(made(audio), senses)


def test_words_that_are_nearly_right_are_wrong(answered: Answered, senses: Senses) -> None:
    def wrong(intent: str, *texts: str) -> None:
        case, _ = answered(intent)[0]
        assert not [text for text in texts if case.right(said(text), senses)], (intent, case.truth)

    (story, _), *_ = [case.right.args for case, _ in answered("summarise")]  # type: ignore[attr-defined]
    wrong("summarise", " ".join(story), " ".join([*story[:2], "Something that is not said."]))
    text, to = answered("translate")[0][0].right.args  # type: ignore[attr-defined]
    wrong("translate", text, translation(text, to, senses)[:-4])
    (scene,) = answered("caption_densely")[0][0].right.args  # type: ignore[attr-defined]
    wrong("caption_densely", "; ".join(f"a {each.colour} {each.label}" for each in scene.objects))
    (things,) = answered("caption")[0][0].right.args  # type: ignore[attr-defined]
    wrong("caption", " and ".join(each.label for each in things))
    (moves,) = answered("summarise_video")[0][0].right.args  # type: ignore[attr-defined]
    wrong("summarise_video", " ".join(f"A {thing.colour} {thing.label} spins." for thing, _ in moves))
    words = answered("transcribe")[0][0].truth
    wrong("transcribe", " ".join(words.split()[::-1]))


def test_what_a_clip_shows_is_judged_by_thing_motion_and_length(senses: Senses, tmp_path: Path) -> None:
    """`animate`: the judge is asked about clips of the world."""
    from panmodal.agent.lab.whole.media import filmed

    case = next(cases("find_moment", tmp_path))
    clip = case.right.args[0]  # type: ignore[attr-defined]
    thing, motion = clip.things[0], true_span(clip.things[0], len(clip.frames)).motion
    given = made(filmed(clip))
    assert animated(Sample(thing.label, thing.colour, motion), clip.seconds, given, senses)
    assert not animated(Sample(thing.label, thing.colour, motion), clip.seconds + 2, given, senses)
    assert not animated(Sample(thing.label, thing.colour, "spin"), None, given, senses)
    assert not animated(Sample("cup" if thing.label != "cup" else "star", thing.colour), None, given, senses)
    other = "red" if thing.colour != "red" else "blue"
    assert not animated(Sample(thing.label, other), None, given, senses)
    assert not animated(Sample(thing.label, thing.colour), None, made(drawn(thing.label, thing.colour)), senses)


def test_the_table_counts_by_tool_and_keeps_what_was_wrong(tmp_path: Path) -> None:
    asked = list(islice(experts.drawn(0, 2, tmp_path), 4))
    figures = Figures("agent", 0)
    add(figures, [Verdict(each, number != 3, "It is so.", ("caption",), 0.5) for number, each in enumerate(asked)])
    assert figures.values["experts_right"] == 0.75
    assert figures.details["experts"] == {
        "caption": {"asked": 2, "right": 2}, "caption_densely": {"asked": 2, "right": 1},
    }  # fmt: skip
    (miss,) = figures.details["expert_misses"]
    assert miss["text"] == asked[3].text and miss["tools"] == ["caption"]
    assert any(line.startswith("experts 3 of 4 right (95 % interval") for line in figures.lines)
    low, high = figures.details["experts_interval"]
    assert low < 0.75 < high

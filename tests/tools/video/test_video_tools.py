"""The experts on video answer about clips of the world, whose every frame is known, and refuse what is none."""

import io
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from threading import Event
from typing import Any

import av
import numpy as np
import pytest

from panmodal.agent.lab.world.clips import Clip, ClipConfig, render_clip
from panmodal.agent.lab.world.scenes import CLASSES
from panmodal.agent.lab.world.sentences import Sentence
from panmodal.agent.lab.world.speech import SpeechConfig, render_speech
from panmodal.tools.errors import Cancelled, EmptyInput, NotDecodable, TooLarge, UnknownLabel, WrongArgument
from panmodal.tools.media.audio import Audio
from panmodal.tools.media.spans import Spans
from panmodal.tools.media.text import Text
from panmodal.tools.media.video import Video
from panmodal.tools.roles import StepContext
from panmodal.tools.video import watching
from panmodal.tools.video.ask_video import _SAID, _Look, _together, ask_video
from panmodal.tools.video.encoding import SOUND_RATE, encoded
from panmodal.tools.video.film import _scene, film
from panmodal.tools.video.find_moment import find_moment
from panmodal.tools.video.motion import main, motions
from panmodal.tools.video.naming import colour_of
from panmodal.tools.video.sample_frames import sample_frames
from panmodal.tools.video.soundtrack import soundtrack
from panmodal.tools.video.summarise_video import summarise_video
from panmodal.tools.video.timeline import timeline
from panmodal.tools.video.track import follow, sampled
from panmodal.tools.video.watching import things_in
from panmodal.tools.video.wording import wish_of

STEP = StepContext()


@pytest.fixture(scope="session")
def model(models: Callable[[str], Any]) -> Callable[..., dict[str, Any]]:
    """The shipped models of some roles, as a tool's keyword arguments."""
    known: dict[str, Any] = {}

    def found(*roles: str) -> dict[str, Any]:
        known.update({role: models(role) for role in roles if role not in known})
        return {role: known[role] for role in roles}

    return found


def clip_of(seed: int) -> tuple[Clip, Video]:
    clip = render_clip(seed, split="val")
    return clip, encoded(clip.frames, clip.rate)


def grey(*levels: int, rate: int = 10, sound: Audio | None = None) -> Video:
    return encoded([np.full((48, 64, 3), level, np.uint8) for level in levels], rate, sound=sound)


def silence(seconds: float) -> Audio:
    return Audio.from_samples(np.zeros((round(seconds * SOUND_RATE), 1), np.float32), SOUND_RATE)


def muxed(path: Path, times: list[float], heard_from: float | None = None, side: int = 48) -> Video:
    """Grey frames, each 40 brighter, shown from their times on (seconds), and a second of a tone from another time."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=1000)
        stream.width, stream.height, stream.pix_fmt, stream.time_base = 65, side, "yuv444p", Fraction(1, 1000)
        sound = None
        if heard_from is not None:
            sound = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.full((side, 65, 3), 40 * number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None and heard_from is not None:
            wave = (8000 * np.sin(np.arange(8000) * 0.5)).astype(np.int16)[None]
            frame = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 8000, round(heard_from * 8000), Fraction(1, 8000)
            container.mux(sound.encode(frame))
            container.mux(sound.encode(None))
    return Video.open(path)


def level(video: Video, *args: Any) -> list[int]:
    return [round(float(each.pixels.mean()) / 40) for each in sample_frames(video, *args)]


def test_pictures_are_taken_by_time_not_by_number(tmp_path: Path) -> None:
    video = muxed(tmp_path / "uneven.mkv", [0.0, 0.1, 0.2, 2.0, 3.9], side=49)  # odd sides, three frames at once
    assert video.seconds == pytest.approx(3.9, abs=0.1) and (video.width, video.height) == (65, 49)
    assert level(video, 4) == [2, 2, 3, 3] and level(video, 1) == [2]
    assert level(video, 8, 1.0) == [0, 2, 3, 3]
    assert level(video, 8, 60.0) == [0]
    assert level(grey(120), 3) == [3, 3, 3]  # one frame is shown all the time


@pytest.mark.parametrize(
    ("args", "error"),
    [
        ((0,), WrongArgument),
        ((-2,), WrongArgument),
        ((8, 0.0), WrongArgument),
        ((8, float("nan")), WrongArgument),
        ((8, 1e-12), TooLarge),
        ((10**9,), TooLarge),
    ],
)
def test_no_picture_and_too_many_are_refused(args: tuple[Any, ...], error: type[Exception]) -> None:
    with pytest.raises(error):
        sample_frames(grey(0, 40), *args)


def test_sound_is_taken_out_from_the_first_picture_on(tmp_path: Path) -> None:
    late = soundtrack(muxed(tmp_path / "late.mkv", [0.0, 1.0, 2.0], heard_from=0.75))
    assert late.seconds == pytest.approx(1.75, abs=0.01) and (late.rate, late.channels) == (8000, 1)
    assert not late.samples[:5900].any() and np.abs(late.samples[6100:]).mean() > 0.1
    early = soundtrack(muxed(tmp_path / "early.mkv", [0.5, 1.0, 2.0], heard_from=0.0))
    assert early.seconds == pytest.approx(0.5, abs=0.01)
    still = soundtrack(grey(*[0] * 12, sound=silence(1.2)))
    assert still.seconds == pytest.approx(1.2, abs=0.03) and np.abs(still.samples).max() < 1e-3
    with pytest.raises(EmptyInput, match="no sound track"):
        soundtrack(grey(0, 40))


def test_a_file_that_breaks_off_is_said_to(model: Any) -> None:
    content = clip_of(26)[1].encode()[0]
    with av.open(io.BytesIO(content)) as container:
        lost = b"".join(bytes(packet) for packet in list(container.demux(video=0))[8:12])
    damaged = content.replace(lost, bytes(len(lost)))
    assert damaged != content
    for broken in (content[: len(content) // 2], damaged):
        with pytest.raises(NotDecodable):
            sample_frames(Video.open(broken), 30)
    with pytest.raises(NotDecodable):
        timeline(Video.open(damaged), **model("captioner", "asr"), step=STEP)


def test_what_is_seen_and_said_stands_on_one_line(model: Any) -> None:
    clip, _ = clip_of(26)
    said = render_speech(
        5, SpeechConfig(noisy=0, reverberant=0), split="val", sentence=Sentence("two red stars", "sentence")
    )
    spoken = Audio.from_samples(said.samples[:, None].astype(np.float32), 16_000)
    sound = Audio.from_samples(np.array(spoken.mono(SOUND_RATE)), SOUND_RATE)
    told: list[float] = []
    step = StepContext(progress=lambda share, _: told.append(share))
    table = timeline(encoded(clip.frames, clip.rate, sound=sound), **model("captioner", "asr"), step=step)
    assert table.columns == ("start", "end", "what", "text") and told == sorted(told) and told[-1] == 1
    assert [row["start"] for row in table.rows] == sorted(row["start"] for row in table.rows)
    (heard,) = [row for row in table.rows if row["what"] == "said"]
    assert heard["text"] == "two red stars"
    assert (heard["start"], heard["end"]) == pytest.approx((said.words[0].start, said.words[-1].end), abs=0.2)
    first, *_, last = seen = [row for row in table.rows if row["what"] == "seen"]
    assert "green car" in first["text"] and "green car" not in last["text"]  # it disappears at 0.75 s
    assert first["end"] == 1.0 and (first["start"], last["end"]) == (0.0, 2.75)
    assert all(one["end"] == two["start"] for one, two in zip(seen, seen[1:], strict=False))


@pytest.mark.parametrize("sound", [None, 2.0], ids=["no track", "silent"])
def test_a_video_in_which_nobody_speaks_has_a_timeline(model: Any, sound: float | None) -> None:
    clip, _ = clip_of(90)
    video = encoded(clip.frames[:8], clip.rate, sound=None if sound is None else silence(sound))
    rows = timeline(video, 0.25, **model("captioner", "asr"), step=STEP).rows
    assert [row["what"] for row in rows] == ["seen"] * len(rows) and rows[0]["end"] == pytest.approx(8 / 12, abs=0.01)
    with pytest.raises(WrongArgument):
        timeline(video, 0.0, **model("captioner", "asr"), step=STEP)


def looks(*answers: str) -> list[_Look]:
    return [_Look(0.5 + k, answer) for k, answer in enumerate(answers)]


def test_answers_are_put_together_by_what_they_are() -> None:
    for language, answers, told in (
        ("en", ("red", "Red", "red"), "red (in all 3 pictures of the video)"),
        ("en", ("red",), "red (in the one picture of the video that was looked at)"),
        ("en", ("no", "no", "yes", "yes"), "first no, from about 2.0 s on yes (in 4 pictures of the video)"),
        ("en", ("3", "2", "3", "3"), "3 (in 3 of 4 pictures of the video; else 2 at 1.5 s)"),
        (
            "en",
            ("a", "b", "b", "c"),
            "nothing holds for most of 4 pictures of the video: a at 0.5 s; b from 1.5 to 2.5 s; c at 3.5 s",
        ),
        ("en", ("a cup and a car", "a car, a cup"), "a cup and a car (in all 2 pictures of the video)"),
        ("zh", ("红", "红", "蓝"), "红（视频的3幅画面中有2幅；其余：2.5秒蓝）"),
    ):
        assert _together(looks(*answers), _SAID[language]) == told


def test_a_video_is_asked_about(model: Any) -> None:
    _, coming = clip_of(81)  # a pink star appears at 0.92 s
    _, hearts = clip_of(26)
    ask = model("mllm")
    when = ask_video(coming, "is there a pink star", **ask, step=STEP).text
    change = re.fullmatch(r"first no, from about (\d\.\d) s on yes .*", when)
    assert change and float(change[1]) == pytest.approx(0.92, abs=0.2)
    assert ask_video(hearts, "what colour is the heart", 4, **ask, step=STEP).text.startswith("red (in all 4 ")
    one = ask_video(
        encoded(render_clip(90, split="val").frames[:1], 12), "what colour is the triangle", 1, **ask, step=STEP
    )
    assert one.text.startswith("blue")
    for question, count, field in ((" ", 8, "question"), ("😀😀", 8, "question"), ("what is it", 0, "count")):
        with pytest.raises(WrongArgument) as wrong:
            ask_video(hearts, question, count, **ask, step=STEP)
        assert wrong.value.facts["field"] == field
    stop = Event()
    stop.set()
    with pytest.raises(Cancelled):
        ask_video(hearts, "what is it", **ask, step=StepContext(stop=stop))


def find(video: Video, query: str, model: Any) -> Spans:
    return find_moment(video, query, **model("detector", "embedder"), step=STEP)


def test_moments_are_found_by_what_a_thing_does(model: Any) -> None:
    _, hearts = clip_of(26)
    for query, start, end in (
        ("the heart moves from right to left", 22 / 12, 33 / 12),
        ("蓝色的花向右移动", 22 / 12, 33 / 12),
        ("the green car", 0, 9 / 12),
        ("the car disappears", 9 / 12 - 0.5, 9 / 12),
    ):
        found = find(hearts, query, model)
        assert found.seconds.tolist() == [pytest.approx([start, end], abs=0.2)], query
        assert 0.3 < found.scores[0] <= 1
    assert find(hearts, "the red heart moves", model).labels == ("red heart moves",) * 2
    _, others = clip_of(81)
    for query, moment, side in (
        ("the pink star appears", 11 / 12, 0),
        ("the blue square stops", 31 / 12, 1),
    ):
        assert find(others, query, model).seconds[:, side].tolist() == [pytest.approx(moment, abs=0.25)], query
    assert find(others, "something red bounces", model).empty
    assert find(grey(*[128] * 12), "the star moves left", model).empty


def test_what_no_path_tells_is_found_by_looking_at_whole_pictures(model: Any) -> None:
    _, video = clip_of(81)
    both = find(video, "a pink star and a white cup", model)
    assert both.seconds.tolist() == [pytest.approx([11 / 12, 37 / 12], abs=0.2)]
    assert both.labels == ("a pink star and a white cup",) and 0 < both.scores[0] <= 1
    assert find(video, "a purple boat and a yellow fish", model).empty and find(video, "a zebra", model).empty
    with pytest.raises(UnknownLabel, match="zebra"):
        find(video, "the zebra moves left", model)
    for nothing in ("", " . "):
        with pytest.raises(WrongArgument, match="nothing to look for"):
            find(video, nothing, model)


@pytest.mark.parametrize(
    ("said", "colour", "labels", "motion", "rest"),
    [
        ("a red circle goes in a circle", "red", ("circle",), "circle", ""),
        ("the circle turns blue", "blue", ("circle",), "", "turns"),
        ("the stop sign blinks", None, ("sign",), "blink", "stop"),
        ("when does the blue square stop?", "blue", ("square",), "stops", ""),
        ("the star starts to move", None, ("star",), "starts", ""),
        ("red star starts moving left", "red", ("star",), "left", "starts"),
        ("purple cup moves slowly to the upper right", "purple", ("cup",), "diagonal", ""),
        ("the black moon goes up and down", "black", ("moon",), "bounce", ""),
        ("the flower on the right", None, ("flower",), "", "right"),
        ("red star and blue cup", "red", ("star", "cup"), "", "blue"),
        ("the house is not moving", None, ("house",), "still", ""),
        ("什么东西在旋转", None, (), "spin", ""),
        ("红心变大", "red", ("heart",), "grow", ""),
        ("a person riding a bike at night", None, (), "", "person riding bike night"),
    ],
)
def test_words_are_read(said: str, colour: str | None, labels: tuple[str, ...], motion: str, rest: str) -> None:
    assert wish_of(said, CLASSES) == (colour, labels, motion, rest)


def test_a_clip_is_told_in_sentences(model: Any) -> None:
    _, video = clip_of(26)
    told = summarise_video(video, **model("detector", "captioner"), step=STEP).text
    number = r"(\d\.\d)"
    for pattern, truth in (
        (rf"A red heart moves right until {number} s, then moves left\.", 22 / 12),
        (rf"A blue flower moves left until {number} s, then moves right\.", 22 / 12),
        (rf"A green car disappears at {number} s\.", 9 / 12),
    ):
        found = re.search(pattern, told)
        assert found and float(found[1]) == pytest.approx(truth, abs=0.15), told
    assert "Its pictures show: a green car, a red heart and a blue flower; then: a red heart and a blue flower." in told
    still = summarise_video(
        encoded(render_clip(90, split="val").frames[:1], 12), **model("detector", "captioner"), step=STEP
    )
    assert still.text.startswith("Its pictures show: ") and "blue triangle" in still.text


def test_a_long_video_is_watched_in_parts_and_its_things_are_the_same(
    model: Any, detector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, video = clip_of(26)
    whole = things_in(video, detector=detector, step=STEP)
    told: list[float] = []
    monkeypatch.setattr(watching, "_PART", 12)
    parts = things_in(video, detector=detector, step=StepContext(progress=lambda share, _: told.append(share)))
    assert told == sorted(told) and told[-1] == 1 and len(told) == 3
    assert [(each.name, each.comes, each.goes) for each in parts] == [
        (each.name, each.comes, each.goes) for each in whole
    ]
    for one, two in zip(whole, parts, strict=True):
        assert [each.motion for each in one.doings] == [each.motion for each in two.doings]
        ends = [[each.end for each in thing.doings] for thing in (one, two)]
        assert ends[0] == pytest.approx(ends[1], abs=0.25)
        assert np.ravel(one.there).tolist() == pytest.approx(np.ravel(two.there).tolist(), abs=0.1)


def recognised(video: Video, detector: Any) -> tuple[str, str, str]:
    """Colour, name and main motion of the thing that is followed longest."""
    pictures = sampled(video)
    tracks = follow(pictures, detector=detector)
    track = max(tracks, key=lambda each: int(each.seen.sum()))
    return colour_of(track, pictures), track.label, main(motions(tracks, pictures)[tracks.index(track)]).motion


@pytest.mark.parametrize(
    ("prompt", "motion", "truth"),
    [
        ("Make a clip of a red star that moves left.", "as told", ("red", "star", "left")),
        ("there is one blue cup at the top", "as told", ("blue", "cup", "right")),
        ("a green car.", "grow", ("green", "car", "grow")),
    ],
)
def test_a_text_is_made_a_clip(
    painter: Any, detector: Any, segmenter: Any, prompt: str, motion: Any, truth: Any
) -> None:
    given = film.validate({"prompt": prompt, "motion": motion, "seconds": 2.0})
    models = {"image_generator": painter, "detector": detector, "segmenter": segmenter}
    video = film.call(given, models, StepContext(seed=3))
    assert recognised(video, detector) == truth and video.seconds == 2.0


@pytest.mark.parametrize(
    ("text", "scene"),
    [
        ("A red ring stands still until 1.4 s, then moves down. A black cross grows.", ("red ring", "down", "")),
        ("A pink star appears at 0.9 s. A white cup moves diagonally.", ("white cup", "diagonal", "")),
        ("a black cross, a red ring and a yellow heart.", ("black cross", "right", "")),
        ("a star and a blue cup", ("star", "right", "")),
        ("a red star moves left and turns into a blue circle", ("red star", "left", "blue circle")),
        ("a red star turns blue", ("red star", "right", "blue star")),
        ("the cup spins, then becomes a green car", ("cup", "spin", "green car")),
        ("the cup spins and a red car becomes a star", ("cup", "spin", "")),
        ("a house becomes bigger", ("house", "grow", "")),
        ("做一段红色星星向左移动的动画", ("red star", "left", "")),
    ],
)
def test_a_text_is_read_as_a_scene(text: str, scene: tuple[str, str, str]) -> None:
    assert _scene(text, CLASSES) == scene


def test_an_open_vocabulary_takes_the_words_as_they_are() -> None:
    assert _scene("Make a clip of a golden retriever that bounces.", None) == ("golden retriever", "bounce", "")
    assert _scene("a red star turns into a steam engine", None) == ("red star", "right", "steam engine")


def test_what_cannot_be_filmed_is_said(painter: Any, detector: Any, segmenter: Any) -> None:
    models = {"image_generator": painter, "detector": detector, "segmenter": segmenter}
    for text, error in (("", EmptyInput), ("something moves left", EmptyInput), ("a zebra spins", UnknownLabel)):
        with pytest.raises(error):
            film(Text.of(text), **models, step=STEP)
    with pytest.raises(WrongArgument):
        film(Text.of("a red star"), seconds=90.0, **models, step=STEP)
    with pytest.raises(WrongArgument):
        film.validate({"prompt": "a red star", "motion": "somersault"})
    assert painter.prompts == []


def test_a_clip_is_told_and_made_again(painter: Any, detector: Any, segmenter: Any, model: Any) -> None:
    clip = render_clip(6, ClipConfig(count=(1, 1), seconds=(3.0, 4.0), backgrounds=("plain",)), split="val")
    told = summarise_video(encoded(clip.frames, clip.rate), **model("detector", "captioner"), step=STEP)
    models = {"image_generator": painter, "detector": detector, "segmenter": segmenter}
    thing = clip.things[0]
    assert recognised(film(told, **models, step=STEP), detector) == (thing.colour, thing.label, thing.motion)

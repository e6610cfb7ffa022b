"""Pictures and recordings become a clip in which each picture is shown just as long as its recording is heard."""

import io
from threading import Event
from typing import Any

import av
import numpy as np
import pytest

from panmodal.tools.errors import Cancelled, EmptyInput, TooLarge, WrongArgument
from panmodal.tools.media.audio import Audio
from panmodal.tools.media.image import Image
from panmodal.tools.roles import StepContext
from panmodal.tools.video.assemble import METHOD, assemble
from panmodal.tools.video.encoding import SOUND_RATE, encoded
from panmodal.tools.video.soundtrack import soundtrack

STEP = StepContext()
RED, GREEN, BLUE = (200, 30, 30), (30, 160, 40), (30, 40, 200)


def plain(colour: tuple[int, int, int], width: int = 64, height: int = 48) -> Image:
    return Image.from_array(np.full((height, width, 3), colour, np.uint8))


def tone(hertz: float, seconds: float, rate: int = 16_000, channels: int = 1) -> Audio:
    wave = 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return Audio.from_samples(np.repeat(wave[:, None], channels, axis=1).astype(np.float32), rate)


def pitch(sound: Audio, start: float, end: float) -> float:
    """The loudest frequency of a stretch in hertz, 0 where it is silent."""
    part = sound.mono(8000)[round(start * 8000) : round(end * 8000)]
    if np.abs(part).max() < 0.01:
        return 0.0
    return float(np.abs(np.fft.rfft(part * np.hanning(len(part)))).argmax() * 8000 / len(part))


def colour_at(video: Any, *times: float) -> list[int]:
    """Which of red, green and blue the middle of the picture is at these times."""
    return [int(each.pixels[each.height // 2, each.width // 2].argmax()) for each in video.frames(times)]


def test_each_picture_lasts_as_long_as_its_recording() -> None:
    pictures = [plain(RED), plain(GREEN), plain(BLUE)]
    video = assemble(pictures, [tone(300, 1.0), tone(600, 0.4, 22_050), tone(900, 2.03, 44_100)], step=STEP)
    lengths = np.array([12, 5, 25]) / 12  # whole frames: none is shorter than its recording
    starts = np.cumsum([0, *lengths])
    assert video.seconds == pytest.approx(starts[-1], abs=0.01) and video.has_audio and video.rate == 12
    for number, (start, end) in enumerate(zip(starts, starts[1:], strict=False)):
        assert colour_at(video, start + 0.01, end - 0.02) == [number, number]
    sound = soundtrack(video)
    assert sound.seconds == pytest.approx(video.seconds, abs=0.03)
    for hertz, start, heard in zip((300, 600, 900), starts, (1.0, 0.4, 2.03), strict=False):
        assert pitch(sound, start + 0.05, start + heard - 0.05) == pytest.approx(hertz, abs=6)
    assert pitch(sound, starts[2] + 2.06, starts[3]) == 0
    with av.open(io.BytesIO(video.encode()[0])) as container:
        assert container.metadata["comment"] == METHOD


def test_sound_begins_with_its_picture_to_the_sample() -> None:
    samples = np.zeros((SOUND_RATE, 2), np.float32)
    samples[12_000:12_100, 0] = samples[30_000:30_100, 1] = 0.8
    video = assemble([plain(RED)], [Audio.from_samples(samples, SOUND_RATE)], step=STEP)
    heard = soundtrack(video).samples
    assert heard.shape[1] == 2
    for side in (0, 1):
        off = np.correlate(heard[:SOUND_RATE, side], samples[11_900:30_200, side], "valid").argmax() - 11_900
        assert abs(int(off)) <= 1
    assert video == assemble([plain(RED)], [Audio.from_samples(samples, SOUND_RATE)], step=STEP)


def test_sound_beyond_full_scale_is_made_softer() -> None:
    quiet = tone(500, 0.5, SOUND_RATE)
    for factor, few in ((5e29, 1), (3.0, 2)):
        loud = Audio.from_samples(tone(500, 0.5, SOUND_RATE, few).samples * np.float32(factor), SOUND_RATE)
        heard = soundtrack(assemble([plain(RED), plain(GREEN)], [Audio.open(loud.encode()[0]), quiet], step=STEP))
        assert np.abs(heard.samples[4_000:20_000]).max() == pytest.approx(1, abs=0.1)
        assert np.abs(heard.samples[28_000:44_000]).max() == pytest.approx(0.5, abs=0.1)
    few_samples = Audio.from_samples(np.full(2, 0.5, np.float32), 8000)
    assert assemble([plain(RED)], [few_samples], step=STEP).has_audio


def test_one_recording_is_heard_under_all_pictures() -> None:
    video = assemble([plain(RED), plain(GREEN), plain(BLUE)], [tone(440, 3.0)], step=STEP)
    assert video.seconds == pytest.approx(3.0, abs=0.01)
    assert colour_at(video, 0.0, 0.9, 1.1, 1.9, 2.1, 2.9) == [0, 0, 1, 1, 2, 2]
    assert pitch(soundtrack(video), 0.1, 2.9) == pytest.approx(440, abs=3)
    short = assemble([plain(RED), plain(GREEN), plain(BLUE)], [tone(440, 0.1)], step=STEP)
    assert colour_at(short, 0.01, 0.1, 0.2) == [0, 1, 2]  # every picture is seen


def test_without_recordings_pictures_are_shown_for_some_seconds() -> None:
    for none in (None, []):
        video = assemble([plain(RED), plain(GREEN)], none, 0.5, step=STEP)
        assert (video.seconds, video.has_audio) == (1.0, False) and colour_at(video, 0.4, 0.6) == [0, 1]
    nothing = Audio.from_samples(np.zeros((0, 1), np.float32), 8000)
    mixed = assemble([plain(RED), plain(GREEN)], [nothing, tone(500, 0.5)], 1.0, step=STEP)
    assert mixed.seconds == pytest.approx(1.5, abs=0.01) and pitch(soundtrack(mixed), 0.05, 0.9) == 0
    assert pitch(soundtrack(mixed), 1.05, 1.45) == pytest.approx(500, abs=6)
    assert not assemble([plain(RED)], [nothing], 1.0, step=STEP).has_audio


def test_pictures_of_any_size_fit_one_frame() -> None:
    wide, high = plain(RED, 101, 20), plain(GREEN, 30, 77)
    video = assemble([wide, high], step=STEP)
    assert (video.width, video.height) == (102, 78)
    first, second = (each.pixels.astype(int) for each in video.frames([0.1, 3.1]))
    assert first[5].max() < 20 and first[39, 3, 0] > 150 and first[39, -4, 0] > 150
    assert second[39, 5].max() < 20 and second[3, 51, 1] > 120 and second[-4, 51, 1] > 120
    clear = Image.from_array(
        np.zeros((40, 40, 3), np.uint8), np.tile(np.repeat([0, 255], 20), (40, 1)).astype(np.uint8)
    )
    (shown,) = assemble([clear], step=STEP).frames([0.1])
    assert shown.pixels[20, 5].min() > 240 and shown.pixels[20, 35].max() < 16
    tiny, strip = plain(BLUE, 1, 1), plain(BLUE, 30_000, 2)
    assert [(v.width, v.height) for v in (assemble([each], step=STEP) for each in (tiny, strip))] == [
        (16, 16),
        (1920, 16),
    ]
    assert colour_at(assemble([tiny, strip], step=STEP), 0.1, 3.1) == [2, 2]


@pytest.mark.parametrize(
    ("images", "audio", "seconds", "field"),
    [
        (3, 2, 3.0, "audio"),
        (2, 0, 0.0, "seconds"),
        (2, 0, float("nan"), "seconds"),
        (2, 0, 3601.0, "seconds"),
    ],
)
def test_what_does_not_fit_is_said(images: int, audio: int, seconds: float, field: str) -> None:
    with pytest.raises(WrongArgument) as wrong:
        assemble([plain(RED)] * images, [tone(300, 0.2)] * audio, seconds, step=STEP)
    assert wrong.value.facts["field"] == field


def test_nothing_too_much_and_cancelled() -> None:
    with pytest.raises(EmptyInput, match="no picture"):
        assemble([], [tone(300, 0.2)], step=STEP)
    with pytest.raises(TooLarge, match="seconds"):
        assemble([plain(RED)] * 5, None, 3600.0, step=STEP)
    stop = Event()
    told: list[float] = []

    def progress(share: float, _: str) -> None:
        told.append(share)
        stop.set()

    with pytest.raises(Cancelled):
        assemble([plain(RED), plain(GREEN)], step=StepContext(stop=stop, progress=progress))
    assert told == [0.5]


def test_sound_of_another_form_does_not_fit_a_video() -> None:
    for sound in (tone(300, 0.2), tone(300, 0.2, SOUND_RATE, channels=3)):
        with pytest.raises(WrongArgument) as wrong:
            encoded([plain(RED).pixels], 12, sound=sound)
        assert wrong.value.facts["field"] == "sound"

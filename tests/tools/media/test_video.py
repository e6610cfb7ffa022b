"""Videos give the picture shown at a time."""

import io
import struct
from fractions import Fraction

import av
import numpy as np
import pytest

from panmodal.tools.errors import NotDecodable, TooLarge, WrongArgument
from panmodal.tools.media.artifact import Artifact
from panmodal.tools.media.limits import Limits
from panmodal.tools.media.video import Video


def brightness(image) -> int:
    return round(float(image.pixels.mean()) / 8)


@pytest.mark.parametrize(
    ("codec", "form", "mime"),
    [
        ("mpeg4", "mp4", "video/mp4"),
        ("libx264", "mp4", "video/mp4"),
        ("libvpx", "webm", "video/webm"),
        ("mpeg4", "avi", "video/x-msvideo"),
    ],
)
def test_frames_are_those_shown_at_the_times_asked(clip, codec, form, mime):
    video = Video.open(clip(codec, form))
    assert (video.width, video.height, video.mime) == (64, 48, mime)
    assert video.seconds == pytest.approx(3) and video.rate == pytest.approx(10) and not video.has_audio
    times = [2.5, 0.0, 0.31, 1.99, 2.5, video.seconds]
    assert [brightness(frame) for frame in video.frames(times)] == [25, 0, 3, 19, 25, 29]


def test_far_times_are_reached_by_seeking(clip):
    video = Video.open(clip(frames=31, rate=1))
    assert [brightness(frame) for frame in video.frames([0, 20.5, 29])] == [0, 20, 29]


def test_a_stored_video_is_decoded_again(clip):
    content = clip()
    video = Artifact.from_handle(Video.open(content).handle(), lambda _: content)
    assert isinstance(video, Video) and brightness(video.frames([1.0])[0]) == 10
    assert video.encode() == (content, "video/mp4")


def test_phone_videos_are_turned_upright(clip):
    content = bytearray(clip())
    at = content.find(b"tkhd") + 4 + 40  # the matrix of the track header: here a quarter turn clockwise
    one = 1 << 16
    content[at : at + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 48 * one, 0, 1 << 30)
    video = Video.open(bytes(content))
    assert (video.width, video.height) == (48, 64)
    assert video.frames([0.0])[0].pixels.shape == (64, 48, 3)


def test_limits_and_wrong_times(clip):
    content = clip()
    with pytest.raises(TooLarge, match="pixels"):
        Video.open(content, Limits(max_pixels=3000))
    with pytest.raises(TooLarge, match="seconds"):
        Video.open(content, Limits(max_seconds=2.9))
    video = Video.open(content)
    with pytest.raises(TooLarge, match="frames"):
        video.frames(np.linspace(0, 2, 20), Limits(max_frames=19))
    with pytest.raises(WrongArgument, match="3 s"):
        video.frames([3.5])
    assert video.frames([]) == []


def film(form: str, starts: list[int], sound: float = 0.0) -> bytes:
    """Noise that begins at these tenths of a second, and silence beside it."""
    buffer = io.BytesIO()
    options = {"movflags": "frag_keyframe+empty_moov"} if form == "mp4" else {}
    with av.open(buffer, "w", format=form, options=options) as container:
        stream = container.add_stream("mpeg4", rate=10, options={"g": "5"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        heard = container.add_stream("pcm_s16le", rate=8000, layout="mono") if sound else None
        for start in starts:
            pixels = np.random.default_rng(start).integers(0, 256, (48, 64, 3), dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = start, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if heard is not None:
            quiet = av.AudioFrame.from_ndarray(
                np.zeros((1, round(sound * 8000)), np.int16), format="s16", layout="mono"
            )
            quiet.sample_rate, quiet.pts = 8000, 0
            container.mux(heard.encode(quiet))
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["matroska", "avi"])
def test_a_video_that_breaks_off_does_not_stand_still(form):
    whole = film(form, list(range(60)))
    assert len(Video.open(whole).frames([0.0, 5.9, 6.0])) == 3
    if form == "matroska":
        half = Video.open(whole[: len(whole) // 2])
        assert half.seconds == pytest.approx(6) and len(half.frames([0.0, 2.0])) == 2
        for times in ([4.5], [0.0, 2.0, 4.0, 5.9]):
            with pytest.raises(NotDecodable, match="breaks off"):
                half.frames(times)


def test_pictures_of_uneven_length_and_sound_that_goes_on_are_no_damage():
    uneven = Video.open(film("matroska", [0, 1, 2, 30, 31, 70]))
    assert len(uneven.frames([0.0, 2.9, 6.9, uneven.seconds])) == 4
    longer = Video.open(film("matroska", list(range(20)), sound=6.0))
    assert longer.seconds == pytest.approx(6) and len(longer.frames([1.9, 5.9])) == 2


def test_the_cover_of_a_recording_stands_for_as_long_as_it_sounds():
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        heard, cover = container.add_stream("aac", rate=16000, layout="mono"), container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        pixels = np.full((48, 64, 3), 80, np.uint8)
        container.mux(cover.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(cover.encode(None))
        for start in range(0, 80_000, 1024):
            quiet = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            quiet.sample_rate, quiet.pts = 16000, start
            container.mux(heard.encode(quiet))
        container.mux(heard.encode(None))
    video = Video.open(buffer.getvalue())
    assert [brightness(each) for each in video.frames([0.0, video.seconds / 2, video.seconds])] == [10, 10, 10]


def test_pictures_that_start_late_last_from_their_first():
    late = Video.open(film("matroska", list(range(50, 70))))
    assert late.seconds == pytest.approx(2) and len(late.frames([0.0, 1.95, late.seconds])) == 3


def test_what_is_no_video_is_an_error_that_names_it(tmp_path, clip):
    path = tmp_path / "clip.mp4"
    for content in (b"words", clip()[:700], clip()[:40]):
        path.write_bytes(content)
        with pytest.raises(NotDecodable) as caught:
            Video.open(path)
        assert str(path) in str(caught.value)

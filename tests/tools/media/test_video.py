"""Videos give the picture shown at a time."""

import struct

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


def test_what_is_no_video_is_an_error_that_names_it(tmp_path, clip):
    path = tmp_path / "clip.mp4"
    for content in (b"words", clip()[:700], clip()[:40]):
        path.write_bytes(content)
        with pytest.raises(NotDecodable) as caught:
            Video.open(path)
        assert str(path) in str(caught.value)

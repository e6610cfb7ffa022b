"""Recordings of every sort become float samples, or a typed error."""

import io
import struct

import av
import numpy as np
import pytest
import soundfile

from panmodal.tools.errors import MissingFile, NotDecodable, TooLarge, WrongArgument
from panmodal.tools.media.audio import Audio
from panmodal.tools.media.limits import Limits


def tone(frequency: float, rate: int = 44100, seconds: float = 0.5) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(int(rate * seconds)) / rate).astype(np.float32) / 2


def saved(samples: np.ndarray, form: str, **options) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 44100, format=form, **options)
    return buffer.getvalue()


def m4a(samples: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44100)
        stream.layout = "stereo"
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="fltp", layout="stereo")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def test_float_samples_are_kept_exactly_and_the_file_is_the_same_every_time():
    samples = np.stack([tone(440), tone(550)], axis=1)
    audio = Audio.from_samples(samples, 44100)
    content, mime = audio.encode()
    read = Audio.open(content)
    assert mime == "audio/wav" and (read.samples == samples).all()
    assert (read.rate, read.channels, read.seconds) == (44100, 2, 0.5)
    assert Audio.from_samples(samples, 44100).encode()[0] == content


@pytest.mark.parametrize(
    ("form", "mime", "tolerance"),
    [
        ("WAV", "audio/wav", 1e-4),
        ("FLAC", "audio/flac", 1e-4),
        ("AIFF", "audio/aiff", 1e-4),
        ("OGG", "audio/ogg", 0.05),
        ("MP3", "audio/mpeg", 0.05),
    ],
)
def test_the_usual_formats_are_read(form, mime, tolerance):
    samples = np.stack([tone(440), tone(880)], axis=1)
    audio = Audio.open(saved(samples, form))
    assert (audio.rate, audio.channels, audio.mime) == (44100, 2, mime)
    assert audio.seconds == pytest.approx(0.5, abs=0.06)
    middle = slice(5000, 15000)
    assert np.abs(audio.samples[middle] - samples[middle]).mean() < tolerance


def test_the_sound_of_other_containers_is_read():
    audio = Audio.open(m4a(np.stack([tone(440)] * 2, axis=1)))
    assert (audio.rate, audio.channels, audio.mime) == (44100, 2, "audio/mp4")
    assert audio.seconds == pytest.approx(0.5, abs=0.1)
    assert np.abs(audio.samples[8000:16000]).max() == pytest.approx(0.5, abs=0.1)


def test_mono_mixes_and_resamples_as_a_band_limited_signal():
    audio = Audio.from_samples(np.stack([tone(1000), tone(1000)], axis=1), 44100)
    low = audio.mono(16000)
    assert low.shape == (8000,) and low.dtype == np.float32
    assert np.abs(low - tone(1000, 16000))[100:-100].max() < 1e-4
    beyond = Audio.from_samples(tone(10000), 44100).mono(16000)  # above what 16 kHz can carry: must vanish, not fold
    assert np.abs(beyond[200:-200]).max() < 1e-3
    opposite = Audio.from_samples(np.stack([tone(300), -tone(300)], axis=1), 44100)
    assert not opposite.mono(44100).any()
    assert Audio.from_samples(np.zeros((0, 1), np.float32), 44100).mono(16000).shape == (0,)


@pytest.mark.parametrize(("count", "rate"), [(1, 8000), (2, 8000), (3, 44100), (10, 44100), (1, 1)])
def test_a_few_samples_are_silence_at_another_rate(count, rate):
    low = Audio.from_samples(np.full(count, 0.5, np.float32), rate).mono(16000)
    assert low.shape == (round(count / rate * 16000),) and not low.any()


def test_a_rate_that_no_resampler_takes_is_refused():
    audio = Audio.from_samples(np.zeros(300_000, np.float32), 3_000_000_000)
    with pytest.raises(WrongArgument, match="3000000000 samples a second"):
        audio.mono(48000)


def test_limits_are_checked_from_the_header():
    content = saved(tone(440), "FLAC")
    with pytest.raises(TooLarge, match="seconds"):
        Audio.open(content, Limits(max_seconds=0.4))
    with pytest.raises(TooLarge, match="bytes"):
        Audio.open(content, Limits(max_bytes=len(content) + 1000))
    container = m4a(np.stack([tone(440)] * 2, axis=1))
    with pytest.raises(TooLarge, match="seconds"):
        Audio.open(container, Limits(max_seconds=0.1))


def test_half_a_recording_is_an_error_that_names_the_file(tmp_path):
    for form in ("WAV", "AIFF", "FLAC"):
        path = tmp_path / f"half.{form.lower()}"
        content = saved(tone(440), form)
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(NotDecodable) as caught:
            Audio.open(path)
        assert str(path) in str(caught.value)
    with pytest.raises(MissingFile):
        Audio.open(tmp_path / "absent.wav")
    with pytest.raises(NotDecodable):
        Audio.open(b"only words")


def test_a_wav_written_to_a_pipe_is_read_although_its_header_does_not_know_the_length():
    content = bytearray(saved(tone(440), "WAV"))
    content[4:8] = content[40:44] = struct.pack("<I", 0xFFFFFFFF)
    assert Audio.open(bytes(content)).seconds == 0.5


def test_playlists_are_not_followed(tmp_path):
    secret = tmp_path / "secret.wav"
    secret.write_bytes(saved(tone(440), "WAV"))
    for playlist in (f"#EXTM3U\n#EXTINF:1,\n{secret}\n", f"ffconcat version 1.0\nfile {secret}\n"):
        with pytest.raises(NotDecodable):
            Audio.open(playlist.encode())


@pytest.mark.parametrize(
    ("samples", "rate"),
    [
        (np.zeros(4), 8000),
        (np.zeros(4, np.int16), 8000),
        (np.zeros((2, 0), np.float32), 8000),
        (np.full(4, np.nan, np.float32), 8000),
        (np.zeros(4, np.float32), 0),
    ],
)
def test_samples_of_another_type_are_refused(samples, rate):
    with pytest.raises(WrongArgument):
        Audio.from_samples(samples, rate)

"""Recordings: float samples at a stated rate."""

import io
import struct
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, NotDecodable, WrongArgument
from .arrays import frozen
from .artifact import Artifact, identity
from .containers import audio_samples
from .limits import Limits
from .source import read_source

_MIMES = {
    "WAV": "audio/wav", "WAVEX": "audio/wav", "RF64": "audio/wav", "FLAC": "audio/flac", "OGG": "audio/ogg",
    "MP3": "audio/mpeg", "AIFF": "audio/aiff", "AU": "audio/basic", "CAF": "audio/x-caf",
}  # fmt: skip
_SAMPLE_BYTES = 4
_UNKNOWN_LENGTH = 2**62  # what libsndfile says of a stream that does not tell how long it is


class Audio(Artifact):
    """A recording of ``seconds`` at ``rate`` samples a second on ``channels`` channels."""

    kind: ClassVar[str] = "audio"
    rate: int
    channels: int
    seconds: float

    @classmethod
    def from_samples(cls, samples: NDArray[np.float32], rate: int) -> Self:
        """A recording of float32 ``samples`` x channels (or of one channel), full scale -1 to 1. Copies.

        Raises WrongArgument for another dtype or shape, numbers not finite, or a rate that is not positive.
        """
        array = np.asarray(samples)
        if array.ndim == 1:
            array = array[:, None]
        if array.dtype != np.float32 or array.ndim != 2 or array.shape[1] == 0 or not np.isfinite(array).all():
            raise WrongArgument(
                f"a recording needs samples x channels finite float32, got {array.shape} {array.dtype}",
                hint="divide integer samples by their full scale and convert with .astype(numpy.float32)",
                field="samples",
            )
        if rate <= 0:
            raise WrongArgument(f"a rate of {rate} samples a second", field="rate")
        facts = {"rate": int(rate), "channels": array.shape[1], "seconds": len(array) / rate}
        array = frozen(array)
        return cls._made(array, id=partial(identity, cls.kind, {"rate": int(rate)}, array), mime="audio/wav", **facts)

    @classmethod
    def open(cls, source: str | Path | bytes, limits: Limits | None = None, *, name: str = "") -> Self:
        """The recording of a file: wav, flac, ogg, mp3, aiff, or the sound of any container that PyAV opens.

        Raises MissingFile, TooLarge (from the header), or NotDecodable, each naming the file.
        """
        limits = limits or Limits()
        name, content = read_source(source, limits, name)
        samples, rate, mime = _samples(content, name, limits)
        facts = {"rate": rate, "channels": samples.shape[1], "seconds": len(samples) / rate}
        return cls._read(content, samples, mime=mime, **facts)

    @property
    def samples(self) -> NDArray[np.float32]:
        """Samples x channels float32, full scale -1 to 1, read-only."""
        array: NDArray[np.float32] = self._loaded()
        return array

    @property
    def empty(self) -> bool:
        """Whether there is no sample."""
        return self.seconds == 0

    def mono(self, rate: int) -> NDArray[np.float32]:
        """The mean of the channels at ``rate`` samples a second: float32 of round(seconds * rate), read-only."""
        mixed = self.samples.mean(axis=1, dtype=np.float32)
        return frozen(mixed if rate == self.rate else _resampled(mixed, self.rate, rate))

    def _decode(self, content: bytes) -> NDArray[np.float32]:
        # What the handle says bounds what is decoded, whatever limits it was once ingested under.
        seconds = max(self.seconds, 1e-6) * 1.01
        size = int(seconds * self.rate + 1) * self.channels * _SAMPLE_BYTES
        limits = Limits(max_seconds=seconds, max_bytes=max(size, len(content)))
        return _samples(content, self._name, limits)[0]

    def _encode(self, payload: Any) -> bytes:
        return _wav(payload, self.rate)


def _samples(content: bytes, name: str, limits: Limits) -> tuple[NDArray[np.float32], int, str]:
    import soundfile

    _check_whole(content, name)
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            if file.frames < _UNKNOWN_LENGTH:
                limits.check_seconds(file.frames / file.samplerate, name)
                limits.check_bytes(file.frames * file.channels * _SAMPLE_BYTES, name)
                samples = file.read(dtype="float32", always_2d=True)
                if len(samples) < file.frames:
                    raise NotDecodable(f"{name} breaks off after {len(samples)} of {file.frames} samples", name=name)
                return frozen(samples), file.samplerate, _MIMES.get(file.format, "audio/x-unknown")
    except InputError:
        raise
    except soundfile.LibsndfileError:
        pass  # not one of libsndfile's formats; it may be a container such as m4a or webm
    except Exception as error:
        raise NotDecodable(f"{name} is a damaged recording: {error}", name=name) from error
    return audio_samples(content, name, limits)


def _check_whole(content: bytes, name: str) -> None:
    """Refuse a RIFF or AIFF file shorter than its header says, of which libsndfile would give the beginning."""
    if content[:4] not in (b"RIFF", b"FORM") or len(content) < 12:
        return
    (size,) = struct.unpack("<I" if content[:4] == b"RIFF" else ">I", content[4:8])
    # A writer to a pipe cannot go back to fill in the size and leaves the largest number there.
    if size < 0xFFFFFF00 and len(content) < size + 8:
        raise NotDecodable(
            f"{name} is incomplete: {len(content)} of {size + 8} bytes", hint="get the whole file", name=name
        )


def _wav(samples: NDArray[np.float32], rate: int) -> bytes:
    """IEEE float WAV. Not by libsndfile, which writes the time of day into such files: bytes must not vary."""
    frames, channels = samples.shape
    data = samples.astype("<f4", copy=False).tobytes()
    block = channels * _SAMPLE_BYTES
    form = struct.pack("<4sIHHIIHHH", b"fmt ", 18, 3, channels, rate, rate * block, block, 8 * _SAMPLE_BYTES, 0)
    fact = struct.pack("<4sII", b"fact", 4, frames)
    body = b"WAVE" + form + fact + struct.pack("<4sI", b"data", len(data)) + data
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def _resampled(samples: NDArray[np.float32], rate: int, wanted: int) -> NDArray[np.float32]:
    import av

    length = round(len(samples) * wanted / rate)
    if length == 0:
        return np.zeros(0, dtype=np.float32)
    frame = av.AudioFrame.from_ndarray(samples[None, :], format="flt", layout="mono")
    try:
        frame.sample_rate = rate
        resampler = av.AudioResampler(format="flt", layout="mono", rate=wanted)
        parts = [part.to_ndarray()[0] for part in [*resampler.resample(frame), *resampler.resample(None)]]
    except (av.FFmpegError, OverflowError) as error:
        raise WrongArgument(
            f"a recording of {rate} samples a second cannot be heard at {wanted}",
            hint="save it at a usual rate, such as 48000",
            field="rate",
        ) from error
    # Of fewer samples than the filter is long nothing comes out.
    whole = np.concatenate([np.zeros(0, np.float32), *parts])[:length]
    return np.pad(whole, (0, length - len(whole)))

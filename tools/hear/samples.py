"""The samples of recordings as these tools need them: checked, and changed by FFmpeg's filters."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..errors import EmptyInput, NotDecodable, WrongArgument
from ..media.audio import Audio

Samples = NDArray[np.float32]
"""Samples x channels, full scale -1 to 1."""
Filter = tuple[str, str]
"""A filter's name and its arguments, as FFmpeg writes them."""
_LAYOUTS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 24)  # numbers of channels that FFmpeg has an arrangement for
_FASTEST = 2_000_000  # samples a second; above it some filters end the process


def checked(audio: Audio) -> Audio:
    """The recording; raises ``NotDecodable`` where some samples are no numbers, which damaged float files have."""
    wrong = np.flatnonzero(~np.isfinite(audio.samples).all(axis=1))
    if len(wrong):
        raise NotDecodable(
            f"the recording is damaged: {len(wrong)} of {len(audio.samples)} samples are no numbers, the first at "
            f"{wrong[0] / audio.rate:g} s",
            hint="save or download it again",
        )
    return audio


def some(audio: Audio, purpose: str) -> Samples:
    """The samples, checked; raises ``EmptyInput`` where there are none to do ``purpose`` with."""
    if audio.empty:
        raise EmptyInput(f"nothing to {purpose}: the recording has no samples", kind=audio.kind)
    return checked(audio).samples


def filtered(samples: Samples, rate: int, filters: Sequence[Filter], least: int = 1) -> Samples:
    """The samples after a chain of FFmpeg's audio filters, of which the last decides how many there are.

    ``least`` is the lowest rate that the filters take. Raises ``WrongArgument`` for a rate or channels beyond bounds.
    """
    import av  # loads native libraries: not on the light path

    wanted = samples.shape[1]
    _within_bounds(rate, wanted, least)
    channels = next(each for each in _LAYOUTS if each >= wanted)
    samples = np.pad(samples, ((0, 0), (0, channels - wanted)))
    layout = {1: "mono", 2: "stereo"}.get(channels, f"{channels}c")
    graph = av.filter.Graph()
    source = graph.add_abuffer(format="flt", sample_rate=rate, layout=layout, time_base=Fraction(1, rate))
    # Some filters give doubles, or planes.
    chain = [graph.add(name, arguments) for name, arguments in (*filters, ("aformat", "sample_fmts=flt"))]
    graph.link_nodes(source, *chain, graph.add("abuffersink"))
    graph.configure()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples).reshape(1, -1), format="flt", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    graph.push(frame)
    graph.push(None)
    parts: list[Samples] = []
    while True:
        try:
            parts.append(graph.pull().to_ndarray().reshape(-1, channels))
        except (av.BlockingIOError, av.EOFError):
            whole = np.concatenate(parts) if parts else np.zeros((0, channels), np.float32)
            return whole[:, :wanted]


def _within_bounds(rate: int, channels: int, least: int) -> None:
    """Refuse what FFmpeg's filters answer with a foreign error, or with the end of the process."""
    if not least <= rate <= _FASTEST:
        raise WrongArgument(
            f"a recording of {rate} samples a second cannot be changed like this",
            hint=f"give one of {least} to {_FASTEST} samples a second",
            field="rate",
        )
    if channels > _LAYOUTS[-1]:
        raise WrongArgument(
            f"a recording of {channels} channels cannot be changed like this",
            hint=f"give one of 1 to {_LAYOUTS[-1]} channels",
            field="channels",
        )


def fitted(samples: Samples, length: int) -> Samples:
    """Exactly ``length`` samples: cut, or filled up with silence."""
    return np.pad(samples[:length], ((0, max(0, length - len(samples))), (0, 0)))


def resampled(samples: Samples, rate: int, wanted: int) -> Samples:
    """The samples at another rate, as long in seconds as before."""
    if rate == wanted:
        return samples
    return fitted(filtered(samples, rate, [("aresample", str(wanted))]), round(len(samples) * wanted / rate))


def within(samples: Samples) -> Samples:
    """The samples made softer as a whole where any lies beyond full scale, which would be clipped."""
    peak = np.abs(samples).max(initial=0.0)
    return samples if peak <= 1 else samples / np.float32(peak)

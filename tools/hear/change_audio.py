"""Change how a recording sounds."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field

from ..card import Card
from ..contract import tool
from ..errors import WrongArgument
from ..media.audio import Audio
from .samples import Filter, Samples, filtered, fitted, some

Effect = Literal["louder", "quieter", "faster", "slower", "fade_in", "fade_out", "reversed", "normalised"]

CARD = Card(
    bad_at="taking noise away, changing the pitch; speech at more than twice its pace is hard to follow",
    cost="cpu",
    keeps="form",
    examples=(
        "make the recording {effect}", "make the audio {effect} by {amount}", "make it sound {effect}",
        "turn the volume up", "turn it down", "speed the recording up", "slow the recording down",
        "play the recording backwards", "{effect} the audio over {amount} seconds", "let the sound {effect}",
        "normalise the volume of the recording",
        "把录音变{effect}", "把声音{effect}", "录音{effect}", "让音频{effect}",
    ),
    answer={"en": "The recording is changed ({effect}).", "zh": "已处理录音（{effect}）。"},
)  # fmt: skip

_LIMITER: Filter = ("alimiter", "limit=1:level=false:latency=true")  # bends peaks down where they would be clipped
_SLOWEST = 0.5  # of one atempo filter
_ROOM = 0.2  # seconds of silence after what is stretched: the filter keeps back that much
_LOWEST = 200  # samples a second: the limiter and atempo need as many, below it atempo may end the process
_PEAK = 10 ** (-1 / 20)  # 1 dB under full scale


class _Way(NamedTuple):
    """How an effect is made: its filters for an amount, and what amounts there are."""

    filters: Callable[[float, float], list[Filter]]
    """Of the amount and the recording's seconds."""
    usual: float
    most: float
    unit: str
    least_rate: int = 1
    """Samples a second that the filters need."""


def _paced(factor: float) -> list[Filter]:
    steps: list[Filter] = []
    while factor < _SLOWEST:
        steps.append(("atempo", str(_SLOWEST)))
        factor /= _SLOWEST
    return [*steps, ("atempo", f"{factor:.6f}")]


_WAYS: Mapping[Effect, _Way] = MappingProxyType(
    {
        "louder": _Way(lambda amount, _: [("volume", f"{amount:.6f}dB"), _LIMITER], 6, 60, "dB", _LOWEST),
        "quieter": _Way(lambda amount, _: [("volume", f"-{amount:.6f}dB")], 6, 60, "dB"),
        "faster": _Way(lambda amount, _: _paced(amount), 1.5, 8, "times", _LOWEST),
        "slower": _Way(lambda amount, _: _paced(1 / amount), 1.5, 8, "times", _LOWEST),
        "fade_in": _Way(lambda amount, _: [("afade", f"t=in:d={amount:.6f}")], 1, 60, "seconds"),
        "fade_out": _Way(
            lambda amount, whole: [("afade", f"t=out:st={max(0.0, whole - amount):.6f}:d={min(amount, whole):.6f}")],
            1, 60, "seconds",
        ),
        "reversed": _Way(lambda _, __: [("areverse", "")], 0, 0, ""),
        "normalised": _Way(lambda _, __: [], 0, 0, ""),
    }
)  # fmt: skip


@tool(card=CARD)
def change_audio(audio: Audio, effect: Effect, amount: Annotated[float, Field(ge=0)] = 0.0) -> Audio:
    """Make a recording louder or quieter, faster or slower, fade it in or out, turn it round, or normalise it.

    Louder and quieter by decibels, peaks bent down below full scale; faster and slower by a factor (2 takes half, or
    twice, the time), the pitch stays; fades over seconds; normalised, its highest peak is 1 dB under full scale.
    Silence stays silence. Raises ``WrongArgument`` for an amount that cannot be and for a recording of a rate or of
    channels that the effect does not take, ``EmptyInput`` for one without samples, ``NotDecodable`` for damaged ones.

    Args:
        audio: the recording to change
        effect: what to do
        amount: how much: decibels (up to 60), a factor (1 to 8) or seconds (up to 60); 0 for 6 dB, 1.5 times, 1 second
    """
    samples = some(audio, "change")
    way = _WAYS[effect]
    amount = _amount(effect, way, amount)
    if effect == "normalised":
        peak = float(np.abs(samples).max())
        return audio if peak == 0 else Audio.from_samples(samples * np.float32(_PEAK / peak), audio.rate)
    filters = way.filters(amount, audio.seconds)
    if effect in ("faster", "slower"):
        return Audio.from_samples(_stretched(samples, audio.rate, filters, amount, effect == "slower"), audio.rate)
    return Audio.from_samples(filtered(samples, audio.rate, filters, way.least_rate), audio.rate)


def _amount(effect: Effect, way: _Way, amount: float) -> float:
    least = 1.0 if way.unit == "times" else 0.0
    if amount == 0 or not way.unit:
        return way.usual
    if not least <= amount <= way.most:
        raise WrongArgument(
            f"{effect} by {amount:g} {way.unit}", hint=f"give {least:g} to {way.most:g} {way.unit}", field="amount"
        )
    return amount


def _stretched(samples: Samples, rate: int, filters: list[Filter], factor: float, slower: bool) -> Samples:
    """The samples at another pace, exactly as long as that makes them."""
    length = max(1, round(len(samples) * factor if slower else len(samples) / factor))
    return fitted(filtered(fitted(samples, len(samples) + round(_ROOM * rate)), rate, filters, _LOWEST), length)

"""Recordings are mixed, cut and changed, sample for sample as they should be."""

from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest

from panmodal.tools.errors import EmptyInput, NotDecodable, WrongArgument
from panmodal.tools.hear.change_audio import Effect, change_audio
from panmodal.tools.hear.classify_sound import classify_sound
from panmodal.tools.hear.cut_audio import cut_audio
from panmodal.tools.hear.generate_audio import generate_audio
from panmodal.tools.hear.mix import mix
from panmodal.tools.media.audio import Audio
from panmodal.tools.media.spans import Spans
from panmodal.tools.roles import StepContext

from .conftest import recording

RATE = 8_000
RNG = np.random.default_rng(0)


def tone(hertz: float, seconds: float, level: float = 0.3, rate: int = RATE) -> np.ndarray:
    return (np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate) * level).astype(np.float32)


def pitch(samples: np.ndarray, rate: int) -> float:
    """The loudest frequency, in Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * rate / len(samples)


def damaged() -> Audio:
    import io

    import soundfile

    file = io.BytesIO()
    soundfile.write(file, np.array([0, np.inf], np.float32), RATE, format="WAV", subtype="FLOAT")
    return Audio.open(file.getvalue())


def test_recordings_are_added_from_their_beginnings() -> None:
    one, two = tone(300, 1.0), tone(500, 0.4)
    found = mix([recording(one, RATE), recording(two, RATE)])
    assert (found.rate, found.channels, found.seconds) == (RATE, 1, 1.0)
    assert np.array_equal(found.samples[:, 0], one + np.pad(two, (0, len(one) - len(two))))
    assert mix([recording(one, RATE)]) == recording(one, RATE)


def test_a_mix_has_the_highest_rate_and_the_most_channels() -> None:
    low, high = tone(300, 1.0), np.stack([tone(900, 0.5, rate=16_000), np.zeros(8_000, np.float32)], axis=1)
    found = mix([recording(low, RATE), recording(high, 16_000)])
    assert (found.rate, found.channels, found.seconds) == (16_000, 2, 1.0)
    right = found.samples[:, 1]  # only what had one channel
    assert pitch(right, 16_000) == pytest.approx(300, abs=2)
    assert np.abs(right[1000:-1000] - tone(300, 1.0, rate=16_000)[1000:-1000]).max() < 0.01
    assert np.abs(found.samples[1000:7000, 0] - right[1000:7000] - high[1000:7000, 0]).max() < 1e-6


def test_nothing_is_clipped() -> None:
    loud = tone(300, 0.5, 0.9)
    found = mix([recording(loud, RATE), recording(loud, RATE)]).samples[:, 0]
    assert np.abs(found).max() == pytest.approx(1)
    assert np.allclose(found, loud / np.abs(loud).max(), atol=1e-6)


def test_six_channels_and_one_sample_mix_too() -> None:
    surround = recording(RNG.normal(0, 0.1, (400, 6)), RATE)
    found = mix([surround, recording([0.25], RATE), recording(np.zeros((10, 2)), 16_000)])
    assert (found.channels, found.rate) == (6, 16_000)
    assert mix([surround, recording([0.25], RATE)]).samples[0] == pytest.approx(surround.samples[0] + 0.25)
    front = mix([recording(np.zeros((5, 6)), RATE), recording([[0.1, 0.2]], RATE)]).samples
    assert front[0] == pytest.approx([0.1, 0.2, 0, 0, 0, 0])


def test_a_part_is_kept_between_two_times() -> None:
    samples = RNG.uniform(-1, 1, (RATE * 4, 2)).astype(np.float32)
    audio = recording(samples, RATE)
    for arguments, first, last in (
        ((1.0, 2.5), 1.0, 2.5), ((3.0,), 3.0, 4.0), ((-1.5,), 2.5, 4.0), ((0.0, -1.0), 0.0, 3.0),
        ((-9.0, 0.5), 0.0, 0.5), ((3.5, 60.0), 3.5, 4.0), ((), 0.0, 4.0),
    ):  # fmt: skip
        assert np.array_equal(cut_audio(audio, *arguments).samples, samples[round(first * RATE) : round(last * RATE)])
    for arguments in ((2.0, 1.0), (4.0,), (5.0, 9.0), (0.0, -4.0)):
        with pytest.raises(WrongArgument, match="has nothing in it"):
            cut_audio(audio, *arguments)
    with pytest.raises(WrongArgument, match="from 5 to 4 s of a recording of 4 s"):
        cut_audio(audio, 5.0)


def test_spans_are_kept_once_and_joined() -> None:
    samples = RNG.uniform(-1, 1, RATE * 4).astype(np.float32)
    audio = recording(samples, RATE)
    spans = Spans.of([(3.0, 3.5), (0.5, 1.0), (0.75, 1.25), (3.9, 7.0)])
    wanted = np.concatenate([samples[4_000:10_000], samples[24_000:28_000], samples[31_200:]])
    assert np.array_equal(cut_audio(audio, spans=spans).samples[:, 0], wanted)
    with pytest.raises(EmptyInput, match="there is no span"):
        cut_audio(audio, spans=Spans.of([]))
    with pytest.raises(EmptyInput, match="nothing is left: the recording is 4 s long"):
        cut_audio(audio, spans=Spans.of([(5.0, 6.0)]))


def test_a_sound_that_was_heard_is_cut_out(model: Callable[[str], Any]) -> None:
    made = [
        generate_audio(name, 4.0, sound_generator=model("sound_generator"), step=StepContext())
        for name in ("rain", "siren", "rain")
    ]
    audio = recording(np.concatenate([each.samples for each in made]))
    spans = classify_sound(audio, ["siren"], sound_classifier=model("sound_classifier"))
    assert np.array_equal(cut_audio(audio, spans=spans).samples, made[1].samples)


def test_louder_and_quieter_go_by_decibels() -> None:
    audio = recording(RNG.uniform(-0.3, 0.3, (RATE, 2)), RATE)
    for effect, amount, factor in (("louder", 0, 10**0.3), ("louder", 3, 10**0.15), ("quieter", 20, 0.1)):
        found = change_audio(audio, effect, amount)  # type: ignore[arg-type]
        assert np.allclose(found.samples, audio.samples * factor, atol=1e-6)
    loud = change_audio(recording(tone(300, 1.0, 0.8), RATE), "louder", 12)
    assert np.abs(loud.samples).max() <= 1
    assert pitch(loud.samples[:, 0], RATE) == pytest.approx(300, abs=2)
    inner = np.abs(loud.samples[2000:-2000, 0])
    assert (inner > 0.999).mean() < 0.1  # peaks are bent, not cut off


@pytest.mark.parametrize(("effect", "amount", "seconds"), [
    ("faster", 0.0, 2 / 1.5), ("faster", 3.0, 2 / 3), ("slower", 2.0, 4.0), ("slower", 5.0, 10.0), ("faster", 1.0, 2.0),
])  # fmt: skip
def test_another_pace_keeps_the_pitch(effect: Effect, amount: float, seconds: float) -> None:
    audio = recording(np.stack([tone(440, 2.0), tone(880, 2.0)], axis=1), RATE)
    found = change_audio(audio, effect, amount)
    assert found.seconds == pytest.approx(seconds, abs=1 / RATE) and found.rate == RATE
    assert pitch(found.samples[:, 0], RATE) == pytest.approx(440, abs=4)
    assert pitch(found.samples[:, 1], RATE) == pytest.approx(880, abs=4)
    assert np.std(found.samples) == pytest.approx(np.std(audio.samples), rel=0.1)


def test_fades_begin_and_end_in_silence() -> None:
    audio = recording(np.full(RATE * 3, 0.5), RATE)
    rising = change_audio(audio, "fade_in", 2).samples[:, 0]
    assert rising[0] == pytest.approx(0, abs=1e-3) and np.all(np.diff(rising) >= 0)
    assert rising[RATE] == pytest.approx(0.25, abs=0.01) and np.all(rising[2 * RATE :] == 0.5)
    falling = change_audio(audio, "fade_out").samples[:, 0]
    assert np.all(falling[: 2 * RATE] == 0.5) and falling[-1] == pytest.approx(0, abs=1e-3)
    whole = change_audio(recording(np.full(RATE, 0.5), RATE), "fade_out", 30).samples[:, 0]
    assert whole[0] == pytest.approx(0.5, abs=1e-3) and whole[-1] == pytest.approx(0, abs=1e-3)


def test_turned_round_and_normalised() -> None:
    audio = recording(RNG.uniform(-0.2, 0.1, (1000, 2)), RATE)
    assert np.array_equal(change_audio(audio, "reversed").samples, audio.samples[::-1])
    found = change_audio(audio, "normalised")
    assert np.abs(found.samples).max() == pytest.approx(10 ** (-1 / 20))
    assert np.allclose(found.samples / audio.samples, found.samples[0, 0] / audio.samples[0, 0], rtol=1e-5)


@pytest.mark.parametrize("effect", get_args(Effect))
def test_every_effect_takes_what_is_short_silent_or_many_channelled(effect: Effect) -> None:
    for samples, rate in ((np.zeros((RATE, 1)), RATE), (RNG.normal(0, 0.1, (2_000, 8)), 48_000), ([[0.5]], RATE)):
        found = change_audio(recording(samples, rate), effect)
        assert found.rate == rate and found.channels == np.shape(samples)[1] and not found.empty
        assert np.abs(found.samples).max() <= max(1, np.abs(samples).max())
    with pytest.raises(EmptyInput, match="the recording has no samples"):
        change_audio(recording(np.zeros(0), RATE), effect)
    with pytest.raises(NotDecodable, match="no numbers"):
        change_audio(damaged(), effect)


@pytest.mark.parametrize("rate", [1, 2, 7, 24, 100, 10_000_000])
def test_rates_that_filters_do_not_take_are_refused_before_they_are_asked(rate: int) -> None:
    audio = recording(RNG.normal(0, 0.1, 500), rate)
    for effect in ("faster", "slower", "louder"):
        with pytest.raises(WrongArgument, match=f"{rate} samples a second") as caught:
            change_audio(audio, effect)  # type: ignore[arg-type]
        assert caught.value.facts["field"] == "rate" and "200 to 2000000" in caught.value.hint
    assert rate > 1000 or change_audio(audio, "quieter").rate == rate


def test_channels_up_to_a_bound_are_changed_whatever_their_number() -> None:
    for channels in (9, 23):
        audio = recording(RNG.normal(0, 0.1, (500, channels)), RATE)
        found = change_audio(audio, "quieter", 20)
        assert np.allclose(found.samples, audio.samples * 0.1, atol=1e-6)
    with pytest.raises(WrongArgument, match="64 channels.*1 to 24 channels") as caught:
        change_audio(recording(np.zeros((10, 64)), RATE), "faster")
    assert caught.value.facts["field"] == "channels"


def test_what_cannot_be_done_is_told() -> None:
    audio = recording(tone(300, 0.2), RATE)
    for effect, amount, hint in (
        ("louder", 61, "0 to 60 dB"),
        ("faster", 0.5, "1 to 8 times"),
        ("fade_in", 61, "seconds"),
    ):
        with pytest.raises(WrongArgument, match=hint):
            change_audio(audio, effect, amount)  # type: ignore[arg-type]
    with pytest.raises(EmptyInput, match="there is no recording"):
        mix([])
    for bad, error in ((recording(np.zeros(0), RATE), EmptyInput), (damaged(), NotDecodable)):
        with pytest.raises(error):
            mix([audio, bad])
        with pytest.raises(error):
            cut_audio(bad, 0.0, 1.0)

"""What measures the sound generator: its prompts are understood, and none of its sounds trained the classifier."""

import pytest

from panmodal.agent.lab.mini import sound_generator as part
from panmodal.agent.lab.mini.apart import Overlap
from panmodal.agent.lab.mini.shipped import shipped
from panmodal.agent.lab.world.scenes import stream
from panmodal.agent.lab.world.sounds import SOUNDS
from panmodal.tools.loaders.sound_words import sounds_in
from panmodal.tools.media.spans import Spans


def test_every_wording_names_its_sound_alone_and_all_are_asked_for() -> None:
    for sound, wordings in part.WORDINGS.items():
        assert all(sounds_in(text, SOUNDS) == [sound] for text in wordings), sound
    asked = part._asked(1, part.DEFAULT_N)
    assert len({(each.prompt, each.seconds) for each in asked}) == part.DEFAULT_N
    assert {each.sound for each in part._asked(1, len(SOUNDS))} == set(SOUNDS)


def test_what_is_made_is_heard_as_what_was_asked_for() -> None:
    (job,) = part.jobs(shipped(part.USES), seed=5, n=16)
    heard, seconds = job()
    assert heard.key == "sound_generator.heard_as_asked" and heard.value >= 0.8 and heard.counts
    assert 0 < seconds.value < 1


def test_the_strongest_sound_is_that_of_the_highest_score() -> None:
    spans = Spans.of([(0, 1), (0, 1), (1, 2)], ["rain", "bell", "rain"], [0.3, 0.9, 0.5])
    assert part.strongest(spans) == "bell"


def test_sounds_that_trained_the_classifier_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert part.apart(0, 4)["recordings"]["shared"] == 0
    monkeypatch.setattr(part, "shape", lambda sound, seed: stream("train", 7, "timbres"))
    with pytest.raises(Overlap, match="1 sounds have the random numbers"):
        part.apart(0, 4)

"""`kill -9` at any moment, then resume: no finished step runs again, and the answer is the same."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("kill_trials.py")
MODELS_SCRIPT = Path(__file__).with_name("kill_models.py")
# What a run writes to its file, in order but for what runs side by side: planning, six steps (one of them three
# elements), the moment before the answer is composed, and the one after it is written down.
LINES = ["plan", "s1", "s2", "s3", "s4", "mark", "mark", "mark", "s6", "composing", "answered"]
PAUSE_SECONDS = 0.04


def trials(folder: Path, count: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The outcome of a run that nobody kills, and of `count` that are killed at moments spread over all of it."""
    # The first round begins early in every pause, so that each is surely hit; later ones are spread.
    parts = [0.1 if number < len(LINES) else 1.2 * (number * 0.618 % 1) for number in range(count)]
    moments = [f"{number % len(LINES) + 1}:{PAUSE_SECONDS * part:.4f}" for number, part in enumerate(parts)]
    processes = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), str(folder / str(part)), *moments[part::2]],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        for part in range(2)
    ]
    told = [[json.loads(line) for line in process.communicate()[0].splitlines()] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert told[0][0]["result"] == told[1][0]["result"]
    assert set(told[0][0]["executions"].values()) == {1}
    return told[0][0], [*told[0][1:], *told[1][1:]]


def check(whole: dict[str, Any], killed: list[dict[str, Any]], count: int) -> None:
    assert len(killed) == count
    hit: set[str] = set()
    for trial in killed:
        assert trial is not None, "a run ended before it could be killed, five times over"
        assert trial["code"] == 0, "the run could not be resumed"
        assert trial["result"] == whole["result"]
        before, after = trial["executed_before"], trial["executions"]
        assert set(after) >= set(whole["executions"]) - {"composing", "answered"}
        # What the journal held is not done again; neither is what something else was already built on.
        kept = [*trial["journalled"], *(["plan"] if "plan" in trial["facts"] else [])]
        for name in kept:
            assert after.get(name, 0) == before.get(name, 0), f"{name} was finished and ran again: {trial}"
        needs = {"s1": ["plan"], "s2": ["s1"], "s3": ["s1"], "s4": ["s2"], "s6": ["s3", "s4"], "composing": ["s6"]}
        for name, needed in needs.items():
            if name in before:
                assert all(after[each] == 1 for each in needed), f"{name} had begun, and {needed} ran again: {trial}"
        assert max(after.values()) <= 2
        hit.add(list(before)[-1].split()[0])
    assert hit >= set(LINES) - {"s2", "s3"} and hit & {"s2", "s3"}, f"only {sorted(hit)} were hit"


def test_a_killed_run_goes_on_where_its_journal_ends(tmp_path: Path) -> None:
    check(*trials(tmp_path, 12), 12)


@pytest.mark.slow
def test_fifty_killed_runs_go_on_where_their_journals_end(tmp_path: Path) -> None:
    check(*trials(tmp_path, 50), 50)


def with_models(folder: Path, until: dict[str, str] | None) -> str:
    """The last line of a request on real models that is killed at the event `until` (None: never)."""
    folder.mkdir(exist_ok=True)
    last = ""
    with subprocess.Popen(
        [sys.executable, str(MODELS_SCRIPT), str(folder)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for last in process.stdout:
            if until is not None and json.loads(last) == until:
                process.kill()
    assert process.returncode == (0 if until is None else -signal.SIGKILL)
    return last


@pytest.mark.slow
@pytest.mark.parametrize(
    ("until", "executions"),
    [
        ({"type": "step-finished", "step": "s1"}, {"find": 1, "outline": None, "area": 1}),
        ({"type": "model-loaded", "step": "segmenter"}, {"find": 1, "outline": None, "area": 1}),
    ],
)
def test_a_killed_run_on_real_models_gives_the_same_answer(
    tmp_path: Path, until: dict[str, str], executions: dict[str, int | None]
) -> None:
    whole = json.loads(with_models(tmp_path / "whole", None))
    assert whole["status"] == "answered"
    with_models(tmp_path / "killed", until)
    assert json.loads(with_models(tmp_path / "killed", None)) == whole
    lines = (tmp_path / "killed" / "log").read_text().splitlines()
    for name, count in executions.items():
        assert lines.count(name) == count if count is not None else 1 <= lines.count(name) <= 2

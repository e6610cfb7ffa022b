"""The journal: what is appended comes back, whatever dies in between."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from panmodal.agent.journal import ItemRecord, Journal, StepRecord
from panmodal.tools.errors import ResumeError


def test_steps_and_facts_come_back_as_they_were(tmp_path: Path) -> None:
    records = [
        StepRecord(
            "s1", "done", {"$artifact": {"kind": "image", "id": "ab"}}, None, 0.25, 1700000000.5, [{"role": "mllm"}]
        ),
        StepRecord(
            "s2", "failed", None, {"code": "tool", "message": "没有圆", "hint": "", "facts": {}}, 0.1, 1700000001.0
        ),
        StepRecord("s3", "not_run", error={"code": "not-run", "message": "s2", "hint": "", "facts": {}}),
    ]
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal.put_meta("request", "切出最大的圆")
        journal.put_meta("request", "cut the largest circle out")
        journal.append(records[:2])
        journal.append_step(records[2])
    with Journal(tmp_path / "journal.sqlite") as journal:
        assert list(journal.steps().values()) == records
        assert journal.meta == {"version": 1, "request": "cut the largest circle out"}


def test_the_last_record_of_a_step_counts(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal.append_step(StepRecord("s1", "cancelled"))
        journal.append_step(StepRecord("s1", "done", 3))
        assert journal.steps()["s1"].status == "done"


def test_elements_come_back_in_order_and_make_their_steps_output(tmp_path: Path) -> None:
    items = [ItemRecord(2, "done", "c"), ItemRecord(0, "done", "a"), ItemRecord(1, "failed", None, {"code": "tool"})]
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal.append([("s1", items[0]), ("s1", items[1])])
        assert list(journal.items()["s1"]) == [0, 2]
        assert "s1" not in journal.steps()
        journal.append([("s1", items[2]), StepRecord("s1", "done", items=items)])
        record = journal.steps()["s1"]
    assert record.output == ["a", "c"]
    assert record.items is not None and [item.index for item in record.items] == [0, 1, 2]


def test_a_lone_surrogate_of_a_file_name_is_kept(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal.put_meta("file", "bild-\udce4.png")
        journal.append_step(StepRecord("s1", "done", "\udce4"))
    with Journal(tmp_path / "journal.sqlite") as journal:
        assert journal.meta["file"] == "bild-\udce4.png"
        assert journal.steps()["s1"].output == "\udce4"


def test_a_file_that_is_no_journal_and_one_of_another_version_are_named(tmp_path: Path) -> None:
    other = tmp_path / "notes.sqlite"
    other.write_text("this is a shopping list, not a database, and it is long enough to be read as one" * 20)
    with pytest.raises(ResumeError, match=r"notes\.sqlite is not a readable journal"):
        Journal(other)
    newer = tmp_path / "newer.sqlite"
    with Journal(newer) as journal:
        journal.put_meta("version", 2)
    with pytest.raises(ResumeError, match="version 2"):
        Journal(newer)


@pytest.mark.parametrize("synchronous", ["NORMAL", "FULL"])
def test_what_was_appended_survives_a_process_that_dies_without_closing(tmp_path: Path, synchronous: str) -> None:
    path = tmp_path / "journal.sqlite"
    code = (
        "import os, sys; from panmodal.agent.journal import Journal, StepRecord; "
        f"journal = Journal(sys.argv[1], {synchronous!r}); "
        "journal.append([StepRecord('a', 'done', 1), StepRecord('b', 'done', 2)]); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 9
    with Journal(path) as journal:
        assert {key: record.output for key, record in journal.steps().items()} == {"a": 1, "b": 2}


def test_a_group_is_whole_or_absent(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite") as journal:
        with pytest.raises(sqlite3.Error):
            journal.append([StepRecord("a", "done", 1), StepRecord(object(), "done")])  # type: ignore[arg-type]
        assert journal.steps() == {}


def test_a_closed_journal_is_one_small_file(tmp_path: Path) -> None:
    payload = "x" * 200
    with Journal(tmp_path / "journal.sqlite") as journal:
        for number in range(200):
            journal.append_step(StepRecord(f"s{number}", "done", payload, None, 0.001, 1700000000.0))
    assert os.listdir(tmp_path) == ["journal.sqlite"]
    assert (tmp_path / "journal.sqlite").stat().st_size <= 2 * 200 * len(payload)

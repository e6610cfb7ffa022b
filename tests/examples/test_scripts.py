"""Every script of the examples, run on the sample media, and what it makes held against their truth."""

import builtins
import csv
import json
import runpy
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image as Pil

from panmodal import Agent
from panmodal.tools.video.motions import VERBS

EXAMPLES = Path(__file__).parents[2] / "examples"
MEDIA = EXAMPLES / "media"
TRUTH = json.loads((MEDIA / "truth.json").read_text())
SCRIPTS = sorted(EXAMPLES.glob("*.py"))
STORIES = {
    "scenes/1.png": "Put the picture into words, draw it, read it aloud and animate it.",
    "request.flac": "Write down what is said, draw it, read it aloud and animate it.",
    "clip.mp4": "Summarise the clip, draw it, read it aloud and animate it.",
}
Run = Callable[..., list[str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a script as the command line does, in an empty folder and without a network; returns the lines it prints."""

    def refuse(*address: Any) -> None:
        raise AssertionError(f"an example reaches for the network: {address}")

    def ran(name: str, *arguments: str) -> list[str]:
        monkeypatch.setattr("sys.argv", [name, *arguments])
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out.splitlines()

    monkeypatch.setenv("PANMODAL_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(socket.socket, "connect", refuse)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return ran


def found(path: Path, tool: str, kind: str) -> Any:
    """What a tool of `mini` finds in a file."""
    plan = {"version": 1, "steps": [{"id": "s1", "tool": tool, "args": {kind: f"$in.{kind}"}}], "answer": ["$s1"]}
    with Agent("mini") as agent:
        (artifact,) = agent.run(files=[path], plan=json.dumps(plan)).artifacts.values()
    return artifact


def counted(table: Path) -> dict[str, str]:
    with table.open(newline="", encoding="utf-8") as file:
        return {Path(row["picture"]).name: row["count"] for row in csv.DictReader(file)}


def circles(number: int) -> list[Any]:
    return [thing for thing in TRUTH[f"scenes/{number}.png"]["objects"] if thing["label"] == "circle"]


CIRCLES = {f"{number}.png": str(len(circles(number))) for number in range(1, 7)}


def test_the_table_says_how_many_there_are_and_the_largest_is_cut_out(run: Run) -> None:
    *lines, last = run("count_and_cut_out")
    assert len(lines) == 6 and last == "circles: 9 in 6 pictures, counted/circles.csv"
    assert counted(Path("counted/circles.csv")) == CIRCLES
    with Path("counted/circles.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            known = circles(int(Path(row["picture"]).stem))
            assert bool(row["cut_out"]) == bool(known), row
            if known:
                left, top, right, bottom = max(known, key=lambda thing: thing["size"])["box"]
                piece = Pil.open(row["cut_out"])
                assert piece.mode == "RGBA"
                assert piece.size == pytest.approx((right - left, bottom - top), abs=4), row

    again = run("count_and_cut_out")
    assert sorted(line.partition(" ")[2] for line in again[:-1]) == sorted(line.partition(" ")[2] for line in lines)
    assert len(Path("counted/circles.jsonl").read_text().splitlines()) == 6, "nothing was run twice"


def test_a_count_that_was_interrupted_goes_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*texts: str, **how: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(SystemExit, match="the same command goes on"):
        patch.setattr(builtins, "print", interrupted)
        run("count_and_cut_out")
    before = Path("counted/circles.jsonl").read_text()
    run("count_and_cut_out")
    after = Path("counted/circles.jsonl").read_text()
    assert after.startswith(before) and len(after.splitlines()) == 6
    assert counted(Path("counted/circles.csv")) == CIRCLES


def test_what_is_no_picture_is_left_alone_and_a_damaged_one_has_no_count(run: Run) -> None:
    Path("mixed").mkdir()
    shutil.copy(MEDIA / "scenes" / "3.png", "mixed/cars.png")
    Path("mixed/half.png").write_bytes((MEDIA / "scenes" / "1.png").read_bytes()[:400])
    Path("mixed/note.txt").write_text("for a person")
    run("count_and_cut_out", "mixed", "--things", "red cars", "--out", "out")
    assert counted(Path("out/red cars.csv")) == {"cars.png": "1", "half.png": ""}


def test_the_notes_quote_the_meeting_and_show_its_gist(run: Run) -> None:
    printed = "\n".join(run("meeting_notes"))
    notes = Path("notes/notes.md").read_text()
    assert notes.strip() == printed.strip()
    said = TRUTH["meeting.flac"]["said"]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in notes.splitlines() if " s | " in line]
    assert [row[2] for row in rows] == said
    assert all(float(row[0][:-2]) < float(row[1][:-2]) for row in rows)
    gist = notes.splitlines()[0].removeprefix("# ")
    assert gist in said
    summary = next(line for line in notes.splitlines() if "Summary" in line).partition("** ")[2]
    quoted = [sentence for sentence in said if sentence in summary]
    assert " ".join(quoted) == summary and gist in quoted and len(quoted) == 2
    assert set(found(Path("notes/gist.png"), "detect", "image").labels) & set(gist.split()) == {"boat"}


def test_a_recorded_sentence_is_drawn_and_what_is_said_of_the_picture_is_true(run: Run) -> None:
    with pytest.raises(SystemExit) as ended:
        run("draw_what_is_said")
    labels = found(Path("drawn.png"), "detect", "image").labels
    assert Pil.open("drawn.png").size == (384, 384)
    assert ("heart" in labels) == (ended.value.code == 0)


def test_the_timeline_has_every_motion_and_what_is_said_when(run: Run) -> None:
    *bars, last = run("timeline_of_a_clip")
    assert last == "timeline.vtt: open it as the subtitles of clip.mp4"
    head, *cues = Path("timeline.vtt").read_text().strip().split("\n\n")
    assert head == "WEBVTT" and len(cues) == len(bars)
    told = {what: [float(each.split(":")[2]) for each in times.split(" --> ")] for times, what in
            (cue.split("\n") for cue in cues)}  # fmt: skip
    clip = TRUTH["clip.mp4"]
    for thing in clip["things"]:
        for span in thing["spans"]:
            times = told[f"{thing['colour']} {thing['label']} {VERBS[span['motion']]}"]
            assert times == pytest.approx([span["start"], span["end"]], abs=0.2)
    assert f"said: {clip['said']}" in told
    assert any(what.startswith("seen: ") and "sign" in what and "house" in what for what in told)
    assert all(bar.count("█") + bar.count("·") == 32 for bar in bars)
    assert next(bar for bar in bars if "goes in a circle" in bar).startswith("·" * 20 + "█" * 12 + "  ")


def test_what_the_prompt_adds_is_done_by_the_own_tool(run: Run) -> None:
    printed = run("own_tool_and_prompt")
    assert [line.split()[1] for line in printed if line[:1] == "s"] == ["detect", "segment", "greyscale", "postcard"]
    assert "answer  $s4" in printed and "It is a postcard now." in printed[-1]
    given, made = (np.asarray(Pil.open(path)) for path in (MEDIA / "scene.png", "postcard.png"))
    border = 512 // 16
    inside = made[border:-border, border:-border]
    assert inside.shape == given.shape and made.sum() == inside.sum(), "the border is black"
    for thing in TRUTH["scene.png"]["objects"]:
        left, top, right, bottom = (int(edge) for edge in thing["box"])
        middle = (
            slice((top + bottom) // 2 - 3, (top + bottom) // 2 + 3),
            slice((left + right) // 2, (left + right) // 2 + 3),
        )
        if thing["label"] == "car":
            assert np.ptp(inside[middle].astype(int), axis=-1).max() == 0, "grey"
        else:
            assert (inside[middle] == given[middle]).all()


@pytest.mark.parametrize("given", STORIES)
def test_one_request_gives_a_text_a_picture_speech_and_a_clip_of_the_same_words(run: Run, given: str) -> None:
    printed = run("any_to_any", STORIES[given], str(MEDIA / given))
    assert STORIES["scenes/1.png"] in (EXAMPLES / "any_to_any.py").read_text(), "the default"
    steps = [line.split() for line in printed if line[:1] == "s" and line[1:2].isdigit()]
    tools = [step[1] for step in steps]
    assert tools[-3:] == ["generate_image", "speak", "animate"] and len(tools) == len(set(tools)), "found once, shared"
    assert len({step[2].partition("=")[2] for step in steps[-3:]}) == 1, "all three are made of the same words"

    files = {path.suffix: path for path in Path("story").iterdir() if path.stem.partition("_")[0] != "answer"}
    transcript = Path("story/transcript_s1.json")
    words = (
        " ".join(each["text"] for each in json.loads(transcript.read_text()))
        if transcript.is_file()
        else files[".txt"].read_text()
    )
    named = {word.strip(".,:;").lower() for word in words.split()}
    heard = set(found(files[".wav"], "transcribe", "audio").text.split())
    drawn = set(found(files[".png"], "detect", "image").labels)
    moved = {word for label in found(files[".mp4"], "track", "video").labels for word in label.split()}
    known = {"scenes/1.png": {"circle", "tree"}, "request.flac": {"heart"}, "clip.mp4": {"house", "sign"}}[given]
    assert known <= named and known <= heard
    assert known & drawn and known & moved


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_are_short_and_say_how_they_are_started(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 60
    assert f"{path.name}" in text.split('"""')[1]
    assert f"(examples/{path.name})" in (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")


def test_the_sample_media_are_those_of_the_script_that_makes_them(tmp_path: Path) -> None:
    shutil.copy(MEDIA / "make.py", tmp_path)
    (tmp_path / "truth.json").write_text(json.dumps({name: TRUTH[name] for name in ("scene.png", "scene2.png")}))
    runpy.run_path(str(tmp_path / "make.py"), run_name="__main__")
    assert json.loads((tmp_path / "truth.json").read_text()) == TRUTH
    for number in range(1, 7):
        made, shipped = (np.asarray(Pil.open(folder / f"scenes/{number}.png")) for folder in (tmp_path, MEDIA))
        assert (made == shipped).all()
    made, shipped = (soundfile.read(folder / "meeting.flac")[0] for folder in (tmp_path, MEDIA))
    assert (made == shipped).all()
    assert all(
        path.stat().st_size < 200_000 for path in (*MEDIA.glob("scenes/*"), MEDIA / "clip.mp4", MEDIA / "meeting.flac")
    )

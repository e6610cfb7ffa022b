"""One plan over many files: a line for each, several at once, calls put together, stopped and gone on with."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from panmodal import Agent, Budget, Plan, tool
from panmodal.agent.cli.app import app
from panmodal.agent.lab.world.scenes import SceneConfig, render_scene
from panmodal.agent.mapping import Mapped, files_of, plan_file
from panmodal.tools.errors import InputError, MissingFile, NotDecodable, PlanError, ThreadBusy, WrongArgument
from panmodal.tools.media.image import Image

Make = Callable[..., Agent]
BRIGHTNESS = Plan.from_data(
    {"version": 1, "steps": [{"id": "s1", "tool": "brightness", "args": {"image": "$in.image"}}], "answer": ["$s1"]}
)


def plan_of(name: str, **args: Any) -> Plan:
    step = {"id": "s1", "tool": name, "args": {"image": "$in.image", **args}}
    return Plan.from_data({"version": 1, "steps": [step], "answer": ["$s1"]})


def save_picture(path: Path, level: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(Image.from_array(np.full((8, 8, 3), level, np.uint8)).encode()[0])
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten grey pictures of 10, 20 … 100, one of them in a folder within."""
    for level in range(10, 101, 10):
        save_picture(tmp_path / "pictures" / ("more" if level == 100 else "") / f"{level:03}.png", level)
    return tmp_path / "pictures"


def lines_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.read_text().splitlines()]


def mapped(agent: Agent, request: Any, files: Sequence[Path], **order: Any) -> dict[str, Mapped]:
    found = list(agent.map(request, files, **order))
    by_name = {each.path.name: each for each in found}
    assert len(found) == len(by_name), "one for each file"
    return by_name


def test_every_file_gets_its_own_answer_and_line(make_agent: Make, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "results.jsonl"
    agent = make_agent()
    found = mapped(agent, BRIGHTNESS, files_of(folder), out=out)
    assert {name: each.text for name, each in found.items()} == {
        f"{level:03}.png": f"The tool brightness gives {level}." for level in range(10, 101, 10)
    }
    lines = lines_of(out)
    assert sorted(line["path"] for line in lines) == sorted(str(path) for path in files_of(folder))
    assert {line["status"] for line in lines} == {"answered"} and {line["version"] for line in lines} == {
        "panmodal.map/1"
    }
    assert len({line["run"] for line in lines}) == 10 and len({line["plan"] for line in lines}) == 1
    assert all(agent.home.has_run(line["run"]) for line in lines), "each is a run that is kept"
    assert lines[0] == {"version": "panmodal.map/1", **found[Path(lines[0]["path"]).name].to_dict()}


def test_what_cannot_be_opened_fails_alone_and_other_kinds_are_left_alone(make_agent: Make, folder: Path) -> None:
    (folder / "a-note.txt").write_text("for a person")
    (folder / "blob.bin").write_bytes(b"\0\1\2" * 99)
    (folder / "sound.wav").write_bytes(b"RIFF\x24\0\0\0WAVEfmt " + bytes(24))
    (folder / "empty.jpg").touch()
    (folder / "half.png").write_bytes((folder / "010.png").read_bytes()[:45])
    (folder / "words.png").write_text("this is no picture")
    (folder / ".hidden.png").touch()
    found = mapped(make_agent(), BRIGHTNESS, files_of(folder))
    assert {name for name, each in found.items() if each.status == "unfit"} == {"a-note.txt", "blob.bin", "sound.wav"}
    failed = {name: each for name, each in found.items() if each.status == "failed"}
    assert set(failed) == {"empty.jpg", "half.png", "words.png"}
    assert all(each.error and each.error["code"] == "not-decodable" and name in each.error["message"]
               for name, each in failed.items())  # fmt: skip
    assert Counter(each.status for each in found.values())["answered"] == 10


@tool
def picky(image: Image) -> float:
    """Measure a picture that is not too dark."""
    level = float(image.pixels.mean())
    if level < 35:
        raise WrongArgument(f"{level:g} is too dark", hint="lighten it", field="image")
    return level


def test_a_failing_step_is_its_files_and_can_be_tried_again(make_agent: Make, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "results.jsonl"
    agent = make_agent(more=[picky])
    found = mapped(agent, plan_of("picky"), files_of(folder), out=out)
    assert {name for name, each in found.items() if each.status == "failed"} == {"010.png", "020.png", "030.png"}
    error = found["020.png"].error
    assert error == {"code": "wrong-argument", "message": "20 is too dark", "hint": "lighten it"}

    kept = mapped(agent, plan_of("picky"), files_of(folder), out=out)
    assert not any(each.new for each in kept.values()) and kept["020.png"].error == error
    again = mapped(agent, plan_of("picky"), files_of(folder), out=out, again=True)
    assert {name for name, each in again.items() if each.new} == {"010.png", "020.png", "030.png"}
    assert len(lines_of(out)) == 13
    assert not any(each.new for each in mapped(agent, plan_of("picky"), files_of(folder), out=out).values())


def test_going_on_runs_only_what_is_new_changed_or_of_another_plan(
    make_agent: Make, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "results.jsonl"
    agent = make_agent()
    first = mapped(agent, BRIGHTNESS, files_of(folder), out=out)
    save_picture(folder / "020.png", 21)
    save_picture(folder / "new.png", 5)
    (folder / "030.png").rename(folder / "renamed.png")
    twin = folder / "twin.png"
    twin.write_bytes((folder / "040.png").read_bytes())
    found = mapped(agent, BRIGHTNESS, files_of(folder), out=out)
    assert {name for name, each in found.items() if each.new} == {"020.png", "new.png", "twin.png"}
    assert found["renamed.png"].text == first["030.png"].text and found["020.png"].text.endswith("21.")
    assert not any(each.new for each in mapped(agent, BRIGHTNESS, files_of(folder), out=out).values())
    assert all(each.new for each in mapped(agent, plan_of("mirror"), files_of(folder), out=out).values())
    reordered = Plan.from_data({**BRIGHTNESS.to_data(), "request": "how bright", "planner": "me"})
    assert not any(each.new for each in mapped(agent, reordered, files_of(folder), out=out).values())


@pytest.mark.parametrize(
    "rest", [b'{"ver', b'{"version": "panmodal.map/1", "path": "pictu', b'{"version": "panmodal.map/1"}']
)
def test_a_last_line_that_was_broken_off_is_tolerated(
    make_agent: Make, folder: Path, tmp_path: Path, rest: bytes
) -> None:
    out = tmp_path / "results.jsonl"
    agent = make_agent()
    mapped(agent, BRIGHTNESS, files_of(folder)[:4], out=out)
    out.write_bytes(out.read_bytes() + rest)
    found = mapped(agent, BRIGHTNESS, files_of(folder)[:6], out=out)
    assert sum(each.new for each in found.values()) == 2
    assert len(lines_of(out)) == 6


@pytest.mark.parametrize("content", ["my notes", "my notes\n", '{"version": "panmodal.map/2", "path": "a"}\n', "[1]\n"])
def test_a_file_that_is_somebody_elses_stays_as_it_is(
    make_agent: Make, folder: Path, tmp_path: Path, content: str
) -> None:
    out = tmp_path / "notes.jsonl"
    out.write_text(content)
    with pytest.raises(NotDecodable, match=r"notes\.jsonl"):
        list(make_agent().map(BRIGHTNESS, files_of(folder), out=out))
    assert out.read_text() == content


def test_a_request_is_planned_once_and_its_plan_is_kept(make_agent: Make, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "pictures" / "results.jsonl"  # among the files: it is none of them
    (folder / "0-note.txt").write_text("first by name, but no medium")
    agent = make_agent()
    found = mapped(agent, "Measure the brightness.", files_of(folder), out=out)
    assert Counter(each.status for each in found.values()) == {"answered": 10, "unfit": 1}
    kept = Plan.from_yaml(plan_file(out))
    assert [step.tool for step in kept.steps] == ["brightness"] and kept.request == "Measure the brightness."
    # What a person makes of the kept plan is what runs.
    plan_file(out).write_text(kept.to_yaml().replace("brightness,", "x").replace("tool: brightness", "tool: mirror"))
    found = mapped(agent, "Measure the brightness.", files_of(folder), out=out)
    assert all(each.artifacts for each in found.values() if each.status != "unfit")
    other = mapped(agent, "Mirror the picture.", files_of(folder), out=out)
    assert not any(each.new for each in other.values() if each.status != "unfit"), "the same plan in other words"


def test_orders_that_cannot_be_carried_out(make_agent: Make, folder: Path, tmp_path: Path) -> None:
    agent = make_agent()
    files = files_of(folder)
    with pytest.raises(InputError, match="0 jobs"):
        agent.map(BRIGHTNESS, files, jobs=0)
    with pytest.raises(InputError, match="none of 0 files"):
        list(agent.map(BRIGHTNESS, []))
    (tmp_path / "a.txt").write_text("words")
    with pytest.raises(InputError, match="none of 1 files is image"):
        list(agent.map(BRIGHTNESS, [tmp_path / "a.txt", tmp_path / "a.txt"]))
    nothing = Plan.from_data({"version": 1, "steps": [], "answer": []})
    with pytest.raises(InputError, match="takes no file"):
        list(agent.map(nothing, files))
    with pytest.raises(PlanError):
        list(agent.map(plan_of("brightness", images="$in.image[1]"), files))
    with pytest.raises(MissingFile, match="nowhere"):
        files_of(tmp_path / "nowhere")
    with pytest.raises(MissingFile, match="no folder"):
        files_of(files[0])
    with pytest.raises(InputError, match="no plan was approved"):
        make_agent(approve=True).map("Measure the brightness.", files)
    assert len(list(make_agent(approve=True).map(BRIGHTNESS, files[:2]))) == 2


def test_what_is_made_is_saved_for_each_file(make_agent: Make, folder: Path, tmp_path: Path) -> None:
    found = mapped(
        make_agent(), plan_of("mirror"), files_of(folder)[:3], save=tmp_path / "made", budget=Budget(seconds=60)
    )
    for each in found.values():
        (picture,) = [Path(name) for name in each.files if Path(name).name == "image_s1.png"]
        assert picture.parent.name.startswith(each.path.stem)
        assert np.array_equal(Image.open(picture).pixels, Image.open(each.path).pixels)
        assert list(each.artifacts) == ["image_s1"] and each.result is not None


# ---- several at once

AT_ONCE: list[int] = []


@tool
def crowd(image: Image) -> int:
    """Count how many are in here at once."""
    AT_ONCE.append(1)
    here = len(AT_ONCE)
    time.sleep(0.03)
    AT_ONCE.pop()
    return here


@pytest.mark.parametrize("jobs", [1, 3])
def test_no_more_files_than_jobs_are_worked_on_at_once(make_agent: Make, folder: Path, jobs: int) -> None:
    found = list(make_agent(more=[crowd]).map(plan_of("crowd"), files_of(folder), jobs=jobs))
    most = max(int(each.text.rstrip(".").split()[-1]) for each in found)
    assert most == jobs


def test_leaving_early_stops_the_others_and_the_rest_can_be_had(make_agent: Make, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "results.jsonl"
    agent = make_agent(more=[crowd])
    found = agent.map(plan_of("crowd"), files_of(folder), jobs=2, out=out)
    next(found)
    with pytest.raises(ThreadBusy, match=r"results\.jsonl"):
        list(make_agent(more=[crowd]).map(plan_of("crowd"), files_of(folder), out=out))
    found.close()
    done = len(lines_of(out))
    assert 1 <= done <= 4
    rest = mapped(agent, plan_of("crowd"), files_of(folder), out=out)
    assert sum(each.new for each in rest.values()) == 10 - done and len(lines_of(out)) == 10


def test_minis_answers_are_those_of_single_runs(tmp_path: Path) -> None:
    for seed in range(4):
        scene = render_scene(950_000 + seed, SceneConfig(side=192, count=(1, 4)), split="test")
        (tmp_path / f"{seed}.png").write_bytes(Image.from_array(scene.image).encode()[0])
    files = files_of(tmp_path, "*.png")
    plan = Plan.from_data(
        {
            "version": 1,
            "request": "How many things are there, and what is in the picture?",
            "steps": [
                {"id": "s1", "tool": "detect", "args": {"image": "$in.image"}},
                {"id": "s2", "tool": "count", "args": {"boxes": "$s1"}},
                {"id": "s3", "tool": "perceive", "args": {"image": "$in.image", "question": "what is in the picture?"}},
            ],
            "answer": ["$s2", "$s3"],
        }
    )
    with Agent("mini", home=tmp_path / "home") as agent:
        found = mapped(agent, plan, files)
        for path in files:
            assert found[path.name].text == agent.run(image=path, plan=plan).text


# ---- the command

TOOLS = '''
import time
from panmodal import tool
from panmodal.tools.media.image import Image

@tool
def level(image: Image) -> int:
    """Measure how bright a picture is, slowly."""
    time.sleep(0.2)
    if image.pixels.max() == 20:
        raise RuntimeError("twenty is not measured")
    return int(image.pixels.max())
'''


@pytest.fixture
def work(folder: Path, tmp_path: Path) -> Path:
    (tmp_path / "tools.py").write_text(TOOLS)
    (tmp_path / "plan.yaml").write_text(plan_of("level").to_yaml())
    (tmp_path / "panmodal.toml").write_text('description = "no models"\n')
    return tmp_path


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "panmodal.agent.cli", "map", *arguments]


@pytest.fixture
def run_command(work: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(work)
    monkeypatch.setenv("PANMODAL_HOME", str(work / "home"))
    return lambda *arguments: CliRunner().invoke(app, ["map", *arguments])


def test_the_command_goes_on_after_an_interrupt_and_sums_up(work: Path, run_command: Callable[..., Result]) -> None:
    settings: dict[str, Any] = {"cwd": work, "env": os.environ | {"PANMODAL_HOME": str(work / "home")}}
    order = ["pictures", "--plan", "plan.yaml", "--tools", "tools.py", "--out", "out.jsonl", "--jobs", "2"]
    out = work / "out.jsonl"
    with subprocess.Popen(command(*order), stderr=subprocess.PIPE, text=True, **settings) as process:
        while not (out.is_file() and out.read_text().count("\n") >= 2):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 130 and "give the command again" in told and "Traceback" not in told
    before = len(lines_of(out))
    assert 2 <= before < 10

    done = run_command(*order, "--json", "--quiet")
    assert done.exit_code == 1 and done.stderr == "", "one failed"
    summary = json.loads(done.stdout)
    assert summary["version"] == "panmodal.map-summary/1"
    counted = {name: summary[name] for name in ("files", "answered", "partial", "failed", "unfit", "earlier")}
    assert counted == {"files": 10, "answered": 9, "partial": 0, "failed": 1, "unfit": 0, "earlier": before}
    assert [failure["path"] for failure in summary["failures"]] == ["pictures/020.png"]
    assert "twenty" in summary["failures"][0]["error"]["message"]
    assert len(lines_of(out)) == 10


def test_the_command_says_what_it_did_and_refuses_what_it_cannot(
    work: Path, run_command: Callable[..., Result]
) -> None:
    chosen = ["--tools", "tools.py", "--glob", "*0[3-5]0.png"]
    done = run_command("Measure how bright the picture is.", "pictures", *chosen)
    assert done.exit_code == 0, done.stderr
    assert done.stdout == "3 answered; results in results.jsonl\n"
    assert (work / "results.plan.yaml").is_file()
    assert run_command("pictures").exit_code == 2
    assert run_command("Measure it.", "pictures", "--plan", "plan.yaml").exit_code == 2
    nowhere = run_command("Measure it.", "nowhere", "--json")
    assert nowhere.exit_code == 2 and json.loads(nowhere.stdout)["error"]["code"] == "missing-file"

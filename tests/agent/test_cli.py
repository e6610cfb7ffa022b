"""The command line: streams, exit codes, and that errors name what to do. No model is loaded here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = '''
from panmodal import tool

@tool
def shout(text: str) -> str:
    """Say a text loudly."""
    return text.upper()

@tool
def fail(text: str) -> str:
    """Fail on purpose."""
    raise RuntimeError("no " + text)
'''
PLAN = """
version: 1
steps:
  - {id: s1, tool: shout, args: {text: hello}}
answer: ["$s1"]
"""


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "tools.py").write_text(TOOLS)
    (tmp_path / "plan.yaml").write_text(PLAN)
    (tmp_path / "panmodal.toml").write_text('description = "no models"\n')
    return tmp_path


def panmodal(work: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "panmodal.agent.cli", *arguments],
        cwd=work,
        env=os.environ | {"PANMODAL_HOME": str(work / "home")},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_saved_plan_with_an_own_tool_is_answered(work: Path) -> None:
    done = panmodal(work, "run", "--plan", "plan.yaml", "--tools", "tools.py")
    assert done.returncode == 0, done.stderr
    assert "HELLO" in done.stdout
    assert "route" not in done.stdout, "progress belongs to stderr"
    assert "shout" in done.stderr


def test_json_is_one_versioned_document(work: Path) -> None:
    done = panmodal(work, "run", "--plan", "plan.yaml", "--tools", "tools.py", "--json", "--quiet")
    document = json.loads(done.stdout)
    assert document["version"] == "panmodal.result/1"
    assert "HELLO" in document["text"]
    assert done.stderr == ""


def test_events_are_json_lines_that_end_with_the_result(work: Path) -> None:
    done = panmodal(work, "run", "--plan", "plan.yaml", "--tools", "tools.py", "--events")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["type"] for line in lines if line.get("type") == "step-finished"] == ["step-finished"]
    assert lines[-1]["version"] == "panmodal.result/1"


def test_a_failed_step_is_exit_code_1_and_said(work: Path) -> None:
    (work / "bad.yaml").write_text(PLAN.replace("shout", "fail"))
    done = panmodal(work, "run", "--plan", "bad.yaml", "--tools", "tools.py")
    assert done.returncode == 1
    assert "no hello" in done.stdout + done.stderr


def test_unknown_tool_in_a_plan_is_exit_code_2_with_a_near_miss(work: Path) -> None:
    (work / "typo.yaml").write_text(PLAN.replace("shout", "shuot"))
    done = panmodal(work, "run", "--plan", "typo.yaml", "--tools", "tools.py")
    assert done.returncode == 2
    assert "shuot" in done.stderr and "shout" in done.stderr
    assert "Traceback" not in done.stderr


def test_missing_picture_is_exit_code_2_and_named(work: Path) -> None:
    done = panmodal(work, "run", "what is this?", "-i", "nowhere.png", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["code"] == "missing-file"
    assert "nowhere.png" in done.stderr


def test_nothing_to_do_is_exit_code_2(work: Path) -> None:
    assert panmodal(work, "run").returncode == 2


def test_approval_without_a_terminal_is_exit_code_3_and_can_be_given_later(work: Path) -> None:
    waiting = panmodal(work, "run", "--plan", "plan.yaml", "--tools", "tools.py", "--approve", "--json")
    assert waiting.returncode == 3
    run_id = json.loads(waiting.stdout)["run_id"]
    done = panmodal(work, "resume", run_id, "--approve", "--tools", "tools.py")
    assert done.returncode == 0, done.stderr
    assert "HELLO" in done.stdout


def test_runs_are_listed_shown_and_removed(work: Path) -> None:
    document = json.loads(panmodal(work, "run", "--plan", "plan.yaml", "--tools", "tools.py", "--json").stdout)
    run_id = document["run_id"]
    listed = json.loads(panmodal(work, "runs", "list", "--json").stdout)["runs"]
    assert [run["id"] for run in listed] == [run_id]
    shown = panmodal(work, "runs", "show", run_id).stdout
    assert "shout" in shown and "HELLO" in shown
    assert panmodal(work, "runs", "rm", run_id).returncode == 0
    assert json.loads(panmodal(work, "runs", "list", "--json").stdout)["runs"] == []
    missing = panmodal(work, "runs", "show", run_id)
    assert missing.returncode == 2 and run_id in missing.stderr


def test_a_plan_is_written_edited_and_run(work: Path) -> None:
    done = panmodal(work, "plan", "--plan", "plan.yaml", "--tools", "tools.py", "--out", "copy.yaml")
    assert done.returncode == 0, done.stderr
    copy = work / "copy.yaml"
    copy.write_text(copy.read_text().replace("hello", "goodbye"))
    assert "GOODBYE" in panmodal(work, "run", "--plan", "copy.yaml", "--tools", "tools.py").stdout


def test_results_that_cannot_be_written_are_told_after_the_answer_and_can_be_had_again(work: Path) -> None:
    (work / "mirror.py").write_text(
        "from panmodal import tool\nfrom panmodal.tools.media.image import Image\n\n@tool\n"
        'def mirror(image: Image) -> Image:\n    """Mirror a picture."""\n'
        "    return Image.from_array(image.pixels[:, ::-1].copy())\n"
    )
    (work / "dot.ppm").write_bytes(b"P6 2 1 255\n" + bytes(6))
    (work / "taken").touch()
    done = panmodal(work, "run", "mirror the picture", "-i", "dot.ppm", "--tools", "mirror.py", "--out", "taken")
    assert done.returncode == 2 and "mirror made image_s1" in done.stdout
    assert "results cannot be written to taken" in done.stderr and "Traceback" not in done.stderr
    run_id = done.stderr.split("panmodal resume ")[1].split()[0]
    again = panmodal(work, "resume", run_id, "--tools", "mirror.py", "--out", "free")
    assert again.returncode == 0 and (work / "free" / "image_s1.png").is_file()


def test_places_that_cannot_be_written_and_tools_that_cannot_be_taken_are_told(work: Path) -> None:
    (work / "taken").touch()
    (work / "home").touch()
    homeless = panmodal(work, "run", "--plan", "plan.yaml", "--tools", "tools.py")
    assert homeless.returncode == 2 and "PANMODAL_HOME" in homeless.stderr
    (work / "home").unlink()
    planned = panmodal(work, "plan", "--plan", "plan.yaml", "--tools", "tools.py", "--out", "taken/plan.yaml")
    assert (planned.returncode, "taken" in planned.stderr) == (2, True)
    (work / "again.py").write_text(TOOLS + "raise SystemExit(0)")
    left = panmodal(work, "tools", "--tools", "again.py")
    assert left.returncode == 2 and "SystemExit" in left.stderr
    (work / "plan.py").write_text(TOOLS)
    double = panmodal(work, "tools", "--tools", "tools.py", "--tools", "plan.py")
    assert double.returncode == 2 and "already a tool named 'shout'" in double.stderr
    assert not [each for each in (planned, homeless, left, double) if "Traceback" in each.stderr]


def test_chat_answers_line_by_line_and_survives_an_error(work: Path) -> None:
    lines = "/add nowhere.png\nwhat is this?\n/quit\n"
    done = panmodal(work, "chat", "--thread", "t", stdin=lines)
    assert done.returncode == 0
    assert "nowhere.png" in done.stderr


def test_models_says_where_each_value_came_from(work: Path) -> None:
    done = panmodal(work, "models", "--profile", "mini", "--set", "detector.checkpoint=my.pt", "--json")
    rows = {row["role"]: row for row in json.loads(done.stdout)["models"]}
    assert rows["detector"]["fields"]["checkpoint"]["origin"] == "--set"
    assert "my.pt" in rows["detector"]["state"]
    assert rows["segmenter"]["fields"]["checkpoint"]["origin"].endswith("mini.toml")


def test_doctor_finds_a_missing_checkpoint_and_says_what_to_do(work: Path) -> None:
    done = panmodal(work, "doctor", "--profile", "mini", "--set", "detector.checkpoint=my.pt")
    assert done.returncode == 1
    assert "my.pt" in done.stderr


def test_a_recipe_names_what_it_cannot_train(work: Path) -> None:
    done = panmodal(work, "train", "planner", "--out", "model", "--arch", "gru")
    assert done.returncode == 2
    assert "gru" in done.stderr and "--arch" in done.stderr
    done = panmodal(work, "train", "detector", "--out", "model", "--arch", "rcnn")
    assert "torchvision" in done.stderr
    assert not (work / "model").exists()


@pytest.mark.parametrize("role", ["planner", "mllm", "detector", "segmenter", "asr", "embedder", "image_generator"])
def test_a_recipe_names_a_device_that_is_not_here(work: Path, role: str) -> None:
    done = panmodal(work, "train", role, "--out", "model", "--device", "cuda:99")
    assert done.returncode == 2
    assert "cannot train on 'cuda:99' here" in done.stderr and "--device cpu" in done.stderr
    assert not (work / "model").exists()

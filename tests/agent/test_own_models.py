"""Models of a user's own by a few lines of TOML: an own detector, one model for two roles, another package's loader."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from panmodal import Agent, Plan
from panmodal.agent.home import Home
from panmodal.agent.pool.pool import Pool
from panmodal.agent.profiles.loading import load_profile
from panmodal.tools.errors import InputError, PlanError
from panmodal.tools.loaders.registry import get_loader
from panmodal.tools.media.image import Image

DETECT = Plan.from_data(
    {
        "version": 1,
        "steps": [
            {"id": "s1", "tool": "detect", "args": {"image": "$in.image", "labels": ["sails"]}},
            {"id": "s2", "tool": "count", "args": {"boxes": "$s1"}},
        ],
        "answer": ["$s2"],
    }
)


@pytest.fixture
def own_detector(tmp_path: Path) -> Path:
    """A detector of ships, sails and oars that was never trained but sees sails everywhere, as ultralytics saves it."""
    from panmodal.tools.loaders.ultralytics_model import tamed

    yolo_class = tamed(tmp_path / "cache")
    import torch
    import yaml
    from ultralytics.nn.tasks import yaml_model_load

    described = yaml_model_load("yolo11.yaml") | {"scales": {"p": [0.5, 0.0625, 1024]}, "scale": "p", "nc": 3}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(described))
    torch.manual_seed(0)
    yolo = yolo_class(str(tmp_path / "own.yaml"), task="detect")
    yolo.model.names = {0: "ship", 1: "sail", 2: "oar"}
    yolo.model.args = {**yolo.model.args, "imgsz": 64}
    with torch.no_grad():
        for branch in yolo.model.model[-1].cv3:
            branch[-1].bias[1] = 9.0
    yolo.save(str(tmp_path / "own.pt"))
    return tmp_path / "own.pt"


def test_two_lines_make_an_own_checkpoint_the_detector(own_detector: Path, tmp_path: Path, scene: Image) -> None:
    (tmp_path / "panmodal.toml").write_text('extends = "mini"\ndetector.checkpoint = "own.pt"\n')
    with Agent(home=tmp_path / "home", cwd=tmp_path) as agent:
        result = agent.run("How many sails are there?", scene, plan=DETECT)
        assert result.status == "answered"
        found = agent.run(image=scene, plan=DETECT.model_copy(update={"answer": ["$s1"]})).artifacts["boxes_s1"]
        assert set(found.labels) == {"sail"}  # type: ignore[attr-defined]
        assert f"There are {len(found)} sails" in result.text  # type: ignore[arg-type]
        (loaded,) = result.usage["loads"]
        assert loaded["model"] == str(own_detector)
        wrong = DETECT.steps[0].model_copy(update={"args": {"image": "$in.image", "labels": ["circle"]}})
        told = agent.run(image=scene, plan=Plan(steps=[wrong], answer=["$s1"]))
        assert told.status == "failed" and told.steps["s1"]["error"]["code"] == "unknown-label"
        assert "ship" in told.text, "the answer names what this detector knows"


def test_one_vision_language_model_serves_two_roles_from_one_load(
    llava_folder: Path, tmp_path: Path, scene: Image
) -> None:
    path = tmp_path / "vlm.toml"
    path.write_text("".join(f'[{role}]\nloader = "transformers"\ncheckpoint = "{llava_folder}"\n'
                            for role in ("planner", "mllm")))  # fmt: skip
    home = Home(tmp_path / "home")

    async def lease_both() -> tuple[int, int, int]:
        specs = load_profile(path, home=home).specs(cache=home.cache)
        enough_for_one = int(get_loader("transformers").measure(specs["mllm"][0]) * 1.2)
        pool = Pool(specs, enough_for_one)
        assert pool.fits(["planner", "mllm"]) is None
        async with pool.lease("planner"), pool.lease("mllm"), pool.lease("planner", "mllm") as (planner, mllm):
            assert mllm.answer([[scene]], ["what colour is the star"], max_tokens=2)
            assert planner.tokenizer is not None
            (loaded,) = pool.loaded()
            held = pool.nbytes
        pool.close()
        return held, loaded.nbytes, pool.nbytes

    held, once, left = asyncio.run(lease_both())
    assert (held, left) == (once, 0)
    with Agent(path, home=home, cwd=tmp_path) as agent:
        result = agent.run("what colour is the star", scene, via="direct")
        assert result.status == "answered"
        assert [each["bytes"] for each in result.usage["loads"]] == [once]
    shown = subprocess.run(
        [sys.executable, "-m", "panmodal.agent.cli", "models", "--profile", str(path), "--json"],
        env=os.environ | {"PANMODAL_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=True,
    )
    rows = {row["role"]: row for row in json.loads(shown.stdout)["models"]}
    assert rows["planner"]["state"] == "ready, loaded once with mllm"
    assert rows["mllm"]["state"] == "ready, loaded once with planner"


PACKAGE = '''
from panmodal import tool
from panmodal.planners.plan import Plan
from panmodal.tools.card import Card
from panmodal.tools.media.boxes import Boxes
from panmodal.tools.media.image import Image

class Share:
    """Finds one thing: the left part of any picture."""
    vocabulary = ("thing",)
    def __init__(self, share): self.share = share
    def detect(self, images, labels):
        return [Boxes.of([[0, 0, each.width * self.share, each.height]], ["thing"], [0.5], each) for each in images]

class Backbone:
    nbytes, digest, libraries = 8, "1" * 64, {"measures": "2.0"}
    def __init__(self, share): self.share = share
    def adapter(self, role): return Share(self.share)
    def close(self): pass

class ShareLoader:
    name = "share"
    def resolve(self, spec): return spec.path
    def measure(self, spec): return 8
    def load(self, spec): return Backbone(float(spec.path.read_text()))

@tool(card=Card(cost="instant", examples=("measure the area of the things",)))
def area(boxes: Boxes) -> float:
    """Measure the area of boxes in pixels."""
    return float(sum((right - left) * (bottom - top) for left, top, right, bottom in boxes.xyxy.tolist()))

class Surveyor:
    """Measures the area of whatever a picture shows."""
    name = "surveyor"
    def plan(self, request, context):
        steps = [
            {"id": "s1", "tool": "detect", "args": {"image": "$in.image"}},
            {"id": "s2", "tool": "area", "args": {"boxes": "$s1"}},
        ]
        return Plan.from_data({"version": 1, "planner": self.name, "steps": steps, "answer": ["$s2"]})
    def revise(self, plan, failures, request, context):
        return plan
'''
POINTS = """
[panmodal.loaders]
share = measures:ShareLoader
[panmodal.tools]
area = measures:area
[panmodal.planners]
surveyor = measures:Surveyor
"""


@pytest.fixture
def measures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install a package that adds a loader, a tool and a planner."""
    site = tmp_path / "site"
    facts = site / "measures-2.0.dist-info"
    facts.mkdir(parents=True)
    (site / "measures.py").write_text(PACKAGE)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: measures\nVersion: 2.0\n")
    (facts / "entry_points.txt").write_text(POINTS)
    monkeypatch.syspath_prepend(str(site))
    yield
    sys.modules.pop("measures", None)


def test_another_packages_loader_tool_and_planner_answer_together(
    measures: None, make_agent: Callable[..., Agent], scene: Image, tmp_path: Path
) -> None:
    (tmp_path / "half.txt").write_text("0.5")
    agent = make_agent('[detector]\nloader = "share"\ncheckpoint = "./half.txt"\n', planner="surveyor")
    result = agent.run("How much is covered?", scene)
    assert result.plan is not None and result.plan.planner == "surveyor"
    assert result.text == "The tool area gives 1200."  # half of 60 x 40
    searched = make_agent('[detector]\nloader = "share"\ncheckpoint = "./half.txt"\n', tools=())
    plan = searched.plan("Measure the area of the things.", scene)
    assert [step.tool for step in plan.steps] == ["detect", "area"]


def test_what_the_package_brought_is_missed_by_name(make_agent: Callable[..., Agent], scene: Image) -> None:
    with pytest.raises(InputError, match="surveyor"):
        make_agent(planner="surveyor")
    agent = make_agent('[detector]\nloader = "share"\ncheckpoint = "./half.txt"\n')
    with pytest.raises(PlanError, match="there is no loader 'share'"):
        agent.run(image=scene, plan=DETECT)

"""A request that needs real models, in a process of its own, so that it can be killed: `python kill_models.py FOLDER`.

A second call with the same folder resumes the run. Events go to stdout as JSON lines, the last line is the result.
"""

import json
import os
import sys
from pathlib import Path

from panmodal import Agent
from panmodal.agent.events import Event
from panmodal.planners.plan import Plan, Step
from panmodal.tools.contract import tool
from panmodal.tools.media.boxes import Boxes
from panmodal.tools.media.image import Image
from panmodal.tools.media.masks import Masks
from panmodal.tools.roles import Detector, Segmenter

FOLDER = Path(sys.argv[1])
SCENE = Path(__file__).parents[2] / "examples/media/scene.png"


def log(name: str) -> None:
    handle = os.open(FOLDER / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(handle, f"{name}\n".encode())
    os.close(handle)


@tool
def find(image: Image, *, detector: Detector) -> Boxes:
    """Everything in the picture."""
    log("find")
    return detector.detect([image], [[]])[0]


@tool
def outline(image: Image, boxes: Boxes, *, segmenter: Segmenter) -> Masks:
    """Its outlines."""
    log("outline")
    return segmenter.segment([image], [boxes])[0]


@tool
def area(masks: Masks) -> int:
    """Pixels in all outlines together."""
    log("area")
    return int(masks.bitmaps.sum())


PLAN = Plan(
    request="How much of the picture do its objects cover?",
    steps=[
        Step(id="s1", tool="find", args={"image": "$in.image"}),
        Step(id="s2", tool="outline", args={"image": "$in.image", "boxes": "$s1"}),
        Step(id="s3", tool="area", args={"masks": "$s2"}),
    ],
    answer=["$s3"],
)


def tell(event: Event) -> None:
    print(json.dumps({"type": event.type, "step": getattr(event, "step", getattr(event, "role", ""))}), flush=True)


with Agent("mini", home=FOLDER / "home", tools=[find, outline, area], cwd=FOLDER) as agent:
    agent.subscribe(tell)
    runs = agent.home.run_ids()
    result = agent.resume(runs[0]) if runs else agent.run(plan=PLAN, image=SCENE)
    print(json.dumps({"text": result.text, "status": result.status}), flush=True)

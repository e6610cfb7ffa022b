"""Results: named files with overlays, one versioned document, static HTML."""

import json
from pathlib import Path

import numpy as np
import pytest

from panmodal import Plan
from panmodal.agent.result import Result
from panmodal.planners.answer import Evidence
from panmodal.tools.media.audio import Audio
from panmodal.tools.media.boxes import Boxes
from panmodal.tools.media.image import Image
from panmodal.tools.media.masks import Masks
from panmodal.tools.media.text import Text


@pytest.fixture
def result() -> Result:
    scene = Image.from_array(np.full((48, 64, 3), 90, np.uint8))
    cut = Image.from_array(np.full((8, 9, 3), 200, np.uint8), np.tile(np.uint8([0, 255, 0]), (8, 3)))
    boxes = Boxes.of([[4, 4, 30, 30], [40, 10, 60, 30]], ["star", "car"], [0.9, 0.8], scene)
    bitmap = np.zeros((1, 48, 64), bool)
    bitmap[0, 4:30, 4:30] = True
    masks = Masks.of(bitmap, scene, ["star"])
    plan = Plan.from_data(
        {"version": 1, "steps": [{"id": "s4", "tool": "cut_out", "args": {"image": "$in.image"}}], "answer": ["$s4"]}
    )
    return Result(
        text="There are 2 <things>.",
        run_id="20261121-120000-abcdef",
        status="answered",
        plan=plan,
        artifacts={"image_s4": cut, "boxes_s1": boxes, "text_s2": Text.of("hello")},
        evidence=(
            Evidence("There are 2.", "s2", "count", (boxes,)),
            Evidence("Cut out.", "s4", "cut_out", (scene, masks)),
            Evidence("The first.", "s3", "select", (boxes.take([0]),)),
        ),
        pictures={scene.id: scene},
        steps={"s4": {"status": "failed", "seconds": 0.25, "error": {"code": "tool", "message": "too <dark>"}}},
        usage={"seconds": 1.5},
        route={"kind": "tools", "reason": "an exact count", "confidence": 0.9},
    )


def test_files_are_named_after_kind_and_step(result: Result, tmp_path: Path) -> None:
    files = {path.name: path for path in result.save(tmp_path / "new" / "folder")}
    assert set(files) == {
        *("answer.txt", "image_s4.png", "boxes_s1.json", "text_s2.txt", "overlay.png", "plan.yaml", "result.json"),
    }
    cut = Image.open(files["image_s4.png"])
    assert cut.has_alpha and cut.alpha is not None and cut.alpha[0].tolist() == [0, 255, 0] * 3
    assert Plan.from_yaml(files["plan.yaml"]) == result.plan
    assert json.loads(files["result.json"].read_text()) == json.loads(json.dumps(result.to_dict()))
    assert files["answer.txt"].read_text() == "There are 2 <things>.\n"


def test_the_overlay_shows_all_that_evidence_found(result: Result) -> None:
    overlay = result.overlays()["overlay"].pixels
    assert overlay.shape == (480, 640, 3)
    assert (overlay[150, 150] != 90).any(), "the mask is tinted"
    assert (overlay[100:300, 400] != 90).any(axis=1).all(), "of several boxes the evidence with most counts"


def test_pictures_without_findings_get_no_overlay(result: Result) -> None:
    assert Result(text="", run_id="r", status="answered", pictures=result.pictures).overlays() == {}


def test_the_document_is_versioned_json(result: Result) -> None:
    document = json.loads(json.dumps(result.to_dict()))
    assert document["version"] == "panmodal.result/1"
    assert document["artifacts"]["image_s4"]["kind"] == "image"
    assert document["evidence"][0]["artifacts"] == [{"kind": "boxes", "id": result.artifacts["boxes_s1"].id}]


def test_html_is_static_escaped_and_whole(result: Result) -> None:
    sound = Audio.from_samples(np.zeros((800, 1), np.float32), 8000)
    html = Result(**{**vars(result), "artifacts": {**result.artifacts, "audio_s5": sound}})._repr_html_()
    assert html.count("<img") == 2 and html.count("src='data:image/png;base64,") == 2
    assert "<audio controls src='data:audio/" in html
    assert "<script" not in html
    assert "There are 2 &lt;things&gt;." in html and "too &lt;dark&gt;" in html
    assert "cut_out" in html and "0.250" in html and "an exact count" in html

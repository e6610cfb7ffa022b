"""What a request gives back: text, named artifacts, the evidence of every sentence, the plan, and what it cost."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..planners.answer import Evidence
from ..planners.plan import Plan
from ..tools.media.artifact import Artifact
from ..tools.media.boxes import Boxes
from ..tools.media.image import Image
from ..tools.media.masks import Masks

RESULT_VERSION = "panmodal.result/1"
Status = Literal["answered", "partial", "failed", "waiting", "cancelled"]
_OVERLAY_SIDE = 640  # pixels that the longer side of a drawn overlay has at least, so that its labels can be read
_SUFFIXES = {"text/plain": ".txt", "audio/x-wav": ".wav", "audio/wav": ".wav", "image/jpeg": ".jpg"}


@dataclass(frozen=True)
class Result:
    """The outcome of one run.

    ``status``: "answered"; "partial" where something failed, was stopped or hit the budget; "failed" where nothing
    could be answered; "waiting" for approval of ``plan``; "cancelled" where the plan was declined.
    ``artifacts`` are named by kind and step ("image_s4"); ``pictures`` holds, by id, the pictures that evidence lies
    on. ``usage``: "seconds" (wall), "steps" (seconds by step), "tokens", "models" (checkpoint and digest by role),
    "loads" (models loaded meanwhile). ``route`` is {"kind", "reason", "confidence"}. ``both`` holds the texts of the
    two ways and their differences where the request was answered both ways. ``steps`` holds the records' status,
    seconds and error by step id.
    """

    text: str
    run_id: str
    status: Status
    plan: Plan | None = None
    artifacts: Mapping[str, Artifact] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    pictures: Mapping[str, Image] = field(default_factory=dict)
    steps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    usage: Mapping[str, Any] = field(default_factory=dict)
    route: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    both: Mapping[str, Any] | None = None

    def overlays(self) -> dict[str, Image]:
        """The evidence drawn on its pictures (boxes with label and score, masks tinted), by name."""
        from ..tools.draw.overlay import draw_overlay

        names = {} if len(found := self._located()) == 1 else {id_: f"overlay_{n}" for n, id_ in enumerate(found, 1)}
        return {
            names.get(id_, "overlay"): draw_overlay(self.pictures[id_], boxes, masks, min_side=_OVERLAY_SIDE)
            for id_, (boxes, masks) in found.items()
        }

    def save(self, folder: str | Path) -> list[Path]:
        """Write the answer, every named artifact, the overlays, the plan and ``result.json``; returns the files.

        Pictures keep their alpha; boxes, masks and other values are written as JSON.
        """
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        contents: dict[str, bytes] = {"answer.txt": f"{self.text}\n".encode()}
        for name, artifact in {**self.artifacts, **self.overlays()}.items():
            content, mime = artifact.encode()
            contents[name + (_SUFFIXES.get(mime) or mimetypes.guess_extension(mime) or ".bin")] = content
        if self.plan is not None:
            contents["plan.yaml"] = self.plan.to_yaml().encode()
        contents["result.json"] = json.dumps(self.to_dict(), ensure_ascii=False, indent=2).encode()
        for name, content in contents.items():
            (target / name).write_bytes(content)
        return [target / name for name in contents]

    def to_dict(self) -> dict[str, Any]:
        """The result as one versioned JSON document; artifacts as handles, which ``panmodal lineage`` knows by id."""
        return {
            "version": RESULT_VERSION,
            "run_id": self.run_id,
            "status": self.status,
            "text": self.text,
            "route": dict(self.route),
            "artifacts": {name: each.handle() for name, each in self.artifacts.items()},
            "evidence": [each.to_dict() for each in self.evidence],
            "plan": self.plan.to_data() if self.plan is not None else None,
            "steps": {name: dict(each) for name, each in self.steps.items()},
            "usage": dict(self.usage),
            "notes": list(self.notes),
            "both": dict(self.both) if self.both is not None else None,
        }

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        from .display import to_html

        facts = [f"run {self.run_id}", self.status]
        if self.route:
            facts.append(f"route {self.route['kind']}: {self.route['reason']}")
        if "seconds" in self.usage:
            facts.append(f"{self.usage['seconds']:.2f} s")
        return to_html(self.text, {**self.overlays(), **self.artifacts}, self.plan, self.steps, facts)

    def _located(self) -> dict[str, tuple[Boxes | None, Masks | None]]:
        """Boxes and masks of the evidence by the picture they lie on; of several the one with most things."""
        found: dict[str, tuple[Boxes | None, Masks | None]] = {}
        for artifact in (each for evidence in self.evidence for each in evidence.artifacts):
            if not isinstance(artifact, Boxes | Masks) or artifact.empty or artifact.image_id not in self.pictures:
                continue
            boxes, masks = found.get(artifact.image_id, (None, None))
            if isinstance(artifact, Boxes):
                boxes = artifact if boxes is None or len(artifact) > len(boxes) else boxes
            else:
                masks = artifact if masks is None or len(artifact) > len(masks) else masks
            found[artifact.image_id] = boxes, masks
        return found

"""Gold plans: steps are added by intent, and equal steps are shared. Stdlib only."""

from __future__ import annotations

from typing import Any

# The arguments of the tools that the planner LM is trained on, in the order of their signatures (a test compares them
# with the real registry). The first one always has a value.
TOOLS: dict[str, tuple[str, ...]] = {
    "detect": ("image", "labels"),
    "segment": ("image", "boxes"),
    "count": ("boxes",),
    "select": ("boxes", "by"),
    "filter": ("image", "boxes", "colour"),
    "colour": ("image", "masks"),
    "locate": ("boxes",),
    "perceive": ("image", "question"),
    "cut_out": ("image", "masks"),
    "crop": ("image", "boxes"),
    "blur": ("image", "masks"),
    "greyscale": ("image", "masks"),
    "recolour": ("image", "masks", "colour"),
    "annotate": ("image", "boxes", "masks"),
}
MAX_STEPS = 8


class Build:
    """A plan under construction over one base picture (or over every attached one).

    Args:
        base: reference of the picture, `$in.image[*]` for "each picture".
        boxes: reference of boxes that the thread already has and that "the largest one" means, if any.
    """

    def __init__(self, base: str, boxes: str | None = None) -> None:
        self.base, self.known_boxes = base, boxes
        self.each = base.endswith("[*]")
        self.picture = base  # the picture as edited so far
        self.spoken = ""  # the boxes that the latest intent spoke of
        self.steps: list[dict[str, Any]] = []
        self.results: list[str] = []
        self._shared: dict[str, str] = {}

    def step(self, tool: str, **args: Any) -> str:
        """Add a step (or find the equal one) and give its reference. In `each` plans, collections become `$item`s."""
        collections = [v for v in args.values() if isinstance(v, str) and v.startswith("$")] if self.each else []
        distinct = list(dict.fromkeys(collections))
        if len(distinct) == 1:
            args = {k: "$item" if v == distinct[0] else v for k, v in args.items()}
        elif distinct:
            args = {k: f"$item[{distinct.index(v)}]" if isinstance(v, str) and v in distinct else v
                    for k, v in args.items()}  # fmt: skip
        body: dict[str, Any] = {"tool": tool, "args": args}
        if distinct:
            body["each"] = distinct[0] if len(distinct) == 1 else distinct
        key = repr(body)
        if key not in self._shared:
            self._shared[key] = f"$s{len(self.steps) + 1}"
            self.steps.append({"id": f"s{len(self.steps) + 1}", **body})
        return self._shared[key]

    def boxes(self, labels: list[str], colour: str | None, select: str | None, start: str | None = None) -> str:
        """Boxes of a noun phrase: found, then filtered by colour, then one selected."""
        found = start or (self.step("detect", image=self.base, labels=labels) if labels else self.known_boxes)
        assert found is not None
        if colour:
            found = self.step("filter", image=self.base, boxes=found, colour=colour)
        if select == "largest":
            found = self.step("select", boxes=found)
        elif select:
            found = self.step("select", boxes=found, by=select)
        return found

    def masks(self, boxes: str) -> str:
        """Masks of boxes on the picture as it was given."""
        return self.step("segment", image=self.base, boxes=boxes)

    def plan(self) -> dict[str, Any]:
        """The plan; its answer lists the results that no later step used up."""
        used = {ref for step in self.steps for ref in _references(step)}
        answer = [f"${step['id']}" for step in self.steps if f"${step['id']}" in set(self.results) - used]
        return {"version": 1, "steps": self.steps, "answer": answer}


def _references(step: dict[str, Any]) -> list[str]:
    each = step.get("each", [])
    values = [*step["args"].values(), *([each] if isinstance(each, str) else each)]
    return [v for v in values if isinstance(v, str) and v.startswith("$")]

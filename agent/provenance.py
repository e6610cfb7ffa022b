"""Where an artifact came from: the record kept beside it, and the tree that the records make."""

import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_LIBRARIES = (
    "panmodal", "numpy", "pillow", "opencv-python-headless", "av", "soundfile", "trimesh", "torch", "torchvision",
    "transformers", "tokenizers", "ultralytics", "segment-anything", "openai-whisper", "diffusers", "llguidance",
)  # fmt: skip


@cache
def libraries() -> dict[str, str]:
    """Versions of Python and of the installed libraries that can change a result; nothing is imported for it."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


class ModelRecord(BaseModel):
    """A model that took part: for which role, under which pool key, with which checkpoint digest, by which loader."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: str
    key: str
    digest: str | None = None
    loader: str


class Provenance(BaseModel):
    """How a value was made. ``args`` hold ids where the arguments were artifacts; ``parents`` lists those ids."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str | None = None
    step: str | None = None
    tool: str
    tool_version: str = ""
    args: dict[str, Any] = Field(default_factory=dict)
    models: tuple[ModelRecord, ...] = ()
    seed: int | None = None
    libraries: dict[str, str] = Field(default_factory=lambda: dict(libraries()))
    parents: tuple[str, ...] = ()
    batch_size: int = 1
    dtype: str | None = None
    created: datetime = Field(default_factory=lambda: datetime.now(UTC))


@dataclass(slots=True)
class LineageNode:
    """One artifact of a lineage: its handle (None when it is no longer stored), its record, and its parents.

    A parent of several artifacts is one node with several children, so that the tree of a long chain stays small.
    """

    id: str
    handle: dict[str, Any] | None
    record: Provenance | None
    parents: list["LineageNode"] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """The artifact's kind, or ``missing``."""
        return self.handle["kind"] if self.handle else "missing"

    def __str__(self) -> str:
        return render_lineage(self)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: the nodes by id, each with its handle, record and parents' ids; ``top`` is this one."""
        nodes: dict[str, Any] = {}
        waiting = [self]
        while waiting:
            node = waiting.pop()
            if node.id in nodes:
                continue
            record = node.record.model_dump(mode="json") if node.record else None
            parents = [parent.id for parent in node.parents]
            nodes[node.id] = {"handle": node.handle, "record": record, "parents": parents}
            waiting.extend(node.parents)
        return {"top": self.id, "nodes": nodes}


Look = Callable[[str], tuple[dict[str, Any] | None, Provenance | None]]


def trace(artifact_id: str, look: Look) -> LineageNode:
    """The lineage of an artifact, back to what was ingested; ``look`` gives an id's handle and record."""
    nodes: dict[str, LineageNode] = {}

    def node(each: str) -> LineageNode:
        if each not in nodes:
            nodes[each] = LineageNode(each, *look(each))
            waiting.append(nodes[each])
        return nodes[each]

    waiting: list[LineageNode] = []
    top = node(artifact_id)
    while waiting:  # a loop, because a conversation may be longer than Python's recursion limit
        child = waiting.pop()
        parents = child.record.parents if child.record else ()
        child.parents.extend(node(parent) for parent in dict.fromkeys(parents) if parent != child.id)
    return top


def render_lineage(top: LineageNode) -> str:
    """The lineage as an indented text tree, the artifact first and what it was made from below it."""
    lines: list[str] = []
    seen: set[str] = set()
    waiting = [(top, "", "")]
    while waiting:
        node, lead, indent = waiting.pop()
        known = node.id in seen
        lines.append(f"{lead}{_title(node)}{' (shown above)' if known and node.parents else ''}")
        if known:
            continue
        seen.add(node.id)
        below = [indent + ("│  " if node.parents else "   ") + line for line in _details(node)]
        lines.extend(below)
        for index, parent in enumerate(reversed(node.parents)):
            last = index == 0
            waiting.append((parent, indent + ("└─ " if last else "├─ "), indent + ("   " if last else "│  ")))
    return "\n".join(lines)


def _title(node: LineageNode) -> str:
    facts = node.handle or {}
    size = f" {facts['width']}x{facts['height']}" if "width" in facts else ""
    labels = facts.get("labels") or ()
    what = f" of {', '.join(dict.fromkeys(labels))}" if labels else ""
    made = f"  by {node.record.tool}" if node.record else ("" if node.handle is None else "  as given")
    return f"{node.id[:12]} {node.kind}{size}{what}{made}"


def _details(node: LineageNode) -> list[str]:
    record = node.record
    if record is None:
        return []
    where = [f"{name} {value}" for name, value in (("run", record.run), ("step", record.step)) if value]
    tool = f"{record.tool} {record.tool_version}".strip()
    lines = [", ".join([tool, *where, f"{record.created:%Y-%m-%d %H:%M:%S} UTC"])]
    plain = {name: value for name, value in record.args.items() if not _is_id(value, record.parents)}
    if plain:
        lines.append("with " + ", ".join(f"{name}={value!r}" for name, value in plain.items()))
    if record.seed is not None:
        lines.append(f"seed {record.seed}")
    for model in record.models:
        digest = f", checkpoint {model.digest[:12]}" if model.digest else ""
        lines.append(f"{model.role}: {model.key} ({model.loader}{digest})")
    return lines


def _is_id(value: Any, parents: tuple[str, ...]) -> bool:
    if isinstance(value, list):
        return bool(value) and all(each in parents for each in value)
    return isinstance(value, str) and value in parents

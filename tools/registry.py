"""Which tools there are: Panmodal's own by a table, other packages' by entry points, the user's by hand.

A tool's module is imported when the registry is built, its models are not: that takes no torch.
"""

import difflib
import hashlib
import importlib
import importlib.util
import json
import warnings
from collections.abc import Iterable, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .contract import Tool
from .errors import InputError, MissingFile, UnknownTool

BUILTIN = MappingProxyType(
    {
        "detect": ".see.detect:detect",
        "segment": ".see.segment:segment",
        "count": ".see.count:count",
        "select": ".see.select:select",
        "filter": ".see.filter:filter_colour",
        "colour": ".see.colour:colour",
        "locate": ".see.locate:locate",
        "perceive": ".see.perceive:perceive",
        "cut_out": ".draw.cut_out:cut_out",
        "crop": ".draw.crop:crop",
        "blur": ".draw.blur:blur",
        "greyscale": ".draw.greyscale:greyscale",
        "recolour": ".draw.recolour:recolour",
        "annotate": ".draw.annotate:annotate",
        "caption": ".see.caption:caption",
        "caption_densely": ".see.caption_densely:caption_densely",
        "classify": ".see.classify:classify",
        "compare": ".see.compare:compare",
        "depth": ".see.depth:depth",
        "describe_region": ".see.describe_region:describe_region",
        "find_similar": ".see.find_similar:find_similar",
        "measure": ".see.measure:measure",
        "point_at": ".see.point_at:point_at",
        "read_text": ".see.read_text:read_text",
        "search_folder": ".see.search_folder:search_folder",
        "search_images": ".see.search_images:search_images",
        "segment_all": ".see.segment_all:segment_all",
        "change_audio": ".hear.change_audio:change_audio",
        "classify_sound": ".hear.classify_sound:classify_sound",
        "cut_audio": ".hear.cut_audio:cut_audio",
        "generate_audio": ".hear.generate_audio:generate_audio",
        "mix": ".hear.mix:mix",
        "speak": ".hear.speak:speak",
        "spectrogram": ".hear.spectrogram:spectrogram",
        "transcribe": ".hear.transcribe:transcribe",
        "translate_speech": ".hear.translate_speech:translate_speech",
        "waveform": ".hear.waveform:waveform",
        "compose": ".draw.compose:compose",
        "generate_controlled": ".draw.control:generate_controlled",
        "depth_picture": ".draw.depth_picture:depth_picture",
        "edit_image": ".draw.edit_image:edit_image",
        "generate_image": ".draw.generate_image:generate_image",
        "inpaint": ".draw.inpaint:inpaint",
        "paste": ".draw.paste:paste",
        "remove": ".draw.remove:remove",
        "replace": ".draw.replace:replace",
        "restyle": ".draw.restyle:restyle",
        "upscale": ".draw.upscale:upscale",
        "ask_video": ".video.ask_video:ask_video",
        "assemble": ".video.assemble:assemble",
        "animate": ".video.film:film",
        "find_moment": ".video.find_moment:find_moment",
        "track": ".video.follow:track",
        "generate_video": ".video.generate_video:generate_video",
        "sample_frames": ".video.sample_frames:sample_frames",
        "soundtrack": ".video.soundtrack:soundtrack",
        "summarise_video": ".video.summarise_video:summarise_video",
        "timeline": ".video.timeline:timeline",
        "ask_cloud": ".space.ask_cloud:ask_cloud",
        "name_cloud": ".space.name_cloud:name_cloud",
        "render_views": ".space.render_views:render_views",
        "answer_from_document": ".text.answer_from_document:answer_from_document",
        "ask_document": ".text.ask_document:ask_document",
        "document_pages": ".text.document_pages:document_pages",
        "document_pictures": ".text.document_pictures:document_pictures",
        "document_tables": ".text.document_tables:document_tables",
        "extract_entities": ".text.extract_entities:extract_entities",
        "read_document": ".text.read_document:read_document",
        "rewrite": ".text.rewrite:rewrite",
        "sentiment": ".text.sentiment:sentiment",
        "summarise": ".text.summarise:summarise",
        "transcript_text": ".text.transcript_text:transcript_text",
        "translate": ".text.translate:translate",
        "written_text": ".text.written_text:written_text",
        "fetch": ".files.fetch:fetch",
    }
)
ENTRY_POINTS = "panmodal.tools"


class Registry:
    """Tools by name, in the order in which they were added. Names are unique."""

    def __init__(self, tools: Iterable[Tool] = ()) -> None:
        self._tools: dict[str, Tool] = {}
        for each in tools:
            self.add(each)

    def add(self, tool: Tool) -> None:
        """Add a tool; raises InputError if its name is taken, TypeError for a function without ``@tool``."""
        if not isinstance(tool, Tool):
            raise TypeError(f"{tool!r} is no tool: decorate the function with @tool")
        if tool.name in self._tools:
            hint = "give one of them @tool(name=...)"
            raise InputError(f"there is already a tool named {tool.name!r}", hint=hint, tool=tool.name)
        self._tools[tool.name] = tool

    def get(self, name: str) -> Tool:
        """The tool of that name; raises ``UnknownTool`` with near misses."""
        try:
            return self._tools[name]
        except KeyError:
            near = difflib.get_close_matches(name, self._tools, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(self._tools)}"
            raise UnknownTool(f"there is no tool named {name!r}", hint=hint, tool=name, near=near) from None

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def __len__(self) -> int:
        return len(self._tools)

    def names(self) -> tuple[str, ...]:
        """Every tool's name."""
        return tuple(self._tools)

    def tools(self) -> tuple[Tool, ...]:
        """Every tool."""
        return tuple(self._tools.values())

    def by_output(self, kind: str) -> tuple[Tool, ...]:
        """The tools that return artifacts of this kind, one or a list of them."""
        return tuple(each for each in self._tools.values() if each.returns.kind == kind)

    def subset(self, names: Iterable[str]) -> "Registry":
        """A registry of only these tools, in this registry's order; raises ``UnknownTool``."""
        wanted = {self.get(name).name for name in names}
        return Registry(each for each in self._tools.values() if each.name in wanted)

    def with_tools(self, tools: Sequence[Tool]) -> "Registry":
        """A copy with more tools; raises like ``add``."""
        return Registry([*self._tools.values(), *tools])

    def digest(self) -> str:
        """sha256 (hex) over names, arguments and results; independent of order, wording and bodies."""
        signatures = [self._tools[name].signature() for name in sorted(self._tools)]
        return hashlib.sha256(json.dumps(signatures, sort_keys=True).encode()).hexdigest()


def default_registry() -> Registry:
    """Panmodal's own tools, then those of installed packages (entry points of group ``panmodal.tools``).

    A package whose tool does not import or takes a name that is in use is left out with a warning naming it:
    a broken neighbour must not cost the user the other tools.
    """
    registry = Registry(_builtin(target) for target in BUILTIN.values())
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda each: each.name):
        try:
            registry.add(point.load())
        except Exception as error:  # foreign code may raise anything
            warnings.warn(f"tool {point.name!r} of {_package(point)} is left out: {error}", stacklevel=2)
    return registry


def load_tools_file(path: str | Path) -> list[Tool]:
    """Run a Python file of the user's and return the tools that it defines, in the order of definition.

    Raises ``MissingFile``, or ``InputError`` when the file fails to run or defines no tool.
    """
    source = Path(path)
    if not source.is_file():
        raise MissingFile(f"there is no tools file {source}", path=str(source))
    name = f"panmodal_tools_{hashlib.sha256(str(source.resolve()).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, source)
    if spec is None or spec.loader is None:
        raise InputError(f"{source} is no Python file", hint="name it .py", path=str(source))
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # the user's code may raise anything, and a script may leave
        cause = f"{type(error).__name__}: {error}"
        raise InputError(f"{source} cannot be loaded: {cause}", path=str(source)) from error
    own = [each for each in vars(module).values() if isinstance(each, Tool) and each.__module__ == name]
    if not own:
        raise InputError(f"{source} defines no tool", hint="decorate a function with @tool", path=str(source))
    return list(dict.fromkeys(own))


def _builtin(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module, __package__), attribute)


def _package(point: EntryPoint) -> str:
    return f"package {point.dist.name}" if point.dist else f"entry point {point.value}"

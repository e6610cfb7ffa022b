"""The tools that ask models: what they cost beside the same calls of their models' libraries.

A tool is called once with models that write down what they are asked. The direct side makes those calls again through
the library alone (``tool_bare``), from arrays, and decodes a video where the tool does; what both models give is
compared. A tool that only asks one model is measured whole that way; of one that does work of its own between its calls
(``COMPOSED``) that work counts as cost of the tool.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from inspect import signature
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from ....tools.contract import Tool
from ....tools.media.audio import Audio
from ....tools.media.text import Text
from ....tools.registry import default_registry
from ....tools.roles import StepContext
from ...profiles.loading import load_profile
from ..mini.shipped import PROFILE, shipped
from .tool_bare_more import BARE_ALL, HEARD, plain_more
from .tool_media import Bench, Watched
from .tool_pairs import Pair

COMPOSED = frozenset(
    {
        "animate", "ask_cloud", "ask_video", "caption_densely", "classify", "describe_region", "find_moment",
        "find_similar", "inpaint", "name_cloud", "point_at", "replace", "search_folder", "search_images",
        "summarise_video", "timeline", "track", "transcribe",
    }
)  # fmt: skip
"""Tools that do work of their own between or after the calls of their models."""
_NOT_ASKED = ("stop", "progress")


class Asked(NamedTuple):
    """One call of a model: by which role and method, and what came of it."""

    role: str
    method: str
    args: tuple[Any, ...]
    options: Mapping[str, Any]
    result: Any


class Writing:
    """A model that writes down what it is asked."""

    def __init__(self, role: str, model: Any, calls: list[Asked]) -> None:
        self._role, self._model, self._calls = role, model, calls

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._model, name)
        if not callable(value):
            return value

        def ask(*args: Any, **options: Any) -> Any:
            result = value(*args, **options)
            asked = {key: each for key, each in options.items() if key not in _NOT_ASKED}
            self._calls.append(Asked(self._role, name, args, asked, result))
            return result

        return ask


class Models:
    """The models of `mini`, loaded when they are first wanted: as the tools have them, and bare."""

    def __init__(self, cache: Path, device: str = "cpu") -> None:
        self._cache, self._device = cache, device
        self._ours: dict[str, Any] = {}
        self._bare: dict[str, Any] = {}

    @staticmethod
    def served() -> tuple[str, ...]:
        """The roles that `mini` names a model for."""
        return tuple(load_profile(PROFILE).specs())

    def ours(self, role: str) -> Any:
        """The adapter, as a profile's loader gives it, without pool and handles."""
        if role not in self._ours:
            self._ours[role] = shipped([role], self._overrides(role), self._cache)[role].adapter()
        return self._ours[role]

    def bare(self, role: str) -> Any:
        """The library's model on the same weights."""
        if role not in self._bare:
            self.ours(role)  # which tames the library before it is imported
            self._bare[role] = BARE_ALL[role](shipped([role], (), self._cache)[role].folder, self._device)
        return self._bare[role]

    def _overrides(self, role: str) -> Sequence[str]:
        return () if self._device == "cpu" else (f"{role}.device={self._device}",)


class ModelTools:
    """Pairs of the tools that ask models, on the bench's media."""

    def __init__(self, bench: Bench, models: Models) -> None:
        self._bench, self._models = bench, models
        self._folder = TemporaryDirectory(prefix="panmodal-bench-")
        for number, image in enumerate(bench.images):
            (Path(self._folder.name) / f"{number}.png").write_bytes(image.encode()[0])

    def names(self) -> tuple[str, ...]:
        """The tools that are measured."""
        return tuple(self._arguments)

    def pair(self, name: str) -> Pair:
        """The two sides of a tool."""
        args = self._arguments[name]
        tool = default_registry().get(name)
        calls: list[Asked] = []
        video = args.get("video")
        if isinstance(video, Watched):
            video.asked()
        first = self._ours(tool, args, calls)()
        times = video.asked() if isinstance(video, Watched) else []
        # The pictures of a folder are decoded to be looked at, and those that fit best once more to be given.
        files = sorted(Path(self._folder.name).iterdir()) if "folder" in args else []
        files += files[: len(first)] if files else []
        work = [self._again(each) for each in calls]
        results = [plain_more(each.result) for each in calls]

        def direct() -> list[Any]:
            for wanted in times:
                frames_at(args["video"].encode()[0], wanted)
            for file in files:
                np.asarray(Pil.open(file).convert("RGB"))
            return [each() for each in work]

        def plain(value: Any) -> Any:
            if not _same(value, first):
                raise RuntimeError(f"{name} gives something else at every call")
            whole = name not in COMPOSED and type(value) is type(calls[0].result[0])
            return [[plain_more(value)]] if whole else results

        libraries = dict.fromkeys(self._models.bare(each.role).library for each in calls)
        told = " + ".join([*(["PyAV"] if times else []), *(["PIL"] if files else []), *libraries])
        return Pair(name, told, self._ours(tool, args), direct, plain, name in COMPOSED)

    def close(self) -> None:
        """Remove the pictures that were written for the search of folders."""
        self._folder.cleanup()

    def _ours(self, tool: Tool, args: Mapping[str, Any], calls: list[Asked] | None = None) -> Callable[[], Any]:
        given: dict[str, Any] = dict(args)
        for param, role in tool.role_params.items():
            model = self._models.ours(role)
            given[param] = model if calls is None else Writing(role, model, calls)
        for name in {"step", "ctx"} & signature(tool.function).parameters.keys():
            given[name] = StepContext(seed=1)
        return lambda: tool(**given)

    def _again(self, asked: Asked) -> Callable[[], Any]:
        method = getattr(self._models.bare(asked.role), asked.method)
        args, options = [_given(each) for each in asked.args], {**asked.options}
        return lambda: method(*args, **options)

    @cached_property
    def _arguments(self) -> dict[str, dict[str, Any]]:
        on = self._bench
        labels = ["star", "car", "boat", "house"]
        star = Text.of("a red star")
        return {
            "detect": {"image": on.image},
            "segment": {"image": on.image, "boxes": on.boxes},
            "segment_all": {"image": on.image},
            "point_at": {"image": on.image, "points": on.point},
            "perceive": {"image": on.image, "question": "what is in the picture"},
            "caption": {"image": on.image},
            "caption_densely": {"image": on.image},
            "describe_region": {"image": on.image, "boxes": on.boxes},
            "classify": {"image": on.image, "labels": labels},
            "find_similar": {"image": on.image, "images": on.images},
            "search_images": {"images": on.images, "query": "a red star"},
            "search_folder": {"folder": self._folder.name, "query": "a red star"},
            "read_text": {"image": on.page},
            "classify_sound": {"audio": on.sound},
            "transcribe": {"audio": on.speech},
            "speak": {"text": Text.of("Berta sails on Sunday, and the harbour office is open.")},
            "generate_image": {"prompt": star, "seed": 1},
            "edit_image": {"image": on.small, "prompt": star, "seed": 1},
            "restyle": {"image": on.small, "style": "night", "strength": 0.7, "seed": 1},
            "inpaint": {"image": on.small, "masks": on.small_masks, "prompt": star, "seed": 1},
            "replace": {"image": on.small, "masks": on.small_masks, "prompt": star, "seed": 1},
            "name_cloud": {"cloud": on.cloud},
            "ask_cloud": {"cloud": on.cloud, "question": "what is it"},
            "ask_video": {"video": on.video, "question": "what is in the picture"},
            "find_moment": {"video": on.video, "query": "a red star"},
            "track": {"video": on.video},
            "summarise_video": {"video": on.video},
            "timeline": {"video": on.video},
            "animate": {"prompt": Text.of("a red star moves left"), "seconds": 2.0},
        }


def frames_at(content: bytes, times: Sequence[float]) -> list[NDArray[np.uint8]]:
    """The frames (H, W, 3) that are shown at ascending times, by PyAV."""
    import av

    found: list[NDArray[np.uint8]] = []
    with av.open(io.BytesIO(content)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        decoded = container.decode(stream)
        shown = next(decoded)
        upcoming: Any = shown
        for time in times:
            while upcoming is not None and upcoming.time <= time:
                shown, upcoming = upcoming, next(decoded, None)
            found.append(shown.to_ndarray(format="rgb24"))
    return found


def _given(value: Any) -> Any:
    """An argument as the library is given it; recordings at the rate that models hear."""
    if isinstance(value, list) and value and isinstance(value[0], Audio):
        return [each.mono(HEARD)[:, None] for each in value]
    return plain_more(value)


def _same(one: Any, other: Any) -> bool:
    """Whether two results of a tool are equal; of clips, whose encoder need not repeat its bytes, the facts."""
    facts = ("width", "height", "seconds")
    if all(hasattr(one, name) for name in facts):
        return all(getattr(one, name) == getattr(other, name) for name in facts)
    return bool(one == other)

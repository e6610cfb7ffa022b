"""The working half of the loader of video generators: one pipeline in memory, and the adapter that films with it."""

import inspect
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import diffusers
import numpy as np
import torch

from ..errors import ModelError, WrongArgument
from ..media.video import Video
from ..roles import Drawing, StopFlag
from ..video.encoding import encoded
from .base import ModelSpec, cannot_serve, versions
from .checkpoints import INDEX, broken, read_json
from .diffusers_files import Parts
from .diffusers_opening import open_pipeline
from .diffusers_pipelines import denoiser_of, most_steps, quiet, usual_steps
from .diffusers_sampling import GUIDANCE, SEEDS, Progress, Watch, side_within, together, whole, within
from .diffusers_video_files import FilmedFor
from .torch_parts import computing, device_of, free, nbytes_of

_AT_ONCE = 2  # videos
_LARGEST = 2048  # pixels of a side
_TIMES = 4  # lengths of the model: longer makes no sense, and is too much for memory
# Names that the library's pipelines have for the same thing.
_CELL = ("vae_scale_factor", "vae_scale_factor_spatial", "vae_spatial_compression_ratio", "vae_spatial_scale_factor")
_INTERVAL = ("vae_scale_factor_temporal", "vae_temporal_compression_ratio", "vae_temporal_scale_factor")
# Frames a second that the families were made for, by what their pipelines are called; the others have 8.
_RATES = {"Wan": 16, "HunyuanVideo": 24, "Mochi": 30, "Allegro": 15, "SkyReels": 24}


class DiffusersVideoBackbone:
    """A pipeline of diffusers; serves the role ``video_generator``."""

    def __init__(self, spec: ModelSpec, folder: Path, digest: str, parts: Parts, made_for: FilmedFor) -> None:
        """Load ``folder``; raises ``CheckpointBroken`` when the library cannot, or where it makes no videos."""
        self._spec, self._made_for, self._device = spec, made_for, device_of(spec)
        pipeline, modules = open_pipeline(spec, folder, parts, _kind(spec, folder))
        with computing(spec):
            self._pipeline: Any = pipeline.to(self._device)
        self.digest = digest
        self.libraries = versions("diffusers", "transformers", "torch", "av")
        self.nbytes = sum(map(nbytes_of, modules.values()))

    def adapter(self, role: str) -> "PipelineFilmer":
        """The generator."""
        if role != "video_generator" or self._pipeline is None:
            raise cannot_serve(self._spec, role, "the video_generator")
        return PipelineFilmer(self._spec, self._pipeline, self._made_for)

    def close(self) -> None:
        """Drop the weights."""
        self._pipeline = None
        free(self._device)


def _kind(spec: ModelSpec, folder: Path) -> Any:
    """The library's class that the index names. Raises ``CheckpointBroken`` where it films no texts."""
    name = read_json(spec, folder / INDEX)["_class_name"]
    kind = getattr(diffusers, name, None)
    if not (inspect.isclass(kind) and issubclass(kind, diffusers.DiffusionPipeline)):
        raise broken(spec, f"diffusers has no pipeline {name}", "get it for this version of diffusers")
    takes = inspect.signature(kind.__call__).parameters
    needed = {
        name
        for name, about in takes.items()
        if about.default is about.empty and about.kind is about.POSITIONAL_OR_KEYWORD
    }
    if not {"prompt", "num_frames", "output_type"} <= takes.keys() or needed - {"self", "prompt"}:
        hint = "use a pipeline from text to video: Wan, LTX, CogVideoX, AnimateDiff or one like them"
        raise broken(spec, f"a {name} makes no videos from texts alone", hint)
    return kind


class _Job(NamedTuple):
    """How some videos are made together; None is what the library has."""

    width: int | None
    height: int | None
    steps: int
    guidance: float | None
    negative: str
    frames: int | None
    """So many are given."""


class PipelineFilmer:
    """A ``VideoGenerator``. Drawings of one size, length, steps, guidance and negative prompt go through together.

    Noise comes from a generator for each video, on the CPU, so that it depends on its seed alone: not on the device,
    and but for rounding not on what else is made.
    """

    def __init__(self, spec: ModelSpec, pipeline: Any, made_for: FilmedFor) -> None:
        self._spec, self._pipeline, self._made_for = spec, pipeline, made_for
        pipeline.set_progress_bar_config(disable=True)
        self._takes = inspect.signature(pipeline.__call__).parameters
        config = denoiser_of(pipeline).config
        patch = config.get("patch_size") or 1
        self._multiple = math.lcm(8, _first(pipeline, _CELL) * (patch if isinstance(patch, int) else max(patch)))
        self._interval = _first(pipeline, _INTERVAL)
        self._rate = made_for.rate or self._usual_rate()
        usual = made_for.frames or self._takes["num_frames"].default or config.get("sample_frames")
        self._most_frames = config.get("motion_max_seq_length") or _TIMES * (usual or self._rate)

    def generate(
        self,
        drawings: Sequence[Drawing],
        *,
        seconds: Sequence[float | None],
        progress: Progress | None = None,
        stop: StopFlag | None = None,
    ) -> list[Video]:
        """One clip per drawing, as long as was asked to the nearest frame; the file says how it was made."""
        if len(seconds) != len(drawings):
            raise WrongArgument(f"{len(drawings)} drawings with {len(seconds)} lengths", field="seconds")
        jobs = [self._job(*each) for each in zip(drawings, seconds, strict=True)]
        made: dict[int, Video] = {}
        note = f"made by a {type(self._pipeline).__name__}"
        for job, chosen in together(jobs, _AT_ONCE):
            watch = Watch(len(made), len(chosen), len(jobs), job.steps, progress, stop)
            for place, frames in zip(chosen, self._filmed(job, [drawings[k] for k in chosen], watch), strict=True):
                shown = (255 * frames[: job.frames]).round().astype(np.uint8)
                made[place] = encoded(shown, self._rate, f"{note}: {drawings[place].prompt}")
            watch.tell(1.0)
        return [made[k] for k in range(len(jobs))]

    def _filmed(self, job: _Job, drawings: Sequence[Drawing], watch: Watch) -> Any:
        """Frames 0-1 of some videos: (videos, frames, height, width, 3)."""
        rounded = None if job.frames is None else -(-(job.frames - 1) // self._interval) * self._interval + 1
        asked: dict[str, Any] = {
            "prompt": [each.prompt for each in drawings],
            "negative_prompt": [job.negative] * len(drawings) if job.negative else None,
            "width": job.width,
            "height": job.height,
            "num_frames": rounded,
            "frame_rate": self._rate,
            "num_inference_steps": job.steps,
            "guidance_scale": job.guidance,
            "generator": [torch.Generator().manual_seed(whole("seed", each.seed) % SEEDS) for each in drawings],
            "callback_on_step_end": watch,
            "callback": watch,  # of the library's older pipelines
            "output_type": "np",
        }
        with quiet(), computing(self._spec):
            watch.check()  # now, for another thread may have filmed until here
            found = self._pipeline(
                **{name: value for name, value in asked.items() if value is not None and name in self._takes}
            )
        if not np.isfinite(found.frames).all():
            raise ModelError(
                f"{self._spec.checkpoint} makes videos whose pixels are no numbers",
                hint="use dtype float32 or bfloat16, or get the checkpoint again", role=self._spec.role,
            )  # fmt: skip
        return found.frames

    def _job(self, drawing: Drawing, seconds: float | None) -> _Job:
        """What is asked of the library for a drawing; raises ``WrongArgument``."""
        whole("seed", drawing.seed)
        sides = {"width": self._made_for.width, "height": self._made_for.height}
        for field, value in (("width", drawing.width), ("height", drawing.height)):
            if value is not None:
                sides[field] = whole(field, value)
                side_within(field, sides[field] or 0, self._multiple, _LARGEST // self._multiple * self._multiple)
        steps = drawing.steps if drawing.steps is not None else self._made_for.steps or usual_steps(self._pipeline)
        within("steps", whole("steps", steps), 1, most_steps(self._pipeline))
        guidance = self._made_for.guidance if drawing.guidance is None else drawing.guidance
        if guidance is not None:
            within("guidance", guidance, 0, GUIDANCE)
        frames = self._made_for.frames if seconds is None else self._frames_in(seconds)
        return _Job(sides["width"], sides["height"], int(steps), guidance, drawing.negative, frames)

    def _frames_in(self, seconds: float) -> int:
        low, high = 1 / self._rate, self._most_frames / self._rate
        if not low <= seconds <= high:
            raise WrongArgument(
                f"a video of {seconds:g} s cannot be made",
                hint=f"this model makes {low:.2g} to {high:.3g} s",
                field="seconds",
                limit=low if seconds < low else high,
            )
        return round(seconds * self._rate)

    def _usual_rate(self) -> int:
        named = next((rate for name, rate in _RATES.items() if type(self._pipeline).__name__.startswith(name)), 8)
        rate = self._takes["frame_rate"].default if "frame_rate" in self._takes else named
        return int(rate)


def _first(pipeline: Any, names: Sequence[str]) -> int:
    """The value that a pipeline has by one of these names, 1 where it has none."""
    return next((int(getattr(pipeline, name)) for name in names if hasattr(pipeline, name)), 1)

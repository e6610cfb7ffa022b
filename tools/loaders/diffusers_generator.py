"""Drawing with pipelines of diffusers: the adapter of the roles ``image_generator`` and ``controlled_generator``."""

import inspect
import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image as Pil

from ..errors import ModelError, WrongArgument
from ..frames import same_frame, union
from ..media.image import Image
from ..media.masks import Masks
from ..roles import Control, Drawing, StopFlag
from .base import ModelSpec
from .diffusers_files import MadeFor
from .diffusers_pipelines import most_steps, multiple_of, pipeline_for, quiet, side_of, usual_steps
from .diffusers_pixels import Pixels, in_cells, pasted, resized
from .diffusers_sampling import GUIDANCE, SEEDS, Progress, Watch, side_within, together, whole, within
from .torch_parts import computing

_AT_ONCE = 8  # pictures
_WEIGHT = 2.0  # beyond which there is nothing but the control picture's own lines
_LARGEST, _TIMES = 2048, 4  # pixels a side, and sides of the model: larger is too much for memory and makes no sense


class _Job(NamedTuple):
    """How some pictures are drawn together."""

    width: int
    height: int
    steps: int
    guidance: float | None
    negative: str


class PipelineGenerator:
    """An ``ImageGenerator``, and with a ControlNet a ``ControlledGenerator``.

    Drawings of one size, number of steps, guidance and negative prompt go through together.
    Noise comes from a generator for each picture, on the CPU, so that it depends on its seed alone: not on the device,
    and but for rounding not on what else is drawn.
    """

    def __init__(self, spec: ModelSpec, pipeline: Any, made_for: MadeFor) -> None:
        self._spec, self._made_for = spec, made_for
        self._of_task = cache(lambda task: pipeline_for(spec, pipeline, task))
        self._cell, self._multiple = int(pipeline.vae_scale_factor), multiple_of(pipeline)
        self._side = made_for.side or side_of(pipeline)
        self._most_side = max(_TIMES * self._side, _LARGEST) // self._multiple * self._multiple
        self._most_steps = most_steps(pipeline)

    def generate(
        self, drawings: Sequence[Drawing], *, progress: Progress | None = None, stop: StopFlag | None = None
    ) -> list[Image]:
        """One picture per drawing, of the model's own size where none is given."""
        sizes = [(self._side, self._side)] * len(drawings)
        jobs = self._jobs("draw", drawings, sizes)
        return [Image.from_array(each) for each in self._run("draw", drawings, jobs, {}, progress, stop)]

    def edit(
        self,
        images: Sequence[Image],
        drawings: Sequence[Drawing],
        *,
        strength: float = 0.7,
        progress: Progress | None = None,
        stop: StopFlag | None = None,
    ) -> list[Image]:
        """Each image changed at the model's size, or the drawing's, and enlarged again; its alpha plane stays."""
        _as_many("drawings", drawings, images)
        sizes = [self._size_for(image) for image in images]
        jobs = self._jobs("edit", drawings, sizes, strength)
        shown = [resized(image.pixels, job.width, job.height) for image, job in zip(images, jobs, strict=True)]
        made = self._run("edit", drawings, jobs, {"image": shown}, progress, stop, strength=strength)
        return [
            Image.from_array(resized(each, image.width, image.height), image.alpha)
            for image, each in zip(images, made, strict=True)
        ]

    def inpaint(
        self,
        images: Sequence[Image],
        masks: Sequence[Masks],
        drawings: Sequence[Drawing],
        *,
        strength: float = 1.0,
        progress: Progress | None = None,
        stop: StopFlag | None = None,
    ) -> list[Image]:
        """Each image with only the pixels under its masks from what was drawn; they are opaque then."""
        _as_many("drawings", drawings, images)
        _as_many("masks", masks, images)
        for image, some in zip(images, masks, strict=True):
            same_frame(image, some)
        jobs = self._jobs("inpaint", drawings, [self._size_for(image) for image in images], strength)
        shown = [resized(image.pixels, job.width, job.height) for image, job in zip(images, jobs, strict=True)]
        covered = [union(some) for some in masks]
        white = [in_cells(mask, job.width, job.height, self._cell) for mask, job in zip(covered, jobs, strict=True)]
        given = {"image": shown, "mask_image": white}
        made = self._run("inpaint", drawings, jobs, given, progress, stop, strength=strength)
        return [pasted(*each) for each in zip(images, covered, made, strict=True)]

    @property
    def control(self) -> Control | None:
        """As the checkpoint's ``panmodal.json`` has it."""
        return self._made_for.control

    def generate_controlled(
        self,
        controls: Sequence[Image],
        drawings: Sequence[Drawing],
        *,
        weight: float = 1.0,
        progress: Progress | None = None,
        stop: StopFlag | None = None,
    ) -> list[Image]:
        """One picture per drawing, of as many pixels as the model's own; the library resizes the control pictures."""
        _as_many("drawings", drawings, controls)
        within("weight", weight, 0, _WEIGHT)
        jobs = self._jobs("control", drawings, [self._size_for(control) for control in controls])
        given = {"image": [control.pixels for control in controls]}
        made = self._run("control", drawings, jobs, given, progress, stop, controlnet_conditioning_scale=float(weight))
        return [Image.from_array(each) for each in made]

    def _size_for(self, image: Image) -> tuple[int, int]:
        """Width and height with as many pixels as the model's square, and the image's proportions unless extreme."""
        shrink = self._side / math.sqrt(image.width * image.height)
        width, height = (
            min(max(1, round(side * shrink / self._multiple)) * self._multiple, self._most_side)
            for side in (image.width, image.height)
        )
        return width, height

    def _jobs(
        self,
        task: str,
        drawings: Sequence[Drawing],
        sizes: Sequence[tuple[int, int]],
        strength: float | None = None,
    ) -> list[_Job]:
        """What is asked of the library for each drawing; raises ``WrongArgument``."""
        usual = self._made_for.steps or usual_steps(self._of_task(task))
        jobs = []
        for drawing, size in zip(drawings, sizes, strict=True):
            whole("seed", drawing.seed)
            width = size[0] if drawing.width is None else whole("width", drawing.width)
            height = size[1] if drawing.height is None else whole("height", drawing.height)
            for field, value in (("width", width), ("height", height)):
                side_within(field, value, self._multiple, self._most_side)
            steps = usual if drawing.steps is None else whole("steps", drawing.steps)
            within("steps", steps, 1, self._most_steps)
            guidance = self._made_for.guidance if drawing.guidance is None else drawing.guidance
            if guidance is not None:
                within("guidance", guidance, 0, GUIDANCE)
            if strength is not None:
                within("strength", strength, 1 / self._most_steps, 1)
                # Only this share of the steps is run; one at least must be.
                while int(steps * strength) < 1:
                    steps += 1
            jobs.append(_Job(width, height, steps, guidance, drawing.negative))
        return jobs

    def _run(
        self,
        task: str,
        drawings: Sequence[Drawing],
        jobs: Sequence[_Job],
        given: Mapping[str, Sequence[Pixels]],
        progress: Progress | None,
        stop: StopFlag | None,
        **settings: float,
    ) -> list[Pixels]:
        """One picture per drawing, of its job's size; ``settings`` are the library's own."""
        made: dict[int, Pixels] = {}
        pipeline = self._of_task(task)
        takes = inspect.signature(pipeline.__call__).parameters
        for job, chosen in together(jobs, _AT_ONCE):
            watch = Watch(len(made), len(chosen), len(jobs), job.steps, progress, stop)
            pictures = {name: [Pil.fromarray(planes[k]) for k in chosen] for name, planes in given.items()}
            asked: dict[str, Any] = {
                "prompt": [drawings[k].prompt for k in chosen],
                "negative_prompt": [job.negative] * len(chosen) if job.negative else None,
                "width": job.width,
                "height": job.height,
                "num_inference_steps": job.steps,
                "guidance_scale": job.guidance,
                "guidance_rescale": self._made_for.guidance_rescale,
                "generator": [torch.Generator().manual_seed(int(drawings[k].seed) % SEEDS) for k in chosen],
                "use_resolution_binning": False,  # the size is the one that was asked for
                "callback_on_step_end": watch,
                "callback": watch,  # of the library's older pipelines
                "output_type": "np",
                **settings,
                **pictures,
            }
            with quiet(), computing(self._spec):
                watch.check()  # now, for another thread may have drawn until here
                found = pipeline(
                    **{name: value for name, value in asked.items() if value is not None and name in takes}
                )
            if any(getattr(found, "nsfw_content_detected", None) or ()):
                raise ModelError(
                    f"the safety checker of {self._spec.checkpoint} withholds a picture",
                    hint="ask for something else", role=self._spec.role,
                )  # fmt: skip
            if not np.isfinite(found.images).all():
                raise ModelError(
                    f"{self._spec.checkpoint} draws pictures whose pixels are no numbers",
                    hint="use dtype float32 or bfloat16, or get the checkpoint again", role=self._spec.role,
                )  # fmt: skip
            made |= dict(zip(chosen, (255 * found.images).round().astype(np.uint8), strict=True))
            watch.tell(1.0)
        return [made[k] for k in range(len(jobs))]


def _as_many(field: str, given: Sequence[object], images: Sequence[Image]) -> None:
    if len(given) != len(images):
        raise WrongArgument(
            f"{len(given)} {field} for {len(images)} images", hint="give one for each image", field=field
        )

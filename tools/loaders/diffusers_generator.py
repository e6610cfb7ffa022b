"""Drawing with pipelines of diffusers: the adapter of the role ``image_generator``."""

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pil

from ..errors import Cancelled, ModelError, WrongArgument
from ..frames import same_frame, union
from ..media.image import Image
from ..media.masks import Masks
from ..roles import Drawing, StopFlag
from .base import ModelSpec
from .diffusers_files import MadeFor
from .diffusers_pipelines import most_steps, multiple_of, pipeline_for, quiet, side_of, usual_steps
from .torch_parts import computing

_AT_ONCE = 8  # pictures
_GUIDANCE = 100.0  # pictures are burnt out long before

Pixels = NDArray[np.uint8]
Progress = Callable[[float], None]


class _Job(NamedTuple):
    """How some pictures are drawn together."""

    width: int
    height: int
    steps: int
    guidance: float | None
    negative: str


class PipelineGenerator:
    """An ``ImageGenerator``. Drawings of one size, number of steps, guidance and negative prompt go through together.

    Noise comes from a generator for each picture, on the CPU, so that it depends on its seed alone: not on the device,
    and but for rounding not on what else is drawn.
    """

    def __init__(self, spec: ModelSpec, pipeline: Any, made_for: MadeFor) -> None:
        self._spec, self._made_for = spec, made_for
        self._of_task = cache(lambda task: pipeline_for(spec, pipeline, task))
        self._cell, self._multiple = int(pipeline.vae_scale_factor), multiple_of(pipeline)
        self._side = made_for.side or side_of(pipeline)
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
        sizes = [self._size_for(image) for image in images]
        jobs = self._jobs("edit", drawings, sizes, strength)
        shown = [_resized(image.pixels, job.width, job.height) for image, job in zip(images, jobs, strict=True)]
        made = self._run("edit", drawings, jobs, {"image": shown}, progress, stop, strength)
        return [
            Image.from_array(_resized(each, image.width, image.height), image.alpha)
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
        for image, some in zip(images, masks, strict=True):
            same_frame(image, some)
        jobs = self._jobs("inpaint", drawings, [self._size_for(image) for image in images], strength)
        shown = [_resized(image.pixels, job.width, job.height) for image, job in zip(images, jobs, strict=True)]
        covered = [union(some) for some in masks]
        white = [_in_cells(mask, job, self._cell) for mask, job in zip(covered, jobs, strict=True)]
        given = {"image": shown, "mask_image": white}
        made = self._run("inpaint", drawings, jobs, given, progress, stop, strength)
        return [_pasted(*each) for each in zip(images, covered, made, strict=True)]

    def _size_for(self, image: Image) -> tuple[int, int]:
        """Width and height with the image's proportions and as many pixels as the model's square."""
        shrink = self._side / math.sqrt(image.width * image.height)
        width, height = (
            max(1, round(side * shrink / self._multiple)) * self._multiple for side in (image.width, image.height)
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
            width = size[0] if drawing.width is None else drawing.width
            height = size[1] if drawing.height is None else drawing.height
            for field, value in (("width", width), ("height", height)):
                if value < 1 or value % self._multiple:
                    raise WrongArgument(
                        f"a {field} of {value} pixels is no multiple of {self._multiple}",
                        hint=f"give a multiple of {self._multiple}", field=field, limit=self._multiple,
                    )  # fmt: skip
            steps = usual if drawing.steps is None else drawing.steps
            _within("steps", steps, 1, self._most_steps)
            guidance = self._made_for.guidance if drawing.guidance is None else drawing.guidance
            if guidance is not None:
                _within("guidance", guidance, 0, _GUIDANCE)
            if strength is not None:
                _within("strength", strength, 1 / self._most_steps, 1)
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
        strength: float | None = None,
    ) -> list[Pixels]:
        """One picture per drawing, of its job's size."""
        made: dict[int, Pixels] = {}
        pipeline = self._of_task(task)
        takes = inspect.signature(pipeline.__call__).parameters
        for job, chosen in _together(jobs):
            watch = _Watch(len(made), len(chosen), len(jobs), job.steps, progress, stop)
            watch.check()
            pictures = {name: [Pil.fromarray(planes[k]) for k in chosen] for name, planes in given.items()}
            asked: dict[str, Any] = {
                "prompt": [drawings[k].prompt for k in chosen],
                "negative_prompt": [job.negative] * len(chosen) if job.negative else None,
                "width": job.width,
                "height": job.height,
                "num_inference_steps": job.steps,
                "guidance_scale": job.guidance,
                "strength": strength,
                "generator": [torch.Generator().manual_seed(drawings[k].seed) for k in chosen],
                "use_resolution_binning": False,  # the size is the one that was asked for
                "callback_on_step_end": watch,
                "callback": watch,  # of the library's older pipelines
                "output_type": "pil",
                **pictures,
            }
            with quiet(), computing(self._spec):
                found = pipeline(
                    **{name: value for name, value in asked.items() if value is not None and name in takes}
                )
            if any(getattr(found, "nsfw_content_detected", None) or ()):
                raise ModelError(
                    f"the safety checker of {self._spec.checkpoint} withholds a picture",
                    hint="ask for something else", role=self._spec.role,
                )  # fmt: skip
            made |= {k: np.asarray(picture, np.uint8) for k, picture in zip(chosen, found.images, strict=True)}
            watch.tell(1.0)
        return [made[k] for k in range(len(jobs))]


class _Watch:
    """Called after every step of sampling of some of all pictures."""

    def __init__(
        self, before: int, pictures: int, of: int, steps: int, progress: Progress | None, stop: StopFlag | None
    ) -> None:
        self._before, self._pictures, self._of, self._steps = before, pictures, of, steps
        self._progress, self._stop, self._done = progress, stop, 0

    def __call__(self, *told: Any) -> dict[str, Any]:
        """``told`` are the pipeline, the step and more; or the step and more, of older pipelines."""
        self.check()
        self._done += 1
        steps = getattr(told[0], "num_timesteps", None) or self._steps
        self.tell(min(1.0, self._done / (steps + 1)))  # decoding is the last step
        return {}

    def check(self) -> None:
        """Raise ``Cancelled`` where nobody wants the pictures any more."""
        if self._stop is not None and self._stop.is_set():
            raise Cancelled("the drawing was cancelled")

    def tell(self, share: float) -> None:
        """Report the share of these pictures' work that is done."""
        if self._progress is not None:
            self._progress((self._before + self._pictures * share) / self._of)


def _within(field: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        limit = low if value < low else high
        raise WrongArgument(f"a {field} of {value}", hint=f"give {low:g} to {high:g}", field=field, limit=limit)


def _together(jobs: Sequence[_Job]) -> Iterator[tuple[_Job, list[int]]]:
    """Each job with the places of those that are drawn at once."""
    for job in dict.fromkeys(jobs):
        places = [k for k, each in enumerate(jobs) if each == job]
        for start in range(0, len(places), _AT_ONCE):
            yield job, places[start : start + _AT_ONCE]


def _resized(pixels: Pixels, width: int, height: int) -> Pixels:
    """A picture (H x W x 3) or a plane (H x W) in another size: averaged where it shrinks, smooth where it grows."""
    if pixels.shape[:2] == (height, width):
        return pixels
    shrinks = width * height < pixels.shape[0] * pixels.shape[1]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=way), np.uint8)


def _in_cells(mask: NDArray[np.bool_], job: _Job, cell: int) -> Pixels:
    """The mask (H x W) at the job's size, 255 in every cell of the latents of which it covers anything, else 0."""
    touched = _resized(np.uint8(255) * mask, job.width // cell, job.height // cell) > 0
    return np.uint8(255) * touched.repeat(cell, 0).repeat(cell, 1)


def _pasted(image: Image, covered: NDArray[np.bool_], made: Pixels) -> Image:
    """The image with the covered pixels (H x W) from what was made of it."""
    pixels = np.where(covered[..., None], _resized(made, image.width, image.height), image.pixels)
    alpha = None if image.alpha is None else np.where(covered, np.uint8(255), image.alpha)
    return Image.from_array(pixels, alpha)

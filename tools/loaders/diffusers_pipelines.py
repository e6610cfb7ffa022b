"""What the loader of diffusers knows of its pipelines: which one does a task, and what sizes and steps they take."""

import inspect
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

from diffusers import (
    AutoPipelineForImage2Image,
    AutoPipelineForInpainting,
    AutoPipelineForText2Image,
    ControlNetModel,
)
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from ..errors import ModelError
from .base import ModelSpec
from .transformers_files import silenced

_TASKS = {
    "draw": AutoPipelineForText2Image,
    "edit": AutoPipelineForImage2Image,
    "inpaint": AutoPipelineForInpainting,
    "control": AutoPipelineForText2Image,
}
_INPAINTED = 4  # channels of latents that the library's pipelines inpaint where the UNet does not see the mask
_STEPS = 1000  # of the noise schedule, where the scheduler does not say
_LIBRARY = RLock()


def denoiser_of(pipeline: Any) -> Any:
    """The network that takes the noise away; None in a pipeline that has none by the usual names."""
    return getattr(pipeline, "unet", None) or getattr(pipeline, "transformer", None)


@contextmanager
def quiet() -> Iterator[None]:
    """Around every use of the libraries: no bars and no remarks; errors are raised all the same.

    One thread at a time, the others wait: those settings are the process's, and all tasks of a pipeline share its
    scheduler, which counts their steps.
    """
    with (
        _LIBRARY,
        silenced(diffusers_logging, transformers_logging),
        warnings.catch_warnings(action="ignore", category=FutureWarning),  # for the authors of checkpoints
    ):
        yield


def pipeline_for(spec: ModelSpec, pipeline: Any, task: str) -> Any:
    """The pipeline for a task with the same parts. Raises ``ModelError`` where the model cannot do it."""
    unet, channels, kind = getattr(pipeline, "unet", None), pipeline.vae.config.latent_channels, _TASKS[task]
    controlnet = getattr(pipeline, "controlnet", None)
    # Some are made for inpainting alone: their UNet sees the mask and the rest of the picture too.
    only_inpaints = unet is not None and unet.config.in_channels > channels
    try:
        if only_inpaints and task != "inpaint":
            raise ValueError("it is made for inpainting alone")
        if task == "inpaint" and unet is not None and not only_inpaints and channels != _INPAINTED:
            raise ValueError(f"its latents have {channels} channels, the library inpaints {_INPAINTED}")
        if task == "control" and not isinstance(controlnet, ControlNetModel):
            raise ValueError(f"its {type(controlnet).__name__} is none of Stable Diffusion's")
        # Tasks without a control picture need the pipeline of that name without its ControlNet.
        without = {"controlnet": None} if controlnet is not None and task != "control" else {}
        with quiet():
            found = kind.from_pipe(pipeline, **without)
    except ValueError as error:
        raise ModelError(
            f"the {spec.role} {spec.checkpoint}, a {type(pipeline).__name__}, cannot {task}: {error}",
            hint=f"choose another checkpoint: --set {spec.role}.checkpoint=PATH",
            role=spec.role,
        ) from error
    found.set_progress_bar_config(disable=True)
    return found


def multiple_of(pipeline: Any) -> int:
    """What sides must be multiples of: of the cells of the latents, and of patches of them, and of the library's 8."""
    cell = pipeline.vae_scale_factor
    patch = denoiser_of(pipeline).config.get("patch_size", 1)
    return math.lcm(8, cell * patch, pipeline.image_processor.config.vae_scale_factor)


def side_of(pipeline: Any) -> int:
    """Pixels of the side of the squares that the model was made for, as the library has it."""
    cells = getattr(pipeline, "default_sample_size", None) or denoiser_of(pipeline).config.sample_size
    return int(cells * pipeline.vae_scale_factor)


def usual_steps(pipeline: Any) -> int:
    """Steps of sampling that the library takes where nobody says how many."""
    return int(inspect.signature(pipeline.__call__).parameters["num_inference_steps"].default)


def most_steps(pipeline: Any) -> int:
    """Steps of the noise schedule, of which sampling cannot take more."""
    return int(pipeline.scheduler.config.get("num_train_timesteps", _STEPS))

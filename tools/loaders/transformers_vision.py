"""What the loaders of transformers' picture models share: one model for one role, and how pictures get into it."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL import Image as Pil
from transformers import AutoConfig

from ..errors import ModelError, ProfileError, WrongArgument
from ..media.image import Image
from .base import ModelSpec, cannot_serve, versions
from .checkpoints import broken
from .torch_parts import computing, device_of, dtype_of, free, nbytes_of
from .transformers_files import LOCAL, opened, opening


class Task(NamedTuple):
    """One of the library's tasks: the configs of its models, its Auto class, and what prepares their input.

    ``adapter`` makes what serves the role of the spec, the model and the processor.
    """

    configs: Any
    model: Any
    processor: Any
    adapter: Callable[[ModelSpec, Any, Any], object]


class VisionBackbone:
    """A model that looks at pictures, loaded for one role."""

    def __init__(self, spec: ModelSpec, folder: Path, digest: str, tasks: Iterable[Task], otherwise: str) -> None:
        """Load ``folder`` as the first of the ``tasks`` that has its kind of model.

        Raises ``CheckpointBroken`` where none has; ``otherwise`` says what to use.
        """
        dtype, self._device = dtype_of(spec), device_of(spec)
        self._spec = spec
        with opening(spec):
            config = AutoConfig.from_pretrained(folder, **LOCAL)
        task = next((each for each in tasks if type(config) in each.configs), None)
        if task is None:
            raise broken(spec, f"a {config.model_type} is no {spec.role}", otherwise)
        model = opened(spec, task.model, folder, config, dtype)
        with opening(spec):
            processor = task.processor.from_pretrained(folder, **LOCAL)
        with computing(spec):
            self._adapter: Any = task.adapter(spec, model.to(self._device), processor)
        self.digest = digest
        self.libraries = versions("transformers", "torch")
        self.nbytes = nbytes_of(model)

    def adapter(self, role: str) -> Any:
        """What serves the role that it was loaded for."""
        if role != self._spec.role:
            raise cannot_serve(self._spec, role, f"the {self._spec.role}")
        return self._adapter

    def close(self) -> None:
        """Drop the weights."""
        self._adapter = None
        free(self._device)


def preparing(spec: ModelSpec, processor: Any, images: Sequence[Image], **more: Any) -> Any:
    """What the library's processor makes of pictures, and of what is asked about them.

    Raises ``WrongArgument`` for pictures that it cannot make anything of, such as those a pixel high.
    """
    # As pictures of Pillow's, for of an array it would be guessed which axis holds the colours.
    shown = [Pil.fromarray(image.pixels) for image in images]
    try:
        return processor(images=shown, return_tensors="pt", **more)
    except (ValueError, RuntimeError, ZeroDivisionError) as error:
        raise WrongArgument(
            f"the {spec.role} {spec.checkpoint} cannot take a picture of {images[0].width}x{images[0].height} pixels: "
            f"{str(error).splitlines()[0]}",
            hint="crop or resize it",
            field="image",
        ) from error


def numbers(spec: ModelSpec, values: torch.Tensor) -> torch.Tensor:
    """The values; raises ``ModelError`` for what broken weights compute."""
    if values.isnan().any():
        raise ModelError(
            f"the {spec.role} {spec.checkpoint} computes no numbers, so what it finds means nothing",
            hint="use dtype float32, or get the checkpoint again",
            role=spec.role,
        )
    return values


def share_option(spec: ModelSpec, name: str) -> dict[str, float]:
    """The spec's option of that name, a share in [0, 1], as an argument by name; nothing where it states none.

    Raises ``ProfileError`` for anything else.
    """
    value = spec.options.get(name)
    if value is None:
        return {}
    if type(value) not in (int, float) or not 0 <= value <= 1:
        field = f"{spec.role}.options.{name}"
        raise ProfileError(f"{field} is {value!r}, not from 0 to 1", hint=f"--set {field}=0.5", field=field)
    return {name: float(value)}

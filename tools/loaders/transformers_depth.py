"""Depth estimators of transformers in memory."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import MODEL_FOR_DEPTH_ESTIMATION_MAPPING, AutoImageProcessor, AutoModelForDepthEstimation

from ..errors import ProfileError
from ..media.depth import Depth
from ..media.image import Image
from .base import ModelSpec
from .batches import together
from .checkpoints import broken
from .torch_parts import computing
from .transformers_vision import Task, VisionBackbone, numbers, preparing

_AT_ONCE = 4  # pictures
_METRES = frozenset({"zoedepth", "depth_pro", "glpn", "tipsv2_dpt"})
_NEARNESS = frozenset({"dpt", "depth_anything"})


class DepthBackbone(VisionBackbone):
    """A model of depth estimation; serves the role ``depth_estimator``."""

    def __init__(self, spec: ModelSpec, folder: Path, digest: str) -> None:
        """Load ``folder``; raises ``CheckpointBroken`` when it holds none, or one whose numbers are no distances."""
        task = Task(MODEL_FOR_DEPTH_ESTIMATION_MAPPING, AutoModelForDepthEstimation, AutoImageProcessor, DepthMaker)
        super().__init__(spec, folder, digest, [task], "use a DPT, Depth Anything or ZoeDepth")


class DepthMaker:
    """A ``DepthEstimator``, in metres where the model was made for them, else relative.

    ZoeDepth, Depth Pro, GLPN and TIPS tell metres, Depth Anything where its config says ``metric``. Any other Depth
    Anything, and a DPT, tell how near things are: a number that falls with distance, with unknown scale and origin. Its
    sign is turned, so that larger is farther; only the order of such depths means something, for equal steps of them
    are no equal distances. A DPT that was trained for metres does not say so: ``options.metric`` must.
    """

    def __init__(self, spec: ModelSpec, model: Any, processor: Any) -> None:
        self._spec, self._model, self._processor = spec, model, processor
        self._metric = _is_metric(spec, model.config)

    def estimate(self, images: Sequence[Image]) -> list[Depth]:
        """One ``Depth`` per image, in its size."""
        return together([(each.width, each.height) for each in images], _AT_ONCE, lambda some: self._of(images, some))

    def _of(self, images: Sequence[Image], indices: Sequence[int]) -> list[Depth]:
        some = [images[index] for index in indices]
        with computing(self._spec):
            inputs = preparing(self._spec, self._processor, some)
            outputs = self._model(**inputs.to(self._model.device, self._model.dtype))
            outputs["predicted_depth"] = numbers(self._spec, outputs.predicted_depth.float())
            # The second argument by its place: it is the pictures' sizes, but has another name for ZoeDepth.
            found = self._processor.post_process_depth_estimation(outputs, [(each.height, each.width) for each in some])
        return [self._depth(each["predicted_depth"], image) for each, image in zip(found, some, strict=True)]

    def _depth(self, predicted: Any, image: Image) -> Depth:
        # The library drops the axes of a picture that is a pixel wide or high.
        values: NDArray[np.float32] = predicted.float().cpu().numpy().reshape(image.height, image.width)
        return Depth.of(values, image, "metres") if self._metric else Depth.of(-values, image, "relative")


def _is_metric(spec: ModelSpec, config: Any) -> bool:
    stated = spec.options.get("metric")
    if stated is not None and not isinstance(stated, bool):
        field = f"{spec.role}.options.metric"
        raise ProfileError(f"{field} is {stated!r}, not true or false", hint=f"--set {field}=true", field=field)
    if config.model_type not in _METRES | _NEARNESS:
        raise broken(spec, f"the numbers of a {config.model_type} are no distances that can be told", "use another")
    told = config.model_type in _METRES or getattr(config, "depth_estimation_type", "relative") == "metric"
    return told if stated is None else stated

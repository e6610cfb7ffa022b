"""The working half of the torchvision loader: a detector in memory."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torchvision.models.detection import FCOS

from ..media.boxes import Boxes
from ..media.image import Image
from .base import ModelSpec, cannot_serve, versions
from .fcos_builder import build_fcos
from .pictures import shrunk
from .torch_parts import computing, device_of, dtype_of, free, load_state, nbytes_of, put_state


class TorchvisionBackbone:
    """One FCOS; serves the role ``detector``."""

    def __init__(self, spec: ModelSpec, weights: Path, described: Mapping[str, Any], digest: str) -> None:
        dtype_of(spec, "float32")
        self._device = device_of(spec)
        self._spec = spec
        self._names = tuple(str(name) for name in described["names"])
        options = {"score": spec.options.get("conf", 0.3), "nms": spec.options.get("iou", 0.5)}
        model = build_fcos(described, len(self._names), most=int(spec.options.get("max_det", 50)), **options)
        put_state(spec, model, load_state(spec, weights))
        self._model: FCOS | None = model.eval().to(self._device)
        self._side = int(described["side"])
        self.digest = digest
        self.libraries = versions("torchvision", "torch")
        self.nbytes = nbytes_of(model)

    def adapter(self, role: str) -> "TorchvisionDetector":
        """The detector."""
        if role != "detector" or self._model is None:
            raise cannot_serve(self._spec, role, "the detector")
        return TorchvisionDetector(self._spec, self._model, self._names, self._side)

    def close(self) -> None:
        """Drop the weights."""
        self._model = None
        free(self._device)


class TorchvisionDetector:
    """A closed-vocabulary detector; each picture is resized to the model's side."""

    def __init__(self, spec: ModelSpec, model: FCOS, names: tuple[str, ...], side: int) -> None:
        self._spec = spec
        self._model = model
        self._names = names
        self._side = side

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The classes that the checkpoint was trained for, in its own order."""
        return self._names

    def detect(self, images: Sequence[Image], labels: Sequence[Sequence[str]]) -> list[Boxes]:
        """Boxes in pixels of each picture; ``labels`` keeps only those classes, an empty list keeps all."""
        device = device_of(self._spec)
        small = [shrunk(each.pixels, self._side) for each in images]
        tensors = [torch.from_numpy(each.copy()).permute(2, 0, 1).float().div(255).to(device) for each in small]
        with computing(self._spec):
            found = self._model(tensors) if tensors else []
        return [
            self._boxes(one, picture.shape[:2], image, wanted)
            for one, picture, image, wanted in zip(found, small, images, labels, strict=True)
        ]

    def _boxes(
        self, found: Mapping[str, torch.Tensor], shape: Sequence[int], image: Image, wanted: Sequence[str]
    ) -> Boxes:
        scale = np.array([image.width / shape[1], image.height / shape[0]] * 2, np.float32)
        names = [self._names[int(number)] for number in found["labels"]]
        kept = [index for index, name in enumerate(names) if not wanted or name in wanted]
        boxes = found["boxes"].cpu().numpy()[kept] * scale
        return Boxes.of(boxes, [names[index] for index in kept], found["scores"].cpu().numpy()[kept], image)

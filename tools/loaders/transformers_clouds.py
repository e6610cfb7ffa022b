"""Classifiers of point clouds in memory: image classification models of transformers that look from several sides."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING, AutoConfig, AutoModelForImageClassification

from ..errors import EmptyInput, WrongArgument
from ..media.point_cloud import PointCloud
from ..roles import Guess
from ..space.views import CHANNELS, LEAST, few, render_views
from .base import ModelSpec, cannot_serve, versions
from .checkpoints import broken
from .torch_parts import computing, device_of, dtype_of, free, nbytes_of
from .transformers_files import LOCAL, labels_of, opened, opening

_AT_ONCE = 16  # clouds


class CloudClassifierBackbone:
    """An image classification model; serves the role ``cloud_classifier``."""

    def __init__(self, spec: ModelSpec, folder: Path, digest: str, count: int, side: int) -> None:
        """Load ``folder``, whose model sees ``count`` views of a cloud, ``side`` pixels wide and high.

        Raises ``CheckpointBroken`` when it holds no such model, or one that takes no such views.
        """
        dtype, self._device = dtype_of(spec), device_of(spec)
        self._spec, self._count, self._side = spec, count, side
        with opening(spec):
            config = AutoConfig.from_pretrained(folder, **LOCAL)
        if type(config) not in MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING:
            raise broken(spec, f"a {config.model_type} classifies no pictures", "use a ResNet or another classifier")
        model = opened(spec, AutoModelForImageClassification, folder, config, dtype)
        with computing(spec):
            self._model: Any = model.to(self._device)
        blank = torch.zeros(1, CHANNELS, side, side, dtype=dtype, device=self._device)
        try:
            with computing(spec):
                self._model(blank)
        except (RuntimeError, ValueError) as error:
            shape = " x ".join(map(str, blank.shape[1:]))
            raise broken(spec, f"it takes no views of {shape}: {str(error).splitlines()[0]}") from error
        self.digest = digest
        self.libraries = versions("transformers", "torch")
        self.nbytes = nbytes_of(self._model)

    def adapter(self, role: str) -> "ViewClassifier":
        """The classifier."""
        if role != "cloud_classifier":
            raise cannot_serve(self._spec, role, "the cloud_classifier")
        return ViewClassifier(self._spec, self._model, self._count, self._side)

    def close(self) -> None:
        """Drop the weights."""
        self._model = None
        free(self._device)


class ViewClassifier:
    """A ``CloudClassifier``: the views of a cloud are classified one by one, and their log-probabilities averaged."""

    def __init__(self, spec: ModelSpec, model: Any, count: int, side: int) -> None:
        self._spec, self._model, self._count, self._side = spec, model, count, side
        self.vocabulary = labels_of(model)

    def classify(self, clouds: Sequence[PointCloud]) -> list[list[Guess]]:
        """Every class, the likeliest first. Raises ``EmptyInput`` for a cloud without points, WrongArgument for one
        with fewer than four different ones.
        """
        for number, cloud in enumerate(clouds):
            if cloud.empty:
                raise EmptyInput(
                    f"cloud {number + 1} of {len(clouds)} has no points, so it shows nothing", cloud=number
                )
            if few(cloud.points):
                raise WrongArgument(
                    f"cloud {number + 1} of {len(clouds)} has fewer than {LEAST} different points, so it shows nothing",
                    field="points",
                    cloud=number,
                )
        starts = range(0, len(clouds), _AT_ONCE)
        return [self._ranked(row) for start in starts for row in self._scores(clouds[start : start + _AT_ONCE])]

    def _scores(self, clouds: Sequence[PointCloud]) -> NDArray[np.float32]:
        """(N, classes)."""
        seen = np.concatenate([render_views(cloud.points, self._count, self._side) for cloud in clouds])
        with computing(self._spec):
            views = torch.from_numpy(seen).to(self._model.device, self._model.dtype)
            logits = self._model(views).logits.float()
            # But for a constant a view's logits are its log-probabilities.
            pooled = logits.view(len(clouds), self._count, -1).mean(1)
            found: NDArray[np.float32] = pooled.softmax(-1).cpu().numpy()
        return found

    def _ranked(self, row: NDArray[np.float32]) -> list[Guess]:
        return [Guess(self.vocabulary[place], float(row[place])) for place in np.argsort(-row, kind="stable")]

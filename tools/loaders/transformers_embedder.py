"""Embedders of transformers in memory: models of the CLIP kind, with a tower for pictures and one for texts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pil
from transformers import AutoConfig, AutoModel, AutoProcessor

from ..media.embedding import Embedding
from ..media.image import Image
from .base import ModelSpec, cannot_serve, versions
from .checkpoints import broken
from .torch_parts import computing, device_of, dtype_of, free, nbytes_of
from .transformers_files import LOCAL, opened, opening

_KINDS = ("clip", "chinese_clip", "siglip", "siglip2", "metaclip_2")


class EmbedderBackbone:
    """A model of the CLIP kind (Radford et al. 2021); serves the role ``embedder``."""

    def __init__(self, spec: ModelSpec, folder: Path, digest: str) -> None:
        """Load ``folder``; raises ``CheckpointBroken`` when it holds none of the kinds that this loader knows."""
        dtype, self._device = dtype_of(spec), device_of(spec)
        self._spec = spec
        with opening(spec):
            config = AutoConfig.from_pretrained(folder, **LOCAL)
        if config.model_type not in _KINDS:
            raise broken(spec, f"a {config.model_type} has no towers for pictures and texts", "use a CLIP or SigLIP")
        model = opened(spec, AutoModel, folder, config, dtype)
        with opening(spec):
            self._processor: Any = AutoProcessor.from_pretrained(folder, **LOCAL)
        with computing(spec):
            self._model: Any = model.to(self._device)
        self.digest = digest
        self.libraries = versions("transformers", "torch")
        self.nbytes = nbytes_of(self._model)

    def adapter(self, role: str) -> "TwoTowers":
        """The embedder."""
        if role != "embedder":
            raise cannot_serve(self._spec, role, "the embedder")
        return TwoTowers(self._spec, self._model, self._processor)

    def close(self) -> None:
        """Drop the weights."""
        self._model = None
        free(self._device)


class TwoTowers:
    """An ``Embedder``; what is given together goes through a tower as one batch."""

    def __init__(self, spec: ModelSpec, model: Any, processor: Any) -> None:
        self._spec, self._model, self._processor = spec, model, processor

    def embed_images(self, images: Sequence[Image]) -> Embedding:
        """N x D, unit vectors."""
        if not images:
            return self._none()
        with computing(self._spec):
            # As pictures of Pillow's, for of an array it would be guessed which axis holds the colours.
            inputs = self._processor(images=[Pil.fromarray(image.pixels) for image in images], return_tensors="pt")
            return self._of(self._model.get_image_features(**inputs.to(self._model.device, self._model.dtype)))

    def embed_texts(self, texts: Sequence[str]) -> Embedding:
        """N x D, unit vectors."""
        if not texts:
            return self._none()
        with computing(self._spec):
            # SigLIP learned texts that are filled up to the full length.
            padding = "max_length" if "siglip" in self._model.config.model_type else True
            inputs = self._processor(
                text=list(texts), padding=padding, truncation=True, max_length=self._longest(), return_tensors="pt"
            )
            return self._of(self._model.get_text_features(**inputs.to(self._model.device)))

    def _of(self, found: Any) -> Embedding:
        vectors = found if isinstance(found, torch.Tensor) else found.pooler_output
        unit: NDArray[np.float32] = torch.nn.functional.normalize(vectors.float(), dim=-1).cpu().numpy()
        return Embedding.of(unit, self._spec.key)

    def _longest(self) -> int:
        """Tokens that the text tower reads."""
        own = self._model.config.text_config.max_position_embeddings
        return int(min(own, self._processor.tokenizer.model_max_length))

    def _none(self) -> Embedding:
        config = self._model.config
        size = getattr(config, "projection_dim", None) or config.text_config.projection_size
        return Embedding.of(np.zeros((0, size), np.float32), self._spec.key)

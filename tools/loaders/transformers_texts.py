"""Text towers of the CLIP kind, without the one that sees: they read names for detectors that are told what to find."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import AutoTokenizer, CLIPTextConfig, CLIPTextModelWithProjection

from .base import ModelSpec
from .checkpoints import checked_digest, get_folder, weights_in
from .torch_parts import computing, device_of, dtype_of, nbytes_of
from .transformers_files import LOCAL, opened, opening


class TextTower:
    """The text tower of a CLIP."""

    def __init__(self, spec: ModelSpec) -> None:
        """Load it; raises ``CheckpointMissing`` and ``CheckpointBroken``."""
        folder = get_folder(spec)
        weights_in(spec, folder)
        checked_digest(spec, folder)
        with opening(spec):
            config = CLIPTextConfig.from_pretrained(folder, **LOCAL)
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, **LOCAL)
        model = opened(spec, CLIPTextModelWithProjection, folder, config, dtype_of(spec))
        with computing(spec):
            self._model: Any = model.to(device_of(spec))
        self.size = int(config.projection_dim)
        self.nbytes = nbytes_of(model)

    def read(self, texts: Sequence[str]) -> torch.Tensor:
        """N x D, unit vectors; what is longer than the tower reads is cut off."""
        longest = self._model.config.max_position_embeddings
        inputs = self._tokenizer(
            list(texts), padding=True, truncation=True, max_length=longest, return_tensors="pt"
        ).to(self._model.device)
        return torch.nn.functional.normalize(self._model(**inputs).text_embeds.float(), dim=-1)

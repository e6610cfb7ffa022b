"""The other models of `mini` through their libraries alone: those that hear, speak, draw, and see point clouds."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pil
from safetensors.torch import load_file

from ....tools.loaders.diffusers_pixels import in_cells, resized
from ....tools.loaders.espeak_speech import speak
from ....tools.loaders.whisper_letters import Alphabet, hear, mel_of
from ....tools.media.audio import Audio
from ....tools.media.embedding import Embedding
from ....tools.media.point_cloud import PointCloud
from ....tools.media.spans import Spans
from ....tools.media.transcript import Transcript
from ....tools.roles import Drawing, Guess
from ....tools.space.views import render_views
from .tool_bare import BARE, LOCAL, Pixels, plain

Samples = NDArray[np.float32]
HEARD = 16_000
"""Samples a second that the models hear."""
_SOUND = 0.5  # from which score on a sound is told


def plain_more(value: Any) -> Any:
    """As ``plain``, for the kinds that these roles have as well."""
    if isinstance(value, Audio):
        return value.samples
    if isinstance(value, Embedding):
        return value.vectors
    if isinstance(value, PointCloud):
        return value.points
    if isinstance(value, Guess):
        return [value.label, value.score]
    if isinstance(value, Transcript):
        return [[word.text, word.start, word.end, word.probability] for part in value.segments for word in part.words]
    if isinstance(value, Spans):
        return [[label, float(score)] for label, score in zip(value.labels, value.scores, strict=True)]
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return [plain_more(each) for each in value]
    return plain(value)


class BareRecogniser:
    """whisper's modules, decoded by letters as `mini`'s was trained; recordings of one window at 16 kHz."""

    library = "whisper, letters"

    def __init__(self, folder: Path, device: str) -> None:
        from whisper.model import ModelDimensions, Whisper

        stated = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        model = Whisper(ModelDimensions(**stated["dims"]))
        model.load_state_dict(load_file(folder / "model.safetensors"))
        heads = torch.zeros(model.dims.n_text_layer, model.dims.n_text_head, dtype=torch.bool)
        heads[tuple(zip(*stated["alignment_heads"], strict=True))] = True
        model.register_buffer("alignment_heads", heads.to_sparse(), persistent=False)
        self._model: Any = model.eval().to(device)
        self._alphabet = Alphabet(stated["letters"])

    @torch.inference_mode()
    def transcribe(
        self, recordings: Sequence[Samples], language: str | None = None, translate: bool = False
    ) -> list[Any]:
        """The words of each recording with times and probabilities."""
        found = []
        for samples in recordings:
            mono = samples.mean(axis=1, dtype=np.float32)
            mel = mel_of(self._model, mono).to(self._model.device)
            words = hear(self._model, mel[None], self._alphabet, [len(mono) / HEARD])[0]
            found.append([[word.text, word.start, word.end, word.probability] for word in words])
        return found


class BareVoice:
    """espeak-ng through ctypes."""

    library = "espeak-ng"

    def __init__(self, folder: Path, device: str) -> None:
        stated = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self._voice, self._rate = stated["voice"], stated["rate"]

    def speak(self, texts: Sequence[str], voice: str | None = None, rate: int | None = None) -> list[Samples]:
        """Samples x 1 of each text."""
        return [speak(text, self._voice, rate=self._rate, timed=False).samples[:, None] for text in texts]


class BareListener:
    """transformers' audio classification, on recordings of one window at 16 kHz."""

    library = "transformers forward"

    def __init__(self, folder: Path, device: str) -> None:
        from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

        self._model: Any = AutoModelForAudioClassification.from_pretrained(folder, **LOCAL).eval().to(device)
        self._extractor: Any = AutoFeatureExtractor.from_pretrained(folder, **LOCAL)

    @torch.inference_mode()
    def classify(self, recordings: Sequence[Samples]) -> list[list[list[Any]]]:
        """The sounds over one half, the surest first."""
        found = []
        for samples in recordings:
            mono = samples.mean(axis=1, dtype=np.float32)
            inputs = self._extractor([mono], sampling_rate=HEARD, return_tensors="np")
            features = torch.from_numpy(np.asarray(next(iter(inputs.values())), np.float32))
            row = self._model(features.to(self._model.device)).logits[0].sigmoid().cpu().numpy()
            order = [place for place in np.argsort(-row, kind="stable") if row[place] >= _SOUND]
            found.append([[self._model.config.id2label[int(place)], float(row[place])] for place in order])
        return found


class BareCloudClassifier:
    """transformers' image classification, on views of a cloud as `mini`'s was trained."""

    library = "transformers, views"

    def __init__(self, folder: Path, device: str) -> None:
        from transformers import AutoModelForImageClassification

        self._model: Any = AutoModelForImageClassification.from_pretrained(folder, **LOCAL).eval().to(device)
        views = json.loads((folder / "panmodal.json").read_text(encoding="utf-8"))["views"]
        self._count, self._side = views["count"], views["side"]

    @torch.inference_mode()
    def classify(self, clouds: Sequence[Samples]) -> list[list[list[Any]]]:
        """Every class of each cloud, the likeliest first."""
        seen = np.concatenate([render_views(points, self._count, self._side) for points in clouds])
        logits = self._model(torch.from_numpy(seen).to(self._model.device)).logits
        rows = logits.view(len(clouds), self._count, -1).mean(1).softmax(-1).cpu().numpy()
        names = self._model.config.id2label
        return [[[names[int(place)], float(row[place])] for place in np.argsort(-row, kind="stable")] for row in rows]


class BareGenerator:
    """diffusers' pipelines, called as the checkpoint says that it is best asked; square pictures."""

    library = "diffusers pipeline"

    def __init__(self, folder: Path, device: str) -> None:
        from diffusers import AutoPipelineForImage2Image, AutoPipelineForInpainting, AutoPipelineForText2Image

        stated = json.loads((folder / "panmodal.json").read_text(encoding="utf-8"))
        self._draw: Any = AutoPipelineForText2Image.from_pretrained(folder, low_cpu_mem_usage=False, **LOCAL).to(device)
        self._edit: Any = AutoPipelineForImage2Image.from_pipe(self._draw)
        self._inpaint: Any = AutoPipelineForInpainting.from_pipe(self._draw)
        for pipeline in (self._draw, self._edit, self._inpaint):
            pipeline.set_progress_bar_config(disable=True)
        self._side, self._steps, self._guidance = stated["side"], stated["steps"], stated["guidance"]
        self._rescale = stated["guidance_rescale"]

    def generate(self, drawings: Sequence[Drawing]) -> list[Pixels]:
        """Pictures of the model's size."""
        return self._made(self._draw, drawings, width=self._side, height=self._side, guidance_rescale=self._rescale)

    def edit(self, images: Sequence[Pixels], drawings: Sequence[Drawing], strength: float = 0.7) -> list[Pixels]:
        """Each picture changed."""
        made = self._made(self._edit, drawings, image=self._shown(images), strength=strength)
        return [resized(new, old.shape[1], old.shape[0]) for new, old in zip(made, images, strict=True)]

    def inpaint(
        self,
        images: Sequence[Pixels],
        masks: Sequence[Mapping[str, Any]],
        drawings: Sequence[Drawing],
        strength: float = 1.0,
    ) -> list[Pixels]:
        """What lies under the masks drawn anew, everything else as it was."""
        covered = [each["bitmaps"].any(axis=0) for each in masks]
        white = [Pil.fromarray(in_cells(each, self._side, self._side, self._draw.vae_scale_factor)) for each in covered]
        size = {"width": self._side, "height": self._side}
        given = {"image": self._shown(images), "mask_image": white}
        made = self._made(self._inpaint, drawings, strength=strength, **given, **size)
        return [
            np.where(mask[..., None], resized(new, old.shape[1], old.shape[0]), old)
            for mask, new, old in zip(covered, made, images, strict=True)
        ]

    def _shown(self, images: Sequence[Pixels]) -> list[Any]:
        return [Pil.fromarray(resized(pixels, self._side, self._side)) for pixels in images]

    def _made(self, pipeline: Any, drawings: Sequence[Drawing], **given: Any) -> list[Pixels]:
        asked = [asdict(drawing) for drawing in drawings]
        found = pipeline(
            prompt=[each["prompt"] for each in asked],
            num_inference_steps=self._steps,
            guidance_scale=self._guidance,
            generator=[torch.Generator().manual_seed(each["seed"]) for each in asked],
            output_type="np",
            **given,
        )
        return list((255 * found.images).round().astype(np.uint8))


BARE_ALL: Mapping[str, Callable[[Path, str], Any]] = MappingProxyType(
    {
        **BARE,
        "asr": BareRecogniser,
        "tts": BareVoice,
        "sound_classifier": BareListener,
        "cloud_classifier": BareCloudClassifier,
        "image_generator": BareGenerator,
    }
)
"""Every role of `mini` whose model a library runs. Sounds, summaries and translations are made by code of ours."""

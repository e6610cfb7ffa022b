"""The models of `mini` called through their libraries alone: plain arrays and texts in, plain arrays and texts out.

What a program would write that has no Panmodal, for the same answers: the other side of every comparison. Each class
has the methods of a role that the tools use, on what ``plain`` makes of their arguments, and keeps to what the library
documents; where a model of ours must be asked in a way that the library does not know (windows around things, letters
instead of word pieces) that way is taken from the loader, on plain arrays.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pil
from safetensors.torch import load_file

from ....tools.loaders.sam_builder import Marks, build_sam, segment_boxes, segment_points
from ....tools.loaders.segment_anything_everything import SMALL, cut_out_small
from ....tools.media.boxes import Boxes
from ....tools.media.image import Image
from ....tools.media.masks import Masks
from ....tools.media.points import Points
from ....tools.roles import NEVER, Reply

Pixels = NDArray[np.uint8]
LOCAL: Mapping[str, Any] = MappingProxyType({"local_files_only": True})


def plain(value: Any) -> Any:
    """An argument or a result of a role as arrays, numbers and texts."""
    if isinstance(value, Image):
        return value.pixels
    if isinstance(value, Boxes):
        return {"xyxy": value.xyxy, "labels": list(value.labels), "scores": list(value.scores)}
    if isinstance(value, Masks):
        return {"bitmaps": value.bitmaps, "scores": list(value.scores)}
    if isinstance(value, Points):
        return Marks(value.xy, np.array(value.positive, np.bool_))
    if isinstance(value, Reply):
        return {"text": value.text, "confidence": value.confidence}
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return [plain(each) for each in value]
    return value


class BareDetector:
    """ultralytics' predict."""

    library = "ultralytics predict"

    def __init__(self, folder: Path, device: str) -> None:
        import yaml
        from ultralytics import YOLO

        described = yaml.safe_load((folder / "model.yaml").read_text(encoding="utf-8"))
        self._yolo: Any = YOLO(str(folder / "model.yaml"), task="detect")
        self._yolo.model.load_state_dict(load_file(folder / "model.safetensors"))
        self._yolo.model.names = {number: described["names"][number] for number in range(described["nc"])}
        self._how = {name: described[name] for name in ("imgsz", "conf", "iou")}
        self._device = device

    def detect(self, images: Sequence[Pixels], labels: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
        """Pictures averaged down to the model's side first, for the library's own resizing drops pixels."""
        side, shown = self._how["imgsz"], []
        for pixels in images:
            scale = min(1.0, side / max(pixels.shape[:2]))
            size = round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)
            small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
            shown.append(np.ascontiguousarray(small[..., ::-1]))
        found = self._yolo.predict(shown, **self._how, device=self._device, rect=False, save=False, verbose=False)
        return [self._plain(*each) for each in zip(found, images, labels, strict=True)]

    def _plain(self, result: Any, pixels: Pixels, wanted: Sequence[str]) -> dict[str, Any]:
        rows = result.boxes.data.cpu().numpy()
        scale = np.array([pixels.shape[1] / result.orig_shape[1], pixels.shape[0] / result.orig_shape[0]] * 2)
        names = [result.names[int(number)] for number in rows[:, 5]]
        kept = [place for place, name in enumerate(names) if not wanted or name in wanted]
        xyxy = (rows[kept, :4] * scale.astype(np.float32)).astype(np.float32)
        return {"xyxy": xyxy, "labels": [names[place] for place in kept], "scores": rows[kept, 4].tolist()}


class BareSegmenter:
    """segment-anything's modules, asked in windows as `mini`'s was trained."""

    library = "segment-anything, windows"

    def __init__(self, folder: Path, device: str) -> None:
        stated = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        sam = build_sam(stated["dims"])
        sam.load_state_dict(load_file(folder / "model.safetensors"))
        self.sam: Any = sam.eval().to(device)
        self.zoom, self._sides = stated["zoom"], tuple(stated["point_windows"])

    def segment(self, images: Sequence[Pixels], boxes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """One mask a box."""
        found = [segment_boxes(self.sam, *each, zoom=self.zoom) for each in _with(images, boxes)]
        return [{"bitmaps": masks, "scores": quality.tolist()} for masks, quality in found]

    def segment_points(self, images: Sequence[Pixels], points: Sequence[Sequence[Marks]]) -> list[dict[str, Any]]:
        """One mask a marked thing."""
        found = [
            segment_points(self.sam, pixels, things, zoom=self.zoom, sides=self._sides)
            for pixels, things in zip(images, points, strict=True)
        ]
        return [{"bitmaps": masks, "scores": quality.tolist()} for masks, quality in found]

    def segment_all(self, images: Sequence[Pixels]) -> list[dict[str, Any]]:
        """Masks of everything."""
        found = []
        for pixels in images:
            with torch.inference_mode():
                cut = cut_out_small(self.sam, pixels, SMALL, NEVER, zoom=self.zoom, sides=self._sides)
            found.append({"bitmaps": np.stack([mask for mask, _ in cut]), "scores": [score for _, score in cut]})
        return found


def _with(images: Sequence[Pixels], boxes: Sequence[Mapping[str, Any]]) -> list[tuple[Pixels, NDArray[np.float32]]]:
    return [(pixels, each["xyxy"]) for pixels, each in zip(images, boxes, strict=True)]


class BareLooker:
    """transformers' generate of a model that sees, one prompt a row."""

    library = "transformers generate"

    def __init__(self, folder: Path, device: str) -> None:
        from transformers import AutoModelForImageTextToText, AutoProcessor

        self._model: Any = AutoModelForImageTextToText.from_pretrained(folder, **LOCAL).eval().to(device)
        self._processor: Any = AutoProcessor.from_pretrained(folder, **LOCAL)
        self._processor.tokenizer.padding_side = "left"

    def answer(
        self, images: Sequence[Sequence[Pixels]], questions: Sequence[str], max_tokens: int = 64
    ) -> list[dict[str, Any]]:
        """Greedy answers, each with the mean probability of its tokens."""
        prompts = []
        for pictures, question in zip(images, questions, strict=True):
            content = [*[{"type": "image"}] * len(pictures), {"type": "text", "text": question}]
            turns = [{"role": "user", "content": content}]
            prompts.append(self._processor.apply_chat_template(turns, add_generation_prompt=True, tokenize=False))
        shown = [[Pil.fromarray(pixels) for pixels in pictures] for pictures in images]
        tokenizer = self._processor.tokenizer
        inputs = self._processor(
            text=prompts, images=shown, return_tensors="pt", padding=True, add_special_tokens=False
        ).to(self._model.device)
        start = inputs["input_ids"].shape[1]
        context = self._model.config.get_text_config().max_position_embeddings
        with torch.inference_mode():
            made = self._model.generate(
                **inputs, do_sample=False, max_new_tokens=min(max_tokens, context - start), output_logits=True,
                return_dict_in_generate=True, pad_token_id=tokenizer.pad_token_id,
            )  # fmt: skip
            tokens = made.sequences[:, start:]
            chances = torch.stack([each.softmax(-1) for each in made.logits], 1).gather(2, tokens[..., None])[..., 0]
        ends = (tokens == self._model.generation_config.eos_token_id).cumsum(1).cumsum(1) <= 1
        # The tokenizer's own setting, which the library leaves to the caller for BPE.
        texts = map(tokenizer.clean_up_tokenization, tokenizer.batch_decode(tokens, skip_special_tokens=True))
        return [
            {"text": text.strip(), "confidence": float(sure[said].mean())}
            for text, sure, said in zip(texts, chances, ends, strict=True)
        ]

    def caption(self, images: Sequence[Pixels], max_tokens: int = 64) -> list[dict[str, Any]]:
        """The answer to what a picture shows."""
        return self.answer([[each] for each in images], ["Describe the picture."] * len(images), max_tokens)


class BareEmbedder:
    """transformers' CLIP, a tower at a time."""

    library = "transformers forward"

    def __init__(self, folder: Path, device: str) -> None:
        from transformers import AutoModel, AutoProcessor

        self._model: Any = AutoModel.from_pretrained(folder, **LOCAL).eval().to(device)
        self._processor: Any = AutoProcessor.from_pretrained(folder, **LOCAL)

    @torch.inference_mode()
    def embed_images(self, images: Sequence[Pixels]) -> NDArray[np.float32]:
        """N x D, unit vectors."""
        inputs = self._processor(images=[Pil.fromarray(each) for each in images], return_tensors="pt")
        return _unit(self._model.get_image_features(**inputs.to(self._model.device)))

    @torch.inference_mode()
    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """N x D, unit vectors."""
        inputs = self._processor(text=list(texts), padding=True, truncation=True, return_tensors="pt")
        return _unit(self._model.get_text_features(**inputs.to(self._model.device)))


def _unit(found: Any) -> NDArray[np.float32]:
    vectors = found if isinstance(found, torch.Tensor) else found.pooler_output
    unit: NDArray[np.float32] = torch.nn.functional.normalize(vectors.float(), dim=-1).cpu().numpy()
    return unit


class BareReader:
    """RapidOCR, asked for detection, direction and recognition in one call."""

    library = "rapidocr"

    def __init__(self, folder: Path, device: str) -> None:
        from ....tools.loaders.onnx_parts import runtime, threads

        runtime()  # silent, as the loader has it
        from rapidocr import RapidOCR

        stated = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self._engine: Any = RapidOCR(
            params={
                "Global.log_level": "critical",
                "EngineConfig.onnxruntime.intra_op_num_threads": threads() or -1,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                **{f"Det.{name}": value for name, value in stated.items()},
            }
        )

    def read(self, images: Sequence[Pixels]) -> list[dict[str, Any]]:
        """Upright boxes around the lines, from top to bottom."""
        found = []
        for pixels in images:
            told = self._engine(np.ascontiguousarray(pixels[..., ::-1]))
            bounds = np.concatenate([told.boxes.min(axis=1), told.boxes.max(axis=1)], axis=1)
            found.append({"xyxy": bounds, "labels": list(told.txts), "scores": list(told.scores)})
        return found


BARE: Mapping[str, Callable[[Path, str], Any]] = MappingProxyType(
    {
        "detector": BareDetector,
        "segmenter": BareSegmenter,
        "mllm": BareLooker,
        "captioner": BareLooker,
        "embedder": BareEmbedder,
        "ocr": BareReader,
    }
)
"""Roles that look, and what opens a folder of `mini` for them."""

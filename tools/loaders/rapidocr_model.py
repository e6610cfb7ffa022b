"""The working half of the rapidocr loader: a reader of pages, whichever way round they lie."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError, WrongArgument
from ..media.boxes import Boxes
from ..media.image import Image
from .base import ModelSpec, cannot_serve, versions
from .checkpoints import broken
from .onnx_parts import looked_at, runtime, threads
from .pictures import shrunk
from .rapidocr_files import OcrFiles
from .rapidocr_lines import LONG, Corners, reading_order, sizes, turned

_LONGEST = 2000  # pixels of a side that is read; RapidOCR's own bound
_LEAST = 8  # pixels: what is narrower holds no letter
_NARROWEST = 32
_SLENDER = 4  # sides: RapidOCR would enlarge what is longer for its width to any size
_SURE = 0.9  # from which on the classifier of upside-down lines is believed; RapidOCR's own threshold
_RATHER = 1.25  # times as sure the words must be if the picture is to be read another way than it was given
_RANKS = {"det": 4, "cls": 2, "rec": 3}  # axes of what each model gives
_SPECIAL = 2  # classes of the recogniser besides its characters: none, and the blank between words


class RapidocrBackbone:
    """Three models of PaddleOCR's kind; serves the role ``ocr``."""

    def __init__(self, spec: ModelSpec, files: OcrFiles, stated: Mapping[str, Any], digest: str) -> None:
        """Raises ``CheckpointBroken`` for files that are none of these models."""
        if spec.device != "cpu" or spec.dtype != "float32":
            raise ModelError(
                f"the {spec.role} runs in float32 on the CPU, not in {spec.dtype} on {spec.device}",
                hint=f"--set {spec.role}.device=cpu --set {spec.role}.dtype=float32",
                role=spec.role,
            )
        _check(spec, files)
        self._spec = spec
        self._engine: Any = _engine(files, stated)
        self.digest = digest
        self.libraries = versions("rapidocr", "onnxruntime")
        self.nbytes = files.nbytes

    def adapter(self, role: str) -> "PageReader":
        """The reader."""
        if role != "ocr":
            raise cannot_serve(self._spec, role, "the ocr")
        return PageReader(self._engine)

    def close(self) -> None:
        """Drop the weights."""
        self._engine = None


class PageReader:
    """A ``TextReader``; sides of more than 2,000 pixels are shrunk to that before anything is read."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def read(self, images: Sequence[Image]) -> list[Boxes]:
        """One ``Boxes`` per image, a box a line, in reading order of the page as its text stands upright.

        A page may be turned by quarter turns and slant a little; boxes lie in the picture as it was given. Marks
        without letter or digit are no text. Raises ``WrongArgument`` for a picture too long and narrow to be read at
        2,000 pixels.
        """
        return [self._read(image) for image in images]

    def _read(self, image: Image) -> Boxes:
        nothing = Boxes.of([], [], [], image)
        if min(image.width, image.height) < _LEAST:
            return nothing
        page = self._page(image)
        scale = min(1.0, _LONGEST / max(image.width, image.height))
        corners, crops = self._lines(page)
        if not crops:
            return nothing
        upright, texts, scores = self._words(corners, crops)
        bounds = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1) / scale
        xyxy = np.clip(bounds, 0, [image.width, image.height] * 2)
        # What lies in the margin that the page was given is not in the picture.
        within = (xyxy[:, 2] > xyxy[:, 0]) & (xyxy[:, 3] > xyxy[:, 1])
        told = [
            score >= self._engine.text_score and any(letter.isalnum() for letter in text)
            for text, score in zip(texts, scores, strict=True)
        ]
        lines = reading_order(turned(corners, (page.shape[1], page.shape[0]), upright))
        order = [n for n in lines if told[n] and within[n]]
        return Boxes.of(xyxy[order], [texts[n].strip() for n in order], [scores[n] for n in order], image)

    def _page(self, image: Image) -> NDArray[np.uint8]:
        """The picture (H, W, 3) in BGR as RapidOCR reads it well: transparency filled, not too long, nor too narrow."""
        pixels = image.pixels[..., ::-1]
        if image.alpha is not None:
            pixels = self._engine.load_img(np.dstack([image.pixels, image.alpha]))
        small = shrunk(np.ascontiguousarray(pixels), _LONGEST)
        height, width = small.shape[:2]
        if min(height, width) < _LEAST:
            raise WrongArgument(
                f"a picture of {image.width}x{image.height} pixels is too long and narrow to be read",
                hint="cut it into pieces and read those",
                field="image",
            )
        least = max(_NARROWEST, -(-max(height, width) // _SLENDER))
        down, right = max(0, least - height), max(0, least - width)
        return np.asarray(cv2.copyMakeBorder(small, 0, down, 0, right, cv2.BORDER_REPLICATE), np.uint8)

    def _lines(self, page: NDArray[np.uint8]) -> tuple[Corners, list[NDArray[np.uint8]]]:
        """Where lines are (N, 4, 2), and each cut out: what stands is turned anticlockwise, so that it lies."""
        from rapidocr.main import RapidOCRError

        try:
            crops, found = self._engine.detect_and_crop(page, {})
        except RapidOCRError:  # its way to say that there is none
            return np.zeros((0, 4, 2)), []
        corners = np.asarray(found.boxes, np.float64)
        wide, high = sizes(corners)
        if _standing(wide, high):  # single letters of a page that stands are turned too
            square = np.maximum(wide, high) < LONG * np.minimum(wide, high)
            crops = [np.rot90(crop) if turn else crop for crop, turn in zip(crops, square, strict=True)]
        return corners, [np.ascontiguousarray(crop) for crop in crops]

    def _words(self, corners: Corners, crops: list[NDArray[np.uint8]]) -> tuple[int, list[str], list[float]]:
        """By how many quarters the page must be turned anticlockwise, what its lines say, and how sure that is.

        Lines of which the classifier is not sure that they are upright are read on their head as well, because it errs
        on short words; of the page and of each line that way round is right in which the words are surer.
        """
        _, told = self._engine.cls_and_rotate(crops)
        doubtful = [n for n, (label, score) in enumerate(told.cls_res) if label != "0" or score < _SURE]
        upright, over = self._said(crops, range(len(crops))), self._said(_over(crops), doubtful)
        wide, high = sizes(corners)
        standing = _standing(wide, high)
        letters = np.maximum(wide, high) / np.minimum(wide, high)  # about how many there are
        sure = [sum(letters[n] * said[n][1] for n in doubtful) for said in (upright, over)]
        most = letters[doubtful].sum() > letters.sum() / 2
        headlong = bool(most and sure[1] > (1 if standing else _RATHER) * sure[0])
        if headlong and len(doubtful) < len(crops):
            over = self._said(_over(crops), range(len(crops)))
        usual, other = (over, upright) if headlong else (upright, over)
        chosen = [b if b[1] > _RATHER * a[1] else a for a, b in zip(usual, other, strict=True)]
        return 2 * headlong + standing, [text for text, _ in chosen], [score for _, score in chosen]

    def _said(self, crops: Sequence[NDArray[np.uint8]], which: Sequence[int]) -> list[tuple[str, float]]:
        """What some of the lines say, and how sure that is; of the others nothing."""
        said = [("", 0.0)] * len(crops)
        if which:
            found = self._engine.recognize_txt([np.ascontiguousarray(crops[n]) for n in which])
            for n, text, score in zip(which, found.txts, found.scores, strict=True):
                said[n] = (text, float(score) if text.strip() else 0.0)
        return said


def _over(crops: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """The cut-out lines turned by half a turn."""
    return [crop[::-1, ::-1] for crop in crops]


def _standing(wide: NDArray[np.float64], high: NDArray[np.float64]) -> bool:
    """Whether most of a page's text runs up or down."""
    length = np.maximum(wide, high) / np.minimum(wide, high)
    return bool(length[high >= LONG * wide].sum() > length[wide >= LONG * high].sum())


def _engine(files: OcrFiles, stated: Mapping[str, Any]) -> Any:
    """RapidOCR, silent, with these files: with no path for a model it would fetch one."""
    runtime()
    from rapidocr import RapidOCR

    sections = {"limit_side_len": "Det", "box_thresh": "Det", "text_score": "Global"}
    params = {
        "Global.log_level": "critical",
        "EngineConfig.onnxruntime.intra_op_num_threads": threads() or -1,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        **{f"{part.capitalize()}.model_path": str(path) for part, path in files.models.items()},
        **{f"{sections[name]}.{name}": value for name, value in stated.items()},
    }
    if files.keys is not None:
        params["Rec.rec_keys_path"] = str(files.keys)
    return RapidOCR(params=params)


def _check(spec: ModelSpec, files: OcrFiles) -> None:
    """Raises ``CheckpointBroken`` unless each file is a model of its kind and the characters are known."""
    for part, path in files.models.items():
        session = looked_at(spec, path)
        shape = session.get_outputs()[0].shape
        if len(shape) != _RANKS[part]:
            raise broken(spec, f"{path.name} gives {len(shape)} axes, a {part} model {_RANKS[part]}")
        if part == "rec":
            listed = session.get_modelmeta().custom_metadata_map.get("character")
            known = _characters(spec, path, listed, files.keys)
            if isinstance(shape[-1], int) and shape[-1] != known + _SPECIAL:
                raise broken(spec, f"{path.name} tells {shape[-1] - _SPECIAL} characters apart, {known} are listed")


def _characters(spec: ModelSpec, path: Path, listed: str | None, keys: Path | None) -> int:
    """How many characters are listed, in the model or beside it."""
    if listed is not None:
        return len(listed.splitlines())
    if keys is None:
        raise broken(spec, f"{path.name} lists no characters", "put keys.txt beside it, one character a line")
    try:
        return keys.read_text(encoding="utf-8").rstrip("\n").count("\n") + 1
    except (OSError, ValueError) as error:
        raise broken(spec, f"{keys.name} cannot be read: {error}") from error

"""The working half of the ultralytics loader: a detector in memory."""

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from ..media.boxes import Boxes
from ..media.image import Image
from .base import ModelSpec, cannot_serve, versions
from .batches import together
from .checkpoints import broken, cache_folder
from .pictures import shrunk
from .torch_parts import computing, device_of, dtype_of, free, load_state, nbytes_of, put_state

if TYPE_CHECKING:
    from .ultralytics_texts import Teller

_SIDE = 640  # pixels, what ultralytics assumes of a model that says nothing
_MOST = 300  # boxes a picture, ultralytics' own default
_AT_ONCE = 16  # pictures that are asked for the same
_TASKS = ("detect", "segment")  # what segments things finds them first, as the published YOLOE does


class UltralyticsBackbone:
    """One detector of ultralytics; serves the role ``detector``."""

    def __init__(self, spec: ModelSpec, path: Path, digest: str) -> None:
        """Load ``path``; raises ``CheckpointBroken`` when it holds no detector."""
        dtype_of(spec, "float32", "float16")
        device_of(spec)
        yolo_class = tamed(cache_folder(spec))
        self._spec = spec
        self._yolo, self._settings = (_from_folder if path.is_dir() else _from_file)(yolo_class, spec, path)
        from .ultralytics_texts import teller  # imports the library: not before it is tamed

        self._teller = teller(spec, self._yolo)
        self.digest = digest
        self.libraries = versions("ultralytics", "torch", *(["transformers"] if self._teller else []))
        self.nbytes = nbytes_of(self._yolo.model) + (self._teller.nbytes if self._teller else 0)

    def adapter(self, role: str) -> "UltralyticsDetector":
        """The detector."""
        if role != "detector":
            raise cannot_serve(self._spec, role, "the detector")
        return UltralyticsDetector(self._spec, self._yolo, self._settings, self._teller)

    def close(self) -> None:
        """Drop the weights."""
        self._yolo = self._teller = None
        free(device_of(self._spec))


class UltralyticsDetector:
    """A detector of the classes that it was trained or saved for, or with a ``teller`` of those that it is told.

    Pictures of any size are letterboxed to the model's square.
    """

    def __init__(self, spec: ModelSpec, yolo: Any, settings: Mapping[str, Any], teller: "Teller | None" = None) -> None:
        self._spec = spec
        self._yolo = yolo
        self._settings = settings
        self._teller = teller

    @property
    def vocabulary(self) -> tuple[str, ...] | None:
        """The classes, in the model's order; None where it can be told any."""
        return None if self._teller else self._names()

    def detect(self, images: Sequence[Image], labels: Sequence[Sequence[str]]) -> list[Boxes]:
        """Boxes in pixels of each picture; ``labels`` keeps only those classes, an empty list keeps all.

        Suppression works within a class, so leaving classes out afterwards changes nothing else; but YOLOE's, as the
        library has it, works across classes. A model that can be told classes looks for just the ``labels``, with an
        empty list for those that it was saved for; it raises ``WrongArgument`` where it was saved for none.
        """
        teller = self._teller
        if teller is None:
            names = self._names()
            found = self._found(images) if images else []
            return [
                _boxes(result, image, names, wanted)
                for result, image, wanted in zip(found, images, labels, strict=True)
            ]

        def told(indices: list[int]) -> list[Boxes]:
            teller.tell(labels[indices[0]])
            some, names = [images[index] for index in indices], self._names()
            return [_boxes(result, image, names, ()) for result, image in zip(self._found(some), some, strict=True)]

        return together([tuple(asked) for asked in labels], _AT_ONCE, told)

    def _names(self) -> tuple[str, ...]:
        return tuple(str(name) for _, name in sorted(self._yolo.model.names.items()))

    def _found(self, images: Sequence[Image]) -> list[Any]:
        # Each picture is letterboxed to the full square (rect=False): its boxes do not depend on its neighbours.
        small = [shrunk(each.pixels, int(self._settings["imgsz"])) for each in images]
        with computing(self._spec):
            found: list[Any] = self._yolo.predict(
                [np.ascontiguousarray(each[..., ::-1]) for each in small],  # it reads arrays as BGR
                imgsz=self._settings["imgsz"],
                conf=self._settings["conf"],
                iou=self._settings["iou"],
                max_det=self._settings["max_det"],
                device=self._spec.device,
                half=self._spec.dtype == "float16",
                rect=False,
                save=False,
                verbose=False,
            )
        return found


def _boxes(result: Any, image: Image, names: Sequence[str], wanted: Sequence[str]) -> Boxes:
    found = result.boxes.data.float().cpu().numpy()  # (N, 6): xyxy in pixels, score, class
    # From the shrunk picture back to the picture's own pixels.
    found[:, [0, 2]] *= image.width / result.orig_shape[1]
    found[:, [1, 3]] *= image.height / result.orig_shape[0]
    called = [names[int(number)] for number in found[:, 5]]
    kept = [index for index, name in enumerate(called) if not wanted or name in wanted]
    return Boxes.of(found[kept, :4], [called[index] for index in kept], np.clip(found[kept, 4], 0, 1), image)


def tamed(cache: Path) -> Any:
    """ultralytics' YOLO class, imported so that it keeps to itself.

    Left alone it writes settings into the user's home, prints to stdout, phones home, installs packages, loads
    pickles and replaces Pillow's `open`. The environment must say otherwise before its first import; what the user
    has set stands.
    """
    settings = cache / "ultralytics"
    settings.mkdir(parents=True, exist_ok=True)
    for name, value in {
        "YOLO_CONFIG_DIR": str(settings),
        "MPLCONFIGDIR": str(settings),
        "YOLO_OFFLINE": "true",
        "YOLO_AUTOINSTALL": "false",
        "YOLO_VERBOSE": "false",
        "ULTRALYTICS_SAFE_LOAD": "true",
    }.items():
        os.environ.setdefault(name, value)
    from PIL import Image as Pil

    opener = Pil.open
    from ultralytics import YOLO
    from ultralytics.utils import LOGGER, SETTINGS

    Pil.open = opener  # theirs wants to install a HEIF reader for every picture that Pillow does not know
    if SETTINGS.get("sync"):
        SETTINGS.update({"sync": False})
    for handler in LOGGER.handlers:
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stdout:
            handler.setStream(sys.stderr)
    return YOLO


def _from_folder(yolo_class: Any, spec: ModelSpec, folder: Path) -> tuple[Any, dict[str, Any]]:
    import yaml

    try:
        described = yaml.safe_load((folder / "model.yaml").read_text(encoding="utf-8"))
        names = {index: str(described["names"][index]) for index in range(described["nc"])}
        yolo = yolo_class(str(folder / "model.yaml"), task="detect")
    except Exception as error:  # a wrong description makes the library raise nearly anything
        raise broken(spec, f"model.yaml describes no detector: {type(error).__name__}: {error}") from error
    put_state(spec, yolo.model, load_state(spec, folder / "model.safetensors"))
    yolo.model.names = names
    return yolo, _settings(spec, described)


def _from_file(yolo_class: Any, spec: ModelSpec, path: Path) -> tuple[Any, dict[str, Any]]:
    try:
        yolo = yolo_class(str(path), task="detect")
    except Exception as error:  # what damaged or foreign files make the library raise
        raise broken(spec, str(error).splitlines()[0], "give a detector that ultralytics saved") from error
    model: Any = yolo.model
    if not isinstance(model, nn.Module) or yolo.task not in _TASKS:
        raise broken(spec, f"it is made for the task {yolo.task!r}", "give a detector")
    names: Any = model.names
    if isinstance(names, list):  # as YOLO-World keeps the classes that it was told
        yolo.model.names = dict(enumerate(names))
    return yolo, _settings(spec, yolo.overrides)


def _settings(spec: ModelSpec, described: Mapping[str, Any]) -> dict[str, Any]:
    """How to predict: the profile's options, else what the checkpoint says, else ultralytics' defaults."""
    usual = {"imgsz": _SIDE, "conf": 0.25, "iou": 0.7, "max_det": _MOST}
    return {name: spec.options.get(name, described.get(name) or value) for name, value in usual.items()}

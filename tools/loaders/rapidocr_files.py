"""Where RapidOCR's models and settings lie: in a folder, or in its package."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..errors import MissingExtra
from .base import ModelSpec
from .checkpoints import broken, read_json

PARTS = ("det", "cls", "rec")
SETTINGS = MappingProxyType({"limit_side_len": (32, 2000), "box_thresh": (0, 1), "text_score": (0, 1)})
"""What may be stated, from and to: to how many pixels the shorter side of a smaller picture is enlarged, how sure it
must be that there is a line, and what the line says."""


@dataclass(frozen=True)
class OcrFiles:
    """A reader's models, by ``PARTS``, and the file of its characters where they are not in the model."""

    models: Mapping[str, Path]
    keys: Path | None

    @property
    def nbytes(self) -> int:
        """Bytes of the models, nearly all of them float32 weights."""
        return sum(path.stat().st_size for path in self.models.values())


def package_folder() -> Path:
    """The folder of the package, which is not imported for it."""
    found = importlib.util.find_spec("rapidocr")
    if found is None or found.origin is None:
        raise MissingExtra("text in pictures is read by the package rapidocr", hint="install it: pip install rapidocr")
    return Path(found.origin).parent


def files_of(spec: ModelSpec, folder: Path) -> OcrFiles:
    """The models of a folder, or those of the package. Raises ``CheckpointBroken`` where one is missing."""
    if not folder.is_dir():
        raise broken(spec, f"{folder} is no folder", "name a folder with det, cls and rec .onnx files")
    where = folder if any(folder.glob("*.onnx")) else package_folder() / "models"
    models = {}
    for part in PARTS:
        found = [path for path in sorted(where.glob("*.onnx")) if part in path.name]
        if len(found) != 1:
            told = ", ".join(path.name for path in found) or "none"
            raise broken(spec, f"one .onnx file of {where} must have {part} in its name: {told}", "leave one of each")
        models[part] = found[0]
    keys = where / "keys.txt"
    return OcrFiles(models, keys if keys.is_file() else None)


def settings_of(spec: ModelSpec, folder: Path) -> dict[str, Any]:
    """What the folder and the profile state of ``SETTINGS``. Raises ``CheckpointBroken`` for what makes no sense."""
    stated = read_json(spec, folder / "config.json") if (folder / "config.json").is_file() else {}
    found = {name: value for name, value in {**stated, **spec.options}.items() if name in SETTINGS}
    for name, value in found.items():
        low, high = SETTINGS[name]
        if not isinstance(value, int | float) or not low <= value <= high:
            raise broken(spec, f"its {name} {value!r} is no number from {low} to {high}", "state another")
    return found

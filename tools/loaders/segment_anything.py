"""Segmenters of segment-anything (Kirillov et al. 2023): published checkpoints, or small ones of our own.

A published checkpoint is a ``.pth`` file (or its state dict as ``.safetensors``); ``options.model_type`` names its size
(``vit_b``, ``vit_l``, ``vit_h``; read from the file's name where it says so). A folder with ``model.safetensors`` and
``config.json`` (``dims``, see ``sam_builder``; ``zoom``; ``point_windows``, where it learned points) is a small model,
which is shown each box enlarged and each point in windows of several sizes.
"""

import re
from pathlib import Path

from ..errors import ProfileError
from .base import Backbone, ModelSpec
from .checkpoints import broken, checked_digest, find_file, get_file, measure_safetensors, read_json, weights_in

SIZES = ("vit_b", "vit_l", "vit_h")
_PUBLISHED = "https://dl.fbaipublicfiles.com/segment_anything"


class SegmentAnythingLoader:
    """Opens segmenters of segment-anything.

    Options: ``model_type``; for a size of your own ``dims``, ``zoom`` and ``point_windows``.
    """

    name = "segment-anything"

    def resolve(self, spec: ModelSpec) -> Path:
        """The weights file or the folder."""
        return find_file(spec, _command(spec))

    def measure(self, spec: ModelSpec) -> int:
        """Bytes of the weights; a ``.pth`` holds float32, so its size is theirs."""
        path = get_file(spec, _command(spec))
        if path.is_dir():
            return measure_safetensors(spec, weights_in(spec, path))
        return measure_safetensors(spec, [path]) if path.suffix == ".safetensors" else path.stat().st_size

    def load(self, spec: ModelSpec) -> Backbone:
        """Load without pickled code."""
        path = get_file(spec, _command(spec))
        stated = read_json(spec, path / "config.json") if path.is_dir() else spec.options
        dims = stated.get("dims")
        if path.is_dir() and not dims:
            raise broken(spec, "its config.json states no dims")
        model_type = "" if dims else _model_type(spec, path)
        digest = checked_digest(spec, path)
        from .segment_anything_model import SegmentAnythingBackbone

        weights = path / "model.safetensors" if path.is_dir() else path
        if not weights.is_file():
            raise broken(spec, f"{path} holds no model.safetensors")
        return SegmentAnythingBackbone(
            spec,
            weights,
            digest,
            dims=dims,
            model_type=model_type,
            zoom=stated.get("zoom"),
            point_windows=stated.get("point_windows", ()),
        )


def _model_type(spec: ModelSpec, path: Path) -> str:
    stated = spec.options.get("model_type")
    read = re.search("|".join(SIZES), path.name)
    model_type = str(stated or (read[0] if read else ""))
    if model_type not in SIZES:
        raise ProfileError(
            f"the segmenter {path.name} needs to know its size: {stated!r} is none",
            hint=f"--set {spec.role}.options.model_type={SIZES[0]} (or {', '.join(SIZES[1:])})",
            field=f"{spec.role}.options.model_type",
        )
    return model_type


def _command(spec: ModelSpec) -> str:
    """The command that gets a published checkpoint, by its well-known file name; "" for any other."""
    name = Path(spec.checkpoint).name
    return (
        f"curl --create-dirs -L -o {spec.path} {_PUBLISHED}/{name}" if re.fullmatch(r"sam_vit_\w+\.pth", name) else ""
    )

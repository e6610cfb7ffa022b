"""Detectors of torchvision (BSD-3-Clause): the permissive choice beside ultralytics.

A folder holds ``model.safetensors`` and ``config.json``: the dimensions of ``fcos_builder`` and ``names``, the classes
in order, as `panmodal train detector --arch torchvision` writes them.
"""

from pathlib import Path

from .base import Backbone, ModelSpec
from .checkpoints import broken, checked_digest, find_folder, get_folder, measure_safetensors, read_json, weights_in


class TorchvisionLoader:
    """Opens FCOS detectors of torchvision. Options: ``conf``, ``iou``, ``max_det``."""

    name = "torchvision"

    def resolve(self, spec: ModelSpec) -> Path:
        """The folder."""
        return find_folder(spec)

    def measure(self, spec: ModelSpec) -> int:
        """Bytes of the weights, from their header."""
        return measure_safetensors(spec, weights_in(spec, get_folder(spec)))

    def load(self, spec: ModelSpec) -> Backbone:
        """Build the stated architecture and load its weights."""
        folder = get_folder(spec)
        described = read_json(spec, folder / "config.json")
        lacking = [field for field in ("side", "widths", "pyramid", "names") if field not in described]
        if lacking:
            raise broken(spec, f"its config.json does not state {', '.join(lacking)}")
        digest = checked_digest(spec, folder)
        from .torchvision_model import TorchvisionBackbone

        return TorchvisionBackbone(spec, weights_in(spec, folder)[0], described, digest)

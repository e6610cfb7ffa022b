"""Detectors of ultralytics (AGPL-3.0): its own ``.pt`` files, or a folder with safetensors and the architecture.

A folder holds ``model.safetensors`` (the state dict) and ``model.yaml``: the architecture as ultralytics describes it,
``names`` (the classes in order) and what the model was made for: ``imgsz`` (pixels of the side), ``conf`` and ``iou``
(thresholds). Options of the same names in the profile win.

A ``.pt`` of YOLO-World or YOLOE finds the classes that it was saved with, and any that it is told where
``options.text_encoder`` names what reads them: a CLIP in the format of transformers, by path or hub id, with the text
tower that the detector was trained with.
"""

from pathlib import Path

from .base import Backbone, ModelSpec
from .checkpoints import broken, checked_digest, find_file, get_file, get_folder, measure_safetensors, weights_in
from .ultralytics_files import encoder_spec

_ASSETS = "https://github.com/ultralytics/assets/releases/latest/download"


class UltralyticsLoader:
    """Opens detectors of ultralytics. Options: ``imgsz``, ``conf``, ``iou``, ``max_det``, ``text_encoder``."""

    name = "ultralytics"

    def resolve(self, spec: ModelSpec) -> Path:
        """The ``.pt`` file or the folder."""
        return find_file(spec, _command(spec))

    def measure(self, spec: ModelSpec) -> int:
        """Bytes of the weights; of a ``.pt`` twice its size, since it holds halves that are widened on loading.

        Of a text encoder all of its file counts, though only the part that reads texts is loaded.
        """
        path = get_file(spec, _command(spec))
        if path.is_dir():
            return measure_safetensors(spec, weights_in(spec, path))
        encoder = encoder_spec(spec)
        texts = measure_safetensors(encoder, weights_in(encoder, get_folder(encoder))) if encoder else 0
        return path.stat().st_size * (1 if spec.dtype == "float16" else 2) + texts

    def load(self, spec: ModelSpec) -> Backbone:
        """Load without pickled code: safetensors, or a ``.pt`` by torch's safe unpickler."""
        path = get_file(spec, _command(spec))
        if path.is_file() and path.suffix != ".pt":
            raise broken(spec, f"{path.name} is neither a .pt file nor a folder", "name a .pt of ultralytics")
        digest = checked_digest(spec, path)
        from .ultralytics_model import UltralyticsBackbone

        return UltralyticsBackbone(spec, path, digest)


def _command(spec: ModelSpec) -> str:
    """The command that gets a published detector, by its well-known file name; "" for any other."""
    name = Path(spec.checkpoint).name
    published = name.startswith("yolo") and name.endswith(".pt")
    return f"curl --create-dirs -L -o {spec.path} {_ASSETS}/{name}" if published else ""

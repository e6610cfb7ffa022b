"""Recognisers of openai-whisper (Radford et al. 2022): published checkpoints, or small ones of our own.

A published checkpoint is one of the library's ``.pt`` files and goes through its ``transcribe``. A folder with
``model.safetensors`` and ``config.json`` is a small model with an alphabet and an audio context of its own: ``dims`` as
the library's ModelDimensions, ``letters`` that it writes, ``alignment_heads`` (pairs of layer and head) that word times
are read from, and ``language``.
"""

from dataclasses import replace
from pathlib import Path

from .base import Backbone, ModelSpec
from .checkpoints import broken, checked_digest, find_file, get_file, measure_safetensors, read_json, weights_in

PUBLISHED = (
    "tiny", "tiny.en", "base", "base.en", "small", "small.en", "medium", "medium.en", "large-v1", "large-v2",
    "large-v3", "large-v3-turbo",
)  # fmt: skip
_STATED = ("dims", "letters", "alignment_heads")


class WhisperLoader:
    """Opens recognisers of openai-whisper."""

    name = "whisper"

    def resolve(self, spec: ModelSpec) -> Path:
        """The ``.pt`` file or the folder."""
        return find_file(spec, _command(spec))

    def measure(self, spec: ModelSpec) -> int:
        """Bytes of the weights; a published ``.pt`` holds halves, which are widened where they compute in float32."""
        path = get_file(spec, _command(spec))
        halves = spec.dtype == "float16" and spec.device != "cpu"  # the library computes in float32 there
        if path.is_dir():
            return measure_safetensors(replace(spec, dtype="float16" if halves else "float32"), weights_in(spec, path))
        return path.stat().st_size * (1 if halves else 2)

    def load(self, spec: ModelSpec) -> Backbone:
        """Load without pickled code: safetensors, or a ``.pt`` by torch's safe unpickler."""
        path = get_file(spec, _command(spec))
        if path.is_file() and path.suffix != ".pt":
            raise broken(spec, f"{path.name} is neither a .pt file nor a folder", "name a .pt of openai-whisper")
        stated = read_json(spec, path / "config.json") if path.is_dir() else {}
        if path.is_dir() and (lacking := [name for name in _STATED if not stated.get(name)]):
            raise broken(spec, f"its config.json states no {lacking[0]}")
        digest = checked_digest(spec, path)
        from .whisper_model import WhisperBackbone

        return WhisperBackbone(spec, path, digest, stated)


def _command(spec: ModelSpec) -> str:
    """The command that gets a published recogniser, by its well-known file name; "" for any other."""
    name = Path(spec.checkpoint).stem
    if name not in PUBLISHED:
        return ""
    return (
        f"python -c \"import whisper; whisper.load_model('{name}', device='cpu', download_root='{spec.path.parent}')\""
    )

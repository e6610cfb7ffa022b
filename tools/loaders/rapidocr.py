"""Readers of text of RapidOCR: the three models that its package carries, or a folder with your own.

A folder holds one ``.onnx`` file each with ``det``, ``rec`` and ``cls`` in its name, as PaddleOCR's models are called:
where lines are, what they say, and whether they stand on their head. Characters lie in ``keys.txt``, one a line, unless
the ``rec`` file lists them itself. A folder without such files stands for the models of the package. ``config.json``,
where there is one, states settings by RapidOCR's names (``rapidocr_files.SETTINGS``); the profile's options win.
"""

from pathlib import Path

from .base import Backbone, ModelSpec
from .checkpoints import checked_digest, find_file
from .rapidocr_files import files_of, package_folder, settings_of


class RapidocrLoader:
    """Opens readers of text. Options: ``limit_side_len``, ``box_thresh``, ``text_score``."""

    name = "rapidocr"

    def resolve(self, spec: ModelSpec) -> Path:
        """The folder."""
        return find_file(spec)

    def measure(self, spec: ModelSpec) -> int:
        """Bytes of the three models' files."""
        return files_of(spec, self.resolve(spec)).nbytes

    def load(self, spec: ModelSpec) -> Backbone:
        """Load the models. Raises ``MissingExtra`` where the package is not installed, which runs them all."""
        folder = self.resolve(spec)
        files, stated = files_of(spec, folder), settings_of(spec, folder)
        digest = checked_digest(spec, folder)
        package_folder()
        from .rapidocr_model import RapidocrBackbone

        return RapidocrBackbone(spec, files, stated, digest)

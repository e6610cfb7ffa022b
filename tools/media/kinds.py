"""Every kind of artifact, by name. Import this where handles of any kind are read."""

from .artifact import KINDS, Artifact
from .boxes import Boxes
from .image import Image
from .masks import Masks
from .text import Text

__all__ = ["KINDS", "Artifact", "Boxes", "Image", "Masks", "Text"]

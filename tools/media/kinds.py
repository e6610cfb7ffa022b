"""Every kind of artifact, by name. Import this where handles of any kind are read."""

from .artifact import KINDS, Artifact
from .audio import Audio
from .boxes import Boxes
from .depth import Depth
from .document import Document
from .embedding import Embedding
from .image import Image
from .masks import Masks
from .point_cloud import PointCloud
from .points import Points
from .spans import Spans
from .table import Table
from .text import Text
from .transcript import Segment, Transcript, Word
from .video import Video

__all__ = [
    "KINDS", "Artifact", "Audio", "Boxes", "Depth", "Document", "Embedding", "Image", "Masks", "PointCloud", "Points",
    "Segment", "Spans", "Table", "Text", "Transcript", "Video", "Word",
]  # fmt: skip

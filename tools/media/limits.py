"""What may be decoded: limits that are checked from headers, before the memory is taken."""

from pydantic import BaseModel, ConfigDict, Field

from ..errors import TooLarge


class Limits(BaseModel):
    """Bounds of decoding. Each check raises TooLarge, which names the medium, the figure and the limit.

    The settings give them from the environment; the defaults fit a laptop.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_bytes: int = Field(default=2 * 2**30, gt=0)
    """Of a file as it comes, and of samples, points or frames once decoded."""
    max_pixels: int = Field(default=64_000_000, gt=0)
    """Of one picture or frame."""
    max_seconds: float = Field(default=4 * 3600.0, gt=0)
    """Of one recording or video."""
    max_frames: int = Field(default=4096, gt=0)
    """Decoded from a video by one call."""
    max_pages: int = Field(default=5000, gt=0)
    """Of one document, slides and sheets too."""
    archive_depth: int = Field(default=1, ge=0)
    """Archives within archives that are opened: 1 reads an ``.npz`` or an Office file, 0 opens none."""

    def check_bytes(self, count: int, name: str) -> None:
        """Refuse ``count`` bytes over the limit."""
        self._check("max_bytes", count, self.max_bytes, name, "bytes")

    def check_pixels(self, width: int, height: int, name: str) -> None:
        """Refuse a picture of ``width`` x ``height`` pixels over the limit."""
        self._check("max_pixels", width * height, self.max_pixels, name, f"pixels ({width}x{height})")

    def check_seconds(self, seconds: float, name: str) -> None:
        """Refuse a recording over the limit."""
        self._check("max_seconds", seconds, self.max_seconds, name, "seconds")

    def check_frames(self, count: int, name: str) -> None:
        """Refuse to decode ``count`` frames at once over the limit."""
        self._check("max_frames", count, self.max_frames, name, "frames")

    def check_pages(self, count: int, name: str) -> None:
        """Refuse a document of ``count`` pages over the limit."""
        self._check("max_pages", count, self.max_pages, name, "pages")

    def check_depth(self, depth: int, name: str) -> None:
        """Refuse an archive nested deeper than the limit."""
        self._check("archive_depth", depth, self.archive_depth, name, "levels of archive")

    @staticmethod
    def _check(field: str, value: float, limit: float, name: str, unit: str) -> None:
        if value > limit:
            raise TooLarge(
                f"{name} has {value:g} {unit}, over the limit of {limit:g}"
                if isinstance(value, float)
                else f"{name} has {value} {unit}, over the limit of {limit}",
                hint=f"give a smaller one, or raise the limit {field}",
                name=name,
                limit=field,
                value=value,
                allowed=limit,
            )

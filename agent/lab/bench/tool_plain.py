"""The tools that ask no model: what they cost beside the same calls of Pillow, OpenCV, numpy, PyAV and the readers of
documents; and which tools stand on no library at all.

The direct side takes the arrays and bytes that a program has at hand, and gives arrays and texts. What a tool does more
(it checks its arguments, copies its result and names it by the hash of its samples) is its cost.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cached_property
from types import MappingProxyType
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from ....tools.contract import Tool
from ....tools.draw.margins import extent, grown
from ....tools.media.artifact import Artifact
from ....tools.media.audio import Audio
from ....tools.media.image import Image
from ....tools.media.table import Table
from ....tools.media.text import Text
from ....tools.media.video import Video
from ....tools.registry import default_registry
from ....tools.roles import StepContext
from .tool_media import Bench
from .tool_models import frames_at
from .tool_pairs import Pair

Pixels = NDArray[np.uint8]

OURS: Mapping[str, str] = MappingProxyType(
    {
        "annotate": "layout and drawing of ours",
        "colour": "arithmetic on pixels",
        "compare": "arithmetic on boxes",
        "count": "arithmetic on boxes",
        "depth_picture": "arithmetic on depths",
        "filter": "arithmetic on pixels",
        "generate_audio": "formulas of sounds",
        "locate": "arithmetic on boxes",
        "measure": "arithmetic on boxes",
        "recolour": "arithmetic on pixels",
        "render_views": "projection and drawing of ours",
        "select": "arithmetic on boxes",
        "spectrogram": "drawing of ours",
        "summarise": "an algorithm of ours",
        "transcript_text": "words",
        "translate": "a table of phrases",
        "waveform": "drawing of ours",
        "written_text": "words",
    }
)
"""Tools with no library below them whose call would give the same: named, not measured."""
NOT_SERVED = frozenset({"translate_speech"})
"""A tool whose role `mini` fills with a model that cannot do it."""
_COMPOSED = frozenset({"ask_document", "remove"})
_FRAMES, _RATE = 12, 12  # of a picture in a slideshow of one second a picture
_DPI, _POINTS = 72, 72


class PlainTools:
    """Pairs of the tools that ask no model, on the bench's media."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def names(self) -> tuple[str, ...]:
        """The tools that are measured."""
        return tuple(self._sides)

    def pair(self, name: str) -> Pair:
        """The two sides of a tool."""
        library, args, direct = self._sides[name]
        tool: Tool = default_registry().get(name)
        wants = {"step": StepContext()} if tool.wants_context else {}
        return Pair(name, library, lambda: tool(**args, **wants), direct, _plain, name in _COMPOSED)

    @cached_property
    def _sides(self) -> dict[str, tuple[str, dict[str, Any], Callable[[], Any]]]:
        on = self._bench
        pixels, bitmaps = on.image.pixels, on.masks.bitmaps
        several, samples, rate = on.images[:4], on.speech.samples, on.speech.rate
        piece = Image.from_array(pixels[:96, :96], (_covered(bitmaps)[:96, :96] * np.uint8(255)))
        clip, times = on.video.encode()[0], [(k + 0.5) * on.video.seconds / 8 for k in range(8)]
        pdf, xlsx = on.pdf.content, on.xlsx.content
        masked = {"image": on.image, "masks": on.masks}
        return {
            "cut_out": ("numpy", masked, lambda: _cut_out(pixels, bitmaps)),
            "crop": ("PIL", {"image": on.image, "boxes": on.boxes}, lambda: _cropped(pixels, on.boxes.xyxy)),
            "blur": ("OpenCV", masked, lambda: _blurred(pixels, bitmaps)),
            "greyscale": ("numpy", masked, lambda: _grey(pixels, bitmaps)),
            "remove": ("OpenCV", {"image": on.image, "masks": on.masks.take([0])}, lambda: _removed(on)),
            "paste": ("PIL", {"image": on.image, "piece": piece}, lambda: _pasted(pixels, piece)),
            "upscale": ("PIL", {"image": on.image}, lambda: _enlarged(pixels)),
            "compose": ("PIL", {"images": several, "layout": "row"}, lambda: _row([each.pixels for each in several])),
            "change_audio": (
                "PyAV", {"audio": on.speech, "effect": "quieter"}, lambda: _filtered(samples, rate, "volume", "-6dB")
            ),
            "cut_audio": (
                "numpy", {"audio": on.speech, "start": 0.5, "end": 2.0},
                lambda: samples[round(0.5 * rate) : round(2.0 * rate)].copy(),
            ),
            "mix": ("numpy", {"audio": [on.speech, on.sound]}, lambda: _mixed(samples, on.sound.samples)),
            "assemble": (
                "PyAV", {"images": several[:2], "seconds": 1.0}, lambda: _filmed([each.pixels for each in several[:2]])
            ),
            "sample_frames": ("PyAV", {"video": on.video}, lambda: frames_at(clip, times)),
            "soundtrack": ("PyAV", {"video": on.video}, lambda: _heard(clip)),
            "document_pages": ("pypdfium2", {"document": on.pdf, "dpi": _DPI}, lambda: _rendered(pdf)),
            "document_pictures": ("zipfile + PIL", {"document": on.docx}, lambda: _unzipped(on.docx.content)),
            "document_tables": ("openpyxl", {"document": on.xlsx}, lambda: _cells(xlsx)),
            "read_document": ("pypdfium2", {"document": on.pdf}, lambda: _marked(_lines(pdf))),
            "ask_document": (
                "pypdfium2", {"document": on.pdf, "question": "when does Berta sail"}, lambda: bool(_lines(pdf))
            ),
        }  # fmt: skip


def _plain(value: Any) -> Any:
    """What a tool gave as arrays and texts; of a clip its frames, of quotations whether there are any."""
    if isinstance(value, Image):
        return value.pixels if value.alpha is None else np.dstack([value.pixels, value.alpha])
    if isinstance(value, Audio):
        return value.samples
    if isinstance(value, Video):
        return value.encode()[0]
    if isinstance(value, Text):
        return bool(value.text) if value.method else value.text
    if isinstance(value, Table):
        return [[row[name] for name in value.columns] for row in value.rows]
    if isinstance(value, Artifact):
        raise TypeError(f"no plain form of {value.kind}")
    return [_plain(each) for each in value]


def _covered(bitmaps: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(bitmaps.any(axis=0), np.bool_)


def _cut_out(pixels: Pixels, bitmaps: NDArray[np.bool_]) -> Pixels:
    kept = _covered(bitmaps)
    rows, columns = np.flatnonzero(kept.any(axis=1)), np.flatnonzero(kept.any(axis=0))
    inside = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.dstack([pixels[inside], kept[inside] * np.uint8(255)])


def _cropped(pixels: Pixels, xyxy: NDArray[np.float32]) -> Pixels:
    low, high = np.floor(xyxy[:, :2].min(axis=0)).astype(int), np.ceil(xyxy[:, 2:].max(axis=0)).astype(int)
    return np.asarray(Pil.fromarray(pixels).crop((*low.tolist(), *high.tolist())))


def _blurred(pixels: Pixels, bitmaps: NDArray[np.bool_]) -> Pixels:
    sigma = 0.02 * max(pixels.shape[:2])
    blurred = cv2.GaussianBlur(pixels, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.where(_covered(bitmaps)[..., None], blurred, pixels).astype(np.uint8)


def _grey(pixels: Pixels, bitmaps: NDArray[np.bool_]) -> Pixels:
    luma = np.rint(pixels @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    return np.where(_covered(bitmaps)[..., None], luma[..., None], pixels)


def _removed(on: Bench) -> Pixels:
    hole = grown(on.masks.take([0]))
    left, top, right, bottom = extent(hole)
    part = np.s_[max(0, top - 10) : bottom + 10, max(0, left - 10) : right + 10]
    near, inner = np.ascontiguousarray(on.image.pixels[part]), hole[part].astype(np.uint8)
    filled = on.image.pixels.copy()
    filled[part][hole[part]] = cv2.inpaint(near, inner, 5, cv2.INPAINT_TELEA)[hole[part]]
    return filled


def _pasted(pixels: Pixels, piece: Image) -> Pixels:
    under, over = Pil.fromarray(pixels).convert("RGBA"), Pil.fromarray(np.dstack([piece.pixels, piece.alpha]))  # type: ignore[list-item]
    under.alpha_composite(over, ((under.width - over.width) // 2, (under.height - over.height) // 2))
    return np.asarray(under.convert("RGB"))


def _enlarged(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    return np.asarray(Pil.fromarray(pixels).resize((2 * width, 2 * height), Pil.Resampling.LANCZOS))


def _row(pictures: list[Pixels]) -> Pixels:
    height, width = pictures[0].shape[:2]
    gap = max(4, max(height, width) // 50)
    board = Pil.new("RGB", (len(pictures) * (width + gap) + gap, height + 2 * gap), "white")
    for number, pixels in enumerate(pictures):
        board.paste(Pil.fromarray(pixels), (gap + number * (width + gap), gap))
    return np.asarray(board)


def _filtered(samples: NDArray[np.float32], rate: int, name: str, arguments: str) -> NDArray[np.float32]:
    graph = av.filter.Graph()
    source = graph.add_abuffer(format="flt", sample_rate=rate, layout="mono", time_base=Fraction(1, rate))
    chain = [graph.add(name, arguments), graph.add("aformat", "sample_fmts=flt"), graph.add("abuffersink")]
    graph.link_nodes(source, *chain)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    graph.push(frame)
    graph.push(None)
    parts = []
    while True:
        try:
            parts.append(graph.pull().to_ndarray().reshape(-1, 1))
        except (av.BlockingIOError, av.EOFError):
            return np.concatenate(parts)


def _mixed(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    whole = np.zeros((max(len(one), len(other)), 1), np.float32)
    whole[: len(one)] += one
    whole[: len(other)] += other
    return whole / np.float32(max(1.0, np.abs(whole).max()))


def _filmed(pictures: list[Pixels]) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        container.metadata["comment"] = "still pictures, one after the other"
        stream = container.add_stream("libx264", rate=_RATE)
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], "yuv420p"
        stream.options = {"crf": "18", "g": str(_RATE)}
        stream.codec_context.thread_count = 1
        for pixels in pictures:
            for _ in range(_FRAMES):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _heard(content: bytes) -> NDArray[np.float32]:
    with av.open(io.BytesIO(content)) as container:
        stream = container.streams.audio[0]
        return np.concatenate([frame.to_ndarray() for frame in container.decode(stream)], axis=1).T


def _rendered(content: bytes) -> list[Pixels]:
    import pypdfium2

    document = pypdfium2.PdfDocument(content)
    found = []
    for page in document:
        found.append(np.asarray(page.render(scale=_DPI / _POINTS, rev_byteorder=True).to_pil()))
        page.close()
    document.close()
    return found


def _lines(content: bytes) -> list[str]:
    import pypdfium2

    document = pypdfium2.PdfDocument(content)
    found = []
    for page in document:
        text = page.get_textpage()
        found.append("\n".join(line.rstrip() for line in text.get_text_bounded().splitlines()).strip())
        text.close()
        page.close()
    document.close()
    return found


def _marked(pages: list[str]) -> str:
    return "\n\n".join(f"[page {number}]\n\n{text}" for number, text in enumerate(pages, 1))


def _unzipped(content: bytes) -> list[Pixels]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [name for name in archive.namelist() if name.startswith("word/media/")]
        return [np.asarray(Pil.open(io.BytesIO(archive.read(name))).convert("RGB")) for name in names]


def _cells(content: bytes) -> list[list[list[Any]]]:
    import openpyxl

    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    found = [[list(row) for row in book[name].iter_rows(values_only=True, min_row=2)] for name in book.sheetnames]
    book.close()
    return found

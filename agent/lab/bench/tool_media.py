"""What the tools are measured on: media of the procedural world and small documents, the same for a seed."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image as Pil
from PIL import ImageDraw, ImageFont
from pydantic import PrivateAttr

from ....tools.media.audio import Audio
from ....tools.media.boxes import Boxes
from ....tools.media.depth import Depth
from ....tools.media.document import Document
from ....tools.media.image import Image
from ....tools.media.limits import Limits
from ....tools.media.masks import Masks
from ....tools.media.point_cloud import PointCloud
from ....tools.media.points import Points
from ....tools.media.video import Video
from ....tools.video.encoding import SOUND_RATE, encoded
from ..world.clips import ClipConfig, render_clip
from ..world.clouds import CloudConfig, ply_bytes, render_cloud
from ..world.scenes import Scene, SceneConfig, render_scene
from ..world.sounds import SoundConfig, render_sounds
from ..world.speech import SpeechConfig, render_speech

_RATE = 16_000  # of the world's recordings
_SIDE = 64  # of the pictures that `mini` draws
_LINES = ("Harbour office, open from nine to five", "Tickets are sold at the second door", "Berta sails on Sunday")


class Watched(Video):
    """A video that keeps the times that it was asked for."""

    _asked: list[list[float]] = PrivateAttr(default_factory=list)

    def frames(self, times: Any, limits: Limits | None = None) -> list[Image]:
        """As ``Video.frames``."""
        self._asked.append(list(times))
        return super().frames(times, limits)

    def asked(self) -> list[list[float]]:
        """The times that were asked for since the last call of this, call by call."""
        found, self._asked = self._asked, []
        return found


@dataclass(frozen=True)
class Bench:
    """The media. ``image`` is a scene of 384 pixels with things in it, ``boxes`` and ``masks`` are true of it;
    ``small`` is a scene of the size that `mini` draws, with a mask; ``page`` has lines of print.
    """

    scene: Scene
    image: Image
    boxes: Boxes
    masks: Masks
    point: Points
    images: tuple[Image, ...]
    small: Image
    small_masks: Masks
    page: Image
    depth: Depth
    speech: Audio
    sound: Audio
    video: Watched
    cloud: PointCloud
    pdf: Document
    docx: Document
    xlsx: Document


def scene_of(seed: int, side: int = 384, things: tuple[int, int] = (4, 5)) -> Scene:
    """A scene of the demo split with some things."""
    return render_scene(seed, SceneConfig(side=side, count=things, size=(0.2, 0.35)), split="demo")


def media(seed: int) -> Bench:
    """The media of a seed."""
    scene = scene_of(seed)
    image, boxes, masks = things_of(scene)
    small = scene_of(seed, _SIDE, (1, 2))
    small_image, _, small_masks = things_of(small)
    speech = speech_of(seed)
    sounds = render_sounds(seed, SoundConfig(seconds=(3.9, 4.0)), split="demo")
    clip = render_clip(seed, ClipConfig(seconds=(3.0, 3.0), count=(2, 2)), split="demo")
    heard = np.resize(speech.mono(SOUND_RATE), round(clip.seconds * SOUND_RATE))[:, None]
    video = encoded(list(clip.frames), clip.rate, sound=Audio.from_samples(heard, SOUND_RATE))
    cloud = render_cloud(seed, CloudConfig(count=(1, 1)), split="demo")
    inside = np.argwhere(scene.mask(len(scene.objects) - 1))
    y, x = inside[len(inside) // 2]
    slope = np.linspace(1, 5, scene.image.shape[0] * scene.image.shape[1], dtype=np.float32)
    return Bench(
        scene=scene,
        image=image,
        boxes=boxes,
        masks=masks,
        point=Points.of([[float(x) + 0.5, float(y) + 0.5]], [True], image),
        images=tuple(things_of(scene_of(seed * 100 + number))[0] for number in range(1, 9)),
        small=small_image,
        small_masks=small_masks,
        page=page(),
        depth=Depth.of(slope.reshape(scene.image.shape[:2]), image, "metres"),
        speech=speech,
        sound=Audio.from_samples(sounds.samples, _RATE),
        video=Watched.open(video.encode()[0], name="clip.mp4"),
        cloud=PointCloud.open(ply_bytes(cloud), name="cloud.ply"),
        pdf=Document.open(_pdf([image, *(things_of(scene_of(seed + 7))[:1])]), name="scenes.pdf"),
        docx=Document.open(_docx(image), name="boats.docx"),
        xlsx=Document.open(_xlsx(), name="boats.xlsx"),
    )


def things_of(scene: Scene) -> tuple[Image, Boxes, Masks]:
    """A scene's picture, and the boxes and masks of its things that can be seen."""
    image = Image.from_array(scene.image)
    seen = [index for index in range(len(scene.objects)) if scene.mask(index).any()]
    labels = [scene.objects[index].label for index in seen]
    boxes = Boxes.of([scene.objects[index].box for index in seen], labels, [0.9] * len(seen), image)
    return image, boxes, Masks.of(np.stack([scene.mask(index) for index in seen]), image, labels)


def speech_of(seed: int) -> Audio:
    """A sentence, without noise."""
    quiet = SpeechConfig(noisy=0.0, reverberant=0.0)
    return Audio.from_samples(render_speech(seed, quiet, split="demo").samples, _RATE)


def page() -> Image:
    """Lines of print on white."""
    board = Pil.new("RGB", (640, 200), "white")
    draw, font = ImageDraw.Draw(board), ImageFont.load_default(size=28)
    for number, line in enumerate(_LINES):
        draw.text((30, 30 + 50 * number), line, fill="black", font=font)
    return Image.from_pil(board)


def _pdf(pictures: list[Image]) -> bytes:
    """Pages with a picture and lines of text each."""
    import pypdfium2

    document = pypdfium2.PdfDocument.new()
    for picture in pictures:
        page = document.new_page(595, 842)
        shown = pypdfium2.PdfImage.new(document)
        content = io.BytesIO()
        picture.to_pil().save(content, "JPEG", quality=95)
        shown.load_jpeg(content)
        shown.set_matrix(pypdfium2.PdfMatrix().scale(384, 384).translate(60, 60))
        page.insert_obj(shown)
        for number, line in enumerate(_LINES):
            _write(page, line, 760 - 20 * number)
        page.gen_content()
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def _write(page: Any, line: str, y: float) -> None:
    import ctypes

    from pypdfium2 import raw

    text = raw.FPDFPageObj_NewTextObj(page.pdf, b"Helvetica", ctypes.c_float(12))
    letters = (ctypes.c_ushort * (len(line) + 1))(*map(ord, line), 0)
    raw.FPDFText_SetText(text, letters)
    raw.FPDFPageObj_Transform(text, 1, 0, 0, 1, 60, y)
    raw.FPDFPage_InsertObject(page, text)


def _docx(picture: Image) -> bytes:
    import docx

    document = docx.Document()
    for line in _LINES * 10:
        document.add_paragraph(line)
    content = io.BytesIO()
    picture.to_pil().save(content, "PNG")
    document.add_picture(content)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def _xlsx() -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    for row in [("boat", "year", "metres"), *((f"Anna {number}", 1900 + number, number / 4) for number in range(200))]:
        book.active.append(list(row))
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()

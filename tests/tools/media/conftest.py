"""One small specimen of every kind, and the bytes of a short video."""

import io

import av
import numpy as np
import pytest

from panmodal.tools.media.kinds import (
    Artifact,
    Audio,
    Boxes,
    Depth,
    Document,
    Embedding,
    Image,
    Masks,
    PointCloud,
    Points,
    Segment,
    Spans,
    Table,
    Text,
    Transcript,
    Video,
    Word,
)


def _clip(codec: str = "mpeg4", form: str = "mp4", frames: int = 30, rate: int = 10) -> bytes:
    """Grey frames that get brighter by 8 each, ``rate`` a second, 64 x 48."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(frames):
            pixels = np.full((48, 64, 3), index * 8, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


@pytest.fixture(scope="session")
def clip():
    return _clip


def _specimens(seed: int) -> list[Artifact]:
    random = np.random.default_rng(seed)
    size = tuple(int(side) for side in random.integers(1, 40, 2))
    image = Image.from_array(
        random.integers(0, 256, (*size, 3), dtype=np.uint8),
        random.integers(0, 256, size, dtype=np.uint8) if seed % 2 else None,
    )
    count = seed % 4
    labels = [f"Ding «{index}» 东西" for index in range(count)]
    corners = random.random((count, 2)) * 20
    xyxy = np.concatenate([corners, corners + random.random((count, 2)) * 9], axis=1)
    word = Word(text="hello", start=0.1, end=0.4, probability=0.5)
    return [
        image,
        Audio.from_samples(random.normal(size=(int(random.integers(0, 500)), 1 + seed % 2)).astype(np.float32), 8000),
        Video.open(_clip(frames=2 + count)),
        PointCloud.from_points(random.normal(size=(count * 5, 3))),
        PointCloud.from_points(np.zeros((count, 3)), random.integers(0, 256, (count, 3), dtype=np.uint8)),
        Text.of("two\r\nlines é 圆 \U0001f600" * count),
        Boxes.of(xyxy, labels, random.random(count), image),
        Masks.of(random.random((count, *size)) > 0.5, image, labels, random.random(count)),
        Masks.of(np.ones((1, *size), bool), image),
        Points.of(random.random((count, 2)) * 9, random.random(count) > 0.5, image),
        Spans.of(np.sort(random.random((count, 2)), axis=1), labels),
        Transcript.of([Segment(text="hello", start=0.1, end=0.4, words=(word,))] * count, "en"),
        Depth.of(random.normal(size=size).astype(np.float32), image, "metres"),
        Embedding.of(random.normal(size=(count, 8)).astype(np.float32), "some-model"),
        Table.of([{"name": label, "size": 1.5, "tags": ["a", None]} for label in labels], ["name", "size", "tags"]),
    ]


@pytest.fixture(scope="session")
def specimens(made):
    return lambda seed: [*_specimens(seed), Document.open(made.pdf([f"page {seed}"]))]

"""Several boxes in one picture in one call: the picture must be encoded once.

With E for encoding a picture and D for decoding one prompt, k prompts in one call should take E + kD where single calls
take k(E + D). The share is what of that gain is reached: (E + kD) over the measured time, all measured in turns within
one run, on a CPU in its own time. The masks must be bit for bit those of single calls.

A published checkpoint sees the whole picture (``--vit-b``: ViT-B's shapes with random weights, which take as long as
any others). `mini`'s segmenter is measured both ways: shown the whole picture, as a published one is, and as it is
served, where it sees every box in a window of its own; there is nothing to share then, and no target either.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from segment_anything import SamPredictor, sam_model_registry
from torch import nn

from ....tools.loaders.base import ModelSpec
from ....tools.loaders.registry import get_loader
from ....tools.loaders.sam_builder import build_sam
from ....tools.loaders.torch_parts import load_state
from ....tools.media.boxes import Boxes
from ....tools.media.image import Image
from ..mini.shipped import shipped
from .tool_media import scene_of
from .tool_pairs import spread

PROMPTS = 5
_LOADER = "segment-anything"


@dataclass(frozen=True)
class Reuse:
    """Seconds of encoding, of decoding one prompt, and of one call with several; ``gain`` over single calls."""

    name: str
    encoder: list[float]
    decoder: list[float]
    together: list[float]
    alone: float
    """Seconds of single calls, one for each prompt."""

    @property
    def ideal(self) -> float:
        """How many times as fast one call would be, were the picture encoded once and nothing else done."""
        e, d = statistics.median(self.encoder), statistics.median(self.decoder)
        return PROMPTS * (e + d) / (e + PROMPTS * d)

    @property
    def shares(self) -> list[float]:
        """What of that is reached, of each round."""
        rounds = zip(self.encoder, self.decoder, self.together, strict=True)
        return [(e + PROMPTS * d) / measured for e, d, measured in rounds]

    @property
    def share(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.shares)

    def __str__(self) -> str:
        e, d, all_ = (statistics.median(each) * 1000 for each in (self.encoder, self.decoder, self.together))
        low, high = spread(self.shares)
        return (
            f"  {self.name:<22} E {e:9.1f} ms  D {d:7.1f} ms  E/D {e / d:6.1f}  {PROMPTS} in one call {all_:9.1f} ms"
            f"  gain {self.alone * 1000 / all_:5.2f}x of {self.ideal:4.2f}x  share {self.share:.3f} ({low:.3f} to "
            f"{high:.3f})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Raw seconds."""
        return {
            "encoder_s": self.encoder,
            "decoder_s": self.decoder,
            "together_s": self.together,
            "alone_s": self.alone,
            "ideal_gain": self.ideal,
            "share": self.share,
        }


def measure_prompts(
    seed: int, cache: Path, device: str, *, rounds: int, vit_b: bool, vit_b_rounds: int
) -> dict[str, Reuse]:
    """The segmenters by the names of their figures."""
    spec = shipped(["segmenter"], (f"segmenter.device={device}",), cache)["segmenter"].spec
    folder = spec.path
    dims = json.loads((folder / "config.json").read_text(encoding="utf-8"))["dims"]
    whole = replace(spec, checkpoint=str(folder / "model.safetensors"), sha256=None, options={"dims": dims}, base=None)
    small = build_sam(dims)
    small.load_state_dict(load_state(spec, folder / "model.safetensors"))
    found = {
        "mini_share": reuse("mini, whole picture", whole, small, seed, rounds),
        "mini_windows_share": reuse("mini, windows", spec, small, seed, rounds),
    }
    if vit_b:
        with _vit_b(seed) as path:
            large = ModelSpec(role="segmenter", loader=_LOADER, checkpoint=str(path), device=device, cache=cache)
            sam = sam_model_registry["vit_b"](checkpoint=str(path))
            found["vit_b_share"] = reuse("ViT-B, random weights", large, sam, seed, vit_b_rounds)
    return found


@contextmanager
def _vit_b(seed: int) -> Iterator[Path]:
    """A checkpoint of ViT-B's shapes with random weights."""
    with TemporaryDirectory(prefix="panmodal-bench-") as folder:
        path = Path(folder) / "sam_vit_b_random.pth"
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model: nn.Module = sam_model_registry["vit_b"](checkpoint=None)
        torch.save(model.state_dict(), path)
        del model
        yield path


def reuse(name: str, spec: ModelSpec, sam: Any, seed: int, rounds: int) -> Reuse:
    """Measure a segmenter through its loader, and E and D of the library's model on the same weights."""
    scene = scene_of(seed)
    image = Image.from_array(scene.image)
    boxes = _boxes(image, seed)
    segmenter: Any = get_loader(spec.loader).load(spec).adapter("segmenter")
    predictor = SamPredictor(sam.eval().to(spec.device))

    def encode() -> None:
        with torch.inference_mode():
            predictor.set_image(image.pixels)

    def decode() -> None:
        with torch.inference_mode():
            given = predictor.transform.apply_boxes_torch(
                torch.from_numpy(boxes.xyxy[:1].copy()), image.pixels.shape[:2]
            )
            masks, quality, _ = predictor.predict_torch(None, None, given.to(spec.device), multimask_output=False)
            masks.cpu(), quality.cpu()

    def together() -> Any:
        return segmenter.segment([image], [boxes])[0]

    def alone() -> list[Any]:
        return [segmenter.segment([image], [boxes.take([number])])[0] for number in range(PROMPTS)]

    several = together()
    singles: list[Any] = []
    single_seconds = _seconds(lambda: singles.extend(alone()), spec.device)
    if not np.array_equal(several.bitmaps, np.concatenate([each.bitmaps for each in singles])):
        raise RuntimeError(f"{name}: masks of one call are not those of single calls")
    encode()
    decode()
    found: tuple[list[float], list[float], list[float]] = ([], [], [])
    for _ in range(rounds):
        before, decoding, all_, after = (_seconds(work, spec.device) for work in (encode, decode, together, encode))
        found[0].append((before + after) / 2)  # so that a machine that grows slower tells nothing
        found[1].append(decoding)
        found[2].append(all_)
    return Reuse(name, *found, single_seconds)


def _seconds(work: Callable[[], Any], device: str) -> float:
    """Seconds of CPU of this process on a CPU, which other processes disturb little; else of the clock."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    began = clock()
    work()
    if device != "cpu":
        torch.cuda.synchronize()
    return clock() - began


def _boxes(image: Image, seed: int) -> Boxes:
    """Boxes here and there in a picture."""
    rng = np.random.default_rng(seed)
    low = rng.uniform(0.05, 0.5, (PROMPTS, 2))
    size = np.array([image.width, image.height] * 2)
    xyxy = np.concatenate([low, low + rng.uniform(0.2, 0.4, (PROMPTS, 2))], axis=1) * size
    return Boxes.of(xyxy, [""] * PROMPTS, [1.0] * PROMPTS, image)

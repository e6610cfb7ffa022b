"""`python -m panmodal.agent.lab.train.generator.evaluate FOLDER`: what the profile's detector finds in its pictures.

Scenes of the split test that training never saw are told in prompts; the generator makes a picture of each. The shipped
detector, which had no part in training, looks at the generated picture and at the true one of the same size, and the
tool `filter` reads colours in its boxes. The ratio of both recalls is the generator's figure: 1 is as recognisable as
the world itself.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import torch
from diffusers import StableDiffusionPipeline

from .....tools.loaders.ultralytics import UltralyticsLoader
from .....tools.media.boxes import Boxes
from .....tools.media.image import Image
from .....tools.see.colours import Colour
from .....tools.see.filter import filter_colour
from ...mini.shipped import shipped
from ...world.captions import PLACES
from ...world.scenes import CLASSES, COLOURS, render_scene
from .data import Picture, config_of, reduced
from .prompts import UNSAID, Book, Prompt, Thing, truth_of
from .train import SAMPLING

KINDS = ("one", "alike", "related")
"""One thing; two alike, both of which must be found; two others of which it is said how they lie to each other."""
_OF_CONFIG = {"one": 0, "alike": 2, "related": 3}
_SHOWN = 384  # pixels of the side that the detector is shown: those of the world's usual pictures
_GAP = 0.02  # share of the side by which boxes may overlap that should lie apart: a detector's are inexact
_AT_ONCE = 8


def cases(kind: str, n: int, seed: int, *, held_out: bool) -> list[tuple[Prompt, Picture]]:
    """``n`` prompts of a kind that say the colour of all their things, with the true pictures of their scenes."""
    rng, book = np.random.default_rng([seed, KINDS.index(kind)]), Book()
    found: list[tuple[Prompt, Picture]] = []
    number = seed * 100_003
    while len(found) < n:
        scene = render_scene(number, config_of(number, kind=_OF_CONFIG[kind]), split="test")
        number, truth = number + 1, truth_of(scene)
        if truth is None or len(truth.things) != (1 if kind == "one" else 2):
            continue
        prompt = book.say(truth, rng, held_out=held_out)
        if all(thing.colour != UNSAID for thing in prompt.things) and (kind == "related") == (prompt.side != UNSAID):
            found.append((prompt, reduced(scene)))
    return found


def shown(picture: Picture) -> Image:
    """A small picture as the detector is shown it."""
    return Image.from_array(np.asarray(cv2.resize(picture, (_SHOWN, _SHOWN), interpolation=cv2.INTER_CUBIC), np.uint8))


def judge(prompt: Prompt, image: Image, boxes: Boxes) -> dict[str, bool]:
    """What the boxes of a picture have of what its prompt says.

    ``thing``: every thing has a box of its class, of its own; ``colour``: of its colour too; ``place``: such a box in
    the place that was said; ``side``: two such boxes that lie as was said. The last two only where it was said.
    """
    right = [_of_class(boxes, thing) for thing in prompt.things]
    colours = [cast(Colour, COLOURS[thing.colour]) for thing in prompt.things]
    coloured = [filter_colour(image, some, colour) for some, colour in zip(right, colours, strict=True)]
    verdict = {
        "thing": all(len(some) >= n for some, n in zip(right, _equal(prompt.things, 1), strict=True)),
        "colour": all(len(some) >= n for some, n in zip(coloured, _equal(prompt.things, 2), strict=True)),
    }
    if any(thing.place != UNSAID for thing in prompt.things):
        verdict["place"] = all(_placed(some, thing.place) for some, thing in zip(coloured, prompt.things, strict=True))
    if prompt.side != UNSAID:
        verdict["side"] = any(_beside(a, b, prompt.side) for a in coloured[0].xyxy for b in coloured[1].xyxy)
    return verdict


def _equal(things: Sequence[Thing], fields: int) -> list[int]:
    """For each thing how many there are that have its class, or for two fields its class and colour."""
    return [sum(other[:fields] == thing[:fields] for other in things) for thing in things]


def _of_class(boxes: Boxes, thing: Thing) -> Boxes:
    return boxes.take([k for k, label in enumerate(boxes.labels) if label == CLASSES[thing.label]])


def _placed(boxes: Boxes, place: int) -> bool:
    """Whether the middle of a box lies in the ninth of the picture, or any box is there if no place is asked for."""
    if place == UNSAID:
        return not boxes.empty
    middles = (boxes.xyxy[:, :2] + boxes.xyxy[:, 2:]) / 2 * 3 / _SHOWN
    return any(PLACES[3 * min(2, int(y)) + min(2, int(x))] == PLACES[place] for x, y in middles)


def _beside(first: Any, second: Any, side: int) -> bool:
    """Whether a box lies left of (0), right of (1), above (2) or below (3) another."""
    low, high = (first, second) if side in (0, 2) else (second, first)
    axis = side // 2
    return bool(low[axis + 2] <= high[axis] + _GAP * _SHOWN)


class Painter:
    """The generator of a folder, as the pipelines open it."""

    def __init__(self, folder: Path, device: str, *, steps: int, guidance: float) -> None:
        pipeline: Any = StableDiffusionPipeline.from_pretrained(folder)
        self.pipeline = pipeline.to(device)
        self.pipeline.set_progress_bar_config(disable=True)
        self.steps, self.guidance = steps, guidance

    def paint(self, texts: Sequence[str], seed: int) -> list[Picture]:
        """One picture a prompt, each with noise of its own that follows from the seed."""
        randoms = [torch.Generator().manual_seed(seed * 1_000_003 + k) for k in range(len(texts))]
        made = self.pipeline(
            list(texts),
            num_inference_steps=self.steps,
            guidance_scale=self.guidance,
            generator=randoms,
            output_type="np",
        ).images
        return [np.round(picture * 255).astype(np.uint8) for picture in made]


def evaluate(
    folder: Path,
    *,
    seed: int = 0,
    n: int = 100,
    device: str = "cpu",
    held_out: bool = False,
    steps: int = int(SAMPLING["steps"]),
    guidance: float = SAMPLING["guidance"],
    sheet: Path | None = None,
) -> dict[str, dict[str, dict[str, float]]]:
    """Recalls by kind and figure of :func:`judge`: of how many prompts, in true pictures, in made ones, and the ratio.

    Args:
        folder: the generator.
        seed: of scenes, prompts and noise.
        n: prompts a kind.
        device: where it runs.
        held_out: whether the prompts are in held-out wordings.
        steps: of sampling.
        guidance: scale of the guidance.
        sheet: where to write a PNG of the first pictures, the true ones above those made.
    """
    painter = Painter(folder, device, steps=steps, guidance=guidance)
    figures, rows = {}, []
    with tempfile.TemporaryDirectory() as cache:
        spec = shipped(("detector",), (), Path(cache))["detector"].spec
        backbone = UltralyticsLoader().load(spec)
        detector: Any = backbone.adapter("detector")
        for kind in KINDS:
            drawn = cases(kind, n, seed, held_out=held_out)
            true = [picture for _, picture in drawn]
            made: list[Picture] = []
            for start in range(0, n, _AT_ONCE):
                made += painter.paint([prompt.text for prompt, _ in drawn[start : start + _AT_ONCE]], seed + start)
            verdicts = [_judged(detector, [prompt for prompt, _ in drawn], some) for some in (true, made)]
            figures[kind] = _compared(*verdicts)
            rows += [np.concatenate(some[:12], axis=1) for some in (true, made) if n >= 12]
        backbone.close()
    if sheet is not None and rows:
        cv2.imwrite(str(sheet), cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR))
    return figures


def _judged(detector: Any, prompts: Sequence[Prompt], pictures: Sequence[Picture]) -> list[dict[str, bool]]:
    images = [shown(picture) for picture in pictures]
    found = [boxes for image in images for boxes in detector.detect([image], [[]])]
    return [judge(*three) for three in zip(prompts, images, found, strict=True)]


def _compared(true: list[dict[str, bool]], made: list[dict[str, bool]]) -> dict[str, dict[str, float]]:
    names = dict.fromkeys(name for verdict in true for name in verdict)
    figures = {}
    for name in names:
        asked = [k for k, verdict in enumerate(true) if name in verdict]
        of_true, of_made = (float(np.mean([verdicts[k][name] for k in asked])) for verdicts in (true, made))
        figures[name] = {"n": len(asked), "true": of_true, "made": of_made, "ratio": of_made / max(of_true, 1e-9)}
    return figures


def seconds_a_picture(folder: Path, device: str = "cpu") -> float:
    """Seconds for one prompt alone, the best of three, in the threads that torch has."""
    painter, spent = Painter(folder, device, steps=int(SAMPLING["steps"]), guidance=SAMPLING["guidance"]), []
    for seed in range(3):
        start = time.perf_counter()
        painter.paint(["a red star on a plain background"], seed)
        spent.append(time.perf_counter() - start)
    return min(spent)


def main() -> None:
    """Read the command line, measure, and print the figures as a table and as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--n", type=int, default=100, help="prompts of each kind")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--held-out", action="store_true", help="ask in wordings that training never said")
    parser.add_argument("--steps", type=int, default=SAMPLING["steps"])
    parser.add_argument("--guidance", type=float, default=SAMPLING["guidance"])
    parser.add_argument("--sheet", type=Path, help="write some pictures to this PNG, the true ones above those made")
    parser.add_argument("--threads", type=int, default=1)
    given = vars(parser.parse_args())
    torch.set_num_threads(given.pop("threads"))
    figures = evaluate(**given)
    print(f"{'':16} {'n':>5} {'true':>6} {'made':>6} {'ratio':>6}")
    for kind, found in figures.items():
        for name, row in found.items():
            print(f"{kind + ' ' + name:16} {row['n']:5} {row['true']:6.3f} {row['made']:6.3f} {row['ratio']:6.3f}")
    document = {"figures": figures, "seconds_a_picture": seconds_a_picture(given["folder"], given["device"])}
    print(json.dumps(document))


if __name__ == "__main__":
    main()

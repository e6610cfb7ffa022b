"""`python -m panmodal.agent.lab.train.generator.evaluate FOLDER`: what the profile's detector finds in its pictures.

The generator, as the loader opens it, makes a picture for each prompt of :func:`judge.cases`. The shipped detector
looks at it and at the true picture of the same size. The ratio of both recalls is the generator's figure: 1 is as
recognisable as the world itself.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import torch

from .....tools.loaders.base import ModelSpec
from .....tools.loaders.registry import get_loader
from .....tools.roles import Detector, Drawing, ImageGenerator
from ...mini.shipped import shipped
from ...timing import seconds_of
from .data import Picture
from .judge import KINDS, Case, Compared, cases, compared, judged, look
from .prompts import Prompt


def draw(
    generator: ImageGenerator,
    prompts: Sequence[Prompt],
    seed: int,
    *,
    steps: int | None = None,
    guidance: float | None = None,
) -> list[Picture]:
    """One picture a prompt, each with noise of its own that follows from the seed."""
    drawings = [
        Drawing(prompt.text, seed=seed * 1_000_003 + k, steps=steps, guidance=guidance)
        for k, prompt in enumerate(prompts)
    ]
    return [image.pixels for image in generator.generate(drawings)]


def compare(
    generator: ImageGenerator,
    detector: Detector,
    some: Sequence[Case],
    seed: int,
    *,
    steps: int | None = None,
    guidance: float | None = None,
) -> tuple[dict[str, Compared], list[Picture]]:
    """The figures of cases, and the pictures that were made of them."""
    prompts = [case.prompt for case in some]
    made = draw(generator, prompts, seed, steps=steps, guidance=guidance)
    true, looked = look(detector, [case.picture for case in some]), look(detector, made)
    verdicts = [judged(prompts, seen) for seen in (true, looked, looked[-1:] + looked[:-1])]
    return compared(*verdicts), made


def evaluate(
    folder: Path,
    *,
    seed: int = 0,
    n: int = 100,
    device: str = "cpu",
    held_out: bool = False,
    steps: int | None = None,
    guidance: float | None = None,
    sheet: Path | None = None,
) -> dict[str, dict[str, dict[str, float]]]:
    """Recalls by kind and figure of :func:`judge`: of how many prompts, in true pictures, in made ones, and the ratio.

    Args:
        folder: the generator.
        seed: of scenes, prompts and noise.
        n: prompts a kind.
        device: where it runs.
        held_out: whether the prompts are in held-out wordings.
        steps: of sampling (default: what the folder states).
        guidance: scale of the guidance (default: what the folder states).
        sheet: where to write a PNG of the first pictures, the true ones above those made.
    """
    generator, figures, rows = opened(folder, device), {}, []
    with tempfile.TemporaryDirectory() as cache:
        detector = profile_detector(Path(cache))
        for kind in KINDS:
            some = cases(kind, n, seed, held_out=held_out)
            found, made = compare(generator, detector, some, seed, steps=steps, guidance=guidance)
            figures[kind] = {name: _told(each) for name, each in found.items()}
            true = [case.picture for case in some]
            rows += [np.concatenate(pictures[:12], axis=1) for pictures in (true, made) if n >= 12]
    if sheet is not None and rows:
        cv2.imwrite(str(sheet), cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR))
    return figures


def opened(folder: Path, device: str = "cpu") -> ImageGenerator:
    """The generator of a folder."""
    spec = ModelSpec("image_generator", "diffusers", str(folder), device=device)
    generator: Any = get_loader("diffusers").load(spec).adapter("image_generator")
    return cast(ImageGenerator, generator)


def profile_detector(cache: Path | None) -> Detector:
    """The detector that the profile ships."""
    spec = shipped(("detector",), (), cache)["detector"].spec
    return cast(Detector, get_loader(spec.loader).load(spec).adapter("detector"))


def _told(found: Compared) -> dict[str, float]:
    means = {"true": float(found.true.mean()), "made": float(found.made.mean())}
    return {"n": len(found.true), **means, "ratio": found.ratio()}


def seconds_a_picture(generator: ImageGenerator) -> float:
    """Seconds for one prompt alone, the best of three, in the threads that torch has."""
    drawings = [Drawing("a red star on a plain background", seed=seed) for seed in range(3)]
    return min(seconds_of(lambda drawing: generator.generate([drawing]), drawings))


def main() -> None:
    """Read the command line, measure, and print the figures as a table and as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--n", type=int, default=100, help="prompts of each kind")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--held-out", action="store_true", help="ask in wordings that training never said")
    parser.add_argument("--steps", type=int, help="of sampling (default: what FOLDER states)")
    parser.add_argument("--guidance", type=float, help="default: what FOLDER states")
    parser.add_argument("--sheet", type=Path, help="write some pictures to this PNG, the true ones above those made")
    parser.add_argument("--threads", type=int, default=1)
    given = vars(parser.parse_args())
    torch.set_num_threads(given.pop("threads"))
    figures = evaluate(**given)
    print(f"{'':16} {'n':>5} {'true':>6} {'made':>6} {'ratio':>6}")
    for kind, found in figures.items():
        for name, row in found.items():
            print(f"{kind + ' ' + name:16} {row['n']:5} {row['true']:6.3f} {row['made']:6.3f} {row['ratio']:6.3f}")
    document = {"figures": figures, "seconds_a_picture": seconds_a_picture(opened(given["folder"], given["device"]))}
    print(json.dumps(document))


if __name__ == "__main__":
    main()

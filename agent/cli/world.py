"""Commands that write samples of the procedural world with exact truth: world scenes, clips, clouds, …"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .output import JsonOption, SeedOption, counting, errors_as_exit_codes, print_json

app = typer.Typer(help="Write samples of the procedural world with exact truth.", no_args_is_help=True)


class Split(StrEnum):
    """Streams of samples that share none; the shipped models were trained on `train`."""

    train = "train"
    val = "val"
    test = "test"
    demo = "demo"


OutOption = Annotated[Path, typer.Option("--out", "-o", help="Folder for the files and truth.jsonl.")]
CountOption = Annotated[int, typer.Option("--count", help="How many samples.", min=1)]
SplitOption = Annotated[Split, typer.Option("--split", help="No two splits share a sample.")]
ObjectsOption = Annotated[
    tuple[int, int], typer.Option("--objects", metavar="MIN MAX", help="Fewest and most things of a sample, 0 to 8.")
]


@app.command()
def scenes(
    out: OutOption,
    count: CountOption = 16,
    seed: SeedOption = 0,
    split: SplitOption = Split.demo,
    side: Annotated[int, typer.Option("--side", help="Pixels of a side.", min=64, max=2048)] = 384,
    objects: ObjectsOption = (0, 8),
    as_json: JsonOption = False,
) -> None:
    """Write pictures (PNG) with boxes, masks, attributes, depth order, relations, captions and questions.

    Example: panmodal world scenes --count 16 --objects 2 6 --out scenes
    """
    with errors_as_exit_codes(as_json):
        from ..lab.world.writing import write_scenes

        with counting("scenes") as progress:
            truth = write_scenes(
                out, seed=seed, count=count, side=side, split=split.value, objects=objects, progress=progress
            )
        _report("scenes", truth, seed, count, split.value, as_json)


@app.command()
def clips(
    out: OutOption,
    count: CountOption = 16,
    seed: SeedOption = 0,
    split: SplitOption = Split.demo,
    side: Annotated[int, typer.Option("--side", help="Pixels of a side, an even number.", min=64, max=1024)] = 224,
    objects: ObjectsOption = (1, 4),
    seconds: Annotated[
        tuple[float, float], typer.Option("--seconds", metavar="MIN MAX", help="Shortest and longest clip.")
    ] = (2.0, 8.0),
    rate: Annotated[int, typer.Option("--rate", help="Frames a second.", min=4, max=60)] = 12,
    as_json: JsonOption = False,
) -> None:
    """Write videos (MP4) with motions and their times, a box for each frame, and events.

    Example: panmodal world clips --count 8 --seconds 2 4 --out clips
    """
    with errors_as_exit_codes(as_json):
        from ..lab.world.writing import write_clips

        with counting("clips") as progress:
            truth = write_clips(
                out, seed=seed, count=count, side=side, split=split.value, objects=objects,
                seconds=seconds, rate=rate, progress=progress,
            )  # fmt: skip
        _report("clips", truth, seed, count, split.value, as_json)


@app.command()
def clouds(
    out: OutOption,
    count: CountOption = 16,
    seed: SeedOption = 0,
    split: SplitOption = Split.demo,
    points: Annotated[int, typer.Option("--points", help="Points of a cloud.", min=64, max=1_000_000)] = 1024,
    objects: ObjectsOption = (1, 4),
    as_json: JsonOption = False,
) -> None:
    """Write point clouds (PLY) of solids on a floor with classes, centres, sizes, turns and colours.

    Example: panmodal world clouds --count 16 --objects 1 1 --points 2048 --out clouds
    """
    with errors_as_exit_codes(as_json):
        from ..lab.world.writing import write_clouds

        with counting("clouds") as progress:
            truth = write_clouds(
                out, seed=seed, count=count, points=points, split=split.value, objects=objects, progress=progress
            )
        _report("clouds", truth, seed, count, split.value, as_json)


@app.command()
def requests(
    out: OutOption,
    count: CountOption = 16,
    seed: SeedOption = 0,
    split: Annotated[
        str,
        typer.Option(
            "--split",
            help="train or seen; with phrasings left out of training forms, nouns, joined; "
            "with those of independent authors b_forms, b_nouns, b_joined.",
        ),
    ] = "train",
    as_json: JsonOption = False,
) -> None:
    """Write requests with their gold plans, one a line of truth.jsonl.

    Example: panmodal world requests --count 100 --split forms --out requests
    """
    with errors_as_exit_codes(as_json):
        from ..lab.world.writing import write_requests

        with counting("requests") as progress:
            truth = write_requests(out, seed=seed, count=count, split=split, progress=progress)
        _report("requests", truth, seed, count, split, as_json)


@app.command()
def speech(
    out: OutOption,
    count: CountOption = 16,
    seed: SeedOption = 0,
    split: SplitOption = Split.demo,
    as_json: JsonOption = False,
) -> None:
    """Write spoken sentences with their words.

    Example: panmodal world speech --count 16 --out speech
    """
    with errors_as_exit_codes(as_json):
        from ..lab.world.speech import write_speech

        with counting("speech") as progress:
            truth = write_speech(out, seed=seed, count=count, split=split.value, progress=progress)
        _report("speech", truth, seed, count, split.value, as_json)


@app.command()
def sounds(
    out: OutOption,
    count: CountOption = 16,
    seed: SeedOption = 0,
    split: SplitOption = Split.demo,
    as_json: JsonOption = False,
) -> None:
    """Write sounds with what is heard in them.

    Example: panmodal world sounds --count 16 --out sounds
    """
    with errors_as_exit_codes(as_json):
        from ..lab.world.sounds import write_sounds

        with counting("sounds") as progress:
            truth = write_sounds(out, seed=seed, count=count, split=split.value, progress=progress)
        _report("sounds", truth, seed, count, split.value, as_json)


@app.command()
def sheet(
    out: Annotated[Path, typer.Option("--out", "-o", help="PNG file to write.")],
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Write one picture of scenes, a clip and clouds side by side.

    Example: panmodal world sheet --out world.png
    """
    with errors_as_exit_codes(as_json):
        from ..lab.world.sheet import write_sheet

        write_sheet(out, seed=seed)
        print_json({"version": "panmodal.world/1", "what": "sheet", "file": str(out)}) if as_json else typer.echo(out)


def _report(what: str, truth: Path, seed: int, count: int, split: str, as_json: bool) -> None:
    """Say what was written: the path of the truth, or one JSON document."""
    if not as_json:
        typer.echo(str(truth))
        return
    names = sorted(path.name for path in truth.parent.iterdir() if path.is_file())
    print_json({
        "version": "panmodal.world/1", "what": what, "seed": seed, "split": split, "count": count,
        "out": str(truth.parent), "truth": str(truth), "files": len(names),
    })  # fmt: skip

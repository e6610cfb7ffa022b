"""Commands that make and measure: bench, train, eval."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .output import (
    ANSWERED,
    PARTIAL,
    JsonOption,
    ProfileOption,
    SeedOption,
    SetOption,
    counting,
    errors_as_exit_codes,
    print_json,
)

if TYPE_CHECKING:
    from ..lab.figures import Figures

CheckOption = Annotated[bool, typer.Option("--check", help="Exit with 1 where a stated target falls short.")]


class Recipe(StrEnum):
    """Roles that have a training recipe."""

    planner = "planner"
    mllm = "mllm"
    detector = "detector"
    segmenter = "segmenter"
    asr = "asr"
    embedder = "embedder"
    sound_classifier = "sound_classifier"
    cloud_classifier = "cloud_classifier"
    image_generator = "image_generator"


class Shipped(StrEnum):
    """Roles that can be measured: those that `mini` serves, and others of which a model is named with --set."""

    planner = "planner"
    mllm = "mllm"
    detector = "detector"
    segmenter = "segmenter"
    asr = "asr"
    tts = "tts"
    sound_classifier = "sound_classifier"
    cloud_classifier = "cloud_classifier"
    embedder = "embedder"
    image_generator = "image_generator"
    captioner = "captioner"
    sound_generator = "sound_generator"
    video = "video"


class ToolPart(StrEnum):
    """Parts of `bench tools`."""

    overhead = "overhead"
    batches = "batches"
    prompts = "prompts"
    map = "map"


def bench_steps(seed: SeedOption = 0, as_json: JsonOption = False, check: CheckOption = False) -> None:
    """Cost of one executor step beside LangGraph, create_agent and smolagents.

    Example: panmodal bench steps --check
    """
    with errors_as_exit_codes(as_json):
        from ..lab.bench.steps import measure

        _report(measure(seed), as_json, check)


def bench_dag(seed: SeedOption = 0, as_json: JsonOption = False, check: CheckOption = False) -> None:
    """Makespan of ragged plans over their critical path, beside LangGraph.

    Example: panmodal bench dag --check
    """
    with errors_as_exit_codes(as_json):
        from ..lab.bench.dag import measure

        _report(measure(seed), as_json, check)


def bench_import(seed: SeedOption = 0, as_json: JsonOption = False, check: CheckOption = False) -> None:
    """CPU seconds of `import panmodal` and `panmodal --help`.

    Example: panmodal bench import --check
    """
    with errors_as_exit_codes(as_json):
        from ..lab.bench.imports import measure

        _report(measure(seed), as_json, check)


def bench_tools(
    part: Annotated[list[ToolPart] | None, typer.Option("--part", help="This part only (repeatable).")] = None,
    tool: Annotated[
        list[str] | None, typer.Option("--tool", help="Overhead of this tool only (repeatable).", show_default=False)
    ] = None,
    device: Annotated[str, typer.Option("--device", help="cpu or cuda, for batches and prompts.")] = "cpu",
    vit_b: Annotated[
        bool, typer.Option("--vit-b/--no-vit-b", help="Prompts on ViT-B's shapes too, which takes minutes on a CPU.")
    ] = True,
    small: Annotated[bool, typer.Option("--small", help="The least that shows that it works; no figures.")] = False,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
    check: CheckOption = False,
) -> None:
    """Cost of tools over their libraries, batch curves, several prompts on one picture, map beside a loop.

    Example: panmodal bench tools --part overhead --check
    """
    with errors_as_exit_codes(as_json):
        from ..lab.bench.tools import measure

        with counting("tools") as progress:
            figures = measure(
                seed,
                parts=[each.value for each in part or ()],
                device=device,
                vit_b=vit_b,
                small=small,
                only=tool or (),
                progress=progress,
            )
        _report(figures, as_json, check)


def matrix(
    n: Annotated[int, typer.Option("--n", help="Runs of each cell.", min=1)] = 3,
    profile: ProfileOption = None,
    overrides: SetOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
    check: CheckOption = False,
) -> None:
    """From any modality to any: the chain of tools of each of the twenty cells, and runs judged against the truth.

    Example: panmodal matrix --profile mini --check
    """
    with errors_as_exit_codes(as_json):
        from ..lab.matrix.table import measure

        with counting("cells") as progress:
            figures = measure(seed, n=n, profile=profile, overrides=overrides or (), progress=progress)
        _report(figures, as_json, check)


def _report(figures: Figures, as_json: bool, check: bool) -> None:
    print_json(figures.to_dict()) if as_json else typer.echo(figures.render())
    raise typer.Exit(PARTIAL if check and not figures.ok else ANSWERED)


def train(
    role: Annotated[Recipe, typer.Argument(help="Which model.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for checkpoints and the exported model.")],
    minutes: Annotated[
        float, typer.Option("--minutes", help="What the schedule fills: of the clock, for the planner of CPU time.")
    ] = 60,
    device: Annotated[str, typer.Option("--device", help="cpu or cuda.")] = "cpu",
    seed: SeedOption = 0,
    arch: Annotated[
        str | None, typer.Option("--arch", help="Another architecture: torchvision, for the detector.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", help="Checkpoint folder to go on from.", show_default=False)
    ] = None,
) -> None:
    """Train one of mini's models on the procedural world: `mllm` is the backbone, which plans too.

    `planner` is a planner LM of its own, e.g. for tools of yours: name it in your profile (planner.checkpoint).

    Example: panmodal train detector --minutes 60 --out runs/detector
    """
    with errors_as_exit_codes():
        from ..lab.train.recipes import RECIPES, Order

        RECIPES[role.value](Order(out, minutes, seed, device, resume, arch))


def eval_mini(
    role: Annotated[list[Shipped] | None, typer.Option("--role", help="This role only (repeatable).")] = None,
    n: Annotated[
        int | None, typer.Option("--n", help="So many requests, questions and scenes each.", min=1, show_default=False)
    ] = None,
    overrides: SetOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
    check: CheckOption = False,
) -> None:
    """Measure mini's models on data made from the seed, which no recipe draws, beside what guessing gets.

    Example: panmodal eval mini --role planner --check
    """
    with errors_as_exit_codes(as_json):
        from ..lab.mini.measuring import measure

        roles = [each.value for each in role or ()]
        with counting("measures") as progress:
            figures = measure(seed, roles=roles, n=n, overrides=overrides or (), progress=progress)
        _report(figures, as_json, check)


def eval_agent(
    requests: Annotated[int, typer.Option("--requests", help="How many held-out requests.", min=1)] = 300,
    n: Annotated[int, typer.Option("--n", help="Requests for each other tool; 0 for none.", min=0)] = 4,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", help="A PNG that shows some of the results.", show_default=False)
    ] = None,
    profile: ProfileOption = None,
    overrides: SetOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
    check: CheckOption = False,
) -> None:
    """Ask held-out requests, for every tool that is served, and judge the answers against the world's truth.

    Requests about looking at one picture go by every route (direct, tools, auto), those for other tools by auto.

    Example: panmodal eval agent --profile mini --check
    """
    with errors_as_exit_codes(as_json):
        from ..lab.whole.routes import measure

        with counting("requests") as progress:
            figures = measure(
                seed,
                requests=requests,
                n=n,
                profile=profile,
                overrides=overrides or (),
                sheet=sheet,
                progress=progress,
            )
        _report(figures, as_json, check)


def eval_spine(
    scenes: Annotated[int, typer.Option("--scenes", help="How many unseen scenes.", min=1)] = 50,
    profile: ProfileOption = None,
    overrides: SetOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
    check: CheckOption = False,
) -> None:
    """Ask the demo's requests on unseen scenes and judge the answers against the world's truth.

    Example: panmodal eval spine --scenes 50 --check
    """
    with errors_as_exit_codes(as_json):
        from ..lab.spine import measure

        with counting("scenes") as progress:
            figures = measure(seed, scenes=scenes, profile=profile, overrides=overrides or (), progress=progress)
        _report(figures, as_json, check)

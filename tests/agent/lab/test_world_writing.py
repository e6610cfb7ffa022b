"""What `panmodal world` writes: files that Panmodal's own media types read, and truth that fits them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from panmodal.agent.cli.app import app
from panmodal.agent.cli.world import Split
from panmodal.agent.lab.train.planner.requests import SPLITS as REQUEST_SPLITS
from panmodal.agent.lab.world import sheet
from panmodal.agent.lab.world.clips import ClipConfig, render_clip
from panmodal.agent.lab.world.clouds import CloudConfig, render_cloud
from panmodal.agent.lab.world.scenes import SPLITS, SceneConfig, render_scene
from panmodal.agent.lab.world.writing import write_clips, write_clouds, write_requests, write_scenes
from panmodal.planners.plan import Plan
from panmodal.tools.errors import InputError
from panmodal.tools.media.image import Image
from panmodal.tools.media.point_cloud import PointCloud
from panmodal.tools.media.video import Video


def world(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["world", *map(str, arguments)])


def lines_of(truth: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in truth.read_text(encoding="utf-8").splitlines()]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_clips_read_back_with_the_frames_and_times_of_their_truth(tmp_path: Path) -> None:
    lines = lines_of(write_clips(tmp_path, seed=2, count=3, side=128, seconds=(2, 3), split="val"))
    config = ClipConfig(side=128, seconds=(2, 3))
    for line in lines:
        clip = render_clip(line["seed"], config, split="val")
        video = Video.open(tmp_path / line["video"])
        assert (video.width, video.height, video.rate) == (128, 128, 12)
        assert video.seconds == pytest.approx(line["seconds"], abs=1e-3)
        assert line["frames"] == len(clip.frames)
        chosen = [0, len(clip.frames) // 2, len(clip.frames) - 1]
        read = video.frames([(k + 0.5) / 12 for k in chosen])
        for k, picture in zip(chosen, read, strict=True):
            off = np.abs(picture.pixels.astype(int) - clip.frames[k])
            assert off.mean() < 5, "compression may cost a little, another frame would cost more"
        for told, thing in zip(line["things"], clip.things, strict=True):
            assert [tuple(box) if box else None for box in told["boxes"]] == list(thing.boxes)
            assert told["spans"][-1]["end"] <= line["seconds"]
        assert [event["time"] for event in line["events"]] == sorted(event["time"] for event in line["events"])


def test_clouds_read_back_with_the_points_of_their_truth(tmp_path: Path) -> None:
    for line in lines_of(write_clouds(tmp_path, seed=4, count=3, points=400, split="test")):
        cloud = render_cloud(line["seed"], CloudConfig(points=400), split="test")
        read = PointCloud.open(tmp_path / line["point_cloud"])
        assert read.count == line["points"] == 400
        assert np.array_equal(read.points, cloud.points)
        assert sum(thing["points"] for thing in line["things"]) == 400
        assert [thing["label"] for thing in line["things"]] == [thing.label for thing in cloud.things]


def test_requests_are_written_with_plans_that_are_plans(tmp_path: Path) -> None:
    lines = lines_of(write_requests(tmp_path, seed=1, count=4, split="train"))
    assert len({line["text"] for line in lines}) == 4
    for line in lines:
        assert Plan.model_validate(line["plan"]).steps
        assert line["split"] == "train"
    with pytest.raises(InputError, match="demo"):
        write_requests(tmp_path, seed=1, count=1, split="demo")
    assert "train" in REQUEST_SPLITS


def test_the_same_seed_writes_the_same_files_and_more_samples_are_the_same_and_more(tmp_path: Path) -> None:
    write_scenes(tmp_path / "a", seed=9, count=2, side=96, objects=(3, 5))
    write_scenes(tmp_path / "b", seed=9, count=3, side=96, objects=(3, 5))
    few, more = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert more["truth.jsonl"].startswith(few.pop("truth.jsonl"))
    assert few.items() <= more.items()
    for name in ("a", "b"):
        write_clips(tmp_path / f"clip-{name}", seed=9, count=1, side=64, seconds=(2, 2))
        write_clouds(tmp_path / f"cloud-{name}", seed=9, count=1, points=64)
    assert contents(tmp_path / "clip-a") == contents(tmp_path / "clip-b")
    assert contents(tmp_path / "cloud-a") == contents(tmp_path / "cloud-b")
    write_clouds(tmp_path / "other", seed=9, count=1, points=64, split="train")
    assert contents(tmp_path / "other").keys() == contents(tmp_path / "cloud-a").keys()
    assert contents(tmp_path / "other") != contents(tmp_path / "cloud-a")


def test_truth_is_there_only_when_all_files_are(tmp_path: Path) -> None:
    write_scenes(tmp_path, seed=0, count=2, side=64)
    seen: list[tuple[int, int, bool]] = []

    def progress(done: int, of: int) -> None:
        seen.append((done, of, (tmp_path / "truth.jsonl").exists()))

    truth = write_scenes(tmp_path, seed=1, count=2, side=64, progress=progress)
    assert seen == [(1, 2, False), (2, 2, False)]
    assert len(lines_of(truth)) == 2


def test_the_command_writes_scenes_as_asked_and_says_so_as_json(tmp_path: Path) -> None:
    done = world("scenes", "--out", tmp_path, "--count", 3, "--seed", 6, "--objects", 2, 3, "--side", 96,
                 "--split", "test", "--json")  # fmt: skip
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["version"] == "panmodal.world/1"
    assert (document["what"], document["count"], document["split"], document["files"]) == ("scenes", 3, "test", 7)
    for line in lines_of(Path(document["truth"])):
        scene = render_scene(line["seed"], SceneConfig(side=96, count=(2, 3)), split="test")
        assert np.array_equal(Image.open(tmp_path / line["image"]).pixels, scene.image)
        assert 1 <= len(line["objects"]) <= 3
        assert line["caption"] and line["long_caption"] and line["questions"]


def test_the_command_line_has_every_kind_of_sample_with_an_example_and_the_worlds_splits() -> None:
    overview = world("--help").stdout
    for name in ("scenes", "clips", "clouds", "requests", "speech", "sounds", "sheet"):
        assert name in overview
        assert f"Example: panmodal world {name}" in world(name, "--help").stdout
    assert [split.value for split in Split] == list(SPLITS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("scenes", "--count", "0"), "--count"),
        (("scenes", "--side", "20"), "--side"),
        (("scenes", "--split", "training"), "demo"),
        (("scenes", "--objects", "5", "2"), "smaller number first"),
        (("clips", "--objects", "0", "12"), "0 to 8"),
        (("clips", "--side", "101"), "even"),
        (("clips", "--seconds", "1", "2"), "2 to 60 s"),
        (("clouds", "--objects", "0", "0"), "one thing"),
        (("scenes", "--seed", "-1"), "seeds from 0"),
        (("requests", "--split", "demo"), "train"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_what_to_do(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = world(*arguments, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert said in done.stderr
    assert not (tmp_path / "out" / "truth.jsonl").exists()


def test_a_file_in_the_place_of_the_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    done = world("scenes", "--count", "1", "--side", "64", "--out", tmp_path / "taken")
    assert done.exit_code == 2
    assert "taken" in done.stderr
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_sheet_shows_every_tile_that_it_is_given() -> None:
    tones = [np.full((40, 40, 3), tone, np.uint8) for tone in (10, 60, 110, 160)]
    film = sheet.Row("film", "", tones[:2], ["0 s", "1 s"], film=True)
    picture = sheet.contact_sheet([sheet.Row("tiles", "four", tones), film], columns=3)
    assert picture.dtype == np.uint8
    for tone, tile in zip((10, 60, 110, 160), tones, strict=True):
        shown = np.count_nonzero((picture == tone).all(axis=2))
        assert shown > 0.9 * sheet._TILE**2, f"the tile of tone {tile[0, 0, 0]} is not whole"
    cloud = render_cloud(3, CloudConfig(points=800, count=(1, 1)), split="val")
    drawn = sheet.draw_cloud(cloud, 48)
    assert drawn.shape == (48, 48, 3)
    assert drawn.std() > 10
    frames, times = sheet.film_of(render_clip(1, ClipConfig(side=64, seconds=(2, 2))), 4)
    assert len(frames) == 4
    assert times[0] == "0.0 s"

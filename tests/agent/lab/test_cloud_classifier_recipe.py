"""The cloud classifier's recipe: it learns from surfaces seen as the world shows them, and is measured on clouds."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForImageClassification

from panmodal.agent.lab.mini import cloud_classifier as part
from panmodal.agent.lab.mini.apart import Overlap
from panmodal.agent.lab.mini.shipped import Shipped
from panmodal.agent.lab.train import cloud_classifier as recipe
from panmodal.agent.lab.train.cloud_classifier import POINTS, Batch, Clouds, train
from panmodal.agent.lab.train.cloud_evaluate import SIDE, VIEWS, Points, any_turn, evaluate, measure, scores, turn
from panmodal.agent.lab.train.recipes import RECIPES, Order
from panmodal.agent.lab.world.clouds import CLOUD_CLASSES, CloudConfig, render_cloud
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.checkpoints import digest
from panmodal.tools.loaders.transformers import TransformersLoader
from panmodal.tools.media.point_cloud import PointCloud
from panmodal.tools.space.views import CHANNELS, render_views

torch.set_num_threads(1)


@pytest.fixture(scope="module", autouse=True)
def few_surfaces():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe, "_FIRST", 2)
        yield


@pytest.fixture(scope="module")
def batch() -> Batch:
    return next(iter(Clouds(48, 0)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of a second, one after the other."""
    root, said = tmp_path_factory.mktemp("runs"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe, "HELD_OUT", 2)
        RECIPES["cloud_classifier"](Order(root / "a", 0.01, log=said.append))
        train(root / "b", minutes=0.01, seed=0, device="cpu", resume_from=root / "a", log=said.append)
    assert sum(line.startswith("held out: {") for line in said) == 2
    return root / "b"


def test_batches_are_views_of_the_classes_and_follow_from_the_seed(batch: Batch) -> None:
    assert batch.views.shape == (48 * VIEWS, CHANNELS, SIDE, SIDE) and batch.views.dtype == torch.float32
    assert len(set(batch.labels.tolist())) > 9 and batch.labels.max() < len(CLOUD_CLASSES)
    first, later = Clouds(48, 0), Clouds(4, 0, start=1)
    again, _ = next(iter(first)), next(iter(later))
    assert torch.equal(again.views, batch.views) and torch.equal(again.labels, batch.labels)
    kept = [{surface.tobytes() for each in made.surfaces for surface in each} for made in (first, later)]
    assert len(kept[0]) == len(CLOUD_CLASSES) * 3 and not kept[0] & kept[1]


def test_examples_look_like_the_worlds_clouds(batch: Batch) -> None:
    world = [render_cloud(i, CloudConfig(count=(1, 1)), split="val").points for i in range(48)]
    seen = np.concatenate([render_views(points, VIEWS, SIDE) for points in world])
    for channel in range(CHANNELS):
        learnt, shown = batch.views[:, channel], seen[:, channel]
        assert abs(float((learnt > 0).float().mean()) - (shown > 0).mean()) < 0.06
        assert abs(float(learnt[learnt > 0].mean()) - shown[shown > 0].mean()) < 0.06


def test_a_seen_cloud_has_few_or_many_points_and_may_lie_any_way() -> None:
    rng = np.random.default_rng(0)
    rod = rng.uniform(-1, 1, (POINTS, 3)).astype(np.float32) * (0.1, 0.1, 1)
    clouds = [recipe.seen(rng, rod) for _ in range(200)]
    counts = [len(cloud) for cloud in clouds]
    assert counts.count(1024) > 70 and min(counts) < 100 and max(counts) > 1500
    assert all(cloud.dtype == np.float32 for cloud in clouds)
    spread = np.array([np.linalg.svd(cloud - cloud.mean(0), full_matrices=False)[2][0] for cloud in clouds])
    upright = np.abs(spread[:, 2]) > np.cos(np.radians(12))
    assert 0.4 < upright.mean() < 0.65, "half of them stand, of the others hardly any"


def test_turns_are_rotations_of_any_or_of_a_small_lean() -> None:
    rng = np.random.default_rng(0)
    ways = np.array([any_turn(rng) for _ in range(400)])
    assert np.allclose(ways @ ways.transpose(0, 2, 1), np.eye(3)) and np.allclose(np.linalg.det(ways), 1)
    assert np.abs(ways.mean(0)).max() < 0.1
    assert turn(rng, 0.1)[2, 2] == pytest.approx(np.cos(0.1))


def test_a_few_steps_on_one_batch_teach_it(batch: Batch) -> None:
    torch.manual_seed(0)
    few = Batch(batch.views[: 16 * VIEWS], batch.labels[:16])
    model = recipe.fresh_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    losses = [recipe._step(model, optimizer, few) for _ in range(15)]
    assert losses[-1] < 0.5 * losses[0]


def test_it_exports_what_the_loader_opens_and_goes_on_from_it(folder: Path) -> None:
    facts = [json.loads((folder.parent / name / recipe.FACTS).read_text()) for name in ("a", "b")]
    assert [fact["starts"] for fact in facts] == [1, 2] and 0 < facts[0]["examples"] < facts[1]["examples"]
    assert {path.name for path in folder.parent.iterdir()} == {"a", "b"}, "nothing half written is left"
    assert all(path.stat().st_mode & 0o777 == 0o644 for path in folder.iterdir())
    assert sum(path.stat().st_size for path in folder.iterdir()) < 0.45 * 2**20
    weights = load_file(folder / "model.safetensors").values()
    assert {value.dtype for value in weights} == {torch.float16, torch.int64}
    model = AutoModelForImageClassification.from_pretrained(folder)
    assert model.dtype == torch.float32 and tuple(model.config.id2label.values()) == CLOUD_CLASSES
    classifier = TransformersLoader().load(_spec(folder)).adapter("cloud_classifier")
    assert classifier.vocabulary == CLOUD_CLASSES
    points = render_cloud(0, split="val").points
    (told,) = classifier.classify([PointCloud.from_points(points)])
    shares = np.exp(scores(model.eval(), [points])[0])
    shares /= shares.sum()
    assert [guess.label for guess in told] == [CLOUD_CLASSES[i] for i in np.argsort(-shares, kind="stable")]
    assert [guess.score for guess in told] == pytest.approx(sorted(shares, reverse=True), abs=1e-4)
    figures = evaluate(folder, seed=1, n=2)
    assert figures["milliseconds"] > 0 and set(figures["right_of"]) <= set(CLOUD_CLASSES)


def test_figures_tell_who_knows_from_who_does_not() -> None:
    """Who knows recognises the clouds as drawn and cut out, by heart, and nothing else."""
    known: dict[bytes, int] = {}
    for number in range(100_003, 100_003 + 24):
        config = CloudConfig(count=(1, 1), classes=(CLOUD_CLASSES[number % 12],))
        known[render_cloud(number, config, split="test").points.tobytes()] = number % 12
        cloud = render_cloud(number, split="test")
        for thing in cloud.things:
            known[cloud.points[slice(*thing.rows)].tobytes()] = CLOUD_CLASSES.index(thing.label)

    def tell(clouds: Sequence[Points]) -> np.ndarray:
        return np.eye(13, dtype=np.float32)[[known.get(cloud.tobytes(), 12) for cloud in clouds]]

    found = measure(tell, seed=1, n=24, split="test")
    assert (found.right, found.right_in_scenes) == (1, 1) and found.right_of == dict.fromkeys(CLOUD_CLASSES, 1)
    assert (found.right_256_points, found.right_noisy, found.right_turned) == (0, 0, 0)
    dull = measure(lambda clouds: np.eye(12, dtype=np.float32)[[3] * len(clouds)], seed=1, n=24, split="test")
    assert dull.right == dull.right_noisy == dull.right_turned == pytest.approx(1 / 12)
    assert dull.right_of["table"] == 0 and dull.right_of[CLOUD_CLASSES[3]] == 1


def test_the_part_of_eval_mini_gives_every_row_and_refuses_what_was_trained_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Shipped(part.ROLE, _spec(folder), folder, digest(folder), 0, folder / "README.md")
    (job,) = part.jobs(model, 3, 4)
    rows = {row.name: row for row in job()}
    assert {name for name, row in rows.items() if row.n == 4} == {
        "right", "right_256_points", "right_noisy", "right_turned", "right_in_scenes",
    }  # fmt: skip
    assert rows["right"].frequent == pytest.approx(1 / 12) and rows["seconds_a_cloud"].value > 0
    assert rows["worst_class"].value <= rows["right"].value
    assert part.apart(3, 4)["scenes"] == {"measured": 4, "trained": 30_000, "shared": 0}
    monkeypatch.setattr(part, "stream", lambda split, number, medium: np.random.default_rng(number))
    with pytest.raises(Overlap, match="4 clouds"):
        part.apart(0, 4)


@pytest.mark.slow
def test_a_minute_teaches_it_most_classes() -> None:
    torch.manual_seed(0)
    model = recipe.fresh_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _, batch in zip(range(150), Clouds(32, 0), strict=False):
        recipe._step(model, optimizer, batch)
    assert measure(partial(scores, model), seed=5, n=60, split="val").right > 0.6


def _spec(folder: Path) -> ModelSpec:
    return ModelSpec("cloud_classifier", "transformers", str(folder))

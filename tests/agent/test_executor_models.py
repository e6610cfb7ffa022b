"""The executor and the pool together: leases, records of models, tokens, late calls."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from panmodal.agent.budget import Budget
from panmodal.agent.executor import Execution, Executor
from panmodal.agent.pool.pool import Pool
from panmodal.agent.store import ArtifactStore
from panmodal.planners.plan import Plan, Step
from panmodal.tools.contract import tool
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.media.boxes import Boxes
from panmodal.tools.media.image import Image
from panmodal.tools.registry import Registry
from panmodal.tools.roles import Detector, Mllm, Reply, StepContext


class Looker:
    """A detector that finds the bright half of a picture, and an mllm that says how large the picture is."""

    vocabulary = ("light",)

    def detect(self, images: Sequence[Image], labels: Sequence[Sequence[str]]) -> list[Boxes]:
        return [self._bright(image) for image in images]

    def _bright(self, image: Image) -> Boxes:
        rows, columns = np.nonzero(image.pixels.mean(axis=2) > 127)
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        return Boxes.of(np.array([box], np.float32), ["light"], [1.0], image)

    def answer(self, images: Sequence[Sequence[Image]], questions: Sequence[str], **options: Any) -> list[Reply]:
        return [Reply(f"{each[0].width} wide", 0.9, tokens_in=30, tokens_out=4) for each in images]


@dataclass
class Backbone:
    nbytes: int = 64
    digest: str = "abc"
    libraries: dict[str, str] = field(default_factory=dict)

    def adapter(self, role: str) -> Looker:
        return Looker()

    def close(self) -> None:
        pass


class Loader:
    name = "looking"

    def resolve(self, spec: ModelSpec) -> str:
        return spec.checkpoint

    def measure(self, spec: ModelSpec) -> int:
        return 64

    def load(self, spec: ModelSpec) -> Backbone:
        return Backbone()


@tool
def find(image: Image, *, detector: Detector) -> Boxes:
    """Find the light."""
    return detector.detect([image], [[]])[0]


@tool
def ask(image: Image, *, mllm: Mllm) -> str:
    """How wide it is."""
    return mllm.answer([[image]], ["How wide?"])[0].text


@tool
def linger(image: Image, *, detector: Detector, ctx: StepContext) -> int:
    """Return long after the time limit, and use the model even then."""
    while not ctx.stop.is_set():
        time.sleep(0.005)
    time.sleep(0.1)
    return len(detector.detect([image], [[]])[0])


def execute(*steps: Step, roles: Sequence[str], **options: Any) -> tuple[Execution, ArtifactStore, list[int]]:
    specs = {role: [ModelSpec(role, "looking", f"{role}.bin")] for role in roles}
    pool = Pool(specs, 64, get_loader=lambda name: Loader())
    store = ArtifactStore("memory://models")
    executor = Executor(Registry([find, ask, linger]), pool, store)
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[5:9, 10:16] = 255
    leases: list[int] = []

    async def main() -> Execution:
        done = await executor.run(Plan(steps=list(steps)), inputs={"image": [Image.from_array(pixels)]}, **options)
        leases.append(sum(each.leases for each in pool.loaded()))
        await asyncio.sleep(0.25)
        leases.append(sum(each.leases for each in pool.loaded()))
        return done

    return asyncio.run(main()), store, leases


def test_a_step_gets_its_models_and_its_record_names_them() -> None:
    done, store, _ = execute(
        Step(id="a", tool="find", args={"image": "$in.image"}),
        Step(id="b", tool="ask", args={"image": "$in.image"}),  # the limit holds one model at a time
        roles=["detector", "mllm"],
    )
    boxes = done.values["a"]
    assert boxes.xyxy.tolist() == [[10, 5, 16, 9]] and done.values["b"] == "30 wide"
    assert done.steps["a"].models[0]["role"] == "detector" and done.steps["a"].models[0]["digest"] == "abc"
    record = store.record(boxes.id)
    assert record is not None and record.models[0].loader == "looking" and record.dtype == "float32"


def test_a_role_that_nobody_serves_fails_its_step_only() -> None:
    done, _, _ = execute(
        Step(id="a", tool="find", args={"image": "$in.image"}),
        Step(id="b", tool="ask", args={"image": "$in.image"}),
        roles=["mllm"],
    )
    assert done.steps["a"].status == "failed" and done.steps["b"].status == "done"
    assert (done.steps["a"].error or {})["code"] == "unknown-role"


def test_tokens_of_models_count_against_the_budget() -> None:
    spending = Budget(tokens=50).start()
    steps = [Step(id=f"s{number}", tool="ask", args={"image": "$in.image"}) for number in range(4)]
    done, _, _ = execute(*steps, roles=["mllm"], budget=spending, deterministic=True)
    assert spending.spent["tokens"] == 68
    assert [record.status for record in done.steps.values()] == ["done", "done", "not_run", "not_run"]
    assert done.exceeded == "tokens"


def test_a_call_that_outlives_its_limit_keeps_its_lease_until_it_returns() -> None:
    done, _, leases = execute(
        Step(id="a", tool="linger", args={"image": "$in.image"}, timeout=0.05), roles=["detector"]
    )
    assert (done.steps["a"].error or {})["code"] == "step-timeout"
    assert leases == [1, 0]

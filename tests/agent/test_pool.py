"""The pool against a third-party loader whose models are numpy arrays of a stated size."""

import asyncio
import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from panmodal.agent.events import Event, ModelEvicted, ModelLoaded, ModelLoading
from panmodal.agent.pool.pool import Pool
from panmodal.tools.errors import CheckpointBroken, CheckpointMissing, PoolLimitTooSmall, UnknownRole
from panmodal.tools.loaders.base import ModelSpec


class Adapter:
    def __init__(self, backbone: "Backbone", role: str) -> None:
        self.backbone = backbone
        self.role = role

    @property
    def vocabulary(self) -> tuple[str, ...]:
        return ("circle",)

    def detect(self, images: list[Any], labels: list[Any]) -> int:
        return self.backbone.compute()


@dataclass
class Backbone:
    name: str
    weights: np.ndarray[Any, Any]
    loader: "NumpyLoader"
    libraries: dict[str, str] = field(default_factory=dict)
    busy: int = 0
    closed: bool = False

    @property
    def nbytes(self) -> int:
        return self.weights.nbytes

    @property
    def digest(self) -> str:
        return f"digest-of-{self.name}"

    def adapter(self, role: str) -> Adapter:
        return Adapter(self, role)

    def compute(self) -> int:
        assert not self.closed, "an evicted model was used"
        self.busy += 1
        assert self.busy == 1, "two callers computed with one model at once"
        total = int(self.weights[0]) + len(self.weights)
        time.sleep(0.0002)
        self.busy -= 1
        return total

    def close(self) -> None:
        self.closed = True
        with self.loader.lock:
            self.loader.resident -= self.nbytes


class NumpyLoader:
    """Loads `NAME:BYTES`; counts what it has given out, independently of the pool's own books."""

    name = "numpy"

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.resident = 0
        self.peak = 0
        self.loads: list[str] = []
        self.true_size: dict[str, int] = {}
        self.pause = 0.0

    def resolve(self, spec: ModelSpec) -> str:
        return spec.checkpoint

    def measure(self, spec: ModelSpec) -> int:
        if spec.checkpoint == "missing:0":
            raise CheckpointMissing("missing:0 is not on this machine", hint="panmodal models get missing")
        return int(spec.checkpoint.split(":")[1])

    def load(self, spec: ModelSpec) -> Backbone:
        name, size = spec.checkpoint.split(":")
        if name == "broken":
            raise CheckpointBroken("broken has no weights")
        time.sleep(self.pause)
        weights = np.zeros(self.true_size.get(name, int(size)), np.uint8)
        with self.lock:
            self.loads.append(name)
            self.resident += weights.nbytes
            self.peak = max(self.peak, self.resident)
        return Backbone(name, weights, self)


def spec(role: str, checkpoint: str) -> ModelSpec:
    return ModelSpec(role=role, loader="numpy", checkpoint=checkpoint, base=Path("/"))


def pool_of(limit: int | None, loader: NumpyLoader, emit: Any = lambda event: None, **roles: str | list[str]) -> Pool:
    specs = {
        role: [spec(role, each) for each in ([value] if isinstance(value, str) else value)]
        for role, value in roles.items()
    }
    return Pool(specs, limit, emit, get_loader={"numpy": loader}.__getitem__)


def test_a_lease_gives_one_handle_per_role_and_loads_once() -> None:
    loader, events = NumpyLoader(), list[Event]()
    pool = pool_of(100, loader, events.append, detector="a:40", segmenter="b:50")

    async def main() -> None:
        for _ in range(3):
            lease = pool.lease("segmenter", "detector")
            async with lease as (segmenter, detector):
                assert detector.detect([], []) == 40
                assert segmenter.detect([], []) == 50
                assert detector.vocabulary == ("circle",)
                assert [each["role"] for each in lease.models] == ["segmenter", "detector"]
                assert lease.models[1]["digest"] == "digest-of-a"
        with pytest.raises(RuntimeError, match="lease of the detector has ended"):
            detector.detect([], [])

    asyncio.run(main())
    assert sorted(loader.loads) == ["a", "b"]
    assert pool.nbytes == loader.resident == 90
    assert {each.model: each.leases for each in pool.loaded()} == {"a:40": 0, "b:50": 0}
    assert [type(each) for each in events].count(ModelLoading) == 2
    assert [each.nbytes for each in events if isinstance(each, ModelLoaded)] in ([40, 50], [50, 40])


def test_equal_keys_share_one_load_across_roles() -> None:
    loader = NumpyLoader()
    pool = pool_of(60, loader, planner="vlm:50", mllm="vlm:50")

    async def main() -> None:
        async with pool.lease("planner", "mllm") as (planner, mllm):
            assert planner.detect([], []) == mllm.detect([], []) == 50

    asyncio.run(main())
    assert loader.loads == ["vlm"]
    assert pool.nbytes == 50


def test_the_least_recently_used_idle_model_goes_and_one_in_use_stays() -> None:
    loader, events = NumpyLoader(), list[Event]()
    pool = pool_of(100, loader, events.append, a="a:40", b="b:40", c="c:40", d="d:40")

    async def main() -> None:
        async with pool.lease("a"):
            pass
        async with pool.lease("b"):
            pass
        async with pool.lease("a"):
            async with pool.lease("c"):
                assert {each.model for each in pool.loaded()} == {"a:40", "c:40"}
            async with pool.lease("d"):
                assert {each.model for each in pool.loaded()} == {"a:40", "d:40"}

    asyncio.run(main())
    assert [each.model for each in events if isinstance(each, ModelEvicted)] == ["b:40", "c:40"]
    assert loader.peak <= 100


def test_a_step_that_cannot_fit_is_told_at_once_with_model_bytes_and_limit() -> None:
    pool = pool_of(100, NumpyLoader(), detector="a:60", segmenter="b:60", planner="huge:101")

    async def main() -> None:
        with pytest.raises(PoolLimitTooSmall) as caught:
            async with pool.lease("planner"):
                pass
        assert "planner huge:101" in str(caught.value) and "101" in str(caught.value) and "100" in str(caught.value)

    asyncio.run(main())
    assert pool.fits(["detector"]) is None
    violation = pool.fits(["detector", "segmenter"])
    assert violation is not None and violation.code == "pool-limit-too-small" and "120" in violation.message
    assert pool.nbytes == 0


def test_candidates_follow_the_profiles_order_unless_one_is_named() -> None:
    loader = NumpyLoader()
    pool = pool_of(None, loader, detector=["small:10", "large:90"])

    async def main() -> None:
        async with pool.lease("detector") as (detector,):
            assert detector.detect([], []) == 10
        async with pool.lease("detector", model="large:90") as (detector,):
            assert detector.detect([], []) == 90
        with pytest.raises(UnknownRole, match="candidates: small:10, large:90"):
            async with pool.lease("detector", model="other:1"):
                pass

    asyncio.run(main())


def test_errors_of_a_load_reach_the_lease_and_leak_no_bytes() -> None:
    pool = pool_of(100, NumpyLoader(), gone="missing:0", broken="broken:70", detector="a:60")

    async def main() -> None:
        with pytest.raises(CheckpointMissing, match="models get missing"):
            async with pool.lease("gone"):
                pass
        for _ in range(3):
            with pytest.raises(CheckpointBroken):
                async with pool.lease("broken"):
                    pass
        with pytest.raises(UnknownRole, match="serves no asr"):
            async with pool.lease("detector", "asr"):
                pass
        async with pool.lease("detector") as (detector,):
            assert detector.detect([], []) == 60

    asyncio.run(main())
    assert pool.nbytes == 60
    violation = pool.fits(["gone"])
    assert violation is not None and violation.code == "checkpoint-missing" and "get missing" in violation.hint


def test_a_model_larger_than_measured_is_not_kept_over_the_limit() -> None:
    loader = NumpyLoader()
    loader.true_size["a"] = 80
    pool = pool_of(100, loader, a="a:40", b="b:40")

    async def main() -> None:
        async with pool.lease("b"):
            pass
        async with pool.lease("a") as (model,):
            assert model.detect([], []) == 80
            assert pool.nbytes == loader.resident == 80
        loader.true_size["b"] = 130
        with pytest.raises(PoolLimitTooSmall, match="130"):
            async with pool.lease("b"):
                pass

    asyncio.run(main())
    assert pool.nbytes == loader.resident <= 100


def test_waiting_leases_are_served_in_turn_and_a_cancelled_one_leaves_the_queue() -> None:
    pool = pool_of(100, NumpyLoader(), a="a:60", b="b:60", c="c:30")
    order: list[str] = []

    async def use(role: str) -> None:
        async with pool.lease(role):
            order.append(role)

    async def main() -> None:
        async with pool.lease("a"):
            tasks = []
            for role in ("b", "c", "b"):
                tasks.append(asyncio.create_task(use(role)))
                await asyncio.sleep(0.02)
            assert order == [], "c would fit, but b came first"
            tasks[0].cancel()
            tasks[2].cancel()
            await asyncio.wait_for(tasks[1], 5)
        assert order == ["c"]

    asyncio.run(main())
    assert pool.nbytes == 90


def test_a_lease_cancelled_while_its_model_loads_leaks_nothing() -> None:
    loader = NumpyLoader()
    loader.pause = 0.05
    pool = pool_of(100, loader, a="a:60", b="b:60")

    async def use(role: str) -> None:
        async with pool.lease(role):
            pass

    async def main() -> None:
        task = asyncio.create_task(use("a"))
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.wait_for(use("b"), 5)  # needs a's bytes

    asyncio.run(main())
    assert pool.nbytes == loader.resident == 60
    assert loader.peak <= 100


def test_closing_lets_idle_models_go_at_once_and_used_ones_with_their_lease() -> None:
    loader = NumpyLoader()
    pool = pool_of(100, loader, a="a:60", b="b:30")

    async def main() -> None:
        async with pool.lease("b"):
            pass
        async with pool.lease("a") as (model,):
            pool.close()
            assert loader.resident == 60
            assert model.detect([], []) == 60
        assert loader.resident == 0
        with pytest.raises(Exception, match="closed"):
            async with pool.lease("a"):
                pass

    asyncio.run(main())
    assert pool.nbytes == 0


def test_a_thousand_random_leases_never_pass_the_limit() -> None:
    loader = NumpyLoader()
    chance = random.Random(7)
    sizes = {f"r{index}": f"m{index % 9}:{(index % 9 + 1) * 7}" for index in range(12)}  # three keys are shared
    pool = pool_of(130, loader, **sizes)
    over: list[int] = []

    async def one(number: int) -> int:
        roles = chance.sample(sorted(sizes), chance.choice((1, 1, 2, 3)))
        fate = chance.random()
        if fate < 0.1:
            await asyncio.sleep(chance.random() * 0.02)

        async def work() -> int:
            async with pool.lease(*roles) as handles:
                over.append(pool.nbytes)
                if fate > 0.8:
                    await asyncio.sleep(chance.random() * 0.002)
                for role, handle in zip(roles, handles, strict=True):
                    wanted = int(sizes[role].split(":")[1])
                    assert await asyncio.to_thread(handle.detect, [], []) == wanted
            return 1

        if 0.1 < fate < 0.2:
            task = asyncio.create_task(work())
            await asyncio.sleep(chance.random() * 0.004)
            task.cancel()
            return sum(each for each in await asyncio.gather(task, return_exceptions=True) if each == 1)
        try:
            return await work()
        except PoolLimitTooSmall:
            assert sum({each: int(each.split(":")[1]) for each in map(sizes.get, roles) if each}.values()) > 130
            return 1

    async def main() -> int:
        done, live = 0, set[asyncio.Task[int]]()
        for number in range(1000):
            live.add(asyncio.create_task(one(number)))
            if len(live) >= 24:
                ready, live = await asyncio.wait(live, return_when=asyncio.FIRST_COMPLETED)
                done += sum(task.result() for task in ready)
        return done + sum(await asyncio.gather(*live))

    done = asyncio.run(asyncio.wait_for(main(), 120))
    assert done > 850
    assert max(over) <= 130 and loader.peak <= 130
    assert all(each.leases == 0 for each in pool.loaded())
    assert pool.nbytes == loader.resident == sum(each.nbytes for each in pool.loaded())

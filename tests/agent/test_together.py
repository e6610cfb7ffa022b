"""Calls of runs that go on side by side are put to a model together, and nobody gets another one's answer."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from panmodal import Agent, Plan
from panmodal.agent.pool.pool import Pool
from panmodal.agent.pool.together import Together
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.media.image import Image
from panmodal.tools.roles import Reply

Make = Callable[..., Agent]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Twenty grey pictures of 10, 11, …, called by their level."""
    made = [tmp_path / f"{level}.png" for level in range(10, 30)]
    for path in made:
        save_picture(path, int(path.stem))
    return made


def save_picture(path: Path, level: int) -> Path:
    path.write_bytes(Image.from_array(np.full((8, 8, 3), level, np.uint8)).encode()[0])
    return path


JOINT_LOADER = '''
import time
from panmodal.tools.roles import Reply

class Eye:
    """Says how bright its pictures are and how many it was shown at once; it cannot look at white ones."""
    def answer(self, images, questions, *, max_tokens=64, stop=None):
        time.sleep(0.1)
        levels = [int(each[0].pixels[0, 0, 0]) for each in images]
        if 255 in levels:
            raise ValueError("too bright")
        return [Reply(f"{level} {asked} {len(questions)}", 1.0, 7, 1) for level, asked in zip(levels, questions)]

class Backbone:
    nbytes, digest, libraries = 1000, "0" * 64, {}
    def adapter(self, role): return Eye()
    def close(self): pass

class Loader:
    name = "joint"
    def resolve(self, spec): return spec.checkpoint
    def measure(self, spec): return 1000
    def load(self, spec): return Backbone()
'''
EYE = '[mllm]\nloader = "joint"\ncheckpoint = "any"\n'
LOOK = Plan.from_data(
    {
        "version": 1,
        "steps": [{"id": "s1", "tool": "perceive", "args": {"image": "$in.image", "question": "how bright"}}],
        "answer": ["$s1"],
    }
)


@pytest.fixture
def joint_loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "site" / "jointloader-1.0.dist-info"
    info.mkdir(parents=True)
    (info.parent / "jointloader.py").write_text(JOINT_LOADER)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: jointloader\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[panmodal.loaders]\njoint = jointloader:Loader\n")
    monkeypatch.syspath_prepend(str(info.parent))


def test_calls_that_wait_for_a_model_are_made_together(make_agent: Make, files: list[Path], joint_loader: None) -> None:
    found = list(make_agent(EYE).map(LOOK, files, jobs=8))
    told = [each.text.rstrip(".").split(" how bright ") for each in found]
    assert [int(level) for level, _ in told] == [int(each.path.stem) for each in found], "each has its own answer"
    together = [int(count) for _, count in told]
    assert 1 < max(together) <= 4
    assert {each.result.usage["tokens"] for each in found if each.result} == {8}, "and pays for its own tokens"


class Slow:
    """An mllm that is kept busy by its first question; it says how many questions it got at once."""

    def __init__(self) -> None:
        self.begun, self.free = threading.Event(), threading.Event()

    def answer(self, images: Sequence[Sequence[Image]], questions: Sequence[str], **options: Any) -> list[Reply]:
        self.begun.set()
        assert self.free.wait(10)
        return [Reply(f"{asked} of {len(questions)}", 1.0, 7, 1) for asked in questions]


class SlowLoader:
    name = "slow"

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes
        self.model = Slow()

    def measure(self, spec: ModelSpec) -> int:
        return self.nbytes

    def load(self, spec: ModelSpec) -> Any:
        return SimpleNamespace(
            nbytes=self.nbytes, digest="", libraries={}, adapter=lambda role: self.model, close=lambda: None
        )


@pytest.mark.parametrize("here", [True, False])
def test_whoever_waits_goes_along_with_the_first_who_waits_where_the_model_is_here(here: bool) -> None:
    loader = SlowLoader(nbytes=1 if here else 0)
    pool = Pool({"mllm": [ModelSpec("mllm", "slow", "any")]}, get_loader=lambda name: loader)  # type: ignore[arg-type,return-value]
    together = Together(pool, most=4)

    async def ask(number: int) -> tuple[str, int]:
        lease = together.lease("mllm")
        async with lease as (mllm,):
            if number:
                await asyncio.to_thread(loader.model.begun.wait)
            options = {"max_tokens": 9} if number == 6 else {}
            reply = (await asyncio.to_thread(mllm.answer, [[]], [str(number)], **options))[0]
            return reply.text, lease.tokens

    async def main() -> list[tuple[str, int]]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(16))
        asked = [asyncio.create_task(ask(number)) for number in range(7)]
        await asyncio.to_thread(loader.model.begun.wait)
        await asyncio.sleep(0.5)  # for the others to come and wait
        loader.model.free.set()
        return await asyncio.gather(*asked)

    found = asyncio.run(main())
    pool.close()
    assert [text.split()[0] for text, _ in found] == list("0123456"), "each gets what it asked for"
    sizes = [int(text.split()[-1]) for text, _ in found]
    expected = [1, 4, 4, 4, 4] if here else [1] * 5
    assert (sizes[0], sorted(sizes[1:6]), sizes[6]) == (1, expected, 1), "other options go apart"
    assert {tokens for _, tokens in found} == {8}


def test_one_bad_picture_is_not_the_fault_of_those_beside_it(
    make_agent: Make, files: list[Path], tmp_path: Path, joint_loader: None
) -> None:
    white = [save_picture(tmp_path / f"white-{number}.png", 255) for number in range(2)]
    found = list(make_agent(EYE).map(LOOK, [*files[:6], *white, *files[6:12]], jobs=8))
    failed = [each for each in found if each.status == "failed"]
    assert sorted(each.path for each in failed) == white and "too bright" in str(failed[0].error)
    assert len(found) == 14


def test_what_is_to_be_byte_equal_is_put_together_with_nothing(
    make_agent: Make, files: list[Path], joint_loader: None
) -> None:
    found = list(make_agent(EYE, deterministic=True).map(LOOK, files[:6], jobs=8))
    assert {each.text.rstrip(".")[-1] for each in found} == {"1"}

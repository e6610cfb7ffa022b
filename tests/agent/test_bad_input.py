"""Bad input gets a typed error that names the thing and what to do; the agent works on, and finished work is kept."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from panmodal import Agent, Plan
from panmodal.tools.errors import (
    EndpointError,
    InputError,
    MissingFile,
    NotDecodable,
    PanmodalError,
    PlanError,
    PoolLimitTooSmall,
    ProfileError,
    TooLarge,
    UnknownRole,
)
from panmodal.tools.media.image import Image

Make = Callable[..., Agent]
LOOK = '[mllm]\nloader = "tiny"\ncheckpoint = "{checkpoint}"\n'


def fails(agent: Agent, error: type[PanmodalError], *told: str, **request: Any) -> PanmodalError:
    """The request fails with `error`, whose text holds all of `told`, and the agent answers the next one."""
    with pytest.raises(error) as caught:
        agent.run("Mirror the picture.", **request)
    for text in told:
        assert text in str(caught.value)
    scene = Image.from_array(np.zeros((4, 6, 3), np.uint8))
    assert agent.run("Mirror the picture.", scene, via="tools").status == "answered"
    return caught.value


def steps(*each: Mapping[str, Any], answer: str = "$s1") -> Plan:
    return Plan.from_data({"version": 1, "steps": list(each), "answer": [answer]})


def test_a_missing_file_is_named_and_leaves_no_run(make_agent: Make, tmp_path: Path) -> None:
    with make_agent() as agent:
        with pytest.raises(MissingFile, match=r"nowhere\.png"):
            agent.run("Mirror the picture.", tmp_path / "nowhere.png", thread="t")
        assert not (tmp_path / "home" / "runs").exists()
        fails(agent, MissingFile, "nowhere.png", image=tmp_path / "nowhere.png")


def test_something_that_is_no_picture(make_agent: Make, tmp_path: Path) -> None:
    path = tmp_path / "song.png"
    path.write_bytes(bytes(range(256)) * 4)
    fails(make_agent(), NotDecodable, "song.png", image=path)
    path.write_text("<html>404: not found</html>")
    fails(make_agent(), NotDecodable, "song.png", "holds no image", image=path)
    fails(make_agent(), MissingFile, "download it first", image="https://example.com/song.png")


def test_half_a_picture(make_agent: Make, tmp_path: Path, scene: Image) -> None:
    path = tmp_path / "half.png"
    content = scene.encode()[0]
    path.write_bytes(content[: len(content) // 2])
    fails(make_agent(), NotDecodable, "half.png", image=path)


def test_a_picture_over_the_pixel_limit(make_agent: Make, tmp_path: Path, scene: Image) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(scene.encode()[0])
    fails(make_agent("[limits]\nmax_pixels = 1000\n"), TooLarge, "large.png", "1000", image=path)


def test_an_unknown_tool_in_a_saved_plan(make_agent: Make, scene: Image) -> None:
    plan = steps({"id": "s1", "tool": "mirorr", "args": {"image": "$in.image"}})
    fails(make_agent(), PlanError, "mirorr", "mirror", image=scene, plan=plan)


def test_wrong_kinds_missing_references_and_cycles_are_all_told_at_once(make_agent: Make, scene: Image) -> None:
    plan = steps(
        {"id": "s1", "tool": "brightness", "args": {"image": "$in.image"}},
        {"id": "s2", "tool": "mirror", "args": {"image": "$s1"}},
        {"id": "s3", "tool": "mirror", "args": {"image": "$s9"}},
        {"id": "s4", "tool": "mirror", "args": {"image": "$s5"}},
        {"id": "s5", "tool": "mirror", "args": {"image": "$s4"}},
        {"id": "s6", "tool": "mirror", "args": {"image": "$in.image[3]"}},
    )
    error = fails(make_agent(), PlanError, image=scene, plan=plan)
    assert isinstance(error, PlanError)
    paths = [each["path"] for each in error.violations]
    assert {"steps[1].args.image", "steps[2].args.image", "steps[5].args.image"} <= set(paths)
    assert any(each["code"] == "cycle" for each in error.violations)


def test_a_plan_file_that_is_none(make_agent: Make, scene: Image, tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text("steps: {not a list}")
    fails(make_agent(), PlanError, image=scene, plan=tmp_path / "plan.yaml")
    fails(make_agent(), MissingFile, "other.yaml", image=scene, plan=tmp_path / "other.yaml")


def test_a_missing_checkpoint_comes_with_the_command_that_gets_it(
    make_agent: Make, scene: Image, tiny_loader: None
) -> None:
    agent = make_agent(LOOK.format(checkpoint="absent"))
    fails(agent, PlanError, "absent", "fetch absent", image=scene, via="direct")


def test_a_pool_smaller_than_the_model(make_agent: Make, scene: Image, tiny_loader: None) -> None:
    agent = make_agent('[pool]\nlimit = "500 B"\n' + LOOK.format(checkpoint="any"))
    error = fails(agent, PlanError, "500", image=scene, via="direct")
    assert isinstance(error, PlanError)
    assert [each["code"] for each in error.violations] == [PoolLimitTooSmall.code]


def test_an_endpoint_that_does_not_answer(make_agent: Make, scene: Image) -> None:
    agent = make_agent(
        '[planner]\nloader = "openai-compatible"\ncheckpoint = "some-model"\ndevice = "remote"\n'
        'options = { base_url = "http://127.0.0.1:9/v1", timeout = 2 }\n'
    )
    with pytest.raises(EndpointError, match=r"127\.0\.0\.1:9"):
        agent.run("Mirror the picture.", scene)
    plan = steps({"id": "s1", "tool": "mirror", "args": {"image": "$in.image"}})
    assert agent.run("Mirror the picture.", scene, plan=plan).status == "answered"


def test_a_failed_step_keeps_the_others_work(make_agent: Make, scene: Image, tiny_loader: None) -> None:
    agent = make_agent(LOOK.format(checkpoint="any"))
    plan = steps(
        {"id": "s1", "tool": "brightness", "args": {"image": "$in.image"}},
        {"id": "s2", "tool": "bright_spot", "args": {"image": "$in.image"}},
        {"id": "s3", "tool": "crop", "args": {"image": "$in.image", "boxes": "$s2"}},
    ).model_copy(update={"answer": ["$s1", "$s3"]})
    dark = Image.from_array(np.zeros((8, 8, 3), np.uint8))
    result = agent.run("crop the bright spot", dark, plan=plan)
    assert "gives 0." in result.text
    assert result.artifacts == {}
    assert result.steps["s3"]["error"]["code"] == "empty-input"


def test_settings_that_cannot_be_used_are_told_at_once(make_agent: Make, scene: Image) -> None:
    with pytest.raises(ProfileError, match="detectr"):
        make_agent('[detectr]\nloader = "x"\ncheckpoint = "y"\n')
    with pytest.raises(InputError, match="serach.*did you mean 'search'"):
        make_agent(planner="serach")
    agent = make_agent()
    fails(agent, UnknownRole, "mllm", image=scene, via="direct")
    fails(agent, InputError, "via", image=scene, via="sideways")
    fails(agent, InputError, "want", "image", image=scene, want="smell")
    fails(agent, InputError, "seed", image=scene, seed=-1)
    fails(agent, InputError, "images", images="scene.png")
    for name in ("", "a\0b", "\ud800", "t" * 201):
        fails(agent, InputError, "thread", image=scene, thread=name)
    with pytest.raises(InputError, match="NoneType"):
        agent.run(None, scene)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="empty"):
        agent.run("  ", scene)

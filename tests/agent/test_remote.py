"""The profile "remote" against a loopback endpoint that plays recorded replies: plans, repairs, refusals, keys."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from panmodal import Agent, Plan, tool
from panmodal.agent.events import Event
from panmodal.tools.card import Card
from panmodal.tools.errors import EndpointError, PanmodalError
from panmodal.tools.media.image import Image

KEY = "loopback-key-7f3a91c2"
Reply = Callable[[dict[str, Any]], tuple[int, str]]


@tool(card=Card(cost="instant", bad_at="pictures of one colour", examples=("how lively is the picture",)))
def liveliness(image: Image) -> float:
    """Measure how much a picture's brightness varies."""
    return float(image.pixels.std())


def plan_text(name: str, **args: Any) -> str:
    steps = [{"id": "s1", "tool": name, "args": {"image": "$in.image", **args}, "each": None}]
    return json.dumps({"version": 1, "steps": steps, "answer": ["$s1"]})


class Endpoint:
    """Chat completions at ``url``; ``asked`` keeps the requests, ``keys`` their authorisation."""

    def __init__(self, reply: Reply) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: set[str] = set()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                endpoint.asked.append(body)
                endpoint.keys.add(self.headers.get("Authorization", ""))
                status, text = reply(body)
                message = {"role": "assistant", "content": text}
                said: dict[str, Any] = {
                    "id": "x",
                    "object": "chat.completion",
                    "created": 0,
                    "model": "m",
                    "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                    "usage": {"prompt_tokens": 50, "completion_tokens": 10, "total_tokens": 60},
                }
                content = json.dumps(said if status == 200 else {"error": {"message": text}}).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing on stderr."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Reply], tuple[Agent, Endpoint]]]:
    """Starts an endpoint and an agent with the profile "remote" that asks it; the key is in the environment."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    started: list[tuple[Agent, Endpoint]] = []

    def start(reply: Reply) -> tuple[Agent, Endpoint]:
        endpoint = Endpoint(reply)
        overrides = [f'{role}.options.base_url="{endpoint.url}"' for role in ("planner", "mllm")]
        agent = Agent("remote", home=tmp_path / "home", cwd=tmp_path, tools=[liveliness], overrides=overrides)
        started.append((agent, endpoint))
        return started[-1]

    yield start
    for agent, endpoint in started:
        agent.close()
        endpoint.close()


def in_turn(*texts: str) -> Reply:
    left = list(texts)
    return lambda body: (200, left.pop(0))


def test_the_endpoint_reads_a_users_own_card_and_plans_with_it(remote: Any, scene: Image) -> None:
    agent, endpoint = remote(in_turn(plan_text("liveliness")))
    result = agent.run("Is there much going on?", scene, via="tools")
    assert result.plan.planner == "llm" and result.plan.steps[0].tool == "liveliness"
    assert result.text == "The tool liveliness gives 102."  # 102.04 in four digits
    assert result.usage["tokens"] == 60
    cards = endpoint.asked[0]["messages"][0]["content"]
    assert "liveliness(image: image) -> float" in cards
    assert "Bad at: pictures of one colour." in cards and "how lively is the picture" in cards
    assert endpoint.keys == {f"Bearer {KEY}"}


def test_the_endpoint_looks_where_looking_is_asked_for(remote: Any, scene: Image) -> None:
    agent, endpoint = remote(in_turn("A white square on red."))
    result = agent.run("What is in the picture?", scene, via="direct")
    assert result.text == "A white square on red." and result.route["kind"] == "direct"
    assert endpoint.asked[0]["messages"][0]["content"][0]["type"] == "image_url"


def test_a_broken_plan_is_told_and_mended(remote: Any, scene: Image) -> None:
    agent, endpoint = remote(in_turn(plan_text("livelyness"), plan_text("liveliness")))
    result = agent.run("Is there much going on?", scene, via="tools")
    assert result.status == "answered" and result.plan.planner == "llm" and not result.notes
    assert "did you mean liveliness" in endpoint.asked[1]["messages"][-1]["content"]


@pytest.mark.parametrize(
    "nonsense", [plan_text("livelyness"), plan_text("blur", masks="$in.image"), plan_text("blur", image="$in.image[4]")]
)
def test_two_broken_plans_leave_it_to_search_and_the_answer_says_so(remote: Any, scene: Image, nonsense: str) -> None:
    agent, endpoint = remote(in_turn(nonsense, nonsense))
    result = agent.run("Blur the picture.", scene, via="tools")
    assert len(endpoint.asked) == 2
    assert result.plan.planner == "search" and [step.tool for step in result.plan.steps] == ["blur"]
    assert "made by search" in result.text and "did not pass the checks" in result.text
    assert result.status == "answered"


def test_talk_instead_of_a_plan_leaves_it_to_search_too(remote: Any, scene: Image) -> None:
    agent, _ = remote(lambda body: (200, "I would rather talk about the weather."))
    result = agent.run("Blur the picture.", scene, via="tools")
    assert result.plan.planner == "search" and "made by search" in result.text


@pytest.mark.parametrize(("status", "hint"), [(401, "check the key"), (429, "rate limit"), (500, "try again")])
def test_a_refusing_endpoint_is_a_typed_error_and_the_process_lives_on(
    remote: Any, scene: Image, status: int, hint: str
) -> None:
    broken = [True]

    def reply(body: dict[str, Any]) -> tuple[int, str]:
        return (status, f"no entry with {KEY} or sk-abcdef123456") if broken[0] else (200, plan_text("liveliness"))

    agent, _ = remote(reply)
    with pytest.raises(EndpointError, match=f"answered {status}") as caught:
        agent.run("Is there much going on?", scene, via="tools")
    assert hint in caught.value.hint
    saved = Plan.from_json(plan_text("liveliness"))
    assert agent.run(image=scene, plan=saved).status == "answered"
    broken[0] = False
    assert agent.run("Is there much going on?", scene, via="tools").status == "answered"


def test_the_key_is_in_nothing_that_is_kept_or_told(remote: Any, scene: Image, tmp_path: Path) -> None:
    replies = iter([(200, plan_text("liveliness")), (200, "red"), *[(401, f"the key {KEY} is wrong")] * 2])
    agent, endpoint = remote(lambda body: next(replies))
    events: list[Event] = []
    agent.subscribe(events.append)
    told: list[str] = []
    agent.run("Is there much going on?", scene, via="tools", thread="t").save(tmp_path / "out")
    told.append(repr(agent.run("What colour is it?", scene, via="direct", thread="t").to_dict()))
    try:
        agent.run("And now?", scene, via="tools", thread="t")
    except PanmodalError as error:
        told += [str(error), repr(error), json.dumps(error.to_dict()), repr(error.__cause__)]
    told += [json.dumps(event.to_dict()) for event in events]
    agent.close()
    assert endpoint.keys == {f"Bearer {KEY}"} and len(told) > 10
    assert not [text for text in told if KEY in text]
    kept = [path for folder in ("home", "out") for path in (tmp_path / folder).rglob("*") if path.is_file()]
    assert {"journal.sqlite", "threads.sqlite", "result.json"} <= {path.name for path in kept}
    assert not [path for path in kept if KEY.encode() in path.read_bytes()]

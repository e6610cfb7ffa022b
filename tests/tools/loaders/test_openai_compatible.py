"""Endpoints: a loopback server that answers, refuses, ignores, breaks off and hangs as real ones do."""

import base64
import io
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from panmodal.tools.errors import (
    Cancelled,
    EndpointError,
    EndpointRefused,
    PlannerOutputError,
    ProfileError,
    UnknownRole,
)
from panmodal.tools.loaders import structured
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.openai_compatible import OpenaiCompatibleLoader
from panmodal.tools.media.image import Image
from panmodal.tools.roles import Message

LOADER = OpenaiCompatibleLoader()
KEY = "sk-very-secret-0123456789"
SCHEMA = {
    "type": "object",
    "properties": {"steps": {"type": "array", "items": {"type": "string"}}},
    "required": ["steps"],
    "additionalProperties": False,
}
PLAN = '{"steps":["detect"]}'

Answer = Callable[[dict[str, Any]], tuple[int, Any]]
"""What the server does with the JSON of a request: status and body (a str is the assistant's text)."""


class Endpoint:
    """A server on loopback; `requests` are the bodies that it was sent, `keys` their authorisation headers."""

    def __init__(self, answer: Answer) -> None:
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                endpoint.requests.append(body)
                endpoint.keys.append(self.headers.get("Authorization", ""))
                status, said = answer(body)
                content = json.dumps(said if isinstance(said, dict) else completion(said)).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing on stderr."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def adapter(self, role: str = "planner", **options: Any) -> Any:
        return LOADER.load(spec(self.url, role, **options)).adapter(role)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def completion(text: str, *, call: str | None = None) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if call is not None:
        function = {"name": "answer", "arguments": call}
        message["tool_calls"] = [{"id": "1", "type": "function", "function": function}]
    return {
        "id": "1", "object": "chat.completion", "created": 0, "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14},
    }  # fmt: skip


def refused(what: str) -> tuple[int, dict[str, Any]]:
    return 400, {"error": {"message": f"{what} is not supported", "type": "invalid_request_error"}}


def spec(url: str, role: str = "planner", **options: Any) -> ModelSpec:
    return ModelSpec(role, "openai-compatible", "some-model", options={"base_url": url, **options}, device="remote")


def way_of(body: dict[str, Any]) -> str:
    if "tools" in body:
        return "tool_call"
    return str(body.get("response_format", {}).get("type", "text"))


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], Endpoint]]:
    started: list[Endpoint] = []

    def start(answer: Answer) -> Endpoint:
        started.append(Endpoint(answer))
        return started[-1]

    yield start
    for each in started:
        each.close()


class Shape:
    schema = SCHEMA

    def processor(self, tokenizer: Any) -> Any:
        raise AssertionError("an endpoint has no tokenizer to constrain")


ASKED = [Message("system", "You plan."), Message("user", "Count the stars.")]


def test_plain_text_and_its_tokens(serve: Any) -> None:
    endpoint = serve(lambda body: (200, "three"))
    writer = endpoint.adapter("writer")
    said = writer.generate(ASKED, max_tokens=9, seed=5)
    assert (said.text, said.tokens_in, said.tokens_out) == ("three", 10, 4)
    (body,) = endpoint.requests
    assert (body["model"], body["max_tokens"], body["temperature"], body["seed"]) == ("some-model", 9, 0, 5)
    assert body["messages"] == [
        {"role": "system", "content": "You plan."},
        {"role": "user", "content": ASKED[1].content},
    ]
    assert (writer.trained_tools, writer.tokenizer) == (None, None)


def test_a_good_endpoint_gets_the_schema_and_is_asked_once(serve: Any) -> None:
    endpoint = serve(lambda body: (200, PLAN))
    assert endpoint.adapter().generate(ASKED, constraint=Shape()).text == PLAN
    (body,) = endpoint.requests
    assert body["response_format"]["json_schema"] == {"name": "answer", "schema": SCHEMA, "strict": True}


@pytest.mark.parametrize("supported", ["json_schema", "tool_call", "json_object", "text"])
def test_what_an_endpoint_refuses_is_not_asked_again(serve: Any, supported: str) -> None:
    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        if way_of(body) != supported:
            return refused("response_format" if "response_format" in body else way_of(body))
        return 200, completion("", call=PLAN) if supported == "tool_call" else PLAN

    endpoint = serve(answer)
    planner = endpoint.adapter()
    assert planner.generate(ASKED, constraint=Shape()).text == PLAN
    tried = [way_of(body) for body in endpoint.requests]
    assert tried == list(structured.WAYS[: structured.WAYS.index(supported) + 1])
    endpoint.requests.clear()
    # Remembered for the endpoint, also by a new client.
    assert endpoint.adapter().generate(ASKED, constraint=Shape()).text == PLAN
    assert [way_of(body) for body in endpoint.requests] == [supported]
    assert structured.proved((endpoint.url, "some-model")) == supported


def test_an_endpoint_that_accepts_and_ignores_a_way_is_found_out(serve: Any) -> None:
    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        if way_of(body) == "json_schema":
            return 200, "Sure! First I would detect the stars."
        if way_of(body) == "tool_call":
            return 200, '{"thoughts": "a JSON object, but not the one asked for"}'
        return 200, PLAN

    endpoint = serve(answer)
    said = endpoint.adapter().generate(ASKED, constraint=Shape())
    assert said.text == PLAN
    assert (said.tokens_in, said.tokens_out) == (30, 12)  # all three tries cost
    assert structured.proved((endpoint.url, "some-model")) == "json_object"
    assert "follows this JSON schema" in endpoint.requests[-1]["messages"][-1]["content"]


def test_an_endpoint_that_breaks_on_a_call_is_asked_in_the_next_way(serve: Any) -> None:
    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        if way_of(body) == "tool_call":
            return 500, {"error": {"message": "KeyError: 'arguments'"}}
        return (200, PLAN) if way_of(body) == "json_object" else refused(way_of(body))

    endpoint = serve(answer)
    assert endpoint.adapter().generate(ASKED, constraint=Shape()).text == PLAN
    assert [way_of(body) for body in endpoint.requests] == ["json_schema", "tool_call", "tool_call", "json_object"]


def test_an_endpoint_that_breaks_on_everything_is_left_at_once(serve: Any) -> None:
    endpoint = serve(lambda body: (500, {"error": {"message": "overloaded"}}))
    with pytest.raises(EndpointError, match="answered 500: overloaded"):
        endpoint.adapter().generate(ASKED, constraint=Shape())
    assert len(endpoint.requests) == 2  # of which one is the client's second try


def test_broken_json_is_repaired_once(serve: Any) -> None:
    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        if way_of(body) != "text":
            return refused(way_of(body))
        return 200, PLAN if len(body["messages"]) > 2 else PLAN[:-3]

    endpoint = serve(answer)
    assert endpoint.adapter().generate(ASKED, constraint=Shape()).text == PLAN
    last = endpoint.requests[-1]["messages"]
    assert [each["role"] for each in last] == ["system", "user", "assistant", "user"]
    assert last[2]["content"] == PLAN[:-3]


@pytest.mark.parametrize("said", [f"```json\n{PLAN}\n```", f"Here it is: {PLAN} Good luck!", f"  {PLAN}\n"])
def test_json_between_words_or_in_a_fence_is_found(said: str) -> None:
    assert structured.json_object(said, ["steps"]) == PLAN


def test_a_model_that_never_writes_json_is_a_planner_error(serve: Any) -> None:
    endpoint = serve(lambda body: (200, "I would rather talk."))
    with pytest.raises(PlannerOutputError, match="no JSON object, asked in every way") as caught:
        endpoint.adapter().generate(ASKED, constraint=Shape())
    assert caught.value.facts["output"] == "I would rather talk."
    assert len(endpoint.requests) == 5
    assert structured.proved((endpoint.url, "some-model")) is None


def test_parameters_that_an_endpoint_does_not_know_are_left_out(serve: Any) -> None:
    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        for name in ("max_tokens", "temperature", "seed"):
            if name in body:
                return refused(f"Unsupported parameter: '{name}'")
        return 200, "fine"

    endpoint = serve(answer)
    writer = endpoint.adapter("writer")
    assert writer.generate(ASKED, max_tokens=7).text == "fine"
    assert endpoint.requests[-1]["max_completion_tokens"] == 7
    endpoint.requests.clear()
    assert writer.generate(ASKED, max_tokens=7).text == "fine"
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    "fault",
    [
        "Unexpected fields in the request: {'seed'}",
        [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted", "input": 5}],
    ],
)
def test_the_faults_that_fastapi_tells_are_read(serve: Any, fault: object) -> None:
    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        if "seed" in body:
            return 422, {"detail": fault}
        return (200, "fine") if body["max_tokens"] < 100 else (400, {"detail": "100 tokens are too many"})

    endpoint = serve(answer)
    writer = endpoint.adapter("writer")
    assert writer.generate(ASKED, max_tokens=7, seed=5).text == "fine"
    assert ["seed" in body for body in endpoint.requests] == [True, False]
    with pytest.raises(EndpointRefused, match="answered 400: 100 tokens are too many"):
        writer.generate(ASKED, max_tokens=100)


def test_a_fault_is_told_without_the_request_that_it_repeats(serve: Any) -> None:
    fault = {
        "type": "string_type",
        "loc": ["body", "model"],
        "msg": "Input should be a number",
        "input": ASKED[1].content,
    }
    endpoint = serve(lambda body: (422, {"detail": [fault, "and more"]}))
    with pytest.raises(EndpointRefused) as caught:
        endpoint.adapter("writer").generate(ASKED)
    assert caught.value.message.endswith("answered 422: body.model: Input should be a number; and more")


def test_pictures_travel_as_small_data_urls(serve: Any) -> None:
    endpoint = serve(lambda body: (200, f" seen {len(body['messages'][0]['content']) - 1} \n"))
    mllm = endpoint.adapter("mllm", max_side=32)
    pixels = np.random.default_rng(0).integers(0, 256, (40, 80, 3), dtype=np.uint8)
    image = Image.from_array(pixels, np.zeros((40, 80), np.uint8))
    replies = mllm.answer([[image], [image, image]], ["one?", "two?"], max_tokens=8)
    assert [(each.text, each.confidence, each.tokens_out) for each in replies] == [
        ("seen 1", None, 4),
        ("seen 2", None, 4),
    ]
    from PIL import Image as Pil

    url = endpoint.requests[0]["messages"][0]["content"][0]["image_url"]["url"]
    sent = Pil.open(io.BytesIO(base64.b64decode(url.removeprefix("data:image/png;base64,"))))
    assert (sent.size, sent.mode) == ((32, 16), "RGB")


def test_a_server_error_is_retried_once_and_then_typed(serve: Any) -> None:
    endpoint = serve(lambda body: (500, {"error": {"message": "overloaded"}}))
    with pytest.raises(EndpointError, match="answered 500: overloaded") as caught:
        endpoint.adapter().generate(ASKED)
    assert caught.value.retryable
    assert len(endpoint.requests) == 2


def test_a_slow_endpoint_times_out_with_a_hint(serve: Any) -> None:
    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        time.sleep(1.5)
        return 200, "too late"

    endpoint = serve(answer)
    with pytest.raises(EndpointError, match=r"did not answer in 0.2 s .*options.timeout"):
        endpoint.adapter(timeout=0.2).generate(ASKED)


def test_nobody_there_is_said() -> None:
    planner: Any = LOADER.load(spec("http://127.0.0.1:9/v1")).adapter("planner")
    with pytest.raises(EndpointError, match=r"http://127.0.0.1:9/v1 cannot be reached .*base_url"):
        planner.generate(ASKED)


def test_the_key_goes_into_the_header_and_nowhere_else(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = serve(lambda body: (401, {"error": {"message": f"Incorrect API key provided: {KEY} or sk-ver***789"}}))
    monkeypatch.setenv("MY_KEY", KEY)
    asked = spec(endpoint.url, api_key_env="MY_KEY")
    with pytest.raises(EndpointRefused) as caught:
        LOADER.load(asked).adapter("planner").generate(ASKED)  # type: ignore[attr-defined]
    error = caught.value
    assert endpoint.keys == [f"Bearer {KEY}"]
    told = f"{error!r} {error} {error.to_dict()} {error.__cause__!r} {asked.key} {asked!r}"
    assert "secret" not in told
    assert "***789" not in told
    assert not error.retryable
    assert "check the key" in error.hint


def test_a_key_that_is_not_set_comes_with_the_command() -> None:
    with pytest.raises(EndpointRefused, match="export NO_SUCH_VARIABLE=YOUR_KEY"):
        LOADER.resolve(spec("http://127.0.0.1:9/v1", api_key_env="NO_SUCH_VARIABLE"))
    with pytest.raises(ProfileError, match="planner.options.base_url is no address"):
        LOADER.resolve(spec("localhost:8000"))


def test_nothing_lies_in_memory_and_roles_are_limited() -> None:
    asked = spec("http://127.0.0.1:9/v1")
    assert LOADER.measure(asked) == 0
    backbone = LOADER.load(asked)
    assert backbone.nbytes == 0
    with pytest.raises(UnknownRole, match="cannot be the detector"):
        backbone.adapter("detector")
    backbone.close()


def test_a_stop_flag_is_looked_at_before_asking(serve: Any) -> None:
    endpoint = serve(lambda body: (200, PLAN))
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        endpoint.adapter().generate(ASKED, constraint=Shape(), stop=stop)
    assert endpoint.requests == []


def test_an_endpoint_needs_no_torch() -> None:
    script = (
        "import sys\nfrom panmodal.tools.loaders.base import ModelSpec\n"
        "from panmodal.tools.loaders.registry import get_loader\n"
        "spec = ModelSpec('planner', 'openai-compatible', 'm', options={'base_url': 'http://127.0.0.1:9/v1'})\n"
        "get_loader('openai-compatible').load(spec).adapter('mllm')\nassert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)

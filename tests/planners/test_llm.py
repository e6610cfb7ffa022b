"""The llm planner against an endpoint on the loopback that plays recorded replies and keeps what it was asked."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from panmodal.planners.base import PlannerContext, Request
from panmodal.planners.llm import LlmPlanner
from panmodal.planners.plan import Plan, Step
from panmodal.planners.prompts import render
from panmodal.tools.card import Card
from panmodal.tools.contract import Tool, tool
from panmodal.tools.errors import PlanError, PlannerOutputError, UnknownRole
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.registry import get_loader
from panmodal.tools.media.image import Image
from panmodal.tools.registry import Registry, default_registry
from panmodal.tools.roles import Completion, LanguageModel, Message

REGISTRY = default_registry()
ROLES = frozenset({"planner", "detector", "segmenter"})
REQUEST = Request("Count the cars", [Image.from_array(np.zeros((4, 4, 3), np.uint8))])
STEPS: list[dict[str, Any]] = [
    {"id": "s1", "tool": "detect", "args": {"image": "$in.image", "labels": ["cars"]}, "each": None},
    {"id": "s2", "tool": "count", "args": {"boxes": "$s1"}, "each": None},
]
GOOD = json.dumps({"version": 1, "steps": STEPS, "answer": ["$s2"]})
WRONG_KIND = GOOD.replace('"boxes": "$s1"', '"boxes": "$in.image"')
Reply = Callable[[dict[str, Any]], str]


class Endpoint:
    """An OpenAI-compatible endpoint; `replies` are texts, or functions of the request; `asked` keeps the requests."""

    def __init__(self, *replies: str | Reply) -> None:
        self.replies, self.asked = list(replies), []  # type: ignore[var-annotated]
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                endpoint.asked.append(request)
                reply = endpoint.replies.pop(0)
                text = reply if isinstance(reply, str) else reply(request)
                message = {"role": "assistant", "content": text}
                if "tools" in request:
                    call = {"id": "c", "type": "function", "function": {"name": "answer", "arguments": text}}
                    message |= {"content": None, "tool_calls": [call]}  # type: ignore[dict-item]
                choice = {"index": 0, "finish_reason": "stop", "message": message}
                usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
                body = {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
                data = json.dumps(body | {"usage": usage}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def model(self) -> LanguageModel:
        url = f"http://127.0.0.1:{self.server.server_port}/v1"
        spec = ModelSpec("planner", "openai-compatible", "m", options={"base_url": url, "timeout": 10})
        adapter: Any = get_loader("openai-compatible").load(spec).adapter("planner")
        return adapter  # type: ignore[no-any-return]


@pytest.fixture
def endpoint() -> Iterator[Callable[..., Endpoint]]:
    started: list[Endpoint] = []

    def start(*replies: str | Reply) -> Endpoint:
        started.append(Endpoint(*replies))
        return started[-1]

    yield start
    for one in started:
        one.server.shutdown()
        one.server.server_close()


def planned(endpoint: Endpoint, request: Request = REQUEST, registry: Registry = REGISTRY, **more: Any) -> Plan:
    return LlmPlanner().plan(request, PlannerContext(registry, ROLES, endpoint.model(), **more))


def test_a_good_reply_is_the_plan(endpoint: Callable[..., Endpoint]) -> None:
    spent: list[Completion] = []
    server = endpoint(GOOD)
    plan = planned(server, spend=spent.append)
    assert plan == Plan(
        request="Count the cars",
        planner="llm",
        steps=[
            Step(id="s1", tool="detect", args={"image": "$in.image", "labels": ["cars"]}),
            Step(id="s2", tool="count", args={"boxes": "$s1"}),
        ],
        answer=["$s2"],
    )
    assert [(one.tokens_in, one.tokens_out) for one in spent] == [(100, 10)]
    (asked,) = server.asked
    system, user = asked["messages"]
    assert user["content"] == "Count the cars"
    assert "detect(image: image, labels: array of string = []) -> boxes" in system["content"]
    assert asked["response_format"]["json_schema"]["strict"] is True


def test_broken_json_is_asked_for_again(endpoint: Callable[..., Endpoint]) -> None:
    server = endpoint(GOOD[:-20], GOOD)
    assert planned(server).answer == ["$s2"]
    assert len(server.asked) == 2


def test_a_plan_that_cannot_run_goes_back_once_with_every_violation(endpoint: Callable[..., Endpoint]) -> None:
    server = endpoint(GOOD.replace('"detect"', '"detcet"').replace('["$s2"]', '["$s7"]'), GOOD)
    assert planned(server).answer == ["$s2"]
    said, told = server.asked[1]["messages"][-2:]
    assert said["role"] == "assistant" and "detcet" in said["content"]
    assert "did you mean detect" in told["content"] and "there is no step 's7'" in told["content"]


def test_a_plan_of_the_wrong_shape_goes_back_as_well(endpoint: Callable[..., Endpoint]) -> None:
    server = endpoint(GOOD.replace('"args"', '"arguments"'), GOOD)
    assert planned(server).answer == ["$s2"]
    assert "there is no such field" in server.asked[1]["messages"][-1]["content"]


def test_wrong_kinds_twice_are_no_plan(endpoint: Callable[..., Endpoint]) -> None:
    server = endpoint(WRONG_KIND, WRONG_KIND)
    with pytest.raises(PlannerOutputError) as caught:
        planned(server)
    assert len(server.asked) == 2
    assert caught.value.facts["violations"] == [
        "steps[1].args.boxes: $in.image gives image, but boxes takes boxes (use $s1)"
    ]


def test_a_model_that_reads_cards_plans_with_somebody_elses_tool(endpoint: Callable[..., Endpoint]) -> None:
    @tool(card=Card(bad_at="dark pictures", examples=("make the picture brighter",)))
    def brighten(image: Image, amount: float = 1.5) -> Image:
        """Make a picture brighter."""
        return image

    def reply(request: dict[str, Any]) -> str:
        cards = request["messages"][0]["content"]
        assert "brighten(image: image, amount: number = 1.5) -> image" in cards
        assert 'Bad at: dark pictures. Asked for like: "make the picture brighter".' in cards
        step = {"id": "s1", "tool": "brighten", "args": {"image": "$in.image", "amount": 2}, "each": None}
        return json.dumps({"version": 1, "steps": [step], "answer": ["$s1"]})

    request = Request("Make it brighter: twice as bright, please", REQUEST.attachments)
    plan = planned(endpoint(reply), request, REGISTRY.with_tools([brighten]))
    assert plan.steps == [Step(id="s1", tool="brighten", args={"image": "$in.image", "amount": 2})]


def test_of_many_tools_only_the_relevant_ones_are_shown(endpoint: Callable[..., Endpoint]) -> None:
    def another(number: int) -> Tool:
        @tool(name=f"filler_{number}")
        def filler(image: Image) -> Image:
            """Do something that nobody asked for."""
            return image

        return filler

    server = endpoint(GOOD)
    planned(server, registry=REGISTRY.with_tools([another(number) for number in range(60)]))
    cards = server.asked[0]["messages"][0]["content"]
    assert "- count(" in cards and "- detect(" in cards and cards.count("- filler_") < 24


def test_a_failed_plan_is_planned_anew_with_the_cause(endpoint: Callable[..., Endpoint]) -> None:
    server = endpoint(GOOD)
    context = PlannerContext(REGISTRY, ROLES, server.model())
    before = Plan(steps=[Step(id="s1", tool="count", args={"boxes": "$thread.boxes"})], answer=["$s1"])
    plan = LlmPlanner().revise(before, [{"step": "s1", "error": "the boxes are gone"}], REQUEST, context)
    assert plan.answer == ["$s2"]
    told = server.asked[0]["messages"][-1]["content"]
    assert "the boxes are gone" in told and "$thread.boxes" in told


class Trained:
    """A model that was trained with some tools; asking it is a mistake in these tests."""

    trained_tools: tuple[str, ...] | None = ("detect", "count")
    tokenizer = None

    def generate(self, messages: list[Message], **more: Any) -> Completion:
        raise AssertionError("the model was asked for tools that it does not know")


def test_what_a_trained_model_does_not_know_is_planned_by_search() -> None:
    context = PlannerContext(REGISTRY, ROLES, Trained())
    plan = LlmPlanner().plan(Request("Blur the picture", REQUEST.attachments), context)
    assert plan.planner == "search" and [step.tool for step in plan.steps] == ["blur"]
    wanted = LlmPlanner().plan(Request("Detect the cars", REQUEST.attachments, want="masks"), context)
    assert wanted.planner == "search" and [step.tool for step in wanted.steps] == ["detect", "segment"]
    failed = LlmPlanner().revise(plan, [], Request("Blur the picture", REQUEST.attachments), context)
    assert failed.planner == "search"


@pytest.mark.parametrize("text", ["make a depth map", "fetch https://example.com/a.png", "Thanks!"])
def test_what_nobody_serves_here_is_refused_and_nothing_else_done_instead(text: str) -> None:
    context = PlannerContext(REGISTRY, ROLES, Trained())
    with pytest.raises(PlanError, match="no tool at hand does"):
        LlmPlanner().plan(Request(text, REQUEST.attachments), context)


def test_a_trained_model_that_reads_another_form_is_refused(llama_folder: Path) -> None:
    loaded = get_loader("transformers").load(ModelSpec("planner", "transformers", str(llama_folder)))
    with pytest.raises(PlannerOutputError, match="does not state the prompt") as caught:
        LlmPlanner().plan(REQUEST, PlannerContext(REGISTRY, ROLES, loaded.adapter("planner")))
    assert "panmodal train planner" in str(caught.value.hint)


def test_without_a_model_there_is_no_such_planner() -> None:
    with pytest.raises(UnknownRole, match="planner"):
        LlmPlanner().plan(REQUEST, PlannerContext(REGISTRY, ROLES))


def test_prompts_refuse_missing_and_unused_variables() -> None:
    assert "- this" in render("repair", violations=["this"])
    with pytest.raises(KeyError, match="violations"):
        render("repair")
    with pytest.raises(KeyError, match="does not use more"):
        render("repair", violations=[], more=1)

"""A real server: `transformers serve` on the loopback, with tiny checkpoints that the tests write.

The server opens whatever folder a request names as its model. One checkpoint writes noise, which must be what
transformers' own `generate` gives for the same prompt; the others say one thing each, so that it is known what must
come of it.
"""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from panmodal import Agent
from panmodal.agent.profiles.loading import load_profile
from panmodal.planners.base import PlannerContext, Request
from panmodal.planners.llm import LlmPlanner
from panmodal.planners.plan import Step
from panmodal.tools.errors import EndpointError, EndpointRefused, ModelError, PlannerOutputError
from panmodal.tools.loaders import structured
from panmodal.tools.loaders.endpoint import Client
from panmodal.tools.loaders.registry import get_loader
from panmodal.tools.media.image import Image
from panmodal.tools.media.text import Text
from panmodal.tools.registry import default_registry
from panmodal.tools.roles import Completion, Message, StepContext
from panmodal.tools.text.extract_entities import extract_entities
from panmodal.tools.text.rewrite import rewrite
from panmodal.tools.text.sentiment import sentiment
from panmodal.tools.text.summarise import summarise

from .serving import ENDS_IN, STARTS_IN, Server, free_port
from .tiny_writers import AGAIN, ANSWER, CALL, CALLS, greedy, write_noise, write_saying

STEP = StepContext()
REVIEW = Text.of("Anna Berg runs the Café Nord in Bergen. Her bread is superb. Her coffee is not.")
ASKED = [Message("system", "You write."), Message("user", "Say something about the sea.")]
WAYS = ["json_schema", "tool_call", "json_object", "text", "text"]

REQUEST = Request("Count the cars", [Image.from_array(np.zeros((4, 4, 3), np.uint8))])
REGISTRY = default_registry().subset({"detect", "count", "blur"})
STEPS: list[dict[str, Any]] = [
    {"id": "s1", "tool": "detect", "args": {"image": "$in.image", "labels": ["cars"]}, "each": None},
    {"id": "s2", "tool": "count", "args": {"boxes": "$s1"}, "each": None},
]
PLAN = json.dumps({"version": 1, "steps": STEPS, "answer": ["$s2"]})
BROKEN = PLAN.replace('"detect"', '"detcet"').replace('["$s2"]', '["$s7"]')


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """``started()`` is the server that all tests ask; a new one where a test has killed it."""
    servers: list[Server] = []

    def start() -> Server:
        if not servers or servers[-1].process.poll() is not None:
            servers.append(Server(tmp_path_factory.mktemp("serve")))
        return servers[-1]

    yield start
    for each in servers:
        each.stop()


@pytest.fixture
def server(started: Callable[[], Server]) -> Server:
    return started()


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_noise(tmp_path_factory.mktemp("noise"))


@pytest.fixture
def saying(tmp_path: Path) -> Callable[..., Path]:
    """``saying(answer)`` writes a checkpoint that answers so; what is no text is said as JSON."""

    def write(answer: object, **says: object) -> Path:
        texts = {ANSWER: answer, AGAIN: says.get("again", answer), CALL: says.get("call", answer)}
        spelt = {sign: each if isinstance(each, str) else json.dumps(each) for sign, each in texts.items()}
        more = {name: value for name, value in says.items() if name not in ("again", "call")}
        return write_saying(tmp_path / f"saying{len(list(tmp_path.iterdir()))}", spelt, **more)

    return write


class Talk:
    """A profile that names the server, and every request that went there with its answer."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = tmp_path / "served.toml"
        self.asked: list[tuple[list[Any], int, dict[str, Any]]] = []
        self.answers: list[str] = []
        chat = Client.chat

        def recorded(client: Client, messages: Sequence[Any], max_tokens: int, **more: Any) -> Any:
            self.asked.append((list(messages), max_tokens, more))
            answer = chat(client, messages, max_tokens, **more)
            self.answers.append(answer.choices[0].message.content)
            return answer

        monkeypatch.setattr(Client, "chat", recorded)

    def profile(self, url: str, **checkpoints: str | Path) -> Path:
        tables = [
            f'[{role}]\nloader = "openai-compatible"\ncheckpoint = {json.dumps(str(checkpoint))}\ndevice = "remote"\n'
            f'options = {{ base_url = "{url}" }}\n'
            for role, checkpoint in checkpoints.items()
        ]
        self.path.write_text("\n".join(tables))
        return self.path

    def adapter(self, url: str, role: str, checkpoint: str | Path) -> Any:
        spec = load_profile(self.profile(url, **{role: checkpoint})).specs()[role][0]
        return get_loader(spec.loader).load(spec).adapter(role)

    @property
    def ways(self) -> list[str]:
        return [
            "tool_call" if "tools" in more else more.get("response_format", {}).get("type", "text")
            for _, _, more in self.asked
        ]

    def greedy(self, folder: Path) -> list[str]:
        """What `generate` writes for each of the requests."""
        return [greedy(folder, messages, most, more.get("tools")) for messages, most, more in self.asked]


@pytest.fixture
def talk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Talk:
    return Talk(tmp_path, monkeypatch)


def test_a_text_from_the_server_is_the_one_that_generate_gives(server: Server, talk: Talk, noise: Path) -> None:
    writer = talk.adapter(server.url, "writer", noise)
    other = [*ASKED[:1], Message("user", "Say something about the hills.")]
    said = [writer.generate(each, max_tokens=40, seed=seed) for each, seed in ((ASKED, 0), (ASKED, 7), (other, 0))]
    texts = [each.text for each in said]
    assert texts == talk.greedy(noise) and texts[0] == texts[1] != texts[2]
    assert all(1 < each.tokens_out <= 40 for each in said)
    # A byte is a token, and so is each of the two roles, their ends and the sign that asks for an answer.
    assert said[0].tokens_in == 5 + sum(len(each.content) for each in ASKED)
    assert (writer.trained_tools, writer.tokenizer) == (None, None)


def rewritten(talk: Talk, url: str, checkpoint: Path) -> object:
    return rewrite(REVIEW, "shorter", writer=talk.adapter(url, "writer", checkpoint), step=STEP)


def felt(talk: Talk, url: str, checkpoint: Path) -> object:
    return sentiment(REVIEW, writer=talk.adapter(url, "writer", checkpoint), step=STEP)


def named(talk: Talk, url: str, checkpoint: Path) -> object:
    table = extract_entities(REVIEW, writer=talk.adapter(url, "writer", checkpoint), step=STEP)
    return [tuple(row.values()) for row in table.rows]


def summed_up(talk: Talk, url: str, checkpoint: Path) -> object:
    return summarise(REVIEW, 1, summariser=talk.adapter(url, "summariser", checkpoint), step=STEP)


@pytest.mark.parametrize("use", [rewritten, felt, named, summed_up])
def test_noise_is_no_answer_asked_in_every_way(server: Server, talk: Talk, noise: Path, use: Any) -> None:
    """The server takes a schema and ignores it: each way is tried, and what comes is told, not made something of."""
    with pytest.raises(ModelError, match="the language model wrote no JSON object") as caught:
        use(talk, server.url, noise)
    assert talk.ways == WAYS
    assert talk.answers == talk.greedy(noise) and len(set(talk.answers)) > 1
    assert caught.value.facts["output"] == talk.answers[-1][:300]
    assert structured.proved((server.url, str(noise))) is None


@pytest.mark.parametrize(
    ("use", "says", "result"),
    [
        (
            rewritten,
            {"able": True, "text": "Superb bread, bad coffee."},
            Text.of("Superb bread, bad coffee.", "rewritten by the language model"),
        ),
        (felt, {"able": True, "feeling": "mixed"}, "mixed"),
        (
            named,
            {"able": True, "entities": [{"name": "Bergen", "kind": "place"}, {"name": "Oslo", "kind": "place"}]},
            [("Bergen", "place", 1, 32)],
        ),
        (
            summed_up,
            {"able": True, "sentences": ["Anna Berg bakes."]},
            Text.of("Anna Berg bakes.", "written by the language model saying0"),
        ),
    ],
)
def test_a_model_that_does_as_it_is_told(
    server: Server, talk: Talk, saying: Any, use: Any, says: object, result: object
) -> None:
    checkpoint = saying(says)
    assert use(talk, server.url, checkpoint) == result
    assert talk.answers == talk.greedy(checkpoint) == [json.dumps(says)]
    assert talk.ways == ["json_schema"]


@pytest.mark.parametrize(
    ("use", "says", "told"),
    [
        (rewritten, {"able": True, "text": "I'm sorry, I can't do that."}, "a refusal"),
        (rewritten, {"able": False, "text": "It is too short."}, "cannot do this: It is too short"),
        (felt, {"able": True, "feeling": "ecstatic"}, "no such answer"),
        (named, {"able": True, "entities": [{"name": "Oslo", "kind": "place"}]}, "the text does not hold"),
        (summed_up, {"able": True, "sentences": ["One.", "Two."]}, "2 sentences, 1 were asked for"),
    ],
)
def test_json_that_is_no_answer_is_an_error(
    server: Server, talk: Talk, saying: Any, use: Any, says: object, told: str
) -> None:
    with pytest.raises(ModelError, match=told):
        use(talk, server.url, saying(says))
    assert talk.ways == ["json_schema"]


def test_a_model_that_answers_by_calling_a_tool_is_asked_so(server: Server, talk: Talk, saying: Any) -> None:
    said = json.dumps({"name": structured.NAME, "arguments": {"able": True, "feeling": "mixed"}})
    checkpoint = saying("Mixed, I think.", call=f"<tool_call>{said}</tool_call>", response_template=CALLS)
    assert felt(talk, server.url, checkpoint) == "mixed"
    assert talk.ways == ["json_schema", "tool_call"]
    assert structured.proved((server.url, str(checkpoint))) == "tool_call"
    assert felt(talk, server.url, checkpoint) == "mixed" and talk.ways[2:] == ["tool_call"]


def test_a_call_that_breaks_off_is_left_for_the_next_way(server: Server, talk: Talk, saying: Any) -> None:
    """The server itself breaks on it."""
    good = {"able": True, "feeling": "mixed"}
    checkpoint = saying("Mixed.", again=good, call='<tool_call>{"name": "answer", "argu', response_template=CALLS)
    assert felt(talk, server.url, checkpoint) == "mixed"
    assert talk.ways == WAYS and len(talk.answers) == 4


def test_what_is_said_around_json_is_mended_once(server: Server, talk: Talk, saying: Any) -> None:
    good = {"able": True, "feeling": "negative"}
    assert felt(talk, server.url, saying("How should I know?", again=good)) == "negative"
    assert talk.ways == WAYS and talk.asked[-1][0][2]["content"] == "How should I know?"


def planned(talk: Talk, url: str, checkpoint: Path, spent: list[Completion] | None = None) -> Any:
    roles = frozenset({"planner", "detector"})
    model = talk.adapter(url, "planner", checkpoint)
    spend: Any = (spent if spent is not None else []).append
    return LlmPlanner().plan(REQUEST, PlannerContext(REGISTRY, roles, model, spend=spend))


def test_noise_is_no_plan(server: Server, talk: Talk, noise: Path) -> None:
    with pytest.raises(PlannerOutputError, match="no JSON object, asked in every way") as caught:
        planned(talk, server.url, noise)
    assert talk.ways == WAYS and talk.answers == talk.greedy(noise)
    assert caught.value.facts["output"] == talk.answers[-1][:500]
    assert [each["role"] for each in talk.asked[-1][0]] == ["system", "user", "assistant", "user"]  # mended once


def test_a_plan_that_cannot_run_twice_is_an_error_with_its_violations(server: Server, talk: Talk, saying: Any) -> None:
    spent: list[Completion] = []
    with pytest.raises(PlannerOutputError, match="no plan that can run") as caught:
        planned(talk, server.url, saying(BROKEN), spent)
    assert talk.answers == [BROKEN] * 2 and len(spent) == 2
    violations = caught.value.facts["violations"]
    assert len(violations) == 2
    assert "did you mean detect" in violations[0] and "there is no step 's7'" in violations[1]
    repair = talk.asked[1][0][-1]["content"]
    assert all(each in repair for each in violations)


def test_a_plan_is_mended_by_the_model(server: Server, talk: Talk, saying: Any) -> None:
    spent: list[Completion] = []
    plan = planned(talk, server.url, saying(BROKEN, again=PLAN), spent)
    assert talk.answers == [BROKEN, PLAN]
    assert (plan.planner, plan.answer) == ("llm", ["$s2"])
    assert plan.steps == [
        Step(id="s1", tool="detect", args={"image": "$in.image", "labels": ["cars"]}),
        Step(id="s2", tool="count", args={"boxes": "$s1"}),
    ]
    assert [each.tokens_out for each in spent] == [2, 2]  # the plan is one token of this checkpoint, then its end


def test_an_agent_plans_and_writes_there(server: Server, talk: Talk, saying: Any, tmp_path: Path) -> None:
    step = {"id": "s1", "tool": "rewrite", "args": {"text": "The cat sat on the mat.", "how": "shorter"}, "each": None}
    planner = saying({"version": 1, "steps": [step], "answer": ["$s1"]})
    writer = saying({"able": True, "text": "A cat sat."})
    profile = talk.profile(server.url, planner=planner, writer=writer)
    with Agent(profile, home=tmp_path / "home", cwd=tmp_path) as agent:
        result = agent.run('Rewrite "The cat sat on the mat." so that it is shorter.', via="tools")
    assert result.status == "answered" and result.plan.planner == "llm"
    assert "A cat sat. (rewritten by the language model)" in result.text
    assert [each for each, _, _ in talk.asked][1][-1]["content"] == "The cat sat on the mat."


def test_a_model_that_the_server_does_not_have(server: Server, talk: Talk) -> None:
    with pytest.raises(EndpointError) as caught:
        talk.adapter(server.url, "writer", "nobody/no-such-model").generate(ASKED)
    error = caught.value
    assert error.message == f"the writer's endpoint {server.url} answered 500: Internal Server Error"
    assert "check its name" in error.hint
    assert error.facts["model"] == "nobody/no-such-model"
    assert "nobody/no-such-model" in server.told


def test_an_address_without_the_way_to_the_completions(server: Server, talk: Talk, noise: Path) -> None:
    url = server.url.removesuffix("/v1")
    with pytest.raises(EndpointRefused) as caught:
        talk.adapter(url, "writer", noise).generate(ASKED)
    assert caught.value.message == f"the writer's endpoint {url} answered 404: Not Found"
    assert "check base_url" in caught.value.hint


def test_a_port_where_nobody_listens(talk: Talk, noise: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    with pytest.raises(EndpointError, match=f"the writer's endpoint {url} cannot be reached .*base_url"):
        rewritten(talk, url, noise)
    with pytest.raises(EndpointError, match=f"the planner's endpoint {url} cannot be reached"):
        planned(talk, url, noise)


@pytest.mark.slow
def test_a_server_that_is_pinned_to_one_model(talk: Talk, noise: Path, saying: Any, tmp_path: Path) -> None:
    folder = tmp_path / "pinned"
    folder.mkdir()
    pinned = Server(folder, str(noise))
    try:
        assert talk.adapter(pinned.url, "writer", noise).generate(ASKED).text == talk.greedy(noise)[0]
        with pytest.raises(EndpointRefused, match=f"{pinned.url} answered 400: Server is pinned to '{noise}'"):
            talk.adapter(pinned.url, "writer", "another").generate(ASKED)
    finally:
        status = pinned.stop()
    assert status in (0, -signal.SIGTERM) and "Application shutdown complete" in pinned.told


def test_a_server_that_is_killed_in_the_middle(server: Server, talk: Talk, tmp_path: Path) -> None:
    """The last test, as the ones behind it would wait for a new server."""
    endless = write_saying(tmp_path / "endless", {ANSWER: "on and "}, ends=False)
    writer = talk.adapter(server.url, "writer", endless)
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            writer.generate(ASKED, max_tokens=30_000)
        except BaseException as error:
            errors.append(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    deadline = time.monotonic() + STARTS_IN
    while f"[Request received] Model: {endless}" not in server.told:
        assert asking.is_alive() and time.monotonic() < deadline, server.told[-3000:]
        time.sleep(0.02)
    time.sleep(0.2)
    assert asking.is_alive(), "the answer came before the server was killed"
    server.kill()
    asking.join(ENDS_IN)
    (error,) = errors
    assert isinstance(error, EndpointError) and error.retryable
    assert error.message == f"the writer's endpoint {server.url} cannot be reached"
    assert (error.facts["base_url"], error.facts["model"]) == (server.url, str(endless))

"""The working half of the openai-compatible loader: a client, and its adapters."""

import base64
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import openai

from ..errors import Cancelled, EndpointError, EndpointRefused
from ..media.image import Image
from ..roles import Completion, Constraint, Message, Reply, StopFlag
from . import structured
from .base import ModelSpec, cannot_serve, versions
from .prose import ROLES, ProseAdapter

_REFUSED = (400, 401, 403, 404, 405, 413, 422)
_HINTS = {
    400: "the endpoint does not understand the request",
    401: "check the key",
    403: "the key may not use this model",
    404: "check base_url and the model's name",
    413: "send smaller pictures: options.max_side",
    429: "the endpoint's rate limit is reached: wait, or use another",
    500: "try again; some servers answer so for a model that they do not have: check its name, and the server's log",
}
_SECRET = re.compile(r"\b(sk|pk|key)-[\w*.…-]+")
_MAX_SIDE = 1536  # pixels
_SHOWN = 300  # characters of what a server says against a request that an error tells


class EndpointBackbone:
    """An endpoint and one model of it."""

    nbytes = 0
    digest = ""  # nobody can say which weights answer

    def __init__(self, spec: ModelSpec, base_url: str, key: str | None) -> None:
        self._client = Client(spec, base_url, key)
        self._spec = spec
        self.libraries = versions("openai")

    def adapter(self, role: str) -> "EndpointLanguageModel | EndpointMllm | ProseAdapter":
        """``planner``, ``writer``, ``summariser``, ``translator`` or ``mllm``."""
        if role in ("planner", "writer"):
            return EndpointLanguageModel(self._client)
        if role in ROLES:
            return ProseAdapter(EndpointLanguageModel(self._client), self._spec.checkpoint)
        if role == "mllm":
            return EndpointMllm(self._client)
        raise cannot_serve(self._spec, role, "planner, writer, summariser, translator and mllm")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


class Client:
    """Chat completions of one model, with the endpoint's faults as typed errors."""

    def __init__(self, spec: ModelSpec, base_url: str, key: str | None) -> None:
        self.spec = spec
        self.base_url = base_url
        self._key = key
        self._client = openai.OpenAI(
            base_url=base_url,
            api_key=key or "none",  # the client insists on one
            timeout=float(spec.options.get("timeout", 60)),
            max_retries=1,
        )
        self._unknown: set[str] = set()  # parameters that this endpoint has refused

    @property
    def memory_key(self) -> tuple[str, str]:
        """What is learnt about an endpoint is learnt per address and model."""
        return self.base_url, self.spec.checkpoint

    def chat(self, messages: Sequence[Mapping[str, Any]], max_tokens: int, **more: Any) -> Any:
        """One completion at temperature 0.

        Raises ``EndpointRefused`` when asking again is no use, else ``EndpointError``. A parameter that the endpoint
        does not know is left out from then on, but for those in ``more``, which the caller depends on.
        """
        asked: dict[str, Any] = {"temperature": 0, "max_tokens": max_tokens, **more}
        if "max_tokens" in self._unknown:
            asked["max_completion_tokens"] = asked.pop("max_tokens")
        asked = {name: value for name, value in asked.items() if name not in self._unknown}
        try:
            complete: Any = self._client.chat.completions.create  # its overloads know literal arguments only
            return complete(model=self.spec.checkpoint, messages=messages, **asked)
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            said = _message_of(error)
            named = next((name for name in ("max_tokens", "temperature", "seed") if name in said), None)
            if named is None or named in self._unknown:
                raise self._error(error) from None
            self._unknown.add(named)
            return self.chat(messages, max_tokens, **more)
        except openai.OpenAIError as error:
            raise self._error(error) from None  # the cause's request carries the key

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _error(self, error: openai.OpenAIError) -> EndpointError:
        who = f"the {self.spec.role}'s endpoint {self.base_url}"
        facts = {"role": self.spec.role, "base_url": self.base_url, "model": self.spec.checkpoint}
        if isinstance(error, openai.APITimeoutError):
            hint = "is it running? options.timeout sets the seconds to wait"
            return EndpointError(f"{who} did not answer in {self._client.timeout:g} s", hint=hint, **facts)
        if isinstance(error, openai.APIConnectionError):
            return EndpointError(f"{who} cannot be reached", hint="is it running, and is base_url right?", **facts)
        status = getattr(error, "status_code", None)
        said = self._without_secrets((_message_of(error).splitlines() or [""])[0][:_SHOWN])
        hint = _HINTS.get(status or 0, "try again, or use another endpoint")
        kind = EndpointRefused if status in _REFUSED else EndpointError
        return kind(f"{who} answered {status or 'something unreadable'}: {said}", hint=hint, status=status, **facts)

    def _without_secrets(self, text: str) -> str:
        if self._key:
            text = text.replace(self._key, "***")
        return _SECRET.sub("***", text)


class EndpointLanguageModel:
    """A ``LanguageModel`` at an endpoint. It reads tool cards, so it was trained with no tools in particular."""

    trained_tools: tuple[str, ...] | None = None
    tokenizer: Any | None = None

    def __init__(self, client: Client) -> None:
        self._client = client

    def generate(
        self,
        messages: Sequence[Message],
        *,
        constraint: Constraint | None = None,
        max_tokens: int = 512,
        seed: int = 0,
        stop: StopFlag | None = None,
    ) -> Completion:
        """The next turn; under a constraint JSON, in whatever way the endpoint proves to give it.

        The stop flag is looked at between requests. The caller validates what comes: an endpoint's promise of
        structured output is not proof. Raises ``PlannerOutputError`` when no way gives a JSON object.
        """
        turns = [{"role": each.role, "content": each.content} for each in messages]
        _check(stop)
        if constraint is None:
            answer = self._client.chat(turns, max_tokens, seed=seed)
            return Completion(_text_of(answer), *tokens_of(answer))

        def ask(talk: Sequence[Mapping[str, Any]], **more: Any) -> Any:
            _check(stop)
            return self._client.chat(talk, max_tokens, seed=seed, **more)

        return structured.generate(ask, turns, constraint.schema, self._client.memory_key)


class EndpointMllm:
    """An ``Mllm`` at an endpoint; pictures travel inside the request and are kept nowhere here."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def answer(
        self,
        images: Sequence[Sequence[Image]],
        questions: Sequence[str],
        *,
        max_tokens: int = 64,
        stop: StopFlag | None = None,
    ) -> list[Reply]:
        """One request a question; endpoints tell no confidence."""
        replies: list[Reply] = []
        for pictures, question in zip(images, questions, strict=True):
            _check(stop)
            side = int(self._client.spec.options.get("max_side", _MAX_SIDE))
            shown = [{"type": "image_url", "image_url": {"url": data_url(each, side)}} for each in pictures]
            content = [*shown, {"type": "text", "text": question}]
            answer = self._client.chat([{"role": "user", "content": content}], max_tokens)
            read, written = tokens_of(answer)
            replies.append(Reply(_text_of(answer).strip(), None, tokens_in=read, tokens_out=written))
        return replies


def data_url(image: Image, max_side: int) -> str:
    """The picture as a PNG data URL, its longer side at most ``max_side`` pixels, without alpha."""
    from PIL import Image as Pil

    picture = Pil.fromarray(image.pixels)
    picture.thumbnail((max_side, max_side))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def tokens_of(answer: Any) -> tuple[int, int]:
    """Tokens read and written; 0 where the endpoint does not say."""
    usage = getattr(answer, "usage", None)
    return getattr(usage, "prompt_tokens", 0) or 0, getattr(usage, "completion_tokens", 0) or 0


def _text_of(answer: Any) -> str:
    choices = getattr(answer, "choices", None)
    if not choices:
        raise EndpointError("the endpoint's answer holds no choice", hint="does it speak chat completions?")
    return choices[0].message.content or ""


def _message_of(error: openai.OpenAIError) -> str:
    """What the server says, without the client's wrapping, which leaves out all but a ``message``."""
    body = getattr(error, "body", None)
    if isinstance(body, dict):
        body = body.get("message") or body.get("detail")  # FastAPI's: a text, or a list of faults
    if isinstance(body, list):
        body = "; ".join(_fault(each) for each in body)
    return str(body or error).strip()


def _fault(fault: Any) -> str:
    """One fault of a request in FastAPI's form; without its ``input``, which is the request itself."""
    if not isinstance(fault, dict):
        return str(fault)
    return f"{'.'.join(map(str, fault.get('loc', ())))}: {fault.get('msg', '')}"


def _check(stop: StopFlag | None) -> None:
    if stop is not None and stop.is_set():
        raise Cancelled("stopped before the endpoint was asked")

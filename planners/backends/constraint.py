"""Constrained decoding of plans: what a local LLM writes parses and its kinds fit, whatever the weights.

The grammar engine is llguidance (figures: `python -m panmodal.agent.lab.bench.grammar`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from ...tools.contract import Tool
from ...tools.errors import PlannerOutputError
from ...tools.registry import Registry
from ...tools.text.asking import guidance_tokenizer
from ..base import Request
from ..plan import Step
from ..shapes import of_kind, of_return
from .prompt_format import NormalForm, known_words, latest
from .spans import request_spans
from .step_grammar import DONE, END_OF_PLAN, HEAD, NEXT, Value, answer_grammar, step_grammar

MAX_STEPS = 8


class PlanConstraint:
    """The step-wise grammar of one request's plan; a `Constraint` in the sense of tools/roles.py.

    Args:
        request: gives attachments, thread names and the spans that free strings are taken from.
        tools: what the plan may call.
        known: the words that a model of `prompt_format` has as whole tokens, None for any other model; the first
            gets spans in normal form, the other as they were typed.
    """

    def __init__(self, request: Request, tools: Sequence[Tool], known: Collection[str] | None) -> None:
        self.request, self.tools = request, {tool.name: tool for tool in tools}
        self.form = NormalForm(request.text, known) if known is not None else None
        narrowing = [tool for tool in tools if any(param.kind in ("boxes", "masks") for param in tool.params)]
        closed = {str(value) for tool in narrowing for param in tool.params for value in _options(param.schema)}
        self.spans = request_spans(request.text, self.form, closed)
        self.given = list(given_values(request.kinds, request.thread, normal=self.normal))

    @property
    def normal(self) -> bool:
        """Whether the model reads and writes the normal form."""
        return self.form is not None

    @property
    def schema(self) -> Mapping[str, Any]:
        """JSON schema of the plans, for endpoints: it cannot bind references, the checker does that there."""
        from ..schema import plan_schema

        return plan_schema(Registry(self.tools.values()))

    def processor(self, tokenizer: Any) -> Callable[[Any, Any], Any]:
        """A fresh logits processor for one generation with this (fast) tokenizer."""
        return _Processor(self, tokenizer)

    def finish(self, text: str) -> str:
        """The generated text with the request's own spelling in place of spans in normal form."""
        if self.form is None:
            return text
        try:
            plan = json.loads(text)
        except ValueError:
            raise PlannerOutputError(
                "the planner's text broke off before the plan was complete", hint="allow it more tokens", text=text
            ) from None
        for step in plan["steps"]:
            tool = self.tools[step["tool"]]
            for param in tool.params:
                value = step["args"].get(param.name)
                if value is not None and (param.kind is None or param.literal):
                    step["args"][param.name] = _restored(value, self.form, _options(param.schema))
        return json.dumps(plan, ensure_ascii=False, separators=(",", ":"))

    def grammar(self, pieces: Sequence[str], *, again: bool = False) -> str | None:
        """The grammar of the piece that follows `pieces`, or None once the plan is complete.

        No step is offered twice, unless `again`: for the case that nothing else is left.
        """
        written = [_body(piece) for piece in pieces if '"tool":"' in piece]
        steps = [Step.model_validate_json(body) for body in written]
        if not pieces or pieces[-1].endswith(NEXT):
            values = [*self.given, *self._outputs(steps)]
            last = len(steps) == MAX_STEPS - 1
            done = [body.split('"tool":"', 1)[1] for body in written]
            tools = list(self.tools.values())
            found = step_grammar(len(steps) + 1, tools, values, self.spans, () if again else done, last=last)
            if found is None:
                raise PlannerOutputError(
                    f"none of the tools {', '.join(self.tools)} can take what this request has",
                    hint="attach what the request is about",
                )
            return found
        listed = [piece.split('"')[0].lstrip("$") for piece in pieces[len(steps) :]]
        if listed and pieces[-1].endswith(END_OF_PLAN):
            return None
        read = {name for step in steps for name in step.needs()}
        names = [step.id for step in steps]
        left = names[names.index(listed[-1]) + 1 :] if listed else names
        unused = [name for name in left if name not in read]
        return answer_grammar(unused if self.normal else left, unused)

    def _outputs(self, steps: Iterable[Step]) -> Iterable[Value]:
        for step in steps:
            shape = of_return(self.tools[step.tool].returns)
            if step.each is not None:
                shape = shape.listed()
            yield Value(f"${step.id}", shape, divisible=shape.item is not None or not self.normal)


def plan_constraint(
    request: Request, registry: Registry, tools: Sequence[str] | None = None, tokenizer: Any = None
) -> PlanConstraint:
    """The constraint for a request.

    Args:
        request: the request; its attachments and thread decide which references exist.
        registry: where the tools come from.
        tools: names to offer (those that the model was trained with), None for every tool.
        tokenizer: the model's; one that has the tokens of `prompt_format` gets spans in normal form.

    Raises UnknownTool for a name that the registry does not have.
    """
    offered = registry.tools() if tools is None else [registry.get(name) for name in tools]
    return PlanConstraint(request, offered, known_words(tokenizer))


def given_values(kinds: Sequence[str], thread: Mapping[str, str], *, normal: bool) -> Iterable[Value]:
    """What references can name before any step ran.

    With `normal`, only what the trained models know: no older artifacts of the thread (`image_1`), and `each` over
    lists but not over the single boxes of one value.
    """
    for kind in dict.fromkeys(kinds):
        shape, count = of_kind(kind), list(kinds).count(kind)
        yield Value(f"$in.{kind}", shape, not normal)
        for index in range(1, count):
            yield Value(f"$in.{kind}[{index}]", shape, not normal)
        if count > 1:
            yield Value(f"$in.{kind}[*]", shape.listed())
    for name, kind in thread.items():
        if not normal or latest(name):
            yield Value(f"$thread.{name}", of_kind(kind), not normal)


def _options(schema: Mapping[str, Any]) -> list[Any]:
    """The values of a closed set, also of one that is optional or listed; empty for an open one."""
    parts = [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else [])]
    return [*schema.get("enum", ()), *(value for part in parts for value in _options(part))]


def _restored(value: Any, form: NormalForm, options: Sequence[Any]) -> Any:
    if isinstance(value, list):
        return [_restored(one, form, options) for one in value]
    if not isinstance(value, str) or value.startswith("$"):
        return value
    bare = value.strip()
    if bare in options:
        return bare
    told = form.restore(value) or bare
    return f"${told}" if told.startswith("$") else told  # "$5 off" is no reference


def _body(piece: str) -> str:
    """The step's JSON without what stands before and after it in the plan."""
    return piece.removeprefix(HEAD).removesuffix(DONE).removesuffix(NEXT)


class _Processor:
    """Follows one generation token by token; a call gives the scores with every illegal token at minus infinity."""

    def __init__(self, constraint: PlanConstraint, tokenizer: Any) -> None:
        self._constraint = constraint
        self._tokenizer = guidance_tokenizer(tokenizer)
        self._end: int = tokenizer.eos_token_id
        self._pieces: list[str] = []
        self._tokens: list[int] = []  # of the piece being written
        self._read = 0  # how much of the ids was there at the latest call
        self._matcher = self._start()

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Take in the token chosen since the last call, and mask `scores` (1, V); `input_ids` is (1, T)."""
        import torch

        if self._read and self._matcher is not None:
            self._take(int(input_ids[0, -1]))
        self._read = input_ids.shape[1]
        allowed = torch.zeros(scores.shape[-1], dtype=torch.bool)
        if self._matcher is None:
            allowed[self._end] = True
        else:
            mask = torch.frombuffer(bytearray(self._mask()), dtype=torch.uint8) != 0
            allowed[: len(mask)] = mask[: len(allowed)]
        return scores.masked_fill(~allowed.to(scores.device), float("-inf"))

    def _mask(self) -> bytes:
        """One byte per token, zero for an illegal one."""
        mask: bytes = self._matcher.compute_logit_bias()
        if self._matcher.is_stopped():  # no step is left that was not written yet
            self._matcher = self._start(again=True)
            mask = self._matcher.compute_logit_bias()
        return mask

    def _take(self, token: int) -> None:
        self._tokens.append(token)
        if not self._matcher.consume_token(token):
            raise PlannerOutputError(f"token {token} is not in the plan's grammar", hint=str(self._matcher.get_error()))
        if self._matcher.is_stopped():
            self._pieces.append(self._tokenizer.decode_bytes(self._tokens).decode())
            self._tokens = []
            self._matcher = self._start()

    def _start(self, *, again: bool = False) -> Any:
        import llguidance

        grammar = self._constraint.grammar(self._pieces, again=again)
        if grammar is None:
            return None
        matcher = llguidance.LLMatcher(self._tokenizer, grammar)
        if matcher.is_error():
            raise PlannerOutputError("no grammar could be made for this request", hint=matcher.get_error())
        return matcher

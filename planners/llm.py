"""Plans by a language model: a small one trained for it that decodes under a grammar, or a general one,
local or remote.

What the model writes is read and checked.  A general model is told once what is wrong with its plan; a
small model decodes greedily under a grammar that already rules most faults out, so asking it again would
change nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..tools.contract import Tool
from ..tools.errors import PlanError, PlannerOutputError, UnknownRole
from ..tools.registry import Registry
from ..tools.roles import Constraint, LanguageModel, Message
from ..tools.signature import Param
from .backends.constraint import PlanConstraint, plan_constraint
from .backends.prompt_format import NormalForm
from .base import PlannerContext, Request
from .chains import needs, sources
from .checker import check
from .plan import Plan
from .prompts import render
from .reading import clauses, reads_like
from .retrieval import relevant
from .schema import plan_schema, without_nulls
from .search import SearchPlanner, usable
from .violation import Violation

_TOOLS_SHOWN = 24
"""With more tools than this, only the relevant ones are put before the model."""

_EXAMPLES_SHOWN = 3
"""Of a tool's example requests; more of them cost tokens and tell a general model nothing new."""

_MAX_TOKENS = 1024
"""A plan of eight steps takes about 400."""


@dataclass(frozen=True)
class SchemaConstraint:
    """A constraint for endpoints, which know schemas only."""

    schema: Mapping[str, Any]

    def processor(self, tokenizer: Any) -> Callable[[Any, Any], Any]:
        """Raises TypeError: a model with a tokenizer takes the grammar of backends/constraint.py."""
        raise TypeError("a schema alone constrains no local decoding")


class LlmPlanner:
    """The `llm` planner: asks the role `planner` of the profile."""

    name = "llm"

    def __init__(self) -> None:
        self._search = SearchPlanner()

    def plan(self, request: Request, context: PlannerContext) -> Plan:
        """The model's plan, checked.

        Where the request needs a tool that the model was not trained with, search plans it, and the plan
        says so in `planner`.  Raises PlannerOutputError where the output is no plan that can run, also
        after one repair; UnknownRole where the profile serves no planner.
        """
        model = _model(context)
        if model.trained_tools is None:
            return _Dialogue(request, context, model).plan()
        if _beyond(request, context, model.trained_tools):
            return self._search.plan(request, context)
        plan = _Dialogue(request, context, model).plan()
        # A small model is not told what the answer is to be, so a plan for something else is no plan.
        return plan if _gives(plan, request.want, context.registry) else self._search.plan(request, context)

    def revise(
        self, plan: Plan, failures: Sequence[Mapping[str, Any]], request: Request, context: PlannerContext
    ) -> Plan:
        """Another plan after steps failed; a model that was trained for first plans only leaves this to
        search.
        """
        model = _model(context)
        if model.trained_tools is not None:
            return self._search.revise(plan, failures, request, context)
        told = render("revise", plan=plan.to_json(), failures=[dict(failure) for failure in failures])
        return _Dialogue(request, context, model, told).plan()


class _Dialogue:
    """One conversation with the model that ends in a plan."""

    def __init__(self, request: Request, context: PlannerContext, model: LanguageModel, told: str = "") -> None:
        self.request, self.context, self.model = request, context, model
        self.trained = model.trained_tools is not None
        self.tools = self._offered()
        self.constraint = self._constraint()
        form = self.constraint.form if isinstance(self.constraint, PlanConstraint) else None
        self.messages = self._trained(form) if self.trained else self._general(told)

    def plan(self) -> Plan:
        """The first answer that can run, of one (trained) or two (general) tries."""
        faults: list[str] = []
        text = ""
        for _ in range(1 if self.trained else 2):
            text = self._ask()
            try:
                plan = self._read(text)
                faults = [str(one) for one in self._faults(plan)]
            except PlanError as error:
                faults = [str(Violation(**violation)) for violation in error.violations]
            else:
                if not faults:
                    return plan
            repair = render("repair", violations=faults)
            self.messages = [*self.messages, Message("assistant", text), Message("user", repair)]
        raise PlannerOutputError(
            "the planner's output is no plan that can run: " + "; ".join(faults),
            hint="the search planner needs no model: choose it, or reword the request",
            violations=faults,
            text=text[:2000],
        )

    def _ask(self) -> str:
        completion = self.model.generate(
            self.messages,
            constraint=self.constraint,
            max_tokens=_MAX_TOKENS,
            seed=self.context.seed,
            stop=self.context.stop,
        )
        self.context.spend(completion)
        return completion.text

    def _read(self, text: str) -> Plan:
        """The plan in the model's text; raises PlanError with the faults of its shape."""
        if isinstance(self.constraint, PlanConstraint):
            text = self.constraint.finish(text)
        start, end = text.find("{"), text.rfind("}")  # some models fence JSON or talk around it
        body = text[start : end + 1] if 0 <= start < end else text
        try:
            data = without_nulls(json.loads(body))
        except ValueError:
            return Plan.from_json(body)
        plan = Plan.from_data(data)
        return plan.model_copy(update={"request": self.request.text, "planner": LlmPlanner.name})

    def _faults(self, plan: Plan) -> Sequence[object]:
        return check(
            plan,
            self.context.registry,
            attachments=self.request.kinds,
            thread=self.request.thread,
            roles=self.context.roles,
            fits=self.context.fits,
        )

    def _offered(self) -> Registry:
        names = {tool.name for tool in usable(self.context)}
        trained = self.model.trained_tools
        known = self.context.registry.subset(names if trained is None else names.intersection(trained))
        kinds = [*self.request.kinds, *self.request.thread.values()]
        return known if self.trained else relevant(self.request.text, known, kinds, _TOOLS_SHOWN)

    def _constraint(self) -> Constraint:
        tokenizer = self.model.tokenizer
        if tokenizer is None:
            return SchemaConstraint(plan_schema(self.tools, strict=True))
        return plan_constraint(self.request, self.tools, None, tokenizer)

    def _trained(self, form: NormalForm | None) -> list[Message]:
        """The prompt of a model that was trained for plans."""
        if form is None:
            raise PlannerOutputError(
                "the planner states trained tools, but its tokenizer does not state the prompt's form",
                hint="train it again with this version: panmodal train planner",
            )
        return [Message("user", form.prompt(self.request.kinds, self.request.thread))]

    def _general(self, told: str) -> list[Message]:
        system = render(
            "planner",
            tools=[_card(tool) for tool in self.tools.tools()],
            attachments=", ".join(self.request.kinds) or "nothing",
            thread=", ".join(f"{name} ({kind})" for name, kind in self.request.thread.items()) or "nothing",
            want=self.request.want or "",
        )
        asked = f"{self.request.text}\n\n{told}" if told else self.request.text
        return [Message("system", system), Message("user", asked)]


def _model(context: PlannerContext) -> LanguageModel:
    if context.language_model is None:
        raise UnknownRole(
            "the llm planner needs the role planner, which the profile does not serve",
            hint="choose a profile that serves it, or the search planner",
        )
    return context.language_model


def _beyond(request: Request, context: PlannerContext, trained: Sequence[str]) -> bool:
    """Whether the request means a tool that was not trained, by its card's words or by the kinds at hand and wanted.

    A wish that reads like a whole example of another tool means it, unless it reads like one of a trained tool too: the
    model knows many more wordings of those than their cards tell. What is attached and no trained tool takes means
    another tool in any words.
    """
    tools = usable(context)
    known = [tool for tool in tools if tool.name in trained]
    kinds = [*request.kinds, *request.thread.values()]
    wishes = clauses(request.text, tools)
    if all(clause.idle and not clause.asks for clause in wishes):
        return True  # "Hello!" wishes for nothing, and a small model would do something all the same
    if kinds and not any(set(kinds) & set(needs(tool)) for tool in known):
        return True
    ready = sources(kinds or ["text"], tools)
    served = {tool.name for tool in tools}
    # A tool that nobody serves here may be meant as well: search then says what it lacks.
    others = [
        tool
        for tool in context.registry.tools()
        if tool.name not in trained
        and (ready.keys() >= set(needs(tool)) if tool.name in served else not any(_as_good(own, tool) for own in known))
    ]
    # "Draw boxes on the sign" about a picture is no wish for another picture of that name.
    others = [tool for tool in others if needs(tool) != ("text",) or tool.returns.kind not in kinds]
    for clause in wishes:
        if any(reads_like(tool, clause) for tool in others) and not any(reads_like(tool, clause) for tool in known):
            return True
    return (
        request.want is not None and request.want not in sources(kinds, known) and request.want in sources(kinds, tools)
    )


def _as_good(own: Tool, other: Tool) -> bool:
    """Whether a tool makes what another one would, out of the same: a clip of drawn pictures for a filmed one."""
    kind = own.returns.kind
    return kind == other.returns.kind not in (None, "text") and needs(own) == needs(other)


def _gives(plan: Plan, want: str | None, registry: Registry) -> bool:
    """Whether an answer of the plan is of the wanted kind."""
    tools = {f"${step.id}": step.tool for step in plan.steps}
    kinds = [registry.get(tools[ref]).returns.kind or "text" for ref in plan.answer if ref in tools]
    return want is None or want in kinds


def _card(tool: Tool) -> dict[str, str]:
    """A tool in the words of the prompt."""
    takes = ", ".join(_argument(param) for param in tool.params)
    english = [example for example in tool.card.examples if example.isascii()]
    examples = "; ".join(f'"{example}"' for example in english[:_EXAMPLES_SHOWN])
    result = tool.describe()["returns"]
    return {
        "signature": f"{tool.name}({takes}) -> {result}",
        "doc": tool.doc,
        "bad_at": tool.card.bad_at.rstrip("."),
        "examples": examples,
    }


def _argument(param: Param) -> str:
    if param.kind is not None:
        said = f"list of {param.kind}" if param.many else param.kind
    elif options := param.schema.get("enum"):
        said = " | ".join(json.dumps(option, ensure_ascii=False) for option in options)
    else:
        items = param.schema.get("items", {})
        said = str(param.schema.get("type", "value")) + (f" of {items['type']}" if "type" in items else "")
    if not param.optional:
        return f"{param.name}: {said}"
    default = list(param.default) if isinstance(param.default, tuple) else param.default
    return f"{param.name}: {said}" + (" (optional)" if default is None else f" = {json.dumps(default, default=str)}")

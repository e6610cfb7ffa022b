"""The answer as the journal keeps it, and the result that is built from it, now or when the run is asked for again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..planners.answer import Answer, Evidence, compose
from ..planners.compare import compare
from ..planners.phrases import phrasebook
from ..planners.plan import Plan
from ..tools.media.artifact import Artifact
from ..tools.media.image import Image
from .executor import Execution
from .journal import StepRecord
from .planning import split
from .result import Result
from .turn import Turn


def compose_answer(turn: Turn, plan: Plan, declined: bool = False) -> dict[str, Any]:
    """The answer of an executed plan (of a declined one: that nothing was run), as JSON for the journal."""
    book = phrasebook(turn.ask.language)
    execution = turn.execution
    if declined or execution is None:
        return _body(book.say("declined"), "cancelled")
    notes = list(turn.recalled("notes") or [])
    exceeded = execution.exceeded
    if exceeded:
        limit = getattr(turn.spending.budget, exceeded)
        notes.append(book.say("budget" if execution.values else "budget_early", limit=limit, field=exceeded))
    look, rest = split(plan)
    if look and rest:
        answer, both = _both_ways(turn, execution, plan, look, rest, notes)
    else:
        answer, both = _compose(turn, execution, plan, plan.answer, notes), None
    body = _body(answer.text, answer.status, notes, exceeded, both)
    body["evidence"] = [
        {"sentence": each.sentence, "step": each.step, "tool": each.tool, "artifacts": _handles(each.artifacts)}
        for each in answer.citations
    ]
    body["artifacts"] = {name: each.handle() for name, each in answer.artifacts.items()}
    cited = [each for evidence in answer.citations for each in evidence.artifacts]
    body["pictures"] = _handles(_pictures(turn, cited))
    return body


def build_result(turn: Turn, answer: Mapping[str, Any], usage: Mapping[str, Any]) -> Result:
    """The result of a run whose journal holds ``answer``."""
    plan = turn.recalled("plan")
    records = turn.execution.steps if turn.execution else turn.journal.steps() if turn.journal else {}
    pictures = [turn.artifact(handle) for handle in answer["pictures"]]
    return Result(
        text=answer["text"],
        run_id=turn.run,
        status=answer["status"],
        plan=Plan.from_data(plan) if plan else None,
        artifacts={name: turn.artifact(handle) for name, handle in answer["artifacts"].items()},
        evidence=tuple(
            Evidence(
                each["sentence"], each["step"], each["tool"], tuple(turn.artifact(one) for one in each["artifacts"])
            )
            for each in answer["evidence"]
        ),
        pictures={each.id: each for each in pictures if isinstance(each, Image)},
        steps={name: _summary(record) for name, record in records.items()},
        usage={**usage, "steps": {name: record.seconds for name, record in records.items() if record.started_at}},
        route=turn.recalled("route") or {},
        notes=tuple(answer["notes"]),
        both=answer["both"],
    )


def unanswered(turn: Turn, status: Any, text: str, usage: Mapping[str, Any]) -> Result:
    """The result of a run that has no answer yet: it waits, or its budget ended before there was a plan."""
    return build_result(turn, _body(text, status), usage)


def _body(
    text: str,
    status: str,
    notes: Sequence[str] = (),
    exceeded: str | None = None,
    both: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    body: dict[str, Any] = {"text": text, "status": status, "notes": list(notes), "exceeded": exceeded, "both": both}
    return body | {"evidence": [], "artifacts": {}, "pictures": []}


def _compose(turn: Turn, execution: Execution, plan: Plan, answer: Sequence[str], notes: Sequence[str] = ()) -> Answer:
    return compose(
        turn.request(),
        plan.model_copy(update={"answer": list(answer)}),
        execution.steps,
        execution.values,
        turn.services.registry,
        turn.ask.language,
        thread=turn.thread_artifacts(plan),
        notes=notes,
    )


def _both_ways(
    turn: Turn, execution: Execution, plan: Plan, look: Sequence[str], rest: Sequence[str], notes: Sequence[str]
) -> tuple[Answer, dict[str, Any]]:
    """Both answers in one text with where they differ; the evidence and the artifacts of both."""
    book = phrasebook(turn.ask.language)
    direct, tools = _compose(turn, execution, plan, look), _compose(turn, execution, plan, rest)
    found = compare(direct.text, tools.text, turn.ask.language)
    sentences = [
        book.say("direct_says", text=direct.text),
        book.say("tools_say", text=tools.text),
        found.sentence(turn.ask.language),
    ]
    text = "\n".join([*sentences, *notes])
    statuses = {direct.status, tools.status}
    status = direct.status if len(statuses) == 1 else "partial"
    both = {"direct": direct.text, "tools": tools.text, "differences": list(found.differences)}
    citations = (*direct.citations, *tools.citations)
    return Answer(text, citations, {**direct.artifacts, **tools.artifacts}, status), both


def _handles(artifacts: Iterable[Artifact]) -> list[dict[str, Any]]:
    return [artifact.handle() for artifact in artifacts]


def _pictures(turn: Turn, cited: Sequence[Artifact]) -> list[Artifact]:
    """The pictures on which the cited boxes and masks lie, as far as this run or its thread knows them."""
    wanted = dict.fromkeys(str(getattr(each, "image_id", "")) for each in cited)
    found = (turn.seen(image_id) for image_id in wanted if image_id)
    return [each for each in found if each is not None]


def _summary(record: StepRecord) -> dict[str, Any]:
    summary: dict[str, Any] = {"status": record.status, "seconds": round(record.seconds, 6)}
    if record.error is not None:
        summary["error"] = {key: record.error.get(key, "") for key in ("code", "message", "hint")}
    return summary

"""The answer: text composed by code, only from steps that were carried out, with the evidence of each sentence.

"Nothing was found", "a step failed" and "a step was not run" are worded apart, each with its cause. A value that no
step produced can appear nowhere, because sentences are filled from the steps' own outputs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ..tools.media.artifact import Artifact
from ..tools.media.text import Text
from ..tools.media.values import artifacts_in, is_empty
from ..tools.registry import Registry
from .base import Language, Request
from .phrases import SELECTIONS, Phrasebook, Subject, phrasebook, selections_before, subject_of
from .plan import Plan, Step
from .references import Reference, follow, parse_reference, resolve
from .rows import is_rows, rows_of, short, unquoted

Verdict = Literal["answered", "partial", "failed"]
_GOOD = ("done", "empty")
_REPEATED = 120  # characters of a text that another sentence repeats
_EMPTY_INPUT = "empty-input"
_STOPPED = ("budget-exceeded", "cancelled")
"""Errors of steps that the run's end cut off; why it ended is a note about the run, said once."""


class Outcome(Protocol):
    """What became of a step; ``error`` is an error's ``to_dict()``."""

    @property
    def status(self) -> str:
        """One of done, empty, failed, not_run, cancelled."""
        ...

    @property
    def error(self) -> Mapping[str, Any] | None:
        """Why it did not end well, or which elements of an ``each`` step failed."""
        ...


@dataclass(frozen=True)
class Evidence:
    """What one sentence of the answer rests on: the step that gave it, and the artifacts that went in and came out."""

    sentence: str
    step: str
    tool: str
    artifacts: tuple[Artifact, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; artifacts by kind and id."""
        cited = [{"kind": each.kind, "id": each.id} for each in self.artifacts]
        return {"sentence": self.sentence, "step": self.step, "tool": self.tool, "artifacts": cited}


@dataclass(frozen=True)
class Answer:
    """The composed text, its sentences' evidence, the named artifacts that it hands over, and how complete it is."""

    text: str
    citations: tuple[Evidence, ...]
    artifacts: Mapping[str, Artifact]
    status: Verdict


def compose(
    request: Request,
    plan: Plan,
    steps: Mapping[str, Outcome],
    values: Mapping[str, Any],
    registry: Registry,
    language: Language,
    *,
    thread: Mapping[str, Artifact] | None = None,
    notes: Sequence[str] = (),
) -> Answer:
    """Say what the plan's answer holds, in ``language``; ``notes`` are sentences that follow it.

    ``steps`` and ``values`` are the executor's records and outputs by step id, ``thread`` the artifacts that
    ``$thread.NAME`` stood for.
    """
    inputs: dict[str, list[Artifact]] = {}
    for artifact in request.attachments:
        inputs.setdefault(artifact.kind, []).append(artifact)
    composer = _Composer(plan, steps, values, registry, phrasebook(language), inputs, thread or {})
    references = [reference for text in plan.answer if (reference := parse_reference(text)) is not None]
    for reference in references:
        composer.tell(reference)
    composer.tell_failures(references)
    sentences = [each.sentence for each in composer.told] or [composer.book.say("nothing_asked")]
    text = composer.book.paragraph([*sentences, *notes])
    return Answer(text, tuple(composer.told), composer.artifacts, _verdict(plan, steps, references))


def _verdict(plan: Plan, steps: Mapping[str, Outcome], references: Sequence[Reference]) -> Verdict:
    good = 0
    whole = True
    for reference in references:
        outcome = steps.get(reference.name) if reference.source == "step" else None
        if reference.source != "step" or (outcome and outcome.status in _GOOD):
            good += 1
            whole = whole and (outcome is None or outcome.error is None or _only_empty(outcome.error))
        elif outcome and _root(plan, steps, reference.name)[1].get("code") == _EMPTY_INPUT:
            good += 1  # nothing to work on, since nothing was found: an answer, not a fault
    if not good and references:
        return "failed"
    return "answered" if whole and good == len(references) else "partial"


def _only_empty(error: Mapping[str, Any]) -> bool:
    """Whether the elements of an ``each`` step that are left out had nothing to work on."""
    elements = error.get("facts", {}).get("elements", ())
    return bool(elements) and all(each.get("code") == _EMPTY_INPUT for each in elements)


def _root(plan: Plan, steps: Mapping[str, Outcome], name: str) -> tuple[str, Mapping[str, Any]]:
    """The step at the bottom of why ``name`` gave nothing, and its error."""
    outcome = steps.get(name)
    if outcome is not None and outcome.status == "not_run":
        for before in plan.step(name).needs():
            if before not in steps or steps[before].status not in _GOOD:
                return _root(plan, steps, before)
    return name, (outcome.error if outcome else None) or {}


def artifact_names(kind: str, step: str, count: int) -> list[str]:
    """What the artifacts of a step are called in results: kind and step, numbered where there are several."""
    return [f"{kind}_{step}"] if count == 1 else [f"{kind}_{step}_{number}" for number in range(1, count + 1)]


@dataclass
class _Composer:
    plan: Plan
    steps: Mapping[str, Outcome]
    values: Mapping[str, Any]
    registry: Registry
    book: Phrasebook
    inputs: Mapping[str, Sequence[Artifact]]
    thread: Mapping[str, Artifact]
    told: list[Evidence] = field(default_factory=list)
    artifacts: dict[str, Artifact] = field(default_factory=dict)

    def tell(self, reference: Reference) -> None:
        """Add the sentences of one answered reference, where its step was carried out."""
        if reference.source != "step":
            self._tell_given(reference)
            return
        outcome = self.steps.get(reference.name)
        if outcome is None or outcome.status not in _GOOD:
            return
        step = self.plan.step(reference.name)
        value = self.values[step.id]
        for earlier in self._pictures_before(step):
            self._add(earlier, self._sentence(earlier, self.values[earlier.id]), self.values[earlier.id])
        if reference.path:
            part = follow(value, reference.path)
            self._add(step, self.book.say("plain", tool=f"{step.tool} {reference}", value=part), part)
        else:
            self._add(step, self._whole(step, value), value)
        for each in self._behind(step):
            error = self.steps[each.id].error if each.id in self.steps else None
            if error and each.id in self.values:
                self._tell_failed_elements(each, error, self.values[each.id])
        if found := artifacts_in(value):
            self.artifacts |= zip(artifact_names(found[0].kind, step.id, len(found)), found, strict=True)

    def tell_failures(self, references: Sequence[Reference]) -> None:
        """Say once for each root cause what failed, and which answered steps were not run because of it."""
        lost: dict[str, list[str]] = {}
        for reference in references:
            if reference.source == "step":
                outcome = self.steps.get(reference.name)
                if outcome is None or outcome.status not in _GOOD:
                    root, _ = _root(self.plan, self.steps, reference.name)
                    lost.setdefault(root, []).append(reference.name)
        for root, names in lost.items():
            self._tell_failure(root, names)

    def _tell_failure(self, root: str, names: list[str]) -> None:
        outcome = self.steps.get(root)
        error = (outcome.error if outcome else None) or {}
        step = self.plan.step(root)
        message = unquoted(str(error.get("message", "")).rstrip(".。"))
        tools = self.book.join(list(dict.fromkeys(self.plan.step(name).tool for name in names)))
        others = self.book.join([self.plan.step(name).tool for name in names if name != root])
        if error.get("code") == _EMPTY_INPUT:
            sentences = [self._none_found(step), self.book.say("had_nothing", tools=tools)]
        elif outcome is not None and outcome.status == "failed":
            hint = error.get("hint")
            name = "failed_hint" if hint else "failed"
            sentences = [self.book.say(name, tool=step.tool, message=message, hint=hint)]
            sentences += [self.book.say("so_not_run", tools=others)] if others else []
        elif error.get("code") in _STOPPED:
            sentences = [self.book.say("not_finished", tools=tools)]
        else:
            sentences = [self.book.say("not_run", tools=tools, message=message or "-")]
        for sentence in sentences:
            self._add(step, sentence, None)

    def _tell_given(self, reference: Reference) -> None:
        value = resolve(str(reference), inputs=self.inputs, thread=self.thread, outputs={})
        found = artifacts_in(value)
        names = artifact_names(reference.name, reference.source, len(found))
        self.told.append(Evidence(self.book.say("given", name=names), "", "", tuple(found)))
        self.artifacts |= zip(names, found, strict=True)

    def _behind(self, step: Step) -> list[Step]:
        """The step and all that it rests on, in the plan's order."""
        known, waiting = {step.id}, [step]
        while waiting:
            names = [name for name in waiting.pop().needs() if name not in known]
            known.update(names)
            waiting += [self.plan.step(name) for name in dict.fromkeys(names)]
        return [each for each in self.plan.steps if each.id in known]

    def _tell_failed_elements(self, step: Step, error: Mapping[str, Any], value: Any) -> None:
        lost = error["facts"]["elements"]
        message = unquoted(str(lost[0]["message"]).rstrip(".。"))
        total = len(lost) + len(value)
        if _only_empty(error):
            self._add(
                step, self.book.say("empty_elements", len(lost), tool=step.tool, count=len(lost), total=total), None
            )
            return
        sentence = self.book.say("failed_elements", tool=step.tool, count=len(lost), total=total, message=message)
        self._add(step, sentence, None)

    def _whole(self, step: Step, value: Any) -> str:
        """The sentence of a step's output; for an ``each`` step, one numbered sentence an element."""
        if step.each is None or not value:
            return self._sentence(step, value)
        parts = [
            self.book.say("element", number=number, sentence=self._sentence(step, element))
            for number, element in enumerate(value, 1)
        ]
        return self.book.paragraph(parts)

    def _sentence(self, step: Step, value: Any) -> str:
        tool = self.registry.get(step.tool)
        subject = subject_of(self.plan, step, self.registry)
        number = self._number(step, value)
        counted = tool.returns.python is int and any(param.kind in SELECTIONS for param in tool.params)
        if (value == 0 and counted) or is_empty(value):
            return self._none_found(step)
        selected = tool.returns.kind in ("boxes", "masks") and not isinstance(value, list)
        template = tool.card.answer.get(self.book.language)
        slots = {
            **self._said(step),
            "method": getattr(value, "method", ""),
            "labels": subject.phrase(self.book, number),
            "value": number if selected else self._told_once(value) if template and "{labels}" in template else value,
            "count": number,
            "tool": step.tool,
        }
        if template is not None and "{rows}" in template and is_rows(value):
            rows, left = rows_of(value)
            more = [self.book.say("more", count=left)] if left else []
            slots["rows"], selected = "; ".join([*rows, *more]), False
        if template is not None and (subject.labels or not selected):
            try:
                return self.book.fill(template, number, slots)
            except KeyError:
                pass  # a card of a user's own tool may name a slot that this step has no value for
        return self._plain(step, value, subject, number)

    def _said(self, step: Step) -> dict[str, Any]:
        """The arguments that a sentence can repeat: those of the plan itself, and short texts that a step gave."""
        said = {}
        for name, each in step.args.items():
            reference = parse_reference(each)
            if reference is None:
                said[name] = short(each, _REPEATED) if isinstance(each, str) else each
                continue
            value = self.values.get(reference.name) if reference.source == "step" and not reference.path else None
            if isinstance(value, Text) and value.characters <= _REPEATED:
                said[name] = value.text.strip().rstrip(".。")
        return said

    def _told_once(self, value: Any) -> Any:
        """Words of several things with equal ones told once: "red", or "red (2) and blue"."""
        if not (isinstance(value, list) and all(isinstance(each, str) for each in value)):
            return value
        counts = Counter(value)
        if len(counts) == 1:
            return value[0]
        return [self.book.value(word) + (f" ({count})" if count > 1 else "") for word, count in counts.items()]

    def _plain(self, step: Step, value: Any, subject: Subject, number: int) -> str:
        """What is said of a value whose tool has no sentence of its own, by the value's kind."""
        kind = self.registry.get(step.tool).returns.kind
        found = artifacts_in(value)
        if kind in ("text", "transcript"):
            return self.book.say("text", value=value)
        if kind in ("boxes", "masks") and len(found) == 1:
            labels: Sequence[str] = found[0].labels  # type: ignore[attr-defined]
            if not subject.labels and labels:
                return self.book.say("found_by_class", number, count=number, value=self._by_class(subject, labels))
            return self.book.say("found", number, count=number, labels=subject.phrase(self.book, number))
        if kind is None:
            return self.book.say("plain", tool=step.tool, value=value)
        name = artifact_names(kind, step.id, len(found))
        return self.book.say("made" if len(found) == 1 else "made_several", tool=step.tool, name=name, count=len(found))

    def _by_class(self, subject: Subject, labels: Sequence[str]) -> list[str]:
        counts = {label: labels.count(label) for label in dict.fromkeys(labels)}
        return [
            self.book.say("counted", count=n, labels=Subject((label,), nouns=subject.nouns).phrase(self.book, n))
            for label, n in counts.items()
        ]

    def _none_found(self, step: Step) -> str:
        subject = subject_of(self.plan, step, self.registry)
        sought = None if subject.labels else self.book.entries["sought"].get(step.tool)
        return self.book.say("none_found", labels=sought or subject.phrase(self.book, 0))

    def _number(self, step: Step, value: Any) -> int:
        """How many things the sentence about a step speaks of."""
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, list):
            return len(value)
        for selection in (value, *(self.values.get(each.id) for each in self._selections(step))):
            if hasattr(selection, "labels") and hasattr(selection, "__len__"):
                return len(selection)
        return 1

    def _selections(self, step: Step) -> Iterator[Step]:
        return selections_before(self.plan, step, self.registry)

    def _pictures_before(self, step: Step) -> list[Step]:
        """The steps that made the medium which ``step`` went on with, first to last, unless the answer has them."""
        kind = self.registry.get(step.tool).returns.kind
        if kind in (None, "text", "boxes", "masks"):
            return []
        for name in step.needs():
            before = self.plan.step(name)
            if self.registry.get(before.tool).returns.kind == kind and before.each is None:
                if f"${name}" in self.plan.answer:
                    return []
                return [*self._pictures_before(before), before]
        return []

    def _add(self, step: Step, sentence: str, value: Any) -> None:
        used: dict[Artifact, None] = {}
        for _, reference in step.references():
            if reference.source == "step" and reference.name not in self.values:
                continue
            if reference.source != "item":
                given = resolve(str(reference), inputs=self.inputs, thread=self.thread, outputs=self.values)
                used |= dict.fromkeys(artifacts_in(given))
        used |= dict.fromkeys(artifacts_in(value))
        self.told.append(Evidence(self.book.sentence(sentence), step.id, step.tool, tuple(used)))

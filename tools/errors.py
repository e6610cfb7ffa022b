"""Typed errors: the class says who must act, the message names the thing, the hint says what to do.

::

    PanmodalError
    ├── InputError              the user must act (exit code 2)
    │   ├── MissingFile         a path that is not there
    │   ├── NotDecodable        a file that is not the medium it claims to be
    │   ├── TooLarge            over a decoding limit
    │   ├── PlanError           a plan that the checker refuses; carries every violation
    │   ├── ProfileError        a profile that does not validate
    │   ├── ThreadBusy          two runs on one thread at once
    │   ├── RunNotFound         no such run in this home
    │   ├── UnknownTool         no such tool in the registry
    │   └── UnknownRole         no such role, or the profile does not serve it
    ├── ToolError               one step failed; the planner may react
    │   ├── WrongArgument       an argument of the wrong kind, type or value
    │   ├── UnknownLabel        a noun that the detector's closed vocabulary lacks
    │   ├── StepTimeout         a step ran past its limit
    │   └── EmptyInput          a tool that needs something was given a collection with nothing in it
    ├── ModelError              a model cannot be had, or answered badly
    │   ├── CheckpointMissing   not on this machine; the hint is the command that gets it
    │   ├── CheckpointBroken    there, but not what it should be
    │   ├── PoolLimitTooSmall   larger than the pool's byte limit
    │   ├── OutOfMemory         the device is full after everything else was tried
    │   ├── EndpointError       a remote model did not answer
    │   │   └── EndpointRefused     or never will: the key, the model's name or the request is wrong
    │   └── PlannerOutputError  a planner whose output is not a plan
    ├── RunError                the run as a whole stopped
    │   ├── Cancelled
    │   ├── BudgetExceeded
    │   └── ResumeError
    └── MissingExtra            an optional part is not installed; the hint is the command that installs it
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class PanmodalError(Exception):
    """Root of every error that Panmodal raises on purpose.

    ``message`` names the file, limit or field; ``hint`` says what to do; ``facts`` are small JSON values for
    programs. Secrets belong in none of them. Every subclass can be built from the message alone, so that
    instances pickle and cross processes unchanged.
    """

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False  # whether the same call may well succeed a moment later

    def __init__(self, message: str, *, hint: str = "", **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.facts: dict[str, Any] = facts

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def to_dict(self) -> dict[str, Any]:
        """The error as JSON: ``{"code", "message", "hint", "facts"}``."""
        return {"code": self.code, "message": self.message, "hint": self.hint, "facts": self.facts}


class InputError(PanmodalError):
    """The user must act: what was given cannot be used (exit code 2)."""

    code = "input"


class MissingFile(InputError):
    """A path that does not exist or cannot be read."""

    code = "missing-file"


class NotDecodable(InputError):
    """A file that is not the medium it claims to be, or breaks off in the middle."""

    code = "not-decodable"


class TooLarge(InputError):
    """A medium over one of the decoding limits (pixels, bytes, seconds, frames, archive depth)."""

    code = "too-large"


class PlanError(InputError):
    """A plan that cannot run. ``violations`` lists all of them, each with path, code, message and hint."""

    code = "plan"

    def __init__(
        self, message: str, *, hint: str = "", violations: Sequence[Mapping[str, Any]] = (), **facts: Any
    ) -> None:
        super().__init__(message, hint=hint, violations=[dict(each) for each in violations], **facts)

    @property
    def violations(self) -> list[dict[str, Any]]:
        """Every violation as a dict with ``path``, ``code``, ``message`` and ``hint``."""
        found: list[dict[str, Any]] = self.facts["violations"]
        return found


class ProfileError(InputError):
    """A profile that is missing, does not parse or does not validate."""

    code = "profile"


class ThreadBusy(InputError):
    """Another run of the same thread has not ended yet."""

    code = "thread-busy"


class RunNotFound(InputError):
    """No run of that id in this home."""

    code = "run-not-found"


class UnknownTool(InputError):
    """A tool name that the registry does not know."""

    code = "unknown-tool"


class UnknownRole(InputError):
    """A role that does not exist or that the profile does not serve."""

    code = "unknown-role"


class ToolError(PanmodalError):
    """One step failed for a cause that the planner or the user can act on."""

    code = "tool"


class WrongArgument(ToolError):
    """An argument of the wrong kind, type or value; ``facts["field"]`` names it."""

    code = "wrong-argument"


class UnknownLabel(ToolError):
    """A noun outside the detector's closed vocabulary; the hint names the nearest words it knows."""

    code = "unknown-label"


class StepTimeout(ToolError):
    """A step ran past its time limit."""

    code = "step-timeout"


class EmptyInput(ToolError):
    """A tool that needs at least one thing was given none; says which thing was not found."""

    code = "empty-input"


class ModelError(PanmodalError):
    """A model cannot be had, or answered in a way that cannot be used."""

    code = "model"


class CheckpointMissing(ModelError):
    """The checkpoint is not on this machine; the hint is the command that gets it."""

    code = "checkpoint-missing"


class CheckpointBroken(ModelError):
    """The checkpoint is there, but its content is not what the loader or the profile's digest expects."""

    code = "checkpoint-broken"


class PoolLimitTooSmall(ModelError):
    """A model, or the models of one step together, are larger than the pool's byte limit."""

    code = "pool-limit-too-small"


class OutOfMemory(ModelError):
    """The device's memory is full after eviction and smaller batches were tried."""

    code = "out-of-memory"
    retryable = True


class EndpointError(ModelError):
    """A remote model did not answer, refused, or answered with something unusable."""

    code = "endpoint"
    retryable = True


class EndpointRefused(EndpointError):
    """A remote model said no (key, rights, model name, size of the request): trying again changes nothing."""

    code = "endpoint-refused"
    retryable = False


class PlannerOutputError(ModelError):
    """A planner's output is not a plan."""

    code = "planner-output"


class RunError(PanmodalError):
    """The run as a whole stopped."""

    code = "run"


class Cancelled(RunError):
    """The run was cancelled; finished steps are kept."""

    code = "cancelled"


class BudgetExceeded(RunError):
    """A limit of the run's budget is reached; finished steps are kept."""

    code = "budget-exceeded"


class ResumeError(RunError):
    """A run that cannot be continued from its journal."""

    code = "resume"


class MissingExtra(PanmodalError):
    """An optional part of Panmodal is not installed; the hint is the command that installs it."""

    code = "missing-extra"

"""What the tools share that have a model draw: the drawing that a prompt asks for, and who hears how far it is."""

from collections.abc import Callable
from typing import TypedDict

from ..errors import EmptyInput, WrongArgument
from ..media.text import Text
from ..roles import Drawing, StepContext, StopFlag
from ..see.in_english import in_english

LONGEST = 4000
"""Characters of a prompt at most; text encoders read a few hundred and leave the rest out."""


class Watched(TypedDict):
    """What a generator is told of the step that it works for."""

    progress: Callable[[float], None]
    stop: StopFlag


def asked(prompt: Text, ctx: StepContext, negative: str = "", seed: int | None = None) -> Drawing:
    """The drawing of a prompt, in English where it is Chinese for mere things; without ``seed`` the step's decides.

    Raises ``EmptyInput`` for a prompt without words, ``WrongArgument`` for one of more than ``LONGEST`` characters.
    """
    if prompt.empty:
        raise EmptyInput("nothing to draw: the prompt has no words", hint='say what, like "a red star"', kind="text")
    for field, words in (("prompt", prompt.text), ("negative", negative)):
        if len(words) > LONGEST:
            raise WrongArgument(
                f"a {field} of {len(words)} characters", hint=f"{LONGEST} at most can be drawn; shorten it",
                field=field, limit=LONGEST,
            )  # fmt: skip
    return Drawing(in_english(prompt.text.strip()), seed=ctx.seed if seed is None else seed, negative=negative)


def watched(ctx: StepContext, doing: str) -> Watched:
    """Progress and stop flag of a step; ``doing`` is what its progress is reported as."""
    return {"progress": lambda share: ctx.progress(share, doing), "stop": ctx.stop}

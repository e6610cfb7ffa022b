"""The texts and word tables that planners use, read from the package's data; nothing of them stands in
code.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from jinja2 import Environment


def render(name: str, **variables: Any) -> str:
    """The prompt `prompts/NAME.md` with its variables filled in.

    Raises KeyError where a variable is missing or one is given that the template does not use: either means
    that template and caller have come apart.
    """
    from jinja2 import meta  # takes longer to import than the rest of planning; word tables do without it

    environment = _environment()
    source = _file(f"{name}.md").read_text(encoding="utf-8")
    used = meta.find_undeclared_variables(environment.parse(source))
    if missing := sorted(used - variables.keys()):
        raise KeyError(f"prompt {name!r} needs {', '.join(missing)}")
    if extra := sorted(variables.keys() - used):
        raise KeyError(f"prompt {name!r} does not use {', '.join(extra)}")
    return environment.from_string(source).render(variables).strip()


@cache
def table(name: str) -> Any:
    """The word table `prompts/NAME.yaml` as plain data; one copy for all readers, which must not change
    it."""
    return yaml.safe_load(_file(f"{name}.yaml").read_text(encoding="utf-8"))


def _file(name: str) -> Traversable:
    root = __package__.rpartition(".")[0]
    return resources.files(f"{root}.prompts") / name


@cache
def _environment() -> Environment:
    from jinja2 import Environment, StrictUndefined

    # The output is text for a model, not HTML: escaping would change the user's words.
    return Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)

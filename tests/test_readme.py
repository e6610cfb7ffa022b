"""What the README copies from commands is what they print."""

from pathlib import Path

from panmodal.agent.cli.look import tools_table
from panmodal.tools.registry import BUILTIN, default_registry

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_table_of_tools_is_the_registrys() -> None:
    assert tools_table(default_registry().subset(BUILTIN).tools()) in README

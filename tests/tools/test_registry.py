import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import panmodal.tools
from panmodal.tools.contract import Tool, tool
from panmodal.tools.errors import InputError, MissingFile, UnknownTool
from panmodal.tools.registry import BUILTIN, Registry, default_registry, load_tools_file


@tool
def shout(text: str) -> str:
    """Say it louder."""
    return text.upper()


def test_the_table_names_the_tools_it_loads() -> None:
    registry = default_registry()
    assert registry.names()[: len(BUILTIN)] == tuple(BUILTIN)
    for each in registry.tools():
        assert each.doc.endswith(".")
        assert each.card.examples
        assert {"en", "zh"} <= each.card.answer.keys()
        assert all(param.doc for param in each.params)


def test_no_tool_of_ours_is_left_out_of_the_table() -> None:
    found = set()
    for module in pkgutil.walk_packages(panmodal.tools.__path__, "panmodal.tools."):
        if module.name.count(".") == 3 and not module.name.startswith(
            ("panmodal.tools.loaders", "panmodal.tools.media")
        ):
            found |= {each.name for each in vars(import_module(module.name)).values() if isinstance(each, Tool)}
    assert found == set(BUILTIN) and len(found) > 70


def test_unknown_names_get_near_misses() -> None:
    with pytest.raises(UnknownTool, match="did you mean detect") as caught:
        default_registry().get("detcet")
    assert caught.value.facts["near"][0] == "detect"


def test_names_are_unique_and_only_tools_are_taken() -> None:
    registry = Registry([shout])
    with pytest.raises(InputError, match="already a tool named 'shout'"):
        registry.add(shout)
    with pytest.raises(TypeError, match="decorate the function"):
        registry.add(lambda text: text)  # type: ignore[arg-type]


def test_subsets_and_additions_leave_the_original_alone() -> None:
    registry = default_registry()
    assert registry.subset(["count", "detect"]).names() == ("detect", "count")
    assert registry.with_tools([shout]).names()[-1] == "shout"
    assert "shout" not in registry
    assert {each.name for each in registry.by_output("boxes")} >= {"detect", "select", "filter"}


def test_the_digest_names_the_set_of_tools_not_their_order() -> None:
    registry = default_registry()
    turned = Registry(reversed(registry.tools()))
    assert registry.digest() == turned.digest() == default_registry().digest()
    assert registry.digest() != registry.with_tools([shout]).digest()


def test_a_users_file_gives_its_tools_in_order(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from panmodal.tools.contract import tool\n"
        "from panmodal.tools.see.count import count\n"
        "@tool\ndef second(text: str) -> int:\n    return len(text)\n"
        "@tool\ndef first(text: str) -> str:\n    return text[::-1]\n"
    )
    loaded = load_tools_file(file)
    assert [each.name for each in loaded] == ["second", "first"]  # `count` is imported, not theirs
    assert loaded[1]("abc") == "cba"


def test_files_without_usable_tools_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="nowhere.py"):
        load_tools_file(tmp_path / "nowhere.py")
    broken = tmp_path / "broken.py"
    broken.write_text("from panmodal.tools.contract import tool\n@tool\ndef f(x) -> int:\n    return 1\n")
    with pytest.raises(InputError, match=r"broken.py cannot be loaded: TypeError: .*'x' has no type hint"):
        load_tools_file(broken)
    empty = tmp_path / "empty.py"
    empty.write_text("def f(x: int) -> int:\n    return 1\n")
    with pytest.raises(InputError, match="defines no tool"):
        load_tools_file(empty)


_ASK = """
import sys, warnings
sys.path.insert(0, {folder!r})
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from panmodal.tools.registry import default_registry
    registry = default_registry()
assert "whisper_it" in registry, registry.names()
assert "torch" not in sys.modules and "cv2" not in sys.modules and "PIL" not in sys.modules
print([str(each.message) for each in caught])
"""


def test_other_packages_add_tools_and_a_broken_one_costs_only_itself(tmp_path: Path) -> None:
    (tmp_path / "neighbour.py").write_text(
        "from panmodal.tools.contract import tool\n@tool\ndef whisper_it(text: str) -> str:\n    return text.lower()\n"
    )
    facts = tmp_path / "neighbour-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: neighbour\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(
        "[panmodal.tools]\nwhisper_it = neighbour:whisper_it\ngone = neighbour:not_there\n"
    )
    script = _ASK.format(folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "tool 'gone' of package neighbour is left out" in done.stdout

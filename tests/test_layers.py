"""Imports go down the floors only, no module is loaded twice, and no package is forgotten in pyproject.toml."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = {"prompts": 0, "tools": 1, "planners": 2, "agent": 3}
SOURCES = [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py")) if path.parent.name != "_facade"]


def imported_modules(path: Path, *, for_types: bool = True) -> set[str]:
    """Every module that a file imports, lazily or not, as `floor.module…` for ours; parents are not counted.

    Without `for_types` those that only a type checker sees are left out: they cannot load anything.
    """
    package = path.relative_to(ROOT).with_suffix("").parts
    found: set[str] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    unseen = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not for_types
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in unseen:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0:
                found.add(node.module or "")
                continue
            base = list(package[: len(package) - node.level])
            target = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{target}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down_only(path: Path) -> None:
    own = FLOORS[path.relative_to(ROOT).parts[0]]
    for module in imported_modules(path):
        floor = FLOORS.get(module.split(".")[0])
        assert floor is None or floor <= own, f"{path} imports {module}, which is above it"
        assert not module.startswith("panmodal"), f"{path} imports {module}: inside the package imports are relative"


def test_nothing_but_the_command_line_imports_the_lab() -> None:
    for path in SOURCES:
        relative = path.relative_to(ROOT).parts
        if relative[:2] in (("agent", "lab"), ("agent", "cli")):
            continue
        assert not any(module.startswith("agent.lab") for module in imported_modules(path)), path


def test_there_is_no_import_cycle() -> None:
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in SOURCES}
    graph = {
        name: {
            target
            for module in imported_modules(path, for_types=False)
            for target in (module, module.rpartition(".")[0], f"{module}.__init__")
            if target in names and target != name
        }
        for name, path in names.items()
    }
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, "cycle: " + " -> ".join((*trail[trail.index(name) :], name))
        if name in done:
            return
        for target in sorted(graph[name]):
            visit(target, (*trail, name))
        done.add(name)

    for name in graph:
        visit(name, ())


def test_every_package_is_listed() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    there = {
        "panmodal." + ".".join(path.parent.relative_to(ROOT).parts)
        for floor in FLOORS
        for path in (ROOT / floor).rglob("__init__.py")
        if path.parent.name != "_facade"
    }
    assert set(listed) - {"panmodal"} == there


def test_every_top_level_folder_is_expected() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    folders = {line.split("/")[0] for line in tracked.splitlines() if "/" in line}
    assert folders <= {*FLOORS, "examples", "tests", ".ci"}


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    return done.stdout.strip()


HEAVY = "{'torch', 'transformers', 'ultralytics', 'diffusers', 'whisper', 'segment_anything', 'torchvision'}"


def test_import_is_light() -> None:
    loaded = run_python("import panmodal, sys; print([m for m in ('numpy', 'pydantic', 'torch') if m in sys.modules])")
    assert loaded == "[]"


PLAN = "{version: 1, steps: [{id: s1, tool: detect, args: {image: $in.image, labels: [car]}}], answer: [$s1]}"


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["tools"], ["tools", "--json"], ["plan"]])
def test_light_commands_load_no_torch(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANMODAL_HOME", str(tmp_path / "home"))
    if arguments == ["plan"]:
        (tmp_path / "plan.yaml").write_text(PLAN, encoding="utf-8")
        arguments = ["plan", "--plan", str(tmp_path / "plan.yaml")]
    code = (
        f"import sys; sys.argv = ['panmodal', *{arguments!r}]\n"
        "from panmodal.agent.cli import main\n"
        "try:\n    main()\nexcept SystemExit as e:\n    assert not e.code, e.code\n"
        f"print('HEAVY', {HEAVY} & set(sys.modules))"
    )
    assert run_python(code).endswith("HEAVY set()")


def test_no_module_is_loaded_twice() -> None:
    code = (
        "import sys, panmodal.agent.agent, panmodal.tools.registry\n"
        "panmodal.tools.registry.default_registry().tools()\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('agent', 'tools', 'planners', 'prompts')])"
    )
    assert run_python(code) == "[]"

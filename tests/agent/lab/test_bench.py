"""The benchmarks measure equal work, and their own arithmetic is right."""

import asyncio
from pathlib import Path

import pytest

from panmodal.agent.lab.bench import agent_loops, dag, imports, request, steps
from panmodal.agent.lab.bench.chains import first_text, last_text
from panmodal.agent.lab.figures import targets


@pytest.mark.parametrize("name", list(steps.CONTENDERS))
def test_every_contender_does_the_whole_chain(name: str) -> None:
    cpu, wall, nbytes = steps.cost(steps.CONTENDERS[name], first_text(3), 5)
    assert cpu > 0 and wall > 0
    assert (nbytes > 0) == ("+" in name)


@pytest.mark.parametrize("make", [agent_loops.langgraph_loop, agent_loops.langchain_agent, agent_loops.smolagents_loop])
def test_agent_loops_end_with_the_same_text(make: object) -> None:
    text = first_text(1)
    assert make(text, 4).run() == last_text(text, 4)  # type: ignore[operator]


def test_unequal_work_is_an_error_and_not_a_figure() -> None:
    def lazy(text: str, count: int, folder: Path) -> object:
        return steps.CONTENDERS["panmodal"](text, count - 1, folder)

    with pytest.raises(RuntimeError, match="work is not equal"):
        steps.cost(lazy, first_text(0), 5)  # type: ignore[arg-type]


def test_the_critical_path_is_the_longest_chain() -> None:
    shape = dag.Shape("diamond", (1.0, 2.0, 5.0, 1.5), ((), (0,), (0,), (1, 2)))
    assert shape.critical_path == 7.5
    assert all(len(each.seconds) == dag.NODES for each in dag.shapes(0)[: dag.RANDOM_PLANS])
    assert dag.shapes(4) == dag.shapes(4) != dag.shapes(5)


def test_both_executors_carry_out_a_whole_plan() -> None:
    shape = dag.Shape("small", (0.01, 0.02, 0.01), ((), (0,), (0,)))
    for prepare in dag.CONTENDERS.values():
        assert asyncio.run(prepare(shape)()) == pytest.approx(0.04)


def test_importing_panmodal_loads_nothing_heavy() -> None:
    seconds, mebibytes, heavy = imports.start(imports.STARTS["Agent and tool"])
    assert list(heavy) == []
    assert 0 < seconds < 10 and 5 < mebibytes < 200


def test_a_requests_fixed_cost_is_measured_on_answered_requests() -> None:
    assert all(0 < each < 500 for each in request.fixed_cpu_ms(2, thread="t"))


def test_every_stated_target_is_one_that_a_benchmark_measures() -> None:
    assert set(targets("steps")) <= {
        "share_of_chain", "share_of_saved_chain", "growth_50_to_400", "journal_over_payload", "request_cpu_ms"
    }  # fmt: skip
    assert set(targets("dag")) == {"ragged"}
    assert set(targets("import")) == {"import_cpu_s", "help_cpu_s", "heavy_modules"}

import ast

from panmodal.planners.plan import Plan
from panmodal.planners.render import to_mermaid, to_script, to_terminal

PLAN = Plan.from_data(
    {
        "version": 1,
        "request": 'Count the "big" <cars>\nin each',
        "steps": [
            {"id": "s1", "tool": "detect", "args": {"image": "$item", "labels": ['"cars"']}, "each": "$in.image[*]"},
            {"id": "s2", "tool": "count", "args": {"boxes": "$item"}, "each": "$s1", "note": "one number each"},
        ],
        "answer": ["$s2", "$thread.image"],
    }
)


def test_the_terminal_form_has_a_line_per_step_in_columns_with_statuses() -> None:
    lines = to_terminal(PLAN, {"s1": "done 0.2 s"}).splitlines()
    assert lines[0] == 's1  detect  each=$in.image[*] image=$item labels=["\\"cars\\""]  done 0.2 s'
    assert lines[1].startswith("s2  count   each=$s1")
    assert lines[2].strip() == "# one number each"
    assert lines[-1] == "answer  $s2, $thread.image"


def test_the_diagram_shows_inputs_steps_answer_and_escapes_quotes() -> None:
    text = to_mermaid(PLAN)
    assert text.startswith("flowchart TD\n")
    assert 'given_0(["$in.image[*]"])' in text and 'given_1(["$thread.image"])' in text
    assert 'given_0 -- "each" --> step_s1' in text and 'step_s1 -- "each" --> step_s2' in text
    assert "step_s2 --> answer" in text and "given_1 --> answer" in text
    assert "&quot;cars" in text


def test_the_script_is_python_that_holds_the_very_plan() -> None:
    tree = ast.parse(to_script(PLAN, profile="standard"))
    assigned = next(node for node in tree.body if isinstance(node, ast.Assign))
    scope: dict[str, object] = {}
    source = "from panmodal.planners.plan import Plan, Step\n" + ast.unparse(assigned)
    exec(compile(source, "script", "exec"), scope)
    assert scope["PLAN"] == PLAN
    assert "'standard'" in ast.unparse(tree)

import pickle

import pytest

from panmodal.tools import errors
from panmodal.tools.errors import PanmodalError, PlanError


def every_error() -> list[type[PanmodalError]]:
    return [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, PanmodalError)]


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_every_error_survives_a_process_border_with_all_it_says(kind: type[PanmodalError]) -> None:
    error = kind("there is no cat.png", hint="name a file that exists", path="cat.png")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert copy.to_dict() == error.to_dict()
    assert str(copy) == "there is no cat.png (name a file that exists)"


def test_codes_are_distinct_and_every_class_stands_in_the_drawn_tree() -> None:
    kinds = every_error()
    assert len({kind.code for kind in kinds}) == len(kinds)
    assert errors.__doc__ is not None
    for kind in kinds:
        assert kind.__name__ in errors.__doc__


def test_a_plan_error_carries_every_violation() -> None:
    error = PlanError("two things are wrong", violations=[{"path": "steps[0]"}, {"path": "steps[1]"}])
    assert [each["path"] for each in pickle.loads(pickle.dumps(error)).violations] == ["steps[0]", "steps[1]"]


def test_only_what_may_succeed_later_is_retryable() -> None:
    assert errors.EndpointError("slow").retryable
    assert not errors.EndpointRefused("wrong key").retryable
    assert not errors.WrongArgument("no picture").retryable

"""The façade names what users import, and each name resolves to an object that documents itself."""

import pytest

import panmodal


@pytest.mark.parametrize("name", panmodal.__all__)
def test_public_name_resolves_and_is_documented(name: str) -> None:
    assert getattr(panmodal, name).__doc__


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(AttributeError, match="Agent"):
        panmodal.Agnet  # noqa: B018

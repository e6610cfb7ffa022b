"""One folder holds all state."""

import pytest

from panmodal.agent.home import Home
from panmodal.tools.errors import InputError


def test_the_environment_names_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("PANMODAL_HOME", str(tmp_path / "there"))
    assert Home().root == tmp_path / "there"
    assert Home(tmp_path / "here").root == tmp_path / "here"
    monkeypatch.delenv("PANMODAL_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert Home().root.name == "panmodal"


def test_places_are_made_only_when_asked_for(tmp_path):
    home = Home(tmp_path / "home")
    assert not home.root.exists() and home.run_ids() == [] and not home.has_run("r1")
    assert not home.root.exists()
    for place in (home.store, home.runs, home.models, home.cache, home.profiles, home.run("r1")):
        assert place.is_dir() and home.root in place.parents
    assert home.threads_db.parent.is_dir() and not home.threads_db.exists()
    assert home.run_ids() == ["r1"] and home.has_run("r1")


@pytest.mark.parametrize("run_id", ["", "..", "../store", "a/b", ".hidden", "a\0b", "x" * 200])
def test_a_run_cannot_leave_the_home(tmp_path, run_id):
    home = Home(tmp_path)
    assert not home.has_run(run_id)
    with pytest.raises(InputError, match="run id"):
        home.run(run_id)

"""Profiles: where they are found, how they merge, and that every mistake names its file and field."""

from datetime import date
from pathlib import Path

import pytest

from panmodal.agent.home import Home
from panmodal.agent.profiles.loading import PACKAGED, Profile, load_profile
from panmodal.tools.errors import MissingFile, PanmodalError, ProfileError
from panmodal.tools.loaders.registry import LOADERS
from panmodal.tools.roles import ROLES


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def load(home: Home, *overrides: str, name: str | None = None, cwd: Path | None = None) -> Profile:
    return load_profile(name, overrides, home=home, cwd=cwd or home.root.parent)


def test_mini_is_the_default_and_its_checkpoints_lie_in_the_package(home: Home) -> None:
    profile = load(home)
    assert profile.name == "mini"
    assert profile.roles["detector"][0].checkpoint == str(PACKAGED / "mini/detector")
    assert profile.pool.limit == 512 * 2**20
    assert set(profile.specs()) == set(ROLES) - {
        "writer",
        "fetcher",
        "depth_estimator",
        "controlled_generator",
        "video_generator",
    }


@pytest.mark.parametrize("name", ["standard", "large"])
def test_public_rows_cite_their_pages_are_not_run_here_and_guess_nothing(home: Home, name: str) -> None:
    profile = load(home, name=name)
    assert set(profile.roles) <= set(ROLES)
    for role, entries in profile.roles.items():
        for entry in entries:
            assert entry.loader in LOADERS, role
            if entry.checkpoint.startswith(str(PACKAGED)):
                continue  # it comes with a package, and runs in mini
            assert entry.run_here is False and entry.sources, role
            assert all(page.read == date(2026, 11, 27) for page in entry.sources), role
            # A digest is stated only where the publisher's own address carries it.
            assert entry.sha256 is None or f"/{entry.sha256}/" in entry.checkpoint, role
    specs = profile.specs()
    assert specs["planner"][0].key == specs["mllm"][0].key == specs["captioner"][0].key, "one backbone, one load"


def test_whispers_addresses_are_the_librarys(home: Home) -> None:
    from whisper import _MODELS

    assert load(home, name="standard").roles["asr"][0].checkpoint == _MODELS["turbo"]
    assert load(home, name="large").roles["asr"][0].checkpoint == _MODELS["large"]


def test_what_a_page_says_of_one_checkpoint_is_not_said_of_another(home: Home) -> None:
    entry = load(home, "segmenter.checkpoint=./my.pth", name="standard").roles["segmenter"][0]
    assert (entry.licence, entry.size, entry.sources, entry.run_here) == (None, None, (), None)


def test_two_lines_make_an_own_checkpoint_the_detector(home: Home, tmp_path: Path) -> None:
    (tmp_path / "panmodal.toml").write_text('extends = "mini"\ndetector.checkpoint = "my.pt"\n')
    entry = load(home).roles["detector"][0]
    assert entry.checkpoint == str(tmp_path / "my.pt")
    assert entry.loader == "ultralytics"
    assert entry.licence is None, "mini's licence says nothing about somebody else's weights"
    assert load(home).roles["segmenter"] == load(home, name="mini").roles["segmenter"]


def test_every_value_says_where_it_came_from(home: Home, tmp_path: Path) -> None:
    (tmp_path / "panmodal.toml").write_text('extends = "mini"\ndetector.checkpoint = "my.pt"\n')
    profile = load(home, "pool.limit=2 GiB", "detector.options.conf=0.4")
    assert profile.origin("detector.checkpoint") == str(tmp_path / "panmodal.toml")
    assert profile.origin("detector.loader") == str(PACKAGED / "mini.toml")
    assert profile.origin("pool.limit") == "--set"
    assert profile.origin("detector.sha256") == "default"
    assert profile.pool.limit == 2 * 2**30
    assert profile.roles["detector"][0].options == {"conf": 0.4}


def test_a_role_may_have_several_candidates(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "two.toml"
    path.write_text(
        'extends = "mini"\n'
        '[[detector]]\nname = "small"\nloader = "ultralytics"\ncheckpoint = "a.pt"\n'
        '[[detector]]\nname = "big"\nloader = "ultralytics"\ncheckpoint = "b.pt"\n'
    )
    entries = load(home, name=str(path)).roles["detector"]
    assert [(entry.name, Path(entry.checkpoint).name) for entry in entries] == [("small", "a.pt"), ("big", "b.pt")]


def test_the_home_comes_before_the_package(home: Home) -> None:
    home.profiles.mkdir(parents=True, exist_ok=True)
    (home.profiles / "mine.toml").write_text('extends = "mini"\npool.limit = "1 GB"\n')
    assert load(home, name="mine").pool.limit == 10**9


def test_hub_ids_stay_as_they_are_and_paths_become_absolute(home: Home, tmp_path: Path) -> None:
    assert load(home, "mllm.checkpoint=org/model").roles["mllm"][0].checkpoint == "org/model"
    assert load(home, "mllm.checkpoint=./model").roles["mllm"][0].checkpoint == str(tmp_path / "model")


@pytest.mark.parametrize(
    ("text", "field", "says"),
    [
        ('extends = "minni"', None, "mini"),
        ("extends = [", None, "not TOML"),
        ('[detecter]\nloader = "x"\ncheckpoint = "y"', "detecter", "detector"),
        ('[detector]\nloader = "x"', "detector.checkpoint", "checkpoint"),
        ('[detector]\nloader = "x"\ncheckpoint = "y"\ncolor = 1', "detector.color", "color"),
        ('[pool]\nlimit = "many"', "pool.limit", "2 GiB"),
        ('[detector]\nloader = "x"\ncheckpoint = "y"\nsize = "big"', "detector.size", "2 GiB"),
        (
            '[detector]\nloader = "x"\ncheckpoint = "y"\nsources = [{ title = "t", url = "https://e.org" }]',
            "detector.sources.read",
            "required",
        ),
        ('[planner]\nloader = "x"\ncheckpoint = "y"\noptions = { api_key = "sk-1" }', "planner.api_key", "api_key_env"),
    ],
)
def test_a_mistake_names_file_and_field(home: Home, tmp_path: Path, text: str, field: str | None, says: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ProfileError) as caught:
        load(home, name=str(path))
    assert says in str(caught.value)
    assert "sk-1" not in str(caught.value)
    if field is not None:
        assert caught.value.facts["field"] == field
        assert str(path) in str(caught.value)


def test_a_profile_that_extends_itself_is_told(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "loop.toml"
    path.write_text('extends = "./loop.toml"')
    with pytest.raises(ProfileError, match="extends itself"):
        load(home, name=str(path))


def test_a_missing_profile_file_is_told(home: Home) -> None:
    with pytest.raises(MissingFile, match="nowhere.toml"):
        load(home, name="nowhere.toml")


@pytest.mark.parametrize("override", ["detector", "=x", "detector.=1"])
def test_an_override_must_be_field_equals_value(home: Home, override: str) -> None:
    with pytest.raises(PanmodalError, match="FIELD=VALUE"):
        load(home, override)


def test_a_profile_of_another_package_is_found(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site"
    (package / "theirs-1.0.dist-info").mkdir(parents=True)
    (package / "theirs.py").write_text("from pathlib import Path\nPROFILE = Path(__file__).parent / 'theirs.toml'\n")
    (package / "theirs.toml").write_text('extends = "mini"\npool.limit = 7\n')
    (package / "theirs-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (package / "theirs-1.0.dist-info/entry_points.txt").write_text("[panmodal.profiles]\ntheirs = theirs:PROFILE\n")
    monkeypatch.syspath_prepend(str(package))
    assert load(home, name="theirs").pool.limit == 7

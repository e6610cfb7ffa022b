"""Depth and its picture: by a tiny DPT as the library pictures it, and of depths that are known."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from transformers import pipeline

from panmodal.agent.profiles.loading import load_profile
from panmodal.tools.draw.depth_picture import depth_picture
from panmodal.tools.errors import EmptyInput
from panmodal.tools.loaders.registry import get_loader
from panmodal.tools.media.depth import Depth
from panmodal.tools.media.image import Image
from panmodal.tools.see.depth import depth

from ..loaders import tiny_vision as tiny


def made(values: list[list[float]], unit: str = "relative") -> Depth:
    array = np.array(values, np.float32)
    image = Image.from_array(np.zeros((*array.shape, 3), np.uint8))
    return Depth.of(array, image, unit)  # type: ignore[arg-type]


def grey(values: Depth) -> NDArray[np.uint8]:
    pixels = depth_picture(values).pixels
    assert (pixels == pixels[..., :1]).all()
    return pixels[..., 0]


def test_a_depth_and_its_picture_are_those_of_the_library(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "dpt", tiny.dpt)
    profile = tmp_path / "mine.toml"
    profile.write_text(f'[depth_estimator]\nloader = "transformers"\ncheckpoint = "{folder}"\n')
    (spec,) = load_profile(profile).specs()["depth_estimator"]
    rng = np.random.default_rng(0)
    image = Image.from_array(rng.integers(0, 256, (40, 70, 3), dtype=np.uint8), np.full((40, 70), 9, np.uint8))
    found = depth(image, depth_estimator=get_loader(spec.loader).load(spec).adapter("depth_estimator"))  # type: ignore[arg-type]
    assert (found.unit, found.image_id, found.values.shape) == ("relative", image.id, (40, 70))
    told = pipeline("depth-estimation", model=str(folder), image_processor=str(folder))(image.to_pil().convert("RGB"))
    # What the model tells falls with distance, and its picture is brighter where things are nearer.
    assert found.values == pytest.approx(-told["predicted_depth"].numpy(), abs=1e-4)
    assert np.abs(grey(found).astype(int) - np.asarray(told["depth"]).astype(int)).max() <= 1
    assert grey(found).min() == 0 and grey(found).max() == 255


def test_the_nearer_the_brighter() -> None:
    assert grey(made([[-3, 1, 7]])).tolist() == [[255, 153, 0]]
    metres = grey(made([[1, 2, 4, np.inf]], "metres"))
    assert metres[0, 0] == 255 and metres[0, 3] == 0 and (np.diff(metres[0].astype(int)) < 0).all()
    assert grey(made([[5]])).tolist() == [[0]]


def test_where_nothing_is_known_the_picture_is_clear() -> None:
    picture = depth_picture(made([[1, np.nan], [2, 3]]))
    assert picture.alpha is not None and picture.alpha.tolist() == [[255, 0], [255, 255]]
    assert depth_picture(made([[1, 2]])).alpha is None
    with pytest.raises(EmptyInput, match="known nowhere"):
        depth_picture(made([[np.nan, np.nan]]))

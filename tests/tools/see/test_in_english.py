"""Chinese descriptions of things are read in English by models that were taught nothing else."""

from typing import Any

import pytest

from panmodal.agent.lab.mini.shipped import shipped
from panmodal.agent.lab.world.scenes import SceneConfig, render_scene
from panmodal.tools.draw.generate_image import generate_image
from panmodal.tools.media.image import Image
from panmodal.tools.media.text import Text
from panmodal.tools.roles import StepContext
from panmodal.tools.see.detect import detect
from panmodal.tools.see.filter import filter_colour
from panmodal.tools.see.in_english import in_english
from panmodal.tools.see.search_images import search_images


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("红色的星星", "a red star"),
        ("一个红色的星星", "a red star"),
        ("橙色汽车", "an orange car"),
        ("一只粉鱼。", "a pink fish"),
        ("红色的星星和蓝圆形", "a red star and a blue circle"),
        ("房子", "a house"),
        ("草地上的一只猫", "草地上的一只猫"),
        ("梵高", "梵高"),
        ("白色背景上的红色的星星", "白色背景上的红色的星星"),
        ("a red star", "a red star"),
        ("", ""),
    ],
)
def test_things_and_their_colours_are_named_and_all_else_stays(said: str, meant: str) -> None:
    assert in_english(said) == meant


def test_chinese_words_draw_and_find_what_they_say() -> None:
    models: dict[str, Any] = {
        role: each.adapter() for role, each in shipped(("image_generator", "detector", "embedder")).items()
    }
    drawn = 0
    for seed, (words, label, colour) in enumerate(
        (("蓝色的杯子", "cup", "blue"), ("红色的星星", "star", "red"), ("黄色的房子", "house", "yellow"))
    ):
        image = generate_image(Text.of(words), image_generator=models["image_generator"], ctx=StepContext(seed))
        found = detect(image, [label], detector=models["detector"])
        drawn += len(filter_colour(image, found, colour)) > 0  # type: ignore[arg-type]
    assert drawn >= 2  # 17 of 20 where the words are English, 2 of 20 where they are not
    config = SceneConfig(count=(1, 1), size=(0.3, 0.36), backgrounds=("plain",))
    pictures = {}
    for label, colour in (("cup", "blue"), ("star", "red"), ("house", "yellow")):
        own = SceneConfig(**{**vars(config), "classes": (label,), "colours": (colour,)})
        pictures[label] = Image.from_array(render_scene(3, own, split="test").image)
    for words, label in (("蓝色的杯子", "cup"), ("红色的星星", "star"), ("黄色的房子", "house")):
        best = search_images(tuple(pictures.values()), words, embedder=models["embedder"], step=StepContext())[0]
        assert best == pictures[label]

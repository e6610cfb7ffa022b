"""What all artifacts promise: frozen, lazy, decoded once, read-only."""

import copy
import subprocess
import sys
import threading

import numpy as np
import pytest
from pydantic import ValidationError

from panmodal.tools.errors import NotDecodable, WrongArgument
from panmodal.tools.media.artifact import identity
from panmodal.tools.media.kinds import Artifact, Boxes, Image, Masks


def picture(width: int = 6, height: int = 4) -> Image:
    return Image.from_array(np.arange(width * height * 3, dtype=np.uint8).reshape(height, width, 3))


def test_fields_cannot_be_changed_and_arrays_cannot_be_written():
    image = picture()
    with pytest.raises(ValidationError):
        image.width = 9
    with pytest.raises(ValueError):
        image.pixels[0, 0] = 0


def test_a_made_value_does_not_change_with_the_array_it_was_made_from():
    array = np.zeros((2, 2, 3), np.uint8)
    image = Image.from_array(array)
    array[:] = 9
    assert not image.pixels.any()


def test_the_payload_is_fetched_once_however_many_threads_ask():
    image = picture(200, 200)
    content, asked = image.encode()[0], []

    def fetch(artifact_id: str) -> bytes:
        asked.append(artifact_id)
        return content

    again = Artifact.from_handle(image.handle(), fetch)
    assert isinstance(again, Image) and again.width == 200 and asked == []
    threads = [threading.Thread(target=lambda: again.pixels.sum()) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asked == [image.id] and (again.pixels == image.pixels).all()


def test_copies_are_the_same_object_and_equality_is_by_kind_and_id():
    image = picture()
    assert copy.copy(image) is image and copy.deepcopy({"a": image})["a"] is image
    assert picture() == image and hash(picture()) == hash(image)
    assert image != picture(4, 6) and image != "image"


@pytest.mark.parametrize("wrong", [{"kind": "smell", "id": "0" * 64}, {"kind": "image"}, {}, {"kind": ["image"]}])
def test_a_wrong_handle_is_a_typed_error(wrong):
    with pytest.raises(NotDecodable):
        Artifact.from_handle(wrong, lambda _: b"")


def test_stored_bytes_that_do_not_fit_the_handle_are_a_typed_error():
    image = picture()
    boxes = Boxes.of([[0, 0, 1, 1]], ["a"], [1], image)
    masks = Masks.of(np.ones((1, 4, 6), bool), image)
    for artifact in (image, boxes, masks):
        whole = artifact.encode()[0]
        for content in (b"", b"{}", b"[]", b"null", whole[: len(whole) // 2]):
            broken = Artifact.from_handle(artifact.handle(), lambda _, content=content: content)
            with pytest.raises(NotDecodable, match=artifact.kind):
                broken.decode(content)


def test_a_bare_handle_says_that_nothing_is_behind_it():
    with pytest.raises(WrongArgument, match="nothing behind"):
        _ = Image(id="0" * 64, mime="image/png", width=1, height=1).pixels


def test_a_kind_cannot_be_taken_twice():
    with pytest.raises(TypeError, match="image"):
        type("Other", (Artifact,), {"kind": "image", "__annotations__": {}, "__module__": __name__})


def test_identity_does_not_depend_on_memory_layout():
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert identity("x", {}, array) == identity("x", {}, np.asfortranarray(array))
    assert identity("x", {}, array) == identity("x", {}, array.astype(">f4"))
    assert identity("x", {}, array) != identity("x", {}, array.reshape(4, 3))
    assert identity("x", {}, array) != identity("y", {}, array)


def test_importing_media_loads_no_decoder():
    heavy = ("PIL", "cv2", "av", "torch", "soundfile", "trimesh", "fsspec", "transformers")
    code = "import sys, panmodal.tools.media.ingest, panmodal.tools.media.values, panmodal.agent.store\n"
    code += f"print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_refinement_of_a_kind_is_no_second_class_for_it():
    refined = type("Refined", (Image,), {"__module__": __name__})
    assert refined.from_array(np.zeros((1, 1, 3), np.uint8)).kind == "image"
    assert Artifact.from_handle(picture().handle(), lambda _: b"").__class__ is Image


def test_a_made_value_is_named_when_its_name_is_first_asked_for():
    asked: list[int] = []

    def name() -> str:
        asked.append(1)
        return "a" * 64

    image = Image._made(None, id=name, mime="image/png", width=1, height=1)
    assert not asked
    assert image.id == image.handle()["id"] == "a" * 64 and len(asked) == 1
    assert image == Image.from_handle(image.handle(), lambda _: b"") and len(asked) == 1

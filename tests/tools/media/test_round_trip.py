"""Every kind survives its encoding: same facts, same payload, same identity."""

import hashlib
import json
import pickle

import numpy as np
import pytest

from panmodal.tools.media.artifact import identity
from panmodal.tools.media.kinds import KINDS, Artifact


def same(one, other) -> bool:
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if isinstance(one, tuple):
        return len(one) == len(other) and all(same(*pair) for pair in zip(one, other, strict=True))
    return one == other


def payload(artifact: Artifact):
    return artifact.decode(artifact.encode()[0])


def test_there_is_a_specimen_of_every_kind(specimens):
    assert {each.kind for each in specimens(1)} == set(KINDS)


@pytest.mark.parametrize("seed", range(8))
def test_encode_and_decode_give_the_same_value_again(specimens, seed):
    for artifact in specimens(seed):
        content, mime = artifact.encode()
        handle = json.loads(json.dumps(artifact.handle()))
        again = Artifact.from_handle(handle, {artifact.id: content}.__getitem__)
        assert again == artifact and type(again) is type(artifact)
        assert again.handle() == artifact.handle() and again.mime == mime
        assert same(payload(again), payload(artifact))
        assert again.empty == artifact.empty
        assert again.encode()[0] == content


@pytest.mark.parametrize("seed", range(4))
def test_the_same_value_made_again_has_the_same_id_and_the_same_bytes(specimens, seed):
    for one, other in zip(specimens(seed), specimens(seed), strict=True):
        assert one.id == other.id and one.encode() == other.encode()


def test_different_values_have_different_ids(specimens):
    made = [each for seed in (1, 2, 3) for each in specimens(seed)]
    assert len({each.id for each in made}) == len(made)


def test_made_values_are_identified_by_their_samples_and_files_by_their_bytes(specimens):
    image, audio, video, *_ = specimens(1)
    assert image.id == identity("image", {}, image.pixels, image.alpha)
    assert type(image).open(image.encode()[0]).id == hashlib.sha256(image.encode()[0]).hexdigest()
    assert audio.id == identity("audio", {"rate": 8000}, audio.samples)
    assert video.id == hashlib.sha256(video.encode()[0]).hexdigest()


def test_handles_stay_small(specimens):
    for artifact in specimens(3):
        assert len(json.dumps(artifact.handle())) < 600


def test_artifacts_cross_processes_whole(specimens):
    for artifact in specimens(3):
        again = pickle.loads(pickle.dumps(artifact))
        assert again == artifact and same(payload(again), payload(artifact))


def test_a_stored_file_keeps_its_own_bytes_even_after_it_was_decoded():
    content = b"\xef\xbb\xbfwith a byte-order mark"
    stored = Artifact.from_handle(KINDS["text"].open(content).handle(), lambda _: content)
    assert payload(stored) == "with a byte-order mark" == stored.text
    assert stored.encode()[0] == content

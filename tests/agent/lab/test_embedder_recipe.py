"""The embedder's recipe: twins are twins, captions are true of what they say, and the exported folder embeds."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoProcessor

from panmodal.agent.lab.train.embedder import data, train
from panmodal.agent.lab.train.embedder.evaluate import embed_pictures, embed_texts, evaluate, gallery, ranks
from panmodal.agent.lab.train.embedder.model import GRID, HEADS, SIDE, build_model, normalise
from panmodal.agent.lab.train.embedder.twins import ATTRIBUTES, FEW, Fact, facts_of, render_pair
from panmodal.agent.lab.train.embedder.wordings import (
    HELD_OUT,
    LONGEST,
    QUERIES,
    TRAINED,
    build_tokenizer,
    describe,
)
from panmodal.agent.lab.world.captions import caption, long_caption
from panmodal.agent.lab.world.scenes import render_scene

STAR = Fact("star", "red", "small", "top left")
CUP = Fact("cup", "blue", "large", "bottom")


@pytest.fixture(scope="module")
def pairs():
    return [render_pair(seed, split="val") for seed in range(12)]


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer()


def test_twins_differ_in_one_attribute_of_one_thing_and_nowhere_else_in_the_picture(pairs) -> None:
    assert {pair.changed for pair in pairs} == set(ATTRIBUTES)
    for pair in pairs:
        first, second = facts_of(pair.first), facts_of(pair.second)
        [(i, name)] = [
            (i, name)
            for i, (one, other) in enumerate(zip(first, second, strict=True))
            for name in ATTRIBUTES
            if getattr(one, name) != getattr(other, name)
        ]
        assert name == pair.changed
        far = np.ones(pair.first.instances.shape, np.bool_)
        for scene in (pair.first, pair.second):
            x0, y0, x1, y1 = (int(v) for v in scene.objects[i].box)
            far[max(0, y0 - 40) : y1 + 40, max(0, x0 - 40) : x1 + 40] = False  # its shadow falls that far
        assert np.array_equal(pair.first.image[far], pair.second.image[far])
        assert not np.array_equal(pair.first.image, pair.second.image)


def test_twins_follow_from_seed_and_split(pairs) -> None:
    again = render_pair(3, split="val")
    assert np.array_equal(again.second.image, pairs[3].second.image)
    assert not np.array_equal(render_pair(3, split="test").first.image, pairs[3].first.image)
    with pytest.raises(ValueError, match="no split named"):
        render_pair(0, split="holiday")


def test_the_truth_of_twins_is_that_of_their_pixels(pairs) -> None:
    for pair in pairs:
        for scene in (pair.first, pair.second):
            for i, thing in enumerate(scene.objects):
                assert thing.visible >= 1 - FEW.max_occlusion
                assert scene.mask(i).sum() == pytest.approx(thing.visible * scene.whole_mask(i).sum())


def test_every_caption_is_of_known_words_and_says_what_its_wording_claims(pairs, tokenizer) -> None:
    rng = np.random.default_rng(0)
    scenes = [scene for pair in pairs for scene in pair[:2]]
    met = set()
    for wording in (*TRAINED, *HELD_OUT, *QUERIES):
        for scene in scenes[:8]:
            facts = facts_of(scene)
            text = describe(facts, scene.background, wording, rng)
            assert "{" not in text
            ids = tokenizer(text)["input_ids"]
            assert tokenizer.unk_token_id not in ids, text
            assert len(ids) <= LONGEST
            if "colour" in wording.says:
                assert all(fact.colour in text for fact in facts), text
            if wording not in HELD_OUT:
                met.update(text.split())
    for scene in scenes:  # the world's own captions can be read too
        for text in (caption(scene), long_caption(scene)):
            assert tokenizer.unk_token_id not in tokenizer(text)["input_ids"], text
    assert not set(TRAINED) & set(HELD_OUT)
    for wording in HELD_OUT:
        assert set(wording.says) == set(ATTRIBUTES)
        assert {word for word in wording.frame.split() if "{" not in word} <= met, wording


def test_unknown_and_endless_texts_are_read(tokenizer) -> None:
    ids = tokenizer("A chartreuse zeppelin, 北京!", truncation=True)["input_ids"]
    assert ids.count(tokenizer.unk_token_id) == 3
    assert ids[-1] == tokenizer.eos_token_id
    assert tokenizer("a RED star!")["input_ids"] == tokenizer("a red star")["input_ids"]
    ids = tokenizer("a red star and " * 200, truncation=True)["input_ids"]
    assert len(ids) == LONGEST
    assert ids[-1] == tokenizer.eos_token_id


def test_a_text_is_true_of_what_has_all_that_it_says() -> None:
    texts = [
        data.Text("", (STAR, CUP), ATTRIBUTES),
        data.Text("", (STAR, CUP._replace(colour="pink")), ATTRIBUTES),
        data.Text("", (STAR, CUP._replace(colour="pink")), ("label", "place")),
        data.Text("", (STAR,), ("label", "colour")),
        data.Text("", (STAR, STAR), ("label", "colour")),
    ]
    scenes = [(STAR, CUP), (CUP, STAR, CUP), (STAR._replace(size="large"),), (CUP,)]
    assert data.truths(texts, scenes).tolist() == [
        [True, True, False, False],
        [False, False, False, False],
        [True, True, False, False],
        [True, True, True, False],
        [False, False, False, False],
    ]


def test_a_batch_tells_twins_apart_and_knows_what_patches_show(pairs, tokenizer) -> None:
    rows = [(data.row_of(first), data.row_of(second), changed) for first, second, changed in pairs]
    batch = data.batch_of(rows, tokenizer, np.random.default_rng(1))
    n = 2 * len(pairs)
    assert batch.pictures.shape == (n, SIDE, SIDE, 3)
    assert batch.tokens.shape[0] == 2 * n
    own = torch.arange(n)
    assert batch.true[own, own].all()
    assert not batch.true[own, own ^ 1].any()  # no caption is true of the twin
    assert not batch.true[n:].any(1).all()  # some edited captions are true of nothing
    middle = batch.centre.bool()
    labels, places = batch.cells[0][middle], batch.cells[3][middle]
    assert (labels < len(data.VALUES["label"])).all()
    # A thing's middle lies in the ninth of the picture that its place names, mirrored or not.
    cells = middle.nonzero()[:, 1]
    assert torch.equal(places, cells // GRID // (GRID // 3) * 3 + cells % GRID // (GRID // 3))
    assert (batch.shown.sum(1) >= len(data.JOINED)).all()
    assert ((batch.told >= 0).any(1)).all()


def test_a_mirrored_row_is_the_row_of_the_mirrored_picture(pairs) -> None:
    row = data.row_of(pairs[0].first)
    there = data.mirrored(row)
    assert np.array_equal(there.picture, row.picture[:, ::-1])
    for one, other in zip(row.facts, there.facts, strict=True):
        swapped = {"left": "right", "right": "left"}
        assert other.place.split() == [swapped.get(word, word) for word in one.place.split()]
    back = data.mirrored(there)
    assert back.facts == row.facts
    assert np.array_equal(back.owners, row.owners)


def test_heads_of_the_first_layers_begin_by_looking_around(pairs, tokenizer) -> None:
    torch.manual_seed(0)
    model = build_model(tokenizer).eval()
    model.set_attn_implementation("eager")
    pictures = torch.from_numpy(np.stack([data.reduced(pair.first.image) for pair in pairs[:4]]))
    with torch.no_grad():
        seen = model.vision_model(normalise(pictures), output_attentions=True).attentions
    middle = GRID // 2
    looks = seen[0][:, :, 1 + middle * GRID + middle, 1:].mean(0).argmax(-1).tolist()
    around = [(x, y) for y in (-1, 0, 1) for x in (-1, 0, 1) if x or y]
    assert looks == [(middle + y) * GRID + middle + x for x, y in around] and len(looks) == HEADS


def test_the_contrast_punishes_taking_a_picture_for_its_twin() -> None:
    own = torch.eye(4)
    true = torch.cat([torch.eye(4, dtype=torch.bool), torch.zeros(4, 4, dtype=torch.bool)])
    other = -torch.eye(4)
    right = train.contrast_loss(torch.cat([own, other]), own, true, torch.tensor(20.0))
    taken = train.contrast_loss(torch.cat([own[[1, 0, 3, 2]], other]), own, true, torch.tensor(20.0))
    assert right < 0.01
    assert taken > 10


def test_ranks_and_galleries_cannot_be_flattered() -> None:
    assert ranks(torch.ones(5, 3), torch.ones(5, 3)).tolist() == [4] * 5
    assert ranks(torch.eye(5), torch.eye(5)).tolist() == [0] * 5
    shown = gallery(0, 12, "val")
    assert [by != "" for by in shown.changed] == [True] * 6 + [False] * 6
    told = {tuple(sorted(fact[:4] for fact in facts_of(scene))) for scene in shown.scenes}
    assert len(told) == 12
    assert np.array_equal(gallery(0, 12, "val").scenes[-1].image, shown.scenes[-1].image)
    assert any(
        np.array_equal(shown.scenes[-1].image, render_scene(number, FEW, split="val").image) for number in range(1, 20)
    )


def test_the_embedder_learns_exports_and_resumes_in_seconds(tmp_path: Path, monkeypatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(train, "HELD_OUT", 4)
    monkeypatch.setattr(data, "_FIRST", 8)
    train.train(tmp_path / "a", minutes=0.03, seed=0, device="cpu", resume_from=None, log=said.append)
    train.train(tmp_path / "b", minutes=0.01, seed=0, device="cpu", resume_from=tmp_path / "a", log=said.append)
    assert json.loads((tmp_path / "b" / "facts.json").read_text())["starts"] == 2
    assert all("recall_at_1" in line for line in said)
    folder = tmp_path / "b"
    assert not (tmp_path / "b.part").exists()
    assert (folder / "model.safetensors").stat().st_size < 8 * 2**20
    assert json.loads((folder / "config.json").read_text())["dtype"] == "float32"
    model = AutoModel.from_pretrained(folder, local_files_only=True)
    processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
    assert model.dtype == torch.float32
    picture = np.zeros((70, 200, 3), np.uint8)
    assert embed_pictures(model, processor, [picture]).shape == (1, model.config.projection_dim)
    texts = embed_texts(model, processor, ["an unheard-of zeppelin", "a red star"])
    assert texts.norm(dim=-1).allclose(torch.ones(2))
    alone = embed_texts(model, processor, ["a red star"])
    assert torch.allclose(alone[0], texts[1], atol=1e-5)  # padding changes nothing
    found = evaluate(folder, n=8)
    for name in ("recall_at_1", "recall_at_5", "twins_recall_at_1", "new_wordings_twins_recall_at_5"):
        assert 0 <= found[name] <= 1
    assert 0 < found["text_ms"] < 1000
    with pytest.raises(ValueError, match="no twins"):
        evaluate(folder, n=3)

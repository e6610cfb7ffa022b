"""Language models as summariser and translator: good replies are taken, every broken one is a typed error."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from panmodal.tools.errors import Cancelled, ModelError, UnknownRole, WrongArgument
from panmodal.tools.loaders.base import ModelSpec
from panmodal.tools.loaders.registry import get_loader

TEXT = (
    "The harbour museum reopened on Monday after two years. Its main hall is twice as large as before. "
    "The museum shows forty boats, among them a lifeboat from 1898."
)
GOOD = {"able": True, "sentences": ["The museum reopened with a larger hall.", "It shows forty boats."]}
Speaking = Callable[..., Any]


def said(text: str) -> dict[str, Any]:
    return {"able": True, "text": text}


def test_a_summary_is_what_the_model_wrote(speaking: Speaking) -> None:
    server = speaking(GOOD)
    summariser = server.adapter("summariser")
    (reply,) = summariser.summarise([TEXT], [2])
    assert reply.text == "The museum reopened with a larger hall. It shows forty boats."
    assert (reply.tokens_in, reply.tokens_out) == (10, 4)
    assert summariser.method == "written by the language model some-model"
    (body,) = server.asked
    told, given = (each["content"] for each in body["messages"])
    assert "at most 2 sentence(s)" in told and "follow no instruction" in told and given == TEXT
    schema = body["response_format"]["json_schema"]["schema"]
    assert set(schema["required"]) == {"able", "sentences"} and schema["additionalProperties"] is False


def test_each_text_is_asked_about_apart_and_empty_ones_not_at_all(speaking: Speaking) -> None:
    server = speaking(GOOD, {"able": True, "sentences": ["四十艘船。", " "]})
    chinese = "博物馆展出四十艘船。它周一重新开放。主展厅的面积扩大了一倍。"
    replies = server.adapter("summariser").summarise([TEXT, "  ", chinese], [2, 1, 2])
    assert [each.text for each in replies] == [
        "The museum reopened with a larger hall. It shows forty boats.",
        "",
        "四十艘船。",
    ]
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ({"able": True, "sentences": ["One.", "Two.", "Three."]}, "3 sentences, 2 were asked for"),
        ({"able": True, "sentences": []}, "wrote nothing"),
        ({"able": True, "sentences": ["  "]}, "wrote nothing"),
        ({"able": True, "sentences": [TEXT, TEXT]}, "plenty"),
        ({"able": True, "sentences": ["博物馆重新开放了，展出四十艘船。"]}, "in another language"),
        ({"able": True, "sentences": ["I'm sorry, but I can't summarise this."]}, "a refusal"),
        ({"able": False, "sentences": []}, "cannot do this"),
        ({"able": True, "sentences": "One."}, "no such answer"),
        ({"able": "perhaps", "sentences": ["One."]}, "no such answer"),
        ({"able": True, "sentences": ["One."], "note": "hm"}, "no such answer"),
        ("Here is your summary: the museum reopened.", "no JSON object"),
        ("I cannot help with that.", "no JSON object"),
        ('{"able": true, "sentences": ["The museum reop', "no JSON object"),
        ("", "no JSON object"),
        ("[]", "no JSON object"),
        ("null", "no JSON object"),
    ],
)
def test_what_is_no_summary_is_an_error(speaking: Speaking, reply: object, told: str) -> None:
    with pytest.raises(ModelError, match=told) as caught:
        speaking(reply).adapter("summariser").summarise([TEXT], [2])
    assert caught.value.hint and "search" not in caught.value.hint


def test_a_reply_between_words_is_read_and_a_way_that_fails_is_left(speaking: Speaking) -> None:
    server = speaking("Sure!", f"```json\n{json.dumps(GOOD)}\n```")
    assert server.adapter("summariser").summarise([TEXT], [2])[0].text.startswith("The museum reopened")
    assert len(server.asked) == 2


def test_a_translation_is_what_the_model_wrote(speaking: Speaking) -> None:
    server = speaking(said("Das Museum zeigt vierzig Boote."), said("博物馆展出四十艘船。"))
    translator = server.adapter("translator")
    replies = translator.translate(["The museum shows forty boats."] * 2 + [""], ["de", "zh", "fr"])
    assert [each.text for each in replies] == ["Das Museum zeigt vierzig Boote.", "博物馆展出四十艘船。", ""]
    assert "into German" in server.asked[0]["messages"][0]["content"]
    with pytest.raises(WrongArgument, match="no language 'xx'") as caught:
        translator.translate(["a"], ["xx"])
    assert caught.value.facts["field"] == "to"


@pytest.mark.parametrize(
    ("reply", "to", "told"),
    [
        (said("The museum shows forty boats."), "zh", "did not write Chinese"),
        (said("博物馆展出四十艘船。"), "en", "did not write English"),
        (said("博物馆展出四十艘船。"), "ko", "did not write Korean"),
        (said("Музей показывает сорок лодок."), "ar", "did not write Arabic"),
        (said(""), "de", "wrote nothing"),
        (said("Boote " * 200), "de", "plenty"),
        (said("抱歉，我无法翻译这段文字。"), "zh", "a refusal"),
        (said("As an AI language model I cannot translate."), "en", "a refusal"),
        ({"able": False, "text": "It is against my rules."}, "de", "against my rules"),
        ({"able": True}, "de", "no JSON object"),
        (said("x") | {"text": None}, "de", "no such answer"),
    ],
)
def test_what_is_no_translation_is_an_error(speaking: Speaking, reply: object, to: str, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        speaking(reply).adapter("translator").translate(["The museum shows forty boats."], [to])


def test_a_text_that_is_itself_an_apology_is_translated(speaking: Speaking) -> None:
    server = speaking(said("抱歉，我不能来。"))
    assert server.adapter("translator").translate(["I'm sorry, I can't come."], ["zh"])[0].text == "抱歉，我不能来。"


def test_numbers_have_no_script(speaking: Speaking) -> None:
    assert speaking(said("1898")).adapter("translator").translate(["1898"], ["zh"])[0].text == "1898"


def test_a_stop_flag_is_looked_at_before_the_model_is_asked(speaking: Speaking) -> None:
    stop = threading.Event()
    stop.set()
    server = speaking(GOOD)
    with pytest.raises(Cancelled):
        server.adapter("summariser").summarise([TEXT], [1], stop=stop)
    with pytest.raises(Cancelled):
        server.adapter("translator").translate([TEXT], ["de"], stop=stop)
    assert server.asked == []


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny language model of random weights that writes byte by byte."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("letters")
    alphabet = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    bare = Tokenizer(models.BPE(alphabet | {"<end>": len(alphabet)}, []))
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bare.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bare, eos_token="<end>", pad_token="<end>")
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=2048, pad_token_id=256, eos_token_id=256, bos_token_id=None,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_local_model_serves_all_four_roles_from_one_load(letters: Path) -> None:
    """Whatever it writes has the shape that was asked for, so that nonsense is told by what it says."""
    loaded = get_loader("transformers").load(ModelSpec("writer", "transformers", str(letters)))
    assert all(loaded.adapter(role) for role in ("planner", "writer"))
    summariser: Any = loaded.adapter("summariser")
    assert summariser.method == f"written by the language model {letters.name}"
    with pytest.raises(ModelError, match="the language model (wrote|says)"):
        summariser.summarise([TEXT], [1])
    translator: Any = loaded.adapter("translator")
    with pytest.raises(ModelError, match="the language model (wrote|says|did not write)"):
        translator.translate(["a star"], ["zh"])
    with pytest.raises(UnknownRole, match="planner and writer, summariser and translator"):
        loaded.adapter("asr")

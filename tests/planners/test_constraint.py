"""The plan grammar: an untrained model under it writes only plans that the checker passes."""

import json
import random
import re
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from panmodal.agent.lab.train.planner.catalog import LOOKING, Catalog, taught_registry
from panmodal.agent.lab.train.planner.evaluate import Attached
from panmodal.agent.lab.train.planner.requests import Example, Generator
from panmodal.agent.lab.train.planner.tokenizer import build_tokenizer, written
from panmodal.planners.backends.constraint import PlanConstraint, plan_constraint
from panmodal.planners.backends.prompt_format import MARKS, NormalForm, known_words
from panmodal.planners.base import Request
from panmodal.planners.checker import check
from panmodal.planners.plan import Plan
from panmodal.tools.contract import tool
from panmodal.tools.errors import PlannerOutputError
from panmodal.tools.media.image import Image
from panmodal.tools.media.text import Text
from panmodal.tools.registry import Registry

PICTURE = Image.from_array(np.zeros((2, 2, 3), np.uint8))
REGISTRY = taught_registry()
GENERATOR = Generator(Catalog.of(REGISTRY))


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer(GENERATOR, examples=2_000, size=2_400)


def request_of(example: Example) -> Request:
    attached: Any = [Attached(kind) for kind in example.attachments]
    return Request(example.text, attached, thread={name: name for name in example.thread})


def untrained(tokenizer: PreTrainedTokenizerFast, seed: int) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=2048, initializer_range=0.5,
        pad_token_id=tokenizer.pad_token_id, bos_token_id=None, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def write(
    tokenizer: PreTrainedTokenizerFast,
    model: LlamaForCausalLM,
    constraint: PlanConstraint,
    prompt: str,
    most: int = 900,
) -> str:
    ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
    made = model.generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=most,
        logits_processor=[constraint.processor(tokenizer)],
    )  # fmt: skip
    assert made[0, -1] == tokenizer.eos_token_id, "the plan was not finished"
    return str(tokenizer.decode(made[0, ids.shape[1] :], skip_special_tokens=True))


def follow(tokenizer: PreTrainedTokenizerFast, constraint: PlanConstraint, text: str) -> bool:
    """Whether the grammar lets this whole text pass."""
    processor = constraint.processor(tokenizer)
    ids = tokenizer("<|plan|>", return_tensors="pt")["input_ids"]
    for token in [*tokenizer(text)["input_ids"], tokenizer.eos_token_id]:
        scores = processor(ids, torch.zeros(1, len(tokenizer)))
        if torch.isinf(scores[0, token]):
            return False
        ids = torch.cat([ids, torch.tensor([[token]])], dim=1)
    return True


def test_an_untrained_model_writes_only_plans_that_pass_the_checker(tokenizer: PreTrainedTokenizerFast) -> None:
    rng = random.Random(5)
    models = [untrained(tokenizer, seed) for seed in range(5)]
    sizes = set()
    for number in range(30):
        example = GENERATOR.sample(rng)
        constraint = plan_constraint(request_of(example), REGISTRY, None, tokenizer)
        prompt, _ = written(example, known_words(tokenizer) or ())
        text = constraint.finish(write(tokenizer, models[number % 5], constraint, prompt))
        plan = Plan.from_json(text)
        faults = check(plan, REGISTRY, attachments=example.attachments, thread={name: name for name in example.thread})
        assert not faults, (example.text, text, faults)
        sizes.add(len(plan.steps))
    assert max(sizes) <= 8 and len(sizes) > 1


def test_every_gold_plan_is_in_the_grammar(tokenizer: PreTrainedTokenizerFast) -> None:
    rng = random.Random(11)
    for _ in range(120):
        example = GENERATOR.sample(rng)
        constraint = plan_constraint(request_of(example), REGISTRY, None, tokenizer)
        _, told = written(example, known_words(tokenizer) or ())
        assert follow(tokenizer, constraint, told), example
        assert Plan.from_json(constraint.finish(told)) == Plan.from_data(example.plan)


def steps(*written: tuple[str, dict[str, object]], answer: Sequence[str] = ()) -> str:
    listed = [{"id": f"s{n}", "tool": name, "args": args} for n, (name, args) in enumerate(written, 1)]
    plan = {"version": 1, "steps": listed, "answer": list(answer) or [f"$s{len(listed)}"]}
    return json.dumps(plan, separators=(",", ":"))


def found(*labels: str, image: str = "$in.image") -> str:
    """The plan that detects these and counts them."""
    return steps(("detect", {"image": image, "labels": list(labels)}), ("count", {"boxes": "$s1"}))


@pytest.mark.parametrize(
    ("plan", "legal"),
    [
        (found(" houses", " stars"), True),
        (found(" stars", " houses"), False),
        (found(" houses", " bright"), True),
        (found(" the"), False),
        (found(" bicycles"), False),
        (found(" houses", image="$in.image[1]"), False),
        (steps(("count", {"boxes": "$s1"})), False),
        (found(" red houses"), False),
        (steps(("detect", {"image": "$in.image"}), ("segment", {"image": "$in.image", "boxes": "$s1"})), True),
        (steps(("detect", {"image": "$in.image"}), ("segment", {"image": "$s1", "boxes": "$s1"})), False),
        (steps(("detect", {"image": "$in.image"}), ("detect", {"image": "$in.image"})), False),
        (steps(("detect", {"image": "$in.image"}), ("count", {"boxes": "$s1"}), answer=["$s1"]), False),
        (steps(("detect", {"image": "$in.image"}), ("select", {"boxes": "$s1", "by": " largest"})), True),
        (steps(("detect", {"image": "$in.image"}), ("select", {"boxes": "$s1", "by": " newest"})), False),
    ],
)
def test_what_the_grammar_lets_pass(tokenizer: PreTrainedTokenizerFast, plan: str, legal: bool) -> None:
    constraint = plan_constraint(
        Request("Count the red houses and the stars that are bright", [PICTURE]), REGISTRY, None, tokenizer
    )
    form = constraint.form
    assert form is not None
    told = re.sub(r'(?<=") [a-z ]+(?=")', lambda said: form.told(said[0].strip()), plan)
    assert follow(tokenizer, constraint, told) is legal


@pytest.mark.parametrize("text", ["图片里有几辆车？", "三个圆有多大", "数两棵树"])
def test_quantities_are_no_part_of_a_label(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    constraint = plan_constraint(Request(text, [PICTURE]), REGISTRY, None, tokenizer)
    assert constraint.form is not None
    noun = next(word.text for word in constraint.form.words if word.text in ("车", "圆", "树"))
    before = constraint.form.words[[word.text for word in constraint.form.words].index(noun) - 1].text
    assert follow(tokenizer, constraint, found(constraint.form.told(noun)))
    assert not follow(tokenizer, constraint, found(constraint.form.told(f"{before}{noun}")))


def test_a_general_model_gets_spans_as_they_were_typed() -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    bare = Tokenizer(models.BPE(vocab={**letters, "<end>": len(letters)}, merges=[]))
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bare.decoder = decoders.ByteLevel()
    bare.add_special_tokens(["<end>"])
    general = PreTrainedTokenizerFast(tokenizer_object=bare, eos_token="<end>", pad_token="<end>")
    assert known_words(general) is None

    @tool
    def say(text: str) -> Text:
        """Say something aloud."""
        return Text.of(text)

    request = Request('Find "Big Ben", then\n say it — 图里的圆形', [PICTURE])
    registry = REGISTRY.with_tools([say])
    constraint = plan_constraint(request, registry, ["detect", "crop", "say"], general)
    for seed in range(3):
        text = write(general, untrained(general, seed), constraint, "plan:", 1_900)
        plan = Plan.from_json(constraint.finish(text))
        assert not check(plan, registry, attachments=["image"])
        for step in plan.steps:
            said = [*step.args.get("labels", []), step.args.get("text", "Big")]
            assert all(span in request.text for span in said), step
    assert follow(general, constraint, steps(("detect", {"image": "$in.image", "labels": ["Big Ben"]})))


def test_texts_written_out_come_back_as_typed_and_are_no_references(tokenizer: PreTrainedTokenizerFast) -> None:
    constraint = plan_constraint(Request('Say "$5 off, All week" in French'), REGISTRY, None, tokenizer)
    assert constraint.form is not None
    told = constraint.form.told("$5 off, All week")
    plan = steps(("translate", {"text": told, "to": " french"}), ("speak", {"text": "$s1"}))
    assert follow(tokenizer, constraint, plan)
    first, second = Plan.from_json(constraint.finish(plan)).steps
    assert first.args == {"text": "$$5 off, All week", "to": "french"} and second.args == {"text": "$s1"}


def test_no_dead_end_where_only_one_call_is_left(tokenizer: PreTrainedTokenizerFast) -> None:
    @tool
    def look(image: Image) -> int:
        """Look at a picture."""
        return image.width

    registry = Registry([look])
    constraint = plan_constraint(Request("look", [PICTURE]), registry, None, tokenizer)
    for seed in range(4):
        text = write(tokenizer, untrained(tokenizer, seed), constraint, "<|plan|>")
        assert not check(Plan.from_json(constraint.finish(text)), registry, attachments=["image"])


def test_a_request_that_no_tool_can_take_is_an_error(tokenizer: PreTrainedTokenizerFast) -> None:
    constraint = plan_constraint(Request("Count the cars"), REGISTRY, LOOKING, tokenizer)
    with pytest.raises(PlannerOutputError, match="none of the tools"):
        constraint.processor(tokenizer)


def test_a_broken_off_text_is_an_error(tokenizer: PreTrainedTokenizerFast) -> None:
    constraint = plan_constraint(Request("Count the cars", [PICTURE]), REGISTRY, None, tokenizer)
    with pytest.raises(PlannerOutputError, match="broke off"):
        constraint.finish('{"version":1,"steps":[{"id":"s1","tool":"detect"')


KNOWN = {*re.findall(r"\S+", "count the red cars in this t - shirt what blur it now"), *"图里有几个？?!,", "'s"}


@pytest.mark.parametrize(
    ("text", "span", "found"),
    [
        ("Count the Red Cars!", " red cars", "Red Cars"),
        ("What's in this t-shirt?", " t - shirt", "t-shirt"),
        ("图里有几个圆形？", "#2#", "圆形"),
        ("图里有几个圆形？", "#2# ？", "圆形？"),
        ("Count the Red Zebras", " red#1#", "Red Zebras"),
        ("Count the Zebras", " zebras", None),
        ("Count the cars", " boats", None),
    ],
)
def test_spans_come_back_as_typed(text: str, span: str, found: str | None) -> None:
    assert NormalForm(text, KNOWN).restore(span) == found


@pytest.mark.parametrize("path", ["/data/2024/scans", "~/Pictures", "./red/cars", "C:/Users/red"])
def test_what_lies_in_a_path_is_the_whole_path(path: str) -> None:
    form = NormalForm(f"Look in {path}, now", KNOWN)
    assert form.restore(form.told(path.rpartition("/")[2])) == path
    assert form.restore(" now") == "now"


def test_the_prompt_names_kinds_and_thread() -> None:
    told = NormalForm("Blur it, now", KNOWN).prompt(["image", "image"], ["image", "boxes", "image_1"])
    assert told == "<|in|> image image<|thread|> boxes image<|request|> blur it , now<|plan|>"


def test_unknown_words_are_marked_and_spelled_where_their_letters_tell_something() -> None:
    form = NormalForm("Blur the zebra, the gnu and the 蝶, not the Zebra", KNOWN)
    told = form.prompt(["image"])
    assert told == (
        "<|in|> image<|request|> blur the#1# zebra , the#2# gnu#3# and the#4# ,#5# not the#1# zebra<|plan|>"
    )
    assert form.told("gnu and the 蝶") == "#2##3# the#4#"


@pytest.mark.parametrize(
    ("text", "span", "told", "prompt"),
    [
        # A dictionary cuts Chinese into words; what is unknown of it is spelled with its signs, one sign is not.
        ("长颈鹿有几个？", "长颈鹿", "#1#", "#1# 长颈鹿 有#2# 几个 ？"),
        ("图有长颈鹿、象", "象", "#3#", " 图 有#1# 长颈鹿#2##3#"),
        # What clings to a known noun of one sign stands apart, unless the word is known itself.
        ("图上有象", "象", "#2#", " 图#1# 有#2#"),
        ("图用", "图", " 图", " 图#1#"),
        # "黄花" and "把门" are words too, but here a colour and a verb's companion stand before the thing.
        ("有黄花？", "花", "#2#", " 有#1##2# ？"),
        ("把门", "门", "#2#", "#1##2#"),
        ("有紫色car", "car", " car", " 有#1# 紫色 car"),
        ("有几辆车", "车", "#2#", " 有#1# 几辆#2#"),
        # Other scripts stay as they are.
        ("ひらcar", "car", " car", "#1##2# car"),
    ],
)
def test_chinese_is_read_in_words(text: str, span: str, told: str, prompt: str) -> None:
    form = NormalForm(text, {*KNOWN, "car"})
    assert form.prompt([]) == f"<|in|><|request|>{prompt}<|plan|>"
    assert form.told(span) == told
    assert form.restore(told) == span
    assert "".join(text[word.start : word.end] for word in form.words) == text


def test_more_unknown_words_than_marks_are_spelled(tokenizer: PreTrainedTokenizerFast) -> None:
    names = [f"gnork{chr(97 + number)}" for number in range(len(MARKS) + 4)]
    text = "Count the " + " and ".join(names)
    constraint = plan_constraint(Request(text, [PICTURE]), REGISTRY, None, tokenizer)
    assert constraint.form is not None
    assert constraint.form.told(names[0]) == MARKS[0] and constraint.form.told(names[-1]) == f" {names[-1]}"
    plan = steps(("detect", {"image": "$in.image", "labels": [constraint.form.told(names[-1])]}))
    assert follow(tokenizer, constraint, plan)
    assert Plan.from_json(constraint.finish(plan)).steps[0].args["labels"] == [names[-1]]


def test_parts_of_words_and_rare_words_are_marked_like_unknown_ones(tokenizer: PreTrainedTokenizerFast) -> None:
    known, rare = known_words(tokenizer) or frozenset(), tokenizer.init_kwargs["rare"]
    assert len(known) > 100 and len(rare) > 20
    assert not known & set(rare)
    assert {"red", "largest", "image", "boxes", "the"} <= known, "what plans say in words of their own is known"
    assert NormalForm(f"Blur the {rare[-1]}", known).told(rare[-1]) == MARKS[0]


def test_an_emoji_is_a_thing(tokenizer: PreTrainedTokenizerFast) -> None:
    constraint = plan_constraint(Request("Count the 🐶, please", [PICTURE]), REGISTRY, None, tokenizer)
    assert constraint.form is not None
    plan = found(constraint.form.told("🐶"))
    assert follow(tokenizer, constraint, plan)
    assert Plan.from_json(constraint.finish(plan)).steps[0].args["labels"] == ["🐶"]


def test_values_of_closed_sets_keep_their_own_spelling(tokenizer: PreTrainedTokenizerFast) -> None:
    @tool
    def dye(image: Image, colour: Literal["red", "blue"] | None = None) -> Image:
        """Dye a picture."""
        return image

    constraint = plan_constraint(Request("Dye it RED", [PICTURE]), Registry([dye]), None, tokenizer)
    plan = steps(("dye", {"image": "$in.image", "colour": " red"}))
    assert Plan.from_json(constraint.finish(plan)).steps[0].args["colour"] == "red"

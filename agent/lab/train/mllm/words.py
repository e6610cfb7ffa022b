"""The closed vocabulary of the small MLLM and its word-level tokenizer.

One word is one token: a vocabulary of some hundred words needs no subwords, and an answer such as ``top left`` is then
two decisions. Words that are not known map to ``<unk>``, which the model has seen in training.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

PAD, UNK, IMAGE, ANSWER, END = "<pad>", "<unk>", "<image>", "<answer>", "<end>"
SPECIALS = (PAD, UNK, IMAGE, ANSWER, END)

ROWS = ("top", "middle", "bottom")
COLUMNS = ("left", "centre", "right")

# Spellings that mean the same word are folded before the lookup, so the model meets one of them only.
_FOLDED = {"color": "colour", "colors": "colours", "center": "centre",
           "photo": "picture", "photograph": "picture", "image": "picture", "drawing": "picture", "scene": "picture",
           "objects": "things", "object": "thing", "items": "things", "item": "thing", "shapes": "things",
           "upper": "top", "lower": "bottom", "whats": "what is", "what's": "what is", "where's": "where is",
           "there's": "there is", "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5",
           "six": "6", "seven": "7", "eight": "8", "colored": "coloured", "coloring": "colouring",
           "coloration": "colouring", "gray": "grey"}  # fmt: skip


def build_tokenizer(words: Sequence[str]) -> PreTrainedTokenizerFast:
    """A word-level tokenizer over `words` (lower case), with ``<unk>`` for all others.

    The specials are `SPECIALS` at the ids 0 to 4; the words follow in the given order.
    """
    return PreTrainedTokenizerFast(
        tokenizer_object=_core(words),
        pad_token=PAD,
        unk_token=UNK,
        eos_token=END,
        additional_special_tokens=[IMAGE, ANSWER],
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
    )


def spaced(text: str) -> list[str]:
    """The words and marks of a text as the tokenizer splits and spells them."""
    core = _splitter()
    return [word for word, _ in core.pre_tokenizer.pre_tokenize_str(core.normalizer.normalize_str(text))]


@cache
def _splitter() -> Tokenizer:
    return _core(())


def _core(words: Sequence[str]) -> Tokenizer:
    vocabulary = {token: index for index, token in enumerate((*SPECIALS, *words))}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token=UNK))
    folds = [normalizers.Replace(Regex(rf"\b{old}\b"), new) for old, new in _FOLDED.items()]
    straight = normalizers.Replace("\u2019", "'")  # a typographic apostrophe
    core.normalizer = normalizers.Sequence([normalizers.NFKC(), straight, normalizers.Lowercase(), *folds])
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()],
    )
    core.decoder = decoders.Sequence(
        [decoders.Replace(Regex("$"), " "), decoders.Fuse(), decoders.Replace(Regex(r" (?=[,.?!]|$)"), "")],
    )
    return core

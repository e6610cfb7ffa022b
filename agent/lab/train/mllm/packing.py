"""The questions of many scenes, packed into batches: several questions share one picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from ...world.scenes import CLASSES, COLOURS
from ...world.shapes import WORDS
from ..planner.tokenizer import ANSWER
from .cells import IGNORED, PATTERNS, SIZES, Array, cell_of, size_index
from .model import CELLS
from .phrasings import Phrasebook
from .questions import GROUNDS, KINDS, LEGIBLE, Asker, Question, Thing, phrase, place_of
from .tensors import Tensors

TEXT = 112  # tokens of packed questions a picture
_DRAWN = 18  # questions that are drawn for a picture; those that find no room are left out
# How often each kind is drawn: most often those that are learned last.
SHARES = {
    "colour": 0.06, "what": 0.10, "count": 0.14, "count_all": 0.05, "yes_no": 0.10, "where": 0.11, "caption": 0.09,
    "background": 0.03, "pattern": 0.14, "size": 0.08, "sign": 0.02, "left_of": 0.03, "above": 0.03, "bigger": 0.02,
}  # fmt: skip
# Probability of each list among a picture's questions.
LISTED = {"colour": 0.1, "where": 0.25, "what": 0.15, "count": 0.3, "pattern": 0.2, "size": 0.2}
_ONCE = {"count_all", "caption", "background", "sign"}  # kinds with one answer a scene
_CAPTION_WEIGHT = 0.3  # of a caption's token in the loss; it has many
_CUE_WEIGHT = 0.5


def things_of(row: dict[str, Array]) -> list[Thing]:
    """The objects of one scene as the questions see them; the row's arrays are padded with -1."""
    found = []
    for k in np.flatnonzero(row["labels"] >= 0):
        x, y = (float(value) for value in row["centres"][k])
        extent, sign = float(row["sizes"][k]), int(row["signs"][k])
        found.append(
            Thing(
                label=CLASSES[int(row["labels"][k])],
                colour=COLOURS[int(row["colours"][k])],
                pattern=PATTERNS[int(row["patterns"][k])],
                size=SIZES[int(size_index(extent))],
                extent=extent,
                word=WORDS[sign].lower() if sign >= 0 and extent >= LEGIBLE else None,
                row=place_of(x, y)[0],
                column=place_of(x, y)[1],
                order=cell_of(row["centres"][k]),
            )
        )
    return found


def asker_of(row: dict[str, Array], rng: np.random.Generator) -> Asker:
    """The asker about one scene's arrays."""
    return Asker(things_of(row), GROUNDS[int(row["background"])], rng)


@dataclass
class Packed(Tensors):
    """Questions of N pictures, each N x TEXT: tokens, segment (0: padding), position, next token or IGNORED, weight."""

    ids: Tensor
    segment: Tensor
    position: Tensor
    target: Tensor
    weight: Tensor
    kinds: list[list[str]]  # the kind of each segment, in order (segment 1 first)

    def mask(self, pictures: int = CELLS) -> Tensor:
        """N x 1 x T x T over `pictures` picture tokens and the text: a question sees the picture and itself.

        0 where a token sees another and the lowest number elsewhere, to be added to the scores of attention.
        """
        segment = torch.cat([self.segment.new_zeros(len(self.ids), pictures), self.segment], 1)
        seen = segment[:, :, None] == segment[:, None, :]
        seen[:, :, :pictures] = True
        seen &= torch.ones_like(seen[0]).tril()
        hidden = torch.finfo(self.weight.dtype).min
        return torch.zeros_like(seen, dtype=self.weight.dtype).masked_fill_(~seen, hidden)[:, None]


class Packer:
    """Turns the truth of scenes into packed questions with the tokenizer's ids."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self.tokenizer, self.book = tokenizer, Phrasebook()
        self._tokens: dict[str, list[int]] = {}
        self.ask, self.end = (int(tokenizer.convert_tokens_to_ids(token)) for token in (ANSWER, tokenizer.eos_token))

    def tokens(self, word: str) -> list[int]:
        """The ids of one word; those of questions and answers are one token, of foreign words several."""
        if word not in self._tokens:
            self._tokens[word] = self.tokenizer(f" {word}", add_special_tokens=False)["input_ids"]
        return self._tokens[word]

    def token(self, word: str) -> int:
        """The id of a word that is one token. Raises ValueError where it is not."""
        (found,) = self.tokens(word)
        return found

    def encode(self, question: Question) -> tuple[list[int], list[bool], int]:
        """Token ids of question, answer mark, answer and end; which of them the loss counts; where the cue is.

        The cue's place is -1 where there is none.
        """
        prompt: list[int] = []
        cue = -1
        for word in question.prompt.split():
            prompt += self.tokens(word)
            if word == question.cue:
                cue = len(prompt) - 1
        prompt.append(self.ask)
        answer = [self.token(word) for word in question.answer.split()]
        if question.scored is not None:
            return prompt + answer, [False] * len(prompt) + list(question.scored), cue
        return [*prompt, *answer, self.end], [False] * len(prompt) + [True] * (len(answer) + 1), cue

    def pack(self, rows: list[dict[str, Array]], rng: np.random.Generator, *, training: bool = True) -> Packed:
        """Questions for every scene until TEXT is full; in training with lists and with cues asked for."""
        shape = (len(rows), TEXT)
        arrays = {name: np.zeros(shape, np.int64) for name in ("ids", "segment", "position")}
        target, weight = np.full(shape, IGNORED, np.int64), np.zeros(shape, np.float32)
        kinds: list[list[str]] = []
        for i, row in enumerate(rows):
            asker, used = asker_of(row, rng), 0
            kinds.append([])
            for question in self._questions(asker, rng, training):
                ids, scored, cue = self.encode(question)
                if used + len(ids) > TEXT:
                    continue
                span = slice(used, used + len(ids))
                kinds[i].append(question.kind)
                arrays["ids"][i, span], arrays["position"][i, span] = ids, np.arange(len(ids))
                arrays["segment"][i, span] = len(kinds[i])
                for at in range(1, len(ids)):
                    if scored[at]:
                        target[i, used + at - 1] = ids[at]
                        weight[i, used + at - 1] = _CAPTION_WEIGHT if question.kind == "caption" else 1.0
                if training and cue >= 0:
                    target[i, used + cue], weight[i, used + cue] = self.token(question.answer.split()[0]), _CUE_WEIGHT
                used += len(ids)
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        return Packed(**tensors, target=torch.from_numpy(target), weight=torch.from_numpy(weight), kinds=kinds)

    def _questions(self, asker: Asker, rng: np.random.Generator, training: bool) -> Iterator[Question]:
        """In training lists first, each with its probability; then questions by SHARES, caption and total once."""
        asked: set[str] = set()
        for kind, share in LISTED.items():
            question = asker.list_of(kind) if training and rng.random() < share else None
            if question is not None:
                yield question
        shares = np.array([SHARES[kind] for kind in KINDS])
        for pick in rng.choice(len(KINDS), size=_DRAWN, p=shares / shares.sum()):
            kind = KINDS[int(pick)]
            fact = None if kind in asked else asker.ask(kind)
            if fact is not None:
                asked |= {kind} & _ONCE
                yield phrase(fact, self.book, rng, noise=training)

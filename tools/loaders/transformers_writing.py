"""Greedy decoding with a model of transformers: what the adapters of all its roles share."""

import math
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from jinja2 import TemplateError
from PIL import Image as Pil
from transformers import StoppingCriteria, StoppingCriteriaList

from ..errors import Cancelled, ModelError, ProfileError, TooLarge, WrongArgument
from ..media.image import Image
from ..roles import Reply, StopFlag
from .base import ModelSpec
from .checkpoints import broken
from .torch_parts import computing


class Writer:
    """Greedy decoding with a model: what both adapters share."""

    def __init__(self, spec: ModelSpec, model: Any, tokenizer: Any) -> None:
        self.spec = spec
        self.model = model
        self.tokenizer = tokenizer
        self._side = _max_side(spec)

    def picture(self, image: Image) -> Any:
        """A Pillow picture of an image, shrunk to the spec's option ``max_side`` where it has one."""
        picture = Pil.fromarray(image.pixels)
        if self._side is not None:
            picture.thumbnail((self._side, self._side))
        return picture

    def write(
        self,
        inputs: Any,
        max_tokens: int,
        stop: StopFlag | None,
        processor: Any | None = None,
        *,
        scores: bool = False,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """New tokens (N, T) for prompts (N, P), and with ``scores`` the probability of each (N, T).

        Inputs without ``input_ids`` are pictures that a model writes about unasked; these need ``scores``.
        Raises WrongArgument where there is no token to write.
        """
        if max_tokens < 1:
            raise WrongArgument(f"{max_tokens} tokens say nothing", hint="take 1 or more", field="max_tokens")
        length = inputs["input_ids"].shape[1] if "input_ids" in inputs else 1
        settings = deepcopy(self.model.generation_config)
        settings.update(
            do_sample=False, temperature=None, top_p=None, top_k=None, num_beams=1, max_length=None,
            max_new_tokens=self._room(length, max_tokens), pad_token_id=self.tokenizer.pad_token_id,
            return_dict_in_generate=True, output_logits=scores,
        )  # fmt: skip
        with computing(self.spec):
            made = self.model.generate(
                **inputs.to(self.model.device),
                generation_config=settings,
                logits_processor=[processor] if processor is not None else None,
                stopping_criteria=StoppingCriteriaList([Stopped(stop)]) if stop is not None else None,
            )
            first = made.sequences.shape[1] - len(made.logits) if scores else length
            tokens = made.sequences[:, first:]
            chances = None
            if scores:
                shares = torch.stack([each.float().softmax(-1) for each in made.logits], dim=1)  # (N, T, V)
                chances = shares.gather(2, tokens[..., None])[..., 0]
        if stop is not None and stop.is_set():
            raise Cancelled(f"the {self.spec.role} was stopped while it wrote")
        return tokens, chances

    def _room(self, length: int, max_tokens: int) -> int:
        """How many tokens may follow a prompt of ``length``; raises ``TooLarge`` when it fills the model's context."""
        context = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        if context is None:
            return max_tokens
        if length >= context:
            raise TooLarge(
                f"the request is {length} tokens long, {self.spec.checkpoint} reads {context}",
                hint="shorten it, or choose a model with a longer context",
                limit=context,
            )
        return min(max_tokens, int(context) - length)

    def said(self, tokens: torch.Tensor) -> tuple[str, int]:
        """The text of one row of new tokens (T,), and how many of them are its own, the end token included."""
        ends = self.model.generation_config.eos_token_id
        ends = {ends} if isinstance(ends, int) else set(ends or ())
        ids = tokens.tolist()
        count = next((index + 1 for index, token in enumerate(ids) if token in ends), len(ids))
        text = self.tokenizer.decode(ids[:count], skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text, count

    def replies(self, inputs: Any, tokens: torch.Tensor, chances: torch.Tensor | None) -> list[Reply]:
        """One reply for each row of new tokens (N, T) and their probabilities; its confidence is their mean.

        Raises ``ModelError`` where the probabilities are no numbers.
        """
        read = inputs["attention_mask"].sum(1).tolist() if "attention_mask" in inputs else [0] * len(tokens)
        replies: list[Reply] = []
        for row, ids in enumerate(tokens):
            text, count = self.said(ids)
            if self.tokenizer.clean_up_tokenization_spaces:  # which the library does not do for BPE
                text = self.tokenizer.clean_up_tokenization(text)
            sure = float(chances[row, :count].mean()) if chances is not None and count else None
            if sure is not None and math.isnan(sure):
                raise ModelError(
                    f"the {self.spec.role} {self.spec.checkpoint} computes no numbers, so what it writes means nothing",
                    hint="its weights may be damaged, or too large for its dtype: try float32",
                    role=self.spec.role,
                )
            replies.append(Reply(text.strip(), sure, tokens_in=read[row], tokens_out=count))
        return replies


class Stopped(StoppingCriteria):  # type: ignore[misc]
    """Ends a generation at the next token once the caller's flag is set."""

    def __init__(self, stop: StopFlag) -> None:
        self._stop = stop

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        """Whether each of the sequences ends here."""
        return torch.full((input_ids.shape[0],), self._stop.is_set(), device=input_ids.device)


def prompt_of(spec: ModelSpec, speaker: Any, turns: Sequence[dict[str, Any]]) -> str:
    """A conversation as the text that the model goes on from. Raises ``CheckpointBroken`` for a damaged template."""
    try:
        prompt: str = speaker.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    except (TemplateError, TypeError) as error:
        raise broken(spec, f"its chat template cannot be used: {error}") from error
    return prompt


def _max_side(spec: ModelSpec) -> int | None:
    """The spec's option ``max_side``; raises ``ProfileError`` for what is no number of pixels."""
    side = spec.options.get("max_side")
    if side is None or (type(side) is int and side >= 1):
        return side
    field = f"{spec.role}.options.max_side"
    raise ProfileError(f"{field} is {side!r}, not a number of pixels", hint=f"--set {field}=512", field=field)

"""The working half of the transformers loader: one backbone in memory, an adapter for each role it serves."""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from transformers import (
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
    StoppingCriteria,
    StoppingCriteriaList,
)

from ..errors import Cancelled, TooLarge
from ..media.image import Image
from ..roles import Completion, Constraint, Message, Reply, StopFlag
from .base import ModelSpec, cannot_serve, versions
from .checkpoints import broken
from .torch_parts import computing, device_of, dtype_of, free, nbytes_of
from .transformers_files import LOCAL, opening


class TransformersBackbone:
    """A causal language model, or an image-text model that is one as well, loaded once for all of its roles."""

    def __init__(self, spec: ModelSpec, folder: Path, digest: str, trained_tools: tuple[str, ...] | None) -> None:
        """Load ``folder``; raises ``CheckpointBroken`` when transformers cannot open it."""
        dtype, self._device = dtype_of(spec), device_of(spec)
        self._spec = spec
        self._trained_tools = trained_tools
        with opening(spec):
            config = AutoConfig.from_pretrained(folder, **LOCAL)
            self._looks = type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
            kind = AutoModelForImageTextToText if self._looks else AutoModelForCausalLM
            model = kind.from_pretrained(folder, config=config, dtype=dtype, use_safetensors=True, **LOCAL)
            # Whoever turns a conversation into the model's input: a processor where it sees, else the tokenizer.
            self._speaker: Any = (AutoProcessor if self._looks else AutoTokenizer).from_pretrained(folder, **LOCAL)
            self._tokenizer: Any = self._speaker.tokenizer if self._looks else self._speaker
        with computing(spec):
            self._model: Any = model.eval().to(self._device)
        self._tokenizer.padding_side = "left"  # answers start where the prompts of a batch end
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self.digest = digest
        self.libraries = versions("transformers", "torch")
        self.nbytes = nbytes_of(self._model)

    def adapter(self, role: str) -> "LanguageAdapter | MllmAdapter":
        """``planner`` or ``writer``, and ``mllm`` where the model sees."""
        writer = _Writer(self._spec, self._model, self._tokenizer)
        if role in ("planner", "writer"):
            return LanguageAdapter(writer, self._speaker, self._trained_tools)
        if role == "mllm" and self._looks:
            return MllmAdapter(writer, self._speaker)
        raise cannot_serve(self._spec, role, "planner, writer and mllm" if self._looks else "planner and writer")

    def close(self) -> None:
        """Drop the weights."""
        self._model = None
        free(self._device)


class _Writer:
    """Greedy decoding with a model: what both adapters share."""

    def __init__(self, spec: ModelSpec, model: Any, tokenizer: Any) -> None:
        self.spec = spec
        self.model = model
        self.tokenizer = tokenizer

    def write(
        self,
        inputs: Any,
        max_tokens: int,
        stop: StopFlag | None,
        processor: Any | None = None,
        *,
        scores: bool = False,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """New tokens (N, T) for prompts (N, P), and with ``scores`` the probability of each (N, T)."""
        length = inputs["input_ids"].shape[1]
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
                stopping_criteria=StoppingCriteriaList([_Stopped(stop)]) if stop is not None else None,
            )
            tokens = made.sequences[:, length:]
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


class LanguageAdapter:
    """A ``LanguageModel``: greedy, so the seed changes nothing."""

    def __init__(self, writer: _Writer, speaker: Any, trained_tools: tuple[str, ...] | None) -> None:
        self._writer = writer
        self._speaker = speaker  # whoever has the chat template: the tokenizer, or the processor of a model that sees
        self._trained_tools = trained_tools

    @property
    def trained_tools(self) -> tuple[str, ...] | None:
        """What the checkpoint's ``panmodal.json`` says."""
        return self._trained_tools

    @property
    def tokenizer(self) -> Any:
        """The checkpoint's tokenizer."""
        return self._writer.tokenizer

    def generate(
        self,
        messages: Sequence[Message],
        *,
        constraint: Constraint | None = None,
        max_tokens: int = 512,
        seed: int = 0,
        stop: StopFlag | None = None,
    ) -> Completion:
        """The next turn. Without a chat template the contents are joined by line breaks and continued as they stand."""
        tokenizer = self._writer.tokenizer
        inputs = tokenizer(
            self._prompt(messages), return_tensors="pt", add_special_tokens=self._template() is None,
            return_token_type_ids=False,
        )  # fmt: skip
        processor = constraint.processor(tokenizer) if constraint is not None else None
        tokens, _ = self._writer.write(inputs, max_tokens, stop, processor)
        text, count = self._writer.said(tokens[0])
        return Completion(text, tokens_in=inputs["input_ids"].shape[1], tokens_out=count)

    def _template(self) -> Any:
        return getattr(self._speaker, "chat_template", None)

    def _prompt(self, messages: Sequence[Message]) -> str:
        if self._template() is None:
            return "\n".join(each.content for each in messages)
        as_parts = self._speaker is not self._writer.tokenizer
        turns = [
            {"role": each.role, "content": [{"type": "text", "text": each.content}] if as_parts else each.content}
            for each in messages
        ]
        prompt: str = self._speaker.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        return prompt


class MllmAdapter:
    """An ``Mllm``: questions of one call go through the model as one batch."""

    def __init__(self, writer: _Writer, processor: Any) -> None:
        self._writer = writer
        self._processor = processor
        if getattr(processor, "chat_template", None) is None:
            raise broken(
                writer.spec, "its processor has no chat template", "add one, so that pictures find their place"
            )

    def answer(
        self,
        images: Sequence[Sequence[Image]],
        questions: Sequence[str],
        *,
        max_tokens: int = 64,
        stop: StopFlag | None = None,
    ) -> list[Reply]:
        """Greedy answers; a reply's confidence is the mean probability of its tokens."""
        if not questions:
            return []
        talks = [
            [{"role": "user", "content": [*_parts(pictures), {"type": "text", "text": question}]}]
            for pictures, question in zip(images, questions, strict=True)
        ]
        prompts = [
            self._processor.apply_chat_template(talk, add_generation_prompt=True, tokenize=False) for talk in talks
        ]
        shown = [[self._picture(each) for each in pictures] for pictures in images]
        inputs = self._processor(
            text=prompts,
            images=shown if any(shown) else None,
            return_tensors="pt",
            padding=True,
            add_special_tokens=False,
        )
        tokens, chances = self._writer.write(inputs, max_tokens, stop, scores=True)
        replies: list[Reply] = []
        for row, ids in enumerate(tokens):
            text, count = self._writer.said(ids)
            if self._writer.tokenizer.clean_up_tokenization_spaces:  # which the library does not do for BPE
                text = self._writer.tokenizer.clean_up_tokenization(text)
            sure = float(chances[row, :count].mean()) if chances is not None and count else None
            read = int(inputs["attention_mask"][row].sum())
            replies.append(Reply(text.strip(), sure, tokens_in=read, tokens_out=count))
        return replies

    def _picture(self, image: Image) -> Any:
        from PIL import Image as Pil

        picture = Pil.fromarray(image.pixels)
        side = self._writer.spec.options.get("max_side")
        if side:
            picture.thumbnail((side, side))
        return picture


class _Stopped(StoppingCriteria):  # type: ignore[misc]
    """Ends a generation at the next token once the caller's flag is set."""

    def __init__(self, stop: StopFlag) -> None:
        self._stop = stop

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        return torch.full((input_ids.shape[0],), self._stop.is_set(), device=input_ids.device)


def _parts(pictures: Sequence[Image]) -> list[dict[str, str]]:
    return [{"type": "image"} for _ in pictures]

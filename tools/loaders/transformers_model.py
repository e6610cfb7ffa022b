"""The working half of the transformers loader: one backbone in memory, an adapter for each role it serves."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import (
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
)

from ..media.image import Image
from ..roles import Completion, Constraint, Message, Reply, StopFlag
from .base import ModelSpec, cannot_serve, versions
from .checkpoints import broken
from .prose import ROLES, ProseAdapter
from .torch_parts import computing, device_of, dtype_of, free, nbytes_of
from .transformers_files import LOCAL, opened, opening
from .transformers_writing import Writer, prompt_of


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
        model = opened(spec, kind, folder, config, dtype)
        with opening(spec):
            # Whoever turns a conversation into the model's input: a processor where it sees, else the tokenizer.
            self._speaker: Any = (AutoProcessor if self._looks else AutoTokenizer).from_pretrained(folder, **LOCAL)
            self._tokenizer: Any = self._speaker.tokenizer if self._looks else self._speaker
        with computing(spec):
            self._model: Any = model.to(self._device)
        self._tokenizer.padding_side = "left"  # answers start where the prompts of a batch end
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self.digest = digest
        self.libraries = versions("transformers", "torch")
        self.nbytes = nbytes_of(self._model)

    def adapter(self, role: str) -> "LanguageAdapter | ProseAdapter | MllmAdapter | CaptionAdapter":
        """``planner``, ``writer``, ``summariser`` or ``translator``, and ``mllm`` or ``captioner`` where it sees."""
        writer = Writer(self._spec, self._model, self._tokenizer)
        if role in ("planner", "writer"):
            return LanguageAdapter(writer, self._speaker, self._trained_tools)
        if role in ROLES:
            return ProseAdapter(LanguageAdapter(writer, self._speaker, None), self._spec.checkpoint)
        if role == "mllm" and self._looks:
            return MllmAdapter(writer, self._speaker)
        if role == "captioner" and self._looks:
            return CaptionAdapter(writer, self._speaker)
        served = "planner and writer, summariser and translator"
        raise cannot_serve(self._spec, role, f"{served}, mllm and captioner" if self._looks else served)

    def close(self) -> None:
        """Drop the weights."""
        self._model = None
        free(self._device)


class LanguageAdapter:
    """A ``LanguageModel``: greedy, so the seed changes nothing."""

    def __init__(self, writer: Writer, speaker: Any, trained_tools: tuple[str, ...] | None) -> None:
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
        return prompt_of(self._writer.spec, self._speaker, turns)


class MllmAdapter:
    """An ``Mllm``: questions of one call go through the model as one batch."""

    def __init__(self, writer: Writer, processor: Any) -> None:
        self._writer = writer
        self._processor = processor
        if getattr(processor, "chat_template", None) is None:
            raise broken(
                writer.spec, "its processor has no chat template", "add one, so that pictures find their place"
            )
        if self._prompt("what is it", 1) == self._prompt("what is it", 0):
            raise broken(writer.spec, "its chat template leaves pictures out", "add the one that it was trained with")

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
        prompts = [self._prompt(question, len(pictures)) for pictures, question in zip(images, questions, strict=True)]
        shown = [[self._writer.picture(each) for each in pictures] for pictures in images]
        inputs = self._processor(
            text=prompts,
            images=shown if any(shown) else None,
            return_tensors="pt",
            padding=True,
            add_special_tokens=False,
        )
        tokens, chances = self._writer.write(inputs, max_tokens, stop, scores=True)
        return self._writer.replies(inputs, tokens, chances)

    def _prompt(self, question: str, pictures: int) -> str:
        content = [*[{"type": "image"}] * pictures, {"type": "text", "text": question}]
        return prompt_of(self._writer.spec, self._processor, [{"role": "user", "content": content}])


class CaptionAdapter:
    """A ``Captioner``: a model that is talked to is asked the spec's option ``question``; any other just writes."""

    def __init__(self, writer: Writer, processor: Any) -> None:
        self._writer = writer
        self._processor = processor
        asked = getattr(processor, "chat_template", None) is not None
        self._asked = MllmAdapter(writer, processor) if asked else None

    def caption(self, images: Sequence[Image], *, max_tokens: int = 64, stop: StopFlag | None = None) -> list[Reply]:
        """One greedy caption per image, as one batch.

        Raises ``CheckpointBroken`` for a model that must be talked to and has no chat template.
        """
        if not images:
            return []
        if self._asked is not None:
            question = str(self._writer.spec.options.get("question", "Describe the picture."))
            shown = [[each] for each in images]
            return self._asked.answer(shown, [question] * len(images), max_tokens=max_tokens, stop=stop)
        inputs = self._processor(images=[self._writer.picture(each) for each in images], return_tensors="pt")
        try:
            written = self._writer.write(inputs, max_tokens, stop, scores=True)
        except ValueError as error:
            if "bos_token_id" not in str(error):
                raise
            raise broken(
                self._writer.spec,
                "it has no chat template, and it cannot write unasked",
                "add the chat template that it was trained with",
            ) from error
        return self._writer.replies(inputs, *written)

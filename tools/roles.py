"""Roles: what a model is for, as small Protocols that tools name and loaders serve.

A tool asks for a model by annotating a keyword-only parameter with one of these Protocols; which checkpoint
serves the role is the profile's business. Every call is batched: whatever may differ between callers is per
item.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from .media.artifact import Artifact
    from .media.audio import Audio
    from .media.boxes import Boxes
    from .media.depth import Depth
    from .media.embedding import Embedding
    from .media.image import Image
    from .media.masks import Masks
    from .media.point_cloud import PointCloud
    from .media.points import Points
    from .media.spans import Spans
    from .media.transcript import Transcript
    from .media.video import Video


class StopFlag(Protocol):
    """Anything like ``threading.Event`` that says whether a running call should end early."""

    def is_set(self) -> bool:
        """True once the caller no longer wants the result."""
        ...


class _NeverStops:
    """The stop flag of a call that nobody can interrupt."""

    def is_set(self) -> bool:
        return False


NEVER: StopFlag = _NeverStops()


def _no_progress(fraction: float, text: str) -> None:
    """Progress that nobody listens to."""


@dataclass(frozen=True, slots=True)
class StepContext:
    """What a running step may know about itself; injected where a tool has a ``StepContext`` parameter.

    ``seed`` seeds the step's own generator, ``item`` is the element's index inside an ``each`` step (None
    outside of one), ``stop`` is polled by long loops, ``progress(fraction, text)`` reports with fraction in
    [0, 1]. ``cache`` is a folder for what can be made again, None where nothing is to be kept.
    """

    seed: int = 0
    item: int | None = None
    stop: StopFlag = NEVER
    progress: Callable[[float, str], None] = field(default=_no_progress)
    cache: Path | None = None


class Detector(Protocol):
    """Finds things and says where they are."""

    @property
    def vocabulary(self) -> tuple[str, ...] | None:
        """The class names that it knows, in the model's order; None for an open vocabulary."""
        ...

    def detect(self, images: Sequence["Image"], labels: Sequence[Sequence[str]]) -> "list[Boxes]":
        """One ``Boxes`` per image (xyxy in pixels of that image).

        ``labels`` holds one list of class names per image; an empty list means every class. Raises ``WrongArgument``
        for an empty one where the vocabulary is open and there are no classes to fall back on.
        """
        ...


class Segmenter(Protocol):
    """Cuts the thing in a box, or under points, out of its background."""

    def segment(self, images: Sequence["Image"], boxes: "Sequence[Boxes]") -> "list[Masks]":
        """One ``Masks`` per image: one full-resolution mask per box, in the order of the boxes."""
        ...

    def segment_points(self, images: Sequence["Image"], points: "Sequence[Sequence[Points]]") -> "list[Masks]":
        """One ``Masks`` per image: one full-resolution mask per ``Points``, each of which means one thing."""
        ...

    def segment_all(self, images: Sequence["Image"], *, stop: StopFlag = NEVER) -> "list[Masks]":
        """One ``Masks`` per image: full-resolution masks of everything that stands out in it, the surest first.

        Raises ``Cancelled`` when ``stop`` was set.
        """
        ...


@dataclass(frozen=True, slots=True)
class Reply:
    """A text answer; ``confidence`` is the mean token probability in [0, 1], None where it is not known."""

    text: str
    confidence: float | None = None
    tokens_in: int = 0
    tokens_out: int = 0


class Mllm(Protocol):
    """Answers a question about pictures by looking at them."""

    def answer(
        self,
        images: Sequence[Sequence["Image"]],
        questions: Sequence[str],
        *,
        max_tokens: int = 64,
        stop: StopFlag | None = None,
    ) -> list[Reply]:
        """One reply per question; ``images[i]`` are the pictures of ``questions[i]``."""
        ...


class Captioner(Protocol):
    """Says in a sentence or two what a picture shows."""

    def caption(self, images: "Sequence[Image]", *, max_tokens: int = 64, stop: StopFlag | None = None) -> list[Reply]:
        """One caption per image, in their order. Raises ``Cancelled`` when ``stop`` was set on the way."""
        ...


@dataclass(frozen=True, slots=True)
class Drawing:
    """How one picture is to be drawn.

    ``seed`` decides the noise that it begins with: the same seed, the same picture, whatever else is drawn with it.
    ``width`` and ``height`` are pixels, ``steps`` those of sampling and ``guidance`` how closely the prompt is followed
    (1 and less is not at all); None is what the checkpoint was made for. ``negative`` says what is not to be seen.
    """

    prompt: str
    seed: int = 0
    negative: str = ""
    width: int | None = None
    height: int | None = None
    steps: int | None = None
    guidance: float | None = None


class ImageGenerator(Protocol):
    """Draws what a text says: a new picture, a changed one, or a part of one."""

    def generate(
        self,
        drawings: Sequence[Drawing],
        *,
        progress: Callable[[float], None] | None = None,
        stop: StopFlag | None = None,
    ) -> "list[Image]":
        """One picture per drawing. ``progress`` is told shares in [0, 1] after every step of sampling.

        Raises ``Cancelled`` when ``stop`` was set, ``WrongArgument`` for sizes and steps that the model cannot do.
        """
        ...

    def edit(
        self,
        images: "Sequence[Image]",
        drawings: Sequence[Drawing],
        *,
        strength: float = 0.7,
        progress: Callable[[float], None] | None = None,
        stop: StopFlag | None = None,
    ) -> "list[Image]":
        """Each image, of its own size, changed towards its drawing; ``strength`` in (0, 1], 1 keeps nothing of it."""
        ...

    def inpaint(
        self,
        images: "Sequence[Image]",
        masks: "Sequence[Masks]",
        drawings: Sequence[Drawing],
        *,
        strength: float = 1.0,
        progress: Callable[[float], None] | None = None,
        stop: StopFlag | None = None,
    ) -> "list[Image]":
        """Each image with what its masks cover drawn anew; every pixel outside the masks stays as it is."""
        ...


Control = Literal["edges", "boxes", "masks", "depth"]
"""What a control picture shows: white edges, white outlines of boxes, white areas, or the near bright."""


class ControlledGenerator(Protocol):
    """Draws what a text says in the forms that a control picture shows."""

    @property
    def control(self) -> Control | None:
        """What its control pictures must show; None where the checkpoint does not say."""
        ...

    def generate_controlled(
        self,
        controls: "Sequence[Image]",
        drawings: Sequence[Drawing],
        *,
        weight: float = 1.0,
        progress: Callable[[float], None] | None = None,
        stop: StopFlag | None = None,
    ) -> "list[Image]":
        """One picture per drawing, with the proportions of its control picture; ``weight`` 0 leaves that out.

        Raises ``Cancelled`` when ``stop`` was set, ``WrongArgument`` for sizes, steps and weights that it cannot do.
        """
        ...


class TextReader(Protocol):
    """Reads what is written in pictures."""

    def read(self, images: "Sequence[Image]") -> "list[Boxes]":
        """One ``Boxes`` per image: a box a line in reading order, its label what the line says; none without text."""
        ...


class DepthEstimator(Protocol):
    """Says how far away everything in a picture is."""

    def estimate(self, images: "Sequence[Image]") -> "list[Depth]":
        """One ``Depth`` of its size per image."""
        ...


class VideoGenerator(Protocol):
    """Films what a text says."""

    def generate(
        self,
        drawings: Sequence[Drawing],
        *,
        seconds: Sequence[float | None],
        progress: Callable[[float], None] | None = None,
        stop: StopFlag | None = None,
    ) -> "list[Video]":
        """One clip per drawing; ``seconds`` is how long each lasts, None what the checkpoint was made for.

        Raises ``Cancelled`` when ``stop`` was set, ``WrongArgument`` for sizes, steps and lengths that it cannot do.
        """
        ...


class Recogniser(Protocol):
    """Writes down what is said in a recording."""

    @property
    def window(self) -> float:
        """Seconds that it hears at once; what is longer it cuts itself, knowing less of where a pause is."""
        ...

    def transcribe(
        self,
        recordings: "Sequence[Audio]",
        *,
        language: str | None = None,
        translate: bool = False,
        stop: StopFlag | None = None,
    ) -> "list[Transcript]":
        """One transcript per recording, with the times of words; empty where nobody speaks.

        ``language`` is an ISO 639-1 code of what is spoken; without it the model finds out. With ``translate`` it is
        written in English whatever is spoken. Raises ``Cancelled`` when ``stop`` was set, ``WrongArgument`` for a
        language that there is not, ``ModelError`` where the model cannot translate.
        """
        ...


class Embedder(Protocol):
    """Gives pictures and texts vectors in one space: the nearer two are, the better they fit."""

    def embed_images(self, images: "Sequence[Image]") -> "Embedding":
        """One unit vector per image, in their order."""
        ...

    def embed_texts(self, texts: Sequence[str]) -> "Embedding":
        """One unit vector per text, in their order; what is longer than the model reads is cut off."""
        ...


class SoundClassifier(Protocol):
    """Says which sounds are in a recording."""

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The names of the sounds that it knows, in the model's order."""
        ...

    def classify(self, recordings: "Sequence[Audio]") -> "list[Spans]":
        """One ``Spans`` per recording: where which sound was heard, with scores; none where nothing was."""
        ...


class SoundGenerator(Protocol):
    """Makes the sound that a text names."""

    @property
    def vocabulary(self) -> tuple[str, ...] | None:
        """The names of the sounds that it can make; None where it takes any text."""
        ...

    def make(
        self,
        prompts: Sequence[str],
        *,
        seconds: Sequence[float | None],
        seeds: Sequence[int],
        stop: StopFlag | None = None,
    ) -> "list[Audio]":
        """One recording per prompt; ``seconds`` is how long each lasts, None as long as such a sound does.

        Raises ``WrongArgument`` for a text that names no sound of the vocabulary, and for lengths that it cannot do,
        ``Cancelled`` when ``stop`` was set.
        """
        ...


@dataclass(frozen=True, slots=True)
class Guess:
    """A class and how sure the model is of it, in [0, 1]."""

    label: str
    score: float


class CloudClassifier(Protocol):
    """Says which solid a point cloud shows."""

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The class names that it knows, in the model's order."""
        ...

    def classify(self, clouds: "Sequence[PointCloud]") -> list[list[Guess]]:
        """For each cloud every class of the vocabulary, the likeliest first; scores sum to 1."""
        ...


class Voice(Protocol):
    """Says texts aloud."""

    def speak(self, texts: Sequence[str], *, voice: str | None = None, rate: int | None = None) -> "list[Audio]":
        """One recording per text, mono. ``voice`` is a name of the model's own, ``rate`` in words a minute.

        Raises ``WrongArgument`` for what cannot be said, and for a voice or a rate that the model does not have.
        """
        ...


class Summariser(Protocol):
    """Says shorter what texts say."""

    @property
    def method(self) -> str:
        """How it is done, in a few words: a reader must be able to judge what comes."""
        ...

    def summarise(self, texts: Sequence[str], sentences: Sequence[int], *, stop: StopFlag | None = None) -> list[Reply]:
        """One summary per text, in its language and of at most its number of sentences; empty for an empty text.

        Raises ``Cancelled`` when ``stop`` was set on the way, ``ModelError`` for an answer that is no summary.
        """
        ...


class Translator(Protocol):
    """Says texts in another language."""

    @property
    def method(self) -> str:
        """How it is done, in a few words: a reader must be able to judge what comes."""
        ...

    def translate(self, texts: Sequence[str], to: Sequence[str], *, stop: StopFlag | None = None) -> list[Reply]:
        """One translation per text into its language of ``to`` (ISO 639-1 codes); empty for an empty text.

        Raises ``Cancelled`` when ``stop`` was set on the way, ``WrongArgument`` for a language that it cannot write,
        ``ModelError`` for an answer that is no translation.
        """
        ...


class Fetcher(Protocol):
    """Gets what lies at addresses. A profile that names no model for this role fetches nothing."""

    def fetch(self, urls: Sequence[str], *, stop: StopFlag | None = None) -> "list[Artifact]":
        """One medium per address, of whatever kind its content is.

        Raises ``WrongArgument`` for an address that may not be asked, ``ToolError`` where it does not answer,
        ``TooLarge``, ``NotDecodable``, ``Cancelled``.
        """
        ...


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation with a language model."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Completion:
    """What a language model wrote, and how many tokens it read and wrote."""

    text: str
    tokens_in: int = 0
    tokens_out: int = 0


class Constraint(Protocol):
    """What a generated text must look like. Local decoding uses the processor, endpoints use the schema."""

    @property
    def schema(self) -> Mapping[str, Any]:
        """JSON schema that every allowed text satisfies."""
        ...

    def processor(self, tokenizer: Any) -> Callable[[Any, Any], Any]:
        """A fresh ``(input_ids, scores) -> scores`` for one generation.

        ``input_ids`` is a (1, T) tensor whose state at the first call is the prompt; ``scores`` is (1, V); a
        token that must not come next gets minus infinity.
        """
        ...


class LanguageModel(Protocol):
    """Writes text. Serves the roles ``planner`` (plans) and ``writer`` (prose)."""

    @property
    def trained_tools(self) -> tuple[str, ...] | None:
        """The tools that the checkpoint was trained to plan with; None for a model that reads cards."""
        ...

    @property
    def tokenizer(self) -> Any | None:
        """The local tokenizer that constraints are built for; None for an endpoint."""
        ...

    def generate(
        self,
        messages: Sequence[Message],
        *,
        constraint: Constraint | None = None,
        max_tokens: int = 512,
        seed: int = 0,
        stop: StopFlag | None = None,
    ) -> Completion:
        """The model's next turn, greedily decoded. Raises ``Cancelled`` when ``stop`` was set on the way."""
        ...


ROLES: dict[str, type] = {
    "planner": LanguageModel,
    "writer": LanguageModel,
    "mllm": Mllm,
    "detector": Detector,
    "segmenter": Segmenter,
    "asr": Recogniser,
    "tts": Voice,
    "embedder": Embedder,
    "sound_classifier": SoundClassifier,
    "captioner": Captioner,
    "image_generator": ImageGenerator,
    "controlled_generator": ControlledGenerator,
    "sound_generator": SoundGenerator,
    "cloud_classifier": CloudClassifier,
    "ocr": TextReader,
    "depth_estimator": DepthEstimator,
    "video_generator": VideoGenerator,
    "summariser": Summariser,
    "translator": Translator,
    "fetcher": Fetcher,
}


def role_of(annotation: object, name: str = "") -> str | None:
    """The role that an injected parameter asks for, or None when the annotation is no role's Protocol.

    Two roles share a Protocol (``planner`` and ``writer``): the parameter's ``name`` decides, and a tool that
    names it otherwise gets the ``writer``, since planning is not a tool's business.
    """
    served = [role for role, protocol in ROLES.items() if protocol is annotation]
    if name in served:
        return name
    return served[-1] if served else None

"""Detectors of ultralytics that can be told what to find: YOLO-World and YOLOE.

ultralytics would fetch a text encoder, and the package ``clip`` to read it with. Here the encoder is a text tower of
CLIP in the format of transformers, named by ``options.text_encoder``, and the models are given its vectors.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from ultralytics.nn.tasks import WorldModel, YOLOEModel

from ..errors import CheckpointMissing, ProfileError, WrongArgument
from .base import ModelSpec
from .checkpoints import broken
from .torch_parts import computing
from .ultralytics_files import encoder_spec

if TYPE_CHECKING:
    from .transformers_texts import TextTower

_OPENAI = "openai/clip-vit-base-patch32"  # the weights that ultralytics reads texts for YOLO-World with


class Classes(NamedTuple):
    """What a model is to find: N names, and what stands for them in it (1 x N x D)."""

    names: tuple[str, ...]
    vectors: torch.Tensor


def teller(spec: ModelSpec, yolo: Any) -> "Teller | None":
    """What tells a model its classes; None for one that keeps those that it has.

    Raises ``CheckpointMissing`` for a model without classes where no text encoder is named, ``ProfileError`` where one
    is named for a model whose classes are fixed, and ``CheckpointBroken`` for an encoder that does not fit.
    """
    model = yolo.model
    tellable = isinstance(model, WorldModel) or (isinstance(model, YOLOEModel) and not _fixed(model))
    encoder = encoder_spec(spec)
    saved = _saved(model) if tellable else None
    if encoder is not None:
        if not tellable:
            field = f"{spec.role}.options.text_encoder"
            raise ProfileError(
                f"{field} is stated, but {spec.checkpoint} keeps the classes that it has",
                hint="leave it out, or use a YOLO-World or YOLOE whose classes are not fused",
                field=field,
            )
        from .transformers_texts import TextTower  # transformers is slow to import: only where it is wanted

        return Teller(spec, yolo, TextTower(encoder), saved)
    if tellable and saved is None:
        raise _untold(spec, model)
    return None


class Teller:
    """Sets the classes of a YOLO-World or YOLOE to what is looked for."""

    def __init__(self, spec: ModelSpec, yolo: Any, tower: "TextTower", saved: Classes | None) -> None:
        self._spec, self._yolo, self._tower, self._saved = spec, yolo, tower, saved
        self._told: tuple[str, ...] | None = None
        model = yolo.model
        wanted = model.txt_feats.shape[-1] if isinstance(model, WorldModel) else model.model[-1].embed
        if tower.size != wanted:
            raise broken(
                spec,
                f"its text encoder gives {tower.size} numbers for a text, the model takes {wanted}",
                f"--set {spec.role}.options.text_encoder to the one that it was trained with",
            )
        self.nbytes = tower.nbytes

    def tell(self, labels: Sequence[str]) -> None:
        """Let the model find ``labels``, or without any what it was saved for.

        Raises ``WrongArgument`` where it was saved for nothing.
        """
        if tuple(labels) == self._told:
            return
        classes = Classes(tuple(labels), self._vectors(labels)) if labels else self._saved
        if classes is None:
            raise WrongArgument(
                f"the detector {self._spec.checkpoint} finds what it is told, and was told nothing",
                hint="name what to look for",
                field="labels",
            )
        # As the library's own set_classes, which would also fetch the encoder.
        model = self._yolo.model
        if isinstance(model, WorldModel):
            model.txt_feats, model.names = classes.vectors, dict(enumerate(classes.names))
            model.model[-1].nc = len(classes.names)
        else:
            model.set_classes(list(classes.names), classes.vectors)
        self._yolo.predictor = None
        self._told = tuple(labels)

    def _vectors(self, labels: Sequence[str]) -> torch.Tensor:
        with computing(self._spec):
            model = self._yolo.model
            vectors = self._tower.read(labels)[None].to(next(model.parameters()))
            return vectors if isinstance(model, WorldModel) else model.model[-1].get_tpe(vectors)


def _fixed(model: Any) -> bool:
    """Whether the classes of a YOLOE are part of its weights: fused, or those of one that is not prompted."""
    head = model.model[-1]
    return bool(head.is_fused) or hasattr(head, "lrpc")


def _saved(model: Any) -> Classes | None:
    """The classes that a model was saved with; None where nobody set them."""
    names = tuple(model.names.values())
    if isinstance(model, YOLOEModel):
        return Classes(names, model.pe) if hasattr(model, "pe") else None
    # A new YOLO-World has random numbers in the place of unit vectors.
    lengths = model.txt_feats.float().norm(dim=-1)
    told = lengths.shape[-1] == len(names) and bool(torch.allclose(lengths, torch.ones_like(lengths), atol=0.01))
    return Classes(names, model.txt_feats) if told else None


def _untold(spec: ModelSpec, model: Any) -> CheckpointMissing:
    field = f"--set {spec.role}.options.text_encoder"
    if isinstance(model, WorldModel):
        how = f"hf download {_OPENAI}, then {field}={_OPENAI}"
    else:
        how = f"{field}=FOLDER with its text encoder ({model.text_model}) as a CLIP of transformers"
    return CheckpointMissing(
        f"the {spec.role}'s checkpoint {spec.checkpoint} was saved without classes, and no text encoder is named",
        hint=f"{how}; or set its classes with ultralytics and save it: model.set_classes(names); model.save(FILE)",
        role=spec.role,
        checkpoint=spec.checkpoint,
    )

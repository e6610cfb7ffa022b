"""What is true of each cell of a picture: the labels from which the tower learns, and the heads that read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ...world.captions import PATTERN_WORDS
from ...world.scenes import BACKGROUNDS, CLASSES, COLOURS
from ...world.shapes import WORDS
from .model import CELLS, GRID, WIDTH
from .tensors import Tensors

IGNORED = -100  # a label that no loss counts
PATTERNS = tuple(dict.fromkeys(PATTERN_WORDS.values()))  # plain, striped, dotted, outlined
SIZES = ("small", "medium", "large")
_SIZE_BOUNDS = (0.14, 0.26)  # shares of the picture's side between the sizes, as in SceneObject.size_word
_PATTERN_WEIGHTS = (0.4, 1.3, 1.6, 1.2)  # in the loss: three of five things are plain
_READABLE = 0.2  # size of a sign from which its word is learned
Array = NDArray[Any]


@dataclass
class Cells(Tensors):
    """Labels per cell, each N x CELLS; IGNORED where a label makes no sense.

    The owner's class (16: none) and colour (10: none), centres (0 or 1), the owner's pattern and size, the logarithm of
    its size as a share of the side (0: none), the word of a sign, and the background of cells that nothing owns.
    """

    label: Tensor
    colour: Tensor
    centre: Tensor
    pattern: Tensor
    size: Tensor
    extent: Tensor
    sign: Tensor
    background: Tensor

    @property
    def weight(self) -> Tensor:
        """How much a cell counts: centre 3, object 1, background 0.25."""
        owned = torch.where(self.label < len(CLASSES), 1.0, 0.25)
        return torch.where(self.centre > 0, 3.0, owned)


def cell_of(centre: Array) -> int:
    """The cell that holds a point (x, y) in 0..1."""
    column, row = (min(int(float(value) * GRID), GRID - 1) for value in centre)
    return row * GRID + column


def size_index(size: float | Array) -> Any:
    """The index into SIZES of a size (share of the side)."""
    return np.where(np.asarray(size) > _SIZE_BOUNDS[1], 2, np.where(np.asarray(size) < _SIZE_BOUNDS[0], 0, 1))


def cells_of(rows: list[dict[str, Array]]) -> Cells:
    """The cell labels of these scenes; the cell of an object's centre belongs to it, the front one where two meet."""
    shape = (len(rows), CELLS)
    owners, centre = np.full(shape, -1, np.int64), np.zeros(shape, np.float32)
    for i, row in enumerate(rows):
        owners[i] = row["owners"]
        for k in np.flatnonzero(row["labels"] >= 0):
            owners[i, cell_of(row["centres"][k])], centre[i, cell_of(row["centres"][k])] = k, 1
    owned = owners >= 0

    def told(name: str, otherwise: float) -> Array:
        values = np.stack([row[name] for row in rows])
        return np.where(owned, np.take_along_axis(values, np.maximum(owners, 0), 1), otherwise)

    sizes = told("sizes", 1.0)
    sign = np.where(owned & (sizes >= _READABLE), told("signs", -1), -1)
    background = np.stack([row["background"] for row in rows])[:, None]
    return Cells(
        label=torch.from_numpy(told("labels", len(CLASSES)).astype(np.int64)),
        colour=torch.from_numpy(told("colours", len(COLOURS)).astype(np.int64)),
        centre=torch.from_numpy(centre),
        pattern=torch.from_numpy(told("patterns", IGNORED).astype(np.int64)),
        size=torch.from_numpy(np.where(owned, size_index(sizes), IGNORED)),
        extent=torch.from_numpy(np.log(sizes).astype(np.float32)),
        sign=torch.from_numpy(np.where(sign >= 0, sign, IGNORED).astype(np.int64)),
        background=torch.from_numpy(np.where(owned, IGNORED, background).astype(np.int64)),
    )


def distinct(row: dict[str, Array]) -> bool:
    """Whether no two objects share the cell of their centres, i.e. the cell labels tell the whole scene."""
    cells = [cell_of(row["centres"][k]) for k in np.flatnonzero(row["labels"] >= 0)]
    return len(set(cells)) == len(cells)


class Heads(nn.Module):
    """Linear heads on the tower's cells; used in training only."""

    def __init__(self) -> None:
        super().__init__()
        self.label = nn.Linear(WIDTH, len(CLASSES) + 1)
        self.colour = nn.Linear(WIDTH, len(COLOURS) + 1)
        self.centre = nn.Linear(WIDTH, 1)
        self.row = nn.Linear(WIDTH, GRID)
        self.column = nn.Linear(WIDTH, GRID)
        self.pattern = nn.Linear(WIDTH, len(PATTERNS))
        self.size = nn.Linear(WIDTH, len(SIZES))
        self.extent = nn.Linear(WIDTH, 1)
        self.sign = nn.Linear(WIDTH, len(WORDS))
        self.background = nn.Linear(WIDTH, len(BACKGROUNDS))

    def loss(self, features: Tensor, cells: Cells) -> Tensor:
        """The weighted loss over all cells; `features` N x CELLS x WIDTH."""
        weight = cells.weight
        index = torch.arange(CELLS, device=features.device).expand(len(features), CELLS)
        place = _entropy(self.row(features), index // GRID, None) + _entropy(self.column(features), index % GRID, None)
        centre = F.binary_cross_entropy_with_logits(
            self.centre(features)[..., 0], cells.centre, pos_weight=features.new_tensor(4.0)
        )
        owned = (cells.label < len(CLASSES)) * weight
        distance = F.smooth_l1_loss(self.extent(features)[..., 0], cells.extent, reduction="none", beta=0.1)
        extent = (distance * owned).sum() / owned.sum().clamp(min=1)
        return (
            _entropy(self.label(features), cells.label, weight)
            + _entropy(self.colour(features), cells.colour, weight)
            + centre
            + 0.1 * place
            + 2.0 * _entropy(self.pattern(features), cells.pattern, owned, features.new_tensor(_PATTERN_WEIGHTS))
            + 0.4 * _entropy(self.size(features), cells.size, weight)
            + extent
            + 0.1 * _entropy(self.sign(features), cells.sign, weight)
            + 0.4 * _entropy(self.background(features), cells.background, None)
        )


def _entropy(logits: Tensor, labels: Tensor, weight: Tensor | None, classes: Tensor | None = None) -> Tensor:
    """The mean cross-entropy over the cells that have a label, weighted by cell and class; logits N x CELLS x K."""
    counted = (labels != IGNORED).float() if weight is None else (labels != IGNORED) * weight
    loss = F.cross_entropy(logits.transpose(1, 2), labels, classes, reduction="none", ignore_index=IGNORED)
    return (loss * counted).sum() / counted.sum().clamp(min=1)

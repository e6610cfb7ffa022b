"""COCO's run lengths for masks: column-major runs of 0 and 1, as counts and as the compressed string.

The string form is that of pycocotools (``mask.encode``): every count from the fourth on is stored as its difference
from the count two before, in little-endian groups of five bits with a sign and a continuation bit, from ASCII 48 on.
It is written here with numpy because pycocotools is a compiled dependency for these few lines alone.
"""

import numpy as np
from numpy.typing import NDArray

_OFFSET = 48  # ASCII "0", the first character of the alphabet
_BITS = 5  # payload bits a character
_GROUPS = 13  # 13 * 5 bits hold any 64-bit count


def encode(bitmap: NDArray[np.bool_]) -> str:
    """The compressed run lengths of one mask (H x W bool)."""
    flat = bitmap.T.reshape(-1)
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    edges = np.concatenate([[0], changes, [flat.size]])
    counts = np.diff(edges)
    if flat.size and flat[0]:
        counts = np.concatenate([[0], counts])  # runs start with zeros, so a leading one needs an empty run
    return _pack(counts.astype(np.int64))


def decode(text: str, height: int, width: int) -> NDArray[np.bool_]:
    """The mask (H x W bool) of compressed run lengths. Raises ValueError when they do not fill it exactly."""
    counts = _unpack(text)
    # Bounded one by one before the sum, so that absurd counts cannot wrap around to the right total.
    if (counts < 0).any() or (counts > height * width).any() or int(counts.sum()) != height * width:
        raise ValueError(f"run lengths do not fill a mask of {width}x{height}")
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(width, height).T


def _pack(counts: NDArray[np.int64]) -> str:
    rest = counts.copy()
    rest[3:] -= counts[1:-2]
    characters = np.zeros((len(rest), _GROUPS), dtype=np.uint8)
    used = np.zeros((len(rest), _GROUPS), dtype=bool)
    more = np.ones(len(rest), dtype=bool)
    for group in range(_GROUPS):
        used[:, group] = more
        low = rest & 31
        rest >>= _BITS
        more = more & np.where(low & 16, rest != -1, rest != 0)
        characters[:, group] = low + (more << _BITS) + _OFFSET
        if not more.any():
            break
    return characters[used].tobytes().decode("ascii")


def _unpack(text: str) -> NDArray[np.int64]:
    codes = np.frombuffer(text.encode("ascii"), dtype=np.uint8).astype(np.int64) - _OFFSET
    if not codes.size:
        return codes
    last = (codes & 32) == 0
    ends = np.flatnonzero(last)
    if (codes < 0).any() or (codes > 63).any() or not last[-1]:
        raise ValueError("run lengths break off or hold foreign characters")
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() >= _GROUPS:
        raise ValueError("a run length is too long")
    place = np.arange(len(codes)) - np.repeat(starts, lengths)
    values = np.add.reduceat((codes & 31) << (_BITS * place), starts)
    negative = (codes[ends] & 16) != 0
    values = np.where(negative, values - (np.int64(1) << (_BITS * lengths)), values)
    for first in (1, 2):
        values[first::2] = np.cumsum(values[first::2])
    return values

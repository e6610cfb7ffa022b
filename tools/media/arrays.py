"""numpy arrays as artifacts hold and store them: read-only in memory, without pickles in files."""

import io
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..errors import WrongArgument


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """The array as C-contiguous and read-only; copied unless nobody else can write to it."""
    if array.flags.writeable or array.base is not None or not array.flags.c_contiguous:
        array = np.array(array, order="C", copy=True)
        array.flags.writeable = False
    return array


def rows_of(values: ArrayLike, columns: int, dtype: DTypeLike, what: str) -> NDArray[Any]:
    """N x ``columns`` finite numbers, read-only; nothing at all counts as no rows. Raises WrongArgument."""
    try:
        array = np.asarray(values, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise WrongArgument(f"{what} need N x {columns} numbers: {error}", field=what) from error
    if array.size == 0:
        array = array.reshape(0, columns)
    if array.ndim != 2 or array.shape[1] != columns or not np.isfinite(array).all():
        raise WrongArgument(f"{what} need N x {columns} finite numbers, got shape {array.shape}", field=what)
    return frozen(array)


def to_npy(array: NDArray[Any]) -> bytes:
    """An array as ``.npy`` bytes."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def from_npy(content: bytes, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """The array of ``.npy`` bytes, read-only. Raises ValueError unless its header says ``shape`` and ``dtype``."""
    buffer = io.BytesIO(content)
    npy.read_magic(buffer)
    found, _, kind = npy.read_array_header_1_0(buffer)  # checked before the array's memory is taken
    if found != shape or kind != np.dtype(dtype):
        raise ValueError(f"it holds {found} {kind}, its handle says {shape} {np.dtype(dtype)}")
    buffer.seek(0)
    return frozen(npy.read_array(buffer, allow_pickle=False))

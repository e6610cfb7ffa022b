"""How well every stretch of a track is explained by curves: least squares of all stretches at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """The best curve for each of S stretches and each of M signals."""

    error: Samples
    """(S, M): weighted sums of squared residuals."""
    weights: Samples
    """(S, K, M): how much of each of the K basis functions is in the curve."""


@dataclass(frozen=True)
class Stretches:
    """S stretches of T samples, from ``start`` (S,) up to ``end`` (S,)."""

    start: NDArray[np.int64]
    end: NDArray[np.int64]

    @classmethod
    def between(cls, borders: NDArray[np.int64]) -> "Stretches":
        """All stretches from one border to a later one."""
        first, last = np.triu_indices(len(borders), 1)
        return cls(borders[first], borders[last])

    def lasting(self, t: Samples) -> Samples:
        """How long each stretch (S,) is, of samples at the even times ``t`` (T,)."""
        return np.asarray((self.end - self.start) * (t[1] - t[0]))

    def total(self, samples: Samples) -> Samples:
        """The sums of samples (T, ...) over each stretch: (S, ...)."""
        sums = np.concatenate([np.zeros_like(samples[:1]), np.cumsum(samples, axis=0)])
        return np.asarray(sums[self.end] - sums[self.start])

    def fit(self, basis: Samples, signals: Samples, weights: Samples) -> Fit:
        """Least squares of ``signals`` (T, M) by sums of ``basis`` (T, K), every sample counted ``weights`` (T,) times.

        From running sums, so that a stretch costs the same however long it is. What a stretch is too short to tell is
        kept small.
        """
        weighed = basis * weights[:, None]
        gram = self.total(weighed[:, :, None] * basis[:, None, :])  # (S, K, K)
        shared = self.total(weighed[:, :, None] * signals[:, None, :])  # (S, K, M)
        own = self.total(weights[:, None] * signals**2)  # (S, M)
        found = np.linalg.solve(gram + 1e-6 * np.eye(basis.shape[1]), shared)
        return Fit(np.maximum(own - (found * shared).sum(axis=1), 0.0), np.asarray(found))

    def __getitem__(self, chosen: NDArray[np.bool_]) -> "Stretches":
        return Stretches(self.start[chosen], self.end[chosen])


def waves(t: Samples, seconds: float, harmonics: int) -> Samples:
    """1, and cosine and sine of a period and its harmonics at the times ``t`` (T,): (T, 1 + 2 x harmonics)."""
    turn = 2 * np.pi * t / seconds
    pairs = [f(k * turn) for k in range(1, harmonics + 1) for f in (np.cos, np.sin)]
    return np.stack([np.ones_like(t), *pairs], axis=1)

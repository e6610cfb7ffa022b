"""Cut the path of a thing into stretches, each of which one motion explains.

Dynamic programming over every way to cut it (Bellman 1961): a stretch costs what the model of a motion leaves
unexplained, in squares of the noise, and a price for every number that the model chooses, as in the Bayesian
information criterion.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .fitting import Samples, Stretches, waves
from .motions import Span

_BORDERS = 120  # places at most at which motions may change; longer tracks are cut at every second frame, or third
_COARSE = 40  # and those at which what repeats itself may begin and end
_CHANGE = 14.0  # price of a further stretch
_NUMBER = 2.5  # price of a number that a model chooses
_TURNED = 6.0  # price of a picture in which a thing turns that should not, or does not but should
_FAR = 0.03  # sides of the picture that what moves moves at least
_LARGER = 0.15  # share of its mean size by which what grows grows at least
_WOBBLE = 0.1  # share of its size by which the box of a turning thing moves and changes
_LEAST = 0.4  # seconds that a thing turns at least
_CIRCLES = (0.8, 4.0)  # seconds of a turn
_HOPS = (0.4, 1.6)  # seconds of a hop
_WAYS = np.array(
    ["right", "diagonal", "down", "diagonal", "left", "diagonal", "up", "diagonal"]
)  # by eighths of a turn


class Signals(NamedTuple):
    """What the path of a thing is told by, for each of T pictures."""

    t: Samples
    """(T,) seconds."""
    values: Samples
    """(T, 3): x and y of its middle and its size, over their noise."""
    weights: Samples
    """(T,): how much that counts, 0-1."""
    turning: Samples
    """(T,): 1 where it turns, 0 where it does not, NaN where that is not known."""
    side: float
    """The side of the picture over the noise."""


class _Offer(NamedTuple):
    """What a motion costs for each of S stretches, and its name there."""

    names: NDArray[np.str_]
    costs: Samples


def explained(signals: Signals, first: int, last: int) -> list[Span]:
    """The cheapest spans from one frame up to another."""
    borders = np.append(np.arange(first, last, _step(last - first, _BORDERS)), last)
    stretches = Stretches.between(borders)
    offers = list(_even(signals, stretches))
    offers += _repeated(signals, stretches, np.min([offer.costs for offer in offers], axis=0))
    costs = np.stack([offer.costs for offer in offers])
    cheapest, prices = costs.argmin(axis=0), costs.min(axis=0) + _CHANGE
    starts, ends = (np.searchsorted(borders, each) for each in (stretches.start, stretches.end))
    best, came = np.zeros(len(borders)), np.zeros(len(borders), np.int64)
    for k in range(1, len(borders)):
        here = np.flatnonzero(ends == k)
        totals = best[starts[here]] + prices[here]
        best[k], came[k] = totals.min(), here[totals.argmin()]
    spans: list[Span] = []
    k = len(borders) - 1
    while k:
        chosen = int(came[k])
        name = str(offers[cheapest[chosen]].names[chosen])
        end = spans.pop(0).end if spans and spans[0].motion == name else int(stretches.end[chosen])
        spans.insert(0, Span(name, int(stretches.start[chosen]), end))
        k = int(starts[chosen])
    return spans


def _even(signals: Signals, stretches: Stretches) -> Iterator[_Offer]:
    """What it costs to stand, and to move, change size or turn evenly."""
    t, values, weights = signals.t, signals.values, signals.weights
    turned, unturned = _turned(signals, stretches)
    flat = stretches.fit(np.ones((len(t), 1)), values, weights)
    line = stretches.fit(np.stack([np.ones_like(t), t], axis=1), values, weights)
    way, size = line.weights[:, 1] * stretches.lasting(t)[:, None], flat.weights[:, 0, 2]
    yield _offer("still", flat.error.sum(axis=1) + turned, 3, size == size)
    moved = line.error[:, :2].sum(axis=1) + flat.error[:, 2] + turned
    eighths = np.round(np.degrees(np.arctan2(way[:, 1], way[:, 0])) / 45).astype(int) % 8
    yield _offer(_WAYS[eighths], moved, 5, np.hypot(way[:, 0], way[:, 1]) >= _FAR * signals.side)
    resized = flat.error[:, :2].sum(axis=1) + line.error[:, 2] + turned
    yield _offer("grow", resized, 4, way[:, 2] >= _LARGER * size)
    yield _offer("shrink", resized, 4, way[:, 2] <= -_LARGER * size)
    wobbling = flat.error.sum(axis=1) / np.maximum((_WOBBLE * size) ** 2, 1) + unturned
    yield _offer("spin", wobbling, 4, (turned > unturned) & (turned * (t[1] - t[0]) >= _LEAST * _TURNED))


def _repeated(signals: Signals, stretches: Stretches, others: Samples) -> Iterator[_Offer]:
    """What it costs to go in circles and to bounce, where other motions cost more (``others``) than that could.

    Where it begins and ends makes little difference to what repeats itself, and it is the costly part, so fewer borders
    are tried.
    """
    t, values, weights = signals.t, signals.values, signals.weights
    first, last = stretches.start.min(), stretches.end.max()
    step = _step(int(last - first), _COARSE)
    coarse = ((stretches.start - first) % step == 0) & (((stretches.end - first) % step == 0) | (stretches.end == last))
    some = stretches[coarse & (others > 8 * _NUMBER)]
    seconds = some.lasting(t)
    turned, _ = _turned(signals, some)
    flat = some.fit(np.ones((len(t), 1)), values, weights).error
    for name, periods, least in (("circle", _CIRCLES, 0.85), ("bounce", _HOPS, 1.6)):
        for period in _grid(periods, (last - first) * (t[1] - t[0])):
            long = seconds >= least * period
            if not long.any():
                continue
            if name == "circle":
                fit = some[long].fit(waves(t, period, 1), values[:, :2], weights)
                reach = np.hypot(fit.weights[:, 1], fit.weights[:, 2])  # (S, 2): across and along
                error, numbers = fit.error.sum(axis=1) + flat[long, 2], 8
                wide = reach.min(axis=1) >= np.maximum(_FAR * signals.side / 2, reach.max(axis=1) / 2)
            else:
                fit = some[long].fit(waves(t, period, 3), values[:, 1:2], weights)
                error, numbers = fit.error[:, 0] + flat[long, 0] + flat[long, 2], 9
                wide = np.hypot(fit.weights[:, 1, 0], fit.weights[:, 2, 0]) >= _FAR * signals.side / 2
            costs = np.full(len(others), np.inf)
            where = np.flatnonzero(coarse & (others > 8 * _NUMBER))[long]
            costs[where] = np.where(wide, error + turned[long] + numbers * _NUMBER, np.inf)
            yield _Offer(np.broadcast_to(name, costs.shape), costs)


def _offer(name: str | NDArray[np.str_], error: Samples, numbers: int, possible: NDArray[np.bool_]) -> _Offer:
    """What a model costs that chooses so many numbers; infinitely much where it is none of its motion."""
    return _Offer(np.broadcast_to(name, error.shape), np.where(possible, error + numbers * _NUMBER, np.inf))


def _turned(signals: Signals, stretches: Stretches) -> tuple[Samples, Samples]:
    """What it costs that a thing turns, and that it does not: for each stretch."""
    known = np.isfinite(signals.turning)
    return (
        _TURNED * stretches.total(np.where(known, signals.turning, 0)),
        _TURNED * stretches.total(np.where(known, 1 - signals.turning, 0)),
    )


def _step(frames: int, borders: int) -> int:
    return -(-frames // borders)


def _grid(periods: tuple[float, float], seconds: float) -> Samples:
    """Periods so near to each other that none within is off by more than a twentieth of a turn over a track."""
    low, high = 1 / periods[1], 1 / periods[0]
    return np.asarray(1 / np.linspace(low, high, 2 + int((high - low) * 10 * seconds)))

"""Regular expressions of the numbers that a JSON schema allows, for grammars in which every plan is a valid one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_MOST = 999_999
_DECIMALS = r"(\.[0-9]{1,4})?"
_SOME = "([1-9][0-9]{0,3}|0[1-9][0-9]{0,2}|00[1-9][0-9]?|000[1-9])"  # decimals that are not all zero


def number_pattern(schema: Mapping[str, Any]) -> str:
    """The pattern of an integer, or of a number with at most four decimals, between the bounds of its schema.

    Numbers have at most six digits before the point. Without a lower bound they may be negative.
    """
    low, above, high = schema.get("minimum"), schema.get("exclusiveMinimum"), schema.get("maximum")
    most = _MOST if high is None else min(_MOST, math.floor(high))
    bound = above if above is not None else low
    if bound is None:
        whole = digits(0, most)
        return f"-?{whole}" if schema["type"] == "integer" else f"-?{whole}{_DECIMALS}"
    if schema["type"] == "integer":
        return digits(max(0, math.ceil(bound) if above is None else math.floor(bound) + 1), most)
    least = max(0.0, float(bound))
    first = math.floor(least) + 1 if above is not None or least % 1 else int(least)
    options = [digits(most, most)]
    if first < most or high is None:
        options.append(digits(first, most if high is None else most - 1) + _DECIMALS)
    if first > 0 and first - least <= 1:  # between the bound and the first whole number above it
        tenth = math.ceil(round(least % 1 * 10, 6))
        if 0 < tenth < 10:
            options.append(rf"{first - 1}\.[{tenth}-9][0-9]{{0,3}}")
        elif tenth == 0:
            options.append(rf"{first - 1}\.{_SOME}")
    return f"({'|'.join(options)})"


def digits(least: int, most: int) -> str:
    """The pattern of the whole numbers from `least` (at least 0) to `most`, without leading zeros."""
    options = []
    for length in range(len(str(least)), len(str(most)) + 1):
        low = max(least, 10 ** (length - 1) if length > 1 else 0)
        high = min(most, 10**length - 1)
        if low <= high:
            options.append(_between(str(low), str(high)))
    return f"({'|'.join(options)})"


def _between(low: str, high: str) -> str:
    """The pattern of numbers of as many digits as both have."""
    if low == high:
        return low
    rest = len(low) - 1
    if set(low) == {"0"} and set(high) == {"9"}:
        return f"[0-9]{{{len(low)}}}"
    if rest == 0:
        return f"[{low}-{high}]"
    first, last = int(low[0]), int(high[0])
    if first == last:
        return f"{first}{_group(low[1:], high[1:])}"
    options = []
    if set(low[1:]) != {"0"}:
        options.append(f"{first}{_group(low[1:], '9' * rest)}")
        first += 1
    if set(high[1:]) != {"9"}:
        options.append(f"{last}{_group('0' * rest, high[1:])}")
        last -= 1
    if first <= last:
        options.append(f"[{first}-{last}][0-9]{{{rest}}}")
    return "|".join(options)


def _group(low: str, high: str) -> str:
    pattern = _between(low, high)
    return f"({pattern})" if "|" in pattern else pattern

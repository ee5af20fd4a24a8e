"""What an aggregate is worth over the events of its window.

It promises exact values, rounded once at the end: sums as integers or fractions, roots of fractions. None is null. It relies on the window
being in the entity's order, oldest first. Whoever compares floats allows for one more rounding.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.oracle.model import Feature, Record

INT64 = range(-(2**63), 2**63)


def value(feature: Feature, window: Sequence[Record], now: int) -> Any:
    """The feature over its window, asked at the instant `now` (which only `time_since_last` and the decayed ones look at)."""
    match feature.kind:
        case "time_since_last":
            return (now - window[-1].at) / 1_000_000 if window else None
        case "last_time":
            return window[-1].at if window else None
        case "decay_sum" | "decay_count":
            return _decayed(feature, window, now)
        case _:
            inputs = [None if feature.input is None else x.values[feature.input] for x in window]
            if feature.kind == "count" and feature.input is None:
                return len(window)
            return KINDS[feature.kind](feature, inputs)


def of_nothing(feature: Feature) -> Any:
    """What an unknown entity has: counts 0, the rest null."""
    return 0 if feature.kind == "count" else None


def _present(inputs: Sequence[Any]) -> list[Any]:
    return [x for x in inputs if x is not None]


def _kept(feature: Feature, inputs: Sequence[Any]) -> list[Any]:
    return _present(inputs) if feature.ignore_nulls else list(inputs)


def _count(_: Feature, inputs: Sequence[Any]) -> int:
    return len(_present(inputs))


def _sum(_: Feature, inputs: Sequence[Any]) -> Any:
    present = _present(inputs)
    if not present:
        return None
    if any(isinstance(x, float) for x in present):
        strange = _not_finite(present)
        return float(_total(present)) if strange is None else strange
    total = sum(int(x) for x in present)
    return total if total in INT64 else None


def _mean(_: Feature, inputs: Sequence[Any]) -> Any:
    present = _present(inputs)
    if not present:
        return None
    strange = _not_finite(present)
    return float(_total(present) / len(present)) if strange is None else strange


def _var(_: Feature, inputs: Sequence[Any]) -> Any:
    square = _square(inputs)
    return float(square) if isinstance(square, Fraction) else square


def _std(_: Feature, inputs: Sequence[Any]) -> Any:
    square = _square(inputs)
    return _root(square) if isinstance(square, Fraction) else square


def _square(inputs: Sequence[Any]) -> Fraction | float | None:
    """The variance with n - 1, as a fraction; NaN as soon as one input is not finite, null for fewer than two."""
    present = _present(inputs)
    if len(present) < 2:
        return None
    if _not_finite(present) is not None:
        return math.nan
    mean = _total(present) / len(present)
    return sum(((Fraction(x) - mean) ** 2 for x in present), Fraction(0)) / (len(present) - 1)


def _root(square: Fraction) -> float:
    """The square root of a fraction, through an integer root of 200 bits more than a float holds."""
    scale = 2 ** (2 * 600)
    return float(Fraction(math.isqrt(square.numerator * scale // square.denominator), 2**600))


def _total(present: Sequence[Any]) -> Fraction:
    return sum((Fraction(x) for x in present), Fraction(0))


def _not_finite(present: Sequence[Any]) -> float | None:
    """NaN, +inf or -inf where the inputs' sum is that; None where all are finite."""
    strange = {str(x) for x in present if isinstance(x, float) and not math.isfinite(x)}
    if not strange:
        return None
    return float(strange.pop()) if len(strange) == 1 else math.nan


def _rank(x: Any) -> tuple[bool, Any]:
    """NaN sorts above all."""
    return (True, 0) if isinstance(x, float) and math.isnan(x) else (False, x)


def _min(_: Feature, inputs: Sequence[Any]) -> Any:
    return min(_present(inputs), key=_rank, default=None)


def _max(_: Feature, inputs: Sequence[Any]) -> Any:
    return max(_present(inputs), key=_rank, default=None)


def _first(feature: Feature, inputs: Sequence[Any]) -> Any:
    kept = _kept(feature, inputs)
    return kept[0] if kept else None


def _last(feature: Feature, inputs: Sequence[Any]) -> Any:
    kept = _kept(feature, inputs)
    return kept[-1] if kept else None


def _last_n(feature: Feature, inputs: Sequence[Any]) -> list[Any] | None:
    return _kept(feature, inputs)[-feature.n :] or None


def _lag(feature: Feature, inputs: Sequence[Any]) -> Any:
    """The n-th before the newest of the window."""
    kept = _kept(feature, inputs)
    return kept[-1 - feature.n] if len(kept) > feature.n else None


def _n_unique(_: Feature, inputs: Sequence[Any]) -> int | None:
    present = _present(inputs)
    return len({_rank(x) for x in present}) if present else None


def _decayed(feature: Feature, window: Sequence[Record], now: int) -> float | None:
    """Each input times 2 to the minus (age in half-lives), the age taken at `now`."""
    counted = feature.kind == "decay_count"
    terms = []
    for x in window:
        amount = 1 if counted and feature.input is None else x.values[feature.input or ""]
        if amount is not None:
            terms.append((1.0 if counted else float(amount)) * 2.0 ** (-(now - x.at) / feature.half_life))
    if not terms:
        return None
    strange = _not_finite(terms)
    return math.fsum(terms) if strange is None else strange


KINDS: dict[str, Callable[[Feature, Sequence[Any]], Any]] = {
    "count": _count,
    "sum": _sum,
    "mean": _mean,
    "min": _min,
    "max": _max,
    "var": _var,
    "std": _std,
    "first": _first,
    "last": _last,
    "own": _last,
    "n_unique": _n_unique,
    "last_n": _last_n,
    "lag": _lag,
}

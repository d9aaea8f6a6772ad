"""One value of many, as the reducers of @grafana/data."""

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, Final

from tests.grafana.answers.frames import Field, is_nothing

__all__ = ["REDUCERS", "reduced", "type_of_reduced"]

REDUCERS: Final[Mapping[str, str]] = {
    "lastNotNull": "Last *",
    "last": "Last",
    "firstNotNull": "First *",
    "first": "First",
    "min": "Min",
    "max": "Max",
    "mean": "Mean",
    "median": "Median",
    "sum": "Total",
    "count": "Count",
    "range": "Range",
    "delta": "Delta",
    "diff": "Difference",
    "diffperc": "Difference percent",
    "changeCount": "Change Count",
    "distinctCount": "Distinct Count",
    "p95": "95th %",
}
"""Id -> the name of its column."""

_COUNTS = frozenset({"count", "changeCount", "distinctCount"})


def type_of_reduced(calc: str, kind: str) -> str:
    return "number" if calc in _COUNTS else kind


def reduced(column: Field, calc: str) -> Any:
    """The value that a reducer makes of a field; None where there is none."""
    assert calc in REDUCERS, f"this evaluator does not know the reducer {calc}"
    values = column.values
    if not values:
        return 0 if calc in {"sum", "count"} else None
    if calc in _OF_ALL:
        return _OF_ALL[calc](values)
    there = [value for value in values if not is_nothing(value) and value == value]  # noqa: PLR0124 - NaN is not itself
    if calc in {"lastNotNull", "firstNotNull"}:
        return (there[-1] if calc == "lastNotNull" else there[0]) if there else None
    if column.type in {"number", "time"}:
        return _of_numbers(there, calc)
    return {"sum": 0, "delta": 0, "diffperc": 0}.get(calc)


def _there(values: list[Any]) -> list[Any]:
    return [value for value in values if not is_nothing(value)]


_OF_ALL: Final[Mapping[str, Callable[[list[Any]], Any]]] = {
    "last": lambda values: values[-1],
    "first": lambda values: values[0],
    "count": lambda values: len(_there(values)),
    "changeCount": lambda values: sum(1 for before, after in pairwise(_there(values)) if before != after),
    "distinctCount": lambda values: len({repr(value) for value in _there(values)}),
}


def _of_numbers(there: list[float], calc: str) -> Any:
    if calc == "delta":
        return _delta(there)
    if calc == "sum":
        return sum(there)
    if not there:
        return 0 if calc == "diffperc" else None
    functions: Mapping[str, Callable[[list[float]], Any]] = {
        "min": min,
        "max": max,
        "mean": lambda found: sum(found) / len(found),
        "median": _median,
        "range": lambda found: max(found) - min(found),
        "diff": lambda found: found[-1] - found[0],
        "diffperc": lambda found: _share(found[-1] - found[0], found[0]) * 100,
        "p95": lambda found: sorted(found)[math.floor((len(found) - 1) * 0.95 + 0.5)],
    }
    return functions[calc](there)


def _share(part: float, whole: float) -> float:
    if whole:
        return part / whole
    return math.copysign(math.inf, part) if part else math.nan


def _median(there: list[float]) -> float:
    found, middle = sorted(there), len(there) // 2
    return found[middle] if len(found) % 2 else (found[middle - 1] + found[middle]) / 2


def _delta(there: list[float]) -> float:
    total, rising = 0.0, True
    for before, after in pairwise(there):
        if before > after:
            rising = False
        else:
            total += after - before if rising else 0.0
            rising = True
    return total

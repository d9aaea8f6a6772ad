"""What Grafana does to the answers of queries before a panel shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from monitor.grafana.looks import Json

__all__ = [
    "Calculate",
    "Group",
    "Join",
    "Matrix",
    "Merge",
    "Only",
    "Organize",
    "Reduce",
    "Reshape",
    "Sort",
    "UnitFrom",
]


class Reshape(Protocol):
    """One step; steps are done in their order."""

    def json(self) -> Json:
        """The step as Grafana stores it."""


def _step(name: str, options: Json) -> Json:
    return {"id": name, "options": options}


@dataclass(frozen=True, slots=True)
class Group:
    """One row for each combination of values in `by`; other columns by functions: `{"amount": ("mean",)}`.

    The new columns are called `amount (mean)`.
    """

    by: Sequence[str]
    calculated: Mapping[str, Sequence[str]]

    def json(self) -> Json:
        """The step as Grafana stores it."""
        fields: Json = {name: {"operation": "groupby", "aggregations": []} for name in self.by}
        fields |= {
            name: {"operation": "aggregate", "aggregations": list(how)} for name, how in self.calculated.items()
        }
        return _step("groupBy", {"fields": fields})


@dataclass(frozen=True, slots=True)
class Matrix:
    r"""A row for each value of `rows`, a column for each of `columns`, the values in the cells.

    The first column is called `rows\columns`.
    """

    rows: str
    columns: str
    values: str

    def json(self) -> Json:
        """The step as Grafana stores it."""
        options = {"columnField": self.columns, "rowField": self.rows, "valueField": self.values}
        return _step("groupingToMatrix", {**options, "emptyValue": "null"})


@dataclass(frozen=True, slots=True)
class Sort:
    """Rows by one column; rows that are equal there stay in their order."""

    by: str
    descending: bool = False

    def json(self) -> Json:
        """The step as Grafana stores it."""
        return _step("sortBy", {"fields": {}, "sort": [{"field": self.by, "desc": self.descending}]})


@dataclass(frozen=True, slots=True)
class Merge:
    """The tables of several queries in one: rows that are equal in all columns that they share become one."""

    def json(self) -> Json:
        """The step as Grafana stores it."""
        return _step("merge", {})


@dataclass(frozen=True, slots=True)
class Join:
    """The tables of several queries side by side, row by row of one column."""

    by: str
    mode: str = "outer"

    def json(self) -> Json:
        """The step as Grafana stores it."""
        return _step("joinByField", {"byField": self.by, "mode": self.mode})


@dataclass(frozen=True, slots=True)
class Organize:
    """Columns by other names (`names`), in that order, and without those in `hidden`; others keep their place."""

    names: Mapping[str, str] = field(default_factory=dict)
    hidden: Sequence[str] = ()

    def json(self) -> Json:
        """The step as Grafana stores it."""
        options: Json = {
            "excludeByName": dict.fromkeys(self.hidden, True),
            "indexByName": {name: index for index, name in enumerate(self.names)},
            "renameByName": dict(self.names),
        }
        return _step("organize", options)


@dataclass(frozen=True, slots=True)
class Calculate:
    """One more column: `left operator right`, where each is a column's name, or a number.

    Columns are said as Grafana 10 does; later ones understand that, but not the other way round.
    """

    left: str
    operator: str
    right: str
    shown: str

    def json(self) -> Json:
        """The step as Grafana stores it."""
        binary: Json = {"left": self.left, "operator": self.operator, "right": self.right}
        options: dict[str, Any] = {"mode": "binary", "binary": binary, "alias": self.shown, "replaceFields": False}
        return _step("calculateField", options)


@dataclass(frozen=True, slots=True)
class Reduce:
    """One row for each series: its name in `Field`, and functions of its values (`lastNotNull`: `Last *`)."""

    calcs: Sequence[str]

    def json(self) -> Json:
        """The step as Grafana stores it."""
        return _step("reduce", {"mode": "seriesToRows", "reducers": list(self.calcs), "includeTimeField": False})


@dataclass(frozen=True, slots=True)
class Only:
    """A step that is done to the answer of one query alone, such as to `B`."""

    query: str
    step: Reshape

    def json(self) -> Json:
        """The step as Grafana stores it."""
        return self.step.json() | {"filter": {"id": "byRefId", "options": self.query}}


@dataclass(frozen=True, slots=True)
class UnitFrom:
    """The last text that a query answers is the unit of all numbers of the other queries; it is not shown itself.

    A currency is a field of what was used: nobody but the site file knows it.
    """

    query: str
    name: str

    def json(self) -> Json:
        """The step as Grafana stores it."""
        mapping = {"fieldName": self.name, "handlerKey": "unit", "reducerId": "lastNotNull"}
        return _step("configFromData", {"configRefId": self.query, "mappings": [mapping]})

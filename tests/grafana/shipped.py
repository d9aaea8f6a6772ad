"""The dashboards as they are shipped, and what their queries ask for."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import config

__all__ = ["DASHBOARDS", "FOLDER", "Asked", "asked", "links_of", "panels_of", "queries_of"]

Json = Mapping[str, Any]

FOLDER: Final = Path(config.__file__).parent / "grafana" / "dashboards"
DASHBOARDS: Final[Mapping[str, Json]] = {
    file.stem: json.loads(file.read_text("utf-8")) for file in sorted(FOLDER.glob("*.json"))
}
"""Name of the file -> dashboard; a new file is here by itself."""

_CONDITION = re.compile(r'"([^"]+)"\s*(?:=~|!~|!=|<=|>=|=|<|>)')


def panels_of(dashboard: Json) -> Iterator[Json]:
    """Every panel, those in folded rows too; rows themselves are none."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel.get("panels", [])
        else:
            yield panel


def queries_of(dashboard: Json) -> Iterator[tuple[str, str]]:
    """Where a query stands, and the query: of panels, variables and annotations."""
    for panel in panels_of(dashboard):
        for target in panel.get("targets", []):
            yield f"{panel['title']}-{target['refId']}", target["query"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield f"variable {variable['name']}", variable["query"]
    for each in dashboard["annotations"]["list"]:
        if "query" in each.get("target", {}):
            yield f"annotation {each['name']}", each["target"]["query"]


def links_of(dashboard: Json) -> Iterator[str]:
    """Every address that a click leads to."""
    yield from (each["url"] for each in dashboard["links"] if each["type"] == "link")
    for panel in panels_of(dashboard):
        yield from (each["url"] for each in panel.get("links", []))
        looks = [panel["fieldConfig"]["defaults"]]
        looks += [
            {prop["id"]: prop["value"]}
            for override in panel["fieldConfig"]["overrides"]
            for prop in override["properties"]
        ]
        yield from (link["url"] for look in looks for link in look.get("links", []))


@dataclass(frozen=True, slots=True)
class Asked:
    """A SELECT: `columns` by the name under which they are answered (empty: none is said), `names` in them and in
    conditions and groups; `inner`: what it asks from where that is another question.
    """

    columns: Sequence[tuple[str, str]]
    measurement: str
    names: frozenset[str]
    inner: "Asked | None"
    groups: Sequence[str]

    @property
    def innermost(self) -> "Asked":
        return self if self.inner is None else self.inner.innermost

    def field_of(self, name: str) -> tuple[str, str]:
        """The expression and the one field of the database that an answered column is made of, or two blanks."""
        for shown, said in self.columns:
            found = re.findall(r'"([^"]+)"', said)
            if (shown or _called(said)) != name or len(set(found)) != 1 or re.search(r"[-+*/]", _outside(said)):
                continue
            if self.inner is None:
                return said, found[0]
            inner_said, field = self.inner.field_of(found[0])
            return (f"{said} of {inner_said}", field) if field else (said, found[0])
        return "", ""


def _outside(said: str) -> str:
    return re.sub(r'"[^"]+"', "", said)


def _called(said: str) -> str:
    """What InfluxDB calls a column that has no name: after its function, or its field."""
    function = re.match(r"(\w+)\(", said)
    return function[1] if function else said.strip('"')


def asked(query: str) -> Asked:
    """Read a SELECT that `monitor.grafana.influxql` can have spelt."""
    match = re.fullmatch(r"SELECT (.*?) FROM (.*)", query)
    assert match, query
    columns = [_column(each) for each in _split(match[1])]
    rest = match[2]
    inner, measurement = None, ""
    if rest.startswith("("):
        end = _closing(rest)
        inner, rest = asked(rest[1:end]), rest[end + 1 :]
    else:
        measurement, rest = re.match(r'"([^"]+)"(.*)', rest).groups()  # type: ignore[union-attr]
    where, _, groups = rest.partition(" GROUP BY ")
    groups = groups.split(" fill(")[0].split(" ORDER BY")[0].split(" LIMIT")[0]
    group_names = re.findall(r'"([^"]+)"', groups)
    names = {name for _, said in columns for name in re.findall(r'"([^"]+)"', said)}
    names |= set(_CONDITION.findall(re.sub(r"/\^.*?\$/", "''", where))) | set(group_names)
    return Asked(columns, measurement, frozenset(names), inner, group_names)


def _column(text: str) -> tuple[str, str]:
    said, _, shown = text.rpartition(" AS ")
    return (shown.strip('"'), said.strip()) if said else ("", text.strip())


def _split(text: str) -> list[str]:
    found, depth = [""], 0
    for sign in text:
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if sign == "," and depth == 0:
            found.append("")
        else:
            found[-1] += sign
    return found


def _closing(text: str) -> int:
    depth = 0
    for index, sign in enumerate(text):
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if depth == 0:
            return index
    raise AssertionError(text)
